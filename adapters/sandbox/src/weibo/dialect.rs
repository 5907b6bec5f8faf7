//! How Weibo says no: `{"error","error_code","request"}`, or a page of its gateway.

use serde_json::json;

use super::PLATFORM;
use super::errors::error;
use crate::answer::Reply;
use crate::exchange::{Dialect, Refusal};

pub(crate) static DIALECT: Dialect =
    Dialect { platform: PLATFORM, refuse, usual_code, numbered: error, keep: |_, _, _| {} };

pub(crate) const JSON: &str = "application/json;charset=UTF-8";

/// A code that is no number comes from the gateway, which answers with a page.
pub(crate) fn refuse(refusal: &Refusal, path: &str) -> Reply {
    let request = public_path(path);
    let code: i64 = match refusal.code.as_str() {
        GATEWAY => return gateway_page(refusal.status),
        "too_large" => 10018,
        code => code.parse().unwrap_or(10001),
    };
    let interface = request.trim_start_matches("/2/").trim_end_matches(".json");
    let words = refusal.message.replace("%s", interface);
    let mut body = json!({ "error": words, "error_code": code, "request": request });
    if let (true, Some(fields)) = (request.starts_with("/oauth2/"), body.as_object_mut()) {
        fields.insert("error_uri".into(), request.into());
        if let Some(description) = &refusal.id {
            fields.insert("error_description".into(), description.as_str().into());
        }
    }
    Reply::json(refusal.status, &body).typed(JSON)
}

/// The path as `request` names it: without our mount, and without the one that stands for the host of the biz interfaces.
fn public_path(path: &str) -> &str {
    let path = path.strip_prefix("/weibo").unwrap_or(path);
    path.strip_prefix("/c/2/").map_or(path, |_| path.get(2..).unwrap_or(path))
}

const GATEWAY: &str = "gateway";

fn usual_code(status: u16) -> &'static str {
    match status {
        400 => "10008",
        401 => "21332",
        403 => "10014",
        404 => "10020",
        405 => "10021",
        415 => "10007",
        429 => "10023",
        500 => "10001",
        503 => "10009",
        _ => GATEWAY,
    }
}

fn gateway_page(status: u16) -> Reply {
    let words = match status {
        502 => "502 Bad Gateway",
        504 => "504 Gateway Time-out",
        _ => "Error",
    };
    let page = format!(
        "<html>\r\n<head><title>{words}</title></head>\r\n<body>\r\n<center><h1>{words}</h1></center>\r\n\
         <hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
    );
    Reply::html(status, page)
}

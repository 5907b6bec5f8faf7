//! How the mock platform says no.

use axum::http::{Method, Uri};
use axum::response::Response;
use serde_json::json;

use super::PLATFORM;
use crate::answer::Reply;
use crate::exchange::{Dialect, Refusal};

pub(crate) static DIALECT: Dialect =
    Dialect { platform: PLATFORM, refuse, usual_code, numbered, keep: |_, _, _| {} };

pub(crate) fn refuse(refusal: &Refusal, _path: &str) -> Reply {
    let mut error = json!({ "code": refusal.code, "message": refusal.message });
    if let (Some(id), Some(fields)) = (&refusal.id, error.as_object_mut()) {
        fields.insert("id".to_owned(), json!(id));
    }
    Reply::json(refusal.status, &json!({ "error": error })).retry_after(refusal.retry_after_s)
}

/// The mock platform has words for errors and no numbers; one that is asked for by number is told as such.
fn numbered(code: i64) -> Refusal {
    Refusal::new(400, &code.to_string(), "scripted by the sandbox")
}

fn usual_code(status: u16) -> &'static str {
    match status {
        400 => "bad_text",
        401 => "token_expired",
        403 => "account_frozen",
        404 => "not_found",
        409 => "repeat_content",
        429 => "too_many_requests",
        500 => "internal_error",
        502 => "bad_gateway",
        503 => "busy_before_effect",
        504 => "gateway_timeout",
        _ => "scripted",
    }
}

pub(crate) async fn unknown_path(method: Method, uri: Uri) -> Response {
    let message = format!("the mock platform has no {method} {}", uri.path());
    refuse(&Refusal::new(404, "not_found", message), uri.path()).into_response()
}

pub(crate) async fn unknown_method(method: Method, uri: Uri) -> Response {
    let message = format!("{} does not answer to {method}", uri.path());
    refuse(&Refusal::new(405, "method_not_allowed", message), uri.path()).into_response()
}

//! The page on which a person says yes or no to an app.

use std::fmt::Write as _;

use super::seed::App;
use super::state::State;
use crate::fields::Fields;

/// Everybody whom Weibo knows may sign in here with one click.
pub(crate) fn page(state: &State, app: &App, fields: &Fields) -> String {
    let mut page = format!(
        "<!DOCTYPE html>\n<html lang=\"zh-CN\">\n<head><meta charset=\"utf-8\"><title>授权</title></head>\n<body>\n\
         <h1>授权 {} 访问你的微博帐号</h1>\n<ul>\n",
        escaped(&app.name)
    );
    for (uid, person) in state.people() {
        let link = link(fields, "login_uid", uid);
        // Writing to a string cannot fail.
        let _ = writeln!(page, "<li><a href=\"{link}\">{}（{uid}）</a></li>", escaped(&person.name));
    }
    let _ =
        writeln!(page, "</ul>\n<p><a href=\"{}\">取消</a></p>\n</body>\n</html>", link(fields, "deny", "1"));
    page
}

/// The same address again, with one answer more.
fn link(fields: &Fields, name: &str, value: &str) -> String {
    let asked = ["client_id", "redirect_uri", "response_type", "state"];
    let pairs = asked.into_iter().filter_map(|one| Some((one, fields.get(one)?))).chain([(name, value)]);
    let pairs = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    format!("?{}", escaped(&pairs))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

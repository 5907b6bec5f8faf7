//! The id of a request: in every line of its log, in its audit rows, in its answer.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName};
use juzhen_domain::id::is_plain;

use crate::app::App;
use crate::problem::{Code, Problem};

pub(crate) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Set by the frame around all handlers.
#[derive(Debug, Clone)]
pub(crate) struct RequestId(pub(crate) String);

impl RequestId {
    /// The client's own, if it is plain text that can stand in a log, else a new one.
    pub(crate) fn of(headers: &HeaderMap, new_id: impl FnOnce() -> String) -> Self {
        let given = headers.get(X_REQUEST_ID).and_then(|value| value.to_str().ok()).filter(|id| is_plain(id));
        Self(given.map_or_else(new_id, str::to_owned))
    }
}

impl FromRequestParts<App> for RequestId {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _app: &App) -> Result<Self, Problem> {
        parts.extensions.get::<Self>().cloned().ok_or_else(|| Problem::new(Code::Internal))
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn a_plain_id_is_kept_and_anything_else_replaced() {
        for (given, kept) in [
            ("trace-1.a", "trace-1.a"),
            ("a b", "new"),
            ("", "new"),
            ("x\u{e9}", "new"),
            (&"x".repeat(65), "new"),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(X_REQUEST_ID, HeaderValue::from_bytes(given.as_bytes()).unwrap());
            assert_eq!(RequestId::of(&headers, || "new".into()).0, kept);
        }
    }
}

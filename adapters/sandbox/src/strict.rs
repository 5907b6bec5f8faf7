//! Reading JSON strictly: the stand-ins check what they get, so that an adapter's mistake shows in its tests.

use axum::http::{HeaderMap, header};
use serde::de::DeserializeOwned;

/// Reads a JSON body; the error says what is wrong with it.
pub(crate) fn json<T: DeserializeOwned>(headers: &HeaderMap, body: &[u8]) -> Result<T, String> {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
    if essence(content_type) != "application/json" {
        return Err(format!("the content type must be application/json, found {content_type:?}"));
    }
    serde_json::from_slice(body).map_err(|fault| format!("the body is not the JSON expected here: {fault}"))
}

/// A media type without its parameters, in lower case.
pub(crate) fn essence(content_type: &str) -> String {
    content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

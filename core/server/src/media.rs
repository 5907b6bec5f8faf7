//! Pictures and videos: taken in by their content, given out to people who are signed in.

use axum::Json;
use axum::body::Body;
use axum::extract::{FromRequestParts, Request, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use juzhen_domain::hash::hex;
use juzhen_store::Blob;
use serde::Serialize;
use serde_json::json;
use sha2::{Digest, Sha256};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::auth::Caller;
use crate::command::read_body;
use crate::problem::{Code, Problem, ProblemView};
use crate::query::{Id, NoParameters};
use crate::request_id::RequestId;

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(upload)).routes(routes!(read))
}

/// Keeps a picture or video under the hash of its bytes: sending it again changes nothing.
#[utoipa::path(post, operation_id = "upload_media", path = "/api/v1/media", tag = "media",
    request_body(content = Vec<u8>, content_type = "application/octet-stream", description = "PNG, JPEG, GIF or MP4"),
    responses((status = 201, body = MediaStored), (status = "4XX", body = ProblemView)))]
async fn upload(
    State(app): State<App>,
    request: Request,
) -> Result<(StatusCode, Json<MediaStored>), Problem> {
    let (mut parts, body) = request.into_parts();
    let Caller(by) = Caller::from_request_parts(&mut parts, &app).await?;
    NoParameters::from_request_parts(&mut parts, &app).await?;
    let request = RequestId::from_request_parts(&mut parts, &app).await?;
    let declared = declared_type(&parts.headers)?;
    let Ok(_one_of_few) = app.uploads.try_acquire() else { return Err(Problem::new(Code::Overloaded)) };
    let bytes = read_body(&parts, body, app.options.media_bytes, &app).await?;
    let Some(mime) = sniff(&bytes).filter(|mime| declared.is_none_or(|declared| declared == *mime)) else {
        let detail = "the bytes are not a PNG, JPEG, GIF or MP4, or another one than the content type says";
        return Err(Problem::because(Code::WrongContentType, detail));
    };
    let sha256 = hex(&Sha256::digest(&bytes));
    let stored = MediaStored { sha256: sha256.clone(), mime: mime.to_owned(), bytes: bytes.len() };
    let at = app.now();
    if app.store().blob(&sha256).await?.is_none() {
        app.store().put_blob(Blob { sha256, mime: mime.to_owned(), bytes: bytes.to_vec(), at }).await?;
        let audit = juzhen_store::Audit {
            actor: by.id.to_string(),
            action: "media.stored".to_owned(),
            subject: format!("media:{}", stored.sha256),
            detail: json!({ "mime": mime, "bytes": stored.bytes }),
            at,
            request: Some(request.0),
        };
        app.store().note(audit).await?;
    }
    Ok((StatusCode::CREATED, Json(stored)))
}

/// The bytes, always as a download: they came from somebody's computer and never open as a page of ours (C13).
#[utoipa::path(get, operation_id = "read_media", path = "/api/v1/media/{sha256}", tag = "media", params(("sha256" = String, Path)),
    responses((status = 200, body = Vec<u8>, content_type = "application/octet-stream"), (status = "4XX", body = ProblemView)))]
async fn read(State(app): State<App>, _caller: Caller, sha256: Id) -> Result<Response, Problem> {
    let blob = app.store().blob(&sha256.0).await?.ok_or_else(|| Problem::new(Code::NotFound))?;
    let headers = [
        (CONTENT_TYPE, blob.mime),
        (CONTENT_DISPOSITION, "attachment".to_owned()),
        (CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox".to_owned()),
        // Named by its hash, it never changes.
        (CACHE_CONTROL, "private, max-age=31536000, immutable".to_owned()),
    ];
    Ok((headers, Body::from(blob.bytes)).into_response())
}

#[derive(Debug, Serialize, ToSchema)]
struct MediaStored {
    /// What an item names it by.
    sha256: String,
    /// As its first bytes say.
    mime: String,
    bytes: usize,
}

const TYPES: [&str; 4] = ["image/png", "image/jpeg", "image/gif", "video/mp4"];

/// The type that the client says, none for just bytes.
fn declared_type(headers: &HeaderMap) -> Result<Option<&'static str>, Problem> {
    let text = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if text.eq_ignore_ascii_case("application/octet-stream") {
        return Ok(None);
    }
    let known = TYPES.into_iter().find(|known| text.eq_ignore_ascii_case(known));
    let detail = format!("send it as application/octet-stream or one of {}", TYPES.join(", "));
    known.map(Some).ok_or_else(|| Problem::because(Code::WrongContentType, detail))
}

/// What the first bytes are.
fn sniff(bytes: &[u8]) -> Option<&'static str> {
    let brand = bytes.get(4..8).is_some_and(|mark| mark == b"ftyp");
    match bytes {
        [0x89, b'P', b'N', b'G', 0x0d, 0x0a, 0x1a, 0x0a, ..] => Some("image/png"),
        [0xff, 0xd8, 0xff, ..] => Some("image/jpeg"),
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Some("image/gif"),
        _ if brand => Some("video/mp4"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c33_the_first_bytes_decide() {
        assert_eq!(sniff(b"\x89PNG\r\n\x1a\n...."), Some("image/png"));
        assert_eq!(sniff(b"\xff\xd8\xff\xe0"), Some("image/jpeg"));
        assert_eq!(sniff(b"GIF89a"), Some("image/gif"));
        assert_eq!(sniff(b"\0\0\0\x18ftypisom"), Some("video/mp4"));
        for other in [&b"<svg xmlns="[..], b"<html>", b"PK\x03\x04", b"GIF88a", b"", b"\x89PNG"] {
            assert_eq!(sniff(other), None, "{other:?}");
        }
    }
}

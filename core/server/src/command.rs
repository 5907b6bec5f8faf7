//! A request that changes something: who asks, what, under which key and version, read whole before anything happens.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use jiff::Timestamp;
use juzhen_domain::matrix::Person;
use juzhen_store::{Audit, Once, Refused};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::time::timeout;
use utoipa::ToSchema;

use crate::app::App;
use crate::auth::{Address, Identified, Via};
use crate::etag::Version;
use crate::idempotency::{self, IDEMPOTENCY_REPLAYED};
use crate::problem::{Code, Problem};
use crate::query::NoParameters;
use crate::request_id::RequestId;
use crate::strict_json;

/// Largest JSON body (A05).
const MOST_BYTES: usize = 1 << 20;
/// The same of whoever may be anybody: a name, a password and a code (A28).
const MOST_OPEN_BYTES: usize = 16 << 10;

/// A JSON request and everything around it.
#[derive(Debug, Clone)]
pub(crate) struct Command<T> {
    pub(crate) by: Person,
    pub(crate) via: Via,
    pub(crate) body: T,
    pub(crate) once: Option<Once>,
    /// `If-Match`
    pub(crate) seen: Option<Version>,
    pub(crate) request: RequestId,
    /// When it was read; the one time that everything of it carries.
    pub(crate) at: Timestamp,
}

/// The same of somebody who is not known yet, because they are about to prove who they are.
#[derive(Debug, Clone)]
pub(crate) struct Open<T> {
    pub(crate) body: T,
    pub(crate) headers: HeaderMap,
    /// Where it comes from.
    pub(crate) address: Option<String>,
    pub(crate) request: RequestId,
    pub(crate) at: Timestamp,
}

impl<T: DeserializeOwned> FromRequest<App> for Open<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        let (mut parts, body) = request.into_parts();
        NoParameters::from_request_parts(&mut parts, app).await?;
        let request = RequestId::from_request_parts(&mut parts, app).await?;
        let bytes = read_body(&parts, body, MOST_OPEN_BYTES, app).await?;
        let body = strict_json::read(content(&parts.headers, &bytes)?)?;
        let Address(address) = Address::of(&parts, app);
        Ok(Self { body, headers: parts.headers, address, request, at: app.now() })
    }
}

/// The body of what needs no more words: no field is known.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Nothing {}

impl<T: DeserializeOwned> FromRequest<App> for Command<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        let (mut parts, body) = request.into_parts();
        let Identified { person: by, via } = Identified::from_request_parts(&mut parts, app).await?;
        NoParameters::from_request_parts(&mut parts, app).await?;
        let request = RequestId::from_request_parts(&mut parts, app).await?;
        let seen = Version::of(&parts.headers)?;
        let key = idempotency::key(&parts.headers)?;
        let bytes = read_body(&parts, body, MOST_BYTES, app).await?;
        let given = content(&parts.headers, &bytes)?;
        let at = app.now();
        let once =
            key.map(|key| idempotency::once(&by.id, key, (&parts.method, parts.uri.path()), &bytes, at));
        Ok(Self { by, via, body: strict_json::read(given)?, once, seen, request, at })
    }
}

impl<T> Command<T> {
    /// The audit row of what this request does.
    pub(crate) fn audit(&self, action: &str, subject: String, mut detail: serde_json::Value) -> Audit {
        if let (Via::Key(key), Some(fields)) = (&self.via, detail.as_object_mut()) {
            fields.insert("key".to_owned(), key.id.clone().into());
        }
        Audit {
            actor: self.by.id.to_string(),
            action: action.to_owned(),
            subject,
            detail,
            at: self.at,
            request: Some(self.request.0.clone()),
        }
    }

    /// Refuses unless the version that the client has seen is the present one. Asked inside the transaction.
    pub(crate) fn check_seen(&self, present: i64) -> Result<(), Refused> {
        match self.seen {
            Some(Version(seen)) if seen != present => {
                let message = format!("it is now version {present}, you have seen {seen}: read it again");
                Err(Refused::new(Code::PreconditionFailed.as_str(), message))
            }
            _ => Ok(()),
        }
    }
}

/// JSON of a request. A request without a body says nothing, which is an empty object.
fn content<'a>(headers: &HeaderMap, bytes: &'a Bytes) -> Result<&'a [u8], Problem> {
    match headers.get(CONTENT_TYPE) {
        None if bytes.is_empty() => Ok(b"{}"),
        Some(given) if is_json(given) => Ok(bytes),
        _ => Err(Problem::because(Code::WrongContentType, "send it as application/json")),
    }
}

fn is_json(content_type: &HeaderValue) -> bool {
    let Ok(text) = content_type.to_str() else { return false };
    let (kind, parameters) = text.split_once(';').unwrap_or((text, ""));
    let parameters = parameters.trim();
    kind.trim().eq_ignore_ascii_case("application/json")
        && (parameters.is_empty() || parameters.eq_ignore_ascii_case("charset=utf-8"))
}

/// The whole body, within its size and time.
pub(crate) async fn read_body(parts: &Parts, body: Body, most: usize, app: &App) -> Result<Bytes, Problem> {
    read_within(parts, body, most, app.options.body_timeout).await
}

/// The same within another time.
pub(crate) async fn read_within(
    parts: &Parts,
    body: Body,
    most: usize,
    within: Duration,
) -> Result<Bytes, Problem> {
    let too_large = || Problem::because(Code::BodyTooLarge, format!("{most} bytes are the most"));
    let told = parts.headers.get(CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse::<u64>().ok());
    if told.is_some_and(|told| told > most as u64) {
        return Err(too_large());
    }
    match timeout(within, to_bytes(body, most)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        // Cut off by the limit, or by the client who will not read the answer.
        Ok(Err(_)) => Err(too_large()),
        Err(_) => Err(Problem::new(Code::BodyTimeout)),
    }
}

/// Whether the transaction's function was asked at all: a request that was done before is answered without it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Asked(Arc<AtomicBool>);

impl Asked {
    pub(crate) fn note(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// `Idempotency-Replayed: true` when it was not.
    pub(crate) fn header(&self) -> Option<[(HeaderName, HeaderValue); 1]> {
        (!self.0.load(Ordering::Relaxed)).then(replayed)
    }
}

pub(crate) fn replayed() -> [(HeaderName, HeaderValue); 1] {
    [(IDEMPOTENCY_REPLAYED, HeaderValue::from_static("true"))]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a11_only_json_is_taken_for_json() {
        for (text, good) in [
            ("application/json", true),
            ("Application/JSON; charset=UTF-8", true),
            ("application/json; charset=gbk", false),
            ("text/plain", false),
            ("application/jsonp", false),
            ("multipart/form-data", false),
        ] {
            assert_eq!(is_json(&HeaderValue::from_static(text)), good, "{text}");
        }
    }
}

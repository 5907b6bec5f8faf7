//! Where platforms send what they tell by themselves: the one address that anybody may call without saying who they are. Who
//! they are, the account's adapter finds out; nothing is kept, and little is answered, before.
//!
//! What comes here has a budget of its own: neither do people wait for a flood of it, nor platforms for people.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::extract::{Path, Query, Request, State};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, COOKIE, RETRY_AFTER};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use juzhen_domain::id::{AccountId, is_plain};
use juzhen_engine::{Callback, CallbackAnswer, CallbackRequest};
use juzhen_store::Pushed;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::command::read_within;
use crate::problem::{Code, Problem};

/// Platforms send a few kilobytes.
const MOST_BYTES: usize = 64 << 10;
/// They wait for five seconds in all, and whoever sends slowly holds one of few places.
const BODY_WITHIN: Duration = Duration::from_secs(2);

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(verify, push))
}

/// Whether a path is of this file.
pub(crate) fn is_callback(path: &str) -> bool {
    path.starts_with("/callback/")
}

/// A platform tries an account's address out; it is answered its own word.
#[utoipa::path(get, operation_id = "verify_callback", path = "/callback/{account}", tag = "callbacks", security(),
    params(("account" = String, Path)), responses((status = 200, body = String, content_type = "text/plain"),
    (status = 401, description = "It is not the platform that asks, or its signature is too old"),
    (status = 404, description = "There is no such address")))]
async fn verify(State(app): State<App>, request: Request) -> Result<Response, Problem> {
    take(&app, request).await
}

/// A platform tells something about an account. What is answered with 503 it has to send again.
#[utoipa::path(post, operation_id = "push_callback", path = "/callback/{account}", tag = "callbacks", security(),
    params(("account" = String, Path)), request_body(content = String, content_type = "text/xml"),
    responses((status = 200, body = String, content_type = "text/plain"),
    (status = 401, description = "It is not the platform that sends, its signature is too old, or it was used before"),
    (status = 404, description = "There is no such address"),
    (status = 413, description = "It is longer than anything that platforms send"),
    (status = 503, description = "It could not be kept in the time that a platform waits")))]
async fn push(State(app): State<App>, request: Request) -> Result<Response, Problem> {
    take(&app, request).await
}

async fn take(app: &App, request: Request) -> Result<Response, Problem> {
    let (mut parts, body) = request.into_parts();
    let account = account(&mut parts, app).await?;
    let body = match read_within(&parts, body, MOST_BYTES, BODY_WITHIN).await {
        Ok(body) => body,
        Err(problem) => {
            app.callbacks.seen.count("too_large");
            return Err(problem);
        }
    };
    let Ok(body) = String::from_utf8(body.into()) else {
        app.callbacks.seen.count("unreadable");
        return Err(Problem::because(Code::InvalidValue, "the body is not UTF-8"));
    };
    let Query(query) = Query::<Vec<(String, String)>>::try_from_uri(&parts.uri)
        .map_err(|_| Problem::new(Code::InvalidParameter))?;
    let method = parts.method.as_str().to_owned();
    let request = CallbackRequest { method, query, headers: headers(&parts.headers), body };
    let callback = app.engine.receive(&account, request).await;
    answer(app, callback)
}

/// Whatever is no account is answered the same.
async fn account(parts: &mut Parts, app: &App) -> Result<AccountId, Problem> {
    use axum::extract::FromRequestParts as _;
    match Path::<String>::from_request_parts(parts, app).await {
        Ok(Path(id)) if is_plain(&id) => Ok(AccountId::new(id)),
        _ => {
            app.callbacks.seen.count("nowhere");
            Err(Problem::new(Code::NotFound))
        }
    }
}

/// What an adapter may see: nothing by which somebody signs in here.
fn headers(headers: &HeaderMap) -> Vec<(String, String)> {
    let ours = |name: &HeaderName| *name == AUTHORIZATION || *name == COOKIE;
    let shown = headers.iter().filter(|(name, _)| !ours(name));
    shown
        .filter_map(|(name, value)| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned())))
        .collect()
}

fn answer(app: &App, callback: Callback) -> Result<Response, Problem> {
    let word = word(&callback);
    app.callbacks.seen.count(word);
    tracing::Span::current().record("callback", word);
    match callback {
        Callback::Nowhere => Err(Problem::new(Code::NotFound)),
        Callback::Believed { pushed: Pushed::Replayed, .. } => Err(Problem::new(Code::NotThePlatform)),
        Callback::Believed { answer, pushed } => {
            if let Pushed::Kept { new, .. } = pushed {
                app.callbacks.seen.count_new(new);
            }
            Ok(shown(answer))
        }
        Callback::Refused { status: 401 | 403 } => Err(Problem::new(Code::NotThePlatform)),
        Callback::Refused { status: 413 } => Err(Problem::new(Code::BodyTooLarge)),
        Callback::Refused { status: 405 } => Err(Problem::new(Code::MethodNotAllowed)),
        Callback::Refused { .. } => Err(Problem::new(Code::InvalidValue)),
        Callback::NotNow => {
            let again = [(RETRY_AFTER, HeaderValue::from_static("5"))];
            Ok((StatusCode::SERVICE_UNAVAILABLE, again).into_response())
        }
    }
}

/// For the log and the metrics.
fn word(callback: &Callback) -> &'static str {
    match callback {
        Callback::Nowhere => "nowhere",
        Callback::Believed { pushed: Pushed::Kept { .. }, .. } => "believed",
        Callback::Believed { pushed: Pushed::Repeated, .. } => "repeated",
        Callback::Believed { pushed: Pushed::Replayed, .. } => "replayed",
        // What comes too late is not believed in time; `engine` has said so.
        Callback::Believed { pushed: Pushed::TooLate, .. } | Callback::NotNow => "not_now",
        Callback::Refused { .. } => "refused",
    }
}

/// As the adapter says it. It is data for a machine, whatever it is called.
fn shown(answer: CallbackAnswer) -> Response {
    let CallbackAnswer { status, content_type, body } = answer;
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    let kind =
        HeaderValue::from_str(&content_type).unwrap_or_else(|_| HeaderValue::from_static("text/plain"));
    (status, [(CONTENT_TYPE, kind)], body).into_response()
}

/// How requests of platforms have ended since the start, and how many messages came by them.
#[derive(Debug, Default)]
pub(crate) struct Seen(Mutex<(BTreeMap<&'static str, u64>, u64)>);

impl Seen {
    pub(crate) fn count(&self, word: &'static str) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner).0.entry(word).or_default() += 1;
    }

    fn count_new(&self, messages: u32) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).1 += u64::from(messages);
    }

    /// By how they ended, and the messages.
    pub(crate) fn so_far(&self) -> (BTreeMap<&'static str, u64>, u64) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_a_callback_by_its_beginning() {
        assert!(is_callback("/callback/W000") && is_callback("/callback/"));
        assert!(!is_callback("/api/v1/callback/W000") && !is_callback("/callbacks"));
    }

    #[test]
    fn p11_what_people_sign_in_with_reaches_no_adapter() {
        let mut all = HeaderMap::new();
        all.insert(AUTHORIZATION, HeaderValue::from_static("Bearer x"));
        all.insert(COOKIE, HeaderValue::from_static("session=x"));
        all.insert(CONTENT_TYPE, HeaderValue::from_static("text/xml"));
        assert_eq!(headers(&all), [("content-type".to_owned(), "text/xml".to_owned())]);
    }
}

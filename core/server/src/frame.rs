//! The frame around every handler: id, span, limits, panics, refusals, headers, and the one line in the log.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{Request, State};
use axum::http::header::{self, HeaderName};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tokio::time::timeout;
use tracing::field::Empty;
use tracing::{Instrument, error, info, info_span};

use crate::app::App;
use crate::auth::token;
use crate::callbacks;
use crate::problem::{self, Code, Language, Problem};
use crate::request_id::{RequestId, X_REQUEST_ID};

/// For every response. The API gives out data, never pages: nothing of it may run, be framed, guessed at or stored (C12).
const HEADERS: [(HeaderName, &str); 6] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CACHE_CONTROL, "no-store"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// Wraps a request that counts against the limit of requests.
pub(crate) async fn around(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let began = Instant::now();
    let id = RequestId::of(request.headers(), || app.engine.new_id());
    let language = Language::of(request.headers());
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let span = info_span!("request", request.id = %id.0, %method, path, person = Empty, callback = Empty);
    request.extensions_mut().insert(id.clone());
    let answered = answer(&app, request, next).instrument(span.clone()).await;
    let (mut response, code) = problem::finish(answered, &id.0, language);
    dress(response.headers_mut(), &id);
    let (status, ms) = (response.status().as_u16(), milliseconds(began.elapsed()));
    span.in_scope(|| {
        info!(status, ms, code = code.map(Code::as_str), "{method} {path} answered {status}");
    });
    response
}

/// The answer of a handler, of its panic, or of the limits.
async fn answer(app: &App, request: Request, next: Next) -> Response {
    if request.headers().contains_key(header::CONTENT_LENGTH)
        && request.headers().contains_key(header::TRANSFER_ENCODING)
    {
        // Two lengths for one body: whoever stands before us may have believed the other one (A07).
        return Problem::because(
            Code::InvalidHeader,
            "Content-Length and Transfer-Encoding exclude each other",
        )
        .into_response();
    }
    if request.uri().query().is_some_and(token::is_in_address) {
        let detail = "addresses are kept in logs: send it in Authorization, and take this one back";
        return Problem::because(Code::TokenInAddress, detail).into_response();
    }
    let limited = !is_probe(request.uri().path());
    let of_platforms = callbacks::is_callback(request.uri().path());
    let room = if of_platforms { &app.callbacks.room } else { &app.requests };
    let permit = match Arc::clone(room).try_acquire_owned() {
        Ok(permit) => Some(permit),
        Err(_) if limited => {
            if of_platforms {
                app.callbacks.seen.count("overloaded");
            }
            return Problem::new(Code::Overloaded).into_response();
        }
        Err(_) => None,
    };
    // In a task of its own: a client that hangs up cannot stop a change halfway, and a panic ends nothing else.
    let work = tokio::spawn(
        async move {
            let _permit = permit;
            next.run(request).await
        }
        .in_current_span(),
    );
    match timeout(app.options.request_timeout, work).await {
        Ok(Ok(response)) => response,
        Ok(Err(ended)) => {
            error!(error = %ended, "A handler panicked");
            Problem::new(Code::Internal).into_response()
        }
        Err(_) => Problem::because(
            Code::TimedOut,
            "repeat it with the same Idempotency-Key to learn what came of it",
        )
        .into_response(),
    }
}

/// What has to answer when nothing else does.
fn is_probe(path: &str) -> bool {
    matches!(path, "/healthz" | "/readyz" | "/metrics")
}

/// Adds what every response carries and no handler has set.
fn dress(headers: &mut HeaderMap, id: &RequestId) {
    for (name, value) in HEADERS {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    if let Ok(id) = HeaderValue::from_str(&id.0) {
        headers.insert(X_REQUEST_ID, id);
    }
}

fn milliseconds(elapsed: Duration) -> u64 {
    u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX)
}

/// What no route takes.
pub(crate) async fn nowhere() -> StatusCode {
    StatusCode::NOT_FOUND
}

//! `http.send`: puts the secrets into a checked request, sends it through the ledger where it can change something, and
//! cleans the answer.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use juzhen_abi::message::{HostError, HostErrorKind, HttpResponse, Part};
use juzhen_abi::pack;
use reqwest::header::{HeaderMap, HeaderValue};
use tokio::time::Instant;

use super::client::{Body, Field, Outgoing};
use super::masks::disarm;
use super::request::{Checked, check};
use super::secrets::{Encoding, Vault, names_a_secret};
use super::{Answer, Capabilities, bad_request, blob, renewal};
use crate::call::{EffectPolicy, Noticed};
use crate::journal::error;
use crate::ledger_flow;
use crate::ports::RecordedAnswer;
use crate::scope::Scope;

/// Called in the order in which the adapter asks; only the future waits for anything.
pub(crate) fn send(
    capabilities: &Arc<Capabilities>,
    scope: Arc<Scope>,
    request: &[u8],
) -> BoxFuture<'static, Answer> {
    let checked = match check(&scope, request) {
        Ok(checked) => checked,
        Err(refused) => return futures_util::future::ready(Err(refused)).boxed(),
    };
    // What ended the call ends it here too: the adapter may not have noticed yet.
    if scope.journal.halt_reason().is_some() {
        let ended = error(HostErrorKind::Cancelled, "the operation has ended");
        return futures_util::future::ready(Err(ended)).boxed();
    }
    let capabilities = Arc::clone(capabilities);
    let Some(kind) = checked.kind() else {
        return match checked.head.capture.is_empty() {
            true => send_safe(capabilities, scope, checked).boxed(),
            false => send_renewal(capabilities, scope, checked).boxed(),
        };
    };
    if scope.effects == EffectPolicy::Forbid {
        let why = format!("this operation may not change anything, and {} can", checked.method);
        return futures_util::future::ready(Err(error(HostErrorKind::Denied, why))).boxed();
    }
    let intent = checked.intent(&scope, kind);
    match ledger_flow::register(&scope, intent) {
        Ok(registered) => ledger_flow::send(capabilities, scope, checked, registered).map(answer).boxed(),
        Err(refused) => futures_util::future::ready(Err(refused)).boxed(),
    }
}

/// An intent is good for this long. Writing it takes milliseconds, some seconds on a slow database; others give an unknown
/// outcome up after a minute at the soonest.
const FRESH: Duration = Duration::from_secs(20);

/// Puts secrets and blobs in and sends; the answer has neither secrets nor placeholders. `intent_at` is when the intent of
/// a request that changes something began to be written: a daemon that was stopped since then may have lost its lease,
/// others may have looked and decided, and so nothing leaves any more (F37).
pub(crate) async fn transmit(
    capabilities: &Capabilities,
    scope: &Scope,
    checked: Checked,
    repeatable: bool,
    intent_at: Option<Instant>,
) -> RecordedAnswer {
    if checked.head.capture.is_empty() {
        let limits = Limits { intent_at, lasting: None };
        return exchange(capabilities, scope, &checked, repeatable, limits, |_| ()).await;
    }
    renewal::transmit(capabilities, scope, checked, repeatable).await
}

/// When a request may not leave any more, and how long it may take, whatever is left of the operation's time.
#[derive(Default)]
pub(super) struct Limits {
    pub(super) intent_at: Option<Instant>,
    pub(super) lasting: Option<Duration>,
}

/// The same for a request that is to be sent in any case; `take_out` sees the answer before it is cleaned.
pub(super) async fn exchange(
    capabilities: &Capabilities,
    scope: &Scope,
    checked: &Checked,
    repeatable: bool,
    limits: Limits,
    take_out: impl FnOnce(&mut RecordedAnswer),
) -> RecordedAnswer {
    let fresh = |outgoing| {
        if limits.intent_at.is_none_or(|at| at.elapsed() <= FRESH) {
            return Ok(outgoing);
        }
        Err(error(HostErrorKind::Unreachable, "the daemon stood still after it wrote the intent down"))
    };
    match prepare(capabilities, scope, checked).await.and_then(fresh) {
        Ok(mut outgoing) => {
            outgoing.timeout = limits.lasting.unwrap_or(outgoing.timeout);
            let mut recorded = capabilities.transport.send(outgoing, repeatable).await;
            scope.journal.notice(noticed(&recorded, capabilities.ports.clock.now_unix_ms()));
            take_out(&mut recorded);
            clean(scope, &mut recorded);
            recorded
        }
        // Nothing has left, whatever kind of error it is.
        Err(refused) => {
            let kind = match refused.kind {
                kind @ (HostErrorKind::Denied | HostErrorKind::BadRequest) => kind,
                _ => HostErrorKind::Unreachable,
            };
            RecordedAnswer { failure: Some(error(kind, refused.message)), ..RecordedAnswer::default() }
        }
    }
}

async fn send_safe(capabilities: Arc<Capabilities>, scope: Arc<Scope>, checked: Checked) -> Answer {
    tokio::select! {
        biased;
        () = scope.closed.cancelled() => Err(error(HostErrorKind::Cancelled, "the operation has ended")),
        recorded = transmit(&capabilities, &scope, checked, true, None) => {
            ledger_flow::distrust(&scope, &recorded);
            answer(Ok(recorded))
        }
    }
}

/// In a task of its own, as an effect is: what a platform hands out must not get lost because nobody waits any more.
async fn send_renewal(capabilities: Arc<Capabilities>, scope: Arc<Scope>, checked: Checked) -> Answer {
    let background = capabilities.background.clone();
    let task = background.spawn(async move {
        let recorded = transmit(&capabilities, &scope, checked, true, None).await;
        ledger_flow::distrust(&scope, &recorded);
        recorded
    });
    answer(task.await.map_err(|_| error(HostErrorKind::NoAnswer, "the request was broken off")))
}

fn answer(recorded: Result<RecordedAnswer, HostError>) -> Answer {
    let recorded = recorded?;
    if let Some(failure) = recorded.failure {
        return Err(failure);
    }
    let head = HttpResponse { status: recorded.status, headers: recorded.headers };
    pack::pack(&head, &recorded.body).map_err(|e| error(HostErrorKind::Failed, e.to_string()))
}

async fn prepare(
    capabilities: &Capabilities,
    scope: &Scope,
    checked: &Checked,
) -> Result<Outgoing, HostError> {
    // Also without a placeholder: the values have to be known to be masked in the answer.
    let vault = Vault::open(scope, capabilities).await?;
    let fill = |text, encoding| vault.fill(scope, text, encoding, &checked.url);
    let mut url = checked.url.clone();
    if let Some(query) = &checked.query {
        url.set_query(Some(&fill(query, Encoding::Percent)?));
    }
    let mut headers = HeaderMap::new();
    for (name, value) in &checked.headers {
        let filled = fill(value, Encoding::Plain)?;
        let mut parsed = HeaderValue::from_bytes(filled.as_bytes())
            .map_err(|_| bad_request(format!("the value of header `{name}` holds a control character")))?;
        parsed.set_sensitive(names_a_secret(value.as_bytes()));
        headers.append(name.clone(), parsed);
    }
    let body = body(capabilities, scope, checked, &fill).await?;
    let wanted = checked.head.timeout_ms;
    let wanted = if wanted == 0 { Duration::MAX } else { Duration::from_millis(wanted) };
    let left = scope.deadline.saturating_duration_since(Instant::now());
    Ok(Outgoing { method: checked.method.clone(), url, headers, body, timeout: wanted.min(left) })
}

async fn body<'c>(
    capabilities: &Capabilities,
    scope: &Scope,
    checked: &'c Checked,
    fill: &(impl Fn(&'c str, Encoding) -> Result<std::borrow::Cow<'c, str>, HostError> + Sync),
) -> Result<Body, HostError> {
    if let Some(handle) = &checked.head.body_blob {
        return Ok(Body::Blob(blob::open(capabilities, scope, handle).await?));
    }
    if checked.head.parts.is_empty() {
        let text = std::str::from_utf8(&checked.body).ok().filter(|text| names_a_secret(text.as_bytes()));
        let Some(text) = text else { return Ok(Body::Bytes(checked.body.clone())) };
        let encoding = match checked.content_type() {
            kind if kind.contains("json") => Encoding::Json,
            kind if kind.contains("x-www-form-urlencoded") => Encoding::Percent,
            _ => Encoding::Plain,
        };
        return Ok(Body::Bytes(fill(text, encoding)?.into_owned().into_bytes()));
    }
    let mut fields = Vec::with_capacity(checked.head.parts.len());
    for part in &checked.head.parts {
        fields.push(match part {
            Part::Text { name, value } => {
                Field::Text { name: name.clone(), value: fill(value, Encoding::Plain)?.into_owned() }
            }
            Part::Blob { name, blob: handle, filename, mime } => Field::File {
                name: name.clone(),
                blob: blob::open(capabilities, scope, handle).await?,
                filename: filename.clone(),
                mime: mime.clone(),
            },
        });
    }
    Ok(Body::Form(fields))
}

/// What the answer shows of the way to the platform. Its `Date` is when it began to answer, which is not long ago.
fn noticed(recorded: &RecordedAnswer, now_unix_ms: i64) -> Noticed {
    let unreachable = recorded.failure.as_ref().filter(|_| recorded.nothing_left());
    let date = recorded.headers.iter().find(|(name, _)| name == "date");
    let date = date.and_then(|(_, value)| httpdate::parse_http_date(value).ok());
    let since_1970 = date.and_then(|date| date.duration_since(std::time::UNIX_EPOCH).ok());
    let platform_ms = since_1970.and_then(|since| i64::try_from(since.as_millis()).ok());
    Noticed {
        unreachable: unreachable.map(|failure| failure.message.clone()),
        clock_ahead_ms: platform_ms.map(|platform_ms| now_unix_ms.saturating_sub(platform_ms)),
    }
}

fn clean(scope: &Scope, recorded: &mut RecordedAnswer) {
    let masks = crate::journal::lock(&scope.masks).clone();
    masks.bytes(&mut recorded.body);
    disarm(&mut recorded.body);
    for (_, value) in &mut recorded.headers {
        if let std::borrow::Cow::Owned(masked) = masks.text(value) {
            *value = masked;
        }
    }
    if let Some(failure) = &mut recorded.failure {
        failure.message = masks.text(&failure.message).into_owned();
    }
}

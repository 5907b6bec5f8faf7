//! Renewing what expires: a request that captures secrets is sent by one call at a time, whoever else wants the same, and
//! not at all when somebody has renewed them since this call last used them (F39, F61).
//!
//! Two clients that fetch their own token end each other's on many platforms, and some sell a token for a secret that is good
//! once. So the daemon decides whose turn it is; who waited gets the answer that it would have got, with nothing in it.

use std::time::Duration;

use juzhen_abi::message::{Capture, HostError, HostErrorKind};
use serde_json::{Map, Value, json};

use super::Capabilities;
use super::http::{Limits, exchange};
use super::masks::MASK;
use super::request::Checked;
use crate::journal::{error, lock};
use crate::ledger_flow::chain;
use crate::ports::{Fetched, Fetching, RecordedAnswer, Renewal, Secret, Wanted};
use crate::scope::Scope;
use tokio::time::Instant;

/// What a renewal may take, also when the operation that asked for it is over sooner: a token that nobody waits for any more
/// is still kept.
pub(super) const LONGEST: Duration = Duration::from_secs(15);
/// Of what the platform said instead of handing a secret out.
const LONGEST_REASON: usize = 200;

/// Why a call has no new secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unrenewed {
    pub reason: String,
    /// The platform was not asked: it said no a moment ago.
    pub put_off: bool,
}

/// Sends the request, or answers it when that is not needed or not wise.
pub(super) async fn transmit(
    capabilities: &Capabilities,
    scope: &Scope,
    checked: Checked,
    repeatable: bool,
) -> RecordedAnswer {
    if let Some(signing_in) = &scope.signing_in {
        return signing_in.transmit(capabilities, scope, &checked, repeatable).await;
    }
    let wanted = wanted(scope, &checked.head.capture);
    let patience = scope.deadline.saturating_duration_since(Instant::now());
    let fetching = match capabilities.ports.secrets.renew(&scope.account, &wanted, patience).await {
        Ok(Renewal::Fetch(fetching)) => fetching,
        Ok(Renewal::Known { ttl }) => {
            scope.journal.renewed();
            return known(&checked.head.capture, ttl);
        }
        Ok(Renewal::NotNow { reason }) => {
            scope.journal.unrenewed(Unrenewed { reason: reason.clone(), put_off: true });
            let why = format!("no new secret now: {reason}");
            return nothing_left(error(HostErrorKind::Denied, why));
        }
        Err(cause) => {
            let reason = format!("secrets: {}", chain(&cause));
            return nothing_left(error(HostErrorKind::Unreachable, reason));
        }
    };
    fetch(capabilities, scope, &checked, repeatable, fetching).await
}

fn wanted(scope: &Scope, captures: &[Capture]) -> Vec<Wanted> {
    let used = lock(&scope.used);
    let one = |capture: &Capture| Wanted {
        name: capture.secret.clone(),
        used: used.get(&capture.secret).cloned(),
        anew: false,
    };
    captures.iter().map(one).collect()
}

async fn fetch(
    capabilities: &Capabilities,
    scope: &Scope,
    checked: &Checked,
    repeatable: bool,
    fetching: Box<dyn Fetching>,
) -> RecordedAnswer {
    let mut fetched = Vec::new();
    let captures = &checked.head.capture;
    let take = |answer: &mut RecordedAnswer| fetched = take_out(scope, captures, answer);
    let limits = Limits { lasting: Some(LONGEST), ..Limits::default() };
    let mut answer = exchange(capabilities, scope, checked, repeatable, limits, take).await;
    if fetched.is_empty() {
        let reason = refusal(&answer);
        scope.journal.unrenewed(Unrenewed { reason: reason.clone(), put_off: false });
        fetching.failed(&reason).await;
        return answer;
    }
    if let Err(cause) = fetching.keep(fetched).await {
        // The secret is lost, and the answer reads as if it were not: the adapter learns only that it failed.
        let reason = format!("secrets: {}", chain(&cause));
        scope.journal.unrenewed(Unrenewed { reason: reason.clone(), put_off: false });
        answer.body.clear();
        answer.complete = false;
        answer.failure = Some(error(HostErrorKind::Failed, reason));
        return answer;
    }
    scope.journal.renewed();
    answer
}

/// Takes what the platform handed out from the answer.
pub(super) fn take_out(scope: &Scope, captures: &[Capture], answer: &mut RecordedAnswer) -> Vec<Fetched> {
    // Not JSON: there is nothing to take out, and the adapter will see that for itself.
    let Ok(mut json) = serde_json::from_slice::<Value>(&answer.body) else { return Vec::new() };
    let mut fetched = Vec::new();
    for capture in captures {
        let ttl = capture.ttl.as_ref().and_then(|pointer| json.pointer(pointer)).and_then(Value::as_u64);
        let Some(found) = json.pointer_mut(&capture.pointer) else { continue };
        let value = match found {
            Value::String(text) => std::mem::take(text),
            Value::Number(number) => number.to_string(),
            _ => continue,
        };
        *found = Value::String(MASK.to_owned());
        // A known secret is never overwritten with nothing (I8).
        if value.is_empty() {
            continue;
        }
        let value = Secret::new(value);
        lock(&scope.masks).learn([&value]);
        fetched.push(Fetched { name: capture.secret.clone(), value, ttl: ttl.map(Duration::from_secs) });
    }
    answer.body = json.to_string().into_bytes();
    // Half an answer, or a refusal that looks like one, hands out nothing.
    if answer.failure.is_none() && matches!(answer.status, 200..=299) { fetched } else { Vec::new() }
}

/// Why nothing was handed out, as far as the platform said so; secrets are masked already.
pub(super) fn refusal(answer: &RecordedAnswer) -> String {
    if let Some(failure) = &answer.failure {
        return failure.message.clone();
    }
    let said = String::from_utf8_lossy(&answer.body);
    let short: String = said.chars().take(LONGEST_REASON).collect();
    format!("the platform answered {} and handed nothing out: {short}", answer.status)
}

/// What the platform would have answered, as far as the adapter may know of it.
fn known(captures: &[Capture], ttl: Option<Duration>) -> RecordedAnswer {
    let mut body = json!({});
    for capture in captures {
        put(&mut body, &capture.pointer, json!(MASK));
        if let (Some(pointer), Some(ttl)) = (&capture.ttl, ttl) {
            put(&mut body, pointer, json!(ttl.as_secs()));
        }
    }
    let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
    let body = body.to_string().into_bytes();
    RecordedAnswer { status: 200, headers, body, complete: true, ..RecordedAnswer::default() }
}

/// Makes what a JSON pointer points at.
fn put(json: &mut Value, pointer: &str, value: Value) {
    let mut place = json;
    for part in pointer.split('/').skip(1) {
        if !place.is_object() {
            *place = Value::Object(Map::new());
        }
        let name = part.replace("~1", "/").replace("~0", "~");
        place = match place {
            Value::Object(fields) => fields.entry(name).or_insert(Value::Null),
            _ => return,
        };
    }
    *place = value;
}

pub(super) fn nothing_left(failure: HostError) -> RecordedAnswer {
    RecordedAnswer { failure: Some(failure), ..RecordedAnswer::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn capture(pointer: &str, ttl: Option<&str>) -> Capture {
        Capture { pointer: pointer.into(), secret: "token".into(), ttl: ttl.map(str::to_owned) }
    }

    #[test]
    fn f39_who_did_not_have_to_ask_reads_the_answer_of_a_platform() {
        let captures = [capture("/data/access_token", Some("/data/expires~1in")), capture("/refresh", None)];
        let answer = known(&captures, Some(Duration::from_secs(60)));
        let body: Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!(body, json!({"data": {"access_token": "***", "expires/in": 60}, "refresh": "***"}));
        assert_eq!((answer.status, answer.complete), (200, true));
    }
}

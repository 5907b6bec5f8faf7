//! The way of a request that can change the outside world: intent on disk, then the first byte, then the answer on disk.
//!
//! From the moment the ledger has answered, the request runs in a task of its own: who waits for it may be cancelled,
//! killed or out of time, and the answer still reaches the ledger. Cancel is not abort.

use std::sync::Arc;

use juzhen_abi::message::{Declined, HostError, HostErrorKind};
use serde_json::Value;
use tokio::time::Instant;

use crate::capabilities::Capabilities;
use crate::capabilities::http::transmit;
use crate::capabilities::request::Checked;
use crate::journal::{Journal, Stage, Ticket, error};
use crate::outcome::Failure;
use crate::ports::{Begun, EffectId, EffectKind, Intent, RecordedAnswer};
use crate::scope::Scope;

/// An intent that has its place among the requests of its call.
pub(crate) struct Registered {
    intent: Intent,
    ticket: Ticket,
}

/// Gives the intent its occurrence. Must be called in the order in which the adapter asked.
pub(crate) fn register(scope: &Scope, mut intent: Intent) -> Result<Registered, HostError> {
    let ticket = scope.journal.register(&intent.fingerprint, &intent.kind)?;
    intent.occurrence = ticket.occurrence;
    Ok(Registered { intent, ticket })
}

/// Sends it, or gives out what was recorded. Dropping the future does not stop a request that has left.
pub(crate) async fn send(
    capabilities: Arc<Capabilities>,
    scope: Arc<Scope>,
    request: Checked,
    registered: Registered,
) -> Result<RecordedAnswer, HostError> {
    let mut waiting =
        Waiting { journal: Arc::clone(&scope.journal), ticket: registered.ticket, answered: false };
    let background = capabilities.background.clone();
    let task = background.spawn(async move { carry_out(&capabilities, &scope, request, registered).await });
    let answer = task.await;
    waiting.answered = true;
    answer.unwrap_or_else(|_| Err(error(HostErrorKind::NoAnswer, "the request was broken off")))
}

/// Notes when the adapter stops waiting.
struct Waiting {
    journal: Arc<Journal>,
    ticket: Ticket,
    answered: bool,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if !self.answered {
            self.journal.abandon(self.ticket);
        }
    }
}

async fn carry_out(
    capabilities: &Capabilities,
    scope: &Scope,
    request: Checked,
    registered: Registered,
) -> Result<RecordedAnswer, HostError> {
    let Registered { intent, ticket } = registered;
    let intent_at = Instant::now();
    match capabilities.ports.ledger.begin(&intent).await {
        Ok(Begun::Send(effect)) => Ok(record(
            capabilities,
            scope,
            request,
            ticket,
            Written { effect, intent: &intent, at: intent_at },
        )
        .await),
        Ok(Begun::Answered(answer)) => {
            scope.journal.settle(ticket, stage_of(&answer, request.declined().as_ref()));
            Ok(answer)
        }
        Ok(Begun::Unanswered(effect)) => match intent.kind {
            EffectKind::Idempotent { .. } => {
                // What is about to leave is a repetition, whatever becomes of it.
                scope.journal.settle(ticket, Stage::Unclear);
                Ok(record(
                    capabilities,
                    scope,
                    request,
                    ticket,
                    Written { effect, intent: &intent, at: intent_at },
                )
                .await)
            }
            EffectKind::Mutating => {
                let reason = "an earlier run may have sent this request, and its answer is unknown";
                stop(scope, ticket, Stage::Unclear, Failure::Stopped { reason: reason.to_owned() }, reason)
            }
        },
        Ok(Begun::Mismatch(why)) => {
            tracing::error!(call.id = scope.call, %why, "Call {} does not repeat itself", scope.call);
            let message = format!("not what this operation asked for the first time: {why}");
            scope.journal.settle(ticket, Stage::Refused);
            scope.journal.halt(Failure::ReplayMismatch);
            Err(error(HostErrorKind::ReplayMismatch, message))
        }
        Ok(Begun::Refused(reason)) => {
            let message = format!("nothing may be sent now: {reason}");
            stop(scope, ticket, Stage::Refused, Failure::Stopped { reason }, &message)
        }
        // Unwritten, so unsent. The row may exist all the same, even with an answer that this run has not read: whoever
        // settles the call compares what it knows of with what the ledger has.
        Err(cause) => {
            let reason = chain(&cause);
            let message = format!("nothing was sent: {reason}");
            stop(scope, ticket, Stage::Refused, Failure::NotNow { reason }, &message)
        }
    }
}

/// An intent that the ledger has.
struct Written<'i> {
    effect: EffectId,
    intent: &'i Intent,
    /// When writing it began.
    at: Instant,
}

async fn record(
    capabilities: &Capabilities,
    scope: &Scope,
    request: Checked,
    ticket: Ticket,
    written: Written<'_>,
) -> RecordedAnswer {
    let Written { effect, intent, at } = written;
    let declined = request.declined();
    let leaves = scope.journal.may_leave(ticket);
    let answer = if leaves {
        let repeatable = intent.kind != EffectKind::Mutating;
        transmit(capabilities, scope, request, repeatable, Some(at)).await
    } else {
        let failure = error(HostErrorKind::Cancelled, "the operation ended before the request left");
        RecordedAnswer { failure: Some(failure), ..RecordedAnswer::default() }
    };
    if let Err(cause) = capabilities.ports.ledger.end(effect, &answer).await {
        // What the platform said is known here and now; after a crash it will read as unanswered, which is safe.
        tracing::error!(
            call.id = scope.call,
            effect.id = effect.0,
            error = chain(&cause),
            "The answer of effect {} of call {} is not on disk",
            effect.0,
            scope.call
        );
    }
    if leaves {
        scope.journal.settle(ticket, stage_of(&answer, declined.as_ref()));
    }
    // After the row is settled: the call ends here.
    distrust(scope, &answer);
    answer
}

/// Ends the call when the other side did not prove who it is, whatever the adapter would make of that (F49).
pub(crate) fn distrust(scope: &Scope, answer: &RecordedAnswer) {
    let Some(failure) = answer.failure.as_ref().filter(|_| answer.insecure) else { return };
    tracing::error!(
        call.id = scope.call,
        account.id = scope.account,
        problem = failure.message,
        "SECURITY: a platform did not prove who it is; nothing was said to it"
    );
    scope.journal.halt(Failure::Insecure { reason: failure.message.clone() });
}

fn stop(
    scope: &Scope,
    ticket: Ticket,
    stage: Stage,
    failure: Failure,
    message: &str,
) -> Result<RecordedAnswer, HostError> {
    scope.journal.settle(ticket, stage);
    scope.journal.halt(failure);
    Err(error(HostErrorKind::Denied, message))
}

fn stage_of(answer: &RecordedAnswer, declined: Option<&Declined>) -> Stage {
    if answer.nothing_left() {
        Stage::NothingLeft
    } else if answer.unclear() {
        Stage::Unclear
    } else if matches!(answer.status, 200..=299) && !says_no(answer, declined) {
        Stage::Accepted
    } else {
        Stage::Declined
    }
}

/// Whether a 2xx holds one of the codes that the request named as a clear no.
fn says_no(answer: &RecordedAnswer, declined: Option<&Declined>) -> bool {
    let Some(Declined { pointer, codes }) = declined else { return false };
    let json = serde_json::from_slice::<Value>(&answer.body).ok();
    let code = json.as_ref().and_then(|json| json.pointer(pointer)).and_then(Value::as_i64);
    code.is_some_and(|code| codes.contains(&code))
}

pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        source = inner.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f55_a_200_is_a_no_only_with_a_code_that_was_named_before() {
        let declined = Declined { pointer: "/errcode".into(), codes: vec![42001, 45009] };
        let stage = |status, complete, body: &str, declined| {
            let body = body.as_bytes().to_vec();
            stage_of(&RecordedAnswer { status, complete, body, ..RecordedAnswer::default() }, declined)
        };
        for (body, expected) in [
            (r#"{"errcode":45009,"errmsg":"quota"}"#, Stage::Declined),
            (r#"{"errcode":0}"#, Stage::Accepted),
            // Not in the table, not a number, not JSON, nothing: all of them may have happened.
            (r#"{"errcode":-1}"#, Stage::Accepted),
            (r#"{"errcode":"45009"}"#, Stage::Accepted),
            (r#"{"publish_id":"1"}"#, Stage::Accepted),
            ("<html>45009</html>", Stage::Accepted),
            ("", Stage::Accepted),
        ] {
            assert_eq!(stage(200, true, body, Some(&declined)), expected, "{body}");
        }
        let no = r#"{"errcode":45009}"#;
        assert_eq!(stage(200, true, no, None), Stage::Accepted);
        assert_eq!(stage(200, false, no, Some(&declined)), Stage::Unclear);
        assert_eq!(stage(502, true, no, Some(&declined)), Stage::Unclear);
    }
}

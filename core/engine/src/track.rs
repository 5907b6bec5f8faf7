//! Asks asynchronous platforms what became of what they accepted.

use jiff::SignedDuration;
use juzhen_domain::caps::later;
use juzhen_domain::delivery::{Receipt, ReceiptBy};
use juzhen_domain::outcome::Next;
use juzhen_domain::reason::Why;
use juzhen_domain::state::DeliveryState;
use juzhen_host::message::{self, operation};
use juzhen_store::{Looked, StoreError};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::interpret::Progress;
use crate::service::{self, Service};
use crate::{Engine, interpret, look, send};

/// A platform that has not decided after this long is for a person to ask (WeChat's own limit is 30 minutes, F64).
const PATIENCE: SignedDuration = SignedDuration::from_hours(1);
const LONGEST_PAUSE: SignedDuration = SignedDuration::from_secs(60);

pub(crate) async fn run(engine: Engine, stop: CancellationToken) {
    let rounds = || look::round(&engine, DeliveryState::Accepted, ask);
    service::run(&engine, Service::TRACK, &stop, rounds).await;
}

async fn ask(engine: &Engine, one: Looked) -> Result<(), StoreError> {
    let settings = engine.settings();
    let delivery = &one.delivery;
    let progress = match settings.accounts.get(&delivery.account) {
        None => Progress::Unreadable { reason: "the settings no longer have this account".into() },
        Some(account) => {
            let ticket = delivery.ticket.clone().unwrap_or_default();
            let body = send::as_json(&message::Track { ticket });
            let call = send::reading_call(engine, account, operation::TRACK, body, delivery.id.to_string());
            interpret::tracked(&engine.host().call(call).await)
        }
    };
    let now = engine.now();
    let waited = now.duration_since(one.attempt.as_ref().map_or(delivery.changed_at, |a| a.started_at));
    let next = next(progress, delivery.ticket.clone().unwrap_or_default(), waited, now);
    look::learnt(engine, &one, "tracked", next).await
}

/// Only a clear word of the platform ends the waiting; silence ends with a person.
fn next(progress: Progress, ticket: String, waited: SignedDuration, now: jiff::Timestamp) -> Next {
    let wait = match progress {
        Progress::Published { id, url, at } => {
            let (platform_id, published_at) = (Some(id), at.unwrap_or(now));
            return Next::Published(Receipt { platform_id, url, published_at, by: ReceiptBy::Answer });
        }
        Progress::Refused { reason } => {
            return Next::Refused { reason: Why::PlatformRefused.because(reason) };
        }
        Progress::Pending { wait } => wait,
        Progress::Unreadable { reason } => {
            warn!(reason, "The platform could not be asked");
            None
        }
    };
    // One that began later on began under a clock that ran ahead.
    if waited.abs() > PATIENCE {
        return Next::NeedsPerson {
            reason: Why::Undecided.because("the platform has not decided for an hour"),
        };
    }
    // Asked less often the longer it takes: a tenth of the time waited so far.
    let pause = wait.unwrap_or(waited / 10).clamp(SignedDuration::from_secs(1), LONGEST_PAUSE);
    Next::Accepted { ticket, look_at: later(now, pause) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_is_not_a_refusal() {
        let now = jiff::Timestamp::from_second(10_000).unwrap();
        let after = |progress, seconds| next(progress, "t".into(), SignedDuration::from_secs(seconds), now);
        let unreadable = || Progress::Unreadable { reason: "x".into() };
        assert!(matches!(after(unreadable(), 100), Next::Accepted { .. }));
        assert!(matches!(after(unreadable(), 4000), Next::NeedsPerson { .. }));
        assert!(matches!(after(Progress::Pending { wait: None }, 4000), Next::NeedsPerson { .. }));
        assert!(matches!(after(Progress::Refused { reason: "原创失败".into() }, 4000), Next::Refused { .. }));
    }
}

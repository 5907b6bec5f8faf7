//! Asks platforms that decide later whether they stand by what they have published: a review or a complaint can take it
//! down after their own success (F63). It is told once and never sent again by itself. Only a clear word counts; an answer
//! that does not come, or says something else, changes nothing.

use std::time::Duration;

use juzhen_domain::delivery::Delivery;
use juzhen_domain::outcome::{Next, recheck_after};
use juzhen_domain::reason::Why;
use juzhen_domain::state::DeliveryState;
use juzhen_host::message::{self, operation};
use juzhen_store::{Settle, StoreError};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::interpret::Progress;
use crate::service::{self, Round, Service};
use crate::{Engine, interpret, node, running, send};

/// Deliveries asked about in one round.
const MOST: u32 = 16;
/// Nothing here is urgent.
const NEXT: Duration = Duration::from_secs(30);

pub(crate) async fn run(engine: Engine, stop: CancellationToken) {
    service::run(&engine, Service::RECHECK, &stop, || round(&engine)).await;
}

async fn round(engine: &Engine) -> Round {
    if let Err(round) = node::turn(engine, "recheck", NEXT).await {
        return round;
    }
    match look(engine).await {
        Ok(()) => Round::next_in(NEXT),
        Err(error) => Round::failed(&error),
    }
}

async fn look(engine: &Engine) -> Result<(), StoreError> {
    for delivery in engine.store().to_recheck(engine.now(), MOST).await? {
        match removed(engine, &delivery).await {
            Some(reason) => {
                warn!(delivery.id = %delivery.id, account.id = %delivery.account, reason, "The platform took it down");
                take_down(engine, &delivery, reason).await?;
            }
            None => {
                let published_at = delivery.receipt.as_ref().map_or(delivery.changed_at, |r| r.published_at);
                engine.store().recheck_at(&delivery.id, recheck_after(published_at, engine.now())).await?;
            }
        }
    }
    Ok(())
}

/// What the platform says against it by now.
async fn removed(engine: &Engine, delivery: &Delivery) -> Option<String> {
    let (settings, ticket) = (engine.settings(), delivery.ticket.clone()?);
    let account = settings.accounts.get(&delivery.account)?;
    let body = send::as_json(&message::Track { ticket });
    let call = send::reading_call(engine, account, operation::TRACK, body, delivery.id.to_string());
    match interpret::tracked(&engine.host().call(call).await) {
        Progress::Refused { reason } => Some(reason),
        Progress::Published { .. } | Progress::Pending { .. } | Progress::Unreadable { .. } => None,
    }
}

async fn take_down(engine: &Engine, delivery: &Delivery, said: String) -> Result<(), StoreError> {
    let settle = Settle {
        delivery: delivery.id.clone(),
        expected: (DeliveryState::Published, delivery.fence),
        or_claimed: false,
        attempt: None,
        outcome: "rechecked".to_owned(),
        detail: None,
        next: Next::Removed { reason: Why::PlatformRemoved.because(said) },
        adapter: None,
        requests: 0,
        follow: engine.follow(),
        pause_after: running::pause_after(&engine.settings()),
        now: engine.now(),
        request: None,
    };
    engine.store().settle(settle).await?;
    // What was moved on meanwhile is asked about no more.
    engine.store().recheck_at(&delivery.id, None).await?;
    engine.wakes().outbox.notify_one();
    Ok(())
}

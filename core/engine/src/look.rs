//! What `reconcile` and `track` share: going through the deliveries that wait in one state, and writing what was learnt.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::future::join_all;
use juzhen_domain::outcome::Next;
use juzhen_domain::state::DeliveryState;
use juzhen_store::{Look, Looked, Settle, StoreError};
use tracing::{Instrument, info_span};

use crate::Engine;
use crate::node::{self, NOT_OURS};
use crate::service::Round;

/// Deliveries read in one round.
const MOST: u32 = 64;

/// Looks at the deliveries in this state whose time has come: side by side, so that a platform that does not answer keeps
/// nobody else waiting, and one of each account, so that no two of them take the same post for their own. For that one daemon
/// looks for all.
pub(crate) async fn round(
    engine: &Engine,
    state: DeliveryState,
    at_each: impl AsyncFn(&Engine, Looked) -> Result<(), StoreError>,
) -> Round {
    if let Err(round) = node::turn(engine, state.as_str(), NOT_OURS).await {
        return round;
    }
    let look = Look { states: vec![state], now: engine.now(), most: MOST };
    let waiting = match engine.store().to_look_at(look).await {
        Ok(waiting) => waiting,
        Err(error) => return Round::failed(&error),
    };
    let mut accounts = BTreeSet::new();
    let first = waiting.into_iter().filter(|looked| accounts.insert(looked.delivery.account.clone()));
    let looks = first.map(|looked| {
        let span =
            info_span!("delivery", delivery.id = %looked.delivery.id, account.id = %looked.delivery.account);
        at_each(engine, looked).instrument(span)
    });
    match join_all(looks).await.into_iter().find_map(Result::err) {
        Some(error) => Round::failed(&error),
        None => Round::next_in(Duration::from_secs(1)),
    }
}

/// Writes how a delivery goes on after a look.
pub(crate) async fn learnt(
    engine: &Engine,
    looked: &Looked,
    outcome: &str,
    next: Next,
) -> Result<(), StoreError> {
    let delivery = &looked.delivery;
    let settle = Settle {
        delivery: delivery.id.clone(),
        expected: (delivery.state, delivery.fence),
        or_claimed: false,
        attempt: looked.attempt.as_ref().map(|a| a.id.clone()),
        outcome: outcome.to_owned(),
        detail: None,
        next,
        adapter: None,
        requests: 0,
        follow: engine.follow_at("reconcile.before_commit"),
        pause_after: crate::running::pause_after(&engine.settings()),
        now: engine.now(),
        request: None,
    };
    engine.store().settle(settle).await?;
    engine.wake_after_settling();
    Ok(())
}

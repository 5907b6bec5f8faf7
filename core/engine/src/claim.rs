//! Claims what is due and hands it to `send`.
//!
//! The store decides who holds a claim. `domain::claim::rule` is asked inside the claiming transaction, with the item,
//! its decisions, the account's standing and what the account has used, all read by that transaction: nothing can change
//! between the look and the claim. The commit moves the delivery to `claimed` and raises its fence. From then on only a
//! result that carries this fence moves it further; a worker that slept, was replaced, or answers after a restart holds an
//! old fence and changes nothing (its news is kept with its attempt).
//!
//! A claim is not yet an intent to send. The ledger writes that when the first effect begins, in one commit with the move
//! to `sending`, before a byte leaves. A crash before that commit proves that nothing left: the delivery goes back to due.
//! A crash after it proves nothing, and the delivery is in doubt.
//!
//! Claims are made a little ahead ([`AHEAD`]) so that a send begins on time instead of one round trip late; the sender
//! sleeps until the exact time and never sends early. Between the claim and the send, STOP ALL still holds it: the ledger
//! looks at the stop in the commit of the intent.
//!
//! An account's deliveries go out one after another, in the order of their times: an account with one under way is passed
//! over. The commit that settles a send claims what its account has next, as long as no other account waits for a place and
//! no other daemon for its share ([`crate::share`]); when it claims nothing, this service is woken.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use juzhen_domain::caps::later;
use juzhen_store::{ClaimRequest, ClaimRound, StoreError};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::service::{self, Round, Service};
use crate::{Engine, send};

/// How far ahead of its time a delivery is claimed.
const AHEAD: SignedDuration = SignedDuration::from_millis(200);
/// The longest pause between two rounds: a backstop for wakes that were lost, and the proof of life.
const BACKSTOP: Duration = Duration::from_secs(2);
/// Until then a claim is meant to be settled; whether it still holds goes by its worker's lease.
const LEASE: SignedDuration = SignedDuration::from_secs(120);
/// Sends at the same time, over all accounts.
const IN_FLIGHT: usize = 256;

/// Claims and sends until `stop`; then waits for what is under way, but no longer than `grace`.
pub(crate) async fn run(engine: Engine, stop: CancellationToken, grace: Duration) {
    let places = Places { sends: TaskTracker::new(), stop };
    let (sends, stop) = (&places.sends, &places.stop);
    service::run(&engine, Service::CLAIM, stop, || round(&engine, &places)).await;
    engine.failpoints().reach("shutdown.after_stop_claim");
    sends.close();
    if tokio::time::timeout(grace, sends.wait()).await.is_err() {
        let left = sends.len();
        tracing::warn!(
            left,
            "Sends still under way at the end of the grace: they are in doubt after the next start"
        );
    }
}

/// The places of sends under way, until the stop.
#[derive(Clone)]
pub(crate) struct Places {
    sends: TaskTracker,
    stop: CancellationToken,
}

impl Places {
    /// How a send that has ended claims what its account has next; `None` when others wait for its place or its account, or
    /// when nothing is to be claimed now: the next round says what becomes of it.
    pub(crate) async fn next_of_account(&self, engine: &Engine) -> Option<ClaimRequest> {
        let under_way = self.sends.len();
        let is_free = under_way < IN_FLIGHT && !self.stop.is_cancelled();
        let lets_go = engine.gives_way().is_some_and(|gives_way| under_way > gives_way.share);
        if !is_free || lets_go {
            return None;
        }
        if engine.clock_doubt().is_some() || engine.room().await.ok()?.lack().is_some() {
            return None;
        }
        engine.worker().map(|worker| request(engine, worker, 1))
    }
}

async fn round(engine: &Engine, places: &Places) -> Round {
    let gives_way = engine.gives_way();
    let most = gives_way.map_or(IN_FLIGHT, |gives_way| gives_way.share.min(IN_FLIGHT));
    // What nobody else has taken by the end of it is this daemon's again.
    let backstop = gives_way.map_or(BACKSTOP, |gives_way| gives_way.lasts.min(BACKSTOP));
    let room = most.saturating_sub(places.sends.len());
    if room == 0 {
        return Round::next_in(backstop);
    }
    // What could not be recorded is not begun (P17).
    match engine.room().await.map(crate::Room::lack) {
        Ok(None) => {}
        Ok(Some(problem)) => return Round { next_in: Duration::from_secs(1), problem: Some(problem) },
        Err(error) => return Round::failed(&error),
    }
    let Some(worker) = engine.worker() else {
        return Round::not_yet("this daemon has not joined the others");
    };
    match claim(engine, worker, room).await {
        Ok(round) => {
            let full = round.claims.len() == room;
            for claim in round.claims {
                places.sends.spawn(send::send(engine.clone(), claim, places.clone()));
            }
            let next_in = if full { Duration::ZERO } else { pause(round.next_due, engine.now()) };
            Round::next_in(next_in.min(backstop))
        }
        Err(error) => Round::failed(&error),
    }
}

async fn claim(engine: &Engine, worker: String, most: usize) -> Result<ClaimRound, StoreError> {
    let round = engine.store().claim(request(engine, worker, most)).await?;
    claimed(engine, &round);
    Ok(round)
}

fn request(engine: &Engine, worker: String, most: usize) -> ClaimRequest {
    let now = engine.now();
    ClaimRequest {
        now,
        until: later(now, AHEAD),
        most: u32::try_from(most).unwrap_or(u32::MAX),
        worker,
        lease_until: later(now, LEASE),
        standing: engine.standing(),
        stopped: engine.is_stopped(),
    }
}

/// Called once the claims are durable.
pub(crate) fn claimed(engine: &Engine, round: &ClaimRound) {
    if !round.claims.is_empty() {
        engine.failpoints().reach("claim.after_commit");
    }
    if round.put_aside() > 0 {
        let (held, in_doubt, missed) = (round.held, round.in_doubt, round.missed);
        tracing::info!(held, in_doubt, missed, "Deliveries were put aside");
    }
}

/// Until something is due, less the time a claim is made ahead.
fn pause(next_due: Option<Timestamp>, now: Timestamp) -> Duration {
    let Some(next_due) = next_due else { return BACKSTOP };
    let wait = next_due.duration_since(now) - AHEAD;
    Duration::try_from(wait).unwrap_or(Duration::from_millis(1)).clamp(Duration::from_millis(1), BACKSTOP)
}

/// How an account stands in the running settings, as the claim asks it.
pub(crate) fn standing(engine: &Engine) -> juzhen_store::StandingOf {
    let running = engine.settings();
    let ready = engine.serving_adapters();
    let caps = crate::running::caps(&running);
    let failpoints = Arc::clone(engine.failpoints());
    let tokens = engine.tokens().clone();
    Arc::new(move |account| {
        failpoints.reach("claim.before_commit");
        let account = running.accounts.get(account)?;
        Some(juzhen_domain::claim::Standing {
            status: account.status,
            // What another daemon has sealed under another key is that one's to send.
            adapter_ready: ready.contains(&account.adapter) && !tokens.is_unreadable(&account.id),
            caps,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_round_is_just_before_the_next_delivery_is_due() {
        let at = |ms| Timestamp::from_millisecond(ms).unwrap();
        assert_eq!(pause(Some(at(1500)), at(1000)), Duration::from_millis(300));
        assert_eq!(pause(Some(at(900)), at(1000)), Duration::from_millis(1));
        assert_eq!(pause(Some(at(900_000)), at(1000)), BACKSTOP);
        assert_eq!(pause(None, at(1000)), BACKSTOP);
    }
}

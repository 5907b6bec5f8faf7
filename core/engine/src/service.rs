//! The one shape of every service: a round that can be called by itself, repeated until told to stop. Who has read one
//! has read all of them.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::Mutex;
use std::time::Duration;

use futures_util::FutureExt;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, error, info, info_span, warn};

use crate::Engine;

/// Whether a round went well, and when the next one is due at the latest.
pub(crate) struct Round {
    pub(crate) next_in: Duration,
    pub(crate) problem: Option<String>,
}

impl Round {
    pub(crate) fn next_in(next_in: Duration) -> Self {
        Self { next_in, problem: None }
    }

    pub(crate) fn failed(problem: &dyn std::error::Error) -> Self {
        Self { next_in: Duration::from_secs(1), problem: Some(crate::with_causes(problem)) }
    }
}

/// Repeats `round` until `stop`. A panic ends the round, not the service (F15).
pub(crate) async fn run<F>(
    engine: &Engine,
    name: &'static str,
    wake: &Notify,
    stop: &CancellationToken,
    mut round: impl FnMut() -> F,
) where
    F: Future<Output = Round>,
{
    let mut told = None;
    while !stop.is_cancelled() {
        let work = AssertUnwindSafe(round()).catch_unwind().instrument(info_span!("round", service = name));
        let round = work.await.unwrap_or_else(|_| {
            error!(service = name, "A round panicked; the service goes on");
            Round { next_in: Duration::from_secs(1), problem: Some("the last round panicked".into()) }
        });
        match &round.problem {
            // A problem that lasts is told once: the disk of the log may be the full one.
            Some(problem) if round.problem != told => warn!(service = name, problem, "A round failed"),
            None if told.is_some() => info!(service = name, "Works again"),
            _ => {}
        }
        told.clone_from(&round.problem);
        engine.board().ran(name, engine.now(), round.problem);
        tokio::select! {
            biased;
            () = tokio::time::sleep(engine.rest(round.next_in)) => {}
            () = wake.notified() => {}
            () = stop.cancelled() => {}
        }
    }
}

/// When each service last did its work: what readiness is made of (P16).
#[derive(Debug, Default)]
pub(crate) struct Board(Mutex<BTreeMap<&'static str, Last>>);

#[derive(Debug, Clone)]
struct Last {
    at: Timestamp,
    problem: Option<String>,
    /// When the first of the rounds that failed in a row ended.
    failing_since: Option<Timestamp>,
}

/// A service without a round for this long is not working.
const SILENT: SignedDuration = SignedDuration::from_secs(10);

/// Everything that has to run before the daemon is ready.
pub(crate) const SERVICES: [&str; 6] = ["claim", "reconcile", "track", "sweep", "reload", "mark"];

/// Whether the daemon really works, and what each service says.
#[derive(Debug, Clone, Serialize)]
pub struct Health {
    pub ready: bool,
    pub services: Vec<ServiceHealth>,
}

#[derive(Debug, Clone, Serialize)]
pub struct ServiceHealth {
    pub name: &'static str,
    pub last_round_at: Option<Timestamp>,
    pub ok: bool,
    /// Since when it does not do its work; for a silent one its last round, for one that never ran nothing.
    pub failing_since: Option<Timestamp>,
    pub detail: Option<String>,
}

impl Board {
    pub(crate) fn ran(&self, name: &'static str, at: Timestamp, problem: Option<String>) {
        let mut board = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let before = board.get(name).and_then(|last| last.failing_since);
        let failing_since = problem.as_ref().map(|_| before.unwrap_or(at));
        board.insert(name, Last { at, problem, failing_since });
    }

    pub(crate) fn health(&self, now: Timestamp) -> Health {
        let board = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let services: Vec<ServiceHealth> = SERVICES
            .into_iter()
            .map(|name| {
                let last = board.get(name);
                let silent = last.is_none_or(|last| now.duration_since(last.at) > SILENT);
                let detail = match last {
                    None => Some("has not run yet".to_owned()),
                    Some(_) if silent => Some("has not done a round for over 10 s".to_owned()),
                    Some(last) => last.problem.clone(),
                };
                let last_round_at = last.map(|last| last.at);
                let failing_since =
                    last.and_then(|last| last.failing_since).or(last_round_at.filter(|_| silent));
                ServiceHealth { name, last_round_at, ok: detail.is_none(), failing_since, detail }
            })
            .collect();
        Health { ready: services.iter().all(|s| s.ok), services }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p16_a_silent_or_failing_service_is_not_ready() {
        let at = |s| Timestamp::from_second(s).unwrap();
        let board = Board::default();
        assert!(!board.health(at(0)).ready);
        SERVICES.into_iter().for_each(|name| board.ran(name, at(0), None));
        assert!(board.health(at(10)).ready);
        let silent = board.health(at(11));
        assert_eq!((silent.ready, silent.services[0].failing_since), (false, Some(at(0))));
        SERVICES.into_iter().for_each(|name| board.ran(name, at(11), None));
        board.ran("claim", at(12), Some("disk full".into()));
        let health = board.health(at(12));
        assert!(!health.ready);
        board.ran("claim", at(13), Some("disk full".into()));
        let claim = board.health(at(14)).services.swap_remove(0);
        assert_eq!((claim.detail.as_deref(), claim.failing_since), (Some("disk full"), Some(at(12))));
        board.ran("claim", at(15), None);
        assert_eq!(board.health(at(15)).services[0].failing_since, None);
    }
}

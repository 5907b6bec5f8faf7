//! Whether the daemon really works, and which service does not: what `/readyz` and the watchdog go by (P16).

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use jiff::Timestamp;
use juzhen_domain::clock::{Doubt, Reading};
use serde::Serialize;

use crate::service::Service;

/// When each service last did its work: what readiness is made of (P16).
#[derive(Debug)]
pub(crate) struct Board {
    /// On the monotonic clock, as everything here that measures silence: the wall clock may be set.
    started: Duration,
    last: Mutex<BTreeMap<&'static str, Last>>,
}

#[derive(Debug, Clone)]
struct Last {
    at: Reading,
    problem: Option<String>,
    /// When the first of the rounds that failed in a row ended.
    failing_since: Option<Timestamp>,
}

/// A service without a round for this long is not working.
const SILENT: Duration = Duration::from_secs(10);

/// Whether the daemon really works, and what each service says.
#[derive(Debug, Clone, Serialize)]
pub struct Health {
    pub ready: bool,
    pub services: Vec<ServiceHealth>,
    /// Why the wall clock is not believed, if so: then nothing is claimed or begun (P14).
    pub clock: Option<String>,
    /// Jumps of the wall clock since the start.
    pub clock_jumps: u32,
}

#[derive(Debug, Clone, Serialize)]
pub struct ServiceHealth {
    pub name: &'static str,
    pub last_round_at: Option<Timestamp>,
    pub ok: bool,
    /// Since when it does not do its work; for a silent one its last round, for one that never ran nothing.
    pub failing_since: Option<Timestamp>,
    /// Since its last round, or since the start; by the clock that nobody sets.
    pub silent_for: Duration,
    pub detail: Option<String>,
}

impl Board {
    pub(crate) fn new(started: Duration) -> Self {
        Self { started, last: Mutex::default() }
    }

    pub(crate) fn ran(&self, name: &'static str, at: Reading, problem: Option<String>) {
        let mut board = self.last.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let before = board.get(name).and_then(|last| last.failing_since);
        let failing_since = problem.as_ref().map(|_| before.unwrap_or(at.wall));
        board.insert(name, Last { at, problem, failing_since });
    }

    pub(crate) fn health(&self, now: Duration, clock: Option<Doubt>, clock_jumps: u32) -> Health {
        let board = self.last.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let services: Vec<ServiceHealth> = Service::NEEDED
            .into_iter()
            .map(|Service { name, .. }| {
                let last = board.get(name);
                let silent_for = now.saturating_sub(last.map_or(self.started, |last| last.at.monotonic));
                let silent = silent_for > SILENT;
                let detail = match last {
                    None => Some("has not run yet".to_owned()),
                    Some(_) if silent => Some("has not done a round for over 10 s".to_owned()),
                    Some(last) => last.problem.clone(),
                };
                let last_round_at = last.map(|last| last.at.wall);
                let failing_since =
                    last.and_then(|last| last.failing_since).or(last_round_at.filter(|_| silent));
                ServiceHealth { name, last_round_at, ok: detail.is_none(), failing_since, silent_for, detail }
            })
            .collect();
        let ready = clock.is_none() && services.iter().all(|s| s.ok);
        Health { ready, services, clock: clock.map(|doubt| doubt.to_string()), clock_jumps }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p16_a_silent_or_failing_service_is_not_ready() {
        let wall = |s| Timestamp::from_second(s).unwrap();
        let at = |s| Reading { wall: wall(s), monotonic: Duration::from_secs(s.unsigned_abs()) };
        let board = Board::new(Duration::ZERO);
        let health = |s| board.health(Duration::from_secs(s), None, 0);
        assert!(!health(0).ready);
        Service::NEEDED.into_iter().for_each(|service| board.ran(service.name, at(0), None));
        assert!(health(10).ready);
        let silent = health(11);
        assert_eq!((silent.ready, silent.services[0].failing_since), (false, Some(wall(0))));
        Service::NEEDED.into_iter().for_each(|service| board.ran(service.name, at(11), None));
        board.ran("claim", at(12), Some("disk full".into()));
        assert!(!health(12).ready);
        board.ran("claim", at(13), Some("disk full".into()));
        let claim = health(14).services.swap_remove(0);
        assert_eq!((claim.detail.as_deref(), claim.failing_since), (Some("disk full"), Some(wall(12))));
        board.ran("claim", at(15), None);
        assert_eq!(health(15).services[0].failing_since, None);
    }

    #[test]
    fn p14_a_clock_that_is_set_neither_silences_a_service_nor_hides_that_it_is_silent() {
        let board = Board::new(Duration::ZERO);
        let wall = |s| Timestamp::from_second(s).unwrap();
        let ran = |w, m| {
            let at = Reading { wall: wall(w), monotonic: Duration::from_secs(m) };
            Service::NEEDED.into_iter().for_each(|service| board.ran(service.name, at, None));
        };
        ran(1_000_000, 1);
        assert!(board.health(Duration::from_secs(5), None, 0).ready, "set back by days");
        assert!(!board.health(Duration::from_secs(12), None, 0).ready, "set back, and silent");
        ran(7, 13);
        let doubt = Doubt::Jumped { by: jiff::SignedDuration::from_secs(-999_999) };
        let health = board.health(Duration::from_secs(14), Some(doubt), 1);
        assert!(!health.ready && health.services.iter().all(|s| s.ok));
        assert!(health.clock.unwrap().contains("jumped back by 999999 s"));
    }
}

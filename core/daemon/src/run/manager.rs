//! What the service manager hears (P16): ready, reloading, stopping, and that the work still gets done. Without systemd
//! nothing is said and nothing differs.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use juzhen_engine::{Engine, Health};
use sd_notify::NotifyState;
use tokio_util::sync::CancellationToken;
use tracing::{debug, error};

/// A service that has done nothing for this long is wedged: with `WatchdogSec=30` the restart comes within a minute.
const WEDGED: SignedDuration = SignedDuration::from_secs(20);

/// Tells the service manager, if there is one.
pub(super) fn tell(state: NotifyState<'_>) {
    let mut states = vec![];
    if matches!(state, NotifyState::Reloading) {
        // systemd compares it with the moment at which it asked.
        states.extend(NotifyState::monotonic_usec_now().ok());
    }
    states.push(state);
    if let Err(error) = sd_notify::notify(&states) {
        debug!(%error, "Could not tell the service manager");
    }
}

/// Says again and again that the daemon works, and falls silent when a service is wedged: then only a restart helps.
/// Runs until it is dropped.
pub(super) async fn watchdog(engine: Engine, stop: CancellationToken) {
    let Some(limit) = sd_notify::watchdog_enabled() else { return std::future::pending().await };
    let (every, started) = (limit / 3, engine.now());
    loop {
        // Services that were told to stop are silent because they are done.
        let wedged = if stop.is_cancelled() { None } else { wedged(&engine.health(), started, engine.now()) };
        match wedged {
            None => tell(NotifyState::Watchdog),
            Some(service) => {
                error!(service, "A service is wedged; the service manager is to restart the daemon");
            }
        }
        tokio::time::sleep(every.max(Duration::from_millis(10))).await;
    }
}

/// The service that has done nothing for too long. One that fails is another matter: it says so on `/readyz`, and a restart
/// would not mend the disk.
fn wedged(health: &Health, started: Timestamp, now: Timestamp) -> Option<&'static str> {
    let silent = |at: Timestamp| now.duration_since(at) > WEDGED;
    health
        .services
        .iter()
        .find(|service| silent(service.last_round_at.unwrap_or(started)))
        .map(|service| service.name)
}

#[cfg(test)]
mod tests {
    use juzhen_engine::ServiceHealth;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn health(last_round_at: Option<i64>, ok: bool) -> Health {
        let last_round_at = last_round_at.map(at);
        let service = ServiceHealth { name: "claim", last_round_at, ok, failing_since: None, detail: None };
        Health { ready: ok, services: vec![service] }
    }

    #[test]
    fn p16_only_silence_asks_for_a_restart() {
        assert_eq!(wedged(&health(Some(100), true), at(0), at(120)), None);
        assert_eq!(wedged(&health(Some(100), false), at(0), at(101)), None, "failing, not silent");
        assert_eq!(wedged(&health(Some(100), true), at(0), at(121)), Some("claim"));
        assert_eq!(wedged(&health(None, false), at(0), at(20)), None, "just started");
        assert_eq!(wedged(&health(None, false), at(0), at(21)), Some("claim"));
    }
}

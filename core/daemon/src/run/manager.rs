//! What the service manager hears (P16): ready, reloading, stopping, and that the work still gets done. Without systemd
//! nothing is said and nothing differs.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use juzhen_engine::{Engine, Health};
use sd_notify::NotifyState;
use tokio_util::sync::CancellationToken;
use tracing::{debug, error};

/// A service that has done nothing for this long is wedged: with `WatchdogSec=30` the restart comes within a minute.
const WEDGED: Duration = Duration::from_secs(10);
/// How often the thread looks; each look that finds a wedged service counts, so that a process that was stopped as a whole
/// (SIGSTOP, a machine that slept) has time to come back.
const EVERY: Duration = Duration::from_secs(1);
/// So many looks in a row before the service manager hears no more of us.
const SILENT_AFTER: u32 = 10;
/// So many before the process ends itself, where no service manager does it.
pub(super) const END_AFTER: u32 = 40;
/// A stop that takes longer has hung: it promises 45 s (P15).
const LONGEST_STOP: u32 = 60;

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

/// Watches until it is dropped.
pub(super) struct Watchdog(Arc<AtomicBool>);

/// Says again and again that the daemon works, and falls silent when a service is wedged; in the end it ends the process,
/// for only a restart helps then. A thread of its own, because the runtime may be what is wedged.
pub(super) fn watchdog(engine: Engine, stop: CancellationToken, end_after: u32) -> std::io::Result<Watchdog> {
    let over = Arc::new(AtomicBool::new(false));
    let dropped = Arc::clone(&over);
    thread::Builder::new().name("watchdog".to_owned()).spawn(move || {
        let (mut looks, mut stopping) = (0_u32, 0_u32);
        let every = sd_notify::watchdog_enabled().map_or(EVERY, |limit| EVERY.min(limit / 3));
        while !dropped.load(Ordering::SeqCst) {
            // Services that were told to stop are silent because they are done.
            let wedged = if stop.is_cancelled() { None } else { wedged(&engine.health()) };
            looks = if wedged.is_some() { looks.saturating_add(1) } else { 0 };
            stopping += u32::from(stop.is_cancelled());
            if looks < SILENT_AFTER.min(end_after) {
                tell(NotifyState::Watchdog);
            }
            if looks >= end_after || stopping >= LONGEST_STOP {
                // Not in order: what has hung would hang that too. What was under way is looked up after the next start.
                error!(service = wedged, stopping, "The daemon is wedged and ends, to be started anew");
                std::process::abort();
            }
            thread::sleep(every.max(Duration::from_millis(10)));
        }
    })?;
    Ok(Watchdog(over))
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// The service that has done nothing for too long. One that fails is another matter: it says so on `/readyz`, and a restart
/// would not mend the disk.
fn wedged(health: &Health) -> Option<&'static str> {
    health.services.iter().find(|service| service.silent_for > WEDGED).map(|service| service.name)
}

#[cfg(test)]
mod tests {
    use juzhen_engine::ServiceHealth;

    use super::*;

    #[test]
    fn p16_only_silence_asks_for_a_restart() {
        let health = |seconds, ok| {
            let silent_for = Duration::from_secs(seconds);
            let (last_round_at, failing_since, detail) = (None, None, None);
            let service =
                ServiceHealth { name: "claim", last_round_at, ok, failing_since, silent_for, detail };
            Health { ready: ok, services: vec![service], clock: None, clock_jumps: 0 }
        };
        assert_eq!(wedged(&health(10, true)), None);
        assert_eq!(wedged(&health(1, false)), None, "failing, not silent");
        assert_eq!(wedged(&health(11, true)), Some("claim"));
    }
}

//! The nightly look at the whole database (F23): damage that lies where nobody reads is found while there still is a backup
//! from before it. A damaged database ends the daemon, and the next start says what to do.

use std::time::Duration;

use jiff::civil::Time;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

use crate::Engine;

/// When nothing is published and nobody waits.
const HOUR: Time = Time::constant(3, 30, 0, 0);
/// The wall clock is asked again so often: it may be set, and the machine may sleep.
const LOOK: Duration = Duration::from_secs(600);

pub(crate) async fn run(engine: Engine, stop: CancellationToken) {
    let mut next = next_night(engine.now(), &engine.settings().district.timezone);
    while !stop.is_cancelled() {
        let wait = Duration::try_from(next.duration_since(engine.now())).unwrap_or_default();
        tokio::select! {
            biased;
            () = tokio::time::sleep(engine.rest("upkeep", wait.min(LOOK))) => {}
            () = stop.cancelled() => return,
        }
        let now = engine.now();
        if now >= next {
            check(&engine).await;
            next = next_night(now, &engine.settings().district.timezone);
        }
    }
}

async fn check(engine: &Engine) {
    match engine.store().check().await {
        Ok(true) => info!("Looked through the whole database: it is sound"),
        Ok(false) => {}
        Err(problem) => {
            error!(problem = crate::with_causes(&problem), "The database could not be looked through");
        }
    }
}

/// The next half past three in the morning there.
fn next_night(now: Timestamp, zone: &str) -> Timestamp {
    let zone = TimeZone::get(zone).unwrap_or(TimeZone::UTC);
    let today = now.to_zoned(zone.clone()).date();
    [0, 1, 2]
        .into_iter()
        .filter_map(|days| today.checked_add(days.days()).ok()?.to_datetime(HOUR).to_zoned(zone.clone()).ok())
        .map(|night| night.timestamp())
        .find(|night| *night > now)
        // At the end of all time there is no next night.
        .unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f23_the_next_night_is_the_first_one_after_now() {
        let night = |now: &str, zone| next_night(now.parse().unwrap(), zone).to_string();
        assert_eq!(night("2026-11-23T10:00:00Z", "Asia/Shanghai"), "2026-11-23T19:30:00Z");
        assert_eq!(night("2026-11-23T19:29:59Z", "Asia/Shanghai"), "2026-11-23T19:30:00Z");
        assert_eq!(night("2026-11-23T19:30:00Z", "Asia/Shanghai"), "2026-11-24T19:30:00Z");
        // A night in which that hour does not exist has another one.
        assert_eq!(night("2027-03-28T00:00:00Z", "Europe/Berlin"), "2027-03-28T01:30:00Z");
        assert_eq!(night("2026-11-23T10:00:00Z", "Nowhere/At_All"), "2026-11-24T03:30:00Z");
    }
}

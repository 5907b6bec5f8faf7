//! What is not due costs nothing: start, memory, idle CPU, claims and lateness with more and more waiting for next month.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use jiff::{SignedDuration, Timestamp};
use juzhen_domain::caps::Caps;
use juzhen_domain::claim::Standing;
use juzhen_domain::matrix::AccountStatus;
use juzhen_store::{ClaimRequest, StandingOf};

use crate::figures::{Figures, percentile};
use crate::items::{self, Planned};
use crate::platform::Platform;
use crate::scene::{Daemon, On, Scene, Start};
use crate::usage;

/// Accounts that everything is spread over.
const ACCOUNTS: usize = 1000;
/// Items that are due while we look, and claims that are timed.
const LOOKED_AT: usize = 200;
/// Items are put in so many at a time.
const CHUNK: usize = 20_000;
const IDLE: Duration = Duration::from_secs(20);

/// Measures with this many items waiting.
#[allow(clippy::cast_precision_loss, reason = "figures for people")]
pub(crate) async fn measure(platform: &Platform, waiting: usize, figures: &mut Figures) -> Result<()> {
    platform.reset(0);
    let scene = Scene::new(platform, ACCOUNTS, On::Sqlite)?;
    let next_month = Timestamp::now() + SignedDuration::from_hours(30 * 24);
    let month_ms = 28 * 24 * 3600 * 1000;
    let later = items::evenly(waiting, ACCOUNTS, next_month, month_ms);
    let began = Instant::now();
    for (chunk, planned) in later.chunks(CHUNK).enumerate() {
        scene.fill(planned, LOOKED_AT * 2 + chunk * CHUNK).await?;
    }
    let filled_in = began.elapsed().as_secs_f64();
    let first = Timestamp::now() + SignedDuration::from_secs(8);
    let soon = items::evenly(LOOKED_AT, 50, first, 10_000);
    scene.fill(&soon, 0).await?;
    let mut add = |what: &str, value: f64| figures.add(format!("{waiting} waiting: {what}"), value);
    add("filled, items/s", waiting as f64 / filled_in);
    let daemon = Daemon::start(&scene, Start::default())?;
    add("start ms", daemon.started_in.as_secs_f64() * 1000.0);
    daemon.until_recorded(platform, LOOKED_AT, || ()).await?;
    let judged = platform.judge(&soon);
    ensure!(judged.is_clean(), "with {waiting} waiting: {judged:?}");
    add("lateness p50 ms", judged.percentile_ms(0.50));
    add("lateness p99 ms", judged.percentile_ms(0.99));
    let ours = usage::trees(&[daemon.pid()]);
    let cpu = usage::cpu_seconds(&ours);
    tokio::time::sleep(IDLE).await;
    add("idle CPU %", (usage::cpu_seconds(&ours) - cpu) * 100.0 / IDLE.as_secs_f64());
    let memory = usage::memory(&ours);
    add("PSS MiB", memory.pss_mib);
    add("peak RSS MiB", memory.peak_rss_mib);
    drop(daemon);
    let rounds = rounds(&scene).await?;
    add("claim p50 us", percentile(&rounds.claims, 0.50));
    add("claim p99 us", percentile(&rounds.claims, 0.99));
    add("empty claim p50 us", percentile(&rounds.empty, 0.50));
    add("sweep p50 us", percentile(&rounds.sweeps, 0.50));
    Ok(())
}

/// Microseconds of each of some rounds, sorted.
struct Rounds {
    /// One claim: one transaction, one commit.
    claims: Vec<i64>,
    /// Nothing is due.
    empty: Vec<i64>,
    sweeps: Vec<i64>,
}

async fn rounds(scene: &Scene) -> Result<Rounds> {
    let now = Timestamp::now();
    let due_unix_ms = now.as_millisecond();
    let planned: Vec<Planned> = (0..LOOKED_AT).map(|account| Planned { account, due_unix_ms }).collect();
    scene.fill(&planned, LOOKED_AT).await?;
    let store = scene.open()?;
    let mut rounds = Rounds { claims: Vec::new(), empty: Vec::new(), sweeps: Vec::new() };
    for _ in 0..LOOKED_AT {
        let began = Instant::now();
        let round = store.claim(request(now)).await?;
        rounds.claims.push(i64::try_from(began.elapsed().as_micros())?);
        ensure!(round.claims.len() == 1, "{} claims instead of one", round.claims.len());
    }
    for _ in 0..LOOKED_AT {
        let began = Instant::now();
        let round = store.claim(request(now)).await?;
        rounds.empty.push(i64::try_from(began.elapsed().as_micros())?);
        ensure!(round.claims.is_empty(), "{} claims instead of none", round.claims.len());
        let began = Instant::now();
        store.sweep(now, standing()).await?;
        rounds.sweeps.push(i64::try_from(began.elapsed().as_micros())?);
    }
    store.close().await?;
    for times in [&mut rounds.claims, &mut rounds.empty, &mut rounds.sweeps] {
        times.sort_unstable();
    }
    Ok(rounds)
}

fn standing() -> StandingOf {
    let caps = Caps { per_delivery: 3, per_account_hour: 5000, gap: SignedDuration::ZERO };
    Arc::new(move |_| Some(Standing { status: AccountStatus::Active, adapter_ready: true, caps }))
}

fn request(now: Timestamp) -> ClaimRequest {
    let worker = "bench".to_owned();
    ClaimRequest { now, until: now, most: 1, worker, lease_until: now, standing: standing(), stopped: false }
}

//! The publish drain: how fast a backlog of due items goes out, and what that costs.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use jiff::{SignedDuration, Timestamp};
use juzhen_tests::cluster;

use crate::figures::Figures;
use crate::items::{self, Planned};
use crate::platform::{Judgement, Platform};
use crate::scene::{Daemon, On, Scene, Start, sleep_until};
use crate::usage::{self, Memory};

/// One drain.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Drain {
    pub(crate) count: usize,
    pub(crate) accounts: usize,
    pub(crate) delay_ms: u64,
    pub(crate) start: Start,
    pub(crate) on: On,
    /// That share the work.
    pub(crate) daemons: usize,
}

/// What it came to.
#[derive(Debug, Default)]
pub(crate) struct Drained {
    pub(crate) items_per_s: f64,
    pub(crate) cpu_s_per_1000: f64,
    pub(crate) memory: Memory,
    /// Of the database's server.
    pub(crate) server_cpu_s_per_1000: f64,
    /// Busy time of the machine that is neither ours nor the measurement's, over the time.
    pub(crate) noise: f64,
    pub(crate) judgement: Judgement,
}

/// Before the items are due the daemon has to be up and quiet.
const SETTLING: SignedDuration = SignedDuration::from_millis(2500);

impl Drain {
    pub(crate) async fn run(&self, platform: &Platform) -> Result<Drained> {
        platform.reset(self.delay_ms);
        let scene = Scene::new(platform, self.accounts, self.on)?;
        let filling = i64::try_from(self.count * 1000 / self.on.filled_a_second())?;
        let due = Timestamp::now() + SignedDuration::from_millis(filling) + SETTLING;
        let planned = items::all_at(self.count, self.accounts, due);
        scene.fill(&planned, 0).await?;
        let daemons = (0..self.daemons).map(|number| Daemon::start_as(&scene, self.start, number));
        let daemons = daemons.collect::<Result<Vec<_>>>()?;
        let ready = Timestamp::now();
        ensure!(
            ready + SignedDuration::from_millis(500) < due,
            "filling took too long for a drain from {due}"
        );
        // A little before, because the first claims are made ahead of time.
        sleep_until(due - SignedDuration::from_millis(300)).await;
        self.watch(&scene, &daemons, due, &planned).await
    }

    #[allow(clippy::cast_precision_loss, reason = "a rate")]
    async fn watch(
        &self,
        scene: &Scene,
        daemons: &[Daemon],
        due: Timestamp,
        planned: &[Planned],
    ) -> Result<Drained> {
        let ours = usage::trees(&daemons.iter().map(Daemon::pid).collect::<Vec<_>>());
        let server = match self.on {
            On::Sqlite => Vec::new(),
            On::Postgres => usage::trees(&[cluster().pid()?]),
        };
        let (cpu, own, busy) = times(&ours);
        let server_cpu = usage::cpu_seconds(&server);
        let (began, mut memory, mut looked) = (Instant::now(), Memory::default(), Instant::now());
        let first = daemons.first().context("no daemon")?;
        first
            .until_recorded(&scene.platform, self.count, || {
                if looked.elapsed() > Duration::from_millis(100) {
                    memory.keep_most(usage::memory(&ours));
                    looked = Instant::now();
                }
            })
            .await?;
        let seconds = (Timestamp::now() - due).total(jiff::Unit::Second)?;
        let (cpu_end, own_end, busy_end) = times(&ours);
        memory.keep_most(usage::memory(&ours));
        let (cpu, server_cpu) = (cpu_end - cpu, usage::cpu_seconds(&server) - server_cpu);
        let noise = (busy_end - busy) - cpu - server_cpu - (own_end - own);
        let count = self.count as f64;
        Ok(Drained {
            items_per_s: count / seconds,
            cpu_s_per_1000: cpu * 1000.0 / count,
            server_cpu_s_per_1000: server_cpu * 1000.0 / count,
            memory,
            noise: (noise / began.elapsed().as_secs_f64()).max(0.0),
            judgement: scene.platform.judge(planned),
        })
    }
}

impl Drained {
    pub(crate) fn add_to(&self, figures: &mut Figures, name: &str) {
        figures.add(format!("{name} items/s"), self.items_per_s);
        figures.add(format!("{name} CPU-s/1000"), self.cpu_s_per_1000);
        if self.server_cpu_s_per_1000 > 0.0 {
            figures.add(format!("{name} server CPU-s/1000"), self.server_cpu_s_per_1000);
        }
        figures.add(format!("{name} PSS MiB"), self.memory.pss_mib);
        figures.add(format!("{name} peak RSS MiB"), self.memory.peak_rss_mib);
        figures.add(format!("{name} noise"), self.noise);
    }
}

/// Of the processes, of this one, and of the machine.
fn times(ours: &[u32]) -> (f64, f64, f64) {
    let own = usage::cpu_seconds(&[std::process::id()]);
    (usage::cpu_seconds(ours), own, usage::machine_busy_seconds())
}

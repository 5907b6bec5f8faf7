//! On time: how late items arrive that are due one after another, alone, while the settings reload, and beside a backlog.

use std::time::Duration;

use anyhow::{Result, ensure};
use jiff::{SignedDuration, Timestamp};

use crate::items::{self, Planned};
use crate::platform::{Judgement, Platform};
use crate::scene::{Daemon, On, Scene, Start, sleep_until};
use crate::usage::{self, Memory};

/// One run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OnTime {
    pub(crate) count: usize,
    pub(crate) over: Duration,
    /// Accounts that the items go to.
    pub(crate) accounts: usize,
    /// Accounts in the settings.
    pub(crate) configured: usize,
    pub(crate) beside: Beside,
    pub(crate) on: On,
}

/// What goes on meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Beside {
    Nothing,
    /// Every file of the settings is written anew, again and again.
    Reloads,
    /// One more account has this many items that are all due when the others begin.
    Backlog(usize),
}

/// What it came to.
pub(crate) struct Arrived {
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
    pub(crate) max_ms: f64,
    pub(crate) cpu_s_per_1000: f64,
    pub(crate) memory: Memory,
    pub(crate) judgement: Judgement,
}

const SETTLING: SignedDuration = SignedDuration::from_secs(5);

impl OnTime {
    #[allow(clippy::cast_precision_loss, reason = "a rate")]
    pub(crate) async fn run(&self, platform: &Platform) -> Result<Arrived> {
        platform.reset(0);
        let scene = Scene::new(platform, self.configured, self.on)?;
        let backlog = match self.beside {
            Beside::Backlog(count) => count,
            _ => 0,
        };
        let filling = (self.count + backlog) * 1000 / self.on.filled_a_second();
        let filling = SignedDuration::from_millis(i64::try_from(filling)?);
        let first = Timestamp::now() + filling + SETTLING;
        let mut planned =
            items::evenly(self.count, self.accounts, first, usize::try_from(self.over.as_millis())?);
        let busy = Planned { account: self.accounts, due_unix_ms: first.as_millisecond() };
        planned.extend(std::iter::repeat_n(busy, backlog));
        scene.fill(&planned, 0).await?;
        let daemon = Daemon::start(&scene, Start::default())?;
        ensure!(Timestamp::now() + SignedDuration::from_millis(500) < first, "filling took too long");
        sleep_until(first - SignedDuration::from_millis(300)).await;
        let ours = usage::trees(&[daemon.pid()]);
        let cpu = usage::cpu_seconds(&ours);
        let reloading = self.reload(&scene, &daemon);
        let recorded = daemon.until_recorded(platform, planned.len(), || ());
        tokio::pin!(reloading, recorded);
        let reloads = tokio::select! {
            recorded = &mut recorded => { recorded?; None }
            reloads = &mut reloading => Some(reloads?),
        };
        if reloads.is_some() {
            recorded.await?;
        }
        let cpu = usage::cpu_seconds(&ours) - cpu;
        let mut judgement = platform.judge(&planned);
        // What the backlog's own account waited for is its order.
        let of_others = platform.lateness_us(&planned, |plan| plan.account < self.accounts);
        judgement.lateness_us = of_others;
        Ok(Arrived {
            p50_ms: judgement.percentile_ms(0.50),
            p99_ms: judgement.percentile_ms(0.99),
            max_ms: judgement.percentile_ms(1.0),
            cpu_s_per_1000: cpu * 1000.0 / planned.len() as f64,
            memory: usage::memory(&ours),
            judgement,
        })
    }

    /// Rewrites every file each two seconds, as long as items are due; how often it was done.
    async fn reload(&self, scene: &Scene, daemon: &Daemon) -> Result<usize> {
        if self.beside != Beside::Reloads {
            return std::future::pending().await;
        }
        let rounds = usize::try_from(self.over.as_secs() / 2)?;
        let before = daemon.revision().await?;
        for round in 1..=rounds {
            scene.rename_all_accounts(round);
            tokio::time::sleep(Duration::from_secs(2)).await;
        }
        ensure!(daemon.revision().await? != before, "the daemon has not reloaded anything");
        Ok(rounds)
    }
}

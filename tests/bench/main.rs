//! The benchmarks: the real release daemon with its adapters in their own processes, beside what the machine can do at
//! all, in interleaved rounds of one run. `bash tests/bench/run` builds and starts it.
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "its output is the result")]

mod callbacks;
mod disk;
mod drain;
mod figures;
mod ideal;
mod items;
mod lint;
mod on_time;
mod platform;
mod postgres;
mod raw;
mod report;
mod scene;
mod send_path;
mod usage;
mod waiting;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, ensure};
use clap::{Parser, Subcommand};

use crate::drain::Drain;
use crate::figures::Figures;
use crate::on_time::{Beside, OnTime};
use crate::platform::{Judgement, Platform};
use crate::scene::{On, Start};

/// Prints what juzhen reaches on this machine, each figure beside its limit
#[derive(Debug, Parser)]
struct Bench {
    #[command(subcommand)]
    part: Option<Part>,
    /// Interleaved rounds; the median is printed with the least and the most
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Items of one drain
    #[arg(long, default_value_t = 5000)]
    items: usize,
    /// Accounts, and so requests at a time
    #[arg(long, default_value_t = 50)]
    accounts: usize,
    /// Only these jobs
    #[arg(long, value_delimiter = ',', default_values_t = ["drain", "on-time", "waiting"].map(str::to_owned))]
    only: Vec<String>,
    /// The databases that `drain` and `on-time` are on
    #[arg(long, value_delimiter = ',', default_values_t = ["sqlite", "postgres"].map(str::to_owned))]
    database: Vec<String>,
    /// Waiting items of the job `waiting`
    #[arg(long, value_delimiter = ',', default_values_t = [10_000, 100_000, 1_000_000])]
    waiting: Vec<usize>,
    /// Every figure of every round, as one JSON document
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Part {
    /// A process of its own: the bare client
    #[command(hide = true)]
    Raw(raw::Raw),
    /// A process of its own: the ceiling
    #[command(hide = true)]
    Ideal(ideal::Ideal),
    SendPath(send_path::SendPath),
    Callbacks(callbacks::Callbacks),
    Lint(lint::Lint),
}

#[tokio::main]
async fn main() -> Result<()> {
    let bench = Bench::parse();
    // Every client of this process needs one, be it that it only speaks plain HTTP.
    let _installed = rustls::crypto::ring::default_provider().install_default();
    let rate = match &bench.part {
        Some(Part::Raw(raw)) => raw.run().await?,
        Some(Part::Ideal(ideal)) => ideal.run().await?,
        Some(Part::SendPath(path)) => return path.run().await,
        Some(Part::Callbacks(callbacks)) => return callbacks.run().await,
        Some(Part::Lint(lint)) => return lint.run(),
        None => return bench.run().await,
    };
    println!("{}", serde_json::to_string(&rate)?);
    Ok(())
}

impl Bench {
    async fn run(&self) -> Result<()> {
        let platform = Platform::start()?;
        let mut figures = Figures::default();
        let wanted = |job: &str| self.only.iter().any(|only| only == job);
        for round in 1..=self.rounds {
            if wanted("drain") {
                println!("drain, round {round} of {}", self.rounds);
                self.drains(&platform, &mut figures).await?;
                if self.is_on(On::Postgres) {
                    self.drains_on_a_server(&platform, &mut figures).await?;
                }
            }
            if wanted("on-time") {
                println!("on time, round {round} of {}", self.rounds);
                self.on_time(&platform, &mut figures).await?;
            }
        }
        if wanted("waiting") {
            for waiting in &self.waiting {
                println!("{waiting} waiting");
                waiting::measure(&platform, *waiting, &mut figures).await?;
            }
        }
        report::print(&figures, self);
        if let Some(path) = &self.json {
            std::fs::write(path, serde_json::to_string_pretty(&figures.json())?)?;
        }
        Ok(())
    }

    /// One round of everything that is compared with a drain.
    async fn drains(&self, platform: &Platform, figures: &mut Figures) -> Result<()> {
        let folder = tempfile::tempdir()?;
        figures.add("fdatasync/s", disk::syncs_per_second(folder.path())?);
        for delay_ms in [0, 20] {
            for (fresh, name) in [(true, "raw fresh"), (false, "raw kept")] {
                platform.reset(delay_ms);
                let rate = raw::measure(&platform.url(), self.items, self.accounts, fresh)?;
                figures.add(format!("{name} {delay_ms} ms items/s"), rate.items_per_s);
                figures.add(format!("{name} {delay_ms} ms CPU-s/1000"), rate.cpu_s_per_1000);
            }
            platform.reset(delay_ms);
            let rate = ideal::measure(&platform.url(), self.items, 64, folder.path())?;
            figures.add(format!("ideal {delay_ms} ms items/s"), rate.items_per_s);
            figures.add(format!("ideal {delay_ms} ms CPU-s/1000"), rate.cpu_s_per_1000);
            if self.is_on(On::Sqlite) {
                self.drain(platform, figures, &format!("drain {delay_ms} ms"), self.plain(delay_ms)).await?;
            }
        }
        let single = Drain { start: Start { group: Some(1) }, ..self.plain(0) };
        if self.is_on(On::Sqlite) {
            self.drain(platform, figures, "drain 0 ms, one commit each", single).await?;
        }
        Ok(())
    }

    /// The same on PostgreSQL; then with one daemon and with three on one database.
    async fn drains_on_a_server(&self, platform: &Platform, figures: &mut Figures) -> Result<()> {
        postgres::measure(figures).await?;
        for delay_ms in [0, 20] {
            let drain = Drain { on: On::Postgres, ..self.plain(delay_ms) };
            self.drain(platform, figures, &format!("drain {delay_ms} ms, PostgreSQL"), drain).await?;
            let three = Drain { daemons: 3, ..drain };
            self.drain(platform, figures, &format!("drain {delay_ms} ms, PostgreSQL, 3 daemons"), three)
                .await?;
        }
        let single = Drain { start: Start { group: Some(1) }, on: On::Postgres, ..self.plain(0) };
        self.drain(platform, figures, "drain 0 ms, PostgreSQL, one commit each", single).await
    }

    fn is_on(&self, on: On) -> bool {
        let name = match on {
            On::Sqlite => "sqlite",
            On::Postgres => "postgres",
        };
        self.database.iter().any(|database| database == name)
    }

    fn plain(&self, delay_ms: u64) -> Drain {
        let (count, accounts, start) = (self.items, self.accounts, Start::default());
        Drain { count, accounts, delay_ms, start, on: On::Sqlite, daemons: 1 }
    }

    async fn drain(
        &self,
        platform: &Platform,
        figures: &mut Figures,
        name: &str,
        drain: Drain,
    ) -> Result<()> {
        let drained = drain.run(platform).await?;
        drained.add_to(figures, name);
        println!("  {name}: {:.0} items/s", drained.items_per_s);
        judged(name, &drained.judgement)
    }

    /// One round of lateness: alone; then with many accounts, without and with reloads; then beside a backlog.
    async fn on_time(&self, platform: &Platform, figures: &mut Figures) -> Result<()> {
        let quiet = OnTime {
            count: 2000,
            over: Duration::from_secs(20),
            accounts: 50,
            configured: 51,
            beside: Beside::Nothing,
            on: On::Sqlite,
        };
        let many = OnTime { configured: 10_000, ..quiet };
        let backlog = OnTime { beside: Beside::Backlog(5000), ..quiet };
        let jobs = [
            ("on time", quiet),
            ("on time, 10,000 accounts", many),
            ("on time, 10,000 accounts reload", OnTime { beside: Beside::Reloads, ..many }),
            ("on time beside a backlog", backlog),
            ("on time, PostgreSQL", OnTime { on: On::Postgres, ..quiet }),
            ("on time beside a backlog, PostgreSQL", OnTime { on: On::Postgres, ..backlog }),
        ];
        for (name, job) in jobs.into_iter().filter(|(_, job)| self.is_on(job.on)) {
            let arrived = job.run(platform).await?;
            println!("  {name}: p50 {:.1} ms, p99 {:.1} ms", arrived.p50_ms, arrived.p99_ms);
            figures.add(format!("{name} p50 ms"), arrived.p50_ms);
            figures.add(format!("{name} p99 ms"), arrived.p99_ms);
            figures.add(format!("{name} max ms"), arrived.max_ms);
            figures.add(format!("{name} CPU-s/1000"), arrived.cpu_s_per_1000);
            figures.add(format!("{name} PSS MiB"), arrived.memory.pss_mib);
            judged(name, &arrived.judgement)?;
        }
        Ok(())
    }
}

/// A figure of a run that broke a promise is worth nothing.
fn judged(name: &str, judgement: &Judgement) -> Result<()> {
    ensure!(judgement.is_clean(), "{name} broke a promise: {}", serde_json::to_string(judgement)?);
    if !judgement.others.is_empty() {
        println!("  {name}: also asked for {:?}", judgement.others);
    }
    Ok(())
}

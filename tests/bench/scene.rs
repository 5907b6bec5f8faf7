//! One run's surroundings: a district of the wanted size, a filled store, the real daemon, and what to wait for.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use jiff::Timestamp;
use juzhen_store::{Postgres, PostgresOptions, Sqlite, SqliteOptions, Store};
use juzhen_tests::{District, cluster, juzhen};

use crate::items::{self, Planned, account};
use crate::platform::Platform;

/// Accounts in one file of the settings.
const ACCOUNTS_A_UNIT: usize = 20;
/// Nothing here takes longer; what does is broken.
const PATIENCE: Duration = Duration::from_secs(300);

/// Which database a run is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum On {
    /// The embedded one.
    Sqlite,
    /// A server of our own on the same disk, as durable: `fsync` and `synchronous_commit` are on.
    Postgres,
}

impl On {
    /// The store takes at least so many items a second when it is filled.
    pub(crate) fn filled_a_second(self) -> usize {
        match self {
            Self::Sqlite => 1250,
            Self::Postgres => 60,
        }
    }
}

/// A district with its accounts W000, W001 … in units of twenty.
pub(crate) struct Scene {
    pub(crate) district: District,
    pub(crate) platform: Platform,
    units: usize,
    /// Address of the database, when it is on a server.
    url: Option<String>,
}

impl Scene {
    pub(crate) fn new(platform: &Platform, accounts: usize, on: On) -> Result<Self> {
        let district = District::new(&platform.url());
        let codes: Vec<String> = (1..accounts).map(account).collect();
        let units = codes.chunks(ACCOUNTS_A_UNIT).enumerate();
        let units = units.map(|(number, codes)| {
            let codes: Vec<&str> = codes.iter().map(String::as_str).collect();
            district.unit(&unit(number), "department", &codes);
        });
        let units = units.count();
        let url = match on {
            On::Sqlite => None,
            On::Postgres => Some(cluster().url(&cluster().database(None)?)),
        };
        Ok(Self { district, platform: platform.clone(), units, url })
    }

    /// Fills the database that the daemon will open.
    pub(crate) async fn fill(&self, planned: &[Planned], from: usize) -> Result<()> {
        let store = self.open()?;
        items::fill(&*store, planned, from).await?;
        store.close().await?;
        Ok(())
    }

    /// The database, while no daemon has it.
    pub(crate) fn open(&self) -> Result<Box<dyn Store>> {
        Ok(match &self.url {
            None => Box::new(Sqlite::open(self.district.data().join("juzhen.db"), SqliteOptions::default())?),
            Some(url) => Box::new(Postgres::open(url, &PostgresOptions::default())?),
        })
    }

    /// Writes every file of the units anew, with other names for the accounts.
    pub(crate) fn rename_all_accounts(&self, round: usize) {
        for number in 0..self.units {
            let file = format!("units/{}.yaml", unit(number));
            let text = self.district.read(&file).replace("name: 账号", &format!("name: 第{round}次账号"));
            self.district.write(&file, text.trim_end_matches("...\n"));
        }
    }
}

fn unit(number: usize) -> String {
    format!("U{number:03}")
}

/// A folder that only its owner reads.
fn private(folder: PathBuf) -> Result<PathBuf> {
    std::fs::DirBuilder::new().mode(0o700).create(&folder)?;
    Ok(folder)
}

/// How a daemon is started, beside the district.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Start {
    /// Changes that share one commit; the daemon's own default when `None`.
    pub(crate) group: Option<usize>,
}

/// A running daemon; killed when dropped.
pub(crate) struct Daemon {
    child: Child,
    url: String,
    client: reqwest::Client,
    /// From the start of the process to the line that says it serves.
    pub(crate) started_in: Duration,
}

impl Daemon {
    pub(crate) fn start(scene: &Scene, start: Start) -> Result<Self> {
        Self::start_as(scene, start, 0)
    }

    /// The first, the second … on the same database.
    pub(crate) fn start_as(scene: &Scene, start: Start, number: usize) -> Result<Self> {
        let data = match number {
            0 => scene.district.data(),
            other => private(scene.district.path(&format!("data-{other}")))?,
        };
        let mut command = Command::new(juzhen());
        command.args(["run", "--listen", "127.0.0.1:0", "--config"]).arg(scene.district.config());
        command.arg("--data").arg(data);
        if let Some(url) = &scene.url {
            command.args(["--database", url, "--node", &format!("bench-{number}")]);
        }
        if let Some(group) = start.group {
            command.args(["--i-am-a-test", "--commit-group", &group.to_string()]);
        }
        let log = scene.district.path(&format!("daemon-{number}.log"));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(File::create(&log)?);
        let began = Instant::now();
        let mut child = command.spawn().context("could not start the daemon")?;
        let stdout = child.stdout.take().context("the daemon has no output")?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        let started_in = began.elapsed();
        let Some(url) = line.trim().strip_prefix("listening on ").map(str::to_owned) else {
            bail!("the daemon did not start: {}", std::fs::read_to_string(&log).unwrap_or_default());
        };
        Ok(Self { child, url, client: reqwest::Client::builder().no_proxy().build()?, started_in })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// How many deliveries are in this state.
    pub(crate) async fn deliveries(&self, state: &str) -> Result<usize> {
        let page = self.client.get(format!("{}/metrics", self.url)).send().await?.text().await?;
        let name = format!("juzhen_deliveries{{state=\"{state}\"}} ");
        let line = page.lines().find_map(|line| line.strip_prefix(&name));
        line.and_then(|n| n.trim().parse().ok()).with_context(|| format!("no {name} in the metrics"))
    }

    /// Of the running settings.
    pub(crate) async fn revision(&self) -> Result<String> {
        let page = self.client.get(format!("{}/metrics", self.url)).send().await?.text().await?;
        let line = page.lines().find(|line| line.starts_with("config_revision{"));
        line.map(str::to_owned).context("no revision in the metrics")
    }

    /// Waits until the platform has answered this many posts and all of them are recorded; `each` is called meanwhile.
    pub(crate) async fn until_recorded(
        &self,
        platform: &Platform,
        count: usize,
        mut each: impl FnMut(),
    ) -> Result<()> {
        let began = Instant::now();
        while platform.posts() < count {
            each();
            if began.elapsed() > PATIENCE {
                bail!("only {} of {count} posts within {PATIENCE:?}", platform.posts());
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        while self.deliveries("published").await? < count {
            if began.elapsed() > PATIENCE {
                bail!("only {} of {count} recorded within {PATIENCE:?}", self.deliveries("published").await?);
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        Ok(())
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sleeps until the time on the wall.
pub(crate) async fn sleep_until(time: Timestamp) {
    while let Ok(left) = Duration::try_from(time.duration_since(Timestamp::now())) {
        if left.is_zero() {
            return;
        }
        tokio::time::sleep(left).await;
    }
}

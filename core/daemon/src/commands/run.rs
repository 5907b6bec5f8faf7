//! `juzhen run`: the daemon.

use std::env;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use juzhen_engine::failpoint::Failpoints;
use juzhen_settings::Loader;
use serde_json::json;
use tokio::runtime::Builder;
use tracing::warn;

use super::DataArgs;
use super::secret::secrets_in;
use crate::failure::{Ended, Usage};
use crate::installed::AdaptersArgs;
use crate::logging::{self, LogFormat};
use crate::output::Output;
use crate::run::data::{DataFolder, database_in};
use crate::run::database::{self, Place};
use crate::run::signals::stop_on_signal;
use crate::run::{Daemon, DaemonOptions, master_key, prepare_process};

/// Run the daemon until it is told to stop
#[derive(Debug, Args)]
pub(crate) struct Run {
    /// Folder of district.yaml
    #[arg(long, value_name = "DIR")]
    config: PathBuf,
    #[command(flatten)]
    data: DataArgs,
    /// Database in another place: sqlite:PATH, or postgres://USER@HOST/NAME
    #[arg(long, value_name = "URL")]
    database: Option<String>,
    /// Name of this daemon among those on the same PostgreSQL database; default: the name of the machine
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    node: Option<String>,
    /// Address to listen on; default: as district.yaml says. Port 0 takes a free one
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,
    /// Folder of the secrets where district.yaml names none; default: `secrets` in the data folder
    #[arg(long, value_name = "DIR")]
    secrets: Option<PathBuf>,
    /// File of the key under which secrets are sealed in the database, the same for every daemon on it; default: the
    /// credential `juzhen-master-key` of the service, else `master.key` in the data folder, made at the first start
    #[arg(long, value_name = "FILE")]
    master_key: Option<PathBuf>,
    /// The master key is lost: take the one that is there, or a new one, and let those accounts sign in again
    #[arg(long)]
    new_master_key: bool,
    #[command(flatten)]
    adapters: AdaptersArgs,
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t)]
    log_format: LogFormat,
    /// This is a test: the failpoints named in FAILPOINTS count
    #[arg(long = "i-am-a-test", hide = true)]
    test: bool,
    /// The clock is right although the database has seen later times
    #[arg(long)]
    trust_clock: bool,
    /// Seconds after which a wedged daemon ends itself
    #[arg(long, hide = true, requires = "test", value_name = "SECONDS")]
    wedged_after: Option<u32>,
    /// Seconds for which this daemon counts as there without a sign of life
    #[arg(long, hide = true, requires = "test", value_name = "SECONDS")]
    lease: Option<u64>,
    /// Changes that may share one commit; 1 shows what each costs alone
    #[arg(long, hide = true, requires = "test", value_name = "N")]
    commit_group: Option<usize>,
}

impl Run {
    pub(crate) fn run(self, output: Output) -> Result<Ended> {
        prepare_process()?;
        logging::to_stderr(self.log_format)?;
        let options = self.options()?;
        let runtime = Builder::new_multi_thread().enable_all().build();
        runtime.context("could not start the asynchronous runtime")?.block_on(serve(options, output))?;
        Ok(Ended::Fine)
    }

    fn options(self) -> Result<DaemonOptions> {
        let failpoints = failpoints(self.test)?;
        let node = self.node.clone().unwrap_or_else(database::name_of_machine);
        let database = self.database.as_deref().map(|url| Place::read(url, node)).transpose()?;
        let data = match (self.data.data.clone(), &database) {
            (Some(data), _) => data,
            (None, Some(Place::File(file))) => database::folder_of(file),
            (None, _) => self.data_of_settings()?,
        };
        Ok(DaemonOptions {
            data: DataFolder::open(&data)?,
            master_key: master_key::of(&data, self.master_key, self.new_master_key),
            database: database.unwrap_or_else(|| Place::File(database_in(&data))),
            secrets: self.secrets.unwrap_or_else(|| secrets_in(&data)),
            adapters: self.adapters.or_default(),
            config: self.config,
            listen: self.listen,
            failpoints,
            commit_group: self.commit_group,
            lease: self.lease.map(Duration::from_secs),
            trust_clock: self.trust_clock,
            wedged_after: self.wedged_after,
        })
    }

    /// Where `district.yaml` says, else the default folder. Faults in other files do not move the data; with faults in that
    /// one nobody knows whether it names a folder, and a new, empty database would lose everything that waits.
    fn data_of_settings(&self) -> Result<PathBuf> {
        let mut loader = Loader::new(&self.config);
        // The faults are told at the start itself, which may still run on the last good settings.
        drop(loader.load(None));
        let usual = self.data.or_default();
        let Some(storage) = loader.storage() else {
            if !database_in(&usual).exists() {
                bail!(Usage(format!(
                    "the settings have faults, so they do not say where the data is: say --data DIR; `juzhen check {}` \
                     shows the faults",
                    self.config.display()
                )));
            }
            let data = usual.display();
            warn!(%data, "The settings do not say where the data is: taking the default folder, which has a database");
            return Ok(usual);
        };
        let Some(named) = &storage.directory else { return Ok(usual) };
        let named = self.config.join(named);
        warn_of_new_database(&named);
        Ok(named)
    }
}

/// Which folder was used before is kept nowhere: the settings may be read-only, and the database is in the folder itself.
/// So whoever names another folder and forgets to move the data is told at the first start.
fn warn_of_new_database(data: &Path) {
    if !database_in(data).exists() {
        warn!(
            data = %data.display(),
            "NEW EMPTY DATABASE in the folder that storage.directory names. If there was data elsewhere: stop now, move \
             that folder here, and start again; what waits there is not published"
        );
    }
}

async fn serve(options: DaemonOptions, output: Output) -> Result<()> {
    // Before anything that takes time: a signal during the start stops it in order, too.
    let stop = stop_on_signal()?;
    let daemon = tokio::select! {
        daemon = Daemon::start(options) => daemon?,
        () = stop.soon.cancelled() => return Ok(()),
    };
    let url = format!("http://{}", daemon.address());
    daemon.run(stop, || output.answer(&json!({"listening": url}), |_| format!("listening on {url}"))).await
}

/// A production daemon that would stop at a named point is worse than one that does not start.
fn failpoints(test: bool) -> Result<Failpoints> {
    match env::var("FAILPOINTS") {
        Err(_) => Ok(Failpoints::default()),
        Ok(list) if test => Ok(Failpoints::parse(&list)?),
        Ok(_) => {
            bail!(Usage(
                "FAILPOINTS is set; that is for tests only: unset it, or say --i-am-a-test".to_owned()
            ))
        }
    }
}

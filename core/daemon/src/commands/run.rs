//! `juzhen run`: the daemon.

use std::env;
use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::Args;
use juzhen_engine::failpoint::Failpoints;
use juzhen_settings::Loader;
use serde_json::json;
use tokio::runtime::Builder;

use super::DataArgs;
use super::secret::secrets_in;
use crate::failure::{Ended, Usage};
use crate::installed::AdaptersArgs;
use crate::logging::{self, LogFormat};
use crate::output::Output;
use crate::run::data::{DataFolder, database_in};
use crate::run::signals::stop_on_signal;
use crate::run::{Daemon, DaemonOptions, database, prepare_process};

/// Run the daemon until it is told to stop
#[derive(Debug, Args)]
pub(crate) struct Run {
    /// Folder of district.yaml
    #[arg(long, value_name = "DIR")]
    config: PathBuf,
    #[command(flatten)]
    data: DataArgs,
    /// Database in another place: sqlite:PATH
    #[arg(long, value_name = "URL")]
    database: Option<String>,
    /// Address to listen on; default: as district.yaml says. Port 0 takes a free one
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,
    /// Folder of the secrets where district.yaml names none; default: `secrets` in the data folder
    #[arg(long, value_name = "DIR")]
    secrets: Option<PathBuf>,
    #[command(flatten)]
    adapters: AdaptersArgs,
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t)]
    log_format: LogFormat,
    /// This is a test: the failpoints named in FAILPOINTS count
    #[arg(long = "i-am-a-test", hide = true)]
    test: bool,
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
        let database = self.database.as_deref().map(database::file_of).transpose()?;
        let data = match (self.data.data.clone(), &database) {
            (Some(data), _) => data,
            (None, Some(file)) => database::folder_of(file),
            (None, None) => self.data_of_settings(),
        };
        Ok(DaemonOptions {
            data: DataFolder::open(&data)?,
            database: database.unwrap_or_else(|| database_in(&data)),
            secrets: self.secrets.unwrap_or_else(|| secrets_in(&data)),
            adapters: self.adapters.or_default(),
            config: self.config,
            listen: self.listen,
            failpoints,
        })
    }

    /// Where the settings say. Files with faults say nothing: then the last good ones can only be found with --data.
    fn data_of_settings(&self) -> PathBuf {
        let settings = Loader::new(&self.config).load(None).ok();
        let named = settings.and_then(|settings| settings.storage.directory.clone());
        named.map_or_else(|| self.data.or_default(), |folder| self.config.join(folder))
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

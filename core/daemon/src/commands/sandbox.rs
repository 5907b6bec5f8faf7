//! `juzhen sandbox`: the stand-in platforms alone, for adapter authors and other people's clients.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;
use juzhen_sandbox::{SandboxOptions, Seed};
use tokio::runtime::Builder;

use crate::failure::Ended;
use crate::output::Output;
use crate::run::signals::stop_on_signal;

/// Serve the stand-in platforms until stopped; the first line says where, as JSON
#[derive(Debug, Args)]
pub(crate) struct Sandbox {
    /// Address to listen on; port 0 takes a free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0")]
    listen: SocketAddr,

    /// What the platforms know from the start: apps, accounts, tokens, addresses for callbacks, faults (YAML or JSON)
    #[arg(long, value_name = "FILE")]
    seed: Option<PathBuf>,
}

impl Sandbox {
    pub(crate) fn run(self) -> Result<Ended> {
        // Thousands of clients at once are the point of a sandbox, so it gets all cores.
        let runtime = Builder::new_multi_thread().enable_all().build();
        runtime.context("could not start the asynchronous runtime")?.block_on(self.serve())
    }

    async fn serve(self) -> Result<Ended> {
        let stop = stop_on_signal()?;
        let seed = self.seed.as_deref().map(Seed::read).transpose()?.unwrap_or_default();
        let options = SandboxOptions { listen: self.listen, seed, ..SandboxOptions::default() };
        let sandbox = juzhen_sandbox::Sandbox::bind(options).await?;
        // Always JSON, with and without `--json`: whoever starts it reads this line.
        Output::new(true).document(&sandbox.handle().line())?;
        sandbox.serve(stop.soon).await;
        Ok(Ended::Fine)
    }
}

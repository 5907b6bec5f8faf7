//! `juzhen demo`: a sample district with stand-in platforms, one item walked from submitting to published, then everything
//! is left running to be played with. The daemon is the real one, and so is everything that is asked of it.

mod folder;
mod progress;
mod sample;
mod walk;

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;
use juzhen_engine::Engine;
use juzhen_engine::failpoint::Failpoints;
use juzhen_sandbox::{Sandbox, SandboxHandle, SandboxOptions};
use serde_json::json;
use tokio::runtime::Builder;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::failure::{Ended, one_line};
use crate::logging;
use crate::output::Output;
use crate::run::signals::stop_on_signal;
use crate::run::{Daemon, DaemonOptions, prepare_process};
use crate::table::Table;
use folder::DemoFolder;
use progress::Progress;
use walk::Walked;

/// Try it: a sample district with stand-in platforms, ready to play with
#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// Folder for the sample; one that is there is used as it is
    #[arg(long, value_name = "DIR", default_value = "juzhen-demo")]
    dir: PathBuf,
    /// Address to listen on; default: as the sample says, or a free port
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,
    /// Walk one item, say what came of it, and end
    #[arg(long)]
    once: bool,
}

impl Demo {
    pub(crate) fn run(self, output: Output) -> Result<Ended> {
        prepare_process()?;
        let progress = Progress::start(output);
        let folder = DemoFolder::prepare(&self.dir)?;
        logging::to_file(folder.log()?)?;
        let runtime = Builder::new_multi_thread().enable_all().build();
        runtime
            .context("could not start the asynchronous runtime")?
            .block_on(self.show(&folder, progress, output))
    }

    async fn show(&self, folder: &DemoFolder, progress: Progress, output: Output) -> Result<Ended> {
        let stop = stop_on_signal()?;
        progress.step("样例", "sample", folder.config().display())?;
        let platforms = start_platforms(folder).await?;
        progress.step("模拟平台", "platforms", platforms.page_url())?;
        let daemon = Daemon::start(self.options(folder)).await?;
        let (engine, server) = (daemon.engine().clone(), format!("http://{}", daemon.address()));
        let companion = tokio::spawn(accompany(engine, folder.clone(), platforms.clone(), stop.soon.clone()));
        let (serving, served) = oneshot::channel();
        let running = tokio::spawn(daemon.run(stop.clone(), move || {
            // Whoever waited for it has given up; then there is nothing to tell.
            let _nobody_waits = serving.send(());
            Ok(())
        }));
        let _serving = served.await;
        progress.step("服务", "daemon", &server)?;

        let walked = tokio::select! {
            walked = walk::walk(&server, folder, &progress) => walked.unwrap_or_else(|error| walk::failed(&error)),
            () = stop.soon.cancelled() => walk::failed(&anyhow::anyhow!("stopped before it was over")),
        };
        let page = platforms.page_url();
        let document = json!({
            "ok": walked.ok, "problem": walked.problem, "item": walked.item, "deliveries": walked.deliveries,
            "elapsed_ms": progress.elapsed_ms(), "server": server, "page": page,
            "ledger": platforms.ledger_url(), "dir": self.dir,
        });
        output.answer(&document, |_| table(&walked))?;
        if self.once {
            stop.soon.cancel();
        } else {
            if let Some(problem) = &walked.problem {
                progress.say(problem)?;
            }
            progress.say(walk::afterwards(folder, &server, &page))?;
        }
        running.await.context("the daemon broke off")??;
        companion.await.context("the demonstration broke off")?;
        if !self.once {
            return Ok(Ended::Fine);
        }
        if output.is_json() {
            // The document has said why.
            return Ok(if walked.ok { Ended::Fine } else { Ended::Not });
        }
        walk::require(&walked).map(|()| Ended::Fine)
    }

    fn options(&self, folder: &DemoFolder) -> DaemonOptions {
        DaemonOptions {
            config: folder.config(),
            data: folder.data(),
            database: folder.database(),
            adapters: folder.adapters(),
            secrets: folder.secrets(),
            listen: self.listen.or_else(|| free_instead(folder)),
            failpoints: Failpoints::default(),
        }
    }
}

/// A free port when the one of the settings is taken, most likely by the last demonstration.
fn free_instead(folder: &DemoFolder) -> Option<SocketAddr> {
    let mut wanted = folder.settings()?.server.listen;
    let taken = TcpListener::bind(wanted).is_err();
    wanted.set_port(0);
    taken.then_some(wanted)
}

/// Starts the stand-in platforms where the settings expect them, or elsewhere and tells the settings.
async fn start_platforms(folder: &DemoFolder) -> Result<SandboxHandle> {
    let at = |listen| SandboxOptions { listen, ..SandboxOptions::default() };
    let expected = match folder.platform_address() {
        Some(address) => Sandbox::bind(at(address)).await.ok(),
        None => None,
    };
    let sandbox = match expected {
        Some(sandbox) => sandbox,
        None => Sandbox::bind(SandboxOptions::default()).await?,
    };
    let handle = sandbox.handle();
    folder.point_at(&handle.mock_url())?;
    if let Some(settings) = folder.settings() {
        folder.fill_secrets(&settings)?;
    }
    // Until the process ends: what the daemon still sends while it stops has to arrive.
    tokio::spawn(sandbox.serve(CancellationToken::new()));
    Ok(handle)
}

/// Whatever account is added while it runs gets a made-up secret and its name on the public page.
async fn accompany(engine: Engine, folder: DemoFolder, platforms: SandboxHandle, stop: CancellationToken) {
    let mut seen = None;
    while !stop.is_cancelled() {
        let settings = engine.settings();
        if seen.as_ref() != Some(&settings.revision) {
            if let Err(error) = folder.fill_secrets(&settings) {
                warn!(error = one_line(&error), "Could not make up the secrets of new accounts");
            }
            for account in settings.accounts.values() {
                if let Err(error) = platforms.name_account(&account.uid, &account.name) {
                    warn!(%error, "Could not name an account on the public page");
                }
            }
            seen = Some(settings.revision.clone());
        }
        tokio::select! {
            () = tokio::time::sleep(Duration::from_millis(300)) => {}
            () = stop.cancelled() => {}
        }
    }
}

fn table(walked: &Walked) -> String {
    let mut table =
        Table::new(["账号 account", "名称 name", "平台 platform", "方式 kind", "状态 state", "地址 receipt"]);
    for seen in &walked.deliveries {
        let seen = seen.clone();
        table.row([
            seen.account,
            seen.name,
            seen.platform,
            seen.kind,
            seen.state,
            seen.url.unwrap_or_default(),
        ]);
    }
    format!("\n{table}")
}

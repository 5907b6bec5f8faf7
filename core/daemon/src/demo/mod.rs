//! `juzhen demo`: a sample district with stand-in platforms, one item walked from submitting to published, then everything
//! is left running to be played with. The daemon is the real one, and so is everything that is asked of it.

mod folder;
mod progress;
pub(crate) mod sample;
mod walk;

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;
use juzhen_engine::failpoint::Failpoints;
use juzhen_engine::{Engine, MasterKey};
use juzhen_sandbox::{Sandbox, SandboxHandle, SandboxOptions};
use serde_json::{Value, json};
use tokio::runtime::Builder;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::failure::{Ended, one_line};
use crate::logging;
use crate::output::Output;
use crate::run::data::DataFolder;
use crate::run::database::Place;
use crate::run::signals::{Stop, stop_on_signal};
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
        let scene = Scene::set(self, folder, &stop, progress).await?;
        let walked = tokio::select! {
            walked = walk::walk(&scene.server, folder, &progress) => walked.unwrap_or_else(|error| walk::failed(&error)),
            () = stop.soon.cancelled() => walk::failed(&anyhow::anyhow!("stopped before it was over")),
        };
        output.answer(&self.document(&walked, &scene, progress), |_| table(&walked))?;
        if self.once {
            stop.soon.cancel();
        } else {
            progress.say(walked.problem.as_deref().unwrap_or_default())?;
            progress.say(walk::afterwards(folder, &scene.server, &scene.platforms.page_url()))?;
        }
        scene.end().await?;
        match &walked.problem {
            Some(_) if self.once && output.is_json() => Ok(Ended::Not),
            Some(problem) if self.once => bail!("the demonstration did not come to its end: {problem}"),
            _ => Ok(Ended::Fine),
        }
    }

    fn document(&self, walked: &Walked, scene: &Scene, progress: Progress) -> Value {
        json!({
            "ok": walked.ok, "problem": walked.problem, "item": walked.item, "deliveries": walked.deliveries,
            "elapsed_ms": progress.elapsed_ms(), "server": scene.server, "page": scene.platforms.page_url(),
            "ledger": scene.platforms.ledger_url(), "dir": self.dir,
        })
    }
}

/// Everything that runs during a demonstration.
struct Scene {
    platforms: SandboxHandle,
    /// Address of the daemon.
    server: String,
    daemon: JoinHandle<Result<()>>,
    companion: JoinHandle<()>,
}

impl Scene {
    async fn set(demo: &Demo, folder: &DemoFolder, stop: &Stop, progress: Progress) -> Result<Self> {
        // First of all: another demonstration on this folder must not be disturbed.
        let data = DataFolder::open(&folder.data())?;
        progress.step("样例", "sample", folder.config().display())?;
        let platforms = start_platforms(folder).await?;
        progress.step("模拟平台", "platforms", platforms.page_url())?;
        let daemon = Daemon::start(DaemonOptions {
            master_key: MasterKey::File { path: data.path().join("master.key"), anew: false },
            data,
            config: folder.config(),
            database: Place::File(folder.database()),
            adapters: folder.adapters(),
            secrets: folder.secrets(),
            listen: demo.listen.or_else(|| free_instead(folder)),
            failpoints: Failpoints::default(),
            commit_group: None,
            trust_clock: false,
            lease: None,
            wedged_after: None,
        });
        let daemon = daemon.await?;
        let (engine, server) = (daemon.engine().clone(), format!("http://{}", daemon.address()));
        // Before anything is claimed.
        folder.fill_secrets(&engine).await?;
        let companion = accompany(engine, folder.clone(), platforms.clone(), stop.soon.clone());
        let (serving, served) = oneshot::channel();
        let running = daemon.run(stop.clone(), move || {
            // Whoever waited for it has given up; then there is nothing to tell.
            let _nobody_waits = serving.send(());
            Ok(())
        });
        let (daemon, companion) = (tokio::spawn(running), tokio::spawn(companion));
        let _serving = served.await;
        progress.step("服务", "daemon", &server)?;
        Ok(Self { platforms, server, daemon, companion })
    }

    /// Waits until the daemon was told to stop and has.
    async fn end(self) -> Result<()> {
        self.daemon.await.context("the daemon broke off")??;
        self.companion.await.context("the demonstration broke off")
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
            if let Err(error) = folder.fill_secrets(&engine).await {
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

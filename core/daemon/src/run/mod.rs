//! The life of the daemon: one data folder, one engine, one server, and the signals that end or refresh them.
//!
//! Started in the order in which things can fail without harm: the data folder and its lock, the database, the engine
//! (settings, adapters, what a crash left behind), the address. Only then is anything claimed, and only then does the
//! line `listening on …` appear. Ended in the opposite order: nothing new is claimed, what has begun is finished within
//! [`GRACE`], adapters and database are closed.

mod backups;
pub(crate) mod data;
pub(crate) mod database;
mod manager;
pub(crate) mod master_key;
pub(crate) mod signals;
mod stop_flag;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use axum::Router;
use juzhen_domain::id::PersonId;
use juzhen_engine::clock::Machine;
use juzhen_engine::failpoint::Failpoints;
use juzhen_engine::high_water;
use juzhen_engine::{Engine, EngineOptions, Folder, MasterKey, ReloadOutcome, StartError};
use juzhen_host::HostStartError;
use juzhen_server::{LocalInvitation, ServerOptions, Tokens};
use juzhen_settings::Locale;
use rustix::fs::Mode;
use rustix::process::umask;
use sd_notify::NotifyState;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::tokens::TokenFolder;
use data::DataFolder;
use signals::Stop;

/// How long a send may go on after the daemon was told to stop. With closing, the whole stays below 45 s (P15).
const GRACE: Duration = Duration::from_secs(40);
/// How long closing may take when nobody wants to wait any longer.
const HASTE: Duration = Duration::from_secs(2);

/// What a daemon is started with.
#[derive(Debug)]
pub(crate) struct DaemonOptions {
    pub(crate) data: DataFolder,
    pub(crate) config: PathBuf,
    pub(crate) database: database::Place,
    /// Where adapters are when the settings do not say.
    pub(crate) adapters: PathBuf,
    /// Where secrets are when the settings do not say.
    pub(crate) secrets: PathBuf,
    /// Under which secrets are sealed in the database.
    pub(crate) master_key: MasterKey,
    /// Instead of the address of the settings.
    pub(crate) listen: Option<SocketAddr>,
    pub(crate) failpoints: Failpoints,
    /// Changes that may share one commit, instead of the store's own number; for measurements.
    pub(crate) commit_group: Option<usize>,
    /// Believe the clock although the database has seen later times.
    pub(crate) trust_clock: bool,
    /// How long this daemon counts as there without a sign of life, instead of the engine's own time; for tests.
    pub(crate) lease: Option<Duration>,
    /// Seconds after which a wedged daemon ends itself, where it is not to be the usual time.
    pub(crate) wedged_after: Option<u32>,
}

/// A daemon that is ready to serve; nothing is claimed yet.
pub(crate) struct Daemon {
    engine: Engine,
    router: Router,
    listener: TcpListener,
    address: SocketAddr,
    wedged_after: u32,
    words: Words,
    // Let go of last.
    folder: DataFolder,
}

/// Signals that ask for something else than the end. Listened for from the start: unheard, they would end the process.
struct Words {
    reload: Signal,
    stop_all: Signal,
}

/// What has to be true before anything is read or written: files for our eyes only, memory that nobody can dump.
pub(crate) fn prepare_process() -> Result<()> {
    umask(Mode::from_raw_mode(0o077));
    juzhen_host::harden_this_process().context("could not shut other processes out of this one's memory")
}

impl Words {
    fn listen() -> Result<Self> {
        let handler = |kind| signal(kind).context("could not listen for signals");
        Ok(Self { reload: handler(SignalKind::hangup())?, stop_all: handler(SignalKind::user_defined1())? })
    }
}

impl Daemon {
    pub(crate) async fn start(options: DaemonOptions) -> Result<Self> {
        let words = Words::listen()?;
        if let Some(file) = options.database.file() {
            high_water::refuse_missing_database(options.data.path(), file)?;
        }
        let failpoints = Arc::new(options.failpoints);
        let folder = options.data;
        let store = database::open(&options.database, &options.config, options.commit_group, &failpoints)?;
        let tokens = TokenFolder::in_data(folder.path());
        let engine = Engine::start(EngineOptions {
            config: options.config.clone(),
            adapters: options.adapters,
            secrets: options.secrets,
            store,
            world: Arc::new(Machine),
            failpoints,
            files: Folder::new(&options.config),
            mark: Some(folder.path().join(high_water::FILE)),
            master_key: options.master_key,
            lease: options.lease.unwrap_or(juzhen_engine::LEASE),
            tune_host: Arc::new(|_| {}),
        })
        .await
        .map_err(|error| told(error, &options.config))?;
        if options.trust_clock {
            engine.trust_clock();
        }
        stop_flag::look(&engine, folder.path()).await;
        let listen = options.listen.unwrap_or_else(|| engine.settings().server.listen);
        let listener = TcpListener::bind(listen).await.with_context(|| {
            format!(
                "could not listen on {listen}: choose another address with --listen, or stop what uses it"
            )
        })?;
        let address = listener.local_addr().context("could not ask for our own address")?;
        let mut surface = ServerOptions::new(Arc::new(tokens));
        if let Some(file) = options.database.file() {
            surface.backups = Some(Arc::new(backups::OfFile(file.to_owned())));
        }
        let router = juzhen_server::router(engine.clone(), surface);
        let wedged_after = options.wedged_after.unwrap_or(manager::END_AFTER);
        Ok(Self { engine, router, listener, address, wedged_after, words, folder })
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves and publishes until told to stop; `serving` is called once requests are answered.
    pub(crate) async fn run(self, stop: Stop, serving: impl FnOnce() -> Result<()>) -> Result<()> {
        let Self { engine, router, listener, wedged_after, words, folder, .. } = self;
        let server = tokio::spawn(juzhen_server::serve(listener, router, stop.soon.clone()));
        let reloads = tokio::spawn(reload_on_hangup(words.reload, engine.clone(), stop.soon.clone()));
        tokio::spawn(wake_with_others(engine.clone(), stop.soon.clone()));
        let data = folder.path().to_owned();
        tokio::spawn(stop_flag::run(engine.clone(), data, words.stop_all, stop.soon.clone()));
        let watchdog = manager::watchdog(engine.clone(), stop.soon.clone(), wedged_after)
            .context("could not start the watchdog")?;
        if let Err(error) = serving() {
            // Nobody hears us; then nobody would know how to stop us either.
            stop.soon.cancel();
            warn!("Could not say that we serve; stopping");
            finish(&engine, &stop).await?;
            return Err(error);
        }
        manager::tell(NotifyState::Ready);
        finish(&engine, &stop).await?;
        // Both end by themselves; a panic of theirs was logged where it happened.
        drop(tokio::time::timeout(HASTE, async { tokio::join!(server, reloads) }).await);
        drop(watchdog);
        info!(data = %folder.path().display(), "Stopped");
        Ok(())
    }
}

/// Runs the engine to its end, or to the moment when nobody wants to wait for it any longer, or when the database fails.
async fn finish(engine: &Engine, stop: &Stop) -> Result<()> {
    let stopping = async {
        stop.soon.cancelled().await;
        manager::tell(NotifyState::Stopping);
        std::future::pending::<()>().await;
    };
    tokio::select! {
        biased;
        // Said before the engine can be done.
        () = stopping => {}
        () = engine.run(stop.soon.clone(), GRACE) => {}
        () = stop.now.cancelled() => {
            warn!("Not waiting for what has begun: it is looked up after the next start");
            let close = async { engine.host().shutdown(Duration::ZERO).await; engine.store().close().await };
            drop(tokio::time::timeout(HASTE, close).await);
        }
        why = engine.broken() => {
            let close = async { engine.host().shutdown(Duration::ZERO).await; engine.store().close().await };
            drop(tokio::time::timeout(HASTE, close).await);
            bail!("the daemon broke: {why}; the next start looks up what was under way");
        }
        why = engine.store().broken() => {
            // What is under way cannot be recorded any more; the next start finds its intent and looks for it (F21).
            drop(tokio::time::timeout(HASTE, engine.host().shutdown(Duration::ZERO)).await);
            bail!("the database has failed ({why}); the next start checks the file and goes on from what is on disk");
        }
    }
    Ok(())
}

/// What another daemon on the same database changes is looked at now, not at the next round.
async fn wake_with_others(engine: Engine, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = engine.store().woken() => engine.wake_with_others(),
            () = stop.cancelled() => return,
        }
    }
}

/// SIGHUP: read the configuration now. What it brought is in the log.
async fn reload_on_hangup(mut hangup: Signal, engine: Engine, stop: CancellationToken) {
    loop {
        tokio::select! {
            _ = hangup.recv() => {}
            () = stop.cancelled() => return,
        }
        manager::tell(NotifyState::Reloading);
        let outcome = engine.reload().await;
        manager::tell(NotifyState::Ready);
        match outcome {
            ReloadOutcome::Unchanged { revision } => info!(revision, "SIGHUP: the files are as they were"),
            ReloadOutcome::Applied { revision, .. } => info!(revision, "SIGHUP: new settings run"),
            ReloadOutcome::Refused(report) => {
                warn!(faults = report.faults.len(), "SIGHUP: the files have faults");
            }
            ReloadOutcome::NeedsConfirmation(proposed) => {
                warn!(revision = proposed.revision, "SIGHUP: a person has to confirm this change");
            }
            ReloadOutcome::NotKept { problem } => warn!(problem, "SIGHUP: the settings could not be kept"),
        }
    }
}

/// Why it did not start, with what to do. Refused settings are shown as `check` shows them.
#[allow(clippy::print_stderr, reason = "the report belongs on the terminal of whoever starts it")]
fn told(error: StartError, config: &Path) -> anyhow::Error {
    match &error {
        StartError::Settings { report, .. } => {
            eprintln!("{}", report.display(Locale::from_environment()));
            let (faults, config) = (report.faults.len(), config.display());
            anyhow!(
                "the settings in {config} have {faults} faults, and no earlier ones are kept: run `juzhen check {config}`"
            )
        }
        StartError::Host(HostStartError::Folder { folder, reason }) => anyhow!(
            "could not read the adapters' folder {}: {reason}; name it with --adapters DIR, or as adapters.directory in \
             district.yaml",
            folder.display()
        ),
        _ => error.into(),
    }
}

impl Tokens for TokenFolder {
    fn person(&self, token: &str) -> Option<PersonId> {
        TokenFolder::person(self, token, jiff::Timestamp::now())
    }

    fn take_back(&self, person: &PersonId) {
        if let Err(error) = self.revoke(person) {
            warn!(error = format!("{error:#}"), %person, "Tokens of this machine could not be taken back");
        }
    }

    fn invitation(&self, token: &str) -> Option<LocalInvitation> {
        TokenFolder::invitation(self, token, jiff::Timestamp::now())
    }

    fn forget_invitation(&self, token: &str) {
        if let Err(error) = self.forget(token) {
            warn!(error = format!("{error:#}"), "An invitation that was taken could not be removed");
        }
    }
}

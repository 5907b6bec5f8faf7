//! The running part: settings, adapters and store put together, one service a file.
//!
//! `claim` takes what is due, `send` sends it, `reconcile` closes doubts, `track` asks asynchronous platforms, `sweep`
//! keeps the times, `reload` follows the files, `watch` looks for posts that are not ours, `intake` and `callback` take in
//! what readers write, `outbox` tells people. Each decides with pure functions of `domain` and acts through the store and
//! the host.

#![forbid(unsafe_code)]

mod authorize;
mod callback;
mod claim;
pub mod clock;
mod examine;
pub mod failpoint;
mod files;
mod follow;
mod given;
mod health;
pub mod high_water;
mod hook;
mod inside;
mod intake;
mod interpret;
mod look;
mod look_after;
mod node;
mod outbox;
mod panics;
mod pausing;
mod ports;
mod recheck;
mod reconcile;
mod reload;
mod room;
mod running;
mod said;
mod seal;
mod send;
mod service;
mod share;
mod sign_in;
mod start;
mod stop_all;
mod sweep;
mod tokens;
mod track;
mod upkeep;
mod used;
mod vault;
mod watch;
mod witness;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use arc_swap::ArcSwap;
use jiff::Timestamp;
use juzhen_host::Host;
use juzhen_store::Store;
use tokio::sync::{Mutex, Notify};
use tokio_util::sync::CancellationToken;

use crate::clock::{Guard, World};
use crate::failpoint::Failpoints;
use crate::health::Board;
use crate::high_water::HighWater;
use crate::node::Node;
use crate::panics::Panics;
use crate::service::Wakes;
use crate::tokens::Tokens;

pub use crate::authorize::{AuthorizationBegun, AuthorizationReturned, NotSignedIn, RETURN_PATH, SignedIn};
pub use crate::callback::{Callback, CallbackAnswer, CallbackRequest};
pub use crate::files::{Files, Folder};
pub use crate::health::{Health, ServiceHealth};
pub use crate::look_after::AccountCheck;
pub use crate::node::{LEASE, Standing};
pub use crate::reload::{Proposed, ReloadOutcome, ReloadStatus};
pub use crate::room::Room;
pub use crate::running::installed;
pub use crate::seal::{KeyFileError, MasterKey, RotateError, Rotated};
pub use crate::start::{EngineOptions, StartError, TuneHost};
pub use crate::used::{SecretState, SecretUse, may_be_a_file, named, report};
pub use crate::vault::{KeptSecret, LONGEST_SECRET, Vault, VaultError};
// The server matches on it and may not know the host; and hands secrets on.
pub use juzhen_host::{AdapterState, Secret};
pub use juzhen_settings::Settings;

/// The running daemon without its surface. Cheap to clone.
#[derive(Clone)]
pub struct Engine(Arc<Inner>);

struct Inner {
    files: Arc<dyn Files>,
    store: Arc<dyn Store>,
    world: Arc<dyn World>,
    host: Host,
    node: Arc<Node>,
    tokens: Tokens,
    current: Arc<ArcSwap<Settings>>,
    status: ArcSwap<ReloadStatus>,
    reload_lock: Mutex<()>,
    reload_asked: AtomicBool,
    stopped: AtomicBool,
    board: Board,
    guard: Guard,
    panics: Panics,
    wakes: Wakes,
    failpoints: Arc<Failpoints>,
    high_water: HighWater,
}

/// What `start` hands over.
struct Parts {
    options: EngineOptions,
    current: Arc<ArcSwap<Settings>>,
    host: Host,
    status: ReloadStatus,
    stopped: bool,
    high_water: HighWater,
    guard: Guard,
    node: Arc<Node>,
    tokens: Tokens,
}

impl Engine {
    /// Loads the settings (or the last good set), starts the adapters and looks after what a crash left. Nothing is
    /// claimed before [`Engine::run`].
    ///
    /// # Errors
    /// Settings with faults and no kept set, an adapter folder that cannot be read, a database that cannot be read.
    pub async fn start(options: EngineOptions) -> Result<Self, StartError> {
        start::start(options).await
    }

    fn assemble(parts: Parts) -> Self {
        let EngineOptions { files, store, world, failpoints, .. } = parts.options;
        let board = Board::new(world.monotonic());
        Self(Arc::new(Inner {
            files,
            store,
            world,
            host: parts.host,
            node: parts.node,
            tokens: parts.tokens,
            current: parts.current,
            status: ArcSwap::from_pointee(parts.status),
            reload_lock: Mutex::default(),
            reload_asked: AtomicBool::new(false),
            stopped: AtomicBool::new(parts.stopped),
            board,
            guard: parts.guard,
            panics: Panics::default(),
            wakes: Wakes::default(),
            failpoints,
            high_water: parts.high_water,
        }))
    }

    /// Runs every service until `stop`, then finishes what is under way within `grace` and closes adapters and store.
    pub async fn run(&self, stop: CancellationToken, grace: Duration) {
        let engine = || self.clone();
        let settled = CancellationToken::new();
        let claiming = async {
            claim::run(engine(), stop.clone(), grace).await;
            settled.cancel();
        };
        tokio::join!(
            claiming,
            node::run(engine(), settled.clone()),
            reconcile::run(engine(), stop.clone()),
            track::run(engine(), stop.clone()),
            recheck::run(engine(), stop.clone()),
            sweep::run(engine(), stop.clone()),
            reload::run(engine(), stop.clone()),
            high_water::run(engine(), stop.clone()),
            upkeep::run(engine(), stop.clone()),
            outbox::run(engine(), stop.clone()),
            hook::run(engine(), stop.clone()),
            watch::run(engine(), stop.clone()),
            intake::run(engine(), stop.clone()),
            sign_in::run(engine(), stop.clone()),
            look_after::run(engine(), stop.clone()),
        );
        self.host().shutdown(Duration::from_secs(2)).await;
        if let Err(error) = self.node().leave(self.store().as_ref()).await {
            tracing::warn!(error = with_causes(&error), "Could not leave: others wait for the lease to end");
        }
        if let Err(error) = high_water::look(self).await {
            tracing::warn!(
                error = with_causes(&error),
                "How far the history goes could not be kept at the end"
            );
        }
        if let Err(error) = self.store().close().await {
            tracing::error!(error = with_causes(&error), "The store did not close well");
        }
    }

    pub fn store(&self) -> &Arc<dyn Store> {
        &self.0.store
    }

    pub fn host(&self) -> &Host {
        &self.0.host
    }

    /// The running settings: one whole set, never a mixture.
    pub fn settings(&self) -> Arc<Settings> {
        self.0.current.load_full()
    }

    pub fn reload_status(&self) -> Arc<ReloadStatus> {
        self.0.status.load_full()
    }

    /// Reads the files now and answers with what came of it.
    pub async fn reload(&self) -> ReloadOutcome {
        reload::reload(self, None).await
    }

    /// The same for a large change that a person confirmed by its revision (F95).
    pub async fn reload_confirmed(&self, revision: &str) -> ReloadOutcome {
        reload::reload(self, Some(revision)).await
    }

    pub fn now(&self) -> Timestamp {
        self.0.world.now()
    }

    /// A new id, ordered by time.
    pub fn new_id(&self) -> String {
        clock::new_id(&self.0.world)
    }

    /// The latest time for something due at `due_at`, when nobody named one.
    pub fn latest(&self, due_at: Timestamp) -> Timestamp {
        running::latest(&self.settings(), due_at)
    }

    /// The secrets that people have given.
    pub fn vault(&self) -> &Vault {
        self.tokens().vault()
    }

    /// What is known of every secret that is kept or named.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn secrets(&self) -> Result<Vec<SecretUse>, juzhen_store::StoreError> {
        let kept = self.vault().list().await?;
        let given = self.tokens().given_secrets();
        let is_file = |name: &str| given.folder().join(name).exists();
        Ok(report(Some(&self.settings()), kept, is_file))
    }

    /// The file that stands before what is kept under this name, if there is one and the settings name it so.
    pub fn secret_file(&self, name: &str) -> Option<std::path::PathBuf> {
        let file = self.tokens().given_secrets().folder().join(name);
        (may_be_a_file(&self.settings(), name) && file.exists()).then_some(file)
    }

    /// Something may be due now.
    pub fn wake(&self) {
        let wakes = &self.0.wakes;
        [&wakes.claim, &wakes.reconcile, &wakes.track, &wakes.sweep].into_iter().for_each(Notify::notify_one);
    }

    /// Another daemon on the same database has changed something.
    pub fn wake_with_others(&self) {
        self.wake();
        if self.is_stopped() {
            self.0.wakes.node.notify_one();
        }
    }

    /// Whether every service does its work.
    pub fn health(&self) -> Health {
        let doubt = self.clock_doubt();
        self.0.board.health(self.0.world.monotonic(), doubt, self.0.guard.jumps())
    }

    /// A named point of the surface is reached.
    pub fn reach(&self, point: &'static str) {
        self.failpoints().reach(point);
    }

    /// A person says that the clock is right although the database has seen later times (F43).
    pub fn trust_clock(&self) {
        self.0.guard.trust(self.0.world.as_ref());
    }

    /// Ends with the reason once the daemon's own code broke so often that only a new start helps (F15).
    pub async fn broken(&self) -> String {
        self.0.panics.too_many().await
    }

    /// The daemon's failpoints; none is set outside tests.
    pub fn failpoints(&self) -> &Arc<Failpoints> {
        &self.0.failpoints
    }

    /// How this daemon stands among others on the same database.
    pub fn standing_among_others(&self) -> Standing {
        self.node().standing(self.0.world.monotonic())
    }
}

/// An error and what caused it, in one line.
pub fn with_causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |e| e.source());
    causes.fold(error.to_string(), |line, cause| format!("{line}: {cause}"))
}

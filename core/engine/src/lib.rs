//! The running part: settings, adapters and store put together, one service a file.
//!
//! `claim` takes what is due, `send` sends it, `reconcile` closes doubts, `track` asks asynchronous platforms, `sweep`
//! keeps the times, `reload` follows the files, `watch` looks for posts that are not ours, `outbox` tells people. Each
//! decides with pure functions of `domain` and acts through the store and the host.

#![forbid(unsafe_code)]

mod claim;
pub mod clock;
pub mod failpoint;
mod files;
mod given;
pub mod high_water;
mod hook;
mod interpret;
mod look;
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
mod seal;
mod send;
mod service;
mod sign_in;
mod start;
mod sweep;
mod tokens;
mod track;
mod upkeep;
mod watch;
mod witness;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use jiff::Timestamp;
use juzhen_domain::clock::{Doubt, Reading};
use juzhen_domain::id::{AccountId, DeliveryId, PersonId};
use juzhen_domain::route::{self, PublishedOn, Subject};
use juzhen_domain::schedule::{self, Onward};
use juzhen_host::Host;
use juzhen_settings::Settings;
use juzhen_store::{Follow, StandingOf, Stop, Store, StoreError};
use tokio::sync::{Mutex, MutexGuard, Notify};
use tokio_util::sync::CancellationToken;

use crate::clock::{Guard, World};
use crate::failpoint::Failpoints;
use crate::high_water::HighWater;
use crate::node::Node;
use crate::panics::Panics;
use crate::service::Board;
use crate::tokens::Tokens;

pub use crate::files::{Files, Folder};
pub use crate::node::{LEASE, Standing};
pub use crate::reload::{Proposed, ReloadOutcome, ReloadStatus};
pub use crate::room::Room;
pub use crate::running::installed;
pub use crate::seal::MasterKey;
pub use crate::service::{Health, ServiceHealth};
pub use crate::start::{EngineOptions, StartError, TuneHost};
// The server matches on it and may not know the host.
pub use juzhen_host::AdapterState;

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

#[derive(Default)]
struct Wakes {
    claim: Notify,
    reconcile: Notify,
    track: Notify,
    recheck: Notify,
    sweep: Notify,
    node: Notify,
    reload: Notify,
    mark: Notify,
    outbox: Notify,
    hook: Notify,
    watch: Notify,
    sign_in: Notify,
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
            sign_in::run(engine(), stop.clone()),
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

    /// Something may be due now.
    pub fn wake(&self) {
        let wakes = &self.0.wakes;
        [&wakes.claim, &wakes.reconcile, &wakes.track, &wakes.sweep].into_iter().for_each(Notify::notify_one);
    }

    /// A delivery was settled: its account may send the next one, and a look may be due. What the sweep does follows from time
    /// and from people; it is a change that nothing else goes beside, so one for each settled delivery would hold up the sends.
    pub(crate) fn wake_after_settling(&self) {
        let wakes = &self.0.wakes;
        [&wakes.claim, &wakes.reconcile, &wakes.track].into_iter().for_each(Notify::notify_one);
    }

    /// Another daemon on the same database has changed something.
    pub fn wake_with_others(&self) {
        self.wake();
        if self.is_stopped() {
            self.0.wakes.node.notify_one();
        }
    }

    /// STOP ALL: no new effect begins from the moment this returns (P26). The ledger asks the store in each commit, so it
    /// holds for sends under way as well, and after a restart.
    ///
    /// # Errors
    /// When the store could not keep it.
    pub async fn stop_all(&self, by: &PersonId, reason: &str) -> Result<Stop, StoreError> {
        self.0.stopped.store(true, Ordering::SeqCst);
        let kept = self.store().stop(by.clone(), reason.to_owned(), self.now()).await;
        if kept.is_err() {
            let still = self.store().stopped().await.map_or(true, |stop| stop.is_some());
            self.0.stopped.store(still, Ordering::SeqCst);
        }
        self.wake();
        kept
    }

    /// One person's word to lift it; `None` when the second word was said and it is lifted.
    ///
    /// # Errors
    /// When the store could not keep it.
    pub async fn lift_stop(&self, by: &PersonId) -> Result<Option<Stop>, StoreError> {
        let left = self.store().lift_stop(by.clone(), self.now()).await?;
        self.0.stopped.store(left.is_some(), Ordering::SeqCst);
        self.wake();
        Ok(left)
    }

    /// Whether every service does its work.
    pub fn health(&self) -> Health {
        let doubt = self.clock_doubt();
        self.0.board.health(self.0.world.monotonic(), doubt, self.0.guard.jumps())
    }

    fn rest(&self, next_in: Duration) -> Duration {
        self.0.world.rest(next_in)
    }

    fn swap(&self, settings: Arc<Settings>) {
        self.0.current.store(settings);
    }

    fn change_status(&self, change: impl Fn(&mut ReloadStatus)) {
        let now = self.now();
        self.0.status.rcu(|status| {
            let mut status = ReloadStatus::clone(status);
            status.last_try_at = now;
            change(&mut status);
            status
        });
    }

    fn standing(&self) -> StandingOf {
        claim::standing(self)
    }

    fn serving_adapters(&self) -> BTreeSet<String> {
        self.host().serving()
    }

    /// The forwards that follow from something published, by the routes that run at that moment.
    pub fn follow(&self) -> Follow {
        self.follow_at("record.before_commit")
    }

    /// The same, reaching this point inside the transaction.
    fn follow_at(&self, point: &'static str) -> Follow {
        let settings = self.settings();
        let world = Arc::clone(&self.0.world);
        let failpoints = Arc::clone(&self.0.failpoints);
        Arc::new(move |delivery, item, already: &BTreeSet<AccountId>| {
            failpoints.reach(point);
            let published = PublishedOn {
                subject: Subject { unit: &item.unit, column: item.column.as_ref() },
                account: &delivery.account,
                platform: &delivery.platform,
                hops: delivery.kind.hops(),
                already,
            };
            let now = world.now();
            let onward = Onward {
                accounts: &settings.accounts,
                revision: settings.revision.as_str(),
                latest_at: running::latest(&settings, now),
                now,
            };
            let targets = route::follow(&settings.routes, &published);
            schedule::forwards(item, delivery, targets, &onward, || DeliveryId::new(clock::new_id(&world)))
        })
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

    /// Why nothing may be decided by the time now (P14).
    fn clock_doubt(&self) -> Option<Doubt> {
        self.0.guard.look(self.0.world.as_ref())
    }

    fn reading(&self) -> Reading {
        clock::reading(self.0.world.as_ref())
    }

    fn panicked(&self, task: &'static str, panic: &(dyn std::any::Any + Send)) {
        self.0.panics.note(task, panic, self.0.world.monotonic());
    }

    /// The daemon's failpoints; none is set outside tests.
    pub fn failpoints(&self) -> &Arc<Failpoints> {
        &self.0.failpoints
    }

    /// A stop that the store keeps already.
    fn stopped_by_daemon(&self) {
        self.0.stopped.store(true, Ordering::SeqCst);
    }

    fn high_water(&self) -> &HighWater {
        &self.0.high_water
    }

    fn is_stopped(&self) -> bool {
        self.0.stopped.load(Ordering::SeqCst)
    }

    /// How this daemon stands among others on the same database.
    pub fn standing_among_others(&self) -> Standing {
        self.node().standing(self.0.world.monotonic())
    }

    fn node(&self) -> &Node {
        &self.0.node
    }

    fn tokens(&self) -> &Tokens {
        &self.0.tokens
    }

    fn world(&self) -> &Arc<dyn World> {
        &self.0.world
    }

    /// The id to claim with, while this daemon is a worker.
    fn worker(&self) -> Option<String> {
        self.node().worker(self.0.world.monotonic())
    }

    /// Whether this daemon does now what one does for all.
    async fn has_turn(&self, name: &'static str) -> Result<bool, StoreError> {
        self.node().has_turn(name, self.store().as_ref(), self.0.world.as_ref()).await
    }

    /// Another daemon may have lifted the stop that this one remembers. What the store keeps holds without it.
    async fn forget_lifted_stop(&self) -> Result<(), StoreError> {
        if self.is_stopped() && self.store().stopped().await?.is_none() {
            self.0.stopped.store(false, Ordering::SeqCst);
            self.wake();
        }
        Ok(())
    }

    fn files(&self) -> &Arc<dyn Files> {
        &self.0.files
    }

    async fn reload_lock(&self) -> MutexGuard<'_, ()> {
        self.0.reload_lock.lock().await
    }

    fn ask_reload(&self) {
        self.0.reload_asked.store(true, Ordering::SeqCst);
        self.0.wakes.reload.notify_one();
    }

    /// The same without a wake: the next round takes it up.
    fn ask_reload_later(&self) {
        self.0.reload_asked.store(true, Ordering::SeqCst);
    }

    fn take_reload_request(&self) -> bool {
        self.0.reload_asked.swap(false, Ordering::SeqCst)
    }

    fn board(&self) -> &Board {
        &self.0.board
    }

    fn wakes(&self) -> &Wakes {
        &self.0.wakes
    }
}

/// An error and what caused it, in one line.
pub fn with_causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |e| e.source());
    causes.fold(error.to_string(), |line, cause| format!("{line}: {cause}"))
}

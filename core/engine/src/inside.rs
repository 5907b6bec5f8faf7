//! What the services find in the engine, and nobody outside of this crate.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use juzhen_domain::clock::{Doubt, Reading};
use juzhen_settings::Settings;
use juzhen_store::{StandingOf, StoreError};
use tokio::sync::{MutexGuard, Notify};

use crate::clock::{self, World};
use crate::files::Files;
use crate::health::Board;
use crate::high_water::HighWater;
use crate::node::Node;
use crate::reload::ReloadStatus;
use crate::service::Wakes;
use crate::share::GivesWay;
use crate::tokens::Tokens;
use crate::{Engine, claim};

impl Engine {
    /// The id to claim with, while this daemon is a worker.
    pub(crate) fn worker(&self) -> Option<String> {
        self.node().worker(self.0.world.monotonic())
    }

    /// Whether this daemon does now what one does for all.
    pub(crate) async fn has_turn(&self, name: &'static str) -> Result<bool, StoreError> {
        self.node().has_turn(name, self.store().as_ref(), self.0.world.as_ref()).await
    }

    /// What this daemon leaves to others for a moment, if it has more than its share.
    pub(crate) fn gives_way(&self) -> Option<GivesWay> {
        self.node().share().gives_way(self.0.world.monotonic())
    }

    pub(crate) fn node(&self) -> &Node {
        &self.0.node
    }

    pub(crate) fn tokens(&self) -> &Tokens {
        &self.0.tokens
    }

    pub(crate) fn files(&self) -> &Arc<dyn Files> {
        &self.0.files
    }

    pub(crate) fn world(&self) -> &Arc<dyn World> {
        &self.0.world
    }

    pub(crate) fn reading(&self) -> Reading {
        clock::reading(self.0.world.as_ref())
    }

    /// Why nothing may be decided by the time now (P14).
    pub(crate) fn clock_doubt(&self) -> Option<Doubt> {
        self.0.guard.look(self.0.world.as_ref())
    }

    pub(crate) fn rest(&self, service: &'static str, next_in: Duration) -> Duration {
        self.0.world.rest(service, next_in)
    }

    pub(crate) fn panicked(&self, task: &'static str, panic: &(dyn std::any::Any + Send)) {
        self.0.panics.note(task, panic, self.0.world.monotonic());
    }

    pub(crate) fn board(&self) -> &Board {
        &self.0.board
    }

    pub(crate) fn wakes(&self) -> &Wakes {
        &self.0.wakes
    }

    /// A delivery was settled: its account may send the next one, and a look may be due. What the sweep does follows from time
    /// and from people; it is a change that nothing else goes beside, so one for each settled delivery would hold up the sends.
    pub(crate) fn wake_after_settling(&self) {
        let wakes = &self.0.wakes;
        [&wakes.claim, &wakes.reconcile, &wakes.track].into_iter().for_each(Notify::notify_one);
    }

    pub(crate) fn high_water(&self) -> &HighWater {
        &self.0.high_water
    }

    pub(crate) fn standing(&self) -> StandingOf {
        claim::standing(self)
    }

    pub(crate) fn serving_adapters(&self) -> BTreeSet<String> {
        self.host().serving()
    }

    pub(crate) fn swap(&self, settings: Arc<Settings>) {
        self.0.current.store(settings);
    }

    pub(crate) fn change_status(&self, change: impl Fn(&mut ReloadStatus)) {
        let now = self.now();
        self.0.status.rcu(|status| {
            let mut status = ReloadStatus::clone(status);
            status.last_try_at = now;
            change(&mut status);
            status
        });
    }

    pub(crate) async fn reload_lock(&self) -> MutexGuard<'_, ()> {
        self.0.reload_lock.lock().await
    }

    pub(crate) fn ask_reload(&self) {
        self.0.reload_asked.store(true, Ordering::SeqCst);
        self.0.wakes.reload.notify_one();
    }

    /// The same without a wake: the next round takes it up.
    pub(crate) fn ask_reload_later(&self) {
        self.0.reload_asked.store(true, Ordering::SeqCst);
    }

    pub(crate) fn take_reload_request(&self) -> bool {
        self.0.reload_asked.swap(false, Ordering::SeqCst)
    }
}

//! STOP ALL: what this daemon remembers of it, and the store that keeps it for all (P26).

use std::sync::atomic::Ordering;

use juzhen_domain::id::PersonId;
use juzhen_store::{Stop, StoreError};

use crate::Engine;

impl Engine {
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

    pub(crate) fn is_stopped(&self) -> bool {
        self.0.stopped.load(Ordering::SeqCst)
    }

    /// A stop that the store keeps already.
    pub(crate) fn stopped_by_daemon(&self) {
        self.0.stopped.store(true, Ordering::SeqCst);
    }

    /// Another daemon may have lifted the stop that this one remembers. What the store keeps holds without it.
    pub(crate) async fn forget_lifted_stop(&self) -> Result<(), StoreError> {
        if self.is_stopped() && self.store().stopped().await?.is_none() {
            self.0.stopped.store(false, Ordering::SeqCst);
            self.wake();
        }
        Ok(())
    }
}

//! A person pauses an account, or lifts its pause (P20); the daemon's own pauses are made by the store, with the ending that
//! leads to them.

use juzhen_domain::id::{AccountId, PersonId};
use juzhen_store::{Pause, StoreError};

use crate::Engine;

impl Engine {
    /// Nothing new leaves on this account until a person lifts it. The pause that is on already, if so.
    ///
    /// # Errors
    /// When the store could not keep it.
    pub async fn pause_account(
        &self,
        account: &AccountId,
        by: &PersonId,
        reason: &str,
    ) -> Result<Pause, StoreError> {
        let kept = self.store().pause_account(account, by.clone(), reason.to_owned(), self.now()).await;
        self.wake();
        kept
    }

    /// Lifts an account's pause: what waits for it goes on within its time. The pause that was on, if so.
    ///
    /// # Errors
    /// When the store could not keep it.
    pub async fn resume_account(
        &self,
        account: &AccountId,
        by: &PersonId,
        reason: &str,
    ) -> Result<Option<Pause>, StoreError> {
        let lifted = self.store().resume_account(account, by.clone(), reason.to_owned(), self.now()).await;
        self.wake();
        lifted
    }
}

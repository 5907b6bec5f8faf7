//! What a failed disk leaves behind: a store that answers nothing any more.

use std::sync::Arc;

use tokio::sync::watch;

use super::error::{failed, is_disk_failure};
use crate::error::StoreError;

/// Set once the disk or the file has failed. After that nothing is answered any more: a failed fsync cannot be repeated,
/// because the kernel may have dropped the pages that it could not write (F21). Whoever waits for it ends the daemon.
#[derive(Clone, Default)]
pub(super) struct Poison(Arc<watch::Sender<Option<String>>>);

impl Poison {
    pub(super) fn set(&self, why: String) {
        // The first reason is the one to keep.
        self.0.send_if_modified(|set| {
            if set.is_some() {
                return false;
            }
            tracing::error!(why, "The database has failed; the store answers nothing any more: restart");
            *set = Some(why);
            true
        });
    }

    /// An error of a statement may be the disk's too.
    pub(super) fn set_if_disk_failed(&self, error: &StoreError) {
        if let StoreError::Database { source, .. } = error
            && let Some(error) = source.downcast_ref::<rusqlite::Error>()
            && is_disk_failure(error)
        {
            self.set(error.to_string());
        }
    }

    pub(super) fn check(&self, attempted: &'static str) -> Result<(), StoreError> {
        match self.0.borrow().as_ref() {
            None => Ok(()),
            Some(why) => {
                Err(failed(attempted, format!("the database failed earlier ({why}): restart the daemon")))
            }
        }
    }

    /// Resolves with the reason when it is set.
    pub(super) async fn wait(&self) -> String {
        let mut changes = self.0.subscribe();
        loop {
            if let Some(why) = changes.borrow_and_update().clone() {
                return why;
            }
            if changes.changed().await.is_err() {
                // The other end is ours, so it is there as long as we are.
                std::future::pending::<()>().await;
            }
        }
    }
}

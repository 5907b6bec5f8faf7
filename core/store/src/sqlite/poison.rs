//! What a failed disk leaves behind: a store that answers nothing any more.

use std::sync::{Arc, OnceLock};

use super::error::{failed, is_disk_failure};
use crate::error::StoreError;

/// Set once the disk or the file has failed. After that nothing is answered any more: a failed fsync cannot be repeated,
/// because the kernel may have dropped the pages that it could not write (F21).
#[derive(Clone, Default)]
pub(super) struct Poison(Arc<OnceLock<String>>);

impl Poison {
    pub(super) fn set(&self, why: String) {
        tracing::error!(why, "The database has failed; the store answers nothing any more: restart");
        // The first reason is the one to keep.
        let _ = self.0.set(why);
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
        match self.0.get() {
            None => Ok(()),
            Some(why) => {
                Err(failed(attempted, format!("the database failed earlier ({why}): restart the daemon")))
            }
        }
    }
}

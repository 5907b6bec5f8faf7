//! From SQLite's errors to the store's.

use rusqlite::ErrorCode;

use crate::error::StoreError;
pub(super) use crate::error::{chain, failed, renamed};

impl From<rusqlite::Error> for StoreError {
    /// The writer and the readers put in what was attempted.
    fn from(error: rusqlite::Error) -> Self {
        Self::Database { attempted: "use the database", source: Box::new(error) }
    }
}

/// The disk or the file failed, not the statement. A full disk is not among them: it comes back when there is room.
pub(super) fn is_disk_failure(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::SystemIoFailure | ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase)
    )
}

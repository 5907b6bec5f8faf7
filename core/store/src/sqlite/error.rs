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
    let failed = matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::SystemIoFailure | ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase)
    );
    failed && !found_no_room(error)
}

/// The disk is full. The index of the log finds that out by itself, with an IO error of its own.
pub(super) fn found_no_room(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error(), Some(e)
        if e.code == ErrorCode::DiskFull || e.extended_code == rusqlite::ffi::SQLITE_IOERR_SHMSIZE)
}

/// The same for an error that was already made ours.
pub(super) fn is_full(error: &StoreError) -> bool {
    matches!(error, StoreError::Database { source, .. }
        if source.downcast_ref::<rusqlite::Error>().is_some_and(found_no_room))
}

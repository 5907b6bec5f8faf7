//! From SQLite's errors to the store's.

use rusqlite::ErrorCode;

use crate::error::StoreError;

/// A row that this program cannot have written; carried through rusqlite by `rows`.
#[derive(Debug, thiserror::Error)]
#[error("{table}: {why}")]
pub(super) struct Unreadable {
    pub(super) table: &'static str,
    pub(super) id: String,
    pub(super) why: String,
}

impl From<rusqlite::Error> for StoreError {
    /// The writer and the readers put in what was attempted.
    fn from(error: rusqlite::Error) -> Self {
        if let rusqlite::Error::FromSqlConversionFailure(_, _, source) = &error
            && let Some(Unreadable { table, id, why }) = source.downcast_ref::<Unreadable>()
        {
            return Self::Corrupt { table, id: id.clone(), why: why.clone() };
        }
        Self::Database { attempted: "use the database", source: Box::new(error) }
    }
}

pub(super) fn failed(attempted: &'static str, why: String) -> StoreError {
    StoreError::Database { attempted, source: why.into() }
}

/// The same error, saying what was attempted.
pub(super) fn renamed(error: StoreError, attempted: &'static str) -> StoreError {
    match error {
        StoreError::Database { source, .. } => StoreError::Database { attempted, source },
        other => other,
    }
}

/// An error with its causes on one line.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |e| e.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
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

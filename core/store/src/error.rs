//! What can go wrong with the store.

/// Why the store did not do it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("there is no {what} {id}")]
    NotFound { what: &'static str, id: String },
    /// The pure function inside the transaction said no.
    #[error("{}", .0.message)]
    Refused(Refused),
    /// The same idempotency key came with another request.
    #[error("idempotency key {key} was used for another request: use a new key")]
    KeyReused { key: String },
    #[error("{what} {id} cannot go from {from} to {to}")]
    Impossible { what: &'static str, id: String, from: String, to: String },
    /// The database is newer than this program.
    #[error("the database has schema {found}, this juzhen knows up to {known}: run the newer juzhen")]
    TooNew { found: u32, known: u32 },
    /// Another process holds the database (P18, F36).
    #[error("{path} is in use by {holder}: stop that one first")]
    InUse { path: String, holder: String },
    /// A file that juzhen has not made, or of another environment (F28).
    #[error("{path} is not the database of this juzhen: {why}")]
    NotOurs { path: String, why: String },
    /// The file is damaged (F23). It is never made anew by itself.
    #[error(
        "{path} is damaged ({why}): it is left as it is; bring back the last backup with `juzhen restore FILE --data DIR`, \
         which keeps this file aside; what was published since is found on the accounts before anything is sent again"
    )]
    Damaged { path: String, why: String },
    /// The locks and the fsync of such a disk do not hold what an embedded database promises (F26).
    #[error(
        "{path} is on a disk of another machine ({kind}): put it on a local disk, or set storage.allow_shared_disk"
    )]
    SharedDisk { path: String, kind: &'static str },
    /// It goes on by itself (F18).
    #[error("could not {attempted}: the disk is full; once there is room it goes on by itself")]
    NoRoom { attempted: &'static str },
    #[error("the store is closed")]
    Closed,
    /// The database failed; nothing of the transaction was kept.
    #[error("could not {attempted}")]
    Database {
        attempted: &'static str,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A row that this program cannot have written.
    #[error("row {id} of {table} cannot be read: {why}")]
    Corrupt { table: &'static str, id: String, why: String },
}

pub(crate) fn failed(attempted: &'static str, why: String) -> StoreError {
    StoreError::Database { attempted, source: why.into() }
}

/// The same error, saying what was attempted.
pub(crate) fn renamed(error: StoreError, attempted: &'static str) -> StoreError {
    match error {
        StoreError::Database { source, .. } => StoreError::Database { attempted, source },
        other => other,
    }
}

/// An error with its causes on one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |e| e.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

/// What a panic said.
pub(crate) fn said(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("without a word")
}

/// A refusal by a rule, with the word the API uses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    pub code: &'static str,
    pub message: String,
}

impl Refused {
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}

//! Why a call has no answer. The adapter says what the platform said; everything else the host says itself.

use juzhen_abi::message::AdapterError;

/// Whether an effect may have happened is in [`crate::Reply::effects`], never here.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Failure {
    /// The adapter's own classification of the platform's answer.
    #[error("the adapter answered {}: {}", .0.kind.name(), .0.message)]
    Adapter(AdapterError),
    /// The adapter's process ended under the call (F73–F76). After two times the call is not tried again.
    #[error("the adapter crashed {times} time(s) under this call: {reason}")]
    Crashed { reason: String, times: u32 },
    #[error("the call's deadline has passed")]
    TimedOut,
    #[error("too many calls of this adapter are under way")]
    Overloaded,
    #[error("no adapter of this name is installed")]
    NotInstalled,
    /// The adapter crashed too often; `until` is in milliseconds since 1970 UTC.
    #[error("the adapter crashed too often and rests")]
    Quarantined { until: i64 },
    /// The adapter caught a panic of its own (F71).
    #[error("the adapter panicked at {location}: {message}")]
    Panicked { message: String, location: String },
    /// The answer does not follow the contract (F78).
    #[error("the adapter's answer is not usable: {reason}")]
    BadAnswer { reason: String },
    /// The ledger let nothing leave: STOP ALL, a lost fence, or an earlier run whose answer is unknown.
    #[error("the call was stopped: {reason}")]
    Stopped { reason: String },
    /// The platform could not prove who it is, so nothing was said to it (F49): another try would ask the same stranger.
    #[error("the platform did not prove who it is: {reason}")]
    Insecure { reason: String },
    /// A passing trouble of the daemon itself: the ledger could not be written, or the daemon is stopping. What had
    /// not left did not leave, and a later attempt may go through.
    #[error("not now: {reason}")]
    NotNow { reason: String },
    /// A repeated call asked for something else than the first time.
    #[error("the repeated call asked for something else than the first time")]
    ReplayMismatch,
}

//! What went wrong: what the platform said, a panic, and why the host did not do it.

use serde::{Deserialize, Serialize};

/// What the platform said, as the adapter understands it. Whether an effect may have happened is never read from
/// this: the host knows it from its ledger. An unknown kind is treated as [`ErrorKind::Bug`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AdapterError {
    #[serde(flatten)]
    pub kind: ErrorKind,
    /// One sentence for people.
    #[serde(default)]
    pub message: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ErrorKind {
    /// Try again later.
    Retryable {
        #[serde(default)]
        after_ms: Option<u64>,
        #[serde(default)]
        scope: Scope,
    },
    /// The credentials are no longer accepted.
    AuthExpired {
        #[serde(default)]
        secret: Option<String>,
    },
    /// A final no.
    Rejected {
        #[serde(default)]
        code: Option<String>,
        #[serde(default)]
        by: RejectedBy,
    },
    /// Used up; nothing more before `until_unix_ms`.
    Quota {
        #[serde(default)]
        until_unix_ms: Option<i64>,
        #[serde(default)]
        scope: Scope,
    },
    /// The platform already has it.
    Duplicate {
        #[serde(default)]
        remote_id: Option<String>,
    },
    /// The adapter itself cannot tell.
    InDoubt,
    /// A setting is missing or wrong.
    Misconfigured { key: String },
    /// Not offered.
    Unsupported { what: String },
    /// A mistake in the adapter.
    #[serde(other)]
    Bug,
}

impl ErrorKind {
    /// As it stands in the message: for logs, and where the adapter said nothing else.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Retryable { .. } => "retryable",
            Self::AuthExpired { .. } => "auth_expired",
            Self::Rejected { .. } => "rejected",
            Self::Quota { .. } => "quota",
            Self::Duplicate { .. } => "duplicate",
            Self::InDoubt => "in_doubt",
            Self::Misconfigured { .. } => "misconfigured",
            Self::Unsupported { .. } => "unsupported",
            Self::Bug => "bug",
        }
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    #[default]
    Call,
    Account,
    Platform,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RejectedBy {
    #[default]
    Content,
    Policy,
    Permission,
}

/// Why a capability did not do it. An unknown kind reads as [`HostErrorKind::Failed`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HostError {
    pub kind: HostErrorKind,
    #[serde(default)]
    pub message: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HostErrorKind {
    /// Not in the manifest, not this account's, over a budget, or nothing may be sent now.
    Denied,
    /// The request itself is not well formed.
    BadRequest,
    /// No connection: nothing has left.
    Unreachable,
    /// It may have arrived; no answer came, or not in time.
    NoAnswer,
    /// The operation has ended or was cancelled.
    Cancelled,
    /// More bytes than the budget.
    TooLarge,
    /// A repeated operation asked for something else than the first time.
    ReplayMismatch,
    #[serde(other)]
    Failed,
}

/// What comes with the status `PANIC`, and what `create` answers when it panicked.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Panicked {
    pub message: String,
    /// `file:line:column`, or empty.
    pub location: String,
}

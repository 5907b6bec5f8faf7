//! Who did what to what: the rows of the audit and how they are asked for.

use jiff::Timestamp;
use serde::Serialize;

/// Who did what to what. Written in the same transaction as the change, chained by hash, never changed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Audit {
    /// A person's id, or `daemon`.
    pub actor: String,
    /// `item.submitted`, `delivery.published` …
    pub action: String,
    /// `item:…`, `delivery:…`, `settings:…`
    pub subject: String,
    pub detail: serde_json::Value,
    pub at: Timestamp,
    pub request: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AuditRow {
    pub number: i64,
    #[serde(flatten)]
    pub audit: Audit,
    /// SHA-256 over the row before's hash and this row.
    pub hash: String,
}

/// What a walk over the whole audit found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AuditChain {
    pub rows: u64,
    /// The first row whose hash is not that of its fields and the row before; `None` when all are.
    pub broken_at: Option<i64>,
    /// Hash of the newest row: to be compared with a copy kept elsewhere.
    pub last_hash: Option<String>,
}

#[derive(Debug, Clone, Default)]
pub struct AuditFilter {
    pub subject: Option<String>,
    /// Only rows with a smaller number.
    pub before: Option<i64>,
    pub most: u32,
}

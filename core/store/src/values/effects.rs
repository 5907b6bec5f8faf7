//! The ledger: the intent of each mutating request, and what came back.

use jiff::Timestamp;
use serde::Serialize;

/// The intent of a mutating request.
#[derive(Debug, Clone, PartialEq)]
pub struct NewEffect {
    /// Call id: the attempt's `call`.
    pub call: String,
    /// Number of the attempt that asks. A later one may go on with the same call, elsewhere, while this one still runs.
    pub attempt: u32,
    /// How many requests of the same fingerprint this call made before.
    pub occurrence: u32,
    pub fingerprint: String,
    /// Set when the platform applies this key once.
    pub idempotency_key: Option<String>,
    pub method: String,
    /// Without secrets.
    pub url: String,
    pub body_sha256: String,
    pub adapter: String,
    pub adapter_sha256: String,
    pub at: Timestamp,
}

#[derive(Debug, Clone, PartialEq)]
pub enum EffectBegun {
    /// Written; it may leave now.
    Send(i64),
    /// Was answered before.
    Answered(EffectAnswer),
    /// Began before and was never answered.
    Unanswered(i64),
    /// The call made another request at this point before.
    Mismatch(String),
    /// Nothing may leave: the claim is no longer held, or STOP ALL is on.
    Refused(String),
}

/// A recorded answer, enough to give it out again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EffectAnswer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// The whole answer arrived.
    pub complete: bool,
    /// No byte left: the connection was never made. The request may be sent again.
    pub nothing_left: bool,
    pub at: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EffectRow {
    pub id: i64,
    pub call: String,
    pub method: String,
    pub url: String,
    pub body_sha256: String,
    pub idempotency_key: Option<String>,
    pub began_at: Timestamp,
    pub answered_at: Option<Timestamp>,
    pub status: Option<u16>,
    pub complete: Option<bool>,
}

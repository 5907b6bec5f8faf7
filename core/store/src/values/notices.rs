//! What people are told, and how far it has come.

use jiff::Timestamp;
use serde::Serialize;

/// Something that people are told, as it is handed out.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Notice {
    /// In the order in which they came about.
    pub number: i64,
    /// The same each time it is handed out: who gets one twice knows it by this.
    pub id: String,
    /// `needs_person`, `missed`, `unknown_post` …
    pub kind: String,
    /// `delivery:…`, `account:…`
    pub subject: String,
    /// One Chinese sentence.
    pub text: String,
    pub detail: serde_json::Value,
    pub at: Timestamp,
    pub emitted_at: Option<Timestamp>,
    /// How often it was tried to hand it out.
    pub tries: u32,
    /// Where it also goes to an address outside.
    pub hook: Option<HookState>,
}

/// How far a notice has come on its way outside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HookState {
    /// Not tried (again) before; `None` once it arrived.
    pub next_at: Option<Timestamp>,
    pub sent_at: Option<Timestamp>,
    pub tries: u32,
    /// Why the last try came to nothing.
    pub problem: Option<String>,
}

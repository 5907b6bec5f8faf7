//! Single things that are kept: settings, STOP ALL, and what adapters store.

use std::collections::BTreeMap;

use jiff::Timestamp;
use juzhen_domain::id::{AccountId, PersonId};
use serde::Serialize;

/// A set of settings as it was read from the files.
#[derive(Debug, Clone, PartialEq)]
pub struct KeptSettings {
    pub revision: String,
    /// Relative path → text.
    pub sources: BTreeMap<String, String>,
    pub at: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Stop {
    pub by: PersonId,
    pub reason: String,
    pub at: Timestamp,
    /// People who want it lifted; two different ones lift it.
    pub lifting: Vec<PersonId>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ValueKey {
    pub adapter: String,
    pub account: AccountId,
    pub key: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blob {
    pub sha256: String,
    pub mime: String,
    pub bytes: Vec<u8>,
    pub at: Timestamp,
}

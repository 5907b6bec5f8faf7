//! Keys of scripts (C18): each has scopes, and none decides anything, whatever the roles of its person.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::id::PersonId;

/// One key. Its token is known to whoever holds it alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    pub id: String,
    pub person: PersonId,
    /// What it is for, in the words of who made it.
    pub name: String,
    /// SHA-256 of the token, lower-case hexadecimal.
    pub token: String,
    pub scopes: Vec<Scope>,
    /// Requests in a minute on one daemon.
    pub per_minute: u32,
    pub created_by: String,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
    /// The last time but for a minute or so.
    pub used_at: Option<Timestamp>,
}

/// What a key can be good for. Deciding, scheduling, lifting a STOP and looking after people are no scopes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// See what its person sees.
    Read,
    /// Hand in and mend items, as its person may.
    Submit,
    /// Read the audit, as its person may.
    Audit,
}

impl Scope {
    pub const ALL: [Self; 3] = [Self::Read, Self::Submit, Self::Audit];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Submit => "submit",
            Self::Audit => "audit",
        }
    }
}

impl Key {
    pub fn is_good(&self, now: Timestamp) -> bool {
        now < self.expires_at
    }
}

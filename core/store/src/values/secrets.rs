//! Secrets that people give, sealed, and the key that everything is sealed under. The store can read none of it.

use std::sync::Arc;

use jiff::Timestamp;
use juzhen_domain::id::{AccountId, PersonId};

use super::Captured;
use crate::error::Refused;

/// A secret that somebody gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GivenSecret {
    pub name: String,
    /// The accounts whose calls get it, in order; none: every account whose settings name it.
    pub accounts: Vec<AccountId>,
    /// The value, under a data key of its own.
    pub sealed: Vec<u8>,
    /// That key, under the master key.
    pub data_key: Vec<u8>,
    /// Public name of that master key.
    pub key: String,
    /// Rises each time that somebody gives another value, from 1.
    pub version: i64,
    pub set_at: Timestamp,
    /// A person's id, or who it was at the machine.
    pub set_by: String,
}

/// A value that somebody gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GiveSecret {
    pub name: String,
    pub accounts: Vec<AccountId>,
    pub sealed: Vec<u8>,
    pub data_key: Vec<u8>,
    pub key: String,
    pub by: String,
    pub at: Timestamp,
}

/// What is known of the key without having it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sealing {
    /// Its public name; `None` before there is one.
    pub key: Option<String>,
    /// What fingerprints begin with, sealed under it; `None` while that follows from the key itself.
    pub salt: Option<String>,
    /// Rises with every change of a given secret and of the key.
    pub changes: i64,
}

/// A new key in the place of the old one.
#[derive(Clone)]
pub struct Reseal {
    /// The key that has to be there.
    pub from: String,
    pub to: String,
    /// As in [`Sealing`].
    pub salt: String,
    pub rewrap: Rewrap,
    pub by: String,
    pub at: Timestamp,
}

/// Gives what has to stand in the place of a row's bytes under the old key. Called inside the transaction, perhaps again.
pub type Rewrap = Arc<dyn Fn(Sealed<'_>) -> Result<Vec<u8>, Refused> + Send + Sync>;

/// A row with something that is sealed under the master key itself.
#[derive(Debug, Clone, Copy)]
pub enum Sealed<'r> {
    /// Its data key.
    Given(&'r GivenSecret),
    /// Its value.
    Captured(&'r Captured),
    /// The second factor of this person.
    Factor(&'r PersonId, &'r [u8]),
}

/// How many rows are now under the new key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resealed {
    pub given: usize,
    pub captured: usize,
}

//! People's access: what is known of somebody in one moment, and what a transaction makes of it.

use std::sync::Arc;

use juzhen_domain::access::key::Key;
use juzhen_domain::access::session::Session;
use juzhen_domain::access::throttle::Throttle;
use juzhen_domain::access::{Credentials, Invitation};
use juzhen_domain::id::PersonId;
use juzhen_domain::review::Delegation;

use super::Audit;
use crate::error::Refused;

/// Whose access, and from where somebody asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asking {
    pub person: PersonId,
    pub address: Option<String>,
}

/// What is known when a decision on somebody's access is made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Access {
    pub credentials: Option<Credentials>,
    pub invitation: Option<Invitation>,
    /// Wrong tries under the name, whoever has it.
    pub of_person: Option<Throttle>,
    pub of_address: Option<Throttle>,
}

/// Decides, inside the transaction, what becomes of somebody's access. May be called again when it is repeated.
pub type AccessChanger = Arc<dyn Fn(&Access) -> Result<AccessChange, Refused> + Send + Sync>;

/// What is written, all or nothing.
#[derive(Debug, Clone, Default)]
pub struct AccessChange {
    pub credentials: Option<Credentials>,
    pub invitation: Put<Invitation>,
    pub of_person: Put<Throttle>,
    pub of_address: Put<Throttle>,
    pub begin: Option<Session>,
    pub end: End,
    pub new_key: Option<Key>,
    pub end_keys: End,
    pub audit: Vec<Audit>,
    /// A no that is itself to be kept, such as a wrong password: it is answered once everything else is written.
    pub refused: Option<Refused>,
}

/// What becomes of one row.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Put<T> {
    #[default]
    Keep,
    Set(T),
    Remove,
}

/// Which of a person's sessions or keys end.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum End {
    #[default]
    None,
    /// The one of this id; when there is none, nothing is written and the answer is `NotFound`.
    One(String),
    /// The session of this token, if it is still there.
    OfToken(String),
    All,
}

/// A session or a key that somebody shows, with what is known of its person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown<T> {
    pub it: T,
    pub credentials: Option<Credentials>,
}

/// A delegation that begins, or ends early: decided inside the transaction.
pub type DelegationChanger = Arc<dyn Fn(&Delegation) -> Result<(Delegation, Audit), Refused> + Send + Sync>;

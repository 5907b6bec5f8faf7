//! Sign-ins that are under way in somebody's browser, and what looks at accounts found (F61).

use jiff::Timestamp;
use juzhen_domain::expiry::Warned;
use juzhen_domain::finding::Finding;
use juzhen_domain::id::{AccountId, PersonId};

/// A person begins to sign an account in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BeginAuthorization {
    pub account: AccountId,
    /// SHA-256 of what the browser has to bring back, lower-case hexadecimal.
    pub state: String,
    pub by: PersonId,
    pub expires_at: Timestamp,
    pub at: Timestamp,
    pub request: Option<String>,
}

/// A browser has come back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TakeAuthorization {
    pub account: AccountId,
    /// As in [`BeginAuthorization`].
    pub state: String,
    /// Who hands it in; `None`: the browser itself, which proves nothing but the state.
    pub by: Option<PersonId>,
    pub at: Timestamp,
    pub request: Option<String>,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Taken {
    /// It is the one that this person has begun, and is over with this answer: nobody gets it twice.
    Begun { by: PersonId },
    /// Nobody has begun it, it was taken before, or a later one has taken its place.
    Unknown,
    /// It took too long.
    Expired,
    /// Somebody else has begun it, and may still end it.
    OfAnother,
}

/// What a look at an account found, to be kept in the place of the one before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeepLook {
    pub account: AccountId,
    pub at: Timestamp,
    pub next_at: Timestamp,
    pub signed_in_until: Option<Timestamp>,
    pub findings: Vec<Finding>,
    /// The end of the sign-in as people's clocks show it, and what they do about it: for the warning.
    pub words: EndWords,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EndWords {
    pub when: String,
    pub how: String,
}

/// What the last look at an account found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountLook {
    pub account: AccountId,
    pub at: Timestamp,
    /// The next one is due then.
    pub next_at: Timestamp,
    pub signed_in_until: Option<Timestamp>,
    pub warned: Option<Warned>,
    pub findings: Vec<Finding>,
}

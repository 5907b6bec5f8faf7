//! What bars an account: pauses (P20), and tokens and sign-ins (F10, F61).

use jiff::Timestamp;
use juzhen_domain::id::AccountId;
use juzhen_domain::pause::Ending;
use juzhen_domain::sign_in::{Failure, SignIn};
use serde::Serialize;

use super::HeldTurn;

/// An account whose deliveries end badly, or that is paused (P20).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountTrouble {
    pub account: AccountId,
    /// The bad ends since the last good one, oldest first.
    pub endings: Vec<Ending>,
    /// Nothing new leaves while it is on.
    pub pause: Option<Pause>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Pause {
    pub at: Timestamp,
    /// A person's id, or `daemon`.
    pub by: String,
    pub reason: String,
}

/// A secret that a platform handed out. The store cannot read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Captured {
    pub account: AccountId,
    pub name: String,
    pub sealed: Vec<u8>,
    /// Rises with each renewal, from 1.
    pub generation: i64,
    pub obtained_at: Timestamp,
    pub expires_at: Option<Timestamp>,
}

/// What one renewal came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeepCaptured {
    pub account: AccountId,
    /// Under which it was fetched.
    pub turn: HeldTurn,
    pub secrets: Vec<NewCaptured>,
    /// Public name of the master key that they are sealed under.
    pub key: String,
    pub at: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewCaptured {
    pub name: String,
    pub sealed: Vec<u8>,
    pub expires_at: Option<Timestamp>,
}

/// An account that could not sign in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignInFailed {
    pub account: AccountId,
    pub failure: Failure,
    /// What was said, without a machine word.
    pub said: String,
    /// A fingerprint of the secrets that people have given.
    pub given: String,
    /// The turn that ends with it.
    pub turn: Option<HeldTurn>,
    pub at: Timestamp,
}

/// An account whose sign-in is in doubt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignInRow {
    pub account: AccountId,
    pub sign_in: SignIn,
    /// As in [`SignInFailed`], at the last failure.
    pub given: String,
}

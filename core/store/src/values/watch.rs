//! What is seen on accounts, and the posts that nobody made through here (P27).

use jiff::Timestamp;
use juzhen_domain::delivery::Delivery;
use juzhen_domain::id::{AccountId, DeliveryId, PersonId};
use juzhen_domain::item::Item;
use serde::Serialize;

use super::Looked;

/// A post as an account's own list shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenPost {
    pub id: String,
    pub url: Option<String>,
}

/// A look at an account that is this caller's to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WatchTurn {
    /// When stock was taken; `None`: this look does it.
    pub since: Option<Timestamp>,
    /// The last look that succeeded.
    pub looked_at: Option<Timestamp>,
    /// The one before that.
    pub looked_before: Option<Timestamp>,
}

/// What the store makes of the posts of an account.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Explained {
    /// Ids of posts that nothing in the store explains.
    pub unexplained: Vec<String>,
    /// Deliveries whose outcome is open: one of those posts may be theirs.
    pub open: Vec<Looked>,
    /// Deliveries that are still to be sent.
    pub waiting: Vec<(Delivery, Item)>,
}

/// What a look came to.
#[derive(Debug, Clone, PartialEq)]
pub struct WatchLook {
    pub account: AccountId,
    pub at: Timestamp,
    /// Why nothing could be seen; the other fields are empty then.
    pub problem: Option<String>,
    pub unknown: Vec<UnknownPost>,
    /// Deliveries that wait, and what a person has posted in their place (F40).
    pub already_there: Vec<(DeliveryId, String)>,
}

/// A post that nobody made through this system.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct UnknownPost {
    pub account: AccountId,
    /// Of the platform.
    pub id: String,
    pub url: Option<String>,
    pub excerpt: String,
    pub posted_at: Option<Timestamp>,
    pub first_seen: Timestamp,
    /// There before the account was watched: no alarm.
    pub is_stock: bool,
    /// A person has seen to it.
    pub closed: Option<Closed>,
}

/// What a person says a strange post is about.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Closed {
    pub at: Timestamp,
    pub by: PersonId,
    pub note: String,
}

/// How the watch over an account goes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Watched {
    pub account: AccountId,
    pub since: Option<Timestamp>,
    pub looked_at: Option<Timestamp>,
    pub next_at: Timestamp,
    /// Why the last look came to nothing, in the words of `domain::reason`: `not_offered` where the platform has no list.
    pub problem: Option<String>,
}

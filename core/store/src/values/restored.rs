//! How far a history goes, and what a database that was put back has forgotten (P19).

use jiff::Timestamp;
use juzhen_domain::delivery::ReceiptBy;
use juzhen_domain::id::{AccountId, DeliveryId, ItemId};
use juzhen_domain::state::DeliveryState;
use serde::{Deserialize, Serialize};

/// How far a history goes. Kept outside of the database, where a database that was put back to an earlier time cannot take
/// it along (P19).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    pub environment: String,
    /// Number and hash of the newest audit row; 0 and nothing before the first.
    pub audit: i64,
    pub hash: String,
    /// The latest time at which a row was written, by a clock that may have been set back since; `None` in marks of before
    /// this was kept.
    #[serde(default)]
    pub at: Option<Timestamp>,
    /// The newest effect.
    pub effects: i64,
    /// The newest restoration; `None` in marks of before this was kept.
    #[serde(default)]
    pub restorations: Option<i64>,
}

/// What a database says to a mark.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Known {
    Yes,
    /// Its history ends earlier than it did, or went on in another way; the reason is for people.
    Cut(String),
    /// It is of another environment.
    Elsewhere {
        ours: String,
    },
}

/// A time when the database was found to be an earlier one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Restoration {
    pub number: i64,
    pub at: Timestamp,
    /// Where the history that is left ends.
    pub since: Timestamp,
    pub reason: String,
    /// What may have been sent in between, with what has become of it.
    pub deliveries: Vec<Suspect>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Suspect {
    pub delivery: DeliveryId,
    pub item: ItemId,
    pub account: AccountId,
    /// Its state before.
    pub was: DeliveryState,
    pub state: DeliveryState,
    /// How it is known to be out, when it is.
    pub receipt_by: Option<ReceiptBy>,
}

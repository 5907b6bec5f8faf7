//! Items: what is asked about them, what is written, what comes out.

use jiff::Timestamp;
use juzhen_domain::delivery::Delivery;
use juzhen_domain::hash::ContentHash;
use juzhen_domain::id::{DeliveryId, ItemId, PersonId, UnitCode};
use juzhen_domain::item::{Content, Item};
use juzhen_domain::review::{Decision, Delegation};
use juzhen_domain::state::ItemState;

use super::{Audit, DeliveryChange};

/// An item with everything that was decided on it and its deliveries.
#[derive(Debug, Clone, PartialEq)]
pub struct ItemRecord {
    pub item: Item,
    /// Oldest first.
    pub decisions: Vec<Decision>,
    /// In the order they were made.
    pub deliveries: Vec<Delivery>,
    /// Those that were not taken back and may hold by now.
    pub delegations: Vec<Delegation>,
    /// Rises with every change of the row: the ETag.
    pub row_version: i64,
}

/// What a transaction writes to an item.
#[derive(Debug, Clone)]
pub struct ItemChange {
    pub state: ItemState,
    pub decision: Option<Decision>,
    /// New bytes and their hash; the version goes up by one.
    pub content: Option<(Content, ContentHash)>,
    pub new_deliveries: Vec<Delivery>,
    /// Deliveries to change, such as cancelled ones; states are checked against what they may become.
    pub deliveries: Vec<(DeliveryId, DeliveryChange)>,
    pub audit: Audit,
}

impl ItemChange {
    /// Moves the item and writes nothing else to it.
    pub fn to(state: ItemState, audit: Audit) -> Self {
        let (new_deliveries, deliveries) = (Vec::new(), Vec::new());
        Self { state, decision: None, content: None, new_deliveries, deliveries, audit }
    }
}

/// A request that has its effect once, however often it is sent (promise P21).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Once {
    pub person: PersonId,
    pub key: String,
    /// SHA-256 of method, path and body: another body under the same key is refused.
    pub request_sha256: String,
    pub at: Timestamp,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Submitted {
    New(ItemRecord),
    /// The same request was answered before.
    Again(ItemRecord),
}

#[derive(Debug, Clone, Default)]
pub struct ItemFilter {
    pub state: Option<ItemState>,
    pub unit: Option<UnitCode>,
    /// Only items older than this one (ids are ordered by time).
    pub before: Option<ItemId>,
    pub most: u32,
}

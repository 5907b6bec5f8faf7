//! Items: what is asked about them, what is written, what comes out.

use jiff::Timestamp;
use juzhen_domain::delivery::Delivery;
use juzhen_domain::hash::ContentHash;
use juzhen_domain::id::{DeliveryId, ItemId, PersonId, UnitCode};
use juzhen_domain::item::{Content, Item};
use juzhen_domain::matrix::Procedure;
use juzhen_domain::notice::Draft;
use juzhen_domain::register::Series;
use juzhen_domain::review::{Chain, Decision, Delegation};
use juzhen_domain::stage::Stage;
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
    /// 备案号
    pub register_no: Option<String>,
    /// 并稿: the item that says it instead.
    pub merged_into: Option<ItemId>,
    /// Earlier stages of the event that it tells of.
    pub earlier: Vec<Stage>,
}

/// What an item was at one time: a text that it had, or its being handed in.
#[derive(Debug, Clone, PartialEq)]
pub struct ItemVersion {
    pub version: u32,
    pub hash: ContentHash,
    pub content: Content,
    /// Word of the audit row: `item.submitted`, `item.copy_edited` …
    pub action: String,
    pub person: PersonId,
    /// Of the audit row: what was declared, what a minor edit changed.
    pub detail: serde_json::Value,
    pub at: Timestamp,
}

/// What a transaction writes to an item.
#[derive(Debug, Clone)]
pub struct ItemChange {
    pub state: ItemState,
    pub decision: Option<Decision>,
    /// Approvals of the bytes before that count for the new ones.
    pub carried: Vec<Decision>,
    /// New bytes and their hash; the version goes up by one.
    pub content: Option<(Content, ContentHash)>,
    pub new_deliveries: Vec<Delivery>,
    /// Deliveries to change, such as cancelled ones; states are checked against what they may become.
    pub deliveries: Vec<(DeliveryId, DeliveryChange)>,
    /// Another procedure and its steps; at handing in, those of that moment.
    pub procedure: Option<(Procedure, Chain)>,
    /// It is handed in: from now on it waits for its reviewers.
    pub handed_in: bool,
    /// The series in which it gets its number, if it has none.
    pub register: Option<Series>,
    pub merged_into: Option<ItemId>,
    /// What people are told.
    pub notices: Vec<Draft>,
    pub audit: Audit,
}

impl ItemChange {
    /// Moves the item and writes nothing else to it.
    pub fn to(state: ItemState, audit: Audit) -> Self {
        Self {
            state,
            decision: None,
            carried: Vec::new(),
            content: None,
            new_deliveries: Vec::new(),
            deliveries: Vec::new(),
            procedure: None,
            handed_in: false,
            register: None,
            merged_into: None,
            notices: Vec::new(),
            audit,
        }
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

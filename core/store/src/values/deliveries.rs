//! Deliveries: what people ask about them, and what a person's word or a new schedule writes.

use std::collections::BTreeMap;

use jiff::Timestamp;
use juzhen_domain::act::Move;
use juzhen_domain::delivery::{Attempt, Delivery, Receipt};
use juzhen_domain::id::{AccountId, AttemptId, DeliveryId, ItemId};
use juzhen_domain::state::DeliveryState;
use serde::Serialize;

use super::{Audit, Doubt, EffectRow};

/// What a transaction writes to a delivery. `None` leaves it as it is.
#[derive(Debug, Clone)]
pub struct DeliveryChange {
    pub state: DeliveryState,
    pub reason: Option<String>,
    pub due_at: Option<Timestamp>,
    pub latest_at: Option<Timestamp>,
    pub next_at: Option<Timestamp>,
    pub receipt: Option<Receipt>,
    /// Start the count of attempts anew: a person has looked and takes it on themselves.
    pub forget_tries: bool,
    pub audit: Audit,
}

impl DeliveryChange {
    /// What a move that `domain` decided writes.
    pub fn of(to: Move, audit: Audit) -> Self {
        Self {
            state: to.state,
            reason: to.reason,
            due_at: to.due_at,
            latest_at: to.latest_at,
            next_at: to.next_at,
            receipt: to.receipt,
            forget_tries: to.forget_tries,
            audit,
        }
    }
}

#[derive(Debug, Clone, Default)]
pub struct DeliveryFilter {
    pub state: Option<DeliveryState>,
    pub account: Option<AccountId>,
    pub item: Option<ItemId>,
    pub before: Option<DeliveryId>,
    pub most: u32,
}

#[derive(Debug, Clone, PartialEq)]
pub struct DeliveryRecord {
    pub delivery: Delivery,
    pub attempts: Vec<Attempt>,
    pub effects: Vec<EffectRow>,
    /// News that came when somebody else had moved the delivery on; oldest first.
    pub late: Vec<LateNews>,
    pub doubt: Option<Doubt>,
    /// It may have been sent since then without a trace of it here: the database was put back to that time.
    pub forgotten_since: Option<Timestamp>,
    pub row_version: i64,
}

/// What a worker said that no longer held the delivery. It is evidence and changes nothing by itself (R9).
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LateNews {
    pub attempt: Option<AttemptId>,
    pub fence: i64,
    /// The state it would have led to.
    pub says: DeliveryState,
    pub outcome: String,
    pub detail: Option<String>,
    pub platform_id: Option<String>,
    pub url: Option<String>,
    pub at: Timestamp,
}

/// Which of the deliveries that are not on their way.
#[derive(Debug, Clone, Default)]
pub struct AttentionFilter {
    pub states: Vec<DeliveryState>,
    pub account: Option<AccountId>,
    pub item: Option<ItemId>,
    /// Only those that come after this one.
    pub after: Option<DeliveryId>,
    pub most: u32,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Attention {
    pub deliveries: Vec<Delivery>,
    /// Of everything that the filter lets through, whatever page.
    pub counts: Vec<Waiting>,
}

/// How much there is of one kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    pub state: DeliveryState,
    /// The first machine word of the reason.
    pub word: Option<String>,
    pub deliveries: u64,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Counts {
    pub items: BTreeMap<String, u64>,
    pub deliveries: BTreeMap<String, u64>,
    /// Of the delivery that is due for the longest time, in seconds.
    pub overdue_seconds: i64,
    /// Of the delivery in doubt for the longest time, in seconds.
    pub in_doubt_seconds: i64,
}

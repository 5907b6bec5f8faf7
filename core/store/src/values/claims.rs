//! The way of a delivery through a daemon: claimed, settled, looked at, swept, recovered.

use jiff::Timestamp;
use juzhen_domain::approval::Authorised;
use juzhen_domain::delivery::{Attempt, Delivery};
use juzhen_domain::id::{AttemptId, DeliveryId};
use juzhen_domain::item::Item;
use juzhen_domain::outcome::Next;
use juzhen_domain::state::DeliveryState;
use serde::Serialize;

use crate::api::{Follow, StandingOf};

#[derive(Clone)]
pub struct ClaimRequest {
    pub now: Timestamp,
    /// Claim what is due until then: a sender sleeps until the exact time (never early).
    pub until: Timestamp,
    pub most: u32,
    /// Which daemon asks.
    pub worker: String,
    pub lease_until: Timestamp,
    pub standing: StandingOf,
    pub stopped: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub struct ClaimRound {
    pub claims: Vec<Claim>,
    pub held: u32,
    pub in_doubt: u32,
    pub missed: u32,
    /// When something is due next; `None` when nothing is.
    pub next_due: Option<Timestamp>,
}

impl ClaimRound {
    pub fn put_aside(&self) -> u32 {
        self.held + self.in_doubt + self.missed
    }
}

/// A delivery that this daemon may send, and only it.
#[derive(Debug, Clone, PartialEq)]
pub struct Claim {
    pub delivery: Delivery,
    pub leave: Authorised,
    pub attempt: Attempt,
    /// For a forward: the delivery it forwards.
    pub origin: Option<Delivery>,
}

#[derive(Clone)]
pub struct Settle {
    pub delivery: DeliveryId,
    /// The state and fence under which the news is true.
    pub expected: (DeliveryState, i64),
    /// A claim that never began an effect may still be in `claimed`; both are accepted when this is set.
    pub or_claimed: bool,
    pub attempt: Option<AttemptId>,
    pub next: Next,
    /// Machine word of the outcome and what was said, kept with the attempt.
    pub outcome: String,
    pub detail: Option<String>,
    pub adapter: Option<String>,
    /// Requests of the attempt's call that this news knows of, without those of which nothing left. The ledger may hold
    /// more: from an attempt before, or from one whose commit was answered by nobody (F29).
    pub requests: u32,
    pub follow: Follow,
    /// So many deliveries of an account that end badly in a row pause it (P20); 0: none do.
    pub pause_after: u32,
    pub now: Timestamp,
    pub request: Option<String>,
}

#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "nearly every one is the large variant")]
pub enum Settled {
    Applied {
        delivery: Delivery,
        forwards: Vec<Delivery>,
    },
    /// Somebody else has moved it on; the news was kept with the attempt.
    Late {
        state: DeliveryState,
    },
}

#[derive(Debug, Clone)]
pub struct Look {
    pub states: Vec<DeliveryState>,
    pub now: Timestamp,
    pub most: u32,
}

/// A delivery that somebody has to look at, and what they need for it.
#[derive(Debug, Clone, PartialEq)]
pub struct Looked {
    pub delivery: Delivery,
    /// Set while it is in doubt.
    pub doubt: Option<Doubt>,
    /// The newest attempt.
    pub attempt: Option<Attempt>,
    /// When the first request of its call left; an attempt that resumes began earlier than it started. After a restoration,
    /// where the history that is left ends.
    pub began_at: Option<Timestamp>,
    pub item: Item,
    /// For a forward: the delivery it forwards.
    pub origin: Option<Delivery>,
}

/// How long a delivery has been in doubt and how often its account was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Doubt {
    pub since: Timestamp,
    pub looks: u32,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Swept {
    pub missed: u32,
    pub released: u32,
    pub held: u32,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Recovered {
    /// Nothing had left: due again.
    pub due: u32,
    /// Every effect was answered: due, to be resumed.
    pub resumed: u32,
    pub in_doubt: u32,
}

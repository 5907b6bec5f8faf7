//! 发布任务: one item on one account, one cell of the matrix.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::hash::ContentHash;
use crate::id::{AccountId, AttemptId, DeliveryId, ItemId, Platform, RouteId};
use crate::item::{Content, Variant};
use crate::state::DeliveryState;

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Delivery {
    pub id: DeliveryId,
    pub item: ItemId,
    pub account: AccountId,
    pub platform: Platform,
    pub kind: DeliveryKind,
    /// The route that made it; none when the author named the account.
    pub route: Option<RouteId>,
    /// Hash of the whole item as it was approved: looked at again in the claim.
    pub item_hash: ContentHash,
    /// Hash of the bytes that go to this account.
    pub payload_hash: ContentHash,
    /// The settings it was made under.
    pub revision: String,
    /// When the office wants it out.
    pub due_at: Timestamp,
    /// After this it is missed, never sent late by itself.
    pub latest_at: Timestamp,
    /// When somebody has to look at it next: `due_at` at first, later the time of a retry, a look-up or a poll.
    pub next_at: Timestamp,
    pub state: DeliveryState,
    /// Why it is in this state, for people.
    pub reason: Option<String>,
    /// Attempts so far. Attempt n of an account's delivery has call id `{id}.{n}` unless it resumes an earlier one.
    pub tries: u32,
    /// Rises with every claim; a result with an older fence changes nothing.
    pub fence: i64,
    /// An earlier attempt broke off after requests that were all answered; the next one goes on from there. Something may
    /// be out, so until then nobody calls it missed and nobody takes it back.
    pub resumes: bool,
    /// Ticket of an asynchronous platform.
    pub ticket: Option<String>,
    pub receipt: Option<Receipt>,
    pub created_at: Timestamp,
    pub changed_at: Timestamp,
}

impl Delivery {
    /// Something of it may be on the platform, or is.
    pub fn may_be_out(&self) -> bool {
        self.resumes || self.state.may_be_out()
    }
}

/// What is done on the account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum DeliveryKind {
    /// The item itself.
    Publish,
    /// A forward of something published: the platform's own repost where the adapter offers it, else the approved text
    /// again with its source.
    Forward {
        origin: DeliveryId,
        /// 1 for a forward of an original.
        hops: u32,
    },
}

impl DeliveryKind {
    pub fn hops(&self) -> u32 {
        match self {
            Self::Publish => 0,
            Self::Forward { hops, .. } => *hops,
        }
    }

    /// The word of the database and the API.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Publish => "publish",
            Self::Forward { .. } => "forward",
        }
    }
}

/// Proof that it is out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// Id on the platform; a person who only saw it may not know it.
    pub platform_id: Option<String>,
    pub url: Option<String>,
    pub published_at: Timestamp,
    pub by: ReceiptBy,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReceiptBy {
    /// The answer to our own request.
    Answer,
    /// Found on the account afterwards.
    Evidence,
    /// A person looked.
    Person,
}

/// One try. Attempts are only ever added; a late answer is kept with them and changes nothing else.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Attempt {
    pub id: AttemptId,
    pub delivery: DeliveryId,
    pub number: u32,
    pub fence: i64,
    /// Calls of the same id read the same recorded answers.
    pub call: String,
    pub started_at: Timestamp,
    pub ended_at: Option<Timestamp>,
    pub outcome: Option<String>,
    pub detail: Option<String>,
    pub adapter: Option<String>,
}

/// The bytes for an account: its platform's own variant, or for a forward to a platform without one, the variant that
/// was published at the origin (those bytes were approved as well).
pub fn payload<'a>(
    content: &'a Content,
    platform: &Platform,
    origin: Option<&Platform>,
) -> Option<&'a Variant> {
    content.variants.get(platform).or_else(|| content.variants.get(origin?))
}

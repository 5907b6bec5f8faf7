//! The plain values that go into and come out of the store.

use std::collections::BTreeMap;

use jiff::Timestamp;
use juzhen_domain::act::Move;
use juzhen_domain::approval::Authorised;
use juzhen_domain::delivery::{Attempt, Delivery, ReceiptBy};
use juzhen_domain::hash::ContentHash;
use juzhen_domain::id::{AccountId, AttemptId, DeliveryId, ItemId, PersonId, UnitCode};
use juzhen_domain::item::{Content, Item};
use juzhen_domain::outcome::Next;
use juzhen_domain::pause::Ending;
use juzhen_domain::review::Decision;
use juzhen_domain::state::{DeliveryState, ItemState};
use serde::{Deserialize, Serialize};

use crate::api::{Follow, StandingOf};

/// An item with everything that was decided on it and its deliveries.
#[derive(Debug, Clone, PartialEq)]
pub struct ItemRecord {
    pub item: Item,
    /// Oldest first.
    pub decisions: Vec<Decision>,
    /// In the order they were made.
    pub deliveries: Vec<Delivery>,
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

/// What a transaction writes to a delivery. `None` leaves it as it is.
#[derive(Debug, Clone)]
pub struct DeliveryChange {
    pub state: DeliveryState,
    pub reason: Option<String>,
    pub due_at: Option<Timestamp>,
    pub latest_at: Option<Timestamp>,
    pub next_at: Option<Timestamp>,
    pub receipt: Option<juzhen_domain::delivery::Receipt>,
    /// Start the count of attempts anew: a person has looked and takes it on themselves.
    pub forget_tries: bool,
    pub audit: Audit,
}

impl ItemChange {
    /// Moves the item and writes nothing else to it.
    pub fn to(state: ItemState, audit: Audit) -> Self {
        let (new_deliveries, deliveries) = (Vec::new(), Vec::new());
        Self { state, decision: None, content: None, new_deliveries, deliveries, audit }
    }
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

/// Who did what to what. Written in the same transaction as the change, chained by hash, never changed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Audit {
    /// A person's id, or `daemon`.
    pub actor: String,
    /// `item.submitted`, `delivery.published` …
    pub action: String,
    /// `item:…`, `delivery:…`, `settings:…`
    pub subject: String,
    pub detail: serde_json::Value,
    pub at: Timestamp,
    pub request: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AuditRow {
    pub number: i64,
    #[serde(flatten)]
    pub audit: Audit,
    /// SHA-256 over the row before's hash and this row.
    pub hash: String,
}

/// What a walk over the whole audit found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AuditChain {
    pub rows: u64,
    /// The first row whose hash is not that of its fields and the row before; `None` when all are.
    pub broken_at: Option<i64>,
    /// Hash of the newest row: to be compared with a copy kept elsewhere.
    pub last_hash: Option<String>,
}

#[derive(Debug, Clone, Default)]
pub struct AuditFilter {
    pub subject: Option<String>,
    /// Only rows with a smaller number.
    pub before: Option<i64>,
    pub most: u32,
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

#[derive(Debug, Clone, Default)]
pub struct DeliveryFilter {
    pub state: Option<DeliveryState>,
    pub account: Option<AccountId>,
    pub item: Option<ItemId>,
    pub before: Option<DeliveryId>,
    pub most: u32,
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
    pub missed: u32,
    /// When something is due next; `None` when nothing is.
    pub next_due: Option<Timestamp>,
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

/// A worker's lease, by the database's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Joined {
    /// The database's time now: a daemon compares its own with it (F34).
    pub at: Timestamp,
    /// `None`: for as long as the store is open, since nobody else can be there.
    pub until: Option<Timestamp>,
}

/// A daemon that works on this database, or did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Worker {
    pub id: String,
    pub node: Option<String>,
    pub started_at: Timestamp,
    /// By the database's clock; `None`: as long as it has not ended.
    pub lease_until: Option<Timestamp>,
    pub ended_at: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Renewed {
    Until(Joined),
    /// It was taken for gone: it has to join again under a new id, and its claims are others' now.
    Gone,
}

/// How far a history goes. Kept outside of the database, where a database that was put back to an earlier time cannot take
/// it along (P19).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    pub environment: String,
    /// Number and hash of the newest audit row; 0 and nothing before the first.
    pub audit: i64,
    pub hash: String,
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

#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Counts {
    pub items: BTreeMap<String, u64>,
    pub deliveries: BTreeMap<String, u64>,
    /// Of the delivery that is due for the longest time, in seconds.
    pub overdue_seconds: i64,
    /// Of the delivery in doubt for the longest time, in seconds.
    pub in_doubt_seconds: i64,
}

/// The intent of a mutating request.
#[derive(Debug, Clone, PartialEq)]
pub struct NewEffect {
    /// Call id: the attempt's `call`.
    pub call: String,
    /// Number of the attempt that asks. A later one may go on with the same call, elsewhere, while this one still runs.
    pub attempt: u32,
    /// How many requests of the same fingerprint this call made before.
    pub occurrence: u32,
    pub fingerprint: String,
    /// Set when the platform applies this key once.
    pub idempotency_key: Option<String>,
    pub method: String,
    /// Without secrets.
    pub url: String,
    pub body_sha256: String,
    pub adapter: String,
    pub adapter_sha256: String,
    pub at: Timestamp,
}

#[derive(Debug, Clone, PartialEq)]
pub enum EffectBegun {
    /// Written; it may leave now.
    Send(i64),
    /// Was answered before.
    Answered(EffectAnswer),
    /// Began before and was never answered.
    Unanswered(i64),
    /// The call made another request at this point before.
    Mismatch(String),
    /// Nothing may leave: the claim is no longer held, or STOP ALL is on.
    Refused(String),
}

/// A recorded answer, enough to give it out again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EffectAnswer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// The whole answer arrived.
    pub complete: bool,
    /// No byte left: the connection was never made. The request may be sent again.
    pub nothing_left: bool,
    pub at: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EffectRow {
    pub id: i64,
    pub call: String,
    pub method: String,
    pub url: String,
    pub body_sha256: String,
    pub idempotency_key: Option<String>,
    pub began_at: Timestamp,
    pub answered_at: Option<Timestamp>,
    pub status: Option<u16>,
    pub complete: Option<bool>,
}

/// A set of settings as it was read from the files.
#[derive(Debug, Clone, PartialEq)]
pub struct KeptSettings {
    pub revision: String,
    /// Relative path → text.
    pub sources: BTreeMap<String, String>,
    pub at: Timestamp,
}

/// Something that people are told, as it is handed out.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Notice {
    /// In the order in which they came about.
    pub number: i64,
    /// The same each time it is handed out: who gets one twice knows it by this.
    pub id: String,
    /// `needs_person`, `missed`, `unknown_post` …
    pub kind: String,
    /// `delivery:…`, `account:…`
    pub subject: String,
    /// One Chinese sentence.
    pub text: String,
    pub detail: serde_json::Value,
    pub at: Timestamp,
    pub emitted_at: Option<Timestamp>,
    /// How often it was tried to hand it out.
    pub tries: u32,
    /// Where it also goes to an address outside.
    pub hook: Option<HookState>,
}

/// How far a notice has come on its way outside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HookState {
    /// Not tried (again) before; `None` once it arrived.
    pub next_at: Option<Timestamp>,
    pub sent_at: Option<Timestamp>,
    pub tries: u32,
    /// Why the last try came to nothing.
    pub problem: Option<String>,
}

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
    /// Why the last look came to nothing, such as `not_offered`.
    pub problem: Option<String>,
}

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
    pub at: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewCaptured {
    pub name: String,
    pub sealed: Vec<u8>,
    pub expires_at: Option<Timestamp>,
}

/// A turn as [`crate::Store::take_turn`] gave it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldTurn {
    pub name: String,
    pub holder: String,
}

/// An account that could not sign in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignInFailed {
    pub account: AccountId,
    pub failure: juzhen_domain::sign_in::Failure,
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
    pub sign_in: juzhen_domain::sign_in::SignIn,
    /// As in [`SignInFailed`], at the last failure.
    pub given: String,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Stop {
    pub by: PersonId,
    pub reason: String,
    pub at: Timestamp,
    /// People who want it lifted; two different ones lift it.
    pub lifting: Vec<PersonId>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ValueKey {
    pub adapter: String,
    pub account: AccountId,
    pub key: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blob {
    pub sha256: String,
    pub mime: String,
    pub bytes: Vec<u8>,
    pub at: Timestamp,
}

//! [`Store`]: everything the daemon asks of a database. SQLite answers it here; the same suite will hold PostgreSQL to it.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use juzhen_domain::claim::Standing;
use juzhen_domain::delivery::Delivery;
use juzhen_domain::id::{AccountId, DeliveryId, ItemId, PersonId};
use juzhen_domain::item::Item;
use juzhen_domain::sign_in::SignIn;

use crate::error::{Refused, StoreError};
use crate::people::People;
use crate::values::*;

/// How an account stands in the running settings; `None` when they do not have it.
pub type StandingOf = Arc<dyn Fn(&AccountId) -> Option<Standing> + Send + Sync>;
/// Decides, inside the transaction, what becomes of an item. May be called again when a transaction is repeated.
pub type ItemChanger = Arc<dyn Fn(&ItemRecord) -> Result<ItemChange, Refused> + Send + Sync>;
/// Decides, inside the transaction, what becomes of a delivery.
pub type DeliveryChanger = Arc<dyn Fn(&Delivery) -> Result<DeliveryChange, Refused> + Send + Sync>;
/// The deliveries that follow from one that is now published, given the accounts that already have this item.
pub type Follow = Arc<dyn Fn(&Delivery, &Item, &BTreeSet<AccountId>) -> Vec<Delivery> + Send + Sync>;

/// A durable answer: when a method returns `Ok`, the change survives a loss of power (promise P4).
///
/// # Errors
/// [`StoreError::Database`] when the database failed, [`StoreError::NoRoom`] while its disk is full, [`StoreError::Closed`]
/// after [`Store::close`], [`StoreError::Corrupt`] for a row that no version wrote: in each case nothing of the change is
/// kept. Changes of one thing also answer [`StoreError::NotFound`], what the deciding function refused, or
/// [`StoreError::Impossible`] where a state does not lead there; with `once`, [`StoreError::KeyReused`].
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// What the surface asks about people's access.
    fn people(&self) -> &dyn People;

    // Items

    /// Keeps a new item. With `once`, a repeated request changes nothing and gets the first item.
    async fn submit_item(
        &self,
        item: Item,
        audit: Audit,
        once: Option<Once>,
    ) -> Result<Submitted, StoreError>;
    /// Reads an item, lets `change` decide with plain values, writes what it says: all in one transaction.
    async fn change_item(
        &self,
        item: &ItemId,
        change: ItemChanger,
        once: Option<Once>,
    ) -> Result<ItemRecord, StoreError>;
    /// With its decisions and deliveries; `None`: there is no such item.
    async fn item(&self, item: &ItemId) -> Result<Option<ItemRecord>, StoreError>;
    /// Every text that it had and each time that it was handed in, oldest first; none for an item that is not there.
    async fn item_versions(&self, item: &ItemId) -> Result<Vec<ItemVersion>, StoreError>;
    /// Newest first.
    async fn items(&self, filter: ItemFilter) -> Result<Vec<Item>, StoreError>;

    // Deliveries

    /// Claims what may be sent now: `domain::claim::rule` is asked inside the transaction, and holds and misses it finds
    /// are written by the same commit. See `engine/src/claim.rs` for the reasons.
    async fn claim(&self, request: ClaimRequest) -> Result<ClaimRound, StoreError>;
    /// Writes how a delivery goes on, with the forwards that follow, if `expected` still holds; else keeps the news as
    /// evidence with the attempt and changes nothing.
    async fn settle(&self, settle: Settle) -> Result<Settled, StoreError>;
    /// The same, and by the same commit the next claim of this account, as [`Store::claim`] would make it. All or nothing:
    /// after an error, settle alone.
    async fn settle_and_claim(
        &self,
        settle: Settle,
        claim: ClaimRequest,
    ) -> Result<(Settled, ClaimRound), StoreError>;
    /// Reads a delivery, lets `change` decide, writes it with its audit row, and the forwards that follow when a person saw
    /// it published.
    async fn change_delivery(
        &self,
        delivery: &DeliveryId,
        change: DeliveryChanger,
        follow: Follow,
        once: Option<Once>,
    ) -> Result<Delivery, StoreError>;
    /// Deliveries in one of the states whose `next_at` has come, oldest first, with what a look at the account needs.
    async fn to_look_at(&self, look: Look) -> Result<Vec<Looked>, StoreError>;
    /// Published ones of which the platform is to be asked now whether it still stands by that (F63), the oldest first.
    async fn to_recheck(&self, now: Timestamp, most: u32) -> Result<Vec<Delivery>, StoreError>;
    /// It does; it is asked again then, or no more.
    async fn recheck_at(&self, delivery: &DeliveryId, next_at: Option<Timestamp>) -> Result<(), StoreError>;
    /// Past `latest_at` → missed; a waiting one whose time has come → due; held ones whose reason is gone → due; due ones
    /// whose account is gone or not active → held.
    async fn sweep(&self, now: Timestamp, standing: StandingOf) -> Result<Swept, StoreError>;
    /// Claims of workers that are gone, or never joined. Nothing had begun → due; every effect was answered → due, to be
    /// resumed; anything else → in doubt. Runs before the first claim (R5).
    async fn recover(&self, now: Timestamp) -> Result<Recovered, StoreError>;
    /// With everything that is known of it; `None`: there is no such delivery.
    async fn delivery(&self, delivery: &DeliveryId) -> Result<Option<DeliveryRecord>, StoreError>;
    /// Newest first.
    async fn deliveries(&self, filter: DeliveryFilter) -> Result<Vec<Delivery>, StoreError>;
    /// What waits for a person, or for a cause to go, by the time it was due, the oldest first.
    async fn attention(&self, filter: AttentionFilter) -> Result<Attention, StoreError>;
    /// How many there are in which state, and how long the oldest waits.
    async fn counts(&self, now: Timestamp) -> Result<Counts, StoreError>;

    // Daemons on the same database: `sql/workers.rs`

    /// A daemon begins its work under a new id, which it then names in its claims.
    async fn join(&self, worker: &str, lease: SignedDuration) -> Result<Joined, StoreError>;
    /// To be called a few times in the length of a lease.
    async fn renew(&self, worker: &str, lease: SignedDuration) -> Result<Renewed, StoreError>;
    /// Those at work first, then the newest.
    async fn workers(&self, most: u32) -> Result<Vec<Worker>, StoreError>;
    /// It ends; what it still holds may be recovered at once.
    async fn leave(&self, worker: &str) -> Result<(), StoreError>;
    /// Takes, or keeps, what only one may do at a time, for so long at most; `false` when another has it (F39).
    async fn take_turn(&self, name: &str, holder: &str, lasting: SignedDuration) -> Result<bool, StoreError>;
    /// Frees a turn, if it is still this holder's.
    async fn give_up_turn(&self, name: &str, holder: &str) -> Result<(), StoreError>;

    /// Whether what is handed in is done and made durable in that order. Then nobody has to wait for a change on which only
    /// later changes depend: those are never durable without it.
    fn is_in_order(&self) -> bool {
        false
    }

    // What platforms hand out, and accounts that have to sign in: `sql/sign_ins.rs`

    /// Sealed secrets of one account, or of all, by account and name.
    async fn captured(&self, account: Option<&AccountId>) -> Result<Vec<Captured>, StoreError>;
    /// Keeps what a platform handed out, all or nothing, and ends the turn and every doubt in the account's sign-in. `false`,
    /// and nothing is kept, when somebody else has the turn by now. Refused with `other_key` as in [`Store::give_secret`].
    async fn keep_captured(&self, keep: KeepCaptured) -> Result<bool, StoreError>;
    /// The account could not sign in: nothing of it leaves for a while, and people are told when only they can help.
    async fn sign_in_failed(&self, failed: SignInFailed) -> Result<SignIn, StoreError>;
    /// The account is let in.
    async fn sign_in_works(&self, account: &AccountId, at: Timestamp) -> Result<(), StoreError>;
    /// Every account whose sign-in is in doubt.
    async fn sign_ins(&self) -> Result<Vec<SignInRow>, StoreError>;

    // Signing in by a browser, and looks at accounts: `sql/authorizations.rs`, `sql/looks.rs`

    /// A person begins to sign an account in; whoever began before on it has to begin anew.
    async fn begin_authorization(&self, begin: BeginAuthorization) -> Result<(), StoreError>;
    /// What a browser brought back is taken, once.
    async fn take_authorization(&self, take: TakeAuthorization) -> Result<Taken, StoreError>;
    /// Keeps what a look found, with the warning that is due. Whether there was one.
    async fn keep_look(&self, look: KeepLook) -> Result<bool, StoreError>;
    /// The last look at each account that was looked at, by account.
    async fn looks(&self) -> Result<Vec<AccountLook>, StoreError>;

    // Secrets that people give, and the key that all secrets are sealed under: `sql/secrets.rs`

    /// Every secret that people have given, by name.
    async fn given_secrets(&self) -> Result<Vec<GivenSecret>, StoreError>;
    /// Keeps a value in the place of the one before it, with who gave it; its number. [`StoreError::Refused`] with the code
    /// `other_key` when it was sealed under another key than the database's.
    async fn give_secret(&self, give: GiveSecret) -> Result<i64, StoreError>;
    /// Forgets one; `false` when there was none.
    async fn forget_secret(&self, name: &str, by: &str, at: Timestamp) -> Result<bool, StoreError>;
    /// What is known of the key.
    async fn sealing(&self) -> Result<Sealing, StoreError>;
    /// Names the key, if there is none yet; with `anew` in any case, and then what platforms handed out under another one is
    /// forgotten. The name that holds now.
    async fn seal_under(&self, key: &str, anew: bool) -> Result<String, StoreError>;
    /// Puts everything that is sealed under a new key, all or nothing. What the function refuses is the answer, and so is
    /// `other_key` when the old one is not the database's any more.
    async fn reseal(&self, reseal: Reseal) -> Result<Resealed, StoreError>;

    // The effect ledger

    /// The intent of a mutating request. The first one of an attempt also marks its delivery as sending, in one commit.
    async fn begin_effect(&self, effect: NewEffect) -> Result<EffectBegun, StoreError>;
    /// What came of it.
    async fn end_effect(&self, effect: i64, answer: EffectAnswer) -> Result<(), StoreError>;

    // Settings

    /// Keeps a set of settings that is now running.
    async fn keep_settings(&self, kept: KeptSettings, audit: Audit) -> Result<(), StoreError>;
    /// The last good set.
    async fn last_settings(&self) -> Result<Option<KeptSettings>, StoreError>;

    // STOP ALL

    /// Nothing new leaves from this commit on (P26). A stop that is on already stays, and whoever wanted it lifted has to say
    /// so again.
    async fn stop(&self, by: PersonId, reason: String, at: Timestamp) -> Result<Stop, StoreError>;
    /// One person's word; the stop is lifted when a second, different person says it too (P26).
    async fn lift_stop(&self, by: PersonId, at: Timestamp) -> Result<Option<Stop>, StoreError>;
    /// The stop that is on, if one is.
    async fn stopped(&self) -> Result<Option<Stop>, StoreError>;

    // Accounts that are paused (P20): `sql/pauses.rs`

    /// A person's pause; the one that is on already, if so.
    async fn pause_account(
        &self,
        account: &AccountId,
        by: PersonId,
        reason: String,
        at: Timestamp,
    ) -> Result<Pause, StoreError>;
    /// Lifts it; the one that was on. What is held for it is due again by the next sweep.
    async fn resume_account(
        &self,
        account: &AccountId,
        by: PersonId,
        reason: String,
        at: Timestamp,
    ) -> Result<Option<Pause>, StoreError>;
    /// Accounts that are paused, and those with bad ends in a row.
    async fn troubled(&self) -> Result<Vec<AccountTrouble>, StoreError>;

    // What people are told: an outbox, written with what it is about

    /// Adds one that no change of a delivery brings about; one of the same id is kept already.
    async fn tell(
        &self,
        draft: juzhen_domain::notice::Draft,
        detail: serde_json::Value,
        at: Timestamp,
    ) -> Result<(), StoreError>;
    /// The oldest notices that nobody has handed out, now the caller's until then; others get them after that time.
    async fn take_notices(
        &self,
        now: Timestamp,
        until: Timestamp,
        most: u32,
    ) -> Result<Vec<Notice>, StoreError>;
    /// It was handed out, and nobody takes it any more.
    async fn notice_emitted(&self, number: i64, at: Timestamp) -> Result<(), StoreError>;
    /// It could not be handed out; nobody takes it before `next_at`.
    async fn notice_failed(&self, number: i64, next_at: Timestamp) -> Result<(), StoreError>;
    /// It also goes to the address outside, which is kept once; to be said before it counts as handed out.
    async fn hook_notice(&self, number: i64, at: Timestamp) -> Result<(), StoreError>;
    /// Notices that have to go there now, the caller's until `until`.
    async fn take_hooks(
        &self,
        now: Timestamp,
        until: Timestamp,
        most: u32,
    ) -> Result<Vec<Notice>, StoreError>;
    /// It arrived.
    async fn hook_sent(&self, number: i64, at: Timestamp) -> Result<(), StoreError>;
    /// It did not arrive; nobody tries again before `next_at`.
    async fn hook_failed(&self, number: i64, next_at: Timestamp, problem: String) -> Result<(), StoreError>;
    /// Those that were tried and did not arrive, the oldest first.
    async fn failing_notices(&self, most: u32) -> Result<Vec<Notice>, StoreError>;
    /// Newest first; only those with a smaller number than `before`.
    async fn notices(&self, before: Option<i64>, most: u32) -> Result<Vec<Notice>, StoreError>;

    // Posts that are not ours (P27): `engine/src/watch.rs`

    /// The next look at this account, if it is due and nobody else has taken it; the one after it is due at `next_at`.
    async fn watch_turn(
        &self,
        account: &AccountId,
        now: Timestamp,
        next_at: Timestamp,
    ) -> Result<Option<WatchTurn>, StoreError>;
    /// Those of these posts that are the receipt of a delivery on the account.
    async fn receipts_among(
        &self,
        account: &AccountId,
        posts: Vec<String>,
    ) -> Result<BTreeSet<String>, StoreError>;
    /// What the store knows of these posts, and the deliveries that one of them may belong to.
    async fn explain_posts(&self, account: &AccountId, posts: Vec<SeenPost>)
    -> Result<Explained, StoreError>;
    /// Keeps what a look came to, with a notice for each strange post that was not known. How many those were.
    async fn watch_looked(&self, look: WatchLook) -> Result<u32, StoreError>;
    /// Those that wait for a person first, then the newest, without the stock of the first look.
    async fn unknown_posts(&self, most: u32) -> Result<Vec<UnknownPost>, StoreError>;
    /// A person says what a post is about; the first word stands. `None`: there is no such post.
    async fn close_post(
        &self,
        account: &AccountId,
        id: String,
        closed: Closed,
    ) -> Result<Option<UnknownPost>, StoreError>;
    /// How the watch goes, by account.
    async fn watched(&self) -> Result<Vec<Watched>, StoreError>;

    // What readers write (P22): `sql/messages.rs`, `engine/src/intake.rs`

    /// Keeps what a platform pushed, all of it or nothing: each message once, the request itself once, and the posts that it
    /// decided are looked at now. What comes to it after [`Push::patience`] is not kept: the platform comes again.
    async fn push(&self, push: Push) -> Result<Pushed, StoreError>;
    /// The next poll of this account, if it is due and nobody else has taken it; others may take it from `until` on.
    async fn poll_turn(
        &self,
        account: &AccountId,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Option<PollTurn>, StoreError>;
    /// Keeps what a poll came to; how many of its messages were not there before.
    async fn polled(&self, polled: Polled) -> Result<u32, StoreError>;
    /// Newest first.
    async fn messages(&self, filter: MessageFilter) -> Result<Vec<Message>, StoreError>;
    /// How far each account was read.
    async fn intake(&self) -> Result<Vec<Intake>, StoreError>;

    // What adapters keep, and media

    /// What an adapter has kept under this key; `None`: nothing.
    async fn value(&self, key: &ValueKey) -> Result<Option<Vec<u8>>, StoreError>;
    /// `None` removes it.
    async fn set_value(&self, key: &ValueKey, value: Option<Vec<u8>>) -> Result<(), StoreError>;
    /// Keeps bytes under their hash, which is computed again: [`StoreError::Refused`] when it is another one.
    async fn put_blob(&self, blob: Blob) -> Result<(), StoreError>;
    /// The bytes with this hash, lower-case hexadecimal.
    async fn blob(&self, sha256: &str) -> Result<Option<Blob>, StoreError>;

    // Audit

    /// Newest first.
    async fn audit(&self, filter: AuditFilter) -> Result<Vec<AuditRow>, StoreError>;
    /// Writes an audit row for something that changes no other row.
    async fn note(&self, audit: Audit) -> Result<(), StoreError>;
    /// Computes every hash of the audit again (P12).
    async fn verify_audit(&self) -> Result<AuditChain, StoreError>;

    /// Whether the database answers and can be written to: one real write.
    async fn ping(&self) -> Result<(), StoreError>;

    // A database that was put back to an earlier time: `engine/src/high_water.rs`

    /// How far the history goes, which had come as far as `seen`: to be kept outside, and shown to the store after the next
    /// start (P19).
    async fn mark(&self, seen: Option<Mark>) -> Result<Mark, StoreError>;
    /// Whether this is the history that the mark was taken of, or a later one; `None`: no mark was kept.
    async fn knows(&self, seen: Option<Mark>) -> Result<Known, StoreError>;
    /// Holds everything: STOP ALL, and in doubt whatever may have been sent since the history was cut off, so that evidence
    /// closes it and nothing is sent again. Two people lift it.
    async fn suspect(
        &self,
        reason: String,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<Restoration, StoreError>;
    /// Newest first, each with what has become of its deliveries.
    async fn restorations(&self, most: u32) -> Result<Vec<Restoration>, StoreError>;

    /// Bytes that what is kept may still grow by, where that is known: below a reserve nothing is claimed (P17).
    async fn room(&self) -> Result<Option<u64>, StoreError> {
        Ok(None)
    }
    /// Looks through everything that is kept, which may take minutes and keeps nobody waiting. Damage also breaks the store
    /// (F23). `false`: that is not ours to do, a server looks after its own files.
    async fn check(&self) -> Result<bool, StoreError> {
        Ok(false)
    }
    /// Resolves when another daemon on the same database has changed something that may matter here: a new delivery, STOP
    /// ALL, the settings. What is missed is found by looking now and then, as without it.
    async fn woken(&self) {
        std::future::pending::<()>().await;
    }
    /// Resolves, with the reason, once the store has failed for good and answers nothing any more: only a new start helps
    /// (F21). Never, while there is hope.
    async fn broken(&self) -> String {
        std::future::pending().await
    }
    /// Answers once everything before it is written; then no more is accepted.
    async fn close(&self) -> Result<(), StoreError>;
}

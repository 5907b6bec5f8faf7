//! A daemon's way to the store: through the gate of its life, and, in a deliberately broken variant, with one rule of the
//! protocol left out. The shipped code has no switch for these variants: they stand around it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use juzhen_domain::delivery::{Delivery, DeliveryKind};
use juzhen_domain::id::{AccountId, DeliveryId, ItemId, PersonId};
use juzhen_domain::item::Item;
use juzhen_domain::outcome::Next;
use juzhen_domain::review::Verdict;
use juzhen_domain::sign_in::SignIn;
use juzhen_domain::state::{DeliveryState, ItemState};
use juzhen_store::*;

use crate::life::Life;

/// A rule that is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Broken {
    /// Requests leave without a row in the ledger.
    NoIntent,
    /// An unknown outcome is tried again.
    RetryUnknown,
    /// The first look that sees nothing is believed.
    NoVisibilityWait,
    /// Nothing seen until the end of the window is believed.
    RequeueOnAbsence,
    /// A reviewer's no counts as a yes.
    IgnoreApproval,
    /// What is due later is sent now.
    IgnoreNotBefore,
    /// What is past its latest time is sent.
    SendLate,
    /// The success of a forward is forgotten.
    ForwardTwice,
    /// What a claim that is lost wants to send leaves.
    NoFence,
}

impl Broken {
    pub const ALL: [Self; 9] = [
        Self::NoIntent,
        Self::RetryUnknown,
        Self::NoVisibilityWait,
        Self::RequeueOnAbsence,
        Self::IgnoreApproval,
        Self::IgnoreNotBefore,
        Self::SendLate,
        Self::ForwardTwice,
        Self::NoFence,
    ];
}

/// How far a store that sends late is behind.
const BEHIND: SignedDuration = SignedDuration::from_hours(3);
/// How far ahead of its time one that knows no time claims.
const AHEAD: SignedDuration = SignedDuration::from_mins(10);
/// Row of an effect that was never written.
const NO_ROW: i64 = -1;

pub(crate) struct Guarded {
    pub(crate) inner: Arc<dyn Store>,
    pub(crate) life: Arc<Life>,
    pub(crate) broken: Option<Broken>,
}

impl Guarded {
    fn is(&self, broken: Broken) -> bool {
        self.broken == Some(broken)
    }

    fn told(&self, now: Timestamp) -> Timestamp {
        if self.is(Broken::SendLate) { now - BEHIND } else { now }
    }

    /// What a broken store writes instead.
    async fn twisted(&self, mut settle: Settle) -> Settle {
        let again = |reason: &str| Next::Again {
            at: settle.now + SignedDuration::from_secs(5),
            reason: reason.to_owned(),
            resume: false,
        };
        let next = match &settle.next {
            Next::InDoubt { reason, .. } if self.is(Broken::RetryUnknown) && settle.outcome != "looked" => {
                Some(again(reason))
            }
            Next::InDoubt { reason, .. }
                if self.is(Broken::NoVisibilityWait) && settle.outcome == "looked" =>
            {
                Some(again(reason))
            }
            Next::NeedsPerson { reason }
                if (self.is(Broken::RequeueOnAbsence) || self.is(Broken::NoVisibilityWait))
                    && settle.outcome == "looked" =>
            {
                Some(again(reason))
            }
            Next::Published(_) if self.is(Broken::ForwardTwice) => {
                let record = self.inner.delivery(&settle.delivery).await.ok().flatten();
                let is_forward = record.is_some_and(|r| {
                    matches!(r.delivery.kind, DeliveryKind::Forward { .. }) && r.delivery.tries < 2
                });
                is_forward.then(|| again("forgotten"))
            }
            _ => None,
        };
        if let Some(next) = next {
            settle.next = next;
            // Such a store would not compare, either.
            settle.requests = u32::MAX;
        }
        settle
    }

    fn asked(&self, mut request: ClaimRequest) -> ClaimRequest {
        request.now = self.told(request.now);
        if self.is(Broken::IgnoreNotBefore) {
            request.until += AHEAD;
        }
        request
    }

    fn handed_out(&self, round: &mut ClaimRound, now: Timestamp) {
        if self.is(Broken::IgnoreNotBefore) {
            round.claims.iter_mut().for_each(|claim| claim.delivery.next_at = now);
        }
    }

    /// An unknown answer is a fine one for those that try again.
    fn twisted_answer(&self, mut answer: EffectAnswer) -> EffectAnswer {
        let tries_again = [Broken::RetryUnknown, Broken::NoVisibilityWait, Broken::RequeueOnAbsence];
        if self.broken.is_some_and(|b| tries_again.contains(&b)) && !answer.complete {
            answer.nothing_left = true;
        }
        answer
    }
}

/// One line for each method that is only let through.
macro_rules! through {
    ($($name:ident($($arg:ident: $kind:ty),*) -> $answer:ty;)*) => {
        #[async_trait]
        impl Store for Guarded {
            fn people(&self) -> &dyn People {
                self.inner.people()
            }

            $(async fn $name(&self, $($arg: $kind),*) -> Result<$answer, StoreError> {
                self.life.gate().await;
                let answer = self.inner.$name($($arg),*).await;
                self.life.pass().await;
                answer
            })*

            async fn claim(&self, request: ClaimRequest) -> Result<ClaimRound, StoreError> {
                self.life.gate().await;
                let now = request.now;
                let mut answer = self.inner.claim(self.asked(request)).await;
                if let Ok(round) = &mut answer {
                    self.handed_out(round, now);
                }
                self.life.pass().await;
                answer
            }

            async fn settle_and_claim(
                &self,
                settle: Settle,
                request: ClaimRequest,
            ) -> Result<(Settled, ClaimRound), StoreError> {
                self.life.gate().await;
                let now = request.now;
                let settle = self.twisted(settle).await;
                let mut answer = self.inner.settle_and_claim(settle, self.asked(request)).await;
                if let Ok((_, round)) = &mut answer {
                    self.handed_out(round, now);
                }
                self.life.pass().await;
                answer
            }

            async fn settle(&self, settle: Settle) -> Result<Settled, StoreError> {
                self.life.gate().await;
                let (in_doubt, twisted) = (settle.outcome == "looked", self.twisted(settle).await);
                let answer = self.inner.settle(twisted).await;
                if in_doubt && self.broken.is_some() {
                    // The store keeps in doubt what has no answer: without this it would be looked for at once, for ever.
                    tokio::time::sleep(Duration::from_secs(5)).await;
                }
                self.life.pass().await;
                answer
            }

            async fn change_item(
                &self,
                item: &ItemId,
                change: ItemChanger,
                once: Option<Once>,
            ) -> Result<ItemRecord, StoreError> {
                self.life.gate().await;
                let says_yes = self.is(Broken::IgnoreApproval);
                let change: ItemChanger = Arc::new(move |record| {
                    let mut change = change(record)?;
                    if let (Some(decision), true) = (&mut change.decision, says_yes) {
                        decision.verdict = Verdict::Approve;
                        change.state = ItemState::Approved;
                    }
                    Ok(change)
                });
                let answer = self.inner.change_item(item, change, once).await;
                self.life.pass().await;
                answer
            }

            async fn sweep(&self, now: Timestamp, standing: StandingOf) -> Result<Swept, StoreError> {
                self.life.gate().await;
                let answer = self.inner.sweep(self.told(now), standing).await;
                self.life.pass().await;
                answer
            }

            async fn begin_effect(&self, mut effect: NewEffect) -> Result<EffectBegun, StoreError> {
                self.life.gate().await;
                if self.is(Broken::NoIntent) {
                    return Ok(EffectBegun::Send(NO_ROW));
                }
                effect.at = self.told(effect.at);
                let answer = self.inner.begin_effect(effect).await;
                self.life.pass().await;
                match answer {
                    Ok(EffectBegun::Refused(why)) if self.is(Broken::NoFence) && why.starts_with("lost") => {
                        Ok(EffectBegun::Send(NO_ROW))
                    }
                    other => other,
                }
            }

            async fn end_effect(&self, effect: i64, answer: EffectAnswer) -> Result<(), StoreError> {
                self.life.gate().await;
                if effect == NO_ROW {
                    return Ok(());
                }
                let answer = self.inner.end_effect(effect, self.twisted_answer(answer)).await;
                self.life.pass().await;
                answer
            }
        }
    };
}

through! {
    submit_item(item: Item, audit: Audit, once: Option<Once>) -> Submitted;
    item(item: &ItemId) -> Option<ItemRecord>;
    item_versions(item: &ItemId) -> Vec<ItemVersion>;
    items(filter: ItemFilter) -> Vec<Item>;
    change_delivery(delivery: &DeliveryId, change: DeliveryChanger, follow: Follow, once: Option<Once>) -> Delivery;
    to_look_at(look: Look) -> Vec<Looked>;
    to_recheck(now: Timestamp, most: u32) -> Vec<Delivery>;
    recheck_at(delivery: &DeliveryId, next_at: Option<Timestamp>) -> ();
    recover(now: Timestamp) -> Recovered;
    join(worker: &str, lease: SignedDuration) -> Joined;
    renew(worker: &str, lease: SignedDuration) -> Renewed;
    leave(worker: &str) -> ();
    take_turn(name: &str, holder: &str, lasting: SignedDuration) -> bool;
    give_up_turn(name: &str, holder: &str) -> ();
    captured(account: Option<&AccountId>) -> Vec<Captured>;
    keep_captured(keep: KeepCaptured) -> bool;
    sign_in_failed(failed: SignInFailed) -> SignIn;
    sign_in_works(account: &AccountId, at: Timestamp) -> ();
    sign_ins() -> Vec<SignInRow>;
    begin_authorization(begin: BeginAuthorization) -> ();
    take_authorization(take: TakeAuthorization) -> Taken;
    keep_look(look: KeepLook) -> bool;
    looks() -> Vec<AccountLook>;
    given_secrets() -> Vec<GivenSecret>;
    give_secret(give: GiveSecret) -> i64;
    forget_secret(name: &str, by: &str, at: Timestamp) -> bool;
    sealing() -> Sealing;
    seal_under(key: &str, anew: bool) -> String;
    reseal(reseal: Reseal) -> Resealed;
    delivery(delivery: &DeliveryId) -> Option<DeliveryRecord>;
    deliveries(filter: DeliveryFilter) -> Vec<Delivery>;
    attention(filter: AttentionFilter) -> Attention;
    counts(now: Timestamp) -> Counts;
    keep_settings(kept: KeptSettings, audit: Audit) -> ();
    last_settings() -> Option<KeptSettings>;
    stop(by: PersonId, reason: String, at: Timestamp) -> Stop;
    lift_stop(by: PersonId, at: Timestamp) -> Option<Stop>;
    stopped() -> Option<Stop>;
    pause_account(account: &AccountId, by: PersonId, reason: String, at: Timestamp) -> Pause;
    resume_account(account: &AccountId, by: PersonId, reason: String, at: Timestamp) -> Option<Pause>;
    troubled() -> Vec<AccountTrouble>;
    tell(draft: juzhen_domain::notice::Draft, detail: serde_json::Value, at: Timestamp) -> ();
    take_notices(now: Timestamp, until: Timestamp, most: u32) -> Vec<Notice>;
    notice_emitted(number: i64, at: Timestamp) -> ();
    hook_notice(number: i64, at: Timestamp) -> ();
    take_hooks(now: Timestamp, until: Timestamp, most: u32) -> Vec<Notice>;
    hook_sent(number: i64, at: Timestamp) -> ();
    hook_failed(number: i64, next_at: Timestamp, problem: String) -> ();
    failing_notices(most: u32) -> Vec<Notice>;
    close_post(account: &AccountId, id: String, closed: Closed) -> Option<UnknownPost>;
    workers(most: u32) -> Vec<Worker>;
    notice_failed(number: i64, next_at: Timestamp) -> ();
    notices(before: Option<i64>, most: u32) -> Vec<Notice>;
    watch_turn(account: &AccountId, now: Timestamp, next_at: Timestamp) -> Option<WatchTurn>;
    receipts_among(account: &AccountId, posts: Vec<String>) -> BTreeSet<String>;
    explain_posts(account: &AccountId, posts: Vec<SeenPost>) -> Explained;
    watch_looked(look: WatchLook) -> u32;
    unknown_posts(most: u32) -> Vec<UnknownPost>;
    watched() -> Vec<Watched>;
    push(push: Push) -> Pushed;
    poll_turn(account: &AccountId, now: Timestamp, until: Timestamp) -> Option<PollTurn>;
    polled(polled: Polled) -> u32;
    messages(filter: MessageFilter) -> Vec<Message>;
    intake() -> Vec<Intake>;
    value(key: &ValueKey) -> Option<Vec<u8>>;
    set_value(key: &ValueKey, value: Option<Vec<u8>>) -> ();
    put_blob(blob: Blob) -> ();
    blob(sha256: &str) -> Option<Blob>;
    audit(filter: AuditFilter) -> Vec<AuditRow>;
    note(audit: Audit) -> ();
    verify_audit() -> AuditChain;
    ping() -> ();
    mark(seen: Option<Mark>) -> Mark;
    knows(seen: Option<Mark>) -> Known;
    suspect(reason: String, until: Timestamp, now: Timestamp) -> Restoration;
    restorations(most: u32) -> Vec<Restoration>;
    room() -> Option<u64>;
    close() -> ();
}

/// States in which the machine still has something to do.
pub(crate) const OPEN: [DeliveryState; 6] = [
    DeliveryState::Due,
    DeliveryState::Waiting,
    DeliveryState::InDoubt,
    DeliveryState::Accepted,
    DeliveryState::Claimed,
    DeliveryState::Sending,
];

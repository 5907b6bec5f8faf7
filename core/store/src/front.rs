//! The front of every store: each method of [`Store`] hands its work to the part of the logic named after it. What
//! differs is how a database runs the work: [`Database`].

use std::collections::BTreeSet;
use std::time::Duration;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use juzhen_domain::delivery::Delivery;
use juzhen_domain::id::{AccountId, DeliveryId, ItemId, PersonId};
use juzhen_domain::item::Item;
use juzhen_domain::sign_in::SignIn;

use crate::api::{DeliveryChanger, Follow, ItemChanger, StandingOf, Store};
use crate::database::{Database, Job};
use crate::error::StoreError;
use crate::people::People;
use crate::slow::Asked;
use crate::sql::{
    Transaction, attention, audit, authorizations, claim, deliveries, effects, hooks, intake, items, looks,
    messages, notices, pauses, ping, rechecks, recover, restored, secrets, settings, settle, sign_ins, stop,
    sweep, values, versions, watch, workers,
};
use crate::values::*;

#[async_trait]
impl<D: Database> Store for D {
    fn people(&self) -> &dyn People {
        self
    }

    async fn submit_item(
        &self,
        item: Item,
        audit: Audit,
        once: Option<Once>,
    ) -> Result<Submitted, StoreError> {
        self.write("keep an item", move |c| items::submit(c, &item, &audit, once.as_ref())).await
    }

    async fn change_item(
        &self,
        item: &ItemId,
        change: ItemChanger,
        once: Option<Once>,
    ) -> Result<ItemRecord, StoreError> {
        let item = item.clone();
        self.write("change an item", move |c| items::change(c, &item, &change, once.as_ref())).await
    }

    async fn item(&self, item: &ItemId) -> Result<Option<ItemRecord>, StoreError> {
        let item = item.clone();
        self.read("read an item", move |c| items::record(c, &item)).await
    }

    async fn item_versions(&self, item: &ItemId) -> Result<Vec<ItemVersion>, StoreError> {
        let item = item.clone();
        self.read("read the versions of an item", move |c| versions::list(c, &item)).await
    }

    async fn items(&self, filter: ItemFilter) -> Result<Vec<Item>, StoreError> {
        self.read("list items", move |c| items::list(c, &filter)).await
    }

    async fn claim(&self, request: ClaimRequest) -> Result<ClaimRound, StoreError> {
        let asked = Asked::of(request.now, self.slow());
        let claim =
            move |c: &Transaction<'_>| claim::claim(c, &ClaimRequest { now: asked.now(), ..request.clone() });
        self.write(Job::of("claim deliveries", ""), claim).await
    }

    async fn settle(&self, settle: Settle) -> Result<Settled, StoreError> {
        let job = Job::of("settle a delivery", settle.delivery.as_str()).result();
        self.write(job, move |c| settle::settle(c, &settle)).await
    }

    async fn settle_and_claim(
        &self,
        settle: Settle,
        request: ClaimRequest,
    ) -> Result<(Settled, ClaimRound), StoreError> {
        let job = Job::of("settle a delivery", settle.delivery.as_str()).result();
        self.write(job, move |c| claim::after(c, &settle, &request)).await
    }

    async fn change_delivery(
        &self,
        delivery: &DeliveryId,
        change: DeliveryChanger,
        follow: Follow,
        once: Option<Once>,
    ) -> Result<Delivery, StoreError> {
        let delivery = delivery.clone();
        let work =
            move |c: &Transaction<'_>| deliveries::change(c, &delivery, &change, &follow, once.as_ref());
        self.write("change a delivery", work).await
    }

    async fn to_look_at(&self, look: Look) -> Result<Vec<Looked>, StoreError> {
        self.read("find deliveries to look at", move |c| deliveries::to_look_at(c, &look)).await
    }

    async fn to_recheck(&self, now: Timestamp, most: u32) -> Result<Vec<Delivery>, StoreError> {
        self.read("find what to ask about again", move |c| rechecks::due(c, now, most)).await
    }

    async fn recheck_at(&self, delivery: &DeliveryId, next_at: Option<Timestamp>) -> Result<(), StoreError> {
        let delivery = delivery.clone();
        self.write("put a question off", move |c| rechecks::put_off(c, &delivery, next_at)).await
    }

    async fn sweep(&self, now: Timestamp, standing: StandingOf) -> Result<Swept, StoreError> {
        self.write("sweep the deliveries", move |c| sweep::sweep(c, now, &standing)).await
    }

    async fn join(&self, worker: &str, lease: SignedDuration) -> Result<Joined, StoreError> {
        let (worker, presence) = (worker.to_owned(), self.presence());
        let job = Job::from("join as a worker").result();
        self.write(job, move |c| workers::join(c, &worker, lease, &presence)).await
    }

    async fn renew(&self, worker: &str, lease: SignedDuration) -> Result<Renewed, StoreError> {
        let worker = worker.to_owned();
        let job = Job::of("renew a worker's lease", &worker).result();
        self.write(job, move |c| workers::renew(c, &worker, lease)).await
    }

    async fn workers(&self, most: u32) -> Result<Vec<Worker>, StoreError> {
        self.read("list workers", move |c| workers::list(c, most)).await
    }

    async fn leave(&self, worker: &str) -> Result<(), StoreError> {
        let worker = worker.to_owned();
        self.write(Job::of("leave as a worker", &worker), move |c| workers::leave(c, &worker)).await
    }

    async fn take_turn(&self, name: &str, holder: &str, lasting: SignedDuration) -> Result<bool, StoreError> {
        let (name, holder) = (name.to_owned(), holder.to_owned());
        self.write(Job::of("take a turn", &name), move |c| workers::take_turn(c, &name, &holder, lasting))
            .await
    }

    async fn give_up_turn(&self, name: &str, holder: &str) -> Result<(), StoreError> {
        let (name, holder) = (name.to_owned(), holder.to_owned());
        self.write(Job::of("give a turn up", &name), move |c| workers::give_up_turn(c, &name, &holder)).await
    }

    async fn recover(&self, now: Timestamp) -> Result<Recovered, StoreError> {
        let job = Job::from("recover the claims of before").result();
        self.write(job, move |c| recover::recover(c, now)).await
    }

    async fn delivery(&self, delivery: &DeliveryId) -> Result<Option<DeliveryRecord>, StoreError> {
        let delivery = delivery.clone();
        self.read("read a delivery", move |c| deliveries::record(c, &delivery)).await
    }

    async fn deliveries(&self, filter: DeliveryFilter) -> Result<Vec<Delivery>, StoreError> {
        self.read("list deliveries", move |c| deliveries::list(c, &filter)).await
    }

    async fn attention(&self, filter: AttentionFilter) -> Result<Attention, StoreError> {
        self.read("list what waits", move |c| attention::list(c, &filter)).await
    }

    async fn counts(&self, now: Timestamp) -> Result<Counts, StoreError> {
        self.read("count", move |c| deliveries::counts(c, now)).await
    }

    fn is_in_order(&self) -> bool {
        Database::is_in_order(self)
    }

    async fn begin_effect(&self, effect: NewEffect) -> Result<EffectBegun, StoreError> {
        let job = Job::of("keep the intent of a request", &effect.call);
        let asked = Asked::of(effect.at, self.slow());
        let begin =
            move |c: &Transaction<'_>| effects::begin(c, &NewEffect { at: asked.now(), ..effect.clone() });
        let begun = self.write(job, begin).await?;
        let EffectBegun::Send(id) = begun else { return Ok(begun) };
        // The commit itself may have taken until it was too late.
        let mut seen = Duration::ZERO;
        while asked.is_slow_since(seen) {
            seen = asked.waited();
            let late = self.write(job, move |c| effects::give_up_late(c, id, asked.now())).await?;
            if let Some(reason) = late {
                return Ok(EffectBegun::Refused(reason));
            }
        }
        Ok(begun)
    }

    async fn end_effect(&self, effect: i64, answer: EffectAnswer) -> Result<(), StoreError> {
        // Nothing goes on from it but by a later change, which is then durable with it.
        let job = Job::of("keep the answer to a request", &effect.to_string()).result().in_no_hurry();
        self.write(job, move |c| effects::end(c, effect, &answer)).await
    }

    async fn captured(&self, account: Option<&AccountId>) -> Result<Vec<Captured>, StoreError> {
        let account = account.cloned();
        self.read("read what platforms handed out", move |c| sign_ins::captured(c, account.as_ref())).await
    }

    async fn keep_captured(&self, keep: KeepCaptured) -> Result<bool, StoreError> {
        let job = Job::from("keep what a platform handed out").result();
        self.write(job, move |c| sign_ins::keep(c, &keep)).await
    }

    async fn sign_in_failed(&self, failed: SignInFailed) -> Result<SignIn, StoreError> {
        let job = Job::from("note that an account could not sign in").result();
        self.write(job, move |c| sign_ins::failed(c, &failed)).await
    }

    async fn sign_in_works(&self, account: &AccountId, at: Timestamp) -> Result<(), StoreError> {
        let account = account.clone();
        self.write("note that an account is signed in", move |c| sign_ins::works(c, &account, at)).await
    }

    async fn sign_ins(&self) -> Result<Vec<SignInRow>, StoreError> {
        self.read("list accounts that have to sign in", sign_ins::list).await
    }

    async fn begin_authorization(&self, begin: BeginAuthorization) -> Result<(), StoreError> {
        self.write("begin a sign-in", move |c| authorizations::begin(c, &begin)).await
    }

    async fn take_authorization(&self, take: TakeAuthorization) -> Result<Taken, StoreError> {
        // Strangers may ask, too: what nobody has begun costs no write.
        let asked = take.clone();
        if !self.read("look for a sign-in", move |c| authorizations::is_begun(c, &asked)).await? {
            return Ok(Taken::Unknown);
        }
        self.write("end a sign-in", move |c| authorizations::take(c, &take)).await
    }

    async fn keep_look(&self, look: KeepLook) -> Result<bool, StoreError> {
        self.write("keep a look at an account", move |c| looks::keep(c, &look)).await
    }

    async fn looks(&self) -> Result<Vec<AccountLook>, StoreError> {
        self.read("list looks at accounts", looks::list).await
    }

    async fn given_secrets(&self) -> Result<Vec<GivenSecret>, StoreError> {
        self.read("read what people gave", secrets::list).await
    }

    async fn give_secret(&self, give: GiveSecret) -> Result<i64, StoreError> {
        self.write("keep a secret", move |c| secrets::give(c, &give)).await
    }

    async fn forget_secret(&self, name: &str, by: &str, at: Timestamp) -> Result<bool, StoreError> {
        let (name, by) = (name.to_owned(), by.to_owned());
        self.write("forget a secret", move |c| secrets::forget(c, &name, &by, at)).await
    }

    async fn sealing(&self) -> Result<Sealing, StoreError> {
        self.read("read the name of the key", secrets::sealing).await
    }

    async fn seal_under(&self, key: &str, anew: bool) -> Result<String, StoreError> {
        let key = key.to_owned();
        self.write("name the key", move |c| secrets::seal_under(c, &key, anew)).await
    }

    async fn reseal(&self, reseal: Reseal) -> Result<Resealed, StoreError> {
        self.write("put everything under a new key", move |c| secrets::reseal(c, &reseal)).await
    }

    async fn keep_settings(&self, kept: KeptSettings, audit: Audit) -> Result<(), StoreError> {
        self.write("keep the settings", move |c| settings::keep(c, &kept, &audit)).await
    }

    async fn last_settings(&self) -> Result<Option<KeptSettings>, StoreError> {
        self.read("read the last settings", settings::last).await
    }

    async fn stop(&self, by: PersonId, reason: String, at: Timestamp) -> Result<Stop, StoreError> {
        self.write(Job::from("stop all").result(), move |c| stop::stop(c, &by, &reason, at)).await
    }

    async fn lift_stop(&self, by: PersonId, at: Timestamp) -> Result<Option<Stop>, StoreError> {
        self.write("lift the stop", move |c| stop::lift(c, &by, at)).await
    }

    async fn stopped(&self) -> Result<Option<Stop>, StoreError> {
        self.read("read the stop", stop::current).await
    }

    async fn pause_account(
        &self,
        account: &AccountId,
        by: PersonId,
        reason: String,
        at: Timestamp,
    ) -> Result<Pause, StoreError> {
        let account = account.clone();
        let job = Job::from("pause an account").result();
        self.write(job, move |c| pauses::pause(c, &account, &by, &reason, at)).await
    }

    async fn resume_account(
        &self,
        account: &AccountId,
        by: PersonId,
        reason: String,
        at: Timestamp,
    ) -> Result<Option<Pause>, StoreError> {
        let account = account.clone();
        self.write("resume an account", move |c| pauses::resume(c, &account, &by, &reason, at)).await
    }

    async fn troubled(&self) -> Result<Vec<AccountTrouble>, StoreError> {
        self.read("list accounts in trouble", pauses::list).await
    }

    async fn value(&self, key: &ValueKey) -> Result<Option<Vec<u8>>, StoreError> {
        let key = key.clone();
        self.read("read a value of an adapter", move |c| values::get(c, &key)).await
    }

    async fn set_value(&self, key: &ValueKey, value: Option<Vec<u8>>) -> Result<(), StoreError> {
        let key = key.clone();
        self.write("keep a value of an adapter", move |c| values::set(c, &key, value.as_deref())).await
    }

    async fn put_blob(&self, blob: Blob) -> Result<(), StoreError> {
        self.write("keep a blob", move |c| values::put_blob(c, &blob)).await
    }

    async fn blob(&self, sha256: &str) -> Result<Option<Blob>, StoreError> {
        let sha256 = sha256.to_owned();
        self.read("read a blob", move |c| values::blob(c, &sha256)).await
    }

    async fn audit(&self, filter: AuditFilter) -> Result<Vec<AuditRow>, StoreError> {
        self.read("list the audit", move |c| audit::list(c, &filter)).await
    }

    async fn note(&self, audit: Audit) -> Result<(), StoreError> {
        self.write("write to the audit", move |c| audit::note(c, &audit)).await
    }

    async fn verify_audit(&self) -> Result<AuditChain, StoreError> {
        self.read("verify the audit", audit::verify).await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.look()?;
        self.write("ping the database", ping::ping).await
    }

    async fn mark(&self, seen: Option<Mark>) -> Result<Mark, StoreError> {
        self.look()?;
        self.read("read how far the history goes", move |c| restored::mark(c, seen.as_ref())).await
    }

    async fn knows(&self, seen: Option<Mark>) -> Result<Known, StoreError> {
        self.read("compare the history", move |c| restored::knows(c, seen.as_ref())).await
    }

    async fn suspect(
        &self,
        reason: String,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<Restoration, StoreError> {
        let job = Job::from("hold what may have been sent").result();
        self.write(job, move |c| restored::suspect(c, &reason, until, now)).await
    }

    async fn restorations(&self, most: u32) -> Result<Vec<Restoration>, StoreError> {
        self.read("list restorations", move |c| restored::list(c, most)).await
    }

    async fn tell(
        &self,
        draft: juzhen_domain::notice::Draft,
        detail: serde_json::Value,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        self.write("tell people", move |c| notices::add(c, &draft, &detail, at).map(drop)).await
    }

    async fn take_notices(
        &self,
        now: Timestamp,
        until: Timestamp,
        most: u32,
    ) -> Result<Vec<Notice>, StoreError> {
        self.write("take notices", move |c| notices::take(c, now, until, most)).await
    }

    async fn notice_emitted(&self, number: i64, at: Timestamp) -> Result<(), StoreError> {
        self.write("note that a notice went out", move |c| notices::emitted(c, number, at)).await
    }

    async fn notice_failed(&self, number: i64, next_at: Timestamp) -> Result<(), StoreError> {
        self.write("put a notice off", move |c| notices::failed(c, number, next_at)).await
    }

    async fn hook_notice(&self, number: i64, at: Timestamp) -> Result<(), StoreError> {
        self.write("send a notice outside", move |c| hooks::add(c, number, at)).await
    }

    async fn take_hooks(
        &self,
        now: Timestamp,
        until: Timestamp,
        most: u32,
    ) -> Result<Vec<Notice>, StoreError> {
        self.write("take notices that go outside", move |c| hooks::take(c, now, until, most)).await
    }

    async fn hook_sent(&self, number: i64, at: Timestamp) -> Result<(), StoreError> {
        self.write("note that a notice arrived", move |c| hooks::sent(c, number, at)).await
    }

    async fn hook_failed(&self, number: i64, next_at: Timestamp, problem: String) -> Result<(), StoreError> {
        self.write("note that a notice did not arrive", move |c| hooks::failed(c, number, next_at, &problem))
            .await
    }

    async fn failing_notices(&self, most: u32) -> Result<Vec<Notice>, StoreError> {
        self.read("list notices that did not arrive", move |c| notices::failing(c, most)).await
    }

    async fn notices(&self, before: Option<i64>, most: u32) -> Result<Vec<Notice>, StoreError> {
        self.read("list notices", move |c| notices::list(c, before, most)).await
    }

    async fn watch_turn(
        &self,
        account: &AccountId,
        now: Timestamp,
        next_at: Timestamp,
    ) -> Result<Option<WatchTurn>, StoreError> {
        let account = account.clone();
        self.write("take a look in turn", move |c| watch::turn(c, &account, now, next_at)).await
    }

    async fn receipts_among(
        &self,
        account: &AccountId,
        posts: Vec<String>,
    ) -> Result<BTreeSet<String>, StoreError> {
        let account = account.clone();
        self.read("look for receipts", move |c| deliveries::receipts_among(c, &account, posts.clone())).await
    }

    async fn explain_posts(
        &self,
        account: &AccountId,
        posts: Vec<SeenPost>,
    ) -> Result<Explained, StoreError> {
        let account = account.clone();
        self.read("explain posts", move |c| watch::explain(c, &account, &posts)).await
    }

    async fn watch_looked(&self, look: WatchLook) -> Result<u32, StoreError> {
        self.write("keep what a look came to", move |c| watch::looked(c, &look)).await
    }

    async fn unknown_posts(&self, most: u32) -> Result<Vec<UnknownPost>, StoreError> {
        self.read("list unknown posts", move |c| watch::unknown_posts(c, most)).await
    }

    async fn close_post(
        &self,
        account: &AccountId,
        id: String,
        closed: Closed,
    ) -> Result<Option<UnknownPost>, StoreError> {
        let account = account.clone();
        self.write("close a strange post", move |c| watch::close(c, &account, &id, &closed)).await
    }

    async fn watched(&self) -> Result<Vec<Watched>, StoreError> {
        self.read("list watched accounts", watch::watched).await
    }

    async fn push(&self, push: Push) -> Result<Pushed, StoreError> {
        let asked = Asked::of(push.at, self.slow());
        let job = Job::of("keep what a platform pushed", push.account.as_str());
        let work = move |c: &Transaction<'_>| match asked.waited() > push.patience {
            true => Ok(Pushed::TooLate),
            false => intake::push(c, &push),
        };
        self.write(job, work).await
    }

    async fn poll_turn(
        &self,
        account: &AccountId,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Option<PollTurn>, StoreError> {
        let account = account.clone();
        let job = Job::of("take a poll in turn", account.as_str());
        self.write(job, move |c| intake::turn(c, &account, now, until)).await
    }

    async fn polled(&self, polled: Polled) -> Result<u32, StoreError> {
        let job = Job::of("keep what a poll came to", polled.account.as_str());
        self.write(job, move |c| intake::polled(c, &polled)).await
    }

    async fn messages(&self, filter: MessageFilter) -> Result<Vec<Message>, StoreError> {
        self.read("list messages", move |c| messages::list(c, &filter)).await
    }

    async fn intake(&self) -> Result<Vec<Intake>, StoreError> {
        self.read("list how far accounts were read", intake::list).await
    }

    async fn room(&self) -> Result<Option<u64>, StoreError> {
        self.free_room().await
    }

    async fn check(&self) -> Result<bool, StoreError> {
        self.look_through().await
    }

    async fn woken(&self) {
        Database::woken(self).await;
    }

    async fn broken(&self) -> String {
        self.until_broken().await
    }

    async fn close(&self) -> Result<(), StoreError> {
        self.finish().await
    }
}

//! The judge: at the moment when a request that could publish something leaves, and once more at the end, from the
//! platforms' ledger and the people's book.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::FutureExt as _;
use jiff::{SignedDuration, Timestamp};
use juzhen_domain::caps::later;
use juzhen_domain::delivery::{Delivery, DeliveryKind, ReceiptBy};
use juzhen_domain::id::DeliveryId;
use juzhen_domain::state::DeliveryState;
use juzhen_host::simulated::NetworkRequest;
use juzhen_store::{DeliveryFilter, DeliveryRecord};
use serde_json::Value;

use crate::life::Life;
use crate::platform::Effect;
use crate::scene::Scene;
use crate::store::OPEN;

/// Ports take a moment between the look at the clock and the first byte.
const MOMENT: SignedDuration = SignedDuration::from_secs(2);

/// What a call may take.
const CALL: SignedDuration = SignedDuration::from_secs(60);
/// A clock that was set is believed after this long, at the soonest.
const HELD: SignedDuration = SignedDuration::from_secs(60);
/// What has been in so many lists is noticed if one of them shows it: a look goes back to the last but one.
const LISTS: u32 = 2;
/// Tries of a delivery, as the settings say.
const CAP: u32 = 4;

pub(crate) struct Judge<'s> {
    scene: &'s Scene,
}

impl<'s> Judge<'s> {
    pub(crate) fn of(scene: &'s Scene) -> Self {
        Self { scene }
    }

    /// A request leaves a daemon.
    pub(crate) fn leaves(&self, request: &NetworkRequest, life: &Life) {
        let Some((_, delivery)) = request.headers.iter().find(|(name, _)| name == "x-judge") else { return };
        if life.is_dead() {
            return self.says(format!("dead: {delivery} left a daemon that had ended"));
        }
        let Some(record) = self.record(delivery) else {
            return self.says(format!("unknown: {delivery} left and is in no database"));
        };
        let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        let text = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default();
        let (now, one) = (self.scene.time.now(), &record.delivery);
        let shown = self.scene.clocks.shown(life.daemon);
        if text("uid") != one.account.as_str() {
            self.says(format!("wrong account: {delivery} of {} went to {}", one.account, text("uid")));
        }
        self.approved(&record, text("text"), body.get("origin").is_some());
        let book = self.scene.book.open();
        let times = book.times.get(&one.id).copied();
        let stopped = book.stopped_since.is_some_and(|since| now > since + SignedDuration::from_secs(1));
        drop(book);
        let (due, latest) = times.unwrap_or((one.due_at, one.latest_at));
        // Whoever was stopped between the look and the first byte is late without being able to help it, and its clock may have
        // been set back meanwhile.
        let stalled = life.resumed_within(MOMENT);
        if self.earliest(&record, now, shown, life) < due && !(stalled && now >= due) {
            self.says(format!("early: {delivery} left {} before it was due", due.duration_since(now)));
        }
        if shown.min(now) > latest + MOMENT && record.delivery.tries <= 1 && !stalled {
            self.says(format!("late: {delivery} left {} too late", now.duration_since(latest)));
        }
        if stopped && !stalled {
            self.says(format!("stop: {delivery} left under STOP ALL"));
        }
    }

    /// The least time that a daemon may take it to be. A clock that was set wrong is not believed for a minute; then it counts,
    /// as it does for a daemon that was started under it (P14).
    fn earliest(&self, record: &DeliveryRecord, now: Timestamp, shown: Timestamp, life: &Life) -> Timestamp {
        let clocks = &self.scene.clocks;
        let set_while_it_ran = clocks.last_step(life.daemon).filter(|step| life.began < step.at);
        let Some(step) = set_while_it_ran.filter(|step| now.duration_since(step.held_since) < HELD) else {
            return shown;
        };
        // It was looked at before it was set; a call that is under way goes on.
        let is_of_before = now.duration_since(step.at) < MOMENT || self.was_under_way(record, step.at, life);
        if is_of_before { clocks.shown_before(life.daemon).max(shown.min(now)) } else { shown.min(now) }
    }

    /// When its daemon's clock was set at this time.
    fn was_under_way(&self, record: &DeliveryRecord, at: Timestamp, life: &Life) -> bool {
        let arrivals = self.scene.platform.arrivals();
        let id = record.delivery.id.as_str();
        let ahead = self.scene.clocks.shown_before(life.daemon).duration_since(self.scene.time.now());
        arrivals.iter().any(|(of, arrived)| of == id && (at - CALL..at).contains(arrived))
            || record.attempts.iter().any(|call| (at - CALL..at).contains(&later(call.started_at, -ahead)))
    }

    fn approved(&self, record: &DeliveryRecord, text: &str, is_repost: bool) {
        let one = &record.delivery;
        let book = self.scene.book.open();
        let approved = book.approved.get(&one.item);
        let is_approved = if is_repost {
            approved.is_some_and(|texts| !texts.is_empty())
        } else {
            approved.is_some_and(|texts| texts.contains(text))
        };
        let is_back = book.withdrawn.contains(&one.item) || book.cancelled.contains(&one.id);
        drop(book);
        if !is_approved {
            self.says(format!("unapproved: {} left", one.id));
        }
        if is_back {
            self.says(format!("unapproved: {} left after it was taken back", one.id));
        }
    }

    /// After the faults have stopped and everything had its time.
    pub(crate) fn finally(&self) {
        let effects = self.scene.platform.effects();
        let mut of_delivery: BTreeMap<&str, Vec<&Effect>> = BTreeMap::new();
        for effect in &effects {
            of_delivery.entry(&effect.delivery).or_default().push(effect);
        }
        of_delivery.remove("");
        self.once_on_each_account(&effects);
        self.asked_no_more_than_allowed();
        self.noticed(&effects);
        let mut known = BTreeSet::new();
        for delivery in self.deliveries() {
            let Some(record) = self.record(delivery.as_str()) else { continue };
            known.insert(delivery.as_str().to_owned());
            let public = of_delivery.get(delivery.as_str()).and_then(|effects| effects.first());
            self.comes_out(&record, public.copied());
        }
        self.order();
    }

    /// Whatever delivery it was of: nobody says the same twice on one account.
    fn once_on_each_account(&self, effects: &[Effect]) {
        let mut said = BTreeMap::new();
        for effect in effects {
            let of = said.entry((&effect.uid, &effect.text, &effect.origin)).or_insert_with(BTreeSet::new);
            of.insert(effect.delivery.as_str());
        }
        for ((uid, text, _), of) in said.iter().filter(|(_, of)| of.len() > 1) {
            self.says(format!("duplicate: {text:?} is on {uid} by {of:?}"));
        }
    }

    /// P20: what a platform is asked for one delivery is bounded, whatever it answers.
    fn asked_no_more_than_allowed(&self) {
        let mut asked: BTreeMap<String, u32> = BTreeMap::new();
        for (delivery, _) in self.scene.platform.arrivals() {
            *asked.entry(delivery).or_default() += 1;
        }
        for (delivery, times) in asked {
            let words =
                self.scene.book.open().retries.get(&DeliveryId::new(&*delivery)).copied().unwrap_or(0);
            // A token that has expired costs one request more.
            let allowed = 2 * CAP * (1 + words);
            if times > allowed {
                self.says(format!("storm: {delivery} was asked for {times} times"));
            }
        }
    }

    /// P27: what was posted by hand was noticed, and nothing else was taken for such a thing.
    fn noticed(&self, effects: &[Effect]) {
        let by_hand = self.scene.book.open().by_hand.clone();
        let known =
            self.scene.view.unknown_posts(10_000).now_or_never().and_then(Result::ok).unwrap_or_default();
        let of = |id: &str| effects.iter().find(|effect| effect.id == id);
        for unknown in known.iter().filter(|unknown| !unknown.is_stock) {
            let is_ours = of(&unknown.id).is_some_and(|effect| !effect.delivery.is_empty());
            // A database that was put back has forgotten what it sent; under a wrong clock nothing is found where it is looked
            // for.
            if is_ours && self.scene.marks.is_none() && !self.scene.clocks.were_wrong() {
                self.says(format!("false alarm: {} on {} is ours", unknown.id, unknown.account));
            }
        }
        for (uid, text) in by_hand {
            let Some(post) = effects.iter().find(|e| e.uid == uid && e.text == text) else { continue };
            let is_excused =
                post.left_out >= LISTS || self.scene.marks.is_some() || self.scene.clocks.were_wrong();
            if known.iter().any(|unknown| unknown.id == post.id) {
                self.scene.fired.count("people.post_by_hand_noticed");
            } else if !is_excused {
                self.says(format!("unnoticed: {text:?} on {uid}"));
            }
        }
    }

    fn comes_out(&self, record: &DeliveryRecord, public: Option<&Effect>) {
        use DeliveryState as S;
        let one = &record.delivery;
        // A forward that was made under a clock that ran ahead is due when that clock says.
        let is_to_come = one.state == S::Due && one.due_at > self.scene.time.now();
        if OPEN.contains(&one.state) && !is_to_come {
            self.says(format!("lost: {} is still {} ({:?})", one.id, one.state, one.reason));
        }
        // One that broke off after answered requests says of itself that it may be out, in whatever state.
        let says_not_out =
            matches!(one.state, S::Refused | S::Missed | S::Cancelled | S::Held) && !one.resumes;
        if says_not_out && let Some(effect) = public {
            self.says(format!("untrue: {} is {} and public as {}", one.id, one.state, effect.id));
            self.scene.trace.note(|| format!("what its database knows: {record:#?}"));
        }
        if one.state == S::Published {
            let receipt = one.receipt.as_ref();
            let id = receipt.and_then(|r| r.platform_id.as_deref());
            let by_person = receipt.is_some_and(|r| r.by == ReceiptBy::Person);
            match public {
                None if self.is_of_a_forgotten_one(one, id) => {}
                None => self.says(format!("untrue: {} is published and nowhere", one.id)),
                Some(effect) if !by_person && id != Some(effect.id.as_str()) => {
                    self.says(format!("untrue: {} is {} and its receipt says {id:?}", one.id, effect.id));
                }
                Some(_) => {}
            }
        }
    }

    /// The post of this receipt says the same and was made by a delivery that is no more since its database was put back.
    fn is_of_a_forgotten_one(&self, one: &Delivery, post: Option<&str>) -> bool {
        let effects = self.scene.platform.effects();
        let Some(effect) = effects.iter().find(|effect| post == Some(effect.id.as_str())) else {
            return false;
        };
        let book = self.scene.book.open();
        let texts = book.approved.get(&one.item);
        // A repost says nothing of its own.
        let says_the_same =
            effect.origin.is_some() || texts.is_some_and(|texts| texts.contains(&effect.text));
        drop(book);
        effect.uid == one.account.as_str() && says_the_same && self.record(&effect.delivery).is_none()
    }

    /// Of two on one account that nothing disturbed, the one that was due first went first.
    fn order(&self) {
        let arrivals = self.scene.platform.arrivals();
        let arrived = |id: &DeliveryId| arrivals.iter().find(|(d, _)| d == id.as_str()).map(|(_, at)| *at);
        let mut calm = Vec::new();
        for id in self.deliveries() {
            let Some(record) = self.record(id.as_str()) else { continue };
            let first = record.attempts.len() == 1 && record.doubt.is_none();
            let own = record.delivery.kind == DeliveryKind::Publish;
            if let (true, true, Some(at)) = (first, own, arrived(&id)) {
                calm.push((record.delivery.account.clone(), record.delivery.due_at, at, record));
            }
        }
        for (account, due, at, one) in &calm {
            for (other_account, other_due, other_at, other) in &calm {
                let undisturbed = is_undisturbed(one) && is_undisturbed(other);
                let claimed = other.attempts.iter().map(|claim| claim.started_at).chain([*other_at]).min();
                let was_there = claimed.is_some_and(|claimed| written_at(&one.delivery) < claimed - MOMENT);
                if account == other_account && due < other_due && at > other_at && undisturbed && was_there {
                    self.says(format!(
                        "order: {} went after {} on {account}",
                        one.delivery.id, other.delivery.id
                    ));
                    self.scene.trace.note(|| format!("what the database knows: {one:#?} {other:#?}"));
                }
            }
        }
    }

    fn record(&self, delivery: &str) -> Option<DeliveryRecord> {
        self.scene.view.delivery(&DeliveryId::new(delivery)).now_or_never()?.ok()?
    }

    fn deliveries(&self) -> Vec<DeliveryId> {
        let filter = DeliveryFilter { most: 10_000, ..DeliveryFilter::default() };
        let all = self.scene.view.deliveries(filter).now_or_never().and_then(Result::ok).unwrap_or_default();
        all.into_iter().map(|d| d.id).collect()
    }

    fn says(&self, what: String) {
        self.scene.trace.note(|| format!("VIOLATION {what}"));
        self.scene.book.violation(what);
    }
}

/// Its id is made when it is written; the daemon may have stood still since it looked at the clock.
fn written_at(delivery: &Delivery) -> Timestamp {
    let digits: String = delivery.id.as_str().chars().filter(|c| *c != '-').take(12).collect();
    let of_id = i64::from_str_radix(&digits, 16).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok());
    of_id.map_or(delivery.created_at, |at| at.max(delivery.created_at))
}

/// Written, claimed, sending and published, or accepted before that: what was moved more often was held or put off.
fn is_undisturbed(record: &DeliveryRecord) -> bool {
    let accepted = i64::from(record.delivery.ticket.is_some());
    record.row_version <= 4 + accepted
}

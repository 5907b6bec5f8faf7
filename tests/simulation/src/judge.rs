//! The judge: at the moment when a request that could publish something leaves, and once more at the end, from the
//! platforms' ledger and the people's book.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::FutureExt as _;
use jiff::SignedDuration;
use juzhen_domain::delivery::{DeliveryKind, ReceiptBy};
use juzhen_domain::id::DeliveryId;
use juzhen_domain::state::DeliveryState;
use juzhen_host::simulated::NetworkRequest;
use juzhen_store::{DeliveryFilter, DeliveryRecord};
use serde_json::Value;

use crate::life::Life;
use crate::scene::Scene;
use crate::store::OPEN;

/// Ports take a moment between the look at the clock and the first byte.
const MOMENT: SignedDuration = SignedDuration::from_secs(2);

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
        if text("uid") != one.account.as_str() {
            self.says(format!("wrong account: {delivery} of {} went to {}", one.account, text("uid")));
        }
        self.approved(&record, text("text"), body.get("origin").is_some());
        let book = self.scene.book.open();
        let times = book.times.get(&one.id).copied();
        let stopped = book.stopped_since.is_some_and(|since| now > since + SignedDuration::from_secs(1));
        drop(book);
        let (due, latest) = times.unwrap_or((one.due_at, one.latest_at));
        if now < due {
            self.says(format!("early: {delivery} left {} before it was due", due.duration_since(now)));
        }
        // Whoever was stopped between the look and the first byte is late without being able to help it.
        let stalled = life.resumed_within(MOMENT);
        if now > latest + MOMENT && record.delivery.tries <= 1 && !stalled {
            self.says(format!("late: {delivery} left {} too late", now.duration_since(latest)));
        }
        if stopped && !stalled {
            self.says(format!("stop: {delivery} left under STOP ALL"));
        }
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
        let mut of_delivery: BTreeMap<&str, Vec<&crate::platform::Effect>> = BTreeMap::new();
        for effect in &effects {
            of_delivery.entry(&effect.delivery).or_default().push(effect);
        }
        for (delivery, effects) in &of_delivery {
            if effects.len() > 1 {
                self.says(format!("duplicate: {delivery} is public {} times", effects.len()));
            }
        }
        let mut known = BTreeSet::new();
        for delivery in self.deliveries() {
            let Some(record) = self.record(delivery.as_str()) else { continue };
            known.insert(delivery.as_str().to_owned());
            let public = of_delivery.get(delivery.as_str()).and_then(|effects| effects.first());
            self.comes_out(&record, public.copied());
        }
        self.order();
    }

    fn comes_out(&self, record: &DeliveryRecord, public: Option<&crate::platform::Effect>) {
        use DeliveryState as S;
        let one = &record.delivery;
        if OPEN.contains(&one.state) {
            self.says(format!("lost: {} is still {} ({:?})", one.id, one.state, one.reason));
        }
        let says_not_out = matches!(one.state, S::Refused | S::Missed | S::Cancelled | S::Held);
        if says_not_out && let Some(effect) = public {
            self.says(format!("untrue: {} is {} and public as {}", one.id, one.state, effect.id));
        }
        if one.state == S::Published {
            let receipt = one.receipt.as_ref();
            let id = receipt.and_then(|r| r.platform_id.as_deref());
            let by_person = receipt.is_some_and(|r| r.by == ReceiptBy::Person);
            match public {
                None => self.says(format!("untrue: {} is published and nowhere", one.id)),
                Some(effect) if !by_person && id != Some(effect.id.as_str()) => {
                    self.says(format!("untrue: {} is {} and its receipt says {id:?}", one.id, effect.id));
                }
                Some(_) => {}
            }
        }
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
                let undisturbed = other.row_version <= UNDISTURBED && one.row_version <= UNDISTURBED;
                let was_there = one.delivery.created_at < *other_at;
                if account == other_account && due < other_due && at > other_at && undisturbed && was_there {
                    self.says(format!(
                        "order: {} went after {} on {account}",
                        one.delivery.id, other.delivery.id
                    ));
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

/// Written, claimed, sending, published or accepted and published: what was moved more often was held or put off.
const UNDISTURBED: i64 = 5;

//! Any history of workers, crashes, clocks and people, drawn at random, keeps the promises that a store can keep. The
//! worker is honest about what it saw, but forgets everything in a crash and speaks again long after it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use juzhen_domain::delivery::Delivery;
use juzhen_domain::id::DeliveryId;
use juzhen_domain::outcome::Next;
use juzhen_domain::state::{DeliveryState, ItemState};
use juzhen_store::*;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::Place;
use super::fixture::*;

/// What happens next; numbers choose among what there is.
#[derive(Debug, Clone)]
enum Step {
    Schedule(u8),
    Claim,
    Begin(u8),
    End(u8, u8),
    Settle(u8, u8),
    /// A worker that lost its claim in a crash comes back.
    Late(u8, u8),
    Restart,
    Sweep,
    Stop,
    Lift(u8),
    Withdraw(u8),
    /// A person has looked at one in doubt and sends it again, or plans a missed one anew.
    Person(u8),
    Wait(u8),
}

fn step() -> impl Strategy<Value = Step> {
    let n = any::<u8>;
    prop_oneof![
        3 => n().prop_map(Step::Schedule),
        6 => Just(Step::Claim),
        8 => n().prop_map(Step::Begin),
        8 => (n(), n()).prop_map(|(a, b)| Step::End(a, b)),
        6 => (n(), n()).prop_map(|(a, b)| Step::Settle(a, b)),
        3 => (n(), n()).prop_map(|(a, b)| Step::Late(a, b)),
        2 => Just(Step::Restart),
        2 => Just(Step::Sweep),
        1 => Just(Step::Stop),
        2 => n().prop_map(Step::Lift),
        1 => n().prop_map(Step::Withdraw),
        2 => n().prop_map(Step::Person),
        3 => n().prop_map(Step::Wait),
    ]
}

pub(crate) fn any_history_keeps_the_promises<P: Place>(place: impl Fn() -> P) {
    let cases = 60 / place().one_in();
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let run = TestRunner::new(config).run(&prop::collection::vec(step(), 1..70), |steps| {
        let place = place();
        runtime.block_on(async {
            let mut history = History::new(&place);
            for step in &steps {
                history.take(step).await;
                history.check().await;
            }
        });
        Ok(())
    });
    if let Err(error) = run {
        panic!("{error}");
    }
}

/// A claim as its worker knows it.
#[derive(Debug, Clone)]
struct Work {
    claim: Claim,
    requests: u32,
    /// Begun by this worker and not answered yet.
    open: Option<i64>,
    /// Only a part of the answer to the open one came: what that means is for the worker to say.
    half: bool,
    /// A whole answer to one of its requests.
    answered: bool,
}

/// The store, the workers, and an oracle that only believes what left and what was answered.
struct History<'a> {
    place: &'a dyn Place,
    store: Option<Arc<dyn Store>>,
    now: i64,
    items: u32,
    working: Vec<Work>,
    lost: Vec<Work>,
    stopped: bool,
    lifters: BTreeSet<u8>,
    /// Requests that left and were not clearly answered, by delivery.
    unclear: BTreeMap<DeliveryId, i64>,
    published: BTreeSet<DeliveryId>,
    /// Calls that were answered when their worker died, and how many requests they had made: they may be out, so only
    /// the same call may go on, until somebody has read those answers.
    unread: BTreeMap<DeliveryId, (String, u32)>,
}

const PEOPLE: [&str; 3] = ["off.hg", "off.ly", "off.zr"];

impl<'a> History<'a> {
    fn new(place: &'a dyn Place) -> Self {
        Self {
            place,
            store: Some(place.open()),
            now: 0,
            items: 0,
            working: vec![],
            lost: vec![],
            stopped: false,
            lifters: BTreeSet::new(),
            unclear: BTreeMap::new(),
            published: BTreeSet::new(),
            unread: BTreeMap::new(),
        }
    }

    fn store(&self) -> Arc<dyn Store> {
        Arc::clone(self.store.as_ref().unwrap())
    }

    async fn take(&mut self, step: &Step) {
        match *step {
            Step::Schedule(n) => self.schedule(n).await,
            Step::Claim => self.claim().await,
            Step::Begin(n) => self.begin(n).await,
            Step::End(n, kind) => self.end(n, kind).await,
            Step::Settle(n, kind) => self.settle(n, kind).await,
            Step::Late(n, kind) => self.late(n, kind).await,
            Step::Restart => self.restart().await,
            Step::Sweep => drop(self.store().sweep(at(self.now), all_active()).await.unwrap()),
            Step::Stop => {
                self.store().stop(PEOPLE[0].into(), "x".into(), at(self.now)).await.unwrap();
                (self.stopped, self.lifters) = (true, BTreeSet::new());
            }
            Step::Lift(n) => self.lift(n % 3).await,
            Step::Withdraw(n) => self.withdraw(n).await,
            Step::Person(n) => self.person(n).await,
            Step::Wait(n) => self.now += i64::from(n) * 3,
        }
    }

    async fn schedule(&mut self, n: u8) {
        let accounts = ["W000", "W001", "W002"];
        let due = self.now + i64::from(n % 16);
        let (first, second) = (accounts[usize::from(n % 3)], accounts[usize::from((n / 3) % 3)]);
        let mut on = vec![(first, due)];
        if first != second {
            on.push((second, due + 1));
        }
        scheduled(&*self.store(), &format!("i{:03}", self.items), &on).await;
        self.items += 1;
    }

    async fn claim(&mut self) {
        let round = self.store().claim(request(self.now)).await.unwrap();
        assert!(!self.stopped || round.claims.is_empty(), "claimed under STOP ALL");
        for claim in round.claims {
            let d = &claim.delivery;
            let goes_on = claim.attempt.call != claim.attempt.id.as_str();
            assert!(d.due_at <= at(self.now), "early: {d:?}");
            assert!(at(self.now) <= d.latest_at || goes_on, "late: {d:?}");
            if let Some((call, _)) = self.unread.get(&d.id) {
                assert_eq!(&claim.attempt.call, call, "{} is sent anew while its old call may be out", d.id);
            }
            assert!(!self.unclear.contains_key(&d.id), "{} is claimed while something may be out", d.id);
            self.working.push(Work { claim, requests: 0, open: None, half: false, answered: false });
        }
    }

    async fn begin(&mut self, n: u8) {
        let (store, stopped, now) = (self.store(), self.stopped, self.now);
        let Some(work) = choose(&mut self.working, n) else { return };
        if work.open.is_some() {
            return;
        }
        let name = format!("request-{}", work.requests);
        let begun = store.begin_effect(effect(&work.claim.attempt, &name, now)).await.unwrap();
        match begun {
            EffectBegun::Send(id) => {
                assert!(!stopped, "left under STOP ALL");
                let goes_on = work.claim.attempt.call != work.claim.attempt.id.as_str();
                assert!(!goes_on || at(now) <= work.claim.delivery.latest_at, "went on late");
                let before = self.unclear.insert(work.claim.delivery.id.clone(), id);
                assert_eq!(before, None, "a second request of {} left", work.claim.delivery.id);
                (work.open, work.requests) = (Some(id), work.requests + 1);
            }
            EffectBegun::Answered(answer) => {
                work.requests += 1;
                work.answered |= answer.complete;
            }
            EffectBegun::Refused(_) => {}
            other => panic!("{other:?}"),
        }
    }

    async fn end(&mut self, n: u8, kind: u8) {
        let (store, now) = (self.store(), self.now);
        let Some(work) = choose(&mut self.working, n) else { return };
        let Some(id) = work.open.filter(|_| !work.half) else { return };
        let given = match kind % 4 {
            0 => nothing_left(now),
            1 => EffectAnswer { complete: false, ..answer(now) },
            _ => answer(now),
        };
        store.end_effect(id, given.clone()).await.unwrap();
        if given.complete || given.nothing_left {
            work.open = None;
            self.unclear.remove(&work.claim.delivery.id);
        }
        work.half = !given.complete && !given.nothing_left;
        work.answered |= given.complete;
    }

    /// The worker says what it believes; the store may know better.
    async fn settle(&mut self, n: u8, kind: u8) {
        if self.working.is_empty() {
            return;
        }
        let work = self.working.remove(usize::from(n) % self.working.len());
        let id = work.claim.delivery.id.clone();
        let next = self.next(&work, kind);
        let claims_published = matches!(next, Next::Published(_));
        if self.unread.get(&id).is_some_and(|(_, made)| work.requests >= *made) {
            self.unread.remove(&id);
        }
        let news = Settle { requests: work.requests, ..settle_as(&work.claim, next, self.now) };
        let settled = self.store().settle(news).await.unwrap();
        let Settled::Applied { delivery, .. } = settled else { panic!("{id} was not held any more") };
        if claims_published {
            self.published.insert(delivery.id);
            self.unclear.remove(&id);
        }
    }

    fn next(&self, work: &Work, kind: u8) -> Next {
        let (now, reason) = (self.now, "said".to_owned());
        let open = work.open.is_some();
        match kind % 6 {
            0 if work.answered && !open => published(&work.claim.attempt.call, now),
            1 if work.answered && !open => Next::Accepted { ticket: "t".into(), look_at: at(now + 5) },
            0 | 1 => Next::InDoubt { look_at: at(now + 5), reason },
            // These are wrong while a request is open: the host would never say so, and the store does not believe it.
            2 if !work.half => Next::Again { at: at(now + 1), reason, resume: kind < 128 },
            3 if !work.half => Next::Waiting { until: at(now + 5), reason },
            4 if !open => Next::Refused { reason },
            _ => Next::NeedsPerson { reason },
        }
    }

    async fn late(&mut self, n: u8, kind: u8) {
        let Some(work) = choose(&mut self.lost, n).cloned() else { return };
        let id = work.claim.delivery.id.clone();
        let before = record(&*self.store(), id.as_str()).await;
        if kind.is_multiple_of(2) {
            let begun = self.store().begin_effect(effect(&work.claim.attempt, "late", self.now)).await;
            let may_not = matches!(begun.unwrap(), EffectBegun::Refused(_) | EffectBegun::Mismatch(_));
            // Its call may be the one that is being resumed: then this is the resumed call's own next request.
            assert!(may_not || self.is_worked_on(&work), "a lost worker sends");
            return;
        }
        let news = settle_as(&work.claim, published("late", self.now), self.now);
        let settled = self.store().settle(news).await.unwrap();
        let after = record(&*self.store(), id.as_str()).await;
        assert!(matches!(settled, Settled::Late { .. }), "{settled:?}");
        assert_eq!(after.delivery, before.delivery);
        assert_eq!(after.late.len(), before.late.len() + 1);
    }

    fn is_worked_on(&self, lost: &Work) -> bool {
        self.working.iter().any(|w| w.claim.attempt.call == lost.claim.attempt.call)
    }

    async fn restart(&mut self) {
        self.store.take();
        self.store = Some(self.place.open());
        for work in self.working.iter().filter(|work| work.answered) {
            let call = (work.claim.attempt.call.clone(), work.requests);
            self.unread.entry(work.claim.delivery.id.clone()).or_insert(call);
        }
        self.lost.append(&mut self.working);
        self.store().recover(at(self.now)).await.unwrap();
        assert_eq!(self.store().stopped().await.unwrap().is_some(), self.stopped);
    }

    async fn lift(&mut self, person: u8) {
        let left = self.store().lift_stop(PEOPLE[usize::from(person)].into(), at(self.now)).await.unwrap();
        if self.stopped {
            self.lifters.insert(person);
        }
        self.stopped &= self.lifters.len() < 2;
        assert_eq!(left.is_some(), self.stopped);
    }

    /// The office takes back what nobody has begun.
    async fn withdraw(&mut self, n: u8) {
        if self.items == 0 {
            return;
        }
        let id = format!("i{:03}", u32::from(n) % self.items);
        let withdrawing: ItemChanger = Arc::new(move |record| {
            if record.deliveries.iter().any(|d| d.state != DeliveryState::Due || d.may_be_out()) {
                return Err(Refused::new("bad_state", "begun"));
            }
            let cancel = |d: &Delivery| (d.id.clone(), delivery_moved(&d.id, DeliveryState::Cancelled, 0));
            let deliveries = record.deliveries.iter().map(cancel).collect();
            Ok(ItemChange { deliveries, ..moved(record, ItemState::Withdrawn) })
        });
        match self.store().change_item(&id.as_str().into(), withdrawing, None).await {
            Ok(_) | Err(StoreError::Refused(_) | StoreError::Impossible { .. }) => {}
            Err(error) => panic!("{error:?}"),
        }
    }

    async fn person(&mut self, n: u8) {
        let filter = DeliveryFilter { most: 999, ..DeliveryFilter::default() };
        let mut waiting = self.store().deliveries(filter).await.unwrap();
        let looked = |d: &Delivery| matches!(d.state, DeliveryState::InDoubt | DeliveryState::NeedsPerson);
        waiting.retain(|d| looked(d) || d.state == DeliveryState::Missed);
        let Some(delivery) = choose(&mut waiting, n) else { return };
        let change = DeliveryChange {
            due_at: Some(at(self.now)),
            latest_at: Some(at(self.now + 900)),
            forget_tries: true,
            ..delivery_moved(&delivery.id, DeliveryState::Due, self.now)
        };
        // A missed one is planned anew without a look.
        if looked(delivery) {
            self.unclear.remove(&delivery.id);
            self.unread.remove(&delivery.id);
        }
        change_delivery(&*self.store(), change, delivery.id.as_str()).await;
    }

    async fn check(&self) {
        let store = self.store();
        let filter = DeliveryFilter { most: 999, ..DeliveryFilter::default() };
        let mut tally: BTreeMap<String, u64> = BTreeMap::new();
        let mut under_way = BTreeSet::new();
        for delivery in store.deliveries(filter).await.unwrap() {
            let record = record(&*store, delivery.id.as_str()).await;
            let state = record.delivery.state;
            *tally.entry(state.to_string()).or_default() += 1;
            let open = record.attempts.iter().filter(|a| a.ended_at.is_none()).count();
            let is_under_way = matches!(state, DeliveryState::Claimed | DeliveryState::Sending);
            assert_eq!(open, usize::from(is_under_way), "open attempts of {delivery:?}");
            assert!(
                !is_under_way || under_way.insert(delivery.account.clone()),
                "two under way: {delivery:?}"
            );
            assert_eq!(state == DeliveryState::Published, self.published.contains(&delivery.id));
            assert_eq!(self.audited_state(&delivery.id).await, state, "{}", delivery.id);
        }
        assert_eq!(store.counts(at(self.now)).await.unwrap().deliveries, tally);
        self.check_items(&*store).await;
        assert_eq!(store.verify_audit().await.unwrap().broken_at, None);
    }

    /// Walks the audit of a delivery: every step is one that the machine allows, and the last is where it is.
    async fn audited_state(&self, id: &DeliveryId) -> DeliveryState {
        let mut state = None;
        for action in actions(&*self.store(), &format!("delivery:{id}")).await {
            let next = match action.strip_prefix("delivery.").unwrap() {
                "made" => DeliveryState::Due,
                "late_news" => continue,
                word => DeliveryState::parse(word).unwrap(),
            };
            if let Some(before) = state {
                let allowed = DeliveryState::may_become(before, next);
                assert!(allowed || before == next, "{id}: {before} to {next}");
            }
            state = Some(next);
        }
        state.unwrap()
    }

    async fn check_items(&self, store: &dyn Store) {
        for item in store.items(ItemFilter { most: 999, ..ItemFilter::default() }).await.unwrap() {
            let audited = actions(store, &format!("item:{}", item.id)).await.pop().unwrap();
            assert_eq!(audited, format!("item.{}", item.state));
            let deliveries = store.item(&item.id).await.unwrap().unwrap().deliveries;
            let states: Vec<_> = deliveries.iter().map(|d| d.state).collect();
            match ItemState::of_deliveries(&states) {
                Some(wanted) if item.state != wanted => {
                    assert!(!item.state.may_become(wanted), "{}: {} is not {wanted}", item.id, item.state);
                }
                _ => {}
            }
        }
    }
}

fn choose<T>(from: &mut [T], n: u8) -> Option<&mut T> {
    let place = usize::from(n).checked_rem(from.len())?;
    from.get_mut(place)
}

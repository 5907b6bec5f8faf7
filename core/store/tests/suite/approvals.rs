//! P2: nothing leaves that was not approved, whatever people do meanwhile. Histories of editing, reviewing, withdrawing,
//! planning, holding, new roles, people who leave and new rules are drawn at random and taken by the rules of `domain`
//! inside the real store. The oracle knows none of these rules: it keeps who said yes to which bytes, and judges every
//! request at the instant it leaves. `people.rs` has what people do.

mod people;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use juzhen_domain::delivery::Delivery;
use juzhen_domain::hash::ContentHash;
use juzhen_domain::id::{AccountId, DeliveryId, ItemId, PersonId, Platform};
use juzhen_domain::item::Item;
use juzhen_domain::matrix::{Account, AccountLevel, AccountStatus, Person, Role};
use juzhen_domain::outcome::Next;
use juzhen_domain::route::{self, Match, PublishedOn, Route, RouteKind, Subject};
use juzhen_domain::schedule::{self, Onward};
use juzhen_store::*;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::Place;
use super::fixture::*;

/// What happens next; numbers choose among what there is.
#[derive(Debug, Clone)]
enum Step {
    /// Author, text.
    Submit(u8, u8),
    /// Item, who, text.
    Edit(u8, u8, u8),
    /// Item, who, verdict, and whether they look at bytes of an earlier time.
    Decide(u8, u8, u8, bool),
    Withdraw(u8, u8),
    Schedule(u8, u8),
    /// Delivery, who, what.
    Act(u8, u8, u8),
    /// A person gets another role.
    Reassign(u8, u8),
    /// A person leaves, or is back.
    Leave(u8, bool),
    Reload(u8),
    Stop(bool),
    /// Seconds, then a round of the daemon.
    Tick(u8),
    /// A request of one that is claimed, and what came of it.
    Send(u8, u8),
}

fn step() -> impl Strategy<Value = Step> {
    let n = any::<u8>;
    prop_oneof![
        6 => (n(), n()).prop_map(|(a, b)| Step::Submit(a, b)),
        4 => (n(), n(), n()).prop_map(|(a, b, c)| Step::Edit(a, b, c)),
        12 => (n(), n(), n(), prop::bool::weighted(0.2)).prop_map(|(a, b, c, d)| Step::Decide(a, b, c, d)),
        1 => (n(), n()).prop_map(|(a, b)| Step::Withdraw(a, b)),
        8 => (n(), n()).prop_map(|(a, b)| Step::Schedule(a, b)),
        5 => (n(), n(), n()).prop_map(|(a, b, c)| Step::Act(a, b, c)),
        2 => (n(), n()).prop_map(|(a, b)| Step::Reassign(a, b)),
        2 => (n(), prop::bool::weighted(0.3)).prop_map(|(a, gone)| Step::Leave(a, gone)),
        2 => n().prop_map(Step::Reload),
        1 => Just(Step::Stop(true)),
        6 => Just(Step::Stop(false)),
        10 => n().prop_map(Step::Tick),
        12 => (n(), n()).prop_map(|(a, b)| Step::Send(a, b)),
    ]
}

/// Of the longest history; half of that on the average.
const STEPS: usize = 500;
/// People and things choose among the newest of a list.
const RECENT: usize = 6;

/// `transitions` steps in all, over as many histories as that takes.
pub(crate) fn nothing_unapproved_leaves<P: Place>(place: impl Fn() -> P, transitions: usize) {
    let mut cases = u32::try_from(transitions * 2 / STEPS + 1).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let total = RefCell::new(Tally::default());
    let history = |steps: Vec<Step>| {
        let place = place();
        let tally = runtime.block_on(async {
            let mut office = Office::new(place.open());
            for step in &steps {
                office.take(step).await;
            }
            office.tally
        });
        total.borrow_mut().add(tally);
        Ok(())
    };
    // Lengths are drawn, so a few may be missing at the end.
    while total.borrow().steps < transitions {
        let config = Config { cases, failure_persistence: None, max_shrink_iters: 5000, ..Config::default() };
        if let Err(error) = TestRunner::new(config).run(&prop::collection::vec(step(), 1..=STEPS), history) {
            panic!("{error}");
        }
        cases = cases.div_ceil(10);
    }
    let total = total.into_inner();
    // Histories in which little is sent, or nobody is refused, prove nothing.
    assert!(total.sent * 200 >= total.steps, "{total:?}");
    assert!(total.forwarded > 0 && total.edited > 0 && total.refused > total.approved, "{total:?}");
}

/// F104: who approved and left since, or got another role, has approved all the same. What a compromised account approved
/// is for the office to hold.
pub(crate) async fn f104_an_approval_outlives_the_role_of_who_gave_it(place: &dyn Place) {
    let mut office = Office::new(place.open());
    office.take(&Step::Submit(0, 0)).await;
    office.take(&Step::Decide(0, 2, 3, false)).await;
    office.take(&Step::Schedule(0, 2)).await;
    let editor = PEOPLE[2].0;
    office.people.get_mut(&PersonId::from(editor)).unwrap().active = false;
    office.take(&Step::Tick(10)).await;
    assert_eq!(office.working.len(), 1);
    assert_eq!(office.working[0].leave.approved_by(), [PersonId::from(editor)]);
    office.take(&Step::Send(0, 0)).await;
    assert_eq!(office.tally.sent, 1);
}

#[derive(Debug, Default, Clone, Copy)]
struct Tally {
    steps: usize,
    approved: usize,
    edited: usize,
    /// What people wanted and might not.
    refused: usize,
    sent: usize,
    forwarded: usize,
}

impl Tally {
    fn add(&mut self, other: Self) {
        self.steps += other.steps;
        self.approved += other.approved;
        self.edited += other.edited;
        self.refused += other.refused;
        self.sent += other.sent;
        self.forwarded += other.forwarded;
    }
}

/// What the oracle believes of an item.
struct Known {
    author: PersonId,
    last_editor: PersonId,
    texts: BTreeMap<Platform, String>,
    hash: ContentHash,
    /// Every hash that it ever had.
    hashes: Vec<ContentHash>,
    /// Who said yes to which bytes, and could.
    approvals: BTreeSet<(ContentHash, PersonId)>,
    taken_back: bool,
}

/// The people, the running rules, the daemon, and the oracle.
struct Office {
    store: Arc<dyn Store>,
    now: i64,
    people: BTreeMap<PersonId, Person>,
    accounts: BTreeMap<AccountId, Account>,
    routes: Vec<Route>,
    items: Vec<ItemId>,
    deliveries: Vec<DeliveryId>,
    working: Vec<Claim>,
    known: BTreeMap<ItemId, Known>,
    /// Held or cancelled by a person: nothing of these may leave.
    aside: BTreeSet<DeliveryId>,
    stopped: bool,
    made: u32,
    tally: Tally,
}

const PEOPLE: [(&str, Role); 5] = [
    ("d07.xx", Role::InfoOfficer),
    ("off.xx", Role::InfoOfficer),
    ("off.hg", Role::OfficeEditor),
    ("off.ly", Role::OfficeEditor),
    ("off.zr", Role::OfficeDirector),
];
const ROLES: [Role; 5] =
    [Role::OfficeEditor, Role::InfoOfficer, Role::OfficeDirector, Role::OfficeEditor, Role::AccountAdmin];

impl Office {
    fn new(store: Arc<dyn Store>) -> Self {
        let person = |(id, role): (&str, Role)| Person {
            id: id.into(),
            name: id.into(),
            unit: "OFFICE".into(),
            roles: vec![role],
            active: true,
        };
        let mut office = Self {
            store,
            now: 0,
            people: PEOPLE.into_iter().map(|one| (one.0.into(), person(one))).collect(),
            accounts: BTreeMap::new(),
            routes: vec![],
            items: vec![],
            deliveries: vec![],
            working: vec![],
            known: BTreeMap::new(),
            aside: BTreeSet::new(),
            stopped: false,
            made: 0,
            tally: Tally::default(),
        };
        office.reload(0);
        office
    }

    async fn take(&mut self, step: &Step) {
        self.tally.steps += 1;
        match *step {
            Step::Submit(who, text) => self.submit(who, text).await,
            Step::Edit(item, who, text) => self.edit(item, who, text).await,
            Step::Decide(item, who, verdict, old) => self.decide(item, who, verdict, old).await,
            Step::Withdraw(item, who) => self.withdraw(item, who).await,
            Step::Schedule(item, who) => self.schedule(item, who).await,
            Step::Act(delivery, who, what) => self.act(delivery, who, what).await,
            Step::Reassign(who, role) => {
                self.person_mut(who).roles = vec![ROLES[usize::from(role) % ROLES.len()]];
            }
            Step::Leave(who, gone) => self.person_mut(who).active = !gone,
            Step::Reload(rules) => self.reload(rules),
            Step::Stop(on) => self.stop(on).await,
            Step::Tick(seconds) => self.tick(seconds).await,
            Step::Send(claim, came) => self.send(claim, came).await,
        }
    }

    fn person(&self, n: u8) -> Person {
        self.people[&PersonId::from(PEOPLE[usize::from(n) % PEOPLE.len()].0)].clone()
    }

    fn person_mut(&mut self, n: u8) -> &mut Person {
        self.people.get_mut(&PersonId::from(PEOPLE[usize::from(n) % PEOPLE.len()].0)).unwrap()
    }

    /// Accounts that are active, suspended or gone, and routes that are on or off.
    fn reload(&mut self, rules: u8) {
        let account = |id: &str, platform: &str, status| Account {
            id: id.into(),
            unit: "D07".into(),
            name: id.into(),
            platform: platform.into(),
            adapter: "mock".into(),
            uid: id.into(),
            level: AccountLevel::Unit,
            status,
            settings: BTreeMap::new(),
            secrets: BTreeMap::new(),
        };
        let status = [AccountStatus::Active, AccountStatus::Active, AccountStatus::Suspended];
        let of = |n: u8| status[usize::from(n) % status.len()];
        let mut accounts =
            vec![account("W000", "weibo", of(rules)), account("X000", "wechat", of(rules / 3))];
        if !rules.is_multiple_of(5) || rules == 0 {
            accounts.push(account("W001", "weibo", AccountStatus::Active));
        }
        self.accounts = accounts.into_iter().map(|account| (account.id.clone(), account)).collect();
        let route = |id: &str, kind, from: &[&str], to: &[&str], enabled| Route {
            id: id.into(),
            when: Match { accounts: from.iter().map(|a| (*a).into()).collect(), ..Match::default() },
            to: to.iter().map(|a| (*a).into()).collect(),
            kind,
            enabled,
        };
        self.routes = vec![
            route("all", RouteKind::Publish, &[], &["W000"], !rules.is_multiple_of(7) || rules == 0),
            route("on", RouteKind::Forward, &["W000"], &["W001", "X000"], rules.is_multiple_of(2)),
        ];
    }

    async fn stop(&mut self, on: bool) {
        if on {
            self.store.stop("off.zr".into(), "演练".into(), at(self.now)).await.unwrap();
        } else {
            self.store.lift_stop("off.hg".into(), at(self.now)).await.unwrap();
            self.store.lift_stop("off.ly".into(), at(self.now)).await.unwrap();
        }
        self.stopped = on;
    }

    async fn tick(&mut self, seconds: u8) {
        self.now += i64::from(seconds % 16);
        let standing = self.standing();
        self.store.sweep(at(self.now), Arc::clone(&standing)).await.unwrap();
        let round = self.store.claim(ClaimRequest { standing, ..request(self.now) }).await.unwrap();
        self.working.extend(round.claims);
    }

    async fn send(&mut self, claim: u8, came: u8) {
        if self.working.is_empty() {
            return;
        }
        let claim = self.working.remove(usize::from(claim) % self.working.len());
        let begun = self.store.begin_effect(effect(&claim.attempt, "post", self.now)).await.unwrap();
        let next = match begun {
            EffectBegun::Send(id) => {
                self.judge(&claim);
                self.store.end_effect(id, answer(self.now)).await.unwrap();
                self.came(&claim, came)
            }
            EffectBegun::Refused(reason) => Next::Held { reason },
            EffectBegun::Answered(_) => self.came(&claim, came),
            other => panic!("{other:?}"),
        };
        let settle = Settle { follow: self.follow(), ..settle_as(&claim, next, self.now) };
        match self.store.settle(settle).await.unwrap() {
            Settled::Applied { forwards, .. } => {
                self.tally.forwarded += forwards.len();
                self.deliveries.extend(forwards.into_iter().map(|forward| forward.id));
            }
            Settled::Late { state } => panic!("{} was taken from its worker: {state}", claim.delivery.id),
        }
    }

    fn came(&self, claim: &Claim, came: u8) -> Next {
        let reason = "said".to_owned();
        match came % 8 {
            0..=3 => published(&claim.attempt.call, self.now),
            4 => Next::Refused { reason },
            5 => Next::InDoubt { look_at: at(self.now + 5), reason },
            6 => Next::NeedsPerson { reason },
            _ => Next::Again { at: at(self.now + 1), reason, resume: false },
        }
    }

    /// The oracle, at the instant a request leaves.
    fn judge(&mut self, claim: &Claim) {
        self.tally.sent += 1;
        let delivery = &claim.delivery;
        let known = &self.known[&delivery.item];
        let platform = [Some(&delivery.platform), claim.origin.as_ref().map(|origin| &origin.platform)];
        let ours = platform.into_iter().flatten().find_map(|platform| known.texts.get(platform));
        assert_eq!(Some(&claim.leave.payload().text), ours, "other bytes than the item's: {delivery:?}");
        let approved = known.approvals.iter().any(|(hash, _)| *hash == known.hash);
        assert!(approved, "nobody approved what is sent: {delivery:?}");
        assert!(!known.taken_back, "sent after it was taken back: {delivery:?}");
        assert!(!self.aside.contains(&delivery.id), "sent although a person put it aside: {delivery:?}");
        assert!(!self.stopped, "sent under STOP ALL: {delivery:?}");
        assert!(delivery.due_at <= at(self.now) && at(self.now) <= delivery.latest_at, "{delivery:?}");
    }

    /// The first of a few numbers that no delivery has.
    fn fresh_ids(&mut self) -> u32 {
        self.made += 10;
        self.made
    }

    fn item(&self, n: u8) -> Option<ItemId> {
        recent(&self.items, n).cloned()
    }

    /// Lets a rule decide inside the transaction; none when it said no.
    async fn change_item(
        &mut self,
        id: &ItemId,
        rule: impl Fn(&ItemRecord) -> Result<ItemChange, Refused> + Send + Sync + 'static,
    ) -> Option<ItemRecord> {
        match self.store.change_item(id, Arc::new(rule), None).await {
            Ok(record) => Some(record),
            Err(StoreError::Refused(_)) => {
                self.tally.refused += 1;
                None
            }
            Err(error) => panic!("{error:?}"),
        }
    }

    fn standing(&self) -> StandingOf {
        let accounts = self.accounts.clone();
        Arc::new(move |id| accounts.get(id).map(|account| standing(account.status, caps())))
    }

    /// The forwards by the rules that run now.
    fn follow(&mut self) -> Follow {
        let (routes, accounts) = (self.routes.clone(), self.accounts.clone());
        let (now, made) = (self.now, self.fresh_ids());
        Arc::new(move |delivery: &Delivery, item: &Item, already| {
            let published = PublishedOn {
                subject: Subject { unit: &item.unit, column: item.column.as_ref() },
                account: &delivery.account,
                platform: &delivery.platform,
                hops: delivery.kind.hops(),
                already,
            };
            let onward =
                Onward { accounts: &accounts, revision: "r1", latest_at: at(now + 600), now: at(now) };
            let mut next = made;
            schedule::forwards(item, delivery, route::follow(&routes, &published), &onward, || {
                next += 1;
                DeliveryId::new(format!("d{next:05}"))
            })
        })
    }
}

fn recent<T>(list: &[T], n: u8) -> Option<&T> {
    let newest = &list[list.len().saturating_sub(RECENT)..];
    newest.get(usize::from(n).checked_rem(newest.len())?)
}

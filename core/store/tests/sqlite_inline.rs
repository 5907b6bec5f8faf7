//! The suite on the database in memory, and what several daemons on one database are to each other: leases, fences, turns.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // tests say so by failing

mod suite;

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use jiff::SignedDuration;
use juzhen_domain::state::DeliveryState;
use juzhen_store::*;
use suite::Place;
use suite::fixture::*;

impl Place for InMemory {
    fn open(&self) -> Arc<dyn Store> {
        Arc::new(self.store(Arc::new(|_| Fate::Done)))
    }
}

exercise!(InMemory::new().unwrap());

const LEASE: SignedDuration = SignedDuration::from_secs(10);

/// A database whose clock is set by the test, in seconds.
fn on_clock() -> (InMemory, Arc<AtomicI64>) {
    let clock = Arc::new(AtomicI64::new(0));
    let seconds = Arc::clone(&clock);
    (InMemory::on_clock(Arc::new(move || at(seconds.load(Ordering::Relaxed)))).unwrap(), clock)
}

async fn claim_as(store: &dyn Store, worker: &str, now: i64) -> Vec<Claim> {
    store.claim(ClaimRequest { worker: worker.into(), ..request(now) }).await.unwrap().claims
}

#[tokio::test]
async fn p18_claims_of_a_daemon_that_is_gone_are_taken_up_by_another_and_those_of_a_living_one_are_not() {
    let (database, clock) = on_clock();
    let (a, b) = (database.open(), database.open());
    a.join("a", LEASE).await.unwrap();
    b.join("b", LEASE).await.unwrap();
    scheduled(&*a, "i1", &[("W000", 0)]).await;
    scheduled(&*a, "i2", &[("W001", 0)]).await;
    let claims = claim_as(&*a, "a", 0).await;
    begin(&*a, &claims[1].attempt, "post", 0).await;
    assert_eq!(b.recover(at(1)).await.unwrap(), Recovered::default(), "a is at work");
    assert_eq!(claim_as(&*b, "b", 1).await, []);
    drop(a);
    clock.store(9, Ordering::Relaxed);
    assert!(matches!(b.renew("b", LEASE).await.unwrap(), Renewed::Until(..)));
    assert_eq!(b.recover(at(9)).await.unwrap(), Recovered::default(), "its lease is not over");
    clock.store(10, Ordering::Relaxed);
    assert_eq!(b.recover(at(10)).await.unwrap(), Recovered { due: 1, resumed: 0, in_doubt: 1 });
    let again = claim_as(&*b, "b", 10).await;
    assert_eq!(again.len(), 1, "what may be out is sent by nobody");
    begin(&*b, &again[0].attempt, "post", 10).await;
}

#[tokio::test]
async fn p18_who_leaves_holds_nothing_up() {
    let (database, _clock) = on_clock();
    let (a, b) = (database.open(), database.open());
    a.join("a", LEASE).await.unwrap();
    scheduled(&*a, "i1", &[("W000", 0)]).await;
    assert_eq!(claim_as(&*a, "a", 0).await.len(), 1);
    a.leave("a").await.unwrap();
    assert_eq!(a.renew("a", LEASE).await.unwrap(), Renewed::Gone);
    assert_eq!(b.recover(at(0)).await.unwrap().due, 1);
}

#[tokio::test]
async fn f37_a_daemon_that_slept_past_its_lease_begins_nothing_and_holds_nothing_up() {
    let (database, clock) = on_clock();
    let (a, b) = (database.open(), database.open());
    a.join("a", LEASE).await.unwrap();
    b.join("b", LEASE).await.unwrap();
    scheduled(&*a, "i1", &[("W000", 0)]).await;
    let claim = claim_as(&*a, "a", 0).await.remove(0);
    clock.store(9, Ordering::Relaxed);
    b.renew("b", LEASE).await.unwrap();
    clock.store(10, Ordering::Relaxed);
    // Nobody has recovered it yet, and still it may not begin.
    let refused = a.begin_effect(effect(&claim.attempt, "post", 1)).await.unwrap();
    let EffectBegun::Refused(reason) = refused else { panic!("{refused:?}") };
    let held = juzhen_domain::outcome::Next::Held { reason };
    let settled = a.settle(settle_as(&claim, held, 1)).await.unwrap();
    assert!(matches!(settled, Settled::Late { state: DeliveryState::Claimed }), "{settled:?}");
    assert_eq!(claim_as(&*a, "a", 1).await, [], "nor claim");
    assert_eq!(b.recover(at(10)).await.unwrap().due, 1);
    assert_eq!(a.renew("a", LEASE).await.unwrap(), Renewed::Gone, "its claims are others' now");
    let again = claim_as(&*b, "b", 10).await.remove(0);
    let refused = a.begin_effect(effect(&claim.attempt, "post", 10)).await.unwrap();
    assert!(matches!(refused, EffectBegun::Refused(_)), "{refused:?}");
    send(&*b, &again, 10).await;
    a.join("a2", LEASE).await.unwrap();
}

#[tokio::test]
async fn f35_what_a_daemon_says_after_its_claim_was_recovered_is_evidence() {
    let (database, clock) = on_clock();
    let (a, b) = (database.open(), database.open());
    a.join("a", LEASE).await.unwrap();
    scheduled(&*a, "i1", &[("W000", 0)]).await;
    let claim = claim_as(&*a, "a", 0).await.remove(0);
    let id = begin(&*a, &claim.attempt, "post", 0).await;
    clock.store(10, Ordering::Relaxed);
    assert_eq!(b.recover(at(10)).await.unwrap().in_doubt, 1);
    a.end_effect(id, answer(11)).await.unwrap();
    let late = a.settle(settle_as(&claim, published("1", 11), 11)).await.unwrap();
    assert!(matches!(late, Settled::Late { state: DeliveryState::InDoubt }), "{late:?}");
    let kept = record(&*b, "i1-W000").await;
    assert_eq!((kept.delivery.state, kept.late.len()), (DeliveryState::InDoubt, 1));
}

#[tokio::test]
async fn f35_a_result_within_the_fence_counts_though_the_lease_is_over() {
    let (database, clock) = on_clock();
    let a = database.open();
    a.join("a", LEASE).await.unwrap();
    scheduled(&*a, "i1", &[("W000", 0)]).await;
    let claim = claim_as(&*a, "a", 0).await.remove(0);
    send(&*a, &claim, 0).await;
    clock.store(30, Ordering::Relaxed);
    let settled = a.settle(settle_as(&claim, published("1", 3), 3)).await.unwrap();
    assert!(matches!(settled, Settled::Applied { .. }), "{settled:?}");
}

#[tokio::test]
async fn f34_leases_are_by_the_clock_of_the_database_which_a_daemon_is_told() {
    let (database, clock) = on_clock();
    let a = database.open();
    clock.store(500, Ordering::Relaxed);
    let joined = a.join("a", LEASE).await.unwrap();
    assert_eq!(joined, Joined { at: at(500), until: Some(at(510)) });
    clock.store(509, Ordering::Relaxed);
    assert_eq!(
        a.renew("a", LEASE).await.unwrap(),
        Renewed::Until(Joined { at: at(509), until: Some(at(519)) }, Load { workers: 1, ..Load::default() })
    );
    // Over is over, although nobody took it for gone.
    clock.store(519, Ordering::Relaxed);
    assert_eq!(a.renew("a", LEASE).await.unwrap(), Renewed::Gone);
}

#[tokio::test]
async fn p18_only_workers_whose_lease_lasts_have_a_share() {
    let (database, clock) = on_clock();
    let (a, b) = (database.open(), database.open());
    a.join("a", LEASE).await.unwrap();
    b.join("b", LEASE).await.unwrap();
    clock.store(9, Ordering::Relaxed);
    let workers = async || match a.renew("a", LEASE).await.unwrap() {
        Renewed::Until(_, load) => load.workers,
        Renewed::Gone => panic!("gone"),
    };
    assert_eq!(workers().await, 2);
    clock.store(10, Ordering::Relaxed);
    assert_eq!(workers().await, 1, "nobody took the other for gone yet");
    b.join("c", LEASE).await.unwrap();
    assert_eq!(workers().await, 2);
    b.leave("c").await.unwrap();
    assert_eq!(workers().await, 1);
}

#[tokio::test]
async fn f39_a_turn_is_one_daemons_until_it_gives_it_up_or_its_time_is_over() {
    let (database, clock) = on_clock();
    let (a, b) = (database.open(), database.open());
    assert!(a.take_turn("token:W000", "a", LEASE).await.unwrap());
    assert!(!b.take_turn("token:W000", "b", LEASE).await.unwrap());
    assert!(b.take_turn("token:W001", "b", LEASE).await.unwrap(), "another thing");
    assert!(a.take_turn("token:W000", "a", LEASE).await.unwrap(), "it keeps it");
    b.give_up_turn("token:W000", "b").await.unwrap();
    assert!(!b.take_turn("token:W000", "b", LEASE).await.unwrap(), "nobody gives up another's turn");
    a.give_up_turn("token:W000", "a").await.unwrap();
    assert!(b.take_turn("token:W000", "b", LEASE).await.unwrap());
    clock.store(10, Ordering::Relaxed);
    assert!(a.take_turn("token:W000", "a", LEASE).await.unwrap(), "b has not come back");
}

#[tokio::test]
async fn p04_a_commit_that_fails_leaves_nothing_and_one_whose_answer_is_lost_stands() {
    let database = InMemory::new().unwrap();
    let fate = Arc::new(Mutex::new(Fate::Done));
    let next = Arc::clone(&fate);
    let store = database.store(Arc::new(move |_| *next.lock().unwrap()));
    for (wanted, kept) in [(Fate::Fails, false), (Fate::AnswerLost, true)] {
        *fate.lock().unwrap() = wanted;
        assert!(store.stop("off.zr".into(), "演练".into(), at(0)).await.is_err());
        *fate.lock().unwrap() = Fate::Done;
        assert_eq!(store.stopped().await.unwrap().is_some(), kept, "{wanted:?}");
    }
}

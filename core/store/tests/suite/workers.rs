//! Workers and turns, as far as no clock has to be set for them.

use jiff::SignedDuration;
use juzhen_store::*;

use super::Place;
use super::fixture::*;

const LEASE: SignedDuration = SignedDuration::from_secs(60);

pub(crate) async fn p18_claims_of_a_worker_are_its_own_until_it_leaves(place: &dyn Place) {
    let store = place.open();
    let joined = store.join("a", LEASE).await.unwrap();
    scheduled(&*store, "i1", &[("W000", 0)]).await;
    let claims = store.claim(ClaimRequest { worker: "a".into(), ..request(0) }).await.unwrap().claims;
    assert_eq!(store.recover(at(1)).await.unwrap(), Recovered::default());
    let Renewed::Until(renewed, _) = store.renew("a", LEASE).await.unwrap() else { panic!("gone") };
    assert!(renewed.at >= joined.at && renewed.until >= joined.until, "{joined:?} {renewed:?}");
    store.leave("a").await.unwrap();
    assert_eq!(store.renew("a", LEASE).await.unwrap(), Renewed::Gone);
    let begun = store.begin_effect(effect(&claims[0].attempt, "post", 1)).await.unwrap();
    assert!(matches!(begun, EffectBegun::Refused(_)), "{begun:?}");
    assert_eq!(store.recover(at(1)).await.unwrap().due, 1);
}

pub(crate) async fn p18_a_renewal_tells_how_much_is_under_way_and_how_much_of_it_is_ours(place: &dyn Place) {
    let store = place.open();
    store.join("a", LEASE).await.unwrap();
    let load = async || match store.renew("a", LEASE).await.unwrap() {
        Renewed::Until(_, load) => (load.workers, load.under_way, load.ours),
        Renewed::Gone => panic!("gone"),
    };
    for account in ["W000", "W001", "W002"] {
        scheduled(&*store, &format!("on-{account}"), &[(account, 0)]).await;
        scheduled(&*store, &format!("next-on-{account}"), &[(account, 0)]).await;
    }
    assert_eq!(load().await, (1, 0, 0), "what is due is not under way");
    let ask = |worker: &str, most| ClaimRequest { worker: worker.into(), most, ..request(0) };
    let ours = store.claim(ask("a", 2)).await.unwrap().claims;
    store.claim(ask("of another", 9)).await.unwrap();
    send(&*store, &ours[0], 1).await;
    assert_eq!(load().await, (1, 3, 2), "claimed or being sent");
    settle(&*store, &ours[0], published("p1", 2), 2).await;
    assert_eq!(load().await, (1, 2, 1));
}

pub(crate) async fn workers_at_work_are_listed_first(place: &dyn Place) {
    let store = place.open();
    store.join("a", LEASE).await.unwrap();
    store.leave("a").await.unwrap();
    store.join("b", LEASE).await.unwrap();
    let listed = store.workers(9).await.unwrap();
    let of: Vec<_> = listed.iter().map(|worker| (worker.id.as_str(), worker.ended_at.is_some())).collect();
    assert_eq!(of, [("b", false), ("a", true)]);
    assert_eq!(store.workers(1).await.unwrap().len(), 1);
}

pub(crate) async fn f39_a_turn_is_held_by_one(place: &dyn Place) {
    let store = place.open();
    let take = async |holder: &str| store.take_turn("token:W000", holder, LEASE).await.unwrap();
    assert!(take("a").await);
    assert!(!take("b").await);
    assert!(take("a").await);
    store.give_up_turn("token:W000", "b").await.unwrap();
    assert!(!take("b").await);
    store.give_up_turn("token:W000", "a").await.unwrap();
    assert!(take("b").await);
}

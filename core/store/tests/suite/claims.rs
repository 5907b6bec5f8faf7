//! Claims: what may be sent, when, by whom, in which order.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::SignedDuration;
use juzhen_domain::caps::Caps;
use juzhen_domain::matrix::AccountStatus;
use juzhen_domain::outcome::Next;
use juzhen_domain::state::{DeliveryState, ItemState};
use juzhen_store::*;

use super::Place;
use super::fixture::*;

fn ids(claims: &[Claim]) -> Vec<&str> {
    claims.iter().map(|c| c.delivery.id.as_str()).collect()
}

fn again(seconds: i64) -> Next {
    Next::Again { at: at(seconds), reason: "busy".into(), resume: false }
}

pub(crate) async fn what_is_due_is_claimed_once(place: &dyn Place) {
    let store = place.open();
    scheduled(&*store, "i1", &[("W000", 0), ("W001", 5)]).await;
    let claim = claim_one(&*store, 1).await;
    assert_eq!(
        (claim.delivery.state, claim.delivery.tries, claim.delivery.fence),
        (DeliveryState::Claimed, 1, 1)
    );
    assert_eq!(claim.leave.delivery(), &claim.delivery.id);
    assert_eq!(claim.leave.payload().text, "停水通知 i1");
    assert_eq!((claim.attempt.id.as_str(), claim.attempt.call.as_str()), ("i1-W000.1", "i1-W000.1"));
    assert_eq!(item_state(&*store, "i1").await, ItemState::Publishing);
    let round = store.claim(request(1)).await.unwrap();
    assert_eq!((ids(&round.claims), round.next_due), (vec![], Some(at(5))));
    assert_eq!(actions(&*store, "delivery:i1-W000").await, ["delivery.made", "delivery.claimed"]);
    assert_eq!(actions(&*store, "item:i1").await.last().unwrap(), "item.publishing");
    let attempts = record(&*store, "i1-W000").await.attempts;
    assert_eq!(attempts, [claim.attempt]);
}

pub(crate) async fn p06_nothing_is_claimed_before_its_time(place: &dyn Place) {
    let store = place.open();
    scheduled(&*store, "i1", &[("W000", 10)]).await;
    let round = store.claim(request(9)).await.unwrap();
    assert_eq!((ids(&round.claims), round.next_due), (vec![], Some(at(10))));
    assert_eq!(ids(&claim(&*store, 10).await), ["i1-W000"]);
    assert_eq!(store.claim(request(10)).await.unwrap().next_due, None);
}

pub(crate) async fn p06_ahead_of_time_means_for_its_time(place: &dyn Place) {
    let store = place.open();
    scheduled(&*store, "i1", &[("W000", 10)]).await;
    let ahead = ClaimRequest { until: at(10), ..request(9) };
    let claims = store.claim(ahead).await.unwrap().claims;
    assert_eq!(ids(&claims), ["i1-W000"]);
    assert_eq!((claims[0].delivery.next_at, claims[0].attempt.started_at), (at(10), at(10)));
    // The next one of this account may go only a while after: that is then the time to wait for.
    settle(&*store, &claims[0], again(20), 10).await;
    let gap = Caps { gap: SignedDuration::from_secs(15), ..caps() };
    let slow: StandingOf = Arc::new(move |_| Some(standing(AccountStatus::Active, gap)));
    let request = ClaimRequest { until: at(40), standing: slow, ..request(19) };
    let claims = store.claim(request).await.unwrap().claims;
    assert_eq!((claims[0].delivery.next_at, claims[0].attempt.started_at), (at(25), at(25)));
}

pub(crate) async fn p07_what_is_too_late_is_missed(place: &dyn Place) {
    let store = place.open();
    scheduled(&*store, "i1", &[("W000", 0)]).await;
    scheduled(&*store, "i2", &[("W000", 200)]).await;
    let round = store.claim(request(901)).await.unwrap();
    assert_eq!((ids(&round.claims), round.missed), (vec!["i2-W000"], 1));
    assert_eq!(state(&*store, "i1-W000").await, DeliveryState::Missed);
    assert_eq!(item_state(&*store, "i1").await, ItemState::Expired);
    assert_eq!(actions(&*store, "delivery:i1-W000").await.last().unwrap(), "delivery.missed");
}

pub(crate) async fn p02_what_is_not_approved_is_held(place: &dyn Place) {
    let store = place.open();
    // Approved, but not by anybody that counts: the decision is missing.
    submit(&*store, "i1").await;
    change(&*store, "i1", |r| moved(r, ItemState::Approved)).await.unwrap();
    change(&*store, "i1", |r| ItemChange {
        new_deliveries: vec![delivery(&r.item, "W000", 0)],
        ..moved(r, ItemState::Scheduled)
    })
    .await
    .unwrap();
    // Approved, but the delivery is of other bytes.
    submit(&*store, "i2").await;
    approve(&*store, "i2").await;
    change(&*store, "i2", |r| {
        let mut other = delivery(&r.item, "W001", 0);
        other.payload_hash = item("i9").content.hash();
        ItemChange { new_deliveries: vec![other], ..moved(r, ItemState::Scheduled) }
    })
    .await
    .unwrap();
    let round = store.claim(request(0)).await.unwrap();
    assert_eq!((ids(&round.claims), round.held), (vec![], 2));
    let held = record(&*store, "i1-W000").await.delivery;
    assert_eq!(held.state, DeliveryState::Held);
    assert!(held.reason.unwrap().starts_with("not_approved: "));
    assert_eq!(item_state(&*store, "i1").await, ItemState::Held);
    assert_eq!(record(&*store, "i1-W000").await.attempts, []);
}

pub(crate) async fn p09_what_the_settings_lost_is_held(place: &dyn Place) {
    let store = place.open();
    scheduled(&*store, "i1", &[("W000", 0), ("W001", 0), ("W002", 0), ("W003", 0)]).await;
    let settings: StandingOf = Arc::new(|account| match account.as_str() {
        "W000" => None,
        "W001" => Some(standing(AccountStatus::Suspended, caps())),
        "W002" => Some(juzhen_domain::claim::Standing {
            adapter_ready: false,
            ..standing(AccountStatus::Active, caps())
        }),
        _ => Some(standing(AccountStatus::Active, caps())),
    });
    let round = store.claim(ClaimRequest { standing: settings, ..request(0) }).await.unwrap();
    assert_eq!((ids(&round.claims), round.held, round.next_due), (vec!["i1-W003"], 2, Some(at(1))));
    // An adapter that is not ready is no reason to hold.
    assert_eq!(state(&*store, "i1-W002").await, DeliveryState::Due);
    assert_eq!(ids(&claim(&*store, 1).await), ["i1-W002"]);
}

pub(crate) async fn p20_caps_of_delivery_hour_and_gap(place: &dyn Place) {
    let store = place.open();
    scheduled(&*store, "i1", &[("W000", 0)]).await;
    // Three attempts of one delivery, however they end, then a person has to look.
    for try_number in 0..3 {
        let claim = claim_one(&*store, try_number).await;
        settle(&*store, &claim, again(try_number), try_number).await;
    }
    let round = store.claim(request(3)).await.unwrap();
    assert_eq!((ids(&round.claims), round.held), (vec![], 1));
    assert!(record(&*store, "i1-W000").await.delivery.reason.unwrap().starts_with("tried_too_often: "));

    // Two within the hour on one account; the third an hour after the first.
    let caps = Caps { per_account_hour: 2, ..caps() };
    let strict: StandingOf = Arc::new(move |_| Some(standing(AccountStatus::Active, caps)));
    scheduled(&*store, "i2", &[("W001", 0)]).await;
    for now in [10, 20] {
        let claims = store.claim(ClaimRequest { standing: Arc::clone(&strict), ..request(now) }).await;
        settle(&*store, &claims.unwrap().claims[0], again(now), now).await;
    }
    let third = store.claim(ClaimRequest { standing: Arc::clone(&strict), ..request(30) }).await.unwrap();
    assert_eq!((ids(&third.claims), third.next_due), (vec![], Some(at(10 + 3600))));
    // Long before, it would be too late for it: that is found out without sending.
    let hour = ClaimRequest { standing: strict, ..request(10 + 3600) };
    assert_eq!(store.claim(hour).await.unwrap().missed, 1);

    let caps = Caps { gap: SignedDuration::from_secs(30), ..super::fixture::caps() };
    let slow: StandingOf = Arc::new(move |_| Some(standing(AccountStatus::Active, caps)));
    scheduled(&*store, "i3", &[("W002", 0)]).await;
    scheduled(&*store, "i4", &[("W002", 1)]).await;
    let first = store.claim(ClaimRequest { standing: Arc::clone(&slow), ..request(5) }).await.unwrap();
    send(&*store, &first.claims[0], 5).await;
    settle(&*store, &first.claims[0], published("7", 5), 5).await;
    let early = store.claim(ClaimRequest { standing: Arc::clone(&slow), ..request(34) }).await.unwrap();
    assert_eq!((ids(&early.claims), early.next_due), (vec![], Some(at(35))));
    let then = store.claim(ClaimRequest { standing: slow, ..request(35) }).await.unwrap();
    assert_eq!(ids(&then.claims), ["i4-W002"]);
}

pub(crate) async fn order_of_an_account_is_kept(place: &dyn Place) {
    let store = place.open();
    for (id, due) in [("i1", 2), ("i2", 1), ("i3", 1)] {
        scheduled(&*store, id, &[("W000", due)]).await;
    }
    let mut order = Vec::new();
    for now in 10..13 {
        let claim = claim_one(&*store, now).await;
        // While one is under way the others wait.
        assert_eq!(store.claim(request(now)).await.unwrap().claims, []);
        order.push(claim.delivery.id.to_string());
        send(&*store, &claim, now).await;
        assert_eq!(store.claim(request(now)).await.unwrap().claims, []);
        settle(&*store, &claim, published(&now.to_string(), now), now).await;
    }
    assert_eq!(order, ["i2-W000", "i3-W000", "i1-W000"]);
}

pub(crate) async fn a_backlog_of_one_account_does_not_hide_the_others(place: &dyn Place) {
    let store = place.open();
    for n in 0..150 {
        scheduled(&*store, &format!("i{n:03}"), &[("W000", 0)]).await;
    }
    scheduled(&*store, "last", &[("W001", 50), ("W002", 60)]).await;
    let few = |now| ClaimRequest { most: 2, ..request(now) };
    assert_eq!(ids(&store.claim(few(60)).await.unwrap().claims), ["i000-W000", "last-W001"]);
    assert_eq!(ids(&store.claim(few(60)).await.unwrap().claims), ["last-W002"]);
    // Nor does one whose deliveries all have to be put aside.
    let gone: StandingOf =
        Arc::new(|a| (a.as_str() != "W000").then(|| standing(AccountStatus::Active, caps())));
    settle(&*store, &claim_of(&*store, "i000-W000").await, again(61), 61).await;
    scheduled(&*store, "one-more", &[("W003", 62)]).await;
    let round = store.claim(ClaimRequest { standing: gone, ..request(62) }).await.unwrap();
    assert_eq!((ids(&round.claims), round.held), (vec!["one-more-W003"], 150));
}

/// A claim as its worker would still have it.
async fn claim_of(store: &dyn Store, id: &str) -> Claim {
    let record = record(store, id).await;
    let other = claim_elsewhere(store).await;
    Claim { attempt: record.attempts[0].clone(), delivery: record.delivery, ..other }
}

/// Any claim: `Authorised` can only be had from one.
async fn claim_elsewhere(store: &dyn Store) -> Claim {
    scheduled(store, "elsewhere", &[("X999", 0)]).await;
    claim_one(store, 60).await
}

pub(crate) async fn f36_two_claims_at_once_never_share_a_delivery(place: &dyn Place) {
    let store = place.open();
    for n in 0..20 {
        scheduled(&*store, &format!("i{n:02}"), &[(&format!("W{n:03}"), 0)]).await;
    }
    let mut rounds = Vec::new();
    for worker in ["a", "b", "c", "d"] {
        let store = Arc::clone(&store);
        let request = ClaimRequest { worker: worker.into(), most: 7, ..request(1) };
        rounds.push(tokio::spawn(async move { store.claim(request).await.unwrap().claims }));
    }
    let mut all = Vec::new();
    for round in rounds {
        all.extend(round.await.unwrap().into_iter().map(|c| c.delivery.id));
    }
    let different: BTreeSet<_> = all.iter().collect();
    assert_eq!((all.len(), different.len()), (20, 20));
}

//! Recovering after a crash, sweeping, counting.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::SignedDuration;
use juzhen_domain::caps::Caps;
use juzhen_domain::matrix::AccountStatus;
use juzhen_domain::outcome::Next;
use juzhen_domain::state::{DeliveryState, ItemState};
use juzhen_store::*;

use super::Place;
use super::fixture::*;

pub(crate) async fn f03_f04_recovering_what_was_only_claimed(place: &dyn Place) {
    let store = place.open();
    scheduled(&*store, "i1", &[("W000", 0)]).await;
    scheduled(&*store, "i2", &[("W001", 0)]).await;
    let claims = claim(&*store, 0).await;
    // Of the second, one request was tried and never left.
    let id = begin(&*store, &claims[1].attempt, "post", 0).await;
    store.end_effect(id, nothing_left(0)).await.unwrap();
    drop(store);
    let store = place.open();
    let recovered = store.recover(at(5)).await.unwrap();
    assert_eq!(recovered, Recovered { due: 2, resumed: 0, in_doubt: 0 });
    assert_eq!(item_state(&*store, "i1").await, ItemState::Scheduled);
    let kept = record(&*store, "i1-W000").await;
    assert_eq!((kept.delivery.state, kept.delivery.tries), (DeliveryState::Due, 1));
    assert_eq!(kept.attempts[0].outcome.as_deref(), Some("interrupted"));
    // Sent once after all, by a new call.
    let again = claim(&*store, 5).await;
    let calls: Vec<_> = again.iter().map(|c| c.attempt.call.as_str()).collect();
    assert_eq!(calls, ["i1-W000.2", "i2-W001.2"]);
    // A second recovery finds the new claims, not the old ones again.
    assert_eq!(store.recover(at(6)).await.unwrap().due, 2);
    assert_eq!(store.recover(at(6)).await.unwrap(), Recovered::default());
}

pub(crate) async fn f05_f06_recovering_what_may_be_out(place: &dyn Place) {
    let store = place.open();
    for n in 0..3 {
        scheduled(&*store, &format!("i{n}"), &[(&format!("W{n}"), 0)]).await;
    }
    let claims = claim(&*store, 0).await;
    begin(&*store, &claims[0].attempt, "post", 0).await;
    let half = begin(&*store, &claims[1].attempt, "post", 0).await;
    store.end_effect(half, EffectAnswer { complete: false, ..answer(0) }).await.unwrap();
    send(&*store, &claims[2], 0).await;
    begin(&*store, &claims[2].attempt, "second", 0).await;
    drop(store);
    let store = place.open();
    assert_eq!(store.recover(at(5)).await.unwrap(), Recovered { due: 0, resumed: 0, in_doubt: 3 });
    for n in 0..3 {
        let kept = record(&*store, &format!("i{n}-W{n}")).await;
        assert_eq!(kept.delivery.state, DeliveryState::InDoubt);
        assert_eq!(kept.doubt, Some(Doubt { since: at(5), looks: 0 }));
    }
    // P5: shown at once, looked at at once, sent by nobody.
    let look = Look { states: vec![DeliveryState::InDoubt], now: at(5), most: 9 };
    assert_eq!(store.to_look_at(look).await.unwrap().len(), 3);
    assert_eq!(claim(&*store, 800).await, []);
}

pub(crate) async fn f11_recovering_between_two_requests(place: &dyn Place) {
    let store = place.open();
    scheduled(&*store, "i1", &[("W000", 0)]).await;
    let first = claim_one(&*store, 0).await;
    let id = begin(&*store, &first.attempt, "upload", 0).await;
    store.end_effect(id, answer(1)).await.unwrap();
    drop(store);
    let store = place.open();
    assert_eq!(store.recover(at(5)).await.unwrap(), Recovered { due: 0, resumed: 1, in_doubt: 0 });
    let second = claim_one(&*store, 5).await;
    assert_eq!(second.attempt.call, first.attempt.call);
    let begun = store.begin_effect(effect(&second.attempt, "upload", 6)).await.unwrap();
    assert_eq!(begun, EffectBegun::Answered(answer(1)));
    begin(&*store, &second.attempt, "post", 6).await;
}

pub(crate) async fn f12_what_goes_on_to_end_the_daemon_is_held_and_in_doubt_where_it_may_be_out(
    place: &dyn Place,
) {
    let store = place.open();
    scheduled(&*store, "i1", &[("W000", 0)]).await;
    scheduled(&*store, "i2", &[("W001", 0)]).await;
    // Twice both are in hand when the daemon ends; then each goes alone. The request of the second one was answered.
    for (end, in_hand) in [(1, 2), (2, 2), (3, 1), (4, 1)] {
        let claims = claim(&*store, end).await;
        assert_eq!(claims.len(), in_hand, "end {end}: {claims:?}");
        if end == 1 {
            send(&*store, &claims[1], end).await;
        }
        store.recover(at(end)).await.unwrap();
    }
    let round = store.claim(request(10)).await.unwrap();
    assert_eq!((round.claims.len(), round.in_doubt), (0, 1));
    let held = record(&*store, "i1-W000").await;
    assert_eq!((held.delivery.state, held.attempts.len()), (DeliveryState::Held, 3));
    assert!(held.delivery.reason.unwrap().starts_with("ends_the_daemon: "));
    let doubtful = record(&*store, "i2-W001").await;
    assert_eq!((doubtful.delivery.state, doubtful.attempts.len()), (DeliveryState::InDoubt, 3));
    assert!(doubtful.delivery.reason.unwrap().starts_with("ends_the_daemon: earlier_began: "));
    assert_eq!(doubtful.doubt, Some(Doubt { since: at(10), looks: 0 }));
    assert!(!doubtful.delivery.resumes, "nobody goes on with it");
    // Looked for from the first request on, by the daemon, whatever becomes of it.
    let look = Look { states: vec![DeliveryState::InDoubt], now: at(10), most: 9 };
    let looked = store.to_look_at(look).await.unwrap();
    assert_eq!(looked.iter().map(|looked| looked.began_at).collect::<Vec<_>>(), [Some(at(1))]);
}

pub(crate) async fn p07_sweeping_misses_what_is_late(place: &dyn Place) {
    let store = place.open();
    scheduled(&*store, "i1", &[("W000", 0)]).await;
    scheduled(&*store, "i2", &[("W001", 0)]).await;
    scheduled(&*store, "i3", &[("W002", 0)]).await;
    scheduled(&*store, "i4", &[("W003", 0)]).await;
    let claims = store.claim(ClaimRequest { most: 3, ..request(0) }).await.unwrap().claims;
    let why = || "why".to_owned();
    settle(&*store, &claims[0], Next::Held { reason: why() }, 1).await;
    settle(&*store, &claims[1], Next::Waiting { until: at(5000), reason: why() }, 1).await;
    begin(&*store, &claims[2].attempt, "post", 1).await;
    let none = store.sweep(at(900), all_active()).await.unwrap();
    assert_eq!(none, Swept::default());
    let swept = store.sweep(at(901), all_active()).await.unwrap();
    assert_eq!(swept, Swept { missed: 3, released: 0, held: 0 });
    assert_eq!(state(&*store, "i4-W003").await, DeliveryState::Missed);
    // What is being sent is not touched.
    assert_eq!(state(&*store, "i3-W002").await, DeliveryState::Sending);
    assert_eq!(item_state(&*store, "i1").await, ItemState::Expired);
}

pub(crate) async fn waiting_ones_come_back_at_their_time(place: &dyn Place) {
    let store = place.open();
    scheduled(&*store, "i1", &[("W000", 0)]).await;
    let claim = claim_one(&*store, 0).await;
    settle(&*store, &claim, Next::Waiting { until: at(60), reason: "sign in".into() }, 1).await;
    assert_eq!(store.sweep(at(59), all_active()).await.unwrap().released, 0);
    assert_eq!(store.sweep(at(60), all_active()).await.unwrap().released, 1);
    assert_eq!(claim_one(&*store, 60).await.delivery.id.as_str(), "i1-W000");
}

pub(crate) async fn p14_what_a_clock_that_ran_ahead_put_off_for_years_is_due_now(place: &dyn Place) {
    let store = place.open();
    const DAY: i64 = 24 * 3600;
    let deliveries = [("W000", 0), ("W001", 0), ("W002", 0), ("W003", 400 * DAY)];
    scheduled(&*store, "i1", &deliveries).await;
    let far = at(30_000 * DAY);
    for claimed in claim(&*store, 0).await {
        let next = match claimed.delivery.account.as_str() {
            "W000" => Next::Again { at: far, reason: "busy".into(), resume: false },
            "W001" => Next::Again { at: at(1 + DAY), reason: "busy".into(), resume: false },
            _ => Next::Waiting { until: far, reason: "quota".into() },
        };
        settle(&*store, &claimed, next, 1).await;
    }
    assert_eq!(store.sweep(at(1), all_active()).await.unwrap().released, 1);
    let mut due = Vec::new();
    for account in ["W000", "W001", "W002", "W003"] {
        let kept = record(&*store, &format!("i1-{account}")).await.delivery;
        due.push((kept.state, kept.next_at));
    }
    // The second pause is the longest there is, and the last one was scheduled for then.
    let expected = [at(1), at(1 + DAY), at(1), at(400 * DAY)].map(|time| (DeliveryState::Due, time));
    assert_eq!(due, expected);
}

pub(crate) async fn p14_p20_what_began_under_a_clock_that_ran_ahead_does_not_hold_its_account_up(
    place: &dyn Place,
) {
    let store = place.open();
    let year = 365 * 24 * 3600;
    let caps = Caps { per_account_hour: 1, gap: SignedDuration::from_secs(10), ..caps() };
    let strict: StandingOf = Arc::new(move |_| Some(standing(AccountStatus::Active, caps)));
    let claim_at = async |now| {
        let round =
            store.claim(ClaimRequest { standing: Arc::clone(&strict), ..request(now) }).await.unwrap();
        round.claims.into_iter().next().unwrap()
    };
    scheduled(&*store, "i1", &[("W000", year)]).await;
    let ahead = claim_at(year).await;
    send(&*store, &ahead, year).await;
    settle(&*store, &ahead, published("1", year), year).await;
    scheduled(&*store, "i2", &[("W000", 0)]).await;
    assert_eq!(claim_at(10).await.delivery.id.as_str(), "i2-W000");
}

pub(crate) async fn f42_p06_a_try_under_a_clock_that_was_set_back_is_not_due_before_its_time(
    place: &dyn Place,
) {
    let store = place.open();
    scheduled(&*store, "i1", &[("W000", 3600), ("W001", 3600)]).await;
    let claims = claim(&*store, 3600).await;
    let again = Next::Again { at: at(5), reason: "busy".into(), resume: false };
    assert_eq!(settle(&*store, &claims[0], again, 1).await.next_at, at(3600));
    let quota = Next::Waiting { until: at(5), reason: "quota".into() };
    assert_eq!(settle(&*store, &claims[1], quota, 1).await.next_at, at(3600));
}

pub(crate) async fn p09_holding_and_releasing_with_the_settings(place: &dyn Place) {
    let store = place.open();
    scheduled(&*store, "i1", &[("W000", 100), ("W001", 100), ("W002", 100)]).await;
    let paused: StandingOf = Arc::new(|account| match account.as_str() {
        "W000" => None,
        "W001" => Some(standing(AccountStatus::Suspended, caps())),
        _ => Some(standing(AccountStatus::Active, caps())),
    });
    // Long before it is due, so that the office sees it in time.
    assert_eq!(store.sweep(at(0), Arc::clone(&paused)).await.unwrap().held, 2);
    assert_eq!(store.sweep(at(1), paused).await.unwrap(), Swept::default());
    let held = record(&*store, "i1-W001").await.delivery;
    assert!(held.reason.unwrap().starts_with("account_not_active: "));
    // An operator's hold stays until an operator lifts it.
    let by_hand = DeliveryChange {
        reason: Some("operator: 等通知".into()),
        ..delivery_moved(&"i1-W002".into(), DeliveryState::Held, 2)
    };
    change_delivery(&*store, by_hand, "i1-W002").await;
    let swept = store.sweep(at(3), all_active()).await.unwrap();
    assert_eq!(swept, Swept { missed: 0, released: 2, held: 0 });
    assert_eq!(state(&*store, "i1-W002").await, DeliveryState::Held);
    let due = record(&*store, "i1-W000").await.delivery;
    assert_eq!((due.state, due.due_at, due.next_at), (DeliveryState::Due, at(100), at(100)));
}

pub(crate) async fn counting(place: &dyn Place) {
    let store = place.open();
    assert_eq!(store.counts(at(0)).await.unwrap(), Counts::default());
    scheduled(&*store, "i1", &[("W000", 0), ("W001", 0)]).await;
    submit(&*store, "i2").await;
    let claim = store.claim(ClaimRequest { most: 1, ..request(0) }).await.unwrap().claims.remove(0);
    begin(&*store, &claim.attempt, "post", 0).await;
    settle(&*store, &claim, Next::InDoubt { look_at: at(5), reason: "?".into() }, 10).await;
    let counts = store.counts(at(70)).await.unwrap();
    let of = |pairs: &[(&str, u64)]| -> BTreeMap<String, u64> {
        pairs.iter().map(|(word, n)| ((*word).to_owned(), *n)).collect()
    };
    assert_eq!(counts.items, of(&[("pending_office", 1), ("publishing", 1)]));
    assert_eq!(counts.deliveries, of(&[("due", 1), ("in_doubt", 1)]));
    assert_eq!((counts.overdue_seconds, counts.in_doubt_seconds), (70, 60));
}

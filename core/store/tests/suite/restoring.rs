//! A database that was put back to an earlier time: it is known, everything stops, and nothing that may have been sent
//! since is sent again (P19, F25, F27, F31).

use std::collections::BTreeSet;
use std::sync::Arc;

use juzhen_domain::delivery::{Delivery, DeliveryKind, ReceiptBy};
use juzhen_domain::id::{AccountId, DeliveryId};
use juzhen_domain::item::Item;
use juzhen_domain::outcome::Next;
use juzhen_domain::state::DeliveryState;
use juzhen_store::*;
use serde_json::json;

use super::Place;
use super::fixture::*;

/// What the daemon says of a database that it does not know any more.
const WHY: &str = "it ends with audit row 7, there were 90";

pub(crate) async fn f27_f28_f31_a_history_that_was_cut_off_and_another_one_are_told_apart(place: &dyn Place) {
    let store = place.open();
    assert_eq!(store.knows(None).await.unwrap(), Known::Yes);
    let empty = store.mark(None).await.unwrap();
    scheduled(&*store, "i1", &[("W000", 0)]).await;
    let claim = claim_one(&*store, 0).await;
    begin(&*store, &claim.attempt, "post", 0).await;
    let mark = store.mark(None).await.unwrap();
    assert!(mark.audit > empty.audit && mark.effects > empty.effects, "{empty:?} {mark:?}");
    for known in [&empty, &mark] {
        assert_eq!(store.knows(Some(known.clone())).await.unwrap(), Known::Yes, "{known:?}");
    }
    let cut = [
        Mark { audit: mark.audit + 1, ..mark.clone() },
        Mark { effects: mark.effects + 1, ..mark.clone() },
        Mark { hash: "0".repeat(64), ..mark.clone() },
    ];
    for lost in cut {
        let known = store.knows(Some(lost.clone())).await.unwrap();
        assert!(matches!(known, Known::Cut(_)), "{lost:?}: {known:?}");
    }
    let elsewhere = Mark { environment: "another".into(), ..mark.clone() };
    let ours = mark.environment.clone();
    assert_eq!(store.knows(Some(elsewhere)).await.unwrap(), Known::Elsewhere { ours });
    drop(store);
    assert_eq!(place.open().knows(Some(mark)).await.unwrap(), Known::Yes, "after a restart");
}

pub(crate) async fn p19_a_loss_that_one_daemon_looked_after_is_no_news_from_another(place: &dyn Place) {
    let store = place.open();
    scheduled(&*store, "i1", &[("W000", 0)]).await;
    let before = store.mark(None).await.unwrap();
    // What two daemons knew of the time that is lost, one of them of a version that did not count restorations.
    let lost = Mark { audit: before.audit + 5, hash: "1".repeat(64), ..before.clone() };
    let of_old = Mark { restorations: None, ..lost.clone() };
    store.suspect(WHY.into(), at(0), at(0)).await.unwrap();
    assert_eq!(store.knows(Some(lost)).await.unwrap(), Known::Yes);
    assert!(matches!(store.knows(Some(of_old)).await.unwrap(), Known::Cut(_)));
    // What is lost after that is another loss.
    let after = store.mark(None).await.unwrap();
    let again = Mark { audit: after.audit + 5, hash: "2".repeat(64), ..after };
    assert!(matches!(store.knows(Some(again)).await.unwrap(), Known::Cut(_)));
    // And so is what was lost before the place where this one was cut.
    let earlier = Mark { hash: "3".repeat(64), ..before };
    assert!(matches!(store.knows(Some(earlier)).await.unwrap(), Known::Cut(_)));
}

pub(crate) async fn p19_what_may_have_been_sent_since_is_in_doubt_and_everything_stops(place: &dyn Place) {
    let store = place.open();
    scheduled(&*store, "i1", &[("W000", 0), ("W001", 10), ("W002", 500)]).await;
    scheduled(&*store, "i2", &[("W003", 0), ("W004", 0), ("W005", 20)]).await;
    let claims = claim(&*store, 0).await;
    let of = |account: &str| claims.iter().find(|c| c.delivery.account.as_str() == account).unwrap();
    send(&*store, of("W003"), 1).await;
    send(&*store, of("W004"), 1).await;
    settle(&*store, of("W004"), published("7", 2), 2).await;
    let hold = DeliveryChange {
        reason: Some("operator: 等通知".into()),
        ..delivery_moved(&"i2-W005".into(), DeliveryState::Held, 3)
    };
    change_delivery(&*store, hold, "i2-W005").await;

    let restoration = store.suspect(WHY.into(), at(50), at(50)).await.unwrap();
    assert_eq!((restoration.number, restoration.at, restoration.since), (1, at(50), at(3)));
    let was: Vec<_> = restoration.deliveries.iter().map(|s| (s.delivery.as_str(), s.was)).collect();
    use DeliveryState as S;
    let expected =
        [("i1-W000", S::Claimed), ("i1-W001", S::Due), ("i2-W003", S::Sending), ("i2-W005", S::Held)];
    assert_eq!(was, expected);
    for (id, _) in expected {
        let kept = record(&*store, id).await;
        assert_eq!(kept.delivery.state, S::InDoubt, "{id}");
        assert!(kept.delivery.reason.unwrap().starts_with("forgotten: "), "{id}");
        assert!(kept.attempts.iter().all(|attempt| attempt.ended_at.is_some()), "{id}");
        assert_eq!(kept.forgotten_since, Some(at(3)), "{id}");
        assert_eq!(actions(&*store, &format!("delivery:{id}")).await.last().unwrap(), "delivery.in_doubt");
    }
    assert_eq!(state(&*store, "i1-W002").await, S::Due, "not yet due, so it cannot have been sent");
    assert_eq!(state(&*store, "i2-W004").await, S::Published);

    let stop = store.stopped().await.unwrap().unwrap();
    assert_eq!((stop.by.as_str(), stop.reason.starts_with("restored: ")), ("daemon", true), "{stop:?}");
    assert_eq!(store.recover(at(51)).await.unwrap(), Recovered::default(), "nothing is due again by itself");
    assert!(claim(&*store, 600).await.is_empty());
    assert!(store.lift_stop("off.hg".into(), at(60)).await.unwrap().is_some(), "one is not enough");
    assert_eq!(store.lift_stop("off.zr".into(), at(61)).await.unwrap(), None);
    assert_eq!(store.knows(None).await.unwrap(), Known::Yes, "looked after");
}

pub(crate) async fn p19_evidence_closes_a_suspect_and_is_looked_for_from_where_the_history_ends(
    place: &dyn Place,
) {
    let store = place.open();
    scheduled(&*store, "i1", &[("W000", 0), ("W001", 0)]).await;
    store.suspect(WHY.into(), at(3600), at(3600)).await.unwrap();
    let look = Look { states: vec![DeliveryState::InDoubt], now: at(3600), most: 9 };
    let waiting = store.to_look_at(look).await.unwrap();
    assert_eq!(waiting.len(), 2);
    let first = &waiting[0];
    assert_eq!(first.began_at, Some(at(-30)), "the newest audit row that is left");
    let follow: Follow = Arc::new(forwards);
    let found = Next::Published(evidence("7", 5));
    let expected = (DeliveryState::InDoubt, first.delivery.fence);
    let settled = Settle { expected, follow, ..looked(first.delivery.id.as_str(), found, 3601) };
    let Settled::Applied { forwards, .. } = store.settle(settled).await.unwrap() else { panic!("late") };
    let forward = record(&*store, forwards[0].id.as_str()).await;
    assert_eq!(forward.delivery.state, DeliveryState::InDoubt, "it may have been forwarded, too");
    assert_eq!(forward.forgotten_since, Some(at(-30)));

    let restorations = store.restorations(5).await.unwrap();
    assert_eq!(restorations.len(), 1);
    let now: Vec<_> =
        restorations[0].deliveries.iter().map(|s| (s.account.as_str(), s.state, s.receipt_by)).collect();
    let expected = [
        ("W000", DeliveryState::Published, Some(ReceiptBy::Evidence)),
        ("W009", DeliveryState::InDoubt, None),
        ("W001", DeliveryState::InDoubt, None),
    ];
    assert_eq!(now, expected);
}

pub(crate) async fn p19_forwards_of_what_was_open_already_may_be_out(place: &dyn Place) {
    let store = place.open();
    scheduled(&*store, "i1", &[("W000", 0)]).await;
    let claim = claim_one(&*store, 0).await;
    begin(&*store, &claim.attempt, "post", 0).await;
    settle(&*store, &claim, Next::InDoubt { look_at: at(10), reason: "not seen yet".into() }, 1).await;
    // In the lost time it was found, and its forward was sent. Now it is found once more.
    let restoration = store.suspect(WHY.into(), at(3600), at(3600)).await.unwrap();
    assert_eq!(restoration.deliveries[0].was, DeliveryState::InDoubt);
    assert_eq!(record(&*store, "i1-W000").await.delivery.reason.unwrap(), "not seen yet", "as it was");
    let follow: Follow = Arc::new(forwards);
    let found = Next::Published(evidence("7", 5));
    let settled = store.settle(Settle { follow, ..looked("i1-W000", found, 3601) }).await.unwrap();
    let Settled::Applied { forwards, .. } = settled else { panic!("late") };
    assert_eq!(state(&*store, forwards[0].id.as_str()).await, DeliveryState::InDoubt);
}

pub(crate) async fn p19_f41_the_mark_keeps_the_latest_time_that_any_clock_showed(place: &dyn Place) {
    let store = place.open();
    let noted = async |seconds: i64| {
        let audit = Audit {
            actor: "off.hg".into(),
            action: "mark.note".into(),
            subject: "note:1".into(),
            detail: json!({}),
            at: at(seconds),
            request: None,
        };
        store.note(audit).await.unwrap();
    };
    noted(0).await;
    let seen = store.mark(None).await.unwrap();
    // An hour ahead, then right again; and one year that no clock of ours will show.
    for seconds in [3600, 10, 80 * 366 * 86_400] {
        noted(seconds).await;
    }
    let mark = store.mark(Some(seen)).await.unwrap();
    assert_eq!(mark.at, Some(at(3600)));
    noted(20).await;
    assert_eq!(store.mark(Some(mark)).await.unwrap().at, Some(at(3600)));
}

pub(crate) async fn p19_f42_what_was_due_before_the_clock_was_set_back_may_be_out(place: &dyn Place) {
    let store = place.open();
    scheduled(&*store, "i1", &[("W000", 3600), ("W001", 3700)]).await;
    // It is 01:00 again, and the mark is of 02:00.
    assert_eq!(store.mark(None).await.unwrap().at, Some(at(-30)));
    store.suspect(WHY.into(), at(3660), at(60)).await.unwrap();
    assert_eq!(state(&*store, "i1-W000").await, DeliveryState::InDoubt);
    assert_eq!(state(&*store, "i1-W001").await, DeliveryState::Due);
}

/// Onward to one account.
fn forwards(origin: &Delivery, item: &Item, _: &BTreeSet<AccountId>) -> Vec<Delivery> {
    let id = DeliveryId::new(format!("{}>W009", origin.id));
    let kind = DeliveryKind::Forward { origin: origin.id.clone(), hops: 1 };
    vec![Delivery { id, kind, route: Some("onward".into()), ..delivery(item, "W009", 3601) }]
}

pub(crate) async fn p19_f43_the_lost_time_does_not_begin_at_the_start_or_in_the_future(place: &dyn Place) {
    let store = place.open();
    scheduled(&*store, "i1", &[("W000", 0)]).await;
    scheduled(&*store, "i2", &[("W001", 500)]).await;
    // A row of the start itself, and one of a clock that ran ahead.
    for seconds in [3600, 9000] {
        change_delivery(&*store, delivery_moved(&"i2-W001".into(), DeliveryState::Held, seconds), "i2-W001")
            .await;
    }
    let restoration = store.suspect(WHY.into(), at(3600), at(3600)).await.unwrap();
    assert_eq!(restoration.since, at(-30));
}

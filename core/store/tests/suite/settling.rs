//! Settling: what came of an attempt, and what follows from it.

use std::sync::Arc;

use juzhen_domain::delivery::{Delivery, DeliveryKind, ReceiptBy};
use juzhen_domain::id::{AccountId, DeliveryId};
use juzhen_domain::outcome::Next;
use juzhen_domain::state::{DeliveryState, ItemState};
use juzhen_store::*;

use super::Place;
use super::fixture::*;

/// Forwards to these accounts, whatever the item has already.
fn forward_to(accounts: &'static [&'static str]) -> Follow {
    Arc::new(move |origin, item, _| {
        let forward = |account: &&str| Delivery {
            id: DeliveryId::new(format!("{}>{account}", origin.id)),
            kind: DeliveryKind::Forward { origin: origin.id.clone(), hops: origin.kind.hops() + 1 },
            route: Some("onward".into()),
            ..delivery(item, account, 60)
        };
        accounts.iter().map(forward).collect()
    })
}

pub(crate) async fn published_with_a_receipt(place: &dyn Place) {
    let store = place.open();
    scheduled(&*store, "i1", &[("W000", 0)]).await;
    let claim = claim_one(&*store, 1).await;
    send(&*store, &claim, 1).await;
    let settled = settle(&*store, &claim, published("7", 2), 3).await;
    assert_eq!((settled.state, settled.receipt.clone()), (DeliveryState::Published, Some(receipt("7", 2))));
    let kept = record(&*store, "i1-W000").await;
    assert_eq!(kept.delivery, settled);
    let attempt = &kept.attempts[0];
    assert_eq!((attempt.ended_at, attempt.outcome.as_deref()), (Some(at(3)), Some("test")));
    assert_eq!(
        (attempt.detail.as_deref(), attempt.adapter.as_ref().map(String::len)),
        (Some("said"), Some(64))
    );
    assert_eq!(item_state(&*store, "i1").await, ItemState::Published);
    let expected = ["delivery.made", "delivery.claimed", "delivery.sending", "delivery.published"];
    assert_eq!(actions(&*store, "delivery:i1-W000").await, expected);
}

pub(crate) async fn f08_forwards_are_made_in_the_same_commit(place: &dyn Place) {
    let store = place.open();
    scheduled(&*store, "i1", &[("W000", 0)]).await;
    let claim = claim_one(&*store, 0).await;
    send(&*store, &claim, 0).await;
    let settle = Settle { follow: forward_to(&["W001", "W002"]), ..settle_as(&claim, published("7", 1), 1) };
    let Settled::Applied { forwards, .. } = store.settle(settle).await.unwrap() else { panic!("late") };
    assert_eq!(forwards.len(), 2);
    assert_eq!(forwards[0], record(&*store, "i1-W000>W001").await.delivery);
    assert_eq!(item_state(&*store, "i1").await, ItemState::Publishing);
    let round = claim_at(&*store, 60).await;
    assert_eq!(round.len(), 2);
    let origin = round[0].origin.as_ref().unwrap();
    assert_eq!((origin.id.as_str(), origin.receipt.as_ref()), ("i1-W000", Some(&receipt("7", 1))));
}

async fn claim_at(store: &dyn Store, seconds: i64) -> Vec<Claim> {
    claim(store, seconds).await
}

pub(crate) async fn p23_an_account_gets_an_item_once(place: &dyn Place) {
    let store = place.open();
    scheduled(&*store, "i1", &[("W000", 0), ("W001", 500)]).await;
    let claim = claim_one(&*store, 0).await;
    send(&*store, &claim, 0).await;
    let follow = forward_to(&["W001", "W002", "W000", "W002"]);
    let settle = Settle { follow, ..settle_as(&claim, published("7", 1), 1) };
    let Settled::Applied { forwards, .. } = store.settle(settle).await.unwrap() else { panic!("late") };
    assert_eq!(forwards.iter().map(|f| f.account.as_str()).collect::<Vec<_>>(), ["W002"]);
    let twice = change(&*store, "i1", |record| {
        let mut second = delivery(&record.item, "W001", 700);
        second.id = "second".into();
        ItemChange { new_deliveries: vec![second], ..moved(record, record.item.state) }
    });
    let twice = twice.await;
    assert!(matches!(&twice, Err(StoreError::Refused(r)) if r.code == "already_on_account"), "{twice:?}");
}

pub(crate) async fn each_outcome_leads_where_it_should(place: &dyn Place) {
    let store = place.open();
    let why = || "why".to_owned();
    let cases = [
        (
            Next::Accepted { ticket: "t".into(), look_at: at(9) },
            DeliveryState::Accepted,
            ItemState::Publishing,
        ),
        (Next::Again { at: at(9), reason: why(), resume: false }, DeliveryState::Due, ItemState::Scheduled),
        (Next::Waiting { until: at(9), reason: why() }, DeliveryState::Waiting, ItemState::Scheduled),
        (Next::Refused { reason: why() }, DeliveryState::Refused, ItemState::PublishFailed),
        (Next::Held { reason: why() }, DeliveryState::Held, ItemState::Held),
        (Next::InDoubt { look_at: at(9), reason: why() }, DeliveryState::InDoubt, ItemState::Publishing),
        (Next::NeedsPerson { reason: why() }, DeliveryState::NeedsPerson, ItemState::Publishing),
    ];
    for (n, (next, state, item)) in cases.into_iter().enumerate() {
        let (id, account) = (format!("i{n}"), format!("W{n}"));
        scheduled(&*store, &id, &[(&account, 0)]).await;
        let claim = claim_one(&*store, 1).await;
        send(&*store, &claim, 1).await;
        let settled = settle(&*store, &claim, next, 2).await;
        assert_eq!((settled.state, item_state(&*store, &id).await), (state, item));
        use DeliveryState::{Accepted, Due, InDoubt, Waiting};
        match state {
            Accepted => assert_eq!(settled.ticket.as_deref(), Some("t")),
            _ => assert_eq!(settled.reason.as_deref(), Some("why")),
        }
        if matches!(state, Accepted | Due | InDoubt | Waiting) {
            assert_eq!(settled.next_at, at(9));
        }
        let open = record(&*store, settled.id.as_str()).await.attempts.iter().any(|a| a.ended_at.is_none());
        assert!(!open, "{state}");
    }
}

pub(crate) async fn f37_late_news_is_evidence_and_nothing_else(place: &dyn Place) {
    let store = place.open();
    scheduled(&*store, "i1", &[("W000", 0)]).await;
    let claim = claim_one(&*store, 0).await;
    begin(&*store, &claim.attempt, "post", 0).await;
    // The daemon is thought dead; another has looked after its claims.
    store.recover(at(5)).await.unwrap();
    let before = record(&*store, "i1-W000").await;
    assert_eq!(before.delivery.state, DeliveryState::InDoubt);
    let news = store.settle(settle_as(&claim, published("7", 6), 6)).await.unwrap();
    assert_eq!(news, Settled::Late { state: DeliveryState::InDoubt });
    let after = record(&*store, "i1-W000").await;
    assert_eq!((&after.delivery, &after.attempts), (&before.delivery, &before.attempts));
    let late = &after.late[0];
    assert_eq!((late.says, late.platform_id.as_deref()), (DeliveryState::Published, Some("7")));
    assert_eq!((late.attempt.as_ref(), late.at), (Some(&claim.attempt.id), at(6)));
    // The same under an older claim number, while the delivery is in the very state that was expected.
    let redo = delivery_moved(&"i1-W000".into(), DeliveryState::NeedsPerson, 7);
    change_delivery(&*store, redo, "i1-W000").await;
    let redo = delivery_moved(&"i1-W000".into(), DeliveryState::Due, 8);
    change_delivery(&*store, redo, "i1-W000").await;
    let second = claim_one(&*store, 9).await;
    assert_eq!((second.delivery.fence, second.attempt.id.as_str()), (2, "i1-W000.2"));
    begin(&*store, &second.attempt, "post", 9).await;
    let news = store.settle(settle_as(&claim, published("7", 6), 10)).await.unwrap();
    assert_eq!(news, Settled::Late { state: DeliveryState::Sending });
    assert_eq!(record(&*store, "i1-W000").await.late.len(), 2);
    let audited = actions(&*store, "delivery:i1-W000").await;
    assert_eq!(audited.iter().filter(|a| *a == "delivery.late_news").count(), 2);
}

pub(crate) async fn f67_one_post_is_evidence_for_one_delivery(place: &dyn Place) {
    let store = place.open();
    for item in ["i1", "i2"] {
        scheduled(&*store, item, &[("W000", 0)]).await;
        let claim = claim_one(&*store, 0).await;
        begin(&*store, &claim.attempt, "post", 0).await;
        let doubt = Next::InDoubt { look_at: at(10), reason: "not seen yet".into() };
        settle(&*store, &claim, doubt, 1).await;
    }
    let account = "W000".into();
    let posts = || vec!["6".to_owned(), "7".to_owned()];
    assert!(store.receipts_among(&account, posts()).await.unwrap().is_empty());
    // Both looks read the same list before either was written down.
    for delivery in ["i1-W000", "i2-W000"] {
        store.settle(looked(delivery, Next::Published(evidence("7", 1)), 20)).await.unwrap();
    }
    assert_eq!(state(&*store, "i1-W000").await, DeliveryState::Published);
    let second = record(&*store, "i2-W000").await.delivery;
    assert_eq!((second.state, second.receipt, second.next_at), (DeliveryState::InDoubt, None, at(20)));
    assert_eq!(second.reason.unwrap(), "others_post: 7");
    assert_eq!(store.receipts_among(&account, posts()).await.unwrap(), ["7".to_owned()].into());
}

pub(crate) async fn f06_a_doubt_is_looked_at_until_it_is_closed(place: &dyn Place) {
    let store = place.open();
    scheduled(&*store, "i1", &[("W000", 0)]).await;
    let claim = claim_one(&*store, 0).await;
    begin(&*store, &claim.attempt, "post", 0).await;
    let doubt = |look: i64| Next::InDoubt { look_at: at(look), reason: "not seen yet".into() };
    settle(&*store, &claim, doubt(10), 1).await;
    let looked = |next, now| Settle {
        expected: (DeliveryState::InDoubt, 1),
        or_claimed: false,
        ..settle_as(&claim, next, now)
    };
    store.settle(looked(doubt(20), 10)).await.unwrap();
    store.settle(looked(doubt(30), 20)).await.unwrap();
    let look = Look { states: vec![DeliveryState::InDoubt], now: at(29), most: 9 };
    assert_eq!(store.to_look_at(look.clone()).await.unwrap(), []);
    let found = store.to_look_at(Look { now: at(30), ..look }).await.unwrap();
    assert_eq!(found[0].doubt, Some(Doubt { since: at(1), looks: 2 }));
    let evidence = evidence("7", 1);
    store.settle(looked(Next::Published(evidence.clone()), 30)).await.unwrap();
    let closed = record(&*store, "i1-W000").await;
    assert_eq!((closed.delivery.state, closed.doubt), (DeliveryState::Published, None));
    assert_eq!(closed.delivery.receipt, Some(evidence));
    // Two looks that said the same are one line in the audit.
    let audited = actions(&*store, "delivery:i1-W000").await;
    assert_eq!(audited.iter().filter(|a| *a == "delivery.in_doubt").count(), 1);
}

pub(crate) async fn what_is_waiting_for_a_look_comes_with_all_it_needs(place: &dyn Place) {
    let store = place.open();
    scheduled(&*store, "i1", &[("W000", 0)]).await;
    let first = claim_one(&*store, 0).await;
    send(&*store, &first, 0).await;
    let follow = Settle { follow: forward_to(&["W001"]), ..settle_as(&first, published("7", 1), 1) };
    store.settle(follow).await.unwrap();
    let forward = claim_one(&*store, 60).await;
    send(&*store, &forward, 60).await;
    settle(&*store, &forward, Next::Accepted { ticket: "t".into(), look_at: at(62) }, 60).await;
    let states = vec![DeliveryState::InDoubt, DeliveryState::Accepted];
    let found = store.to_look_at(Look { states, now: at(62), most: 9 }).await.unwrap();
    assert_eq!(found.len(), 1);
    let Looked { delivery, doubt, attempt, item, origin, began_at } = &found[0];
    assert_eq!((delivery.id.as_str(), delivery.ticket.as_deref()), ("i1-W000>W001", Some("t")));
    assert_eq!(*began_at, Some(at(60)), "when its first request left");
    assert_eq!((doubt, attempt.as_ref().map(|a| &a.id)), (&None, Some(&forward.attempt.id)));
    assert_eq!((item.id.as_str(), origin.as_ref().map(|o| o.id.as_str())), ("i1", Some("i1-W000")));
}

pub(crate) async fn what_the_machine_forbids_is_refused(place: &dyn Place) {
    let store = place.open();
    scheduled(&*store, "i1", &[("W000", 0)]).await;
    let claim = claim_one(&*store, 0).await;
    // Published without a single request: there was no effect that could have published it.
    let impossible = store.settle(settle_as(&claim, published("7", 1), 1)).await;
    assert!(matches!(impossible, Err(StoreError::Impossible { .. })), "{impossible:?}");
    assert_eq!(state(&*store, "i1-W000").await, DeliveryState::Claimed);
    send(&*store, &claim, 1).await;
    settle(&*store, &claim, published("7", 1), 1).await;
    let again = Settle { expected: (DeliveryState::Published, 1), ..settle_as(&claim, published("8", 2), 2) };
    assert!(matches!(store.settle(again).await, Err(StoreError::Impossible { .. })));
    let id: DeliveryId = "i1-W000".into();
    let changer: DeliveryChanger = Arc::new(|d| Ok(delivery_moved(&d.id, DeliveryState::Due, 3)));
    assert!(matches!(
        store.change_delivery(&id, changer, Arc::new(|_, _, _| Vec::new()), None).await,
        Err(StoreError::Impossible { .. })
    ));
    assert_eq!(record(&*store, "i1-W000").await.delivery.receipt, Some(receipt("7", 1)));
    let _: AccountId = claim.delivery.account;
}

pub(crate) async fn p07_what_was_broken_off_is_neither_missed_nor_sent_late(place: &dyn Place) {
    let store = place.open();
    scheduled(&*store, "i1", &[("W000", 0)]).await;
    let claim = claim_one(&*store, 0).await;
    send(&*store, &claim, 0).await;
    let resume = Next::Again { at: at(1), reason: "crashed".into(), resume: true };
    settle(&*store, &claim, resume, 1).await;
    // Its post may be out: calling it missed would be a lie.
    assert_eq!(store.sweep(at(1000), all_active()).await.unwrap().missed, 0);
    let resumed = claim_one(&*store, 1000).await;
    assert_eq!(resumed.attempt.call, claim.attempt.call);
    let recorded = store.begin_effect(effect(&resumed.attempt, "post", 1000)).await.unwrap();
    assert!(matches!(recorded, EffectBegun::Answered(_)), "{recorded:?}");
    let anything_new = store.begin_effect(effect(&resumed.attempt, "another", 1000)).await.unwrap();
    assert!(
        matches!(&anything_new, EffectBegun::Refused(why) if why.starts_with("missed: ")),
        "{anything_new:?}"
    );
    settle(&*store, &resumed, published("7", 1000), 1000).await;
}

pub(crate) async fn f63_what_a_platform_takes_down_after_its_success_is_told_once_and_never_sent_again(
    place: &dyn Place,
) {
    let store = place.open();
    scheduled(&*store, "i1", &[("W000", 0), ("W001", 0)]).await;
    let claims = claim(&*store, 0).await;
    for claim in &claims {
        send(&*store, claim, 0).await;
    }
    let accepted = Next::Accepted { ticket: "t1".into(), look_at: at(2) };
    settle(&*store, &claims[0], accepted, 1).await;
    let tracked = |next, state, now| Settle { expected: (state, 1), ..settle_as(&claims[0], next, now) };
    let out = tracked(published("7", 2), DeliveryState::Accepted, 2);
    store.settle(Settle { or_claimed: false, ..out }).await.unwrap();
    settle(&*store, &claims[1], published("8", 2), 2).await;
    // Only what has a ticket can be asked about, and not at once.
    assert!(store.to_recheck(at(601), 9).await.unwrap().is_empty());
    let due = store.to_recheck(at(602), 9).await.unwrap();
    assert_eq!(due.iter().map(|d| d.id.as_str()).collect::<Vec<_>>(), ["i1-W000"]);
    store.recheck_at(&due[0].id, Some(at(3602))).await.unwrap();
    assert!(store.to_recheck(at(3601), 9).await.unwrap().is_empty());
    assert_eq!(item_state(&*store, "i1").await, ItemState::Published);
    let removed = Next::Removed { reason: "platform_removed: 涉嫌违规".into() };
    let news = || Settle { or_claimed: false, ..tracked(removed.clone(), DeliveryState::Published, 3602) };
    store.settle(news()).await.unwrap();
    assert!(matches!(store.settle(news()).await.unwrap(), Settled::Late { .. }), "once");
    let kept = record(&*store, "i1-W000").await.delivery;
    assert_eq!((kept.state, kept.receipt.is_some()), (DeliveryState::RemovedByPlatform, true));
    assert!(store.to_recheck(at(999_999), 9).await.unwrap().is_empty());
    let told = store.notices(None, 9).await.unwrap();
    assert_eq!((told.len(), told[0].kind.as_str()), (1, "removed_by_platform"));
    assert_eq!(item_state(&*store, "i1").await, ItemState::Published, "it is still on the other account");
    store.sweep(at(9000), all_active()).await.unwrap();
    assert!(claim(&*store, 9000).await.is_empty());
}

pub(crate) async fn what_a_person_saw_published_is_forwarded(place: &dyn Place) {
    let store = place.open();
    scheduled(&*store, "i1", &[("W000", 0)]).await;
    let claim = claim_one(&*store, 0).await;
    send(&*store, &claim, 0).await;
    settle(&*store, &claim, Next::NeedsPerson { reason: "look".into() }, 1).await;
    let seen = DeliveryChange {
        receipt: Some(juzhen_domain::delivery::Receipt { by: ReceiptBy::Person, ..receipt("7", 2) }),
        ..delivery_moved(&"i1-W000".into(), DeliveryState::Published, 2)
    };
    let changer: DeliveryChanger = Arc::new(move |_| Ok(seen.clone()));
    store.change_delivery(&"i1-W000".into(), changer, forward_to(&["W001"]), None).await.unwrap();
    assert_eq!(state(&*store, "i1-W000>W001").await, DeliveryState::Due);
}

pub(crate) async fn waiting_for_a_sign_in_uses_up_no_attempt(place: &dyn Place) {
    let store = place.open();
    scheduled(&*store, "i1", &[("W000", 0)]).await;
    for now in [0, 60, 120, 180, 240] {
        let claim = claim_one(&*store, now).await;
        let waiting = Next::Waiting { until: at(now + 60), reason: "signed out".into() };
        assert_eq!(settle(&*store, &claim, waiting, now).await.tries, 0);
        store.sweep(at(now + 60), all_active()).await.unwrap();
    }
    assert_eq!(state(&*store, "i1-W000").await, DeliveryState::Due);
}

pub(crate) async fn a_person_takes_it_on_anew(place: &dyn Place) {
    let store = place.open();
    scheduled(&*store, "i1", &[("W000", 0)]).await;
    let claim = claim_one(&*store, 0).await;
    let later = Next::Again { at: at(1), reason: "busy".into(), resume: false };
    settle(&*store, &claim, later, 1).await;
    let gave_up = store.sweep(at(1000), all_active()).await.unwrap();
    assert_eq!(gave_up.missed, 1);
    let anew = DeliveryChange {
        due_at: Some(at(2000)),
        latest_at: Some(at(3000)),
        forget_tries: true,
        ..delivery_moved(&"i1-W000".into(), DeliveryState::Due, 1001)
    };
    let due = change_delivery(&*store, anew, "i1-W000").await;
    assert_eq!((due.state, due.tries, due.next_at, due.reason), (DeliveryState::Due, 0, at(2000), None));
    // A new attempt is a new call.
    let second = claim_one(&*store, 2000).await;
    assert_eq!((second.attempt.id.as_str(), second.attempt.call.as_str()), ("i1-W000.2", "i1-W000.2"));
    // A person who saw it on the account.
    settle(&*store, &second, Next::NeedsPerson { reason: "look".into() }, 2001).await;
    let seen =
        juzhen_domain::delivery::Receipt { by: ReceiptBy::Person, platform_id: None, ..receipt("", 2001) };
    let change = DeliveryChange {
        receipt: Some(seen.clone()),
        ..delivery_moved(&"i1-W000".into(), DeliveryState::Published, 2002)
    };
    let published = change_delivery(&*store, change, "i1-W000").await;
    assert_eq!(published.receipt, Some(seen));
    assert_eq!(item_state(&*store, "i1").await, ItemState::Published);
}

pub(crate) async fn the_commit_that_settles_claims_what_the_account_has_next(place: &dyn Place) {
    let store = place.open();
    for (id, account) in [("i1", "W000"), ("i2", "W000"), ("i3", "W001"), ("i4", "W000")] {
        let due = if id == "i4" { 50 } else { 0 };
        scheduled(&*store, id, &[(account, due)]).await;
    }
    let alone = ClaimRequest { most: 1, ..request(1) };
    let first = store.claim(alone).await.unwrap().claims.remove(0);
    send(&*store, &first, 2).await;
    let news = settle_as(&first, published("p1", 3), 3);
    let (settled, mut round) = store.settle_and_claim(news.clone(), request(3)).await.unwrap();
    assert!(
        matches!(settled, Settled::Applied { delivery, .. } if delivery.state == DeliveryState::Published)
    );
    let ids: Vec<&str> = round.claims.iter().map(|c| c.delivery.id.as_str()).collect();
    assert_eq!(ids, ["i2-W000"], "of this account, and one");
    let second = round.claims.remove(0);
    assert_eq!(second.delivery, record(&*store, "i2-W000").await.delivery, "as it would be read");
    assert_eq!(actions(&*store, "delivery:i2-W000").await, ["delivery.made", "delivery.claimed"]);

    // Late news claims nothing: whoever moved it on goes on with its account.
    send(&*store, &second, 4).await;
    let (late, round) = store.settle_and_claim(news, request(4)).await.unwrap();
    assert!(matches!(late, Settled::Late { .. }) && round.claims.is_empty());

    // What is not due yet stays where it is.
    let news = settle_as(&second, published("p2", 5), 5);
    let (_, round) = store.settle_and_claim(news, request(5)).await.unwrap();
    assert!(round.claims.is_empty());
    assert_eq!(state(&*store, "i4-W000").await, DeliveryState::Due);
    assert_eq!(claim(&*store, 50).await.len(), 2, "the other account's, and the one that waited");
}

pub(crate) async fn p02_p18_p26_what_follows_a_settled_one_is_asked_the_same_as_any(place: &dyn Place) {
    let store = place.open();
    for id in ["i1", "i2", "i3"] {
        scheduled(&*store, id, &[("W000", 0)]).await;
    }
    let first = claim_one(&*store, 1).await;
    send(&*store, &first, 2).await;
    store.stop("off.hg".into(), "test".into(), at(2)).await.unwrap();
    let news = settle_as(&first, published("p1", 3), 3);
    let (_, round) = store.settle_and_claim(news, request(3)).await.unwrap();
    assert_eq!((round.claims.len(), round.held), (0, 2), "STOP ALL holds them");
    assert_eq!(state(&*store, "i2-W000").await, DeliveryState::Held);
    assert_eq!(state(&*store, "i1-W000").await, DeliveryState::Published);
}

pub(crate) async fn a_claim_that_fails_takes_the_news_back_with_it(place: &dyn Place) {
    let store = place.open();
    for id in ["i1", "i2"] {
        scheduled(&*store, id, &[("W000", 0)]).await;
    }
    let first = claim_one(&*store, 1).await;
    send(&*store, &first, 2).await;
    let news = settle_as(&first, published("p1", 3), 3);
    let breaks: StandingOf = Arc::new(|_| panic!("a rule that breaks"));
    let asked = ClaimRequest { standing: breaks, ..request(3) };
    store.settle_and_claim(news.clone(), asked).await.unwrap_err();
    assert_eq!(state(&*store, "i1-W000").await, DeliveryState::Sending, "all or nothing");
    settle(&*store, &first, published("p1", 3), 4).await;
    assert_eq!(state(&*store, "i1-W000").await, DeliveryState::Published);
    assert_eq!(state(&*store, "i2-W000").await, DeliveryState::Due);
}

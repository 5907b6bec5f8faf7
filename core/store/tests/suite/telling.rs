//! What people are told, and posts that are not ours.

use juzhen_domain::outcome::Next;
use juzhen_domain::state::DeliveryState;
use juzhen_store::*;

use super::Place;
use super::fixture::*;

pub(crate) async fn f08_what_waits_for_people_is_told_by_the_commit_that_makes_it_wait(place: &dyn Place) {
    let store = place.open();
    scheduled(&*store, "i1", &[("W000", 0), ("W001", 0), ("W002", 0)]).await;
    let claims = claim(&*store, 0).await;
    let needs = Next::NeedsPerson { reason: "not_seen: looked 5 times".into() };
    let doubt = Next::InDoubt { look_at: at(1), reason: "unclear: timed_out".into() };
    send(&*store, &claims[0], 0).await;
    store.settle(settle_as(&claims[0], doubt, 0)).await.unwrap();
    assert!(told(&*store).await.is_empty(), "a doubt is the daemon's own");
    let again = Settle { expected: (DeliveryState::InDoubt, 1), ..settle_as(&claims[0], needs, 1) };
    store.settle(again).await.unwrap();
    // Missed by the sweep: two more.
    store.recover(at(2)).await.unwrap();
    store.sweep(at(5000), all_active()).await.unwrap();
    store.sweep(at(5001), all_active()).await.unwrap();
    drop(store);
    let store = place.open();
    assert_eq!(told(&*store).await, ["needs_person", "missed", "missed"]);
    // What a person decides, they know.
    change_delivery(&*store, delivery_moved(&"i1-W001".into(), DeliveryState::Cancelled, 6000), "i1-W001")
        .await;
    assert_eq!(told(&*store).await.len(), 3);
    let [first, ..] = &store.notices(None, 9).await.unwrap()[..] else { panic!("no notice") };
    assert_eq!((first.number, first.detail["account"].as_str()), (3, Some("W002")));
}

pub(crate) async fn f08_a_notice_is_handed_out_in_order_until_somebody_says_that_it_went_out(
    place: &dyn Place,
) {
    let store = place.open();
    scheduled(&*store, "i1", &[("W000", 0), ("W001", 0)]).await;
    store.sweep(at(5000), all_active()).await.unwrap();
    let take = |now, until| store.take_notices(at(now), at(until), 9);
    let first = take(5000, 5010).await.unwrap();
    assert_eq!(first.len(), 2);
    assert!(take(5009, 5020).await.unwrap().is_empty(), "somebody has them");
    // Who had them is gone: the same again, under the same ids.
    let again = take(5010, 5020).await.unwrap();
    assert_eq!(ids(&first), ids(&again));
    // The first one fails, and the second does not overtake it.
    store.notice_failed(again[0].number, at(6000)).await.unwrap();
    assert!(take(5030, 5040).await.unwrap().is_empty());
    let late = take(6000, 6010).await.unwrap();
    assert_eq!((ids(&late), late[0].tries), (ids(&first), 1));
    store.notice_emitted(late[0].number, at(6001)).await.unwrap();
    store.notice_emitted(late[0].number, at(6002)).await.unwrap();
    assert_eq!(ids(&take(6010, 6020).await.unwrap()), [first[1].id.as_str()]);
    store.notice_emitted(late[1].number, at(6011)).await.unwrap();
    assert!(take(9000, 9001).await.unwrap().is_empty());
    let kept = store.notices(None, 9).await.unwrap();
    assert_eq!((kept[1].emitted_at, kept[1].tries), (Some(at(6001)), 2));
}

pub(crate) async fn p27_a_strange_post_is_told_once_and_our_own_never(place: &dyn Place) {
    let store = place.open();
    scheduled(&*store, "i1", &[("W000", 0)]).await;
    let ours = claim_one(&*store, 0).await;
    send(&*store, &ours, 0).await;
    let account = "W000".into();
    let seen = |id: &str| SeenPost { id: id.into(), url: Some(format!("https://example.com/{id}")) };
    let both = || vec![seen("ours"), seen("strange")];
    // Under way: nothing explains the two yet, and the delivery is named as one that may.
    let found = store.explain_posts(&account, both()).await.unwrap();
    assert_eq!((found.unexplained.len(), found.open.len()), (2, 1));
    store.settle(settle_as(&ours, published("ours", 1), 1)).await.unwrap();
    let found = store.explain_posts(&account, both()).await.unwrap();
    assert_eq!((found.unexplained, found.open.len()), (vec!["strange".to_owned()], 0));
    // Two daemons report it: it is told once.
    assert_eq!(store.watch_looked(look("strange", false)).await.unwrap(), 1);
    assert_eq!(store.watch_looked(look("strange", false)).await.unwrap(), 0);
    assert_eq!(store.watch_looked(look("older", true)).await.unwrap(), 0, "stock is no alarm");
    assert_eq!(told(&*store).await, ["unknown_post"]);
    assert_eq!(store.explain_posts(&account, both()).await.unwrap(), Explained::default());
    let kept = store.unknown_posts(9).await.unwrap();
    assert_eq!((kept.len(), kept[0].id.as_str()), (1, "strange"));
    let filter = AuditFilter { subject: Some("account:W000".into()), most: 9, ..AuditFilter::default() };
    assert_eq!(store.audit(filter).await.unwrap().len(), 1);
}

pub(crate) async fn p27_a_look_is_one_daemons_turn_and_the_first_one_takes_stock(place: &dyn Place) {
    let store = place.open();
    let account = "W000".into();
    let turn = |now, next| store.watch_turn(&account, at(now), at(next));
    assert_eq!(
        turn(0, 300).await.unwrap(),
        Some(WatchTurn { since: None, looked_at: None, looked_before: None })
    );
    assert_eq!(turn(299, 600).await.unwrap(), None, "another daemon has it");
    // It came to nothing: stock is still to be taken.
    store.watch_looked(WatchLook { problem: Some("timed_out".into()), ..look_at(1) }).await.unwrap();
    assert_eq!(
        turn(300, 600).await.unwrap(),
        Some(WatchTurn { since: None, looked_at: None, looked_before: None })
    );
    store.watch_looked(look_at(301)).await.unwrap();
    store.watch_looked(look_at(302)).await.unwrap();
    let (since, looked_at, looked_before) = (Some(at(301)), Some(at(302)), Some(at(301)));
    assert_eq!(turn(600, 900).await.unwrap(), Some(WatchTurn { since, looked_at, looked_before }));
    assert_eq!(store.watched().await.unwrap()[0].problem, None);
}

pub(crate) async fn f40_what_a_person_posted_by_hand_is_held_and_told(place: &dyn Place) {
    let store = place.open();
    scheduled(&*store, "i1", &[("W000", 100)]).await;
    let found =
        store.explain_posts(&"W000".into(), vec![SeenPost { id: "p1".into(), url: None }]).await.unwrap();
    let [(waiting, item)] = &found.waiting[..] else { panic!("{found:?}") };
    assert_eq!((waiting.id.as_str(), item.id.as_str()), ("i1-W000", "i1"));
    let look = WatchLook { already_there: vec![(waiting.id.clone(), "p1".into())], ..look("p1", false) };
    store.watch_looked(look.clone()).await.unwrap();
    store.watch_looked(look).await.unwrap();
    let kept = record(&*store, "i1-W000").await.delivery;
    assert_eq!((kept.state, kept.reason.as_deref()), (DeliveryState::Held, Some("already_on_account: p1")));
    store.sweep(at(60), all_active()).await.unwrap();
    assert!(claim(&*store, 100).await.is_empty());
    assert_eq!(told(&*store).await, ["unknown_post", "held"]);
}

pub(crate) async fn f08_a_notice_goes_outside_until_it_arrives_whatever_becomes_of_the_others(
    place: &dyn Place,
) {
    let store = place.open();
    scheduled(&*store, "i1", &[("W000", 0), ("W001", 0)]).await;
    store.sweep(at(5000), all_active()).await.unwrap();
    let take = |now, until| store.take_hooks(at(now), at(until), 9);
    assert!(take(5000, 5010).await.unwrap().is_empty(), "nobody has said that they go outside");
    for number in [1, 2, 1] {
        store.hook_notice(number, at(5000)).await.unwrap();
    }
    let first = take(5000, 5010).await.unwrap();
    assert_eq!(first.len(), 2);
    assert!(take(5009, 5020).await.unwrap().is_empty(), "somebody has them");
    store.hook_failed(1, at(6000), "answered 500".into()).await.unwrap();
    store.hook_sent(2, at(5001)).await.unwrap();
    store.hook_sent(2, at(5002)).await.unwrap();
    let failing = store.failing_notices(9).await.unwrap();
    assert_eq!(ids(&failing), [first[0].id.as_str()]);
    let hook = failing[0].hook.clone().unwrap();
    assert_eq!(
        (hook.next_at, hook.tries, hook.problem.as_deref()),
        (Some(at(6000)), 1, Some("answered 500"))
    );
    drop(store);
    let store = place.open();
    let again = store.take_hooks(at(6000), at(6010), 9).await.unwrap();
    assert_eq!(ids(&again), [first[0].id.as_str()], "the same id each time");
    store.hook_sent(1, at(6001)).await.unwrap();
    store.hook_failed(1, at(7000), "late news".into()).await.unwrap();
    assert!(store.take_hooks(at(9000), at(9001), 9).await.unwrap().is_empty());
    assert!(store.failing_notices(9).await.unwrap().is_empty());
    let kept = store.notices(None, 9).await.unwrap();
    assert_eq!(kept[0].hook.as_ref().unwrap().sent_at, Some(at(5001)));
}

pub(crate) async fn p27_a_person_says_once_what_a_strange_post_is_about(place: &dyn Place) {
    let store = place.open();
    for post in ["a", "b"] {
        store.watch_looked(look(post, false)).await.unwrap();
    }
    let account = "W000".into();
    let closed = |by: &str, note: &str| Closed { at: at(20), by: by.into(), note: note.into() };
    let first = closed("off.hg", "值班人员手工发布");
    let post = store.close_post(&account, "b".into(), first.clone()).await.unwrap().unwrap();
    assert_eq!(post.closed, Some(first.clone()));
    let again =
        store.close_post(&account, "b".into(), closed("off.zr", "另一个说法")).await.unwrap().unwrap();
    assert_eq!(again.closed, Some(first), "the first word stands");
    assert_eq!(store.close_post(&account, "c".into(), closed("off.hg", "x")).await.unwrap(), None);
    let listed: Vec<_> = store.unknown_posts(9).await.unwrap().into_iter().map(|post| post.id).collect();
    assert_eq!(listed, ["a", "b"], "what waits for a person comes first");
    let filter = AuditFilter { subject: Some("account:W000".into()), most: 1, ..AuditFilter::default() };
    assert_eq!(store.audit(filter).await.unwrap()[0].audit.action, "account.unknown_post_closed");
    // It is known for good.
    assert_eq!(store.watch_looked(look("b", false)).await.unwrap(), 0);
}

/// Kinds of all notices, oldest first.
async fn told(store: &dyn Store) -> Vec<String> {
    store.notices(None, 99).await.unwrap().into_iter().rev().map(|notice| notice.kind).collect()
}

fn ids(notices: &[Notice]) -> Vec<&str> {
    notices.iter().map(|notice| notice.id.as_str()).collect()
}

fn look_at(seconds: i64) -> WatchLook {
    WatchLook {
        account: "W000".into(),
        at: at(seconds),
        problem: None,
        unknown: vec![],
        already_there: vec![],
    }
}

fn look(strange: &str, is_stock: bool) -> WatchLook {
    let unknown = UnknownPost {
        account: "W000".into(),
        id: strange.into(),
        url: None,
        excerpt: "广告".into(),
        posted_at: Some(at(2)),
        first_seen: at(9),
        is_stock,
        closed: None,
    };
    WatchLook { unknown: vec![unknown], ..look_at(9) }
}

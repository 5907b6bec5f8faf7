//! What readers write: each message once, each request of a platform once, and how far accounts were read.

use std::time::Duration;

use juzhen_domain::message::{Kind, Media, Said, Via};
use juzhen_domain::notice::Draft;
use juzhen_domain::outcome::Next;
use juzhen_domain::state::DeliveryState;
use juzhen_store::*;

use super::Place;
use super::fixture::*;

pub(crate) async fn p22_a_message_is_one_row_however_often_and_in_whatever_order_it_comes(place: &dyn Place) {
    let store = place.open();
    let said = |id| NewMessage { id: format!("m-{id}").as_str().into(), said: said(Kind::Private, id) };
    // The platform tries three times, five seconds apart, and the second message overtakes the first.
    let kept = |new| Pushed::Kept { new, woken: 0 };
    assert_eq!(store.push(push(0, "a", vec![said("2")])).await.unwrap(), kept(1));
    assert_eq!(store.push(push(5, "b", vec![said("1"), said("2")])).await.unwrap(), kept(1));
    drop(store);
    let store = place.open();
    let again = NewMessage { id: "m-again".into(), ..said("1") };
    assert_eq!(store.push(push(10, "c", vec![again.clone()])).await.unwrap(), kept(0));
    // The same from the list that is read.
    turn(&*store, 20).await.unwrap();
    assert_eq!(store.polled(polled(20, vec![again, said("2")])).await.unwrap(), 0);
    let messages = all(&*store).await;
    assert_eq!(ids(&messages), ["m-2", "m-1"]);
    let Message { said: first, received_at, via, .. } = &messages[0];
    assert_eq!((first, *received_at, *via), (&said("2").said, at(0), Via::Push));
    let subject = Some("message:m-1".to_owned());
    let rows = store.audit(AuditFilter { subject, most: 9, ..AuditFilter::default() }).await.unwrap();
    let [row] = &rows[..] else { panic!("{rows:?}") };
    assert_eq!(row.audit.action, "message.received");
    assert!(!row.audit.detail.to_string().contains("几点来水"), "who wrote what stays out of the audit");
    // The same number of another account, or of another kind, is another message.
    let other = NewMessage { id: "m-9".into(), said: Said { kind: Kind::Comment, ..said("1").said } };
    assert_eq!(store.push(push(11, "d", vec![other])).await.unwrap(), kept(1));
    let elsewhere =
        Push { account: "W001".into(), ..push(12, "d", vec![NewMessage { id: "m-8".into(), ..said("1") }]) };
    assert_eq!(store.push(elsewhere).await.unwrap(), kept(1));
}

pub(crate) async fn p22_f99_a_request_that_comes_again_is_a_replay_and_keeps_nothing(place: &dyn Place) {
    let store = place.open();
    let one = |seconds, id: &str| push(seconds, "nonce", vec![message(id)]);
    assert!(matches!(store.push(one(0, "1")).await.unwrap(), Pushed::Kept { new: 1, .. }));
    drop(store);
    let store = place.open();
    // Whatever it carries now: a signature that does not cover the body was good for another one.
    assert_eq!(store.push(one(1, "2")).await.unwrap(), Pushed::Replayed);
    // As the platform does it, twice: answered as before, and nothing of it is kept either.
    for (seconds, expected) in [(5, Pushed::Repeated), (10, Pushed::Repeated), (15, Pushed::Replayed)] {
        assert_eq!(store.push(one(seconds, "2")).await.unwrap(), expected, "{seconds}");
    }
    assert_eq!(store.push(one(300, "3")).await.unwrap(), Pushed::Replayed);
    let elsewhere = Push { account: "W001".into(), ..one(2, "4") };
    assert!(matches!(store.push(elsewhere).await.unwrap(), Pushed::Kept { new: 1, .. }), "another account's");
    assert_eq!(ids(&all(&*store).await), ["m-4", "m-1"]);
    // An hour after its signature has ended it is forgotten.
    assert_eq!(store.push(one(300 + 3600, "5")).await.unwrap(), Pushed::Replayed);
    assert!(matches!(store.push(one(300 + 3601, "6")).await.unwrap(), Pushed::Kept { new: 1, .. }));
}

pub(crate) async fn p22_what_comes_later_than_the_platform_waits_is_not_kept(place: &dyn Place) {
    let store = place.open();
    let late = Push { patience: Duration::ZERO, ..push(0, "a", vec![message("1")]) };
    assert_eq!(store.push(late.clone()).await.unwrap(), Pushed::TooLate);
    assert!(all(&*store).await.is_empty());
    // Nor is it known: what the platform sends again is taken.
    let again = Push { patience: Duration::from_secs(60), ..late };
    assert!(matches!(store.push(again).await.unwrap(), Pushed::Kept { new: 1, .. }));
}

pub(crate) async fn f19_a_push_is_kept_whole_or_not_at_all(place: &dyn Place) {
    let store = place.open();
    store.push(push(0, "a", vec![message("1")])).await.unwrap();
    // The second message has the id of another one, which no engine makes.
    let broken = NewMessage { id: "m-1".into(), ..message("3") };
    let wrong = push(1, "b", vec![message("2"), broken]);
    store.push(wrong).await.unwrap_err();
    assert_eq!(ids(&all(&*store).await), ["m-1"]);
    // The request is not used up either.
    assert!(matches!(
        store.push(push(2, "b", vec![message("2")])).await.unwrap(),
        Pushed::Kept { new: 1, .. }
    ));
}

pub(crate) async fn what_the_platform_says_it_has_decided_is_looked_at_now(place: &dyn Place) {
    let store = place.open();
    scheduled(&*store, "i1", &[("W000", 0), ("W001", 0)]).await;
    for (claimed, ticket) in claim(&*store, 0).await.iter().zip(["job:7 x", "job:7 y"]) {
        send(&*store, claimed, 0).await;
        let taken = Next::Accepted { ticket: ticket.into(), look_at: at(60) };
        store.settle(settle_as(claimed, taken, 1)).await.unwrap();
    }
    let looked_at = async || {
        let look = Look { states: vec![DeliveryState::Accepted], now: at(2), most: 9 };
        let found = store.to_look_at(look).await.unwrap();
        found.into_iter().map(|looked| looked.delivery.id.to_string()).collect::<Vec<_>>()
    };
    assert!(looked_at().await.is_empty());
    let says = |mark: &str, ticket: &str| Push { finished: vec![ticket.into()], ..push(2, mark, vec![]) };
    for (mark, ticket, woken) in
        [("a", "job:70", 0), ("b", "other", 0), ("c", "job:7 ", 1), ("d", "job:7", 1)]
    {
        assert_eq!(store.push(says(mark, ticket)).await.unwrap(), Pushed::Kept { new: 0, woken }, "{ticket}");
    }
    assert_eq!(looked_at().await, ["i1-W000"], "of this account only");
    // The platform's words about the account itself are told once.
    let draft = Draft {
        id: "account:W000:platform:1".into(),
        kind: "platform_says",
        subject: "account:W000".into(),
        text: "认证即将到期".into(),
    };
    for mark in ["e", "f"] {
        store.push(Push { notices: vec![draft.clone()], ..push(3, mark, vec![]) }).await.unwrap();
    }
    assert_eq!(store.notices(None, 9).await.unwrap().len(), 1);
}

pub(crate) async fn what_a_later_look_sees_otherwise_is_written_and_a_repeated_push_changes_nothing(
    place: &dyn Place,
) {
    let store = place.open();
    scheduled(&*store, "i1", &[("W000", 0)]).await;
    let claimed = claim_one(&*store, 0).await;
    send(&*store, &claimed, 0).await;
    let comment = |shown, left| {
        let post = Some("p1".to_owned());
        let said = Said { shown: Some(shown), replies_left: Some(left), post, ..said(Kind::Comment, "1") };
        NewMessage { id: "m-1".into(), said }
    };
    turn(&*store, 1).await.unwrap();
    assert_eq!(store.polled(polled(1, vec![comment(false, 1)])).await.unwrap(), 1);
    assert_eq!(all(&*store).await[0].delivery, None, "nobody knows yet whose post that is");
    store.settle(settle_as(&claimed, published("p1", 1), 2)).await.unwrap();
    for _twice in 0..2 {
        assert_eq!(store.polled(polled(3, vec![comment(true, 0)])).await.unwrap(), 0);
    }
    store.push(push(4, "a", vec![comment(false, 1)])).await.unwrap();
    let [message] = &all(&*store).await[..] else { panic!("more than one") };
    assert_eq!((message.said.shown, message.said.replies_left), (Some(true), Some(0)));
    assert_eq!(message.delivery, Some("i1-W000".into()));
    let subject = Some("message:m-1".to_owned());
    let rows = store.audit(AuditFilter { subject, most: 9, ..AuditFilter::default() }).await.unwrap();
    let actions: Vec<_> = rows.iter().map(|row| row.audit.action.as_str()).collect();
    assert_eq!(actions, ["message.changed", "message.received"]);
    assert_eq!(store.verify_audit().await.unwrap().broken_at, None);
}

pub(crate) async fn a_poll_is_one_daemons_turn_and_goes_on_where_the_last_one_ended(place: &dyn Place) {
    let store = place.open();
    scheduled(&*store, "i1", &[("W000", 0)]).await;
    let claimed = claim_one(&*store, 0).await;
    send(&*store, &claimed, 0).await;
    store.settle(settle_as(&claimed, published("p1", 1), 1)).await.unwrap();
    let fresh = PollTurn { cursor: None, polled_at: None, failures: 0, posts: vec!["p1".into()] };
    assert_eq!(turn(&*store, 10).await, Some(fresh.clone()));
    assert_eq!(turn(&*store, 69).await, None, "another daemon has it");
    // It was gone before it was done: the next one begins anew.
    assert_eq!(turn(&*store, 70).await, Some(fresh));
    let answer = PollAnswer {
        cursor: Some("c1".into()),
        gaps: vec!["较早的没有读到".into()],
        ..PollAnswer::default()
    };
    let result = Ok(answer);
    store.polled(Polled { account: "W000".into(), at: at(71), next_at: at(371), result }).await.unwrap();
    assert_eq!(turn(&*store, 370).await, None);
    let known = turn(&*store, 371).await.unwrap();
    assert_eq!((known.cursor.as_deref(), known.polled_at, known.failures), (Some("c1"), Some(at(71)), 0));
    for _twice in 0..2 {
        let result = Err("unreachable: x".to_owned());
        store.polled(Polled { account: "W000".into(), at: at(372), next_at: at(400), result }).await.unwrap();
    }
    let [intake] = &store.intake().await.unwrap()[..] else { panic!("one account") };
    assert_eq!((intake.failures, intake.problem.as_deref()), (2, Some("unreachable: x")));
    assert_eq!((intake.polled_at, intake.gaps.len(), intake.next_at), (Some(at(71)), 1, at(400)));
    // A clock that ran ahead put it off for days (P14).
    let result = Err("unreachable: x".to_owned());
    store
        .polled(Polled { account: "W000".into(), at: at(400), next_at: at(90_000_000), result })
        .await
        .unwrap();
    assert_eq!(turn(&*store, 401).await.map(|turn| turn.cursor), Some(Some("c1".into())));
}

pub(crate) async fn messages_are_listed_newest_first_and_filtered(place: &dyn Place) {
    let store = place.open();
    let media = vec![Media { kind: "image".into(), url: Some("https://example.com/1.jpg".into()), id: None }];
    let mention = NewMessage {
        id: "m-2".into(),
        said: Said { media: media.clone(), written_at: None, ..said(Kind::Mention, "2") },
    };
    store.push(push(0, "a", vec![message("1")])).await.unwrap();
    store.push(push(10, "b", vec![mention])).await.unwrap();
    store.push(Push { account: "W001".into(), ..push(20, "c", vec![message("3")]) }).await.unwrap();
    let of = async |filter: MessageFilter| {
        ids(&store.messages(MessageFilter { most: 9, ..filter }).await.unwrap())
            .into_iter()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let any = MessageFilter::default;
    assert_eq!(of(any()).await, ["m-3", "m-2", "m-1"]);
    assert_eq!(of(MessageFilter { account: Some("W000".into()), ..any() }).await, ["m-2", "m-1"]);
    assert_eq!(of(MessageFilter { kind: Some(Kind::Mention), ..any() }).await, ["m-2"]);
    assert_eq!(of(MessageFilter { since: Some(at(10)), ..any() }).await, ["m-3", "m-2"]);
    assert_eq!(of(MessageFilter { before: Some("m-2".into()), ..any() }).await, ["m-1"]);
    let both = MessageFilter { account: Some("W000".into()), since: Some(at(1)), ..any() };
    assert_eq!(of(both).await, ["m-2"]);
    let page = store.messages(MessageFilter { most: 1, ..any() }).await.unwrap();
    assert_eq!(ids(&page), ["m-3"]);
    let found = store.messages(MessageFilter { kind: Some(Kind::Mention), most: 1, ..any() }).await.unwrap();
    assert_eq!(found[0].said.media, media);
}

fn push(seconds: i64, mark: &str, messages: Vec<NewMessage>) -> Push {
    let mark = format!("{mark:0>64}");
    Push {
        account: "W000".into(),
        at: at(seconds),
        once: Some(PushOnce { mark, keep_until: at(300) }),
        messages,
        finished: Vec::new(),
        notices: Vec::new(),
        patience: Duration::from_secs(600),
    }
}

fn polled(seconds: i64, messages: Vec<NewMessage>) -> Polled {
    let result = Ok(PollAnswer { messages, ..PollAnswer::default() });
    Polled { account: "W000".into(), at: at(seconds), next_at: at(seconds + 300), result }
}

async fn turn(store: &dyn Store, seconds: i64) -> Option<PollTurn> {
    store.poll_turn(&"W000".into(), at(seconds), at(seconds + 60)).await.unwrap()
}

fn message(id: &str) -> NewMessage {
    NewMessage { id: format!("m-{id}").as_str().into(), said: said(Kind::Private, id) }
}

fn said(kind: Kind, id: &str) -> Said {
    Said {
        kind,
        platform_id: id.into(),
        post: None,
        parent: None,
        author_id: "o-reader".into(),
        author_name: "某市民".into(),
        text: "几点来水？".into(),
        media: Vec::new(),
        url: None,
        shown: Some(false),
        reply_until: Some(at(172_800)),
        replies_left: Some(5),
        written_at: Some(at(-5)),
    }
}

async fn all(store: &dyn Store) -> Vec<Message> {
    store.messages(MessageFilter { most: 99, ..MessageFilter::default() }).await.unwrap()
}

fn ids(messages: &[Message]) -> Vec<&str> {
    messages.iter().map(|message| message.id.as_str()).collect()
}

//! The effect ledger: what may leave, what is given out again.

use juzhen_domain::delivery::Attempt;
use juzhen_domain::outcome::Next;
use juzhen_domain::state::{DeliveryState, ItemState};
use juzhen_store::*;

use super::Place;
use super::fixture::*;

async fn try_begin(store: &dyn Store, call: &Attempt, name: &str, seconds: i64) -> EffectBegun {
    store.begin_effect(effect(call, name, seconds)).await.unwrap()
}

fn is_refused(begun: &EffectBegun, word: &str) -> bool {
    matches!(begun, EffectBegun::Refused(why) if why.starts_with(word))
}

/// A delivery whose first call made these requests, was interrupted, and is claimed to be resumed.
async fn resumed(store: &dyn Store, requests: &[(&str, EffectAnswer)]) -> Claim {
    scheduled(store, "i1", &[("W000", 0)]).await;
    let first = claim_one(store, 0).await;
    for (name, answer) in requests {
        let id = begin(store, &first.attempt, name, 0).await;
        store.end_effect(id, answer.clone()).await.unwrap();
    }
    let again = Next::Again { at: at(1), reason: "the adapter crashed".into(), resume: true };
    assert_eq!(settle(store, &first, again, 1).await.state, DeliveryState::Due);
    let second = claim_one(store, 1).await;
    assert_eq!((second.attempt.id.as_str(), second.attempt.call.as_str()), ("i1-W000.2", "i1-W000.1"));
    second
}

pub(crate) async fn the_first_effect_marks_the_delivery_as_sending(place: &dyn Place) {
    let store = place.open();
    scheduled(&*store, "i1", &[("W000", 0)]).await;
    let claim = claim_one(&*store, 0).await;
    let id = begin(&*store, &claim.attempt, "upload", 1).await;
    let kept = record(&*store, "i1-W000").await;
    assert_eq!(kept.delivery.state, DeliveryState::Sending);
    let row = &kept.effects[0];
    assert_eq!((row.id, row.began_at, row.answered_at), (id, at(1), None));
    store.end_effect(id, answer(2)).await.unwrap();
    begin(&*store, &claim.attempt, "post", 3).await;
    let kept = record(&*store, "i1-W000").await;
    assert_eq!(kept.effects.len(), 2);
    assert_eq!((kept.effects[0].status, kept.effects[0].complete), (Some(200), Some(true)));
    let expected = ["delivery.made", "delivery.claimed", "delivery.sending"];
    assert_eq!(actions(&*store, "delivery:i1-W000").await, expected);
}

pub(crate) async fn an_answer_is_given_out_again(place: &dyn Place) {
    let store = place.open();
    scheduled(&*store, "i1", &[("W000", 0)]).await;
    let call = claim_one(&*store, 0).await.attempt;
    let id = begin(&*store, &call, "post", 1).await;
    assert_eq!(try_begin(&*store, &call, "post", 1).await, EffectBegun::Unanswered(id));
    store.end_effect(id, answer(2)).await.unwrap();
    assert_eq!(try_begin(&*store, &call, "post", 3).await, EffectBegun::Answered(answer(2)));
    // The first answer stands: the call has gone on from it.
    store.end_effect(id, EffectAnswer { status: 500, ..answer(4) }).await.unwrap();
    assert_eq!(try_begin(&*store, &call, "post", 5).await, EffectBegun::Answered(answer(2)));
    // The same request once more is another effect.
    let second = NewEffect { occurrence: 1, ..effect(&call, "post", 6) };
    assert!(matches!(store.begin_effect(second).await.unwrap(), EffectBegun::Send(other) if other != id));
    let missing = store.end_effect(999, answer(7)).await;
    assert!(matches!(missing, Err(StoreError::NotFound { what: "effect", .. })));
}

pub(crate) async fn f04_only_the_live_claim_may_send(place: &dyn Place) {
    let store = place.open();
    scheduled(&*store, "i1", &[("W000", 0)]).await;
    let claim = claim_one(&*store, 0).await;
    let next = Attempt { number: 2, ..claim.attempt.clone() };
    assert!(is_refused(&try_begin(&*store, &next, "post", 0).await, "lost_claim"));
    let busy = Next::Again { at: at(1), reason: "busy".into(), resume: false };
    settle(&*store, &claim, busy, 1).await;
    assert!(is_refused(&try_begin(&*store, &claim.attempt, "post", 1).await, "lost_claim"));
    let second = claim_one(&*store, 1).await;
    // The first worker wakes up again while the second holds the claim.
    assert!(is_refused(&try_begin(&*store, &claim.attempt, "post", 2).await, "lost_claim"));
    begin(&*store, &second.attempt, "post", 2).await;
    assert_eq!(record(&*store, "i1-W000").await.effects.len(), 1);
}

pub(crate) async fn p26_nothing_leaves_under_stop(place: &dyn Place) {
    let store = place.open();
    scheduled(&*store, "i1", &[("W000", 0)]).await;
    let claim = claim_one(&*store, 0).await;
    let id = begin(&*store, &claim.attempt, "upload", 1).await;
    store.stop("off.hg".into(), "误发".into(), at(2)).await.unwrap();
    // What is already on the way is still written down.
    store.end_effect(id, answer(2)).await.unwrap();
    let begun = try_begin(&*store, &claim.attempt, "post", 3).await;
    assert!(is_refused(&begun, "stopped: "), "{begun:?}");
    assert_eq!(try_begin(&*store, &claim.attempt, "upload", 3).await, EffectBegun::Answered(answer(2)));
    let EffectBegun::Refused(reason) = begun else { return };
    assert_eq!(settle(&*store, &claim, Next::Held { reason }, 3).await.state, DeliveryState::Held);
}

pub(crate) async fn p07_a_claim_that_slept_past_its_time_may_not_send(place: &dyn Place) {
    let store = place.open();
    scheduled(&*store, "i1", &[("W000", 0)]).await;
    let claim = claim_one(&*store, 0).await;
    assert!(is_refused(&try_begin(&*store, &claim.attempt, "post", 901).await, "missed: "));
    // One that has begun in time goes on to its end.
    begin(&*store, &claim.attempt, "upload", 900).await;
    begin(&*store, &claim.attempt, "post", 901).await;
    assert_eq!(item_state(&*store, "i1").await, ItemState::Publishing);
}

pub(crate) async fn f11_a_resumed_call_goes_on_where_it_stopped(place: &dyn Place) {
    let store = place.open();
    let claim = resumed(&*store, &[("upload", answer(0)), ("draft", answer(1))]).await;
    let call = &claim.attempt;
    assert_eq!(state(&*store, "i1-W000").await, DeliveryState::Claimed);
    assert_eq!(try_begin(&*store, call, "upload", 2).await, EffectBegun::Answered(answer(0)));
    // It stands where the earlier attempt stood: something has left, so a result can be written from here.
    assert_eq!(state(&*store, "i1-W000").await, DeliveryState::Sending);
    assert_eq!(try_begin(&*store, call, "draft", 2).await, EffectBegun::Answered(answer(1)));
    begin(&*store, call, "submit", 2).await;
    assert_eq!(state(&*store, "i1-W000").await, DeliveryState::Sending);
    assert_eq!(record(&*store, "i1-W000").await.effects.len(), 3);
}

pub(crate) async fn f37_an_attempt_whose_call_goes_on_elsewhere_begins_nothing_more(place: &dyn Place) {
    let store = place.open();
    let claim = resumed(&*store, &[("upload", answer(0))]).await;
    // The call still runs where it ran first, and its times are other ones there: a request that nobody knows.
    let first = Attempt { number: 1, ..claim.attempt.clone() };
    assert!(is_refused(&try_begin(&*store, &first, "post at 10:00:01", 2).await, "lost_claim"));
    assert_eq!(try_begin(&*store, &claim.attempt, "upload", 2).await, EffectBegun::Answered(answer(0)));
    begin(&*store, &claim.attempt, "post at 10:00:05", 2).await;
    assert!(is_refused(&try_begin(&*store, &first, "post at 10:00:01", 2).await, "lost_claim"));
    assert_eq!(record(&*store, "i1-W000").await.effects.len(), 2);
}

pub(crate) async fn another_way_than_before_is_a_mismatch(place: &dyn Place) {
    let store = place.open();
    let claim = resumed(&*store, &[("upload", answer(0)), ("draft", answer(1))]).await;
    let call = &claim.attempt;
    let begun = try_begin(&*store, call, "submit", 2).await;
    assert!(
        matches!(&begun, EffectBegun::Mismatch(why) if why.contains("/upload") && why.contains("/submit"))
    );
    assert_eq!(try_begin(&*store, call, "upload", 2).await, EffectBegun::Answered(answer(0)));
    let begun = try_begin(&*store, call, "submit", 2).await;
    assert!(matches!(&begun, EffectBegun::Mismatch(why) if why.contains("/draft")));
    assert_eq!(state(&*store, "i1-W000").await, DeliveryState::Sending);
    assert_eq!(record(&*store, "i1-W000").await.effects.len(), 2);
}

pub(crate) async fn what_never_left_may_leave_again_unless_the_call_went_on(place: &dyn Place) {
    let store = place.open();
    let claim = resumed(&*store, &[("upload", nothing_left(0)), ("post", nothing_left(1))]).await;
    let call = &claim.attempt;
    // The call went on from this answer to another request: it does so again.
    assert_eq!(try_begin(&*store, call, "upload", 2).await, EffectBegun::Answered(nothing_left(0)));
    let begun = try_begin(&*store, call, "post", 2).await;
    let EffectBegun::Send(id) = begun else { panic!("{begun:?}") };
    assert_eq!(state(&*store, "i1-W000").await, DeliveryState::Sending);
    // Until it is answered it counts as out, whatever its first answer was.
    assert_eq!(try_begin(&*store, call, "post", 2).await, EffectBegun::Unanswered(id));
    store.end_effect(id, answer(3)).await.unwrap();
    assert_eq!(try_begin(&*store, call, "post", 4).await, EffectBegun::Answered(answer(3)));
    assert_eq!(record(&*store, "i1-W000").await.effects.len(), 2);
}

pub(crate) async fn r04_an_unanswered_request_is_in_doubt_whatever_the_caller_says(place: &dyn Place) {
    let store = place.open();
    let why = || "interrupted".to_owned();
    let wrong = [
        Next::Again { at: at(3), reason: why(), resume: false },
        Next::Again { at: at(3), reason: why(), resume: true },
        Next::Waiting { until: at(3), reason: why() },
        Next::Held { reason: why() },
    ];
    for (n, next) in wrong.into_iter().enumerate() {
        scheduled(&*store, &format!("i{n}"), &[(&format!("W{n}"), 0)]).await;
        let claim = claim_one(&*store, 0).await;
        begin(&*store, &claim.attempt, "post", 1).await;
        let settled = settle(&*store, &claim, next, 2).await;
        assert_eq!((settled.state, settled.next_at), (DeliveryState::InDoubt, at(2)));
        assert!(settled.reason.unwrap().contains("interrupted"));
    }
    // With the platform's own key the same call may ask again, a new one may not.
    for (resume, state) in [(true, DeliveryState::Due), (false, DeliveryState::InDoubt)] {
        let id = format!("key-{resume}");
        scheduled(&*store, &id, &[(&id, 0)]).await;
        let claim = claim_one(&*store, 3).await;
        let keyed = NewEffect { idempotency_key: Some("k".into()), ..effect(&claim.attempt, "mass", 3) };
        let begun = store.begin_effect(keyed.clone()).await.unwrap();
        let EffectBegun::Send(effect) = begun else { panic!("{begun:?}") };
        let next = Next::Again { at: at(4), reason: why(), resume };
        assert_eq!(settle(&*store, &claim, next, 4).await.state, state);
        if resume {
            let attempt = claim_one(&*store, 4).await.attempt.number;
            let keyed = NewEffect { attempt, ..keyed };
            assert_eq!(store.begin_effect(keyed).await.unwrap(), EffectBegun::Unanswered(effect));
        }
    }
}

pub(crate) async fn p01_f37_a_try_that_was_kept_back_says_nothing_of_another_one(place: &dyn Place) {
    let store = place.open();
    scheduled(&*store, "i1", &[("W000", 0)]).await;
    let first = claim_one(&*store, 0).await;
    let keyed = NewEffect { idempotency_key: Some("k".into()), ..effect(&first.attempt, "mass", 0) };
    let EffectBegun::Send(id) = store.begin_effect(keyed.clone()).await.unwrap() else { panic!("refused") };
    // It stands still before the first byte, its call runs out of time, and the next attempt sends it under its key.
    let again = Next::Again { at: at(1), reason: "timed_out".into(), resume: true };
    settle(&*store, &first, again, 1).await;
    let second = claim_one(&*store, 1).await.attempt.number;
    let begun = store.begin_effect(NewEffect { attempt: second, ..keyed }).await.unwrap();
    assert_eq!(begun, EffectBegun::Unanswered(id));
    // Now the first one wakes up and keeps back what is its own; the second one dies.
    store.end_effect(id, nothing_left(2)).await.unwrap();
    drop(store);
    let store = place.open();
    assert_eq!(store.recover(at(5)).await.unwrap(), Recovered { due: 0, resumed: 0, in_doubt: 1 });
}

pub(crate) async fn p01_f29_an_attempt_that_ended_before_it_read_the_old_answers_knows_nothing(
    place: &dyn Place,
) {
    let store = place.open();
    let mut claim = resumed(&*store, &[("post", answer(0))]).await;
    let why = || "busy".to_owned();
    // The post is out; its answer was written down and never acted on. Whatever ends an attempt before it reads that
    // answer, the next one is the same call.
    let ends = [
        Next::Again { at: at(2), reason: why(), resume: false },
        Next::Waiting { until: at(2), reason: why() },
        Next::Held { reason: "operator: 等通知".into() },
    ];
    let settle = async |claim: &Claim, next, n| {
        let news = Settle { requests: 0, ..settle_as(claim, next, n) };
        let settled = store.settle(news).await.unwrap();
        let Settled::Applied { delivery, .. } = settled else { panic!("{settled:?}") };
        delivery
    };
    for (n, next) in (2..).zip(ends) {
        if n == 3 {
            // Given out again in a commit of which nobody heard (F29): written as asked for, and read by nobody.
            assert_eq!(try_begin(&*store, &claim.attempt, "post", n).await, EffectBegun::Answered(answer(0)));
        }
        settle(&claim, next, n).await;
        let due = DeliveryChange {
            forget_tries: true,
            ..delivery_moved(&claim.delivery.id, DeliveryState::Due, n)
        };
        change_delivery(&*store, due, "i1-W000").await;
        claim = claim_one(&*store, n).await;
        assert_eq!(claim.attempt.call, "i1-W000.1");
    }
    // Giving up is no proof that nothing is out.
    let settled = settle(&claim, Next::Refused { reason: "gave up".into() }, 9).await;
    assert_eq!(settled.state, DeliveryState::InDoubt);
}

pub(crate) async fn a_long_answer_is_kept_in_part_and_incomplete(place: &dyn Place) {
    let store = place.open();
    scheduled(&*store, "i1", &[("W000", 0)]).await;
    let call = claim_one(&*store, 0).await.attempt;
    let id = begin(&*store, &call, "post", 1).await;
    let long = EffectAnswer { body: vec![b'x'; (1 << 20) + 1], ..answer(2) };
    store.end_effect(id, long).await.unwrap();
    let begun = try_begin(&*store, &call, "post", 3).await;
    let EffectBegun::Answered(kept) = begun else { panic!("{begun:?}") };
    assert_eq!((kept.body.len(), kept.complete), (1 << 20, false));
}

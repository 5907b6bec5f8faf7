//! Accounts that pause, by themselves and by a person's word.

use juzhen_domain::outcome::Next;
use juzhen_domain::state::DeliveryState as S;
use juzhen_store::*;

use super::Place;
use super::fixture::*;

/// An adapter that always lies, in each of its ways: the account is paused after three deliveries, with one alert, and what
/// is due waits, is missed in its time, and stays paused over a restart until a person lifts it.
pub(crate) async fn p20_an_account_that_never_ends_well_pauses_and_a_person_lifts_it(place: &dyn Place) {
    let store = place.open();
    let due = [("i1", 0), ("i2", 1), ("i3", 2), ("i4", 3), ("i5", 60)];
    for (item, second) in due {
        scheduled(&*store, item, &[("W000", second)]).await;
    }
    let endings = [
        Next::InDoubt { look_at: at(9_000), reason: "unclear: success_unseen: x".into() },
        Next::Refused { reason: "platform_refused: x".into() },
        Next::Held { reason: "tried_too_often: busy: x".into() },
    ];
    for (second, next) in (0..).zip(endings) {
        assert!(store.troubled().await.unwrap().iter().all(|trouble| trouble.pause.is_none()));
        let claim = claim_one(&*store, second).await;
        send(&*store, &claim, second).await;
        store.settle(Settle { pause_after: 3, ..settle_as(&claim, next, second) }).await.unwrap();
    }
    drop(store);
    let store = place.open();
    store.recover(at(4)).await.unwrap();
    let [trouble] = &store.troubled().await.unwrap()[..] else { panic!("not one account") };
    let pause = trouble.pause.clone().unwrap();
    assert_eq!((pause.by.as_str(), pause.at), ("daemon", at(2)));
    assert_eq!(pause.reason, "ended_badly: 3 deliveries in a row");
    let evidence: Vec<_> = trouble.endings.iter().map(|e| (e.delivery.as_str(), e.state)).collect();
    assert_eq!(evidence, [("i1-W000", S::InDoubt), ("i2-W000", S::Refused), ("i3-W000", S::Held)]);
    assert_eq!(alerts(&*store).await, 1);
    assert_eq!(actions(&*store, "account:W000").await, ["account.paused"]);
    // What is due is held, by the claim or by the sweep, and goes its way in time.
    assert!(claim(&*store, 3).await.is_empty());
    store.sweep(at(4), all_active()).await.unwrap();
    for item in ["i4-W000", "i5-W000"] {
        let waiting = record(&*store, item).await.delivery;
        let why = "account_paused: ended_badly: 3 deliveries in a row";
        assert_eq!((waiting.state, waiting.reason.as_deref()), (S::Held, Some(why)), "{item}");
    }
    store.sweep(at(910), all_active()).await.unwrap();
    assert_eq!((state(&*store, "i4-W000").await, state(&*store, "i5-W000").await), (S::Missed, S::Held));
    // A person lifts it: what is not late goes on.
    let lifted =
        store.resume_account(&"W000".into(), "off.hg".into(), "核实过".into(), at(911)).await.unwrap();
    assert_eq!(lifted, Some(pause));
    assert!(store.troubled().await.unwrap().is_empty());
    store.sweep(at(911), all_active()).await.unwrap();
    assert_eq!(claim_one(&*store, 911).await.delivery.id.as_str(), "i5-W000");
    assert_eq!(actions(&*store, "account:W000").await, ["account.paused", "account.resumed"]);
    assert_eq!(alerts(&*store).await, 1);
}

pub(crate) async fn p20_a_good_end_begins_the_count_anew_and_other_accounts_are_not_asked(place: &dyn Place) {
    let store = place.open();
    let doubt = || Next::InDoubt { look_at: at(9_000), reason: "unclear: timed_out: x".into() };
    for (item, account, next) in [
        ("i1", "W000", doubt()),
        ("i2", "W001", doubt()),
        ("i3", "W000", doubt()),
        ("i4", "W000", published("7", 0)),
        ("i5", "W000", doubt()),
        ("i6", "W001", doubt()),
        ("i7", "W000", doubt()),
    ] {
        scheduled(&*store, item, &[(account, 0)]).await;
        let claim = claim_one(&*store, 0).await;
        send(&*store, &claim, 0).await;
        store.settle(Settle { pause_after: 3, ..settle_as(&claim, next, 0) }).await.unwrap();
    }
    let troubled = store.troubled().await.unwrap();
    assert!(troubled.iter().all(|t| t.pause.is_none() && t.endings.len() == 2), "{troubled:?}");
    // One that was in doubt all the time ends badly once.
    let needs = Next::NeedsPerson { reason: "not_seen: looked 5 times".into() };
    let looked = Settle { pause_after: 3, ..looked("i5-W000", needs, 1) };
    store.settle(looked).await.unwrap();
    assert!(store.troubled().await.unwrap().iter().all(|t| t.pause.is_none()));
    assert_eq!(alerts(&*store).await, 0);
}

pub(crate) async fn f60_a_barred_account_pauses_at_once_and_its_delivery_goes_on_when_that_is_lifted(
    place: &dyn Place,
) {
    let store = place.open();
    scheduled(&*store, "i1", &[("W000", 0), ("W001", 0)]).await;
    let claims = claim(&*store, 0).await;
    let barred = Next::Held { reason: "account_paused: barred: 20031: 请输入验证码".into() };
    // Even where nothing is counted.
    settle(&*store, &claims[0], barred, 1).await;
    let [trouble] = &store.troubled().await.unwrap()[..] else { panic!("not one account") };
    assert_eq!(trouble.pause.as_ref().unwrap().reason, "barred: 20031: 请输入验证码");
    assert_eq!(alerts(&*store).await, 1);
    send(&*store, &claims[1], 1).await;
    settle(&*store, &claims[1], published("8", 1), 1).await;
    store.sweep(at(2), all_active()).await.unwrap();
    assert_eq!(state(&*store, "i1-W000").await, S::Held);
    store.resume_account(&"W000".into(), "off.gl".into(), "已输入".into(), at(3)).await.unwrap();
    store.sweep(at(3), all_active()).await.unwrap();
    assert_eq!(claim_one(&*store, 3).await.delivery.id.as_str(), "i1-W000");
}

/// A person's word counts from the moment it is kept, also for what was claimed before.
pub(crate) async fn p20_nothing_begins_on_an_account_that_a_person_has_paused(place: &dyn Place) {
    let store = place.open();
    scheduled(&*store, "i1", &[("W000", 0)]).await;
    scheduled(&*store, "i2", &[("W000", 1)]).await;
    let claimed = claim_one(&*store, 0).await;
    let account = "W000".into();
    let pause = |who: &str, why: &str| store.pause_account(&account, who.into(), why.into(), at(0));
    let first = pause("off.hg", "交接").await.unwrap();
    assert_eq!(first.reason, "operator: 交接");
    assert_eq!(pause("off.zr", "又一次").await.unwrap(), first, "the first word stands");
    let begun = store.begin_effect(effect(&claimed.attempt, "post", 0)).await.unwrap();
    let EffectBegun::Refused(why) = begun else { panic!("{begun:?}") };
    assert_eq!(why, "account_paused: operator: 交接");
    assert_eq!(settle(&*store, &claimed, Next::Held { reason: why }, 0).await.state, S::Held);
    assert!(claim(&*store, 1).await.is_empty());
    assert_eq!(state(&*store, "i2-W000").await, S::Held);
    assert_eq!(alerts(&*store).await, 0, "they know");
    let lift = || store.resume_account(&account, "off.hg".into(), "交接完".into(), at(2));
    assert_eq!(lift().await.unwrap(), Some(first));
    assert_eq!(lift().await.unwrap(), None);
    store.sweep(at(2), all_active()).await.unwrap();
    assert_eq!(claim(&*store, 2).await.len(), 1);
}

async fn alerts(store: &dyn Store) -> usize {
    let notices = store.notices(None, 99).await.unwrap();
    notices.iter().filter(|notice| notice.kind == "account_paused").count()
}

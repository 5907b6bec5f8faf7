//! What platforms hand out, and accounts that have to sign in.

use jiff::SignedDuration;
use juzhen_domain::finding::{Finding, Kind};
use juzhen_domain::sign_in::Failure;
use juzhen_domain::state::DeliveryState;
use juzhen_store::*;

use super::Place;
use super::fixture::*;

const MINUTE: SignedDuration = SignedDuration::from_secs(60);

fn turn(holder: &str) -> HeldTurn {
    HeldTurn { name: "token:W000".into(), holder: holder.into() }
}

fn keep(holder: &str, sealed: &[u8]) -> KeepCaptured {
    let new =
        |name: &str| NewCaptured { name: name.into(), sealed: sealed.into(), expires_at: Some(at(7200)) };
    KeepCaptured {
        account: "W000".into(),
        turn: turn(holder),
        secrets: vec![new("access_token"), new("refresh_token")],
        key: "k1".into(),
        at: at(0),
    }
}

fn failed(failure: Failure, seconds: i64) -> SignInFailed {
    let (said, given) = ("21327: expired_token".into(), "g1".into());
    SignInFailed { account: "W000".into(), failure, said, given, turn: None, at: at(seconds) }
}

pub(crate) async fn f39_what_is_handed_out_is_kept_whole_by_whoever_has_the_turn(place: &dyn Place) {
    let store = place.open();
    assert!(!store.keep_captured(keep("a", b"\0no")).await.unwrap(), "nobody has the turn");
    assert!(store.take_turn("token:W000", "a", MINUTE).await.unwrap());
    assert!(!store.keep_captured(keep("b", b"\0no")).await.unwrap());
    assert!(store.keep_captured(keep("a", b"\0one")).await.unwrap());
    // It ended the turn.
    assert!(!store.keep_captured(keep("a", b"\0no")).await.unwrap());
    assert!(store.take_turn("token:W000", "b", MINUTE).await.unwrap());
    assert!(store.keep_captured(keep("b", b"\0two")).await.unwrap());
    drop(store);
    let store = place.open();
    let kept = store.captured(Some(&"W000".into())).await.unwrap();
    let seen: Vec<_> =
        kept.iter().map(|one| (one.name.as_str(), one.sealed.as_slice(), one.generation)).collect();
    assert_eq!(seen, [("access_token", &b"\0two"[..], 2), ("refresh_token", b"\0two", 2)]);
    assert_eq!((kept[0].obtained_at, kept[0].expires_at), (at(0), Some(at(7200))));
    assert_eq!(
        (
            store.captured(None).await.unwrap().len(),
            store.captured(Some(&"W001".into())).await.unwrap().len()
        ),
        (2, 0)
    );
}

pub(crate) async fn f10_f61_an_account_that_has_to_sign_in_is_held_and_told_once_and_goes_on_in_its_order(
    place: &dyn Place,
) {
    let store = place.open();
    scheduled(&*store, "i1", &[("W000", 0), ("W001", 0)]).await;
    scheduled(&*store, "i2", &[("W000", 1)]).await;
    // One failure: nothing of it leaves for a while, and nobody is told.
    store.sign_in_failed(failed(Failure::NoToken, 1)).await.unwrap();
    let claims = claim(&*store, 2).await;
    assert_eq!(claims.iter().map(|claim| claim.delivery.account.as_str()).collect::<Vec<_>>(), ["W001"]);
    assert_eq!(state(&*store, "i1-W000").await, DeliveryState::Due);
    let row = store.sign_in_failed(failed(Failure::SignedOut, 3)).await.unwrap();
    assert_eq!((row.failures, row.needed_since), (1, Some(at(3))));
    store.sign_in_failed(failed(Failure::SignedOut, 30)).await.unwrap();
    store.sweep(at(31), all_active()).await.unwrap();
    for id in ["i1-W000", "i2-W000"] {
        let held = store.delivery(&id.into()).await.unwrap().unwrap().delivery;
        assert_eq!(
            (held.state, held.reason.as_deref()),
            (DeliveryState::Held, Some("auth_expired: 21327: expired_token"))
        );
    }
    let notices = store.notices(None, 9).await.unwrap();
    assert_eq!(notices.iter().map(|one| one.kind.as_str()).collect::<Vec<_>>(), ["auth_needed"]);
    let rows = store.sign_ins().await.unwrap();
    assert_eq!((rows.len(), rows[0].given.as_str(), rows[0].sign_in.failures), (1, "g1", 2));
    // Somebody has signed in.
    store.sign_in_works(&"W000".into(), at(60)).await.unwrap();
    store.sweep(at(61), all_active()).await.unwrap();
    assert_eq!(claim(&*store, 62).await[0].delivery.id.as_str(), "i1-W000");
    // The failures stay counted for an hour.
    store.sign_in_works(&"W000".into(), at(3600)).await.unwrap();
    assert_eq!(store.sign_ins().await.unwrap()[0].sign_in.needed_since, None);
    store.sign_in_works(&"W000".into(), at(9000)).await.unwrap();
    assert!(store.sign_ins().await.unwrap().is_empty());
}

pub(crate) async fn f61_a_new_token_ends_every_doubt_in_the_sign_in(place: &dyn Place) {
    let store = place.open();
    store.sign_in_failed(failed(Failure::SignedOut, 1)).await.unwrap();
    assert!(store.take_turn("token:W000", "a", MINUTE).await.unwrap());
    let over = SignInFailed { turn: Some(turn("a")), ..failed(Failure::NoToken, 20) };
    store.sign_in_failed(over).await.unwrap();
    assert!(store.take_turn("token:W000", "b", MINUTE).await.unwrap(), "the failure ended the turn");
    assert!(store.keep_captured(keep("b", b"x")).await.unwrap());
    assert!(store.sign_ins().await.unwrap().is_empty());
}

pub(crate) async fn p11_everything_is_sealed_under_one_key_until_it_is_given_up(place: &dyn Place) {
    let store = place.open();
    assert_eq!(store.sealing().await.unwrap(), Sealing::default());
    assert_eq!(store.seal_under("k1", false).await.unwrap(), "k1");
    assert_eq!(store.seal_under("k2", false).await.unwrap(), "k1");
    assert!(store.take_turn("token:W000", "a", MINUTE).await.unwrap());
    assert!(store.keep_captured(keep("a", b"x")).await.unwrap());
    assert_eq!(store.seal_under("k1", true).await.unwrap(), "k1");
    assert_eq!(store.captured(None).await.unwrap().len(), 2, "it is the same key");
    assert_eq!(store.seal_under("k2", true).await.unwrap(), "k2");
    assert!(store.captured(None).await.unwrap().is_empty());
    drop(store);
    assert_eq!(place.open().sealing().await.unwrap().key.as_deref(), Some("k2"));
}

fn begin(by: &str, state: &str, seconds: i64) -> BeginAuthorization {
    let (account, by) = ("W000".into(), by.into());
    BeginAuthorization {
        account,
        state: state.repeat(64),
        by,
        expires_at: at(seconds + 600),
        at: at(seconds),
        request: None,
    }
}

fn take(by: Option<&str>, state: &str, seconds: i64) -> TakeAuthorization {
    let (account, by) = ("W000".into(), by.map(Into::into));
    TakeAuthorization { account, state: state.repeat(64), by, at: at(seconds), request: None }
}

pub(crate) async fn f10_a_sign_in_in_a_browser_is_taken_once_in_time_by_whoever_began_it(place: &dyn Place) {
    let store = place.open();
    let taken = async |by, state, seconds| store.take_authorization(take(by, state, seconds)).await.unwrap();
    assert_eq!(taken(None, "a", 0).await, Taken::Unknown);
    store.begin_authorization(begin("off.gl", "a", 0)).await.unwrap();
    assert_eq!(taken(Some("off.gl"), "b", 1).await, Taken::Unknown, "another state");
    assert_eq!(taken(Some("off.zr"), "a", 1).await, Taken::OfAnother);
    let other = TakeAuthorization { account: "W001".into(), ..take(None, "a", 1) };
    assert_eq!(store.take_authorization(other).await.unwrap(), Taken::Unknown, "another account");
    assert_eq!(taken(Some("off.gl"), "a", 599).await, Taken::Begun { by: "off.gl".into() });
    assert_eq!(taken(Some("off.gl"), "a", 599).await, Taken::Unknown, "it was taken");
    // A later one takes its place; the browser needs no name.
    store.begin_authorization(begin("off.gl", "c", 0)).await.unwrap();
    store.begin_authorization(begin("off.zr", "d", 0)).await.unwrap();
    assert_eq!(taken(None, "c", 1).await, Taken::Unknown);
    assert_eq!(taken(None, "d", 1).await, Taken::Begun { by: "off.zr".into() });
    store.begin_authorization(begin("off.gl", "e", 0)).await.unwrap();
    assert_eq!(taken(None, "e", 600).await, Taken::Expired);
    assert_eq!(taken(None, "e", 1).await, Taken::Unknown);
    // Of two at the same time one has it.
    store.begin_authorization(begin("off.gl", "f", 0)).await.unwrap();
    let both = tokio::join!(
        store.take_authorization(take(None, "f", 1)),
        store.take_authorization(take(None, "f", 1))
    );
    let had = [both.0, both.1].into_iter().filter(|taken| matches!(taken, Ok(Taken::Begun { .. }))).count();
    assert_eq!(had, 1);
    let audit = store.audit(AuditFilter {
        subject: Some("account:W000".into()),
        most: 100,
        ..AuditFilter::default()
    });
    let actions: Vec<String> = audit.await.unwrap().into_iter().map(|row| row.audit.action).collect();
    let count = |action: &str| actions.iter().filter(|one| one.ends_with(action)).count();
    assert_eq!((count("authorization_begun"), count("authorization_returned")), (5, 4), "{actions:?}");
}

pub(crate) async fn f61_a_warning_is_told_once_for_each_end_and_day_over_restarts(place: &dyn Place) {
    let day = 86_400;
    let mut store = place.open();
    let look = |seconds: i64, until: Option<i64>| KeepLook {
        account: "W000".into(),
        at: at(seconds),
        next_at: at(seconds + day),
        signed_in_until: until.map(at),
        findings: vec![Finding::hint(Kind::Note, "x")],
        words: EndWords { when: "2027-01-01 08:00".into(), how: "请重新授权".into() },
    };
    let mut told = Vec::new();
    // Every six hours, of an end that is read a little differently each time, from 20 days before it on; with restarts.
    for hours in (0..20 * 24).step_by(6) {
        if hours % 48 == 0 {
            drop(store);
            store = place.open();
        }
        let now = i64::from(hours) * 3_600;
        if store.keep_look(look(now, Some(20 * day - i64::from(hours % 30)))).await.unwrap() {
            told.push(20 - i64::from(hours) / 24);
        }
    }
    assert_eq!(told, [14, 7, 3, 1]);
    // Nobody could ask in between: nothing is forgotten.
    assert!(!store.keep_look(look(0, None)).await.unwrap());
    assert!(!store.keep_look(look(20 * day - 60, Some(20 * day))).await.unwrap());
    // Signed in again, a month later.
    assert!(store.keep_look(look(40 * day, Some(43 * day))).await.unwrap());
    let notices = store.notices(None, 100).await.unwrap();
    let days: Vec<_> = notices.iter().map(|notice| notice.detail["days"].as_i64().unwrap()).collect();
    assert_eq!(days, [3, 1, 3, 7, 14]);
    assert!(notices.iter().all(|one| one.kind == "sign_in_ends" && one.text.contains("2027-01-01 08:00")));
    let kept = store.looks().await.unwrap();
    assert_eq!((kept.len(), kept[0].signed_in_until, kept[0].at), (1, Some(at(43 * day)), at(40 * day)));
    assert_eq!(kept[0].findings, [Finding::hint(Kind::Note, "x")]);
}

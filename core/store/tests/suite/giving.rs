//! Secrets that people give, and the key that everything is sealed under.

use std::sync::Arc;

use juzhen_store::*;

use super::Place;
use super::fixture::*;

/// Longer than a nonce and a tag.
fn bytes(text: &str) -> Vec<u8> {
    format!("{text}\0{}", "x".repeat(40)).into_bytes()
}

fn give(name: &str, value: &str, key: &str, seconds: i64) -> GiveSecret {
    let (sealed, data_key) = (bytes(value), bytes(&format!("key of {value}")));
    let accounts = vec!["W000".into(), "W015".into()];
    GiveSecret {
        name: name.into(),
        accounts,
        sealed,
        data_key,
        key: key.into(),
        by: "off.xt".into(),
        at: at(seconds),
    }
}

fn captured(key: &str, sealed: &[u8]) -> KeepCaptured {
    let secret = NewCaptured { name: "access_token".into(), sealed: sealed.into(), expires_at: None };
    KeepCaptured {
        account: "W000".into(),
        turn: HeldTurn { name: "token:W000".into(), holder: "a".into() },
        secrets: vec![secret],
        key: key.into(),
        at: at(0),
    }
}

fn other_key<T: std::fmt::Debug>(answer: Result<T, StoreError>) {
    let StoreError::Refused(refused) = answer.unwrap_err() else { panic!("another failure") };
    assert_eq!(refused.code, "other_key");
}

async fn actions(store: &dyn Store, subject: &str) -> Vec<(String, String)> {
    let filter = AuditFilter { subject: Some(subject.into()), most: 9, ..AuditFilter::default() };
    let rows = store.audit(filter).await.unwrap().into_iter().rev();
    rows.map(|row| (row.audit.actor, row.audit.action)).collect()
}

pub(crate) async fn p11_what_is_given_is_kept_whole_and_who_gave_it_is_in_the_audit(place: &dyn Place) {
    let store = place.open();
    store.seal_under("k1", false).await.unwrap();
    let before = store.sealing().await.unwrap().changes;
    assert_eq!(store.give_secret(give("b", "one", "k1", 1)).await.unwrap(), 1);
    assert_eq!(store.give_secret(give("a", "two", "k1", 2)).await.unwrap(), 1);
    let again = GiveSecret { accounts: vec![], ..give("b", "three", "k1", 3) };
    assert_eq!(store.give_secret(again).await.unwrap(), 2);
    let nothing = GiveSecret { sealed: vec![0; 40], ..give("b", "x", "k1", 4) };
    assert!(store.give_secret(nothing).await.is_err(), "a secret is never overwritten with nothing");
    drop(store);
    let store = place.open();
    let kept = store.given_secrets().await.unwrap();
    let seen: Vec<_> =
        kept.iter().map(|one| (one.name.as_str(), one.version, one.accounts.len(), one.set_at)).collect();
    assert_eq!(seen, [("a", 1, 2, at(2)), ("b", 2, 0, at(3))]);
    assert_eq!((&kept[1].sealed, &kept[1].data_key), (&bytes("three"), &bytes("key of three")));
    assert!(store.forget_secret("b", "off.gl", at(5)).await.unwrap());
    assert!(!store.forget_secret("b", "off.gl", at(6)).await.unwrap());
    assert_eq!(store.given_secrets().await.unwrap().len(), 1);
    assert_eq!(store.sealing().await.unwrap().changes, before + 4);
    let rows = [("off.xt", "secret.set"), ("off.xt", "secret.set"), ("off.gl", "secret.removed")];
    let rows: Vec<_> = rows.iter().map(|(who, what)| ((*who).to_owned(), (*what).to_owned())).collect();
    assert_eq!(actions(&*store, "secret:b").await, rows);
}

pub(crate) async fn p11_what_is_sealed_under_another_key_than_the_databases_is_refused(place: &dyn Place) {
    let store = place.open();
    store.seal_under("k1", false).await.unwrap();
    let turn = store.take_turn("token:W000", "a", jiff::SignedDuration::from_secs(60)).await;
    assert!(turn.unwrap());
    other_key(store.give_secret(give("a", "one", "k0", 1)).await);
    other_key(store.keep_captured(captured("k0", b"old")).await);
    assert!(
        store.given_secrets().await.unwrap().is_empty() && store.captured(None).await.unwrap().is_empty()
    );
    assert!(actions(&*store, "secret:a").await.is_empty());
    // The turn is still there for the same under the right key.
    assert!(store.keep_captured(captured("k1", b"new")).await.unwrap());
}

pub(crate) async fn p11_a_new_key_takes_everything_along_or_nothing(place: &dyn Place) {
    let store = place.open();
    store.seal_under("k1", false).await.unwrap();
    store.give_secret(give("a", "one", "k1", 1)).await.unwrap();
    store.give_secret(give("b", "two", "k1", 1)).await.unwrap();
    assert!(store.take_turn("token:W000", "a", jiff::SignedDuration::from_secs(60)).await.unwrap());
    store.keep_captured(captured("k1", b"\x01token")).await.unwrap();
    let before = (store.given_secrets().await.unwrap(), store.captured(None).await.unwrap());
    let reseal = |from: &str, rewrap: Rewrap| {
        let (from, salt) = (from.to_owned(), "salt under k2".into());
        Reseal { from, to: "k2".into(), salt, rewrap, by: "off.xt".into(), at: at(9) }
    };
    let mark = |row: Sealed<'_>| match row {
        Sealed::Given(row) => Ok([b"2:", row.data_key.as_slice()].concat()),
        Sealed::Captured(row) => Ok([b"2:", row.sealed.as_slice()].concat()),
        Sealed::Factor(_, sealed) => Ok([b"2:", sealed].concat()),
    };
    other_key(store.reseal(reseal("k0", Arc::new(mark))).await);
    // One that cannot be opened stops it, although another one was already done.
    let fails = move |row: Sealed<'_>| match row {
        Sealed::Given(row) if row.name == "b" => Err(Refused::new("forged", "b was changed")),
        other => mark(other),
    };
    assert!(store.reseal(reseal("k1", Arc::new(fails))).await.is_err());
    assert_eq!((store.given_secrets().await.unwrap(), store.captured(None).await.unwrap()), before);
    assert_eq!(store.sealing().await.unwrap().key.as_deref(), Some("k1"));
    let done = store.reseal(reseal("k1", Arc::new(mark))).await.unwrap();
    assert_eq!(done, Resealed { given: 2, captured: 1 });
    drop(store);
    let store = place.open();
    let sealing = store.sealing().await.unwrap();
    assert_eq!((sealing.key.as_deref(), sealing.salt.as_deref()), (Some("k2"), Some("salt under k2")));
    for (now, before) in store.given_secrets().await.unwrap().iter().zip(&before.0) {
        assert_eq!((now.key.as_str(), &now.sealed), ("k2", &before.sealed), "the value is not touched");
        assert_eq!(now.data_key, [b"2:", before.data_key.as_slice()].concat());
    }
    assert_eq!(store.captured(None).await.unwrap()[0].sealed, b"2:\x01token");
    let audit = actions(&*store, "master_key:k2").await;
    assert_eq!(audit, [("off.xt".to_owned(), "master_key.rotated".to_owned())]);
}

pub(crate) async fn p11_what_a_lost_key_sealed_is_still_seen(place: &dyn Place) {
    let store = place.open();
    store.seal_under("k1", false).await.unwrap();
    store.give_secret(give("a", "one", "k1", 1)).await.unwrap();
    assert_eq!(store.seal_under("k2", true).await.unwrap(), "k2");
    let kept = store.given_secrets().await.unwrap();
    assert_eq!((kept.len(), kept[0].key.as_str()), (1, "k1"), "what has to be given again");
    assert_eq!(store.sealing().await.unwrap().salt, None);
    assert_eq!(store.give_secret(give("a", "one", "k2", 2)).await.unwrap(), 2);
}

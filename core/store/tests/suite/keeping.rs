//! Values of adapters, media, settings; restarting and closing.

use std::collections::BTreeMap;

use juzhen_domain::hash::hex;
use juzhen_domain::state::DeliveryState;
use juzhen_store::*;
use sha2::{Digest, Sha256};

use super::Place;
use super::fixture::*;

pub(crate) async fn values_and_blobs(place: &dyn Place) {
    let store = place.open();
    let key =
        |account: &str| ValueKey { adapter: "weibo".into(), account: account.into(), key: "cursor".into() };
    assert_eq!(store.value(&key("W000")).await.unwrap(), None);
    for value in [b"1".to_vec(), b"2".to_vec()] {
        store.set_value(&key("W000"), Some(value)).await.unwrap();
    }
    assert_eq!(store.value(&key("W000")).await.unwrap(), Some(b"2".to_vec()));
    assert_eq!(store.value(&key("W001")).await.unwrap(), None);
    store.set_value(&key("W000"), None).await.unwrap();
    assert_eq!(store.value(&key("W000")).await.unwrap(), None);

    let bytes = vec![0xff, 0xd8, 0xff];
    let sha256 = hex(&Sha256::digest(&bytes));
    let blob = Blob { sha256: sha256.clone(), mime: "image/jpeg".into(), bytes, at: at(0) };
    store.put_blob(blob.clone()).await.unwrap();
    store.put_blob(Blob { at: at(9), ..blob.clone() }).await.unwrap();
    assert_eq!(store.blob(&sha256).await.unwrap(), Some(blob.clone()));
    let wrong = store.put_blob(Blob { bytes: vec![1], ..blob }).await;
    assert!(matches!(wrong, Err(StoreError::Refused(r)) if r.code == "wrong_hash"));
    assert_eq!(store.blob("0").await.unwrap(), None);
}

pub(crate) async fn the_last_settings(place: &dyn Place) {
    let store = place.open();
    assert_eq!(store.last_settings().await.unwrap(), None);
    let kept = |revision: &str, seconds| KeptSettings {
        revision: revision.into(),
        sources: BTreeMap::from([("district.yaml".into(), format!("name: 区 # {revision}\n"))]),
        at: at(seconds),
    };
    // Going back to an earlier set makes that one the last.
    for (n, revision) in (0..).zip(["a", "b", "a"]) {
        let audit = audit("settings.loaded", format!("settings:{revision}"), n);
        store.keep_settings(kept(revision, n), audit).await.unwrap();
    }
    drop(store);
    assert_eq!(place.open().last_settings().await.unwrap(), Some(kept("a", 2)));
}

pub(crate) async fn p04_what_was_answered_is_there_after_a_restart(place: &dyn Place) {
    let store = place.open();
    scheduled(&*store, "i1", &[("W000", 0)]).await;
    let claim = claim_one(&*store, 0).await;
    send(&*store, &claim, 0).await;
    settle(&*store, &claim, published("7", 1), 1).await;
    let before = (store.item(&"i1".into()).await.unwrap(), record(&*store, "i1-W000").await);
    store.ping().await.unwrap();
    drop(store);
    let store = place.open();
    assert_eq!((store.item(&"i1".into()).await.unwrap(), record(&*store, "i1-W000").await), before);
    assert_eq!(store.recover(at(9)).await.unwrap(), Recovered::default());
    assert_eq!(state(&*store, "i1-W000").await, DeliveryState::Published);
}

pub(crate) async fn closing(place: &dyn Place) {
    let store = place.open();
    submit(&*store, "i1").await;
    store.close().await.unwrap();
    let audit = audit("item.submitted", "item:i2".into(), 0);
    assert!(matches!(store.submit_item(item("i2"), audit, None).await, Err(StoreError::Closed)));
    assert!(matches!(store.item(&"i1".into()).await, Err(StoreError::Closed)));
    store.close().await.unwrap();
    drop(store);
    assert!(place.open().item(&"i1".into()).await.unwrap().is_some());
}

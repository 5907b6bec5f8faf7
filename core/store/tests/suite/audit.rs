//! The audit.

use std::sync::Arc;

use juzhen_domain::state::{DeliveryState, ItemState};
use juzhen_store::*;

use super::Place;
use super::fixture::*;

pub(crate) async fn p12_the_chain_is_whole_and_lists_by_subject(place: &dyn Place) {
    let store = place.open();
    let empty = AuditChain { rows: 0, broken_at: None, last_hash: None };
    assert_eq!(store.verify_audit().await.unwrap(), empty);
    let noted = Audit {
        detail: serde_json::json!({ "名": "值", "x": 0.1, "n": [1, null] }),
        request: Some("req-1".into()),
        ..audit("settings.loaded", "settings:r1".into(), 0)
    };
    store.note(noted.clone()).await.unwrap();
    scheduled(&*store, "i1", &[("W000", 0)]).await;
    let chain = store.verify_audit().await.unwrap();
    assert_eq!((chain.rows, chain.broken_at), (5, None));
    let all = AuditFilter { subject: None, before: None, most: 9 };
    let rows = store.audit(all.clone()).await.unwrap();
    assert_eq!(rows.iter().map(|r| r.number).collect::<Vec<_>>(), [5, 4, 3, 2, 1]);
    assert_eq!((&rows[4].audit, chain.last_hash), (&noted, Some(rows[0].hash.clone())));
    let older = store.audit(AuditFilter { before: Some(3), most: 1, ..all }).await.unwrap();
    assert_eq!(older[0].number, 2);
    assert_eq!(actions(&*store, "settings:r1").await, ["settings.loaded"]);
}

pub(crate) async fn f19_a_change_that_fails_leaves_no_audit_row_and_no_change(place: &dyn Place) {
    let store = place.open();
    scheduled(&*store, "i1", &[("W000", 0)]).await;
    let before = store.verify_audit().await.unwrap();
    let kept = store.item(&"i1".into()).await.unwrap();
    // The first of the two cancels well, the second cannot: neither happens.
    let half = change(&*store, "i1", |record| ItemChange {
        deliveries: vec![
            ("i1-W000".into(), delivery_moved(&"i1-W000".into(), DeliveryState::Cancelled, 1)),
            ("nowhere".into(), delivery_moved(&"nowhere".into(), DeliveryState::Cancelled, 1)),
        ],
        ..moved(record, ItemState::Withdrawn)
    });
    assert!(matches!(half.await, Err(StoreError::NotFound { .. })));
    // Nor when the deciding function breaks.
    let broken: ItemChanger = Arc::new(|_| panic!("a bug in a rule"));
    let error = store.change_item(&"i1".into(), broken, None).await.unwrap_err();
    assert!(matches!(error, StoreError::Database { .. }), "{error:?}");
    assert_eq!(store.verify_audit().await.unwrap(), before);
    assert_eq!(store.item(&"i1".into()).await.unwrap(), kept);
    assert_eq!(claim(&*store, 0).await.len(), 1);
}

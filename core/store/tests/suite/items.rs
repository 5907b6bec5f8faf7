//! Items: keeping, deciding, changing, listing.

use std::sync::Arc;

use juzhen_domain::item::{Content, Variant};
use juzhen_domain::state::{DeliveryState, ItemState};
use juzhen_store::*;

use super::Place;
use super::fixture::*;

pub(crate) async fn submitting_keeps_everything(place: &dyn Place) {
    let store = place.open();
    let kept = submit(&*store, "i1").await;
    assert_eq!((&kept.item, kept.decisions.len(), kept.deliveries.len()), (&item("i1"), 0, 0));
    assert_eq!(store.item(&"i1".into()).await.unwrap(), Some(kept));
    assert_eq!(store.item(&"i2".into()).await.unwrap(), None);
    assert_eq!(actions(&*store, "item:i1").await, ["item.submitted"]);
}

pub(crate) async fn p21_a_repeated_request_has_its_effect_once(place: &dyn Place) {
    let store = place.open();
    let once = |request: &str| Once {
        person: "d07.xx".into(),
        key: "k".into(),
        request_sha256: request.into(),
        at: at(0),
    };
    let ask = |id: &'static str, request: &'static str| {
        let audit = audit("item.submitted", format!("item:{id}"), 0);
        store.submit_item(item(id), audit, Some(once(request)))
    };
    // Ten at once, as an impatient client sends them: one is kept, all hear of the same.
    let mut answers = Vec::new();
    let ids = ["i0", "i1", "i2", "i3", "i4", "i5", "i6", "i7", "i8", "i9"];
    let asked: Vec<_> = ids.into_iter().map(|id| ask(id, "a")).collect();
    for one in futures_in_order(asked).await {
        answers.push(one.unwrap());
    }
    let new = answers.iter().filter(|a| matches!(a, Submitted::New(_))).count();
    let (Submitted::New(first) | Submitted::Again(first)) = &answers[0];
    assert_eq!(new, 1);
    for answer in &answers {
        let (Submitted::New(record) | Submitted::Again(record)) = answer;
        assert_eq!(record, first);
    }
    let all = ItemFilter { most: 100, ..ItemFilter::default() };
    assert_eq!(store.items(all).await.unwrap().len(), 1);
    assert!(matches!(ask("i10", "b").await, Err(StoreError::KeyReused { key }) if key == "k"));
    // The same for a change: the second does nothing, even where it could not be repeated.
    let id = first.item.id.clone();
    let changer: ItemChanger = Arc::new(|record| Ok(moved(record, ItemState::Withdrawn)));
    let key = Once { key: "k2".into(), ..once("c") };
    let changed = store.change_item(&id, Arc::clone(&changer), Some(key.clone())).await.unwrap();
    assert_eq!(store.change_item(&id, changer, Some(key)).await.unwrap(), changed);
}

/// Starts all, then waits for all, in order.
async fn futures_in_order<F: Future + Send>(all: Vec<F>) -> Vec<F::Output> {
    let mut all: Vec<_> = all.into_iter().map(Box::pin).collect();
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    let mut early: Vec<Option<F::Output>> = Vec::new();
    for one in &mut all {
        early.push(match one.as_mut().poll(&mut context) {
            std::task::Poll::Ready(output) => Some(output),
            std::task::Poll::Pending => None,
        });
    }
    let mut outputs = Vec::new();
    for (one, output) in all.into_iter().zip(early) {
        outputs.push(match output {
            Some(output) => output,
            None => one.await,
        });
    }
    outputs
}

pub(crate) async fn p02_the_hash_has_to_be_that_of_the_bytes(place: &dyn Place) {
    let store = place.open();
    let mut changed = item("i1");
    changed.content.variants.values_mut().for_each(|v| v.text.push('!'));
    let audit = audit("item.submitted", "item:i1".into(), 0);
    let refused = store.submit_item(changed, audit, None).await;
    assert!(matches!(refused, Err(StoreError::Refused(r)) if r.code == "wrong_hash"));
    assert_eq!(store.item(&"i1".into()).await.unwrap(), None);
}

pub(crate) async fn changing_reads_decides_and_writes_together(place: &dyn Place) {
    let store = place.open();
    let before = submit(&*store, "i1").await;
    let approved = approve(&*store, "i1").await;
    assert_eq!((approved.item.state, approved.decisions.len()), (ItemState::Approved, 1));
    assert!(approved.row_version > before.row_version);
    let refusing: ItemChanger = Arc::new(|record| {
        assert_eq!(record.decisions.len(), 1);
        Err(Refused::new("not_now", "not now"))
    });
    let refused = store.change_item(&"i1".into(), refusing, None).await;
    assert!(matches!(refused, Err(StoreError::Refused(r)) if r.code == "not_now"));
    let missing = change(&*store, "i2", |r| moved(r, ItemState::Withdrawn)).await;
    assert!(matches!(missing, Err(StoreError::NotFound { what: "item", .. })));
    assert_eq!(store.item(&"i1".into()).await.unwrap(), Some(approved));
}

pub(crate) async fn f101_only_what_the_state_allows_is_written(place: &dyn Place) {
    let store = place.open();
    submit(&*store, "i1").await;
    approve(&*store, "i1").await;
    // The second of two reviewers comes too late.
    let again = change(&*store, "i1", |r| moved(r, ItemState::Rejected)).await;
    assert!(matches!(again, Err(StoreError::Impossible { what: "item", .. })), "{again:?}");
    let wrong = |record: &ItemRecord| ItemChange {
        new_deliveries: vec![juzhen_domain::delivery::Delivery {
            state: DeliveryState::Published,
            ..delivery(&record.item, "W000", 0)
        }],
        ..moved(record, ItemState::Scheduled)
    };
    assert!(matches!(change(&*store, "i1", wrong).await, Err(StoreError::Impossible { .. })));
    assert_eq!(item_state(&*store, "i1").await, ItemState::Approved);
    assert_eq!(actions(&*store, "item:i1").await, ["item.submitted", "item.approved"]);
}

pub(crate) async fn p02_an_edit_raises_the_version_and_keeps_old_decisions(place: &dyn Place) {
    let store = place.open();
    submit(&*store, "i1").await;
    let returned = change(&*store, "i1", |r| moved(r, ItemState::Returned)).await.unwrap();
    let edited = change(&*store, "i1", |r| {
        let mut content: Content = r.item.content.clone();
        content.variants.insert("weibo".into(), Variant { text: "改".into(), ..Variant::default() });
        let hash = content.hash();
        ItemChange { content: Some((content, hash)), ..moved(r, ItemState::PendingOffice) }
    });
    let edited = edited.await.unwrap();
    assert_eq!((edited.item.version, edited.item.content.variants.len()), (2, 2));
    assert_eq!(edited.item.hash, edited.item.content.hash());
    assert_ne!(edited.item.hash, returned.item.hash);
}

pub(crate) async fn f103_withdrawing_and_cancelling(place: &dyn Place) {
    let store = place.open();
    scheduled(&*store, "i1", &[("W000", 0), ("W001", 0)]).await;
    let withdrawn = change(&*store, "i1", |record| ItemChange {
        deliveries: record
            .deliveries
            .iter()
            .map(|d| (d.id.clone(), delivery_moved(&d.id, DeliveryState::Cancelled, -10)))
            .collect(),
        ..moved(record, ItemState::Withdrawn)
    });
    let withdrawn = withdrawn.await.unwrap();
    assert_eq!(withdrawn.item.state, ItemState::Withdrawn);
    assert!(withdrawn.deliveries.iter().all(|d| d.state == DeliveryState::Cancelled));
    assert_eq!(claim(&*store, 10).await, []);

    // Cancelled one by one: off the plan, and it can be planned anew on the same accounts.
    scheduled(&*store, "i2", &[("W000", 0)]).await;
    let cancelled = delivery_moved(&"i2-W000".into(), DeliveryState::Cancelled, -10);
    change_delivery(&*store, cancelled, "i2-W000").await;
    assert_eq!(item_state(&*store, "i2").await, ItemState::Approved);
    let anew = change(&*store, "i2", |record| {
        let mut anew = delivery(&record.item, "W000", 20);
        anew.id = "i2-again".into();
        ItemChange { new_deliveries: vec![anew], ..moved(record, ItemState::Scheduled) }
    });
    assert_eq!(anew.await.unwrap().deliveries.len(), 2);

    // Once it is claimed, cancelling comes too late.
    assert_eq!(claim_one(&*store, 20).await.delivery.id.as_str(), "i2-again");
    let id = "i2-again".into();
    let changer: DeliveryChanger = Arc::new(|d| Ok(delivery_moved(&d.id, DeliveryState::Cancelled, 21)));
    let late = store.change_delivery(&id, changer, Arc::new(|_, _, _| Vec::new()), None).await;
    assert!(matches!(late, Err(StoreError::Impossible { what: "delivery", .. })), "{late:?}");
}

pub(crate) async fn an_item_is_what_its_deliveries_make_of_it(place: &dyn Place) {
    let store = place.open();
    scheduled(&*store, "i1", &[("W000", 0)]).await;
    assert_eq!(store.sweep(at(901), all_active()).await.unwrap().missed, 1);
    assert_eq!(item_state(&*store, "i1").await, ItemState::Expired);
    // The office plans the delivery anew and says nothing of the item.
    let anew = |record: &ItemRecord| {
        let due = DeliveryChange {
            due_at: Some(at(1000)),
            latest_at: Some(at(2000)),
            ..delivery_moved(&"i1-W000".into(), DeliveryState::Due, 950)
        };
        ItemChange { deliveries: vec![("i1-W000".into(), due)], ..moved(record, record.item.state) }
    };
    assert_eq!(change(&*store, "i1", anew).await.unwrap().item.state, ItemState::Scheduled);
    assert_eq!(actions(&*store, "item:i1").await.last().unwrap(), "item.scheduled");
}

pub(crate) async fn lists_are_newest_first_and_filtered(place: &dyn Place) {
    let store = place.open();
    for id in ["i1", "i2", "i3"] {
        submit(&*store, id).await;
    }
    approve(&*store, "i2").await;
    let ids = async |filter: ItemFilter| -> Vec<String> {
        store.items(filter).await.unwrap().iter().map(|i| i.id.to_string()).collect()
    };
    let some = |most| ItemFilter { most, ..ItemFilter::default() };
    assert_eq!(ids(some(2)).await, ["i3", "i2"]);
    assert_eq!(ids(ItemFilter { before: Some("i3".into()), ..some(9) }).await, ["i2", "i1"]);
    assert_eq!(ids(ItemFilter { state: Some(ItemState::Approved), ..some(9) }).await, ["i2"]);
    assert_eq!(ids(ItemFilter { unit: Some("D08".into()), ..some(9) }).await, [""; 0]);
    let pending = Some(ItemState::PendingOffice);
    let both = ItemFilter { state: pending, unit: Some("D07".into()), before: Some("i3".into()), most: 9 };
    assert_eq!(ids(both).await, ["i1"]);

    scheduled(&*store, "i4", &[("W000", 0), ("W001", 0)]).await;
    let of = |account: &str| DeliveryFilter {
        account: Some(account.into()),
        state: Some(DeliveryState::Due),
        item: Some("i4".into()),
        most: 9,
        before: None,
    };
    let found = store.deliveries(of("W001")).await.unwrap();
    assert_eq!(found.iter().map(|d| d.id.as_str()).collect::<Vec<_>>(), ["i4-W001"]);
}

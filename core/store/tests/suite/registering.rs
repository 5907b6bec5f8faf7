//! The register, versions of items, and events that are told in stages.

use std::collections::BTreeSet;
use std::sync::Arc;

use juzhen_domain::hash::ContentHash;
use juzhen_domain::id::ItemId;
use juzhen_domain::item::{Content, Item};
use juzhen_domain::register::Series;
use juzhen_domain::review::{Decision, Record, Verdict};
use juzhen_domain::state::ItemState;
use juzhen_store::*;

use super::Place;
use super::fixture::*;

/// Approvals at the same time.
const AT_ONCE: usize = 24;

fn series(year: i16) -> Series {
    Series { prefix: "东新媒备".into(), year }
}

fn registered(record: &ItemRecord, year: i16) -> ItemChange {
    ItemChange { register: Some(series(year)), ..moved(record, ItemState::Approved) }
}

/// Every third approval is refused after its number could have been taken: the numbers of the others have no gap.
pub(crate) async fn numbers_of_the_register_have_no_gap_whoever_asks_at_once(place: &dyn Place) {
    let store = place.open();
    let ids: Vec<String> = (0..AT_ONCE).map(|n| format!("i{n:02}")).collect();
    for id in &ids {
        submit(&*store, id).await;
    }
    let mut asked = tokio::task::JoinSet::new();
    for (place, id) in ids.iter().enumerate() {
        let (store, id) = (Arc::clone(&store), ItemId::new(id));
        let changer: ItemChanger = Arc::new(move |record| {
            let change = registered(record, 2026);
            // The delivery of another item is refused when everything before it is written.
            let foreign = delivery(&item("i99"), "W000", 60);
            let new_deliveries = if place % 3 == 2 { vec![foreign] } else { vec![] };
            Ok(ItemChange { new_deliveries, ..change })
        });
        asked.spawn(async move { store.change_item(&id, changer, None).await });
    }
    let (mut numbers, mut refused) = (BTreeSet::new(), 0);
    while let Some(answer) = asked.join_next().await {
        match answer.unwrap() {
            Ok(record) => assert!(numbers.insert(record.register_no.unwrap()), "a number was given twice"),
            Err(_) => refused += 1,
        }
    }
    assert_eq!(refused, AT_ONCE / 3);
    let expected: BTreeSet<_> = (1..).map(|n| series(2026).number(n)).take(AT_ONCE - refused).collect();
    assert_eq!(numbers, expected);
    // After a new start it goes on, and a new year begins anew.
    store.close().await.unwrap();
    drop(store);
    let store = place.open();
    let next = change(&*store, "i02", |record| registered(record, 2026)).await.unwrap();
    assert_eq!(next.register_no.as_deref(), Some("东新媒备〔2026〕0017号"));
    let new_year = change(&*store, "i05", |record| registered(record, 2027)).await.unwrap();
    assert_eq!(new_year.register_no.as_deref(), Some("东新媒备〔2027〕0001号"));
    let late = change(&*store, "i08", |record| registered(record, 2026)).await.unwrap();
    assert_eq!(late.register_no.as_deref(), Some("东新媒备〔2026〕0018号"));
}

/// Withdrawn, it keeps its number, and nobody else gets it.
pub(crate) async fn a_number_of_the_register_is_kept_whatever_becomes_of_the_item(place: &dyn Place) {
    let store = place.open();
    submit(&*store, "i1").await;
    submit(&*store, "i2").await;
    let first = change(&*store, "i1", |record| registered(record, 2026)).await.unwrap();
    let again = change(&*store, "i1", |record| registered(record, 2027)).await.unwrap();
    assert_eq!(
        (again.register_no.as_deref(), &again.register_no),
        (Some("东新媒备〔2026〕0001号"), &first.register_no)
    );
    let withdrawn = change(&*store, "i1", |record| moved(record, ItemState::Withdrawn)).await.unwrap();
    assert_eq!(withdrawn.register_no, first.register_no);
    let second = change(&*store, "i2", |record| registered(record, 2026)).await.unwrap();
    assert_eq!(second.register_no.as_deref(), Some("东新媒备〔2026〕0002号"));
}

fn rewritten(item: &Item, text: &str) -> (Content, ContentHash) {
    let mut content = item.content.clone();
    content.variants.values_mut().for_each(|variant| variant.text = text.into());
    let hash = content.hash();
    (content, hash)
}

pub(crate) async fn p02_every_text_of_an_item_is_kept_and_approvals_are_carried_with_it(place: &dyn Place) {
    let store = place.open();
    submit(&*store, "i1").await;
    approve(&*store, "i1").await;
    let edited = change(&*store, "i1", |record| {
        let (content, hash) = rewritten(&record.item, "停水通知。");
        let carry = |d: &Decision| {
            let record = Record { carried_from: Some(d.hash.clone()), ..Record::default() };
            Decision { hash: hash.clone(), record, ..d.clone() }
        };
        let carried = record.decisions.iter().map(carry).collect();
        ItemChange { carried, content: Some((content, hash)), ..moved(record, record.item.state) }
    });
    let edited = edited.await.unwrap();
    assert_eq!((edited.item.version, edited.decisions.len()), (2, 2));
    assert_eq!(edited.decisions[1].verdict, Verdict::Approve);
    assert_eq!(edited.decisions[1].record.carried_from.as_ref(), Some(&edited.decisions[0].hash));
    let versions = store.item_versions(&"i1".into()).await.unwrap();
    let kept: Vec<_> =
        versions.iter().map(|v| (v.version, v.content.hash() == v.hash, v.person.as_str())).collect();
    assert_eq!(kept, [(1, true, "off.hg"), (2, true, "off.hg")]);
    assert_ne!(versions[0].hash, versions[1].hash);
    assert!(store.item_versions(&"none".into()).await.unwrap().is_empty());
}

pub(crate) async fn r42_a_stage_of_an_event_is_told_once_and_knows_those_before_it(place: &dyn Place) {
    let store = place.open();
    let stage = |id: &str, number: u32| {
        let mut item = item(id);
        item.content.filing.event_id = Some("E1".into());
        item.content.filing.stage_no = Some(number);
        item.hash = item.content.hash();
        store.submit_item(item, audit("item.submitted", format!("item:{id}"), 0), None)
    };
    let taken = |answer: Result<Submitted, StoreError>| match answer {
        Ok(Submitted::New(record)) => Ok(record),
        Err(StoreError::Refused(why)) => Err(why.code),
        other => panic!("{other:?}"),
    };
    let first = taken(stage("i1", 1).await).unwrap();
    assert_eq!(first.earlier, []);
    assert_eq!(taken(stage("i2", 1).await).unwrap_err(), "stage_taken");
    let second = taken(stage("i3", 2).await).unwrap();
    let known: Vec<_> =
        second.earlier.iter().map(|s| (s.item.as_str(), s.number, s.state, s.due_at)).collect();
    assert_eq!(known, [("i1", 1, ItemState::PendingOffice, None)]);
    // What is out of the way leaves its place to another one.
    change(&*store, "i1", |record| moved(record, ItemState::Withdrawn)).await.unwrap();
    taken(stage("i4", 1).await).unwrap();
    let second = store.item(&"i3".into()).await.unwrap().unwrap();
    assert_eq!(second.earlier.iter().map(|s| s.item.as_str()).collect::<Vec<_>>(), ["i4"]);
}

/// Two items that are merged into each other would both be gone.
pub(crate) async fn an_item_is_merged_only_into_one_that_is_there(place: &dyn Place) {
    let store = place.open();
    submit(&*store, "i1").await;
    submit(&*store, "i2").await;
    let merge = |id: &'static str, into: &'static str| {
        change(&*store, id, move |record| ItemChange {
            merged_into: Some(into.into()),
            ..moved(record, ItemState::Merged)
        })
    };
    assert_eq!(merge("i1", "i2").await.unwrap().merged_into, Some("i2".into()));
    let back = merge("i2", "i1").await;
    assert!(matches!(back, Err(StoreError::Refused(ref why)) if why.code == "no_target"), "{back:?}");
    assert!(matches!(merge("i2", "i9").await, Err(StoreError::NotFound { .. })));
}

//! What waits for somebody: in order, page by page, counted by reason.

use juzhen_domain::outcome::Next;
use juzhen_domain::state::DeliveryState;
use juzhen_store::*;

use super::Place;
use super::fixture::*;

fn all(most: u32) -> AttentionFilter {
    use DeliveryState as S;
    let states = vec![S::NeedsPerson, S::InDoubt, S::Missed, S::Refused, S::Held, S::Waiting];
    AttentionFilter { states, most, ..AttentionFilter::default() }
}

async fn ids(store: &dyn Store, filter: AttentionFilter) -> Vec<String> {
    let found = store.attention(filter).await.unwrap();
    found.deliveries.into_iter().map(|delivery| delivery.id.to_string()).collect()
}

pub(crate) async fn what_waits_is_listed_oldest_first_and_counted_by_reason(place: &dyn Place) {
    let store = place.open();
    scheduled(&*store, "i1", &[("W000", 30), ("W001", 10), ("W002", 20), ("W003", 900)]).await;
    scheduled(&*store, "i2", &[("W004", 10), ("W005", 25)]).await;
    let asked = [
        ("i1-W000", "operator: 等通知"),
        ("i1-W001", "operator: 核实"),
        ("i1-W002", "stopped: STOP ALL is on"),
    ];
    for (id, reason) in asked {
        let hold = DeliveryChange {
            reason: Some(reason.into()),
            ..delivery_moved(&id.into(), DeliveryState::Held, 0)
        };
        change_delivery(&*store, hold, id).await;
    }
    for claim in claim(&*store, 25).await {
        let reason = "平台的原话: x".to_owned();
        settle(&*store, &claim, Next::NeedsPerson { reason }, 26).await;
    }
    assert_eq!(ids(&*store, all(9)).await, ["i1-W001", "i2-W004", "i1-W002", "i2-W005", "i1-W000"]);
    let counts = store.attention(all(1)).await.unwrap().counts;
    let counted =
        |state, word: Option<&str>, deliveries| Waiting { state, word: word.map(Into::into), deliveries };
    assert_eq!(
        counts,
        [
            counted(DeliveryState::NeedsPerson, None, 2),
            counted(DeliveryState::Held, Some("stopped"), 1),
            counted(DeliveryState::Held, Some("operator"), 2),
        ]
    );
    let page = AttentionFilter { after: Some("i2-W004".into()), ..all(2) };
    assert_eq!(ids(&*store, page).await, ["i1-W002", "i2-W005"]);
    let of_item = AttentionFilter { item: Some("i2".into()), account: Some("W005".into()), ..all(9) };
    assert_eq!(ids(&*store, of_item).await, ["i2-W005"]);
    let held = AttentionFilter { states: vec![DeliveryState::Held], ..all(1) };
    assert_eq!(ids(&*store, held).await, ["i1-W001"]);
}

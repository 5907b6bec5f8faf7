//! STOP ALL.

use juzhen_domain::state::DeliveryState;
use juzhen_store::*;

use super::Place;
use super::fixture::*;

pub(crate) async fn p26_stop_survives_a_restart_and_two_people_lift_it(place: &dyn Place) {
    let store = place.open();
    assert_eq!(store.stopped().await.unwrap(), None);
    assert_eq!(store.lift_stop("off.hg".into(), at(0)).await.unwrap(), None);
    store.stop("off.hg".into(), "误发".into(), at(1)).await.unwrap();
    drop(store);
    let store = place.open();
    let stop = store.stopped().await.unwrap().unwrap();
    assert_eq!((stop.by.as_str(), stop.reason.as_str(), stop.at), ("off.hg", "误发", at(1)));
    // Whoever stopped may be one of the two, but saying it twice is one word.
    for _ in 0..3 {
        let stop = store.lift_stop("off.hg".into(), at(2)).await.unwrap().unwrap();
        assert_eq!(stop.lifting, ["off.hg".into()]);
    }
    // Stopping again takes that word back.
    assert_eq!(store.stop("off.ly".into(), "再查".into(), at(3)).await.unwrap().lifting, []);
    assert!(store.lift_stop("off.ly".into(), at(4)).await.unwrap().is_some());
    assert_eq!(store.lift_stop("off.hg".into(), at(5)).await.unwrap(), None);
    assert_eq!(store.stopped().await.unwrap(), None);
    let audited = actions(&*store, "stop:all").await;
    assert_eq!(audited, ["stop.set", "stop.lift_asked", "stop.set", "stop.lift_asked", "stop.lifted"]);
}

pub(crate) async fn p26_stop_holds_what_becomes_due_and_lifting_releases_it(place: &dyn Place) {
    let store = place.open();
    scheduled(&*store, "i1", &[("W000", 0), ("W001", 50)]).await;
    store.stop("off.hg".into(), "误发".into(), at(0)).await.unwrap();
    // The durable stop counts, whatever the caller believes.
    let round = store.claim(ClaimRequest { stopped: false, ..request(1) }).await.unwrap();
    assert_eq!((round.claims.len(), round.held), (0, 1));
    assert_eq!(store.sweep(at(2), all_active()).await.unwrap().released, 0);
    for person in ["off.hg", "off.ly"] {
        store.lift_stop(person.into(), at(3)).await.unwrap();
    }
    assert_eq!(store.sweep(at(4), all_active()).await.unwrap().released, 1);
    assert_eq!(state(&*store, "i1-W000").await, DeliveryState::Due);
    // And the caller's, who may hear of it first.
    let round = store.claim(ClaimRequest { stopped: true, ..request(5) }).await.unwrap();
    assert_eq!((round.claims.len(), round.held), (0, 1));
}

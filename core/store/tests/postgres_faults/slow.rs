//! A database that takes its time (F33): nothing is claimed and nothing leaves by a time that was read before.

use std::time::Duration;

use juzhen_domain::outcome::Next;
use juzhen_domain::state::DeliveryState;
use juzhen_store::{EffectBegun, PostgresOptions, Store, StoreError};

use crate::cluster::cluster;
use crate::fixture::*;
use crate::{Session, open, options, row, wired};

/// The server ends a transaction that hangs for 5 s.
const HANGS: Duration = Duration::from_secs(5);
const SHORT: Duration = Duration::from_secs(3);

/// The catalogue says 10 s.
fn slowly() -> Duration {
    if std::env::var_os("JUZHEN_LONG").is_some() { Duration::from_secs(10) } else { SHORT }
}

/// A store to which nothing else is slow, however busy the machine is.
fn patient() -> PostgresOptions {
    PostgresOptions { slow: SHORT, ..options() }
}

#[tokio::test(flavor = "multi_thread")]
async fn f33_what_is_too_late_when_the_database_gets_to_it_is_not_claimed() {
    let (wire, store) = wired(&patient());
    // To be sent by 900; by 1500; not before 1500.
    scheduled(&store, "i1", &[("W000", 0), ("W001", 600), ("W002", 1500)]).await;
    *wire.spots().slow.lock().unwrap() = Some(("BEGIN", slowly()));
    let round = store.claim(request(899)).await.unwrap();
    assert!(wire.spots().slow.lock().unwrap().is_none(), "it was not slow");
    let claimed: Vec<_> = round.claims.iter().map(|claim| claim.delivery.id.as_str()).collect();
    assert_eq!((claimed, round.missed), (vec!["i1-W001"], 1));
    assert_eq!(state(&store, "i1-W000").await, DeliveryState::Missed);
    assert_eq!(state(&store, "i1-W002").await, DeliveryState::Due, "nor is anything early");
}

#[tokio::test(flavor = "multi_thread")]
async fn f33_what_is_too_late_when_its_intent_is_on_disk_does_not_leave() {
    let (wire, store) = wired(&patient());
    scheduled(&store, "i1", &[("W000", 0)]).await;
    for word in ["BEGIN", "COMMIT"] {
        let claim = claim_one(&store, 1).await;
        *wire.spots().slow.lock().unwrap() = Some((word, slowly()));
        let begun = store.begin_effect(effect(&claim.attempt, "post", 899)).await.unwrap();
        assert!(wire.spots().slow.lock().unwrap().is_none(), "it was not slow");
        let EffectBegun::Refused(reason) = begun else { panic!("{word}: {begun:?}") };
        assert!(reason.starts_with("missed: "), "{reason}");
        // Nothing has left, so it may go back and be missed.
        let again = Next::Again { at: at(1), reason, resume: false };
        let delivery = settle(&store, &claim, again, 1).await;
        assert_eq!(delivery.state, DeliveryState::Due, "{word}: {:?}", delivery.reason);
    }
    let effects = record(&store, "i1-W000").await.effects;
    // Of a commit that hung nothing was kept, and its second try came too late.
    let left = usize::from(slowly() < HANGS);
    assert_eq!(effects.len(), left, "only the slow commit left an intent");
    assert!(effects.iter().all(|e| e.answered_at.is_some() && e.complete == Some(false)), "{effects:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn f33_while_a_lock_keeps_everybody_waiting_all_of_them_hear_of_it_soon() {
    let database = cluster().database(None).unwrap();
    let patience = Duration::from_secs(1);
    let store = open(cluster().port(), &database, &PostgresOptions { patience, ..options() }).unwrap();
    scheduled(&store, "i1", &[("W000", 0)]).await;
    let lock = Session::saying(cluster().port(), &database, "SELECT pg_advisory_lock(1249202766, 1)");
    let (claim, noted, other) =
        tokio::join!(store.claim(request(1)), store.note(row("one")), store.note(row("another")));
    for told in [claim.err(), noted.err(), other.err()] {
        let Some(StoreError::Database { source, .. }) = &told else { panic!("{told:?}") };
        assert!(source.to_string().contains("too slow"), "{source}");
    }
    lock.end();
    claim_one(&store, 2).await;
}

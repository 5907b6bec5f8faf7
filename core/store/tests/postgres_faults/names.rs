//! Daemons on one database: their names, their leases, and what they hear of each other.

use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use juzhen_domain::state::DeliveryState;
use juzhen_store::{
    ClaimRequest, EffectBegun, Postgres, PostgresOptions, Recovered, Settled, Store, StoreError,
};

use crate::cluster::cluster;
use crate::fixture::*;
use crate::wire::Wire;
use crate::{AT_MOST, named, open, options, row, times, until};

#[tokio::test(flavor = "multi_thread")]
async fn p18_two_living_daemons_do_not_share_a_name() {
    let database = cluster().database(None).unwrap();
    let named_a = named("a");
    let first = open(cluster().port(), &database, &named_a).unwrap();
    drop(open(cluster().port(), &database, &named("b")).unwrap());
    let second = open(cluster().port(), &database, &named_a).err().unwrap();
    assert!(matches!(second, StoreError::InUse { .. }), "{second:?}");
    drop(first);
    open(cluster().port(), &database, &named_a).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_daemon_changes_wakes_this_one() {
    let database = cluster().database(None).unwrap();
    let (one, other) = (
        open(cluster().port(), &database, &options()).unwrap(),
        open(cluster().port(), &database, &options()).unwrap(),
    );
    let stop = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        one.stop("off.hg".into(), "test".into(), at(0)).await.unwrap();
    };
    let woken = async { tokio::time::timeout(Duration::from_secs(20), other.woken()).await.unwrap() };
    tokio::join!(stop, woken);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_has_eight_connections_however_much_it_is_asked() {
    let database = cluster().database(None).unwrap();
    let store = Arc::new(open(cluster().port(), &database, &PostgresOptions::default()).unwrap());
    let count = format!("SELECT count(*) FROM pg_stat_activity WHERE datname = '{database}'");
    let count = || cluster().say("postgres", &count).unwrap();
    until("both readers have been used", async || {
        let asked = (0..40).map(|n| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                store.note(row(&format!("thing:{n}"))).await.unwrap();
                times(&*store, "thing:0").await
            })
        });
        for asked in asked.collect::<Vec<_>>() {
            asked.await.unwrap();
        }
        let now: u32 = count().parse().unwrap();
        assert!(now <= 8, "{now}");
        now == 8
    })
    .await;
}

const LEASE: SignedDuration = SignedDuration::from_secs(300);

/// A claim of this worker whose request has left, and the effect's number.
async fn sent_by(store: &dyn Store, worker: &str) -> (juzhen_store::Claim, i64) {
    scheduled(store, "i1", &[("W000", 0)]).await;
    let request = ClaimRequest { worker: worker.into(), ..request(0) };
    let claim = store.claim(request).await.unwrap().claims.remove(0);
    let effect = begin(store, &claim.attempt, "post", 1).await;
    (claim, effect)
}

/// What a daemon that was taken for gone still has to say is kept, and nothing of it counts.
async fn is_fenced_off(store: &Postgres, worker: &str, claim: &juzhen_store::Claim, sent: i64) {
    let begun = store.begin_effect(effect(&claim.attempt, "another", 2)).await.unwrap();
    assert!(matches!(begun, EffectBegun::Refused(_)), "{begun:?}");
    let again = ClaimRequest { worker: worker.into(), ..request(2) };
    assert!(store.claim(again).await.unwrap().claims.is_empty());
    store.end_effect(sent, answer(2)).await.unwrap();
    let settled = store.settle(settle_as(claim, published("7", 2), 2)).await.unwrap();
    assert_eq!(settled, Settled::Late { state: DeliveryState::InDoubt });
    let record = record(store, "i1-W000").await;
    assert_eq!(record.delivery.state, DeliveryState::InDoubt);
    assert_eq!(record.late.len(), 1, "{:?}", record.late);
}

#[tokio::test(flavor = "multi_thread")]
async fn f35_a_daemon_whose_name_another_took_hears_of_it_and_is_it_no_more() {
    let database = cluster().database(None).unwrap();
    let wire = Wire::to(cluster().port());
    let old = open(wire.port(), &database, &named("a")).unwrap();
    old.join("a1", LEASE).await.unwrap();
    let (claim, sent) = sent_by(&old, "a1").await;
    wire.cut(true);
    let new = open(cluster().port(), &database, &named("a")).unwrap();
    new.join("a2", LEASE).await.unwrap();
    assert_eq!(new.recover(at(1)).await.unwrap(), Recovered { in_doubt: 1, ..Recovered::default() });
    wire.cut(false);
    let why = tokio::time::timeout(AT_MOST, old.broken()).await.unwrap();
    assert!(why.contains("another daemon has come under the name a"), "{why}");
    until("it writes again", async || old.ping().await.is_ok()).await;
    let joined = old.join("a3", LEASE).await.unwrap_err();
    assert!(matches!(joined, StoreError::Database { .. }), "{joined:?}");
    is_fenced_off(&old, "a1", &claim, sent).await;
    // The new one was not declared gone by the old one's try to join.
    let request = ClaimRequest { worker: "a2".into(), ..request(2) };
    assert!(new.claim(request).await.unwrap().claims.is_empty(), "nobody sends it a second time");
    scheduled(&new, "i2", &[("W001", 0)]).await;
    let request = ClaimRequest { worker: "a2".into(), ..crate::fixture::request(2) };
    assert_eq!(new.claim(request).await.unwrap().claims.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn f35_a_result_after_the_lease_is_evidence_and_the_new_owner_only_looks() {
    let database = cluster().database(None).unwrap();
    let old = open(cluster().port(), &database, &named("a")).unwrap();
    let new = open(cluster().port(), &database, &named("b")).unwrap();
    old.join("a1", LEASE).await.unwrap();
    new.join("b1", LEASE).await.unwrap();
    let (claim, sent) = sent_by(&old, "a1").await;
    assert_eq!(new.recover(at(1)).await.unwrap(), Recovered::default(), "its lease lasts");
    cluster().say(&database, "UPDATE juzhen.workers SET lease_until = 1 WHERE id = 'a1'").unwrap();
    assert_eq!(new.recover(at(1)).await.unwrap(), Recovered { in_doubt: 1, ..Recovered::default() });
    is_fenced_off(&old, "a1", &claim, sent).await;
    let request = ClaimRequest { worker: "b1".into(), ..request(2) };
    assert!(new.claim(request).await.unwrap().claims.is_empty(), "nobody sends it a second time");
}

#[tokio::test(flavor = "multi_thread")]
async fn f35_a_daemon_that_lost_only_its_connections_keeps_its_name() {
    let database = cluster().database(None).unwrap();
    let store = open(cluster().port(), &database, &named("a")).unwrap();
    store.join("a1", LEASE).await.unwrap();
    cluster()
        .say(
            "postgres",
            &format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database}'"),
        )
        .unwrap();
    let holds =
        "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND classid = 1249202767 AND granted
         AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    until("it has its name again", async || cluster().say(&database, holds).unwrap() == "1").await;
    until("it can join under it", async || store.join("a2", LEASE).await.is_ok()).await;
    tokio::time::timeout(Duration::from_millis(600), store.broken()).await.unwrap_err();
}

//! A server that is another one than before and may have forgotten what was confirmed (F31).

use juzhen_domain::state::DeliveryState;
use juzhen_store::{Claim, Known, Postgres, Store};

use crate::cluster::Cluster;
use crate::fixture::*;
use crate::wire::Wire;
use crate::{AT_MOST, named, open, until};

const DATABASE: &str = "postgres";

/// Two deliveries that are due at once, the first of which is then sent and published.
async fn sent(store: &Postgres) -> Claim {
    scheduled(store, "i1", &[("W000", 0)]).await;
    scheduled(store, "i2", &[("W001", 1_000_000_000)]).await;
    claim_one(store, 1).await
}

async fn published_now(store: &Postgres, claim: &Claim) {
    send(store, claim, 1).await;
    settle(store, claim, published("7", 2), 2).await;
}

/// The history is known to be cut; everything is held, and what may be out is looked for instead of sent.
async fn is_held(store: &Postgres) {
    let known = store.knows(None).await.unwrap();
    let Known::Cut(why) = known else { panic!("{known:?}") };
    let restoration = store.suspect(why, at(3), at(3)).await.unwrap();
    let suspects: Vec<_> = restoration.deliveries.iter().map(|s| s.delivery.as_str()).collect();
    assert_eq!(suspects, ["i1-W000"]);
    assert_eq!(state(store, "i1-W000").await, DeliveryState::InDoubt);
    assert!(store.stopped().await.unwrap().is_some());
    assert!(claim(store, 4).await.is_empty());
    assert_eq!(store.knows(None).await.unwrap(), Known::Yes, "looked after once");
}

#[tokio::test(flavor = "multi_thread")]
async fn f31_an_older_copy_behind_the_same_address_is_known_at_once_and_everything_is_held() {
    let cluster = Cluster::start().unwrap();
    let store = open(cluster.port(), DATABASE, &named("a")).unwrap();
    let first = sent(&store).await;
    cluster.down().unwrap();
    cluster.keep_copy().unwrap();
    cluster.up().unwrap();
    // A crash of the server alone is no reason to hold anything.
    until("it goes on after the crash", async || store.ping().await.is_ok()).await;
    published_now(&store, &first).await;
    cluster.down().unwrap();
    cluster.put_copy_back().unwrap();
    cluster.up().unwrap();
    let why = tokio::time::timeout(AT_MOST, store.broken()).await.unwrap();
    assert!(why.contains("older copy"), "{why}");
    let claimed = store.claim(request(3)).await.map(|round| round.claims);
    assert!(claimed.is_err(), "{claimed:?}");
    drop(store);
    is_held(&open(cluster.port(), DATABASE, &named("a")).unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f31_a_failover_to_a_standby_that_lacks_commits_is_held() {
    let cluster = Cluster::start().unwrap();
    let wire = Wire::to(cluster.port());
    let store = open(wire.port(), DATABASE, &named("a")).unwrap();
    let first = sent(&store).await;
    let standby = cluster.standby().unwrap();
    standby.down().unwrap();
    published_now(&store, &first).await;
    cluster.down().unwrap();
    standby.up().unwrap();
    standby.promote().unwrap();
    wire.lead_to(standby.port());
    let why = tokio::time::timeout(AT_MOST, store.broken()).await.unwrap();
    assert!(why.contains("timeline 00000001, now 00000002"), "{why}");
    drop(store);
    // Even one that knows nothing of what was lost does not believe it.
    is_held(&open(wire.port(), DATABASE, &named("b")).unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f31_a_failover_to_a_synchronous_standby_has_everything_and_holds_nothing() {
    let cluster = Cluster::start().unwrap();
    let standby = cluster.standby().unwrap();
    cluster.say(DATABASE, "ALTER SYSTEM SET synchronous_standby_names = '*'").unwrap();
    cluster.say(DATABASE, "SELECT pg_reload_conf()").unwrap();
    let names = || cluster.say(DATABASE, "SHOW synchronous_standby_names").unwrap();
    until("the standby is synchronous", async || names() == "*").await;
    let wire = Wire::to(cluster.port());
    let store = open(wire.port(), DATABASE, &named("a")).unwrap();
    let first = sent(&store).await;
    published_now(&store, &first).await;
    cluster.down().unwrap();
    standby.promote().unwrap();
    wire.lead_to(standby.port());
    tokio::time::timeout(AT_MOST, store.broken()).await.unwrap();
    drop(store);
    let store = open(wire.port(), DATABASE, &named("a")).unwrap();
    assert_eq!(store.knows(None).await.unwrap(), Known::Yes);
    assert_eq!(state(&store, "i1-W000").await, DeliveryState::Published);
}

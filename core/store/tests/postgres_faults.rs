//! What goes wrong between the store and PostgreSQL: cut connections, lost answers, servers that are not durable, deadlocks.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // tests say so by failing

#[allow(dead_code, unreachable_pub, reason = "shared with the tests of the whole system")]
#[path = "../../../tests/support/cluster.rs"]
mod cluster;
#[allow(dead_code, unreachable_pub, reason = "shared with the tests of the whole system")]
#[path = "../../../tests/support/wire.rs"]
mod wire;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use cluster::cluster;
use jiff::Timestamp;
use juzhen_store::{Audit, AuditFilter, Postgres, PostgresOptions, Store, StoreError};
use serde_json::json;
use wire::Wire;

fn options() -> PostgresOptions {
    PostgresOptions { writers: 2, readers: 1, ..PostgresOptions::default() }
}

fn open(port: u16, database: &str, options: &PostgresOptions) -> Result<Postgres, StoreError> {
    Postgres::open(&format!("postgres://juzhen@127.0.0.1:{port}/{database}?sslmode=disable"), options)
}

fn row(subject: &str) -> Audit {
    let at = Timestamp::UNIX_EPOCH;
    let (actor, action) = ("off.hg".into(), "thing.done".into());
    Audit { actor, action, subject: subject.into(), detail: json!({}), at, request: None }
}

async fn times(store: &dyn Store, subject: &str) -> usize {
    let filter = AuditFilter { subject: Some(subject.into()), before: None, most: 100 };
    store.audit(filter).await.unwrap().len()
}

/// Asks until the database is back.
async fn back(store: &dyn Store) {
    for _ in 0..200 {
        if store.ping().await.is_ok() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("not back within 10 s");
}

#[tokio::test(flavor = "multi_thread")]
async fn f29_f30_a_commit_whose_answer_is_lost_is_asked_for_and_done_once() {
    let database = cluster().database(None).unwrap();
    let wire = Wire::to(cluster().port());
    let store = open(wire.port(), &database, &options()).unwrap();
    for n in 0..6 {
        // Either the word COMMIT is lost, or the answer to it.
        let spot = if n % 2 == 0 { &wire.cut_before_commit } else { &wire.cut_after_commit };
        spot.store(1, Ordering::SeqCst);
        store.note(row(&format!("thing:{n}"))).await.unwrap();
        assert_eq!(spot.load(Ordering::SeqCst), 0, "the connection was never cut");
        assert_eq!(times(&store, &format!("thing:{n}")).await, 1);
    }
    let chain = store.verify_audit().await.unwrap();
    assert_eq!((chain.rows, chain.broken_at), (6, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn f30_while_the_database_is_away_calls_fail_and_go_on_after_it() {
    let database = cluster().database(None).unwrap();
    let wire = Wire::to(cluster().port());
    let store = open(wire.port(), &database, &options()).unwrap();
    store.note(row("before")).await.unwrap();
    wire.cut(true);
    let refused = store.note(row("meanwhile")).await.unwrap_err();
    assert!(matches!(refused, StoreError::Database { .. }), "{refused:?}");
    wire.cut(false);
    back(&store).await;
    store.note(row("after")).await.unwrap();
    assert_eq!((times(&store, "before").await, times(&store, "meanwhile").await), (1, 0));
    assert_eq!(times(&store, "after").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn f32_work_that_met_a_deadlock_is_done_again_and_the_chain_is_whole() {
    let database = cluster().database(None).unwrap();
    let store = Arc::new(open(cluster().port(), &database, &options()).unwrap());
    // A trigger that breaks every third writing of the audit off, as a deadlock does.
    let breaking = "SET search_path = juzhen; CREATE SEQUENCE tries;
         CREATE FUNCTION deadlock() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             IF nextval('juzhen.tries') % 3 = 0 THEN RAISE EXCEPTION 'met another' USING ERRCODE = '40P01'; END IF;
             RETURN NEW; END $$;
         CREATE TRIGGER deadlocks BEFORE INSERT ON audit FOR EACH ROW EXECUTE FUNCTION deadlock()";
    cluster().say(&database, breaking).unwrap();
    let notes = (0..60).map(|n| {
        let store = Arc::clone(&store);
        tokio::spawn(async move { store.note(row(&format!("thing:{n}"))).await })
    });
    for note in notes.collect::<Vec<_>>() {
        note.await.unwrap().unwrap();
    }
    let chain = store.verify_audit().await.unwrap();
    assert_eq!((chain.rows, chain.broken_at), (60, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn p04_a_server_that_may_lose_what_it_confirmed_is_refused_by_name() {
    let database = cluster().database(None).unwrap();
    cluster().say("postgres", &format!("ALTER DATABASE {database} SET synchronous_commit = off")).unwrap();
    let refused = open(cluster().port(), &database, &options()).err().unwrap();
    let StoreError::Database { source, .. } = &refused else { panic!("{refused:?}") };
    assert!(source.to_string().contains("synchronous_commit is off"), "{source}");
    cluster().say("postgres", &format!("ALTER DATABASE {database} RESET synchronous_commit")).unwrap();
    open(cluster().port(), &database, &options()).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn p18_two_living_daemons_do_not_share_a_name() {
    let database = cluster().database(None).unwrap();
    let named = PostgresOptions { node: Some("a".into()), ..options() };
    let first = open(cluster().port(), &database, &named).unwrap();
    let other = PostgresOptions { node: Some("b".into()), ..options() };
    drop(open(cluster().port(), &database, &other).unwrap());
    let second = open(cluster().port(), &database, &named).err().unwrap();
    assert!(matches!(second, StoreError::InUse { .. }), "{second:?}");
    drop(first);
    open(cluster().port(), &database, &named).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn p25_f28_a_newer_database_and_one_of_another_environment_are_refused() {
    let database = cluster().database(None).unwrap();
    let of = |name: &str| PostgresOptions { environment: Some(name.into()), ..options() };
    drop(open(cluster().port(), &database, &of("test")).unwrap());
    let elsewhere = open(cluster().port(), &database, &of("production")).err().unwrap();
    assert!(matches!(elsewhere, StoreError::NotOurs { .. }), "{elsewhere:?}");
    cluster().say(&database, "UPDATE juzhen.meta SET value = '99' WHERE name = 'schema'").unwrap();
    let newer = open(cluster().port(), &database, &options()).err().unwrap();
    assert!(matches!(newer, StoreError::TooNew { found: 99, .. }), "{newer:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn r03_p12_the_tables_themselves_refuse_what_must_not_be() {
    let database = cluster().database(None).unwrap();
    let store = open(cluster().port(), &database, &options()).unwrap();
    store.note(row("thing")).await.unwrap();
    for wrong in
        ["UPDATE juzhen.audit SET at = 1", "DELETE FROM juzhen.audit", "TRUNCATE juzhen.decisions CASCADE"]
    {
        let refused = cluster().say(&database, wrong).unwrap_err().to_string();
        assert!(refused.contains("only ever added"), "{wrong}: {refused}");
    }
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
        one.stop("off.hg".into(), "test".into(), Timestamp::UNIX_EPOCH).await.unwrap();
    };
    let woken = async { tokio::time::timeout(Duration::from_secs(20), other.woken()).await.unwrap() };
    tokio::join!(stop, woken);
}

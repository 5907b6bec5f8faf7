//! Databases that are not durable, newer, of another environment; and rows that the tables themselves refuse.

use juzhen_store::{PostgresOptions, Store, StoreError};

use crate::cluster::cluster;
use crate::{open, options, row};

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

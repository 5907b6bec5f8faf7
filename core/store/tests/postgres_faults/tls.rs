//! TLS to the server: with proof of who answers, or not at all.

use juzhen_store::{Postgres, Store, StoreError};

use crate::cluster::Cluster;
use crate::{options, row, until};

/// Why it is refused.
fn refused(url: &str) -> String {
    match Postgres::open(url, &options()) {
        Err(StoreError::Database { source, .. }) => source.to_string(),
        other => panic!("{:?}", other.map(|store| store.opened().clone())),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f49_the_server_proves_its_name_by_the_authority_or_nothing_is_said_to_it() {
    let cluster = Cluster::start().unwrap();
    let url = |host: &str, rest: &str| format!("postgres://juzhen@{host}:{}/postgres?{rest}", cluster.port());
    // The settings of the machine are somebody else's: the authorities are always named here.
    let stranger = Cluster::start().unwrap();
    let other = stranger.secure().unwrap();
    let theirs = format!("sslrootcert={}", other.display());
    let said = refused(&url("localhost", &format!("sslmode=require&{theirs}")));
    assert!(said.contains("server does not support TLS"), "it never does without: {said}");

    let authority = cluster.secure().unwrap();
    let ours = format!("sslrootcert={}", authority.display());
    until("the server speaks TLS", async || cluster.say("postgres", "SHOW ssl").unwrap() == "on").await;
    for mode in ["verify-full", "require"] {
        let store = Postgres::open(&url("localhost", &format!("sslmode={mode}&{ours}")), &options()).unwrap();
        store.note(row(mode)).await.unwrap();
        let kinds = "SELECT DISTINCT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
             WHERE application_name = 'juzhen'";
        assert_eq!(cluster.say("postgres", kinds).unwrap(), "t", "every connection of it");
    }
    let said = refused(&url("localhost", &format!("sslmode=verify-full&{theirs}")));
    assert!(said.contains("invalid peer certificate") && said.contains("sslrootcert"), "{said}");
    let said = refused(&url("127.0.0.1", &format!("sslmode=verify-full&{ours}")));
    assert!(said.contains("certificate not valid for name"), "{said}");
    let said = refused(&url("localhost", &format!("sslmode=prefer&{ours}")));
    assert!(said.contains("sslmode=prefer"), "{said}");
}

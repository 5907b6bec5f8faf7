//! The suite on SQLite, and what is SQLite's own: the file, its lock, its settings, damage.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // tests say so by failing

mod suite;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use juzhen_store::{Sqlite, SqliteOptions, Store, StoreError};
use suite::Place;

/// A file in a folder of its own.
struct InAFile(tempfile::TempDir);

impl InAFile {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("juzhen.db")
    }

    fn open_with(&self, options: SqliteOptions) -> Result<Sqlite, StoreError> {
        Sqlite::open(self.path(), options)
    }

    fn by_hand(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.path()).unwrap()
    }
}

impl Place for InAFile {
    fn open(&self) -> Arc<dyn Store> {
        // The suite's clock stands still however busy the machine is.
        Arc::new(self.open_with(SqliteOptions { slow: Duration::MAX, ..SqliteOptions::default() }).unwrap())
    }
}

exercise!(InAFile::new());

#[test]
fn p02_nothing_unapproved_leaves_in_100_000_transitions() {
    suite::approvals::nothing_unapproved_leaves(InAFile::new, 100_000);
}

#[test]
fn p18_a_second_opening_is_refused_and_names_the_holder() {
    let place = InAFile::new();
    let first = place.open_with(SqliteOptions::default()).unwrap();
    let second = place.open_with(SqliteOptions::default());
    let holder = format!("process {}", std::process::id());
    assert!(matches!(second, Err(StoreError::InUse { holder: found, .. }) if found == holder));
    drop(first);
    place.open_with(SqliteOptions::default()).unwrap();
}

#[test]
fn f28_another_environment_is_refused() {
    let place = InAFile::new();
    let of = |name: &str| SqliteOptions { environment: Some(name.into()), ..SqliteOptions::default() };
    let first = place.open_with(of("test")).unwrap();
    assert_eq!((first.opened().environment.as_str(), first.opened().generation), ("test", 1));
    drop(first);
    assert!(matches!(place.open_with(of("production")), Err(StoreError::NotOurs { .. })));
    assert_eq!(place.open_with(SqliteOptions::default()).unwrap().opened().generation, 2);
}

#[test]
fn p25_a_newer_database_is_refused_and_left_as_it_is() {
    let place = InAFile::new();
    drop(place.open());
    place.by_hand().pragma_update(None, "user_version", 99).unwrap();
    let refused = place.open_with(SqliteOptions::default());
    assert!(matches!(refused, Err(StoreError::TooNew { found: 99, .. })));
    let found: i64 = place.by_hand().pragma_query_value(None, "user_version", |r| r.get(0)).unwrap();
    assert_eq!(found, 99);
}

#[test]
fn f23_a_damaged_or_foreign_file_is_refused_and_never_made_anew() {
    let place = InAFile::new();
    std::fs::write(place.path(), b"name: district\n".repeat(100)).unwrap();
    let not_sqlite = place.open_with(SqliteOptions::default()).err().unwrap();
    assert!(matches!(not_sqlite, StoreError::NotOurs { .. }), "{not_sqlite:?}");
    assert!(std::fs::read(place.path()).unwrap().starts_with(b"name"));

    let place = InAFile::new();
    drop(place.open());
    let mut bytes = std::fs::read(place.path()).unwrap();
    let length = bytes.len();
    for byte in &mut bytes[4096..length / 2] {
        *byte ^= 0x5a;
    }
    std::fs::write(place.path(), &bytes).unwrap();
    let damaged = place.open_with(SqliteOptions::default()).err().unwrap();
    assert!(matches!(damaged, StoreError::Damaged { .. }), "{damaged:?}");
    assert_eq!(std::fs::read(place.path()).unwrap(), bytes);
}

#[tokio::test]
async fn p12_every_change_of_the_audit_by_hand_is_found() {
    let place = InAFile::new();
    let store = place.open();
    for n in 0..20 {
        store.note(suite::fixture::audit("a.b", format!("thing:{n}"), n)).await.unwrap();
    }
    let chain = store.verify_audit().await.unwrap();
    assert_eq!((chain.rows, chain.broken_at), (20, None));
    drop(store);
    let by_hand = [
        ("UPDATE audit SET detail = '{\"a\":1}' WHERE number = 7", 7),
        ("UPDATE audit SET at = at + 1 WHERE number = 7", 7),
        ("UPDATE audit SET request = '' WHERE number = 7", 7),
        ("UPDATE audit SET actor = 'a', action = 'off.hg.b' WHERE number = 7", 7),
        ("DELETE FROM audit WHERE number = 7", 8),
        ("DELETE FROM audit WHERE number = 1", 2),
        (
            "UPDATE audit SET subject = CASE number WHEN 7 THEN 'thing:7' ELSE 'thing:6' END WHERE number IN (7, 8)",
            7,
        ),
        ("UPDATE audit SET hash = (SELECT hash FROM audit WHERE number = 6) WHERE number = 7", 7),
    ];
    let kept = std::fs::read(place.path()).unwrap();
    for (change, broken_at) in by_hand {
        std::fs::write(place.path(), &kept).unwrap();
        let connection = place.by_hand();
        let refused = connection.execute(change, []).unwrap_err();
        assert!(refused.to_string().contains("only ever added"), "{change}: {refused}");
        connection.execute_batch("DROP TRIGGER audit_stays; DROP TRIGGER audit_does_not_change").unwrap();
        connection.execute(change, []).unwrap();
        drop(connection);
        let found = place.open().verify_audit().await.unwrap();
        assert_eq!(found.broken_at, Some(broken_at), "{change}");
    }
}

#[tokio::test]
async fn p12_a_row_with_a_hash_of_its_own_does_not_fit_the_chain() {
    let (place, forged) = (InAFile::new(), InAFile::new());
    for (place, seventh) in [(&place, "thing:6"), (&forged, "thing:other")] {
        let store = place.open();
        for n in 0..20 {
            let subject = if n == 6 { seventh.to_owned() } else { format!("thing:{n}") };
            store.note(suite::fixture::audit("a.b", subject, n)).await.unwrap();
        }
    }
    // The forger knows how the hash is made: row 7 is right in itself and after row 6.
    let connection = place.by_hand();
    connection.execute("ATTACH ?1 AS forged", [forged.path().to_str().unwrap()]).unwrap();
    connection.execute_batch("DROP TRIGGER audit_does_not_change").unwrap();
    let forge = "UPDATE audit SET (subject, hash) = (SELECT subject, hash FROM forged.audit WHERE number = 7)
         WHERE number = 7";
    assert_eq!(connection.execute(forge, []).unwrap(), 1);
    drop(connection);
    assert_eq!(place.open().verify_audit().await.unwrap().broken_at, Some(8));
}

#[tokio::test]
async fn r03_the_tables_themselves_refuse_what_must_not_be() {
    let place = InAFile::new();
    let store = place.open();
    suite::fixture::scheduled(&*store, "i1", &[("W000", 0), ("W001", 9)]).await;
    suite::fixture::scheduled(&*store, "i2", &[("W000", 0)]).await;
    let claim = suite::fixture::claim_one(&*store, 0).await;
    suite::fixture::begin(&*store, &claim.attempt, "post", 0).await;
    drop(store);
    let connection = place.by_hand();
    for wrong in [
        "UPDATE deliveries SET state = 'sent' WHERE id = 'i1-W000'",
        "UPDATE deliveries SET state = 'published' WHERE id = 'i1-W000'",
        "UPDATE deliveries SET state = 'claimed' WHERE id = 'i2-W000'",
        "UPDATE deliveries SET account = 'W000' WHERE id = 'i1-W001'",
        "INSERT INTO attempts SELECT id || 'x', delivery, account, 9, fence, call || 'x', worker, started_at, NULL,
            NULL, NULL, NULL FROM attempts",
        "DELETE FROM attempts",
        "UPDATE attempts SET started_at = 0",
        "UPDATE attempts SET detail = 'x'",
        "DELETE FROM effects",
        "UPDATE decisions SET verdict = 'approve'",
        "DELETE FROM decisions",
        "UPDATE items SET state = 'sent'",
    ] {
        assert!(connection.execute(wrong, []).is_err(), "{wrong}");
    }
    let ended = "UPDATE attempts SET ended_at = 1, outcome = 'x'";
    assert_eq!(connection.execute(ended, []).unwrap(), 1);
    assert!(connection.execute(ended, []).is_err(), "an attempt ends once");
}

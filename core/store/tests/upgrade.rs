//! A database of an older schema with rows in every table is brought to the newest one: all of them are there and readable,
//! and the newest tables refuse what must not be (P25).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // tests say so by failing

#[allow(dead_code, unreachable_pub, reason = "shared with the tests of the whole system")]
#[path = "../../../tests/support/cluster.rs"]
mod cluster;

use std::collections::{BTreeMap, BTreeSet};

use cluster::cluster;
use juzhen_domain::delivery::{DeliveryKind, ReceiptBy};
use juzhen_domain::state::{DeliveryState, ItemState};
use juzhen_store::{Known, MessageFilter, Postgres, PostgresOptions, Sqlite, SqliteOptions, Store, ValueKey};
use rusqlite::Connection;

/// The steps of SQLite and of PostgreSQL, and rows for what each has made.
const STEPS: [(&str, &str, &str); 3] = [
    (
        include_str!("../src/migrations/0001_first.sql"),
        include_str!("../src/migrations/postgres/0001_first.sql"),
        "",
    ),
    (
        include_str!("../src/migrations/0002_second.sql"),
        include_str!("../src/migrations/postgres/0002_second.sql"),
        include_str!("second_schema.sql"),
    ),
    (
        include_str!("../src/migrations/0003_third.sql"),
        include_str!("../src/migrations/postgres/0003_third.sql"),
        include_str!("third_schema.sql"),
    ),
];

/// What the tables refuse, also after their words were changed.
const WRONG: [&str; 16] = [
    "UPDATE deliveries SET state = 'sent' WHERE id = 'd-due'",
    "UPDATE deliveries SET state = '' WHERE id = 'd-due'",
    "UPDATE deliveries SET receipt_by = 'nobody' WHERE id = 'd-published'",
    "UPDATE deliveries SET receipt_at = NULL WHERE id = 'd-published'",
    "UPDATE deliveries SET hold = 'stopped' WHERE id = 'd-due'",
    "UPDATE deliveries SET state = 'claimed', account = 'W-sending' WHERE id = 'd-due'",
    "UPDATE items SET state = 'sent' WHERE id = 'i-draft'",
    "UPDATE attempts SET ended_at = 1, outcome = 'x' WHERE id = 'a-published'",
    "DELETE FROM effects",
    "DELETE FROM audit",
    "INSERT INTO rechecks VALUES ('nothing', 1)",
    "INSERT INTO messages (id, account, kind, platform_id, author_id, author_name, text, media, received_at, via)
     VALUES ('m-1', 'W-due', 'rumour', '1', '', '', '', '[]', 1, 'poll')",
    "INSERT INTO messages (id, account, kind, platform_id, author_id, author_name, text, media, received_at, via)
     VALUES ('m-1', 'W-due', 'comment', '1', '', '', '', '[', 1, 'poll')",
    "INSERT INTO messages (id, account, kind, platform_id, author_id, author_name, text, media, received_at, via)
     VALUES ('m-1', 'W-due', 'comment', '1', '', '', '', '[]', 1, 'rumour')",
    "INSERT INTO messages (id, account, kind, platform_id, delivery, author_id, author_name, text, media, received_at, via)
     VALUES ('m-1', 'W-due', 'comment', '1', 'nothing', '', '', '', '[]', 1, 'poll')",
    "INSERT INTO callbacks_seen VALUES ('W-due', 'short', 1, 0, 1)",
];
/// What is new, or as it was.
const RIGHT: [&str; 5] = [
    "UPDATE deliveries SET state = 'removed_by_platform' WHERE id = 'd-published'",
    "UPDATE deliveries SET receipt_by = 'person' WHERE id = 'd-evidence'",
    "UPDATE attempts SET ended_at = 1, outcome = 'x' WHERE id = 'a-claimed'",
    "INSERT INTO rechecks VALUES ('d-person', 1)",
    "INSERT INTO messages (id, account, kind, platform_id, delivery, author_id, author_name, text, media, shown, received_at, via)
     VALUES ('m-1', 'W-published', 'comment', '1', 'd-published', 'u', '某人', '好', '[]', TRUE, 1, 'poll')",
];

#[tokio::test]
async fn p25_a_filled_database_of_an_older_schema_comes_to_the_newest_on_sqlite() {
    for schema in [2, 3] {
        comes_to_the_newest_on_sqlite(schema).await;
    }
}

async fn comes_to_the_newest_on_sqlite(schema: usize) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("juzhen.db");
    let old = Connection::open(&path).unwrap();
    for (step, _, rows) in &STEPS[..schema] {
        old.execute_batch(&format!("PRAGMA foreign_keys = OFF; {step}")).unwrap();
        old.execute_batch(&format!("PRAGMA foreign_keys = ON; {rows}")).unwrap();
    }
    old.execute_batch(&format!("PRAGMA application_id = 1247430734; PRAGMA user_version = {schema};"))
        .unwrap();
    let columns = columns(&old);
    let before = rows(&old, &columns);
    for (table, rows) in &before {
        assert!(!rows.is_empty(), "nothing in {table}");
    }
    drop(old);

    let store = Sqlite::open(&path, SqliteOptions::default()).unwrap();
    assert_eq!((store.opened().schema, store.opened().generation), (Sqlite::SCHEMA, 8));
    everything_is_readable(&store, schema).await;
    store.close().await.unwrap();
    drop(store);

    let newest = Connection::open(&path).unwrap();
    newest.execute_batch("PRAGMA foreign_keys = ON").unwrap();
    is_whole(&newest);
    let after = rows(&newest, &columns);
    for (table, rows) in &before {
        let lost: Vec<_> = rows.difference(&after[table]).collect();
        // Every opening counts itself.
        let expected = if table == "meta" { vec!["'generation', '7'"] } else { vec![] };
        assert_eq!(lost, expected, "{table}");
    }
    for wrong in WRONG {
        assert!(newest.execute(wrong, []).is_err(), "{wrong}");
    }
    for right in RIGHT {
        assert_eq!(newest.execute(right, []), Ok(1), "{right}");
    }
    is_whole(&newest);
    drop(newest);
    let store = Sqlite::open(&path, SqliteOptions::default()).unwrap();
    what_was_put_right_is_read(&store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn p25_a_filled_database_of_an_older_schema_comes_to_the_newest_on_postgres() {
    for schema in [2, 3] {
        comes_to_the_newest_on_postgres(schema).await;
    }
}

async fn comes_to_the_newest_on_postgres(schema: usize) {
    let database = cluster().database(None).unwrap();
    let say =
        |statements: &str| cluster().say(&database, &format!("SET search_path = juzhen;\n{statements}"));
    say("CREATE SCHEMA juzhen").unwrap();
    for (_, step, rows) in &STEPS[..schema] {
        say(step).unwrap();
        say(&rows.replace("AS BLOB", "AS BYTEA")).unwrap();
    }
    say(&format!("INSERT INTO meta (name, value) VALUES ('schema', '{schema}')")).unwrap();
    let open = || Postgres::open(&cluster().url(&database), &PostgresOptions::default()).unwrap();
    let store = open();
    assert_eq!((store.opened().schema, store.opened().generation), (Sqlite::SCHEMA, 8));
    everything_is_readable(&store, schema).await;
    for wrong in WRONG {
        assert!(say(wrong).is_err(), "{wrong}");
    }
    for right in RIGHT {
        say(right).unwrap();
    }
    drop(store);
    what_was_put_right_is_read(&open()).await;
}

/// As whoever knows the newest schema reads it.
async fn everything_is_readable(store: &dyn Store, schema: usize) {
    if schema >= 3 {
        assert_eq!(store.troubled().await.unwrap()[0].pause.as_ref().unwrap().by, "off.hg");
        assert_eq!(store.captured(None).await.unwrap()[0].sealed, b"sealed");
        assert_eq!(store.sign_ins().await.unwrap()[0].sign_in.failures, 3);
        assert_eq!(store.failing_notices(9).await.unwrap().len(), 1);
    }
    assert!(store.messages(MessageFilter { most: 9, ..MessageFilter::default() }).await.unwrap().is_empty());
    for state in ItemState::ALL.iter().copied() {
        let item = store.item(&format!("i-{state}").as_str().into()).await.unwrap().unwrap();
        assert_eq!((item.item.state, item.item.version), (state, 1));
    }
    for state in DeliveryState::ALL.iter().copied().filter(|s| *s != DeliveryState::RemovedByPlatform) {
        let read = store.delivery(&format!("d-{state}").as_str().into()).await.unwrap().unwrap();
        assert_eq!(read.delivery.state, state);
    }
    let read = store.delivery(&"d-published".into()).await.unwrap().unwrap();
    assert_eq!((read.attempts.len(), read.effects.len()), (1, 1));
    assert_eq!(read.effects[0].complete, Some(true));
    let forward = store.delivery(&"d-person".into()).await.unwrap().unwrap().delivery;
    assert!(matches!(forward.kind, DeliveryKind::Forward { hops: 1, .. }), "{forward:?}");
    assert_eq!(forward.receipt.unwrap().by, ReceiptBy::Person);
    let chain = store.verify_audit().await.unwrap();
    assert_eq!((chain.rows, chain.broken_at), (3, None));
    assert_eq!(store.knows(None).await.unwrap(), Known::Yes, "an upgrade is no restoration");
    assert_eq!(store.stopped().await.unwrap().unwrap().reason, "演练");
    let key = ValueKey { adapter: "weibo".into(), account: "W-due".into(), key: "cursor".into() };
    assert_eq!(store.value(&key).await.unwrap(), Some(b"31".to_vec()));
    assert_eq!(store.last_settings().await.unwrap().unwrap().revision, "r1");
    assert_eq!(store.restorations(9).await.unwrap().len(), 1);
    assert_eq!(store.notices(None, 9).await.unwrap().len(), 2);
    assert_eq!(store.unknown_posts(9).await.unwrap()[0].closed, None);
    assert_eq!(store.watched().await.unwrap().len(), 1);
    assert_eq!(store.workers(9).await.unwrap().len(), 2);
    assert_eq!(published(store).await, 3);
}

/// After [`RIGHT`].
async fn what_was_put_right_is_read(store: &dyn Store) {
    let removed = store.delivery(&"d-published".into()).await.unwrap().unwrap();
    assert_eq!(removed.delivery.state, DeliveryState::RemovedByPlatform);
    assert_eq!(published(store).await, 2, "what is counted goes on from what was there");
    let messages = store.messages(MessageFilter { most: 9, ..MessageFilter::default() }).await.unwrap();
    assert_eq!((messages.len(), messages[0].said.shown), (1, Some(true)));
}

/// Deliveries that are counted as published.
async fn published(store: &dyn Store) -> u64 {
    let counts = store.counts(jiff::Timestamp::from_second(1_790_000_400).unwrap()).await.unwrap();
    counts.deliveries[DeliveryState::Published.as_str()]
}

fn is_whole(connection: &Connection) {
    let whole: String = connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(whole, "ok");
    let mut dangling = connection.prepare("PRAGMA foreign_key_check").unwrap();
    assert!(dangling.query([]).unwrap().next().unwrap().is_none(), "a row refers to nothing");
}

/// The columns of every table.
fn columns(connection: &Connection) -> BTreeMap<String, Vec<String>> {
    const SQL: &str = "SELECT t.name, c.name FROM pragma_table_list AS t, pragma_table_info(t.name) AS c
         WHERE t.schema = 'main' AND t.type = 'table' AND t.name NOT LIKE 'sqlite_%'";
    let mut statement = connection.prepare(SQL).unwrap();
    let mut columns: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let named = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    for (table, column) in named.map(Result::unwrap) {
        columns.entry(table).or_default().push(column);
    }
    columns
}

/// Every row of every table, in these columns, as SQL writes them.
fn rows(
    connection: &Connection,
    columns: &BTreeMap<String, Vec<String>>,
) -> BTreeMap<String, BTreeSet<String>> {
    let of = |table: &String, columns: &Vec<String>| {
        let quoted: Vec<_> = columns.iter().map(|column| format!("quote({column})")).collect();
        let sql = format!("SELECT {} FROM {table}", quoted.join(" || ', ' || "));
        let mut statement = connection.prepare(&sql).unwrap();
        statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    };
    columns.iter().map(|(table, columns)| (table.clone(), of(table, columns))).collect()
}

//! What goes wrong between the store and PostgreSQL: cut connections, lost answers, servers that are slow, not durable or
//! others than before, deadlocks, daemons that take each other's place.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // tests say so by failing

#[allow(dead_code, unreachable_pub, reason = "shared with the tests of the whole system")]
#[path = "../../../../tests/support/cluster.rs"]
mod cluster;
mod commits;
mod failover;
#[allow(dead_code, reason = "shared with the suite")]
#[path = "../suite/fixture.rs"]
mod fixture;
mod names;
mod refused;
mod slow;
mod tls;
#[allow(dead_code, unreachable_pub, reason = "shared with the tests of the whole system")]
#[path = "../../../../tests/support/wire.rs"]
mod wire;

use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use juzhen_store::{Audit, AuditFilter, Postgres, PostgresOptions, Store, StoreError};
use serde_json::json;

/// What a loaded machine may need for anything.
const AT_MOST: Duration = Duration::from_secs(60);

fn options() -> PostgresOptions {
    PostgresOptions { writers: 2, readers: 1, ..PostgresOptions::default() }
}

fn named(node: &str) -> PostgresOptions {
    PostgresOptions { node: Some(node.into()), ..options() }
}

fn url(port: u16, database: &str) -> String {
    format!("postgres://juzhen@127.0.0.1:{port}/{database}?sslmode=disable")
}

fn open(port: u16, database: &str, options: &PostgresOptions) -> Result<Postgres, StoreError> {
    Postgres::open(&url(port, database), options)
}

/// A store on a database of its own, with what happens on the way to it.
fn wired(options: &PostgresOptions) -> (wire::Wire, Postgres) {
    let database = cluster::cluster().database(None).unwrap();
    let wire = wire::Wire::to(cluster::cluster().port());
    let store = open(wire.port(), &database, options).unwrap();
    (wire, store)
}

fn row(subject: &str) -> Audit {
    let (actor, action) = ("off.hg".into(), "thing.done".into());
    Audit { actor, action, subject: subject.into(), detail: json!({}), at: fixture::at(0), request: None }
}

async fn times(store: &dyn Store, subject: &str) -> usize {
    let filter = AuditFilter { subject: Some(subject.into()), before: None, most: 100 };
    store.audit(filter).await.unwrap().len()
}

/// Asks until it is so.
async fn until<F: Future<Output = bool>>(what: &str, mut ask: impl FnMut() -> F) {
    let start = Instant::now();
    while !ask().await {
        assert!(start.elapsed() < AT_MOST, "not within {AT_MOST:?}: {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Asks until the database is back.
async fn back(store: &dyn Store) {
    until("the database is back", async || store.ping().await.is_ok()).await;
}

/// Somebody else's session in which statements were said; it ends when this is dropped.
struct Session {
    _open: mpsc::Sender<()>,
    thread: Option<JoinHandle<()>>,
}

impl Session {
    fn saying(port: u16, database: &str, statements: &'static str) -> Self {
        let url = url(port, database);
        let (open, closing) = mpsc::channel::<()>();
        let (said, heard) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            let mut client = postgres::Client::connect(&url, postgres::NoTls).unwrap();
            client.batch_execute(statements).unwrap();
            said.send(()).unwrap();
            let _ = closing.recv();
        });
        heard.recv_timeout(AT_MOST).unwrap();
        Self { _open: open, thread: Some(thread) }
    }

    fn end(mut self) {
        let thread = self.thread.take().unwrap();
        drop(self);
        thread.join().unwrap();
    }
}

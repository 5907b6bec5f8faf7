//! The suite on PostgreSQL, on a cluster of its own.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // tests say so by failing

#[allow(dead_code, unreachable_pub, reason = "shared with the tests of the whole system")]
#[path = "../../../tests/support/cluster.rs"]
mod cluster;
mod suite;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use cluster::cluster;
use juzhen_store::{Postgres, PostgresOptions, Store};
use suite::Place;

/// A database of its own, already with its tables.
struct InADatabase(String);

impl InADatabase {
    fn new() -> Self {
        static READY: OnceLock<String> = OnceLock::new();
        let ready = READY.get_or_init(|| {
            let empty = cluster().database(None).unwrap();
            drop(open(&empty));
            empty
        });
        Self(cluster().database(Some(ready)).unwrap())
    }
}

impl Place for InADatabase {
    fn open(&self) -> Arc<dyn Store> {
        Arc::new(open(&self.0))
    }

    fn one_in(&self) -> u32 {
        if std::env::var_os("JUZHEN_LONG").is_some() { 1 } else { 6 }
    }
}

fn open(database: &str) -> Postgres {
    // The suite's clock stands still however busy the machine is.
    let slow = Duration::MAX;
    let options = PostgresOptions { writers: 2, readers: 1, slow, ..PostgresOptions::default() };
    Postgres::open(&cluster().url(database), &options).unwrap()
}

exercise!(InADatabase::new());

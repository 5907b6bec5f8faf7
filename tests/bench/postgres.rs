//! What the server can do by itself: durable commits a second on one connection, on many, and of many rows at once.

use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use juzhen_tests::cluster;
use postgres::{Client, NoTls};

use crate::figures::Figures;

const FOR: Duration = Duration::from_millis(700);
/// Connections that commit beside each other; the server shares its own syncs among them.
const BESIDE: usize = 16;
/// Rows of about the size of one of the ledger.
const ROW: &str = "INSERT INTO measured (words) SELECT repeat('x', 300) FROM generate_series(1, $1::INTEGER)";
const TABLE: &str =
    "CREATE TABLE measured (number BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, words TEXT NOT NULL)";

/// Adds the rates. The client blocks, so it has threads of its own.
pub(crate) async fn measure(figures: &mut Figures) -> Result<()> {
    let database = cluster().database(None)?;
    cluster().say(&database, TABLE)?;
    let url = cluster().url(&database);
    for (name, connections, rows) in [
        ("PostgreSQL, one connection commits/s", 1, 1),
        ("PostgreSQL, 16 connections commits/s", BESIDE, 1),
        ("PostgreSQL, 64 rows a commit rows/s", 1, 64),
    ] {
        let url = url.clone();
        let rate = tokio::task::spawn_blocking(move || rate(&url, connections, rows)).await??;
        figures.add(name, rate);
        println!("  {name}: {rate:.0}");
    }
    Ok(())
}

/// Rows a second.
fn rate(url: &str, connections: usize, rows: i32) -> Result<f64> {
    let threads: Vec<_> = (0..connections)
        .map(|_| {
            let mut client = Client::connect(url, NoTls)?;
            let statement = client.prepare(ROW)?;
            Ok(std::thread::spawn(move || -> Result<f64> {
                let (began, mut done) = (Instant::now(), 0.0);
                while began.elapsed() < FOR {
                    client.execute(&statement, &[&rows])?;
                    done += f64::from(rows);
                }
                Ok(done / began.elapsed().as_secs_f64())
            }))
        })
        .collect::<Result<_>>()?;
    let mut all = 0.0;
    for thread in threads {
        all += thread.join().map_err(|_| anyhow!("a connection panicked"))??;
    }
    Ok(all)
}

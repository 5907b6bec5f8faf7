//! Prints how many durable changes a second the store takes from 1, 8 and 64 callers, with commits shared and with one
//! commit a change, interleaved in the same run. `cargo run --release -p juzhen-store --example commit_rate [FOLDER]`
#![allow(clippy::print_stdout, clippy::cast_precision_loss)] // a measurement for people

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use juzhen_store::{Audit, Sqlite, SqliteOptions, Store};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

const ROUNDS: usize = 5;
const EACH: Duration = Duration::from_millis(700);
const CALLERS: [usize; 3] = [1, 8, 64];
const GROUPS: [(usize, &str); 2] = [(256, "shared"), (1, "one each")];

#[tokio::main]
async fn main() -> Result<()> {
    let folder = tempfile::tempdir_in(std::env::args().nth(1).unwrap_or_else(|| ".".into()))?;
    println!("fdatasync of 4 KiB appended: {:.0}/s", syncs(folder.path())?);
    println!(
        "{:>8} {:>9} {:>12} {:>12} {:>12}",
        "callers", "commits", "changes/s", "commits/s", "per commit"
    );
    let mut runs = Vec::new();
    for round in 0..ROUNDS {
        for callers in CALLERS {
            for (group, name) in GROUPS {
                let path = folder.path().join(format!("{round}-{callers}-{group}.db"));
                runs.push((callers, name, measure(&path, callers, group).await?));
            }
        }
    }
    for callers in CALLERS {
        let mut medians = Vec::new();
        for (_, name) in GROUPS {
            let of = runs.iter().filter(|(c, n, _)| (*c, *n) == (callers, name)).map(|(.., run)| *run);
            let (changes, commits) = median(of.collect());
            println!("{callers:>8} {name:>9} {changes:>12.0} {commits:>12.0} {:>12.1}", changes / commits);
            medians.push(changes);
        }
        if let [shared, each] = medians[..] {
            println!("{callers:>8} shared / one each = {:.1}", shared / each);
        }
    }
    Ok(())
}

/// Changes and commits a second. A change is one audit row: small, so that what is measured is the commit.
async fn measure(path: &Path, callers: usize, group: usize) -> Result<(f64, f64)> {
    let store = Arc::new(Sqlite::open(path, SqliteOptions { group, ..SqliteOptions::default() })?);
    let (stop, changes) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let mut tasks = Vec::new();
    let began = Instant::now();
    for caller in 0..callers {
        let (store, stop, changes) = (Arc::clone(&store), Arc::clone(&stop), Arc::clone(&changes));
        tasks.push(tokio::spawn(async move {
            while !stop.load(Ordering::Relaxed) {
                store.note(row(caller)).await?;
                changes.fetch_add(1, Ordering::Relaxed);
            }
            Ok::<_, juzhen_store::StoreError>(())
        }));
    }
    tokio::time::sleep(EACH).await;
    stop.store(true, Ordering::Relaxed);
    for task in tasks {
        task.await??;
    }
    let seconds = began.elapsed().as_secs_f64();
    Ok((changes.load(Ordering::Relaxed) as f64 / seconds, store.commits() as f64 / seconds))
}

fn row(caller: usize) -> Audit {
    Audit {
        actor: "daemon".into(),
        action: "delivery.measured".into(),
        subject: format!("delivery:{caller}"),
        detail: serde_json::json!({ "attempt": "d.1", "outcome": "published" }),
        at: Timestamp::UNIX_EPOCH,
        request: None,
    }
}

/// What the disk can do: every figure here depends on it.
fn syncs(folder: &Path) -> Result<f64> {
    let mut file = File::create(folder.join("sync"))?;
    file.write_all(&[0])?;
    let began = Instant::now();
    let mut number = 0u64;
    while began.elapsed() < EACH {
        file.write_all_at(&[7; 4096], number * 4096)?;
        file.sync_data()?;
        number += 1;
    }
    Ok(number as f64 / began.elapsed().as_secs_f64())
}

fn median(mut runs: Vec<(f64, f64)>) -> (f64, f64) {
    runs.sort_by(|a, b| a.0.total_cmp(&b.0));
    runs.get(runs.len() / 2).copied().unwrap_or_default()
}

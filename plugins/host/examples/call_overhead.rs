//! What isolation costs: start, calls and memory of an adapter in a child and in process, as a table.
//!
//! `cargo run --release -p juzhen-host --example call_overhead [FILE.so OPERATION]`; without arguments it compiles
//! the C adapter of the tests and calls its `echo`, and its `ask` (one capability call).
#![allow(clippy::print_stdout, reason = "the table is the purpose")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use juzhen_host::lane::{HostCalls, Isolation, Lane, LaneAnswer, LaneOptions, ScopeSeed};
use juzhen_host::pack;
use juzhen_host::sealed::SealedLibrary;

type Failure = Box<dyn std::error::Error + Send + Sync>;

fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let first = arguments.next();
    if first.as_deref() == Some("adapter-host") {
        juzhen_host::child_main();
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let (_folder, file, operations) = match (first, arguments.next()) {
        (Some(file), operation) => {
            (None, PathBuf::from(file), vec![operation.unwrap_or_else(|| "check".into())])
        }
        (None, _) => {
            let (folder, file) = compile()?;
            (Some(folder), file, vec!["echo".to_owned(), "ask".to_owned()])
        }
    };
    runtime.block_on(measure(&file, &operations))
}

/// Echoes at once, so that only the way is measured.
struct Echo;

impl HostCalls for Echo {
    fn call(&self, _: u64, _: String, request: Vec<u8>) -> BoxFuture<'static, Result<Vec<u8>, Vec<u8>>> {
        Box::pin(std::future::ready(Ok(request)))
    }
    fn log(&self, _: u64, _: u32, _: Vec<u8>) {}
    fn clock_read(&self, _: u64, _: i64) {}
}

async fn measure(file: &Path, operations: &[String]) -> Result<(), Failure> {
    let since = Instant::now();
    let library = SealedLibrary::read(file)?;
    println!("read, checked, hashed and sealed in {:?}: {}", since.elapsed(), file.display());
    println!("cold start (spawn to READY)     {}", cold_starts(&library).await?);
    println!();
    println!(
        "{:<12} {:<12} {:>9} {:>10} {:>10} {:>12}",
        "mode", "operation", "in flight", "p50", "p99", "calls/s"
    );
    for isolation in [Isolation::InProcess, Isolation::Process] {
        let lane = open(&library, isolation).await?;
        for operation in operations {
            for in_flight in [1, 64] {
                row(&lane, isolation, operation, in_flight).await?;
            }
        }
        if let Some(pid) = lane.health().pid {
            println!("\nchild after that: {}", memory(pid)?);
        }
        lane.shutdown(Duration::from_secs(1)).await;
    }
    Ok(())
}

async fn open(library: &SealedLibrary, isolation: Isolation) -> Result<Arc<dyn Lane>, Failure> {
    let options = LaneOptions { isolation, ..LaneOptions::default() };
    Ok(juzhen_host::open(library.clone(), &options, Arc::new(Echo)).await?)
}

async fn cold_starts(library: &SealedLibrary) -> Result<String, Failure> {
    let mut took = Vec::new();
    for _ in 0..100 {
        let since = Instant::now();
        let lane = open(library, Isolation::Process).await?;
        took.push(since.elapsed());
        lane.shutdown(Duration::from_secs(1)).await;
    }
    took.sort_unstable();
    Ok(format!("p50 {:?}, max {:?}", at(&took, 50), at(&took, 100)))
}

async fn row(
    lane: &Arc<dyn Lane>,
    isolation: Isolation,
    operation: &str,
    in_flight: u64,
) -> Result<(), Failure> {
    let request = pack::pack(&"矩阵".repeat(200), &[])?;
    let total = if in_flight == 1 { 20_000 } else { 200_000 };
    let next = Arc::new(AtomicU64::new(1));
    let since = Instant::now();
    let workers = (0..in_flight).map(|_| {
        let (lane, next) = (Arc::clone(lane), Arc::clone(&next));
        let (operation, request) = (operation.to_owned(), request.clone());
        tokio::spawn(async move {
            let mut took = Vec::new();
            loop {
                let scope = next.fetch_add(1, Ordering::Relaxed);
                if scope > total {
                    return Ok::<_, Failure>(took);
                }
                let since = Instant::now();
                match lane.call(scope, &operation, request.clone(), ScopeSeed::default()).await {
                    LaneAnswer::Ok(_) | LaneAnswer::Error(_) => took.push(since.elapsed()),
                    other => return Err(format!("{operation}: {other:?}").into()),
                }
            }
        })
    });
    let mut took = Vec::new();
    for worker in workers.collect::<Vec<_>>() {
        took.extend(worker.await??);
    }
    let wall = since.elapsed();
    took.sort_unstable();
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    let rate = total as f64 / wall.as_secs_f64();
    let mode = format!("{isolation:?}");
    let (half, most) = (at(&took, 50), at(&took, 99));
    println!("{mode:<12} {operation:<12} {in_flight:>9} {half:>10.1?} {most:>10.1?} {rate:>12.0}");
    Ok(())
}

fn at(sorted: &[Duration], percent: usize) -> Duration {
    let index = (sorted.len() * percent / 100).min(sorted.len().saturating_sub(1));
    sorted.get(index).copied().unwrap_or_default()
}

/// Sums of `smaps_rollup`; as an ordinary user the child hides them, and only the resident size is left.
fn memory(pid: u32) -> Result<String, Failure> {
    let Ok(text) = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")) else {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
        let resident = status.lines().find(|line| line.starts_with("VmRSS")).unwrap_or("VmRSS unknown");
        return Ok(resident.to_owned());
    };
    let sum = |names: &[&str]| -> u64 {
        let lines = text.lines().filter_map(|line| line.split_once(':'));
        lines
            .filter(|(name, _)| names.contains(name))
            .filter_map(|(_, value)| value.trim().trim_end_matches(" kB").parse::<u64>().ok())
            .sum()
    };
    Ok(format!(
        "resident {} KiB, proportional {} KiB, private {} KiB",
        sum(&["Rss"]),
        sum(&["Pss"]),
        sum(&["Private_Clean", "Private_Dirty"])
    ))
}

fn compile() -> Result<(tempfile::TempDir, PathBuf), Failure> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("libsins.so");
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let done = Command::new("cc")
        .args(["-shared", "-fPIC", "-O2", "-w", "-fvisibility=hidden", "-I"])
        .arg(here.join("../abi/include"))
        .arg("-o")
        .arg(&file)
        .arg(here.join("tests/carrier/sins.c"))
        .status()?;
    if done.success() { Ok((folder, file)) } else { Err("cc could not compile the adapter".into()) }
}

//! What the carrier's tests share: the C adapter, compiled with switches, and capabilities that only take notes.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests; each test file uses some of them"
)]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::BoxFuture;
use juzhen_host::lane::{HostCalls, Isolation, Lane, LaneAnswer, LaneOptions, ScopeSeed};
use juzhen_host::pack;
use juzhen_host::refused::LoadRefused;
use juzhen_host::sealed::SealedLibrary;

/// Hang protection only.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Compiles the C adapter with these switches into a fresh folder.
pub fn compile(switches: &[&str]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let library = folder.path().join("libsins.so");
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let done = Command::new("cc")
        .args(["-shared", "-fPIC", "-O1", "-w", "-fvisibility=hidden", "-I"])
        .arg(here.join("../abi/include"))
        .args(switches)
        .arg("-o")
        .arg(&library)
        .arg(here.join("tests/carrier/sins.c"))
        .args(["-lpthread"])
        .status()
        .unwrap();
    assert!(done.success(), "cc {switches:?}");
    (folder, library)
}

pub fn options(isolation: Isolation) -> LaneOptions {
    let program = PathBuf::from(env!("CARGO_BIN_EXE_adapter_host"));
    LaneOptions { isolation, program, ..LaneOptions::default() }
}

/// Compiles, seals and opens.
pub async fn open(
    isolation: Isolation,
    switches: &[&str],
) -> Result<(Arc<dyn Lane>, Arc<Notes>), LoadRefused> {
    let (_folder, path) = compile(switches);
    let notes = Arc::<Notes>::default();
    let library = SealedLibrary::read(&path)?;
    let lane = juzhen_host::open(library, &options(isolation), Arc::clone(&notes) as _).await?;
    Ok((lane, notes))
}

pub const BOTH: [Isolation; 2] = [Isolation::Process, Isolation::InProcess];

static NEXT_SCOPE: AtomicUsize = AtomicUsize::new(1);

pub fn next_scope() -> u64 {
    NEXT_SCOPE.fetch_add(1, Ordering::Relaxed) as u64
}

/// One call in a scope of its own.
pub async fn call(lane: &dyn Lane, operation: &str, argument: &str) -> LaneAnswer {
    let request = pack::pack(&argument, &[]).unwrap();
    tokio::time::timeout(PATIENCE, lane.call(next_scope(), operation, request, ScopeSeed::default()))
        .await
        .unwrap_or_else(|_| panic!("{operation} did not end"))
}

/// One call that answers with a number.
pub async fn number(lane: &dyn Lane, operation: &str, argument: &str) -> i64 {
    match call(lane, operation, argument).await {
        LaneAnswer::Ok(bytes) => pack::unpack(&bytes).unwrap().0,
        other => panic!("{operation}: {other:?}"),
    }
}

pub async fn gone(lane: &dyn Lane) -> String {
    tokio::time::timeout(PATIENCE, lane.gone()).await.expect("it is still there")
}

/// Capabilities that take notes. A call echoes its request, except `"wait"`, which never ends.
#[derive(Default)]
pub struct Notes {
    pub lines: Mutex<Vec<String>>,
    pub dropped: Arc<AtomicUsize>,
}

impl Notes {
    pub fn seen(&self) -> Vec<String> {
        self.lines.lock().unwrap().clone()
    }

    pub async fn wait_for(&self, what: &str) {
        let found = async {
            while !self.seen().iter().any(|line| line.contains(what)) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(PATIENCE, found)
            .await
            .unwrap_or_else(|_| panic!("no {what:?} in {:?}", self.seen()));
    }

    fn note(&self, line: String) {
        self.lines.lock().unwrap().push(line);
    }
}

impl HostCalls for Notes {
    fn call(
        &self,
        scope: u64,
        operation: String,
        request: Vec<u8>,
    ) -> BoxFuture<'static, Result<Vec<u8>, Vec<u8>>> {
        let (head, _) = pack::unpack::<serde_json::Value>(&request).unwrap();
        self.note(format!("call {scope} {operation} {head}"));
        let counted = CountDrop(Arc::clone(&self.dropped));
        let waits = head == "wait";
        Box::pin(async move {
            let _counted = counted;
            // A timer of the daemon's runtime: panics when polled anywhere else.
            tokio::time::sleep(Duration::from_millis(1)).await;
            if waits {
                std::future::pending::<()>().await;
            }
            Ok(request)
        })
    }

    fn log(&self, scope: u64, level: u32, message: Vec<u8>) {
        self.note(format!("log {scope} {level} {}", String::from_utf8_lossy(&message)));
    }

    fn clock_read(&self, scope: u64, unix_ms: i64) {
        self.note(format!("clock {scope} {unix_ms}"));
    }
}

struct CountDrop(Arc<AtomicUsize>);

impl Drop for CountDrop {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

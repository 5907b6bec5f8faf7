//! One loaded adapter, wherever it runs: what the supervisor asks of it, and what it asks of the capabilities.
//!
//! [`Lane`] hides whether the adapter lives in a child process or in this one; [`HostCalls`] is the other direction.
//! Bytes are packed messages throughout (`juzhen_abi::pack`); nothing here looks inside them.

use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::BoxFuture;
use juzhen_abi::message::{Manifest, capability};
use serde::{Deserialize, Serialize};

/// One loaded adapter.
#[async_trait]
pub trait Lane: Send + Sync {
    /// What it said of itself; read before any of its code ran, and the same as it says while running.
    fn manifest(&self) -> &Manifest;

    /// Which file this is, by content.
    fn identity(&self) -> &Identity;

    /// What keeps it away from everything it was not given.
    fn isolation(&self) -> &IsolationReport;

    /// Runs one operation; `scope` must not be in use by another one. Dropping the future cancels the operation:
    /// the adapter's future is dropped, and so is each of its unfinished [`HostCalls::call`] futures.
    async fn call(&self, scope: u64, operation: &str, request: Vec<u8>, replay: ScopeSeed) -> LaneAnswer;

    fn health(&self) -> LaneHealth;

    /// Resolves with the reason once it cannot serve any more: exit status or signal, and its last words on stderr.
    async fn gone(&self) -> String;

    /// Takes no new call, waits up to `grace` for the running ones, then ends it.
    async fn shutdown(&self, grace: Duration);

    /// SIGKILL, through the live child handle (never a stored process id). In this process: only refuses further
    /// calls, because a thread cannot be killed.
    fn kill(&self, why: &str);
}

/// How an operation ended, as far as the carrier can tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LaneAnswer {
    /// A packed answer.
    Ok(Vec<u8>),
    /// A packed `AdapterError`.
    Error(Vec<u8>),
    /// A packed `{"message","location"}`: the adapter caught a panic of its own.
    Panicked(Vec<u8>),
    /// The adapter's process ended, was killed, or takes no more calls.
    Gone(String),
    /// The adapter answered with something that is not an answer (F78), or the request does not fit a frame.
    Malformed(String),
}

/// What makes a repeated operation see the same world again.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ScopeSeed {
    /// Clock readings of the first run, in order: given out again before the clock is read.
    pub now_unix_ms: Vec<i64>,
    /// Seed of the scope's random bytes: the same seed, the same bytes.
    pub random: [u8; 32],
}

/// What the carrier asks of the capabilities. Called from the daemon's own runtime, never from an adapter's thread.
pub trait HostCalls: Send + Sync + 'static {
    /// One capability call of a live scope; `Ok` is a packed answer, `Err` a packed `HostError`. The function itself
    /// is called in the order in which the adapter asked; the futures run side by side. Dropping a future means that
    /// nobody waits for it any more.
    fn call(
        &self,
        scope: u64,
        operation: String,
        request: Vec<u8>,
    ) -> BoxFuture<'static, Result<Vec<u8>, Vec<u8>>>;

    /// A log line; `scope` 0 when it belongs to no operation. `level` 1 error … 5 trace.
    fn log(&self, scope: u64, level: u32, message: Vec<u8>);

    /// A fresh clock reading was given out (not one of [`ScopeSeed::now_unix_ms`]); in order with the scope's calls.
    fn clock_read(&self, scope: u64, unix_ms: i64);
}

/// Which file an adapter is. Two files with the same bytes are the same adapter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// Lower-case hexadecimal.
    pub sha256: String,
    /// Name of the file it was read from, without its folder.
    pub file_name: String,
    /// In bytes.
    pub size: u64,
    /// `juzhen_abi::FLAG_*`.
    pub flags: u32,
    /// Free text of its build: compiler, version.
    pub build_info: String,
}

/// Each mechanism that could confine an adapter, and whether it does.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct IsolationReport {
    pub mechanisms: Vec<Mechanism>,
}

/// One mechanism.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mechanism {
    /// Stable name: `process`, `environment`, `address_space`, `landlock_files` …
    pub name: String,
    /// `None`: active. Else why it is missing.
    pub missing: Option<String>,
}

impl IsolationReport {
    /// The mechanisms that are not active, as `name (reason)`.
    pub fn missing(&self) -> Vec<String> {
        self.mechanisms
            .iter()
            .filter_map(|m| m.missing.as_ref().map(|why| format!("{} ({why})", m.name)))
            .collect()
    }

    /// Whether the mechanism of this name is active.
    pub fn is_active(&self, name: &str) -> bool {
        self.mechanisms.iter().any(|m| m.name == name && m.missing.is_none())
    }
}

/// How it is now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LaneHealth {
    /// Takes calls.
    pub alive: bool,
    /// For how long its longest poll has been running, or for how long it has not answered a ping; 0 when neither.
    pub stuck_ms: u64,
    /// Operations without an answer.
    pub in_flight: u32,
    /// Resident memory of the child; 0 in process.
    pub rss_bytes: u64,
    /// `None` in process.
    pub pid: Option<u32>,
}

/// Where an adapter runs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Isolation {
    /// In a child process of its own.
    #[default]
    Process,
    /// In this process: tests, and operators who opted in.
    InProcess,
}

/// What to do where the operating system lacks a mechanism.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sandbox {
    /// Start anyway and say what is missing.
    #[default]
    WherePossible,
    /// Refuse the adapter.
    Required,
}

/// How to open an adapter.
#[derive(Debug, Clone)]
pub struct LaneOptions {
    pub isolation: Isolation,
    pub sandbox: Sandbox,
    pub limits: Limits,
    /// The binary that becomes the child: one whose `main` calls `child_main` when its first argument is
    /// `adapter-host`. By default this very program, which stays the same file even when it was upgraded on disk.
    pub program: PathBuf,
    /// From the start of the load until it is ready for calls.
    pub start_budget: Duration,
    /// Calls at a time; further ones wait.
    pub in_flight: usize,
    /// Capabilities that `requires` of a manifest may name.
    pub offered: Vec<String>,
    /// Packed message for the adapter's `create`.
    pub config: Vec<u8>,
}

/// Resources of a child.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    pub address_space_bytes: u64,
    pub stack_bytes: u64,
    pub open_files: u64,
    /// Threads and processes; counted for this child alone only inside a user namespace.
    pub threads: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { address_space_bytes: 256 << 20, stack_bytes: 8 << 20, open_files: 64, threads: 64 }
    }
}

impl Default for LaneOptions {
    fn default() -> Self {
        Self {
            isolation: Isolation::default(),
            sandbox: Sandbox::default(),
            limits: Limits::default(),
            program: PathBuf::from("/proc/self/exe"),
            start_budget: Duration::from_secs(5),
            in_flight: 256,
            offered: capability::OFFERED.iter().map(|&name| name.to_owned()).collect(),
            config: b"\x02\0\0\0{}".to_vec(),
        }
    }
}

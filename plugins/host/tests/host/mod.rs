//! What the tests of a whole host share: real adapters in a folder, a platform over real HTTP, ports in memory.
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
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{Method, Uri};
use juzhen_host::memory::Memory;
use juzhen_host::{
    AccountContext, AdapterState, AdapterStatus, Call, EffectPolicy, Host, HostOptions, Reply, pack,
};
use serde_json::{Value, json};

/// Hang protection only.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A secret that must not be seen anywhere.
pub const CANARY: &str = "canary-5a17ed-token";

/// A text for which the platform takes its time.
pub const SLOW: &str = "langsam";

/// A folder of adapters and a platform.
pub struct District {
    pub folder: tempfile::TempDir,
    pub memory: Memory,
    pub platform: Platform,
}

impl District {
    pub async fn new() -> Self {
        let memory = Memory::default();
        for account in 0..20 {
            memory.secrets.put(&format!("a{account}"), "access_token", CANARY);
        }
        Self { folder: tempfile::tempdir().unwrap(), memory, platform: Platform::start().await }
    }

    /// Puts an adapter into the folder under this file name, as `mv` would.
    pub fn install(&self, library: &[u8], file: &str) -> PathBuf {
        let path = self.folder.path().join(file);
        let beside = self.folder.path().join(format!(".{file}.part"));
        std::fs::write(&beside, library).unwrap();
        std::fs::rename(beside, &path).unwrap();
        path
    }

    /// Quick to settle, restart and despair; private addresses allowed.
    pub fn options(&self) -> HostOptions {
        let mut options = HostOptions::new(self.folder.path());
        options.lane.program = PathBuf::from(env!("CARGO_BIN_EXE_adapter_host"));
        options.egress.allow_private = true;
        options.watch.settle = Duration::from_millis(100);
        options.watch.poll_every = Duration::from_millis(500);
        options.watch.retry_refused = Duration::from_millis(500);
        options.supervision.restart_first = Duration::from_millis(10);
        options.supervision.grace = Duration::from_millis(300);
        options
    }

    pub async fn host(&self, options: HostOptions) -> Host {
        Host::start(options, self.memory.ports()).await.unwrap()
    }

    /// A post of one account, with a call id of its own.
    pub fn publish(&self, adapter: &str, account: u32, text: &str) -> Call {
        static NEXT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let number = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        Call {
            adapter: adapter.into(),
            id: format!("call-{number}"),
            operation: "publish".into(),
            account: AccountContext {
                id: format!("a{account}"),
                uid: account.to_string(),
                settings: json!({ "base_url": self.platform.url }).as_object().unwrap().clone(),
            },
            idempotency_key: format!("key-{number}"),
            attempt: 1,
            deadline: Duration::from_secs(20),
            body: json!({ "text": text }),
            effects: EffectPolicy::Journal,
        }
    }
}

/// The `.so` of `adapters/mock`.
pub fn mock() -> &'static [u8] {
    static BYTES: OnceLock<Vec<u8>> = OnceLock::new();
    BYTES.get_or_init(|| built("juzhen-adapter-mock"))
}

/// The `.so` of `adapters/hostile`.
pub fn hostile() -> &'static [u8] {
    static BYTES: OnceLock<Vec<u8>> = OnceLock::new();
    BYTES.get_or_init(|| built("juzhen-adapter-hostile"))
}

/// The same adapter as another file: what follows the last section is not loaded, but hashed.
pub fn variant(library: &[u8], number: u32) -> Vec<u8> {
    [library, format!("variant {number}").as_bytes()].concat()
}

fn built(package: &str) -> Vec<u8> {
    std::fs::read(juzhen_testkit::build::adapter(package).unwrap()).unwrap()
}

/// Compiles the carrier tests' C adapter with these switches.
pub fn c_adapter(switches: &[&str]) -> Vec<u8> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = tempfile::tempdir().unwrap();
    let library = folder.path().join("sins.so");
    let done = std::process::Command::new("cc")
        .args(["-shared", "-fPIC", "-w", "-fvisibility=hidden", "-I"])
        .arg(here.join("../abi/include"))
        .args(switches)
        .arg("-o")
        .arg(&library)
        .arg(here.join("tests/carrier/sins.c"))
        .arg("-lpthread")
        .status()
        .unwrap();
    assert!(done.success());
    std::fs::read(library).unwrap()
}

pub fn status(host: &Host, adapter: &str) -> AdapterStatus {
    let found = host
        .adapters()
        .into_iter()
        .find(|status| status.name == adapter && !matches!(status.state, AdapterState::Refused { .. }));
    found.unwrap_or_else(|| panic!("{adapter} is not there: {:?}", host.adapters()))
}

/// The reasons of all refused files, by file name.
pub fn refused(host: &Host) -> Vec<(String, String)> {
    let reason = |status: AdapterStatus| match status.state {
        AdapterState::Refused { reason } => {
            Some((status.file.file_name().unwrap().to_string_lossy().into_owned(), reason))
        }
        _ => None,
    };
    host.adapters().into_iter().filter_map(reason).collect()
}

/// The head of a good reply.
pub fn answer_of(reply: &Reply) -> Value {
    match &reply.result {
        Ok(bytes) => pack::unpack(bytes).unwrap().0,
        Err(failure) => panic!("{failure}: {reply:?}"),
    }
}

/// Waits until it is so.
pub async fn until(what: &str, is_so: impl Fn() -> bool) {
    let waiting = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("never {what}"));
}

type Seen = Arc<Mutex<Vec<(String, String)>>>;

/// Takes every request and gives each a number.
pub struct Platform {
    pub url: String,
    seen: Seen,
    task: tokio::task::JoinHandle<()>,
}

impl Platform {
    async fn start() -> Self {
        let seen = Seen::default();
        let app =
            Router::new().fallback(take).layer(DefaultBodyLimit::disable()).with_state(Arc::clone(&seen));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let task = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { url, seen, task }
    }

    /// `METHOD path` and body of every request so far.
    pub fn seen(&self) -> Vec<(String, String)> {
        self.seen.lock().unwrap().clone()
    }

    /// Posts of this account with this text.
    pub fn posts(&self, account: u32, text: &str) -> usize {
        let path = format!("POST /v1/accounts/{account}/posts");
        self.seen().iter().filter(|(at, body)| *at == path && body.contains(text)).count()
    }
}

impl Drop for Platform {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn take(State(seen): State<Seen>, method: Method, uri: Uri, body: Bytes) -> axum::Json<Value> {
    let body = String::from_utf8_lossy(&body).into_owned();
    let slow = body.contains(SLOW);
    let number = {
        let mut seen = seen.lock().unwrap();
        seen.push((format!("{method} {}", uri.path()), body));
        (seen.len() - 1).to_string()
    };
    if slow {
        tokio::time::sleep(Duration::from_millis(1500)).await;
    }
    axum::Json(
        json!({ "id": number, "media_id": format!("m{number}"), "url": null, "posts": [], "echo": CANARY }),
    )
}

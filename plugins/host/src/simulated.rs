//! A host whose adapters are closures and whose network is a port: no folder, no thread, no process and no socket.
//!
//! Admission, journal, ledger, replay after a crash, secrets and budgets are those that ship. The tests of this crate
//! stand on it, and with the feature `simulation` whole daemons are simulated on it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::Poll;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use juzhen_abi::message::{HostError, HostErrorKind, HttpRequest, HttpResponse, Manifest, Request};
use juzhen_abi::pack;
use serde_json::Value;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::capabilities::client::{Body, Field, Outgoing, Transport};
use crate::capabilities::{Capabilities, LaneCalls};
use crate::journal::error;
use crate::lane::{HostCalls, Identity, IsolationReport, Lane, LaneAnswer, LaneHealth, ScopeSeed};
use crate::options::{Leaving, Progress, Supervision};
use crate::ports::{Ports, RecordedAnswer};
use crate::scope::Scopes;
use crate::slot::{Generation, Line, Slot};
use crate::supervise::Keeper;

pub use crate::changing::Changing;

/// What [`crate::Host::start`] runs instead of a folder of files.
#[derive(Clone)]
pub struct Simulated {
    pub adapters: Vec<Scripted>,
    pub network: Arc<dyn Network>,
}

/// One adapter.
#[derive(Clone)]
pub struct Scripted {
    pub manifest: Manifest,
    pub script: Script,
}

/// What an adapter does with one operation.
pub type Script = Arc<dyn Fn(Cx) -> BoxFuture<'static, LaneAnswer> + Send + Sync>;

/// Makes a [`Script`] of an async closure. It crashes its process by answering [`LaneAnswer::Gone`].
pub fn script<F, R>(run: F) -> Script
where
    F: Fn(Cx) -> R + Send + Sync + 'static,
    R: Future<Output = LaneAnswer> + Send + 'static,
{
    Arc::new(move |cx| run(cx).boxed())
}

/// Stands where the one egress client stands: behind the manifest's hosts, the ledger and the secrets.
#[async_trait]
pub trait Network: Send + Sync + 'static {
    /// Sends it once. Whatever happens is in the answer. It has left when the future was polled for the first time, and
    /// dropping it takes nothing back.
    async fn send(&self, request: NetworkRequest) -> RecordedAnswer;
}

/// A request as it leaves, secrets filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkRequest {
    pub method: String,
    pub url: String,
    pub headers: Vec<(String, String)>,
    /// Of a form: its fields, one a line.
    pub body: Vec<u8>,
    /// For the whole exchange.
    pub timeout: Duration,
}

/// One run of one call, as a script sees it.
#[derive(Clone)]
pub struct Cx {
    pub scope: u64,
    pub operation: String,
    pub request: Request,
    pub seed: ScopeSeed,
    /// 0 for the first run of the script, 1 for the next, … over all its processes.
    pub run: u32,
    pub calls: Arc<dyn HostCalls>,
}

impl Cx {
    /// One capability call: head and tail of its answer.
    ///
    /// # Errors
    /// What the host refuses.
    pub async fn host(
        &self,
        operation: &str,
        head: &impl serde::Serialize,
        tail: &[u8],
    ) -> Result<(Value, Vec<u8>), HostError> {
        let request = pack::pack(head, tail).map_err(|e| unreadable(&e))?;
        match self.calls.call(self.scope, operation.into(), request).await {
            Ok(answer) => {
                let (head, tail) = pack::unpack(&answer).map_err(|e| unreadable(&e))?;
                Ok((head, tail.to_vec()))
            }
            Err(refused) => Err(pack::unpack(&refused).map_err(|e| unreadable(&e))?.0),
        }
    }

    /// `http.send`.
    ///
    /// # Errors
    /// What the host refuses, and that no answer came.
    pub async fn http(
        &self,
        request: HttpRequest,
        body: &[u8],
    ) -> Result<(HttpResponse, Vec<u8>), HostError> {
        let (head, body) = self.host("http.send", &request, body).await?;
        let head = serde_json::from_value(head);
        Ok((head.map_err(|e| error(HostErrorKind::Failed, e.to_string()))?, body))
    }
}

fn unreadable(cause: &pack::PackError) -> HostError {
    error(HostErrorKind::Failed, cause.to_string())
}

/// The place of a scripted adapter, and what keeps it running once it is spawned.
pub(crate) fn place(
    scripted: &Scripted,
    capabilities: &Arc<Capabilities>,
    in_flight: usize,
    supervision: Supervision,
    changed: &watch::Sender<u64>,
) -> (Arc<Slot>, Keeper, Arc<Generation>) {
    let runs = Arc::new(AtomicU32::new(0));
    let start = {
        let (scripted, capabilities) = (scripted.clone(), Arc::clone(capabilities));
        move || ScriptedLane::start(&scripted, &capabilities, &runs)
    };
    let generation = start();
    let name = scripted.manifest.name.clone();
    let line = Line {
        manifest: Arc::clone(&generation.manifest),
        sha256: identity(&name).sha256,
        path: identity(&name).file_name.into(),
        file_missing: false,
        retired: CancellationToken::new(),
    };
    let retired = line.retired.clone();
    let slot = Arc::new(Slot::new(name, line, Arc::clone(&generation), in_flight));
    let keeper = Keeper {
        slot: Arc::clone(&slot),
        retired,
        reopen: Arc::new(move || futures_util::future::ready(Ok(start())).boxed()),
        supervision,
        clock: Arc::clone(&capabilities.ports.clock),
        changed: changed.clone(),
    };
    (slot, keeper, generation)
}

/// Capabilities whose requests go to the network of the simulation.
pub(crate) fn capabilities(
    ports: Ports,
    network: Arc<dyn Network>,
    progress: Option<Progress>,
) -> Capabilities {
    Capabilities::over(ports, Arc::new(OverNetwork { network, progress }))
}

struct OverNetwork {
    network: Arc<dyn Network>,
    progress: Option<Progress>,
}

#[async_trait]
impl Transport for OverNetwork {
    async fn send(&self, outgoing: Outgoing, _repeatable: bool) -> RecordedAnswer {
        let text =
            |value: &reqwest::header::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let headers = outgoing.headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect();
        let body = match outgoing.body {
            Body::Bytes(bytes) => bytes,
            Body::Blob(blob) => blob.bytes.to_vec(),
            Body::Form(fields) => fields.iter().map(line).collect::<String>().into_bytes(),
        };
        let Outgoing { method, url, timeout, .. } = outgoing;
        let told = self.progress.as_ref().filter(|_| !body.is_empty());
        let tell = |leaving| told.iter().for_each(|progress| progress.tell(leaving));
        let request =
            NetworkRequest { method: method.to_string(), url: url.to_string(), headers, body, timeout };
        tell(Leaving::Head);
        tell(Leaving::Half);
        let mut answer = self.network.send(request);
        if let Poll::Ready(answer) = futures_util::poll!(&mut answer) {
            return answer;
        }
        tell(Leaving::Whole);
        answer.await
    }
}

fn line(field: &Field) -> String {
    match field {
        Field::Text { name, value } => format!("{name}={value}\n"),
        Field::File { name, filename, .. } => format!("{name}=@{filename}\n"),
    }
}

fn identity(name: &str) -> Identity {
    let sha256 = "f".repeat(64);
    Identity { sha256, file_name: format!("{name}.so"), size: 1, flags: 1, build_info: String::new() }
}

struct ScriptedLane {
    manifest: Manifest,
    identity: Identity,
    isolation: IsolationReport,
    script: Script,
    /// Over all generations.
    runs: Arc<AtomicU32>,
    calls: Arc<dyn HostCalls>,
    dead: CancellationToken,
}

impl ScriptedLane {
    fn start(
        scripted: &Scripted,
        capabilities: &Arc<Capabilities>,
        runs: &Arc<AtomicU32>,
    ) -> Arc<Generation> {
        let scopes = Arc::new(Scopes::default());
        let calls = LaneCalls {
            adapter: scripted.manifest.name.clone(),
            scopes: Arc::clone(&scopes),
            capabilities: Arc::clone(capabilities),
        };
        let lane = Self {
            manifest: scripted.manifest.clone(),
            identity: identity(&scripted.manifest.name),
            isolation: IsolationReport::default(),
            script: Arc::clone(&scripted.script),
            runs: Arc::clone(runs),
            calls: Arc::new(calls),
            dead: CancellationToken::new(),
        };
        Arc::new(Generation::new(Arc::new(lane), scopes))
    }
}

#[async_trait]
impl Lane for ScriptedLane {
    fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    fn identity(&self) -> &Identity {
        &self.identity
    }

    fn isolation(&self) -> &IsolationReport {
        &self.isolation
    }

    async fn call(&self, scope: u64, operation: &str, request: Vec<u8>, seed: ScopeSeed) -> LaneAnswer {
        let request = match pack::unpack(&request) {
            Ok((request, _)) => request,
            Err(cause) => return LaneAnswer::Malformed(cause.to_string()),
        };
        let run = self.runs.fetch_add(1, Ordering::SeqCst);
        let (operation, calls) = (operation.to_owned(), Arc::clone(&self.calls));
        let answer = tokio::select! {
            biased;
            answer = (self.script)(Cx { scope, operation, request, seed, run, calls }) => answer,
            () = self.dead.cancelled() => LaneAnswer::Gone("killed together with another call".to_owned()),
        };
        if matches!(answer, LaneAnswer::Gone(_)) {
            self.dead.cancel();
        }
        answer
    }

    fn health(&self) -> LaneHealth {
        LaneHealth { alive: true, ..LaneHealth::default() }
    }

    async fn gone(&self) -> String {
        self.dead.cancelled().await;
        "killed".to_owned()
    }

    async fn shutdown(&self, _grace: Duration) {}

    fn kill(&self, _why: &str) {}
}

impl fmt::Debug for Simulated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.adapters.iter().map(|a| a.manifest.name.as_str()).collect();
        f.debug_struct("Simulated").field("adapters", &names).finish_non_exhaustive()
    }
}

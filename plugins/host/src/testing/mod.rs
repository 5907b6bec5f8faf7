//! What the tests of this crate stand on: a lane whose adapter is a closure, and a platform that misbehaves on demand.

mod effects;
mod faults;
mod isolation_of_calls;
mod platform;
mod secrecy;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use juzhen_abi::message::{AdapterError, HostError, HttpRequest, HttpResponse, Manifest, Request};
use juzhen_abi::pack;
use serde_json::{Value, json};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::call::{AccountContext, Call, EffectPolicy, Reply};
use crate::capabilities::{Capabilities, LaneCalls};
use crate::lane::{HostCalls, Identity, IsolationReport, Lane, LaneAnswer, LaneHealth, ScopeSeed};
use crate::memory::{Memory, SystemClock};
use crate::options::{Budgets, EgressOptions, Supervision};
use crate::run::Runner;
use crate::scope::Scopes;
use crate::slot::{Generation, Line, Slot};
use crate::supervise::{self, Keeper};

/// A host with one adapter, which is the closure.
pub(crate) struct Bench {
    pub(crate) memory: Memory,
    pub(crate) runner: Runner,
    pub(crate) slot: Arc<Slot>,
    _stop: DropGuard,
}

/// What the closure gets: one run of one call.
#[derive(Clone)]
pub(crate) struct Cx {
    pub(crate) scope: u64,
    pub(crate) request: Request,
    pub(crate) seed: ScopeSeed,
    /// 0 for the first run of the closure, 1 for the next, …
    pub(crate) run: u32,
    pub(crate) calls: Arc<dyn HostCalls>,
}

pub(crate) type Script = Arc<dyn Fn(Cx) -> BoxFuture<'static, LaneAnswer> + Send + Sync>;

pub(crate) fn script<F, R>(run: F) -> Script
where
    F: Fn(Cx) -> R + Send + Sync + 'static,
    R: Future<Output = LaneAnswer> + Send + 'static,
{
    Arc::new(move |cx| run(cx).boxed())
}

impl Bench {
    pub(crate) fn new(script: Script) -> Self {
        Self::with(
            script,
            EgressOptions { allow_private: true, ..EgressOptions::default() },
            Budgets::default(),
        )
    }

    pub(crate) fn with(script: Script, egress: EgressOptions, budgets: Budgets) -> Self {
        let memory = Memory::default();
        memory.secrets.put("d07", "token", CANARY);
        let capabilities = Arc::new(Capabilities::new(memory.ports(), &egress).unwrap());
        let runs = Arc::new(AtomicU32::new(0));
        let start = {
            let capabilities = Arc::clone(&capabilities);
            move || FakeLane::start(&capabilities, &script, &runs)
        };
        let generation = start();
        let line = Line {
            manifest: Arc::clone(&generation.manifest),
            sha256: identity().sha256,
            path: "fake.so".into(),
            file_missing: false,
            retired: CancellationToken::new(),
        };
        let retired = line.retired.clone();
        let slot = Arc::new(Slot::new("fake".into(), line, Arc::clone(&generation), budgets.in_flight));
        let keeper = Keeper {
            slot: Arc::clone(&slot),
            retired: retired.clone(),
            reopen: Arc::new(move || futures_util::future::ready(Ok(start())).boxed()),
            supervision: Supervision {
                restart_first: Duration::from_millis(5),
                restart_most: Duration::from_millis(5),
                crashes: usize::MAX,
                ..Supervision::default()
            },
            clock: Arc::new(SystemClock),
            changed: tokio::sync::watch::Sender::new(0),
        };
        tokio::spawn(supervise::keep(keeper, generation));
        let runner = Runner { capabilities, egress, budgets, grace: Duration::from_millis(300) };
        Self { memory, runner, slot, _stop: retired.drop_guard() }
    }

    pub(crate) async fn call(&self, call: Call) -> Reply {
        self.runner.run(&self.slot, &call).await
    }
}

/// A secret that must not be seen anywhere.
pub(crate) const CANARY: &str = "canary-7f3a/b+c";

pub(crate) fn manifest() -> Manifest {
    serde_json::from_value(json!({
        "name": "fake", "version": "1.0.0", "platform": "fake",
        "egress": ["setting:base_url", "setting:other_url"],
        "secrets": [{ "name": "token", "hosts": ["setting:base_url"] }, { "name": "unset" }]
    }))
    .unwrap()
}

fn identity() -> Identity {
    let sha256 = "f".repeat(64);
    Identity { sha256, file_name: "fake.so".into(), size: 1, flags: 1, build_info: String::new() }
}

/// A call of account `d07` on the platform at `base`.
pub(crate) fn call(base: &str) -> Call {
    let settings = json!({ "base_url": base });
    Call {
        adapter: "fake".into(),
        id: "call-1".into(),
        operation: "publish".into(),
        account: AccountContext {
            id: "d07".into(),
            uid: "7".into(),
            settings: settings.as_object().unwrap().clone(),
        },
        idempotency_key: "key".into(),
        attempt: 1,
        deadline: Duration::from_secs(20),
        body: json!({ "text": "正文" }),
        effects: EffectPolicy::Journal,
    }
}

impl Cx {
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.request.meta.settings["base_url"].as_str().unwrap())
    }

    pub(crate) async fn host(
        &self,
        operation: &str,
        head: &impl serde::Serialize,
        tail: &[u8],
    ) -> Result<(Value, Vec<u8>), HostError> {
        let request = pack::pack(head, tail).unwrap();
        match self.calls.call(self.scope, operation.into(), request).await {
            Ok(answer) => {
                let (head, tail) = pack::unpack(&answer).unwrap();
                Ok((head, tail.to_vec()))
            }
            Err(refused) => Err(pack::unpack(&refused).unwrap().0),
        }
    }

    pub(crate) async fn http(
        &self,
        request: HttpRequest,
        body: &[u8],
    ) -> Result<(HttpResponse, Vec<u8>), HostError> {
        let (head, body) = self.host("http.send", &request, body).await?;
        Ok((serde_json::from_value(head).unwrap(), body))
    }

    pub(crate) async fn post(&self, path: &str, body: &str) -> Result<(HttpResponse, Vec<u8>), HostError> {
        let request = HttpRequest { method: "POST".into(), url: self.url(path), ..HttpRequest::default() };
        self.http(request, body.as_bytes()).await
    }

    pub(crate) async fn get(&self, path: &str) -> Result<(HttpResponse, Vec<u8>), HostError> {
        let request = HttpRequest { method: "GET".into(), url: self.url(path), ..HttpRequest::default() };
        self.http(request, b"").await
    }
}

/// An answer of the adapter.
pub(crate) fn ok(value: &Value) -> LaneAnswer {
    LaneAnswer::Ok(pack::pack(value, b"").unwrap())
}

/// The adapter repeats what the host told it.
pub(crate) fn told(refused: &HostError) -> LaneAnswer {
    let kind = juzhen_abi::message::ErrorKind::Retryable { after_ms: None, scope: Default::default() };
    let message = format!("{:?}: {}", refused.kind, refused.message);
    LaneAnswer::Error(pack::pack(&AdapterError { kind, message }, b"").unwrap())
}

/// The head of a good reply.
pub(crate) fn answer_of(reply: &Reply) -> Value {
    pack::unpack(reply.result.as_ref().unwrap()).unwrap().0
}

struct FakeLane {
    manifest: Manifest,
    identity: Identity,
    isolation: IsolationReport,
    script: Script,
    /// Over all generations.
    runs: Arc<AtomicU32>,
    calls: Arc<dyn HostCalls>,
    dead: CancellationToken,
}

impl FakeLane {
    fn start(capabilities: &Arc<Capabilities>, script: &Script, runs: &Arc<AtomicU32>) -> Arc<Generation> {
        let scopes = Arc::new(Scopes::default());
        let calls = LaneCalls {
            adapter: "fake".into(),
            scopes: Arc::clone(&scopes),
            capabilities: Arc::clone(capabilities),
        };
        let lane = Self {
            manifest: manifest(),
            identity: identity(),
            isolation: IsolationReport::default(),
            script: Arc::clone(script),
            runs: Arc::clone(runs),
            calls: Arc::new(calls),
            dead: CancellationToken::new(),
        };
        Arc::new(Generation::new(Arc::new(lane), scopes))
    }
}

#[async_trait]
impl Lane for FakeLane {
    fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    fn identity(&self) -> &Identity {
        &self.identity
    }

    fn isolation(&self) -> &IsolationReport {
        &self.isolation
    }

    async fn call(&self, scope: u64, _operation: &str, request: Vec<u8>, seed: ScopeSeed) -> LaneAnswer {
        let request = pack::unpack(&request).unwrap().0;
        let run = self.runs.fetch_add(1, Ordering::SeqCst);
        let answer = tokio::select! {
            answer = (self.script)(Cx { scope, request, seed, run, calls: Arc::clone(&self.calls) }) => answer,
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

/// The distinct texts of a list.
pub(crate) fn distinct(texts: impl IntoIterator<Item = String>) -> usize {
    texts.into_iter().collect::<BTreeSet<_>>().len()
}

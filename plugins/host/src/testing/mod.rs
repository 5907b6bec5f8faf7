//! What the tests of this crate stand on: a lane whose adapter is a closure, and a platform that misbehaves on demand.

mod effects;
mod faults;
mod insecure;
mod isolation_of_calls;
mod leaving;
mod platform;
mod renewing;
mod secrecy;
mod signing_in;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use juzhen_abi::message::{AdapterError, HostError, HttpRequest, HttpResponse, Manifest};
use juzhen_abi::pack;
use serde_json::{Value, json};
use tokio_util::sync::DropGuard;

use crate::call::{AccountContext, Call, EffectPolicy, Reply};
use crate::capabilities::Capabilities;
use crate::lane::LaneAnswer;
use crate::memory::Memory;
use crate::options::{Budgets, EgressOptions, Supervision};
use crate::run::Runner;
use crate::simulated::{self, Cx, Script, Scripted, script};
use crate::slot::Slot;
use crate::supervise;

/// A host with one adapter, which is the closure.
pub(crate) struct Bench {
    pub(crate) memory: Memory,
    pub(crate) runner: Runner,
    pub(crate) slot: Arc<Slot>,
    _stop: DropGuard,
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
        let supervision = Supervision {
            restart_first: Duration::from_millis(5),
            restart_most: Duration::from_millis(5),
            crashes: usize::MAX,
            ..Supervision::default()
        };
        let scripted = Scripted { manifest: manifest(), script };
        let changed = tokio::sync::watch::Sender::new(0);
        let (slot, keeper, generation) =
            simulated::place(&scripted, &capabilities, budgets.in_flight, supervision, &changed);
        let retired = keeper.retired.clone();
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

/// The distinct texts of a list.
pub(crate) fn distinct(texts: impl IntoIterator<Item = String>) -> usize {
    texts.into_iter().collect::<BTreeSet<_>>().len()
}

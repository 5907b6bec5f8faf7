//! One running API for one test.

mod district;
mod http;
pub(crate) mod log;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use juzhen_domain::id::PersonId;
use juzhen_engine::clock::{Machine, World};
use juzhen_engine::failpoint::Failpoints;
use juzhen_engine::{Engine, EngineOptions, Folder};
use juzhen_server::{ServerOptions, Tokens};
use juzhen_store::{Sqlite, Store};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};

pub(crate) use district::District;
pub(crate) use http::{Answer, Request, exchange};

/// The API, its engine and its database. Stops when it is dropped.
pub(crate) struct Api {
    pub(crate) address: std::net::SocketAddr,
    pub(crate) engine: Engine,
    pub(crate) store: Arc<Sqlite>,
    pub(crate) district: District,
    /// Seconds that its clock is ahead.
    pub(crate) ahead: Arc<AtomicI64>,
    _stop: DropGuard,
}

/// The machine's clock, and how far a test has moved on.
struct Moved(Arc<AtomicI64>);

impl World for Moved {
    fn now(&self) -> Timestamp {
        Machine.now() + jiff::SignedDuration::from_secs(self.0.load(Ordering::Relaxed))
    }

    fn random(&self) -> [u8; 10] {
        Machine.random()
    }
}

/// Nothing answers there.
pub(crate) const NOWHERE: &str = "http://127.0.0.1:9/mock";

/// Every person's token is `token-of-` and their id; `token-that-panics` does what it says.
struct TestTokens;

impl Tokens for TestTokens {
    fn person(&self, token: &str) -> Option<PersonId> {
        assert_ne!(token, "token-that-panics", "the test asked for it");
        token.strip_prefix("token-of-").map(PersonId::from)
    }
}

impl Api {
    pub(crate) async fn start() -> Self {
        Self::with(|_| {}, "").await
    }

    /// With a platform behind its accounts.
    pub(crate) async fn at(platform: &str) -> Self {
        Self::start_with(District::new(platform), |_| {}, "").await
    }

    /// With other limits, and failpoints.
    pub(crate) async fn with(tune: impl FnOnce(&mut ServerOptions), failpoints: &str) -> Self {
        Self::start_with(District::new(NOWHERE), tune, failpoints).await
    }

    async fn start_with(district: District, tune: impl FnOnce(&mut ServerOptions), failpoints: &str) -> Self {
        log::keep();
        let store = Arc::new(Sqlite::temporary().unwrap());
        let ahead = Arc::new(AtomicI64::new(0));
        let engine = Engine::start(EngineOptions {
            config: district.config(),
            adapters: district.adapters(),
            secrets: district.secrets(),
            store: store.clone(),
            world: Arc::new(Moved(Arc::clone(&ahead))),
            failpoints: Arc::new(Failpoints::parse(failpoints).unwrap()),
            files: Folder::new(district.config()),
            mark: None,
            master_key: juzhen_engine::MasterKey::Fixed([7; 32]),
            lease: juzhen_engine::LEASE,
            tune_host: Arc::new(|_| {}),
        })
        .await
        .unwrap();
        let mut options = ServerOptions::new(Arc::new(TestTokens));
        tune(&mut options);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let router = juzhen_server::router(engine.clone(), options);
        tokio::spawn(juzhen_server::serve(listener, router, stop.clone()));
        Self { address, engine, store, district, ahead, _stop: stop.drop_guard() }
    }

    /// Lets the services of the engine run for the rest of the test.
    pub(crate) fn run_engine(&self) -> DropGuard {
        let (engine, stop) = (self.engine.clone(), CancellationToken::new());
        let guard = stop.clone().drop_guard();
        tokio::spawn(async move { engine.run(stop, Duration::from_secs(1)).await });
        guard
    }

    pub(crate) async fn send(&self, request: Request) -> Answer {
        exchange(self.address, &request.bytes()).await
    }

    pub(crate) async fn get(&self, person: &str, path: &str) -> Answer {
        self.send(Request::new("GET", path).of(person)).await
    }

    pub(crate) async fn post(&self, person: &str, path: &str, body: Value) -> Answer {
        self.send(Request::new("POST", path).of(person).json(&body)).await
    }

    /// An item of D07 on its Weibo account, waiting for the office.
    pub(crate) async fn submitted(&self, text: &str) -> Value {
        let answer = self.post("d07.xx", "/api/v1/items", new_item(text)).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        answer.json()
    }

    /// The same, approved and due in an hour.
    pub(crate) async fn scheduled(&self, text: &str) -> Value {
        let item = self.submitted(text).await;
        let answer = self.decide("off.hg", &item, json!({ "publish_at": in_seconds(3600) })).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()
    }

    /// Approves what was read; `more` adds to the decision or changes it.
    pub(crate) async fn decide(&self, person: &str, item: &Value, more: Value) -> Answer {
        let mut decision = json!({ "decision": "approve", "hash": item["hash"] });
        decision.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.post(person, &format!("/api/v1/items/{}/decisions", text(&item["id"])), decision).await
    }

    /// Time passes.
    pub(crate) fn wait(&self, seconds: i64) {
        self.ahead.fetch_add(seconds, Ordering::Relaxed);
    }

    pub(crate) async fn audit_actions(&self, subject: &str) -> Vec<String> {
        let filter = juzhen_store::AuditFilter { subject: Some(subject.into()), before: None, most: 100 };
        let mut rows = self.store.audit(filter).await.unwrap();
        rows.reverse();
        rows.into_iter().map(|row| format!("{} {}", row.audit.actor, row.audit.action)).collect()
    }
}

pub(crate) fn new_item(text: &str) -> Value {
    json!({ "column": "gonggao", "variants": { "weibo": { "text": text } }, "targets": ["W015"] })
}

pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text"))
}

pub(crate) fn in_seconds(seconds: i64) -> String {
    (Timestamp::now() + jiff::SignedDuration::from_secs(seconds)).to_string()
}

/// Something that was not used yet.
pub(crate) fn fresh(prefix: &str) -> String {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    format!("{prefix}-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

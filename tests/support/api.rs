//! The daemon's API as people use it: each with a token of their own, whichever daemon answers at the moment.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::juzhen;

/// One grey pixel.
const PNG: &[u8] = &[
    0x89, b'P', b'N', b'G', 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 0x0d, b'I', b'H', b'D', b'R', 0, 0, 0, 1, 0, 0,
    0, 1, 8, 0, 0, 0, 0, 0x3a, 0x7e, 0x9b, 0x55, 0, 0, 0, 0x0a, b'I', b'D', b'A', b'T', 0x78, 0x9c, 0x63,
    0x60, 0, 0, 0, 2, 0, 1, 0x48, 0xaf, 0xa4, 0x71, 0, 0, 0, 0, b'I', b'E', b'N', b'D', 0xae, 0x42, 0x60,
    0x82,
];

/// A client of one district. A clone asks the same daemon, also the one that comes after a crash.
#[derive(Clone)]
pub struct Api {
    url: Arc<Mutex<String>>,
    tokens: Arc<Mutex<BTreeMap<String, String>>>,
    client: reqwest::Client,
    data: PathBuf,
    pub(crate) log: Arc<Mutex<String>>,
}

/// For HTTP without a district; works whichever test comes first.
pub fn client() -> reqwest::Client {
    let _already = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::new()
}

impl Api {
    pub fn new(data: PathBuf) -> Self {
        let client = client();
        Self { url: Arc::default(), tokens: Arc::default(), client, data, log: Arc::default() }
    }

    pub fn url(&self) -> String {
        self.url.lock().unwrap().clone()
    }

    /// From now on it is this daemon that answers.
    pub fn moved_to(&self, url: &str) {
        url.clone_into(&mut self.url.lock().unwrap());
    }

    /// What the daemon logged so far, without the requests that went well.
    pub fn log(&self) -> String {
        let log = self.log.lock().unwrap();
        log.lines().filter(|line| !line.contains("answered 200")).collect::<Vec<_>>().join("\n")
    }

    /// Everything that it logged.
    pub fn whole_log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// One request as this person; the status and the JSON of the answer.
    pub async fn call(
        &self,
        person: &str,
        method: &str,
        path: &str,
        body: Option<Value>,
    ) -> (StatusCode, Value) {
        self.try_call(person, method, path, body).await.unwrap()
    }

    /// The same when the daemon may be dying under it.
    pub async fn try_call(
        &self,
        person: &str,
        method: &str,
        path: &str,
        body: Option<Value>,
    ) -> reqwest::Result<(StatusCode, Value)> {
        self.request(person, method, path, body, None).await
    }

    /// The same with an `Idempotency-Key`, so that it can be said again.
    pub async fn once(
        &self,
        person: &str,
        path: &str,
        body: Value,
        key: &str,
    ) -> reqwest::Result<(StatusCode, Value)> {
        self.request(person, "POST", path, Some(body), Some(key)).await
    }

    async fn request(
        &self,
        person: &str,
        method: &str,
        path: &str,
        body: Option<Value>,
        key: Option<&str>,
    ) -> reqwest::Result<(StatusCode, Value)> {
        let method = method.parse().unwrap();
        let mut request = self.client.request(method, format!("{}{path}", self.url()));
        request = request.bearer_auth(self.token(person)).timeout(Duration::from_secs(20));
        if let Some(body) = body {
            request = request.json(&body);
        }
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        let answer = request.send().await?;
        let status = answer.status();
        let text = answer.text().await?;
        Ok((status, serde_json::from_str(&text).unwrap_or(Value::String(text))))
    }

    pub async fn get(&self, path: &str) -> Value {
        let (status, body) = self.call("off.hg", "GET", path, None).await;
        assert!(status.is_success(), "GET {path}: {status} {body:#}");
        body
    }

    /// Submits as the officer of the unit, approves as the office, due after `delay`. The id of the item.
    pub async fn publish(&self, officer: &str, text: &str, targets: &[&str], delay: Duration) -> String {
        let id = self.submit(officer, text, targets).await;
        let (status, body) = self.approve(&id, delay).await.unwrap();
        assert!(status.is_success(), "approve: {status} {body:#}");
        id
    }

    pub async fn submit(&self, officer: &str, text: &str, targets: &[&str]) -> String {
        let (status, body) = self.call(officer, "POST", "/api/v1/items", Some(item(text, targets))).await;
        assert_eq!(status, StatusCode::CREATED, "{body:#}");
        body["id"].as_str().unwrap().to_owned()
    }

    /// The smallest PNG there is, handed in by this person: as an item names it.
    pub async fn picture(&self, person: &str) -> Value {
        let request =
            self.client.post(format!("{}/api/v1/media", self.url())).bearer_auth(self.token(person));
        let answer = request.header("content-type", "image/png").body(PNG).send().await.unwrap();
        assert!(answer.status().is_success(), "{}", answer.status());
        let stored: Value = answer.json().await.unwrap();
        json!({"sha256": stored["sha256"], "alt": "示意图"})
    }

    /// Approves and schedules in one word.
    pub async fn approve(&self, item: &str, delay: Duration) -> reqwest::Result<(StatusCode, Value)> {
        self.approve_at(item, Timestamp::now() + delay, None).await
    }

    /// The same for a certain time, which may have an end.
    pub async fn approve_at(
        &self,
        item: &str,
        due: Timestamp,
        latest: Option<Timestamp>,
    ) -> reqwest::Result<(StatusCode, Value)> {
        let (_, seen) = self.try_call("off.hg", "GET", &format!("/api/v1/items/{item}"), None).await?;
        let decision = json!({
            "decision": "approve", "hash": seen["hash"], "publish_at": due.to_string(),
            "latest_at": latest.map(|time| time.to_string()),
        });
        self.try_call("off.hg", "POST", &format!("/api/v1/items/{item}/decisions"), Some(decision)).await
    }

    /// The deliveries of an item: account → state.
    pub async fn states(&self, item: &str) -> BTreeMap<String, String> {
        let deliveries = self.get(&format!("/api/v1/deliveries?item={item}&limit=200")).await;
        let list = deliveries["deliveries"].as_array().unwrap().clone();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        list.iter().map(|d| (text(&d["account"]), text(&d["state"]))).collect()
    }

    /// Every delivery there is, newest first.
    pub async fn deliveries(&self) -> Vec<Value> {
        let (mut all, mut before) = (Vec::new(), String::new());
        loop {
            let page = self.get(&format!("/api/v1/deliveries?limit=200{before}")).await;
            all.extend(page["deliveries"].as_array().unwrap().iter().cloned());
            match page["next_before"].as_str() {
                Some(next) => before = format!("&before={next}"),
                None => return all,
            }
        }
    }

    /// Waits until every delivery of the item is in one of these states.
    pub async fn until(&self, item: &str, wanted: &[&str]) -> BTreeMap<String, String> {
        let start = Instant::now();
        loop {
            let states = self.states(item).await;
            if !states.is_empty() && states.values().all(|s| wanted.contains(&s.as_str())) {
                return states;
            }
            assert!(
                start.elapsed() < Duration::from_secs(60),
                "still {states:?}, not {wanted:?}\n{}",
                self.log()
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Made by the command line, beside the daemon.
    pub fn token(&self, person: &str) -> String {
        let make = || {
            let mut command = Command::new(juzhen());
            let output = command.args(["user", "token", person, "--data"]).arg(&self.data).output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            String::from_utf8(output.stdout).unwrap().trim().to_owned()
        };
        self.tokens.lock().unwrap().entry(person.to_owned()).or_insert_with(make).clone()
    }
}

/// A new item of the column that the test district has.
pub fn item(text: &str, targets: &[&str]) -> Value {
    json!({"column": "yaowen", "variants": {"weibo": {"text": text}}, "targets": targets})
}

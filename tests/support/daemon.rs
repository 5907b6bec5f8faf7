//! The real binary as a child process, and its API as a person uses it.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::{District, juzhen};

/// How to start it.
#[derive(Default)]
pub struct Run {
    /// Value of `FAILPOINTS`.
    pub failpoints: Option<String>,
}

/// A running daemon; killed when dropped.
pub struct Daemon {
    child: Child,
    pub url: String,
    tokens: BTreeMap<String, String>,
    client: reqwest::Client,
    log: Arc<Mutex<String>>,
    data: PathBuf,
}

impl Daemon {
    pub fn start(district: &District) -> Self {
        Self::start_with(district, &Run::default())
    }

    /// Starts `juzhen run` and waits for the line that says it serves.
    pub fn start_with(district: &District, run: &Run) -> Self {
        let mut command = Command::new(juzhen());
        command.args(["run", "--listen", "127.0.0.1:0", "--config"]).arg(district.config());
        command.arg("--data").arg(district.data());
        if let Some(points) = &run.failpoints {
            command.arg("--i-am-a-test").env("FAILPOINTS", points);
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let log = Arc::new(Mutex::new(String::new()));
        let (stderr, kept) = (child.stderr.take().unwrap(), Arc::clone(&log));
        std::thread::spawn(move || keep(stderr, &kept));
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let line = lines.next().map(Result::unwrap);
        std::thread::spawn(move || lines.for_each(drop));
        let Some(line) = line else {
            std::thread::sleep(Duration::from_millis(200));
            panic!("the daemon ended before it served: {}", log.lock().unwrap());
        };
        let url = line
            .strip_prefix("listening on ")
            .unwrap_or_else(|| panic!("unexpected line {line:?}"))
            .to_owned();
        let _ = rustls::crypto::ring::default_provider().install_default();
        Self {
            child,
            url,
            tokens: BTreeMap::new(),
            client: reqwest::Client::new(),
            log,
            data: district.data(),
        }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it logged so far, without the requests that went well.
    pub fn log(&self) -> String {
        let log = self.log.lock().unwrap();
        log.lines().filter(|line| !line.contains("answered 200")).collect::<Vec<_>>().join("\n")
    }

    /// SIGKILL, and no word about it.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Waits until it ends by itself.
    pub fn ended(&mut self, within: Duration) -> Option<ExitStatus> {
        let start = Instant::now();
        while start.elapsed() < within {
            if let Some(status) = self.child.try_wait().unwrap() {
                return Some(status);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        None
    }

    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// One request as this person; the status and the JSON of the answer.
    pub async fn call(
        &mut self,
        person: &str,
        method: &str,
        path: &str,
        body: Option<Value>,
    ) -> (StatusCode, Value) {
        self.try_call(person, method, path, body).await.unwrap()
    }

    /// The same when the daemon may be dying under it.
    pub async fn try_call(
        &mut self,
        person: &str,
        method: &str,
        path: &str,
        body: Option<Value>,
    ) -> reqwest::Result<(StatusCode, Value)> {
        let token = self.token(person);
        let method = method.parse().unwrap();
        let mut request = self.client.request(method, format!("{}{path}", self.url)).bearer_auth(token);
        request = request.timeout(Duration::from_secs(20));
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await?;
        let status = answer.status();
        let text = answer.text().await?;
        Ok((status, serde_json::from_str(&text).unwrap_or(Value::String(text))))
    }

    pub async fn get(&mut self, path: &str) -> Value {
        let (status, body) = self.call("off.hg", "GET", path, None).await;
        assert!(status.is_success(), "GET {path}: {status} {body:#}");
        body
    }

    /// Submits as the officer of the unit, approves as the office, due after `delay`. The id of the item.
    pub async fn publish(&mut self, officer: &str, text: &str, targets: &[&str], delay: Duration) -> String {
        let id = self.submit(officer, text, targets).await;
        let (status, body) = self.approve(&id, delay).await.unwrap();
        assert!(status.is_success(), "approve: {status} {body:#}");
        id
    }

    pub async fn submit(&mut self, officer: &str, text: &str, targets: &[&str]) -> String {
        let item = json!({"column": "yaowen", "variants": {"weibo": {"text": text}}, "targets": targets});
        let (status, body) = self.call(officer, "POST", "/api/v1/items", Some(item)).await;
        assert_eq!(status, StatusCode::CREATED, "{body:#}");
        body["id"].as_str().unwrap().to_owned()
    }

    /// Approves and schedules in one word.
    pub async fn approve(&mut self, item: &str, delay: Duration) -> reqwest::Result<(StatusCode, Value)> {
        let (_, seen) = self.try_call("off.hg", "GET", &format!("/api/v1/items/{item}"), None).await?;
        let at = Timestamp::now() + delay;
        let decision = json!({"decision": "approve", "hash": seen["hash"], "publish_at": at.to_string()});
        self.try_call("off.hg", "POST", &format!("/api/v1/items/{item}/decisions"), Some(decision)).await
    }

    /// The deliveries of an item: account → state.
    pub async fn states(&mut self, item: &str) -> BTreeMap<String, String> {
        let deliveries = self.get(&format!("/api/v1/deliveries?item={item}")).await;
        let list = deliveries["deliveries"].as_array().unwrap().clone();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        list.iter().map(|d| (text(&d["account"]), text(&d["state"]))).collect()
    }

    /// Waits until every delivery of the item is in one of these states.
    pub async fn until(&mut self, item: &str, wanted: &[&str]) -> BTreeMap<String, String> {
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

    fn token(&mut self, person: &str) -> String {
        let data = &self.data;
        let make = || {
            let mut command = Command::new(juzhen());
            let output = command.args(["user", "token", person, "--data"]).arg(data).output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            String::from_utf8(output.stdout).unwrap().trim().to_owned()
        };
        self.tokens.entry(person.to_owned()).or_insert_with(make).clone()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Asks again until the answer is yes; fails after half a minute with what was asked.
pub async fn eventually<F: Future<Output = bool>>(what: &str, mut ask: impl FnMut() -> F) {
    let start = Instant::now();
    while !ask().await {
        assert!(start.elapsed() < Duration::from_secs(30), "not within 30 s: {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn keep(mut stderr: impl Read, log: &Mutex<String>) {
    let mut buffer = [0; 4096];
    while let Ok(read) = stderr.read(&mut buffer) {
        if read == 0 {
            return;
        }
        log.lock().unwrap().push_str(&String::from_utf8_lossy(&buffer[..read]));
    }
}

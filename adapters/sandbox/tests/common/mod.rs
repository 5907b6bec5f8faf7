//! A served sandbox and a client for it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)] // A test stops at the first surprise.
#![allow(dead_code)] // Every test file uses its own part.

use std::time::Duration;

use juzhen_sandbox::{Rule, Sandbox, SandboxHandle, SandboxOptions};
use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value, json};
use tokio_util::sync::{CancellationToken, DropGuard};

/// Generous: only there so that a broken test ends.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Stage {
    pub(crate) handle: SandboxHandle,
    pub(crate) client: reqwest::Client,
    _stop: DropGuard,
}

impl Stage {
    pub(crate) async fn new() -> Self {
        Self::with(SandboxOptions::default()).await
    }

    pub(crate) async fn with(options: SandboxOptions) -> Self {
        // A second test in this process finds it installed; that is fine.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let sandbox = Sandbox::bind(options).await.unwrap();
        let handle = sandbox.handle();
        let stop = CancellationToken::new();
        tokio::spawn(sandbox.serve(stop.clone()));
        let client = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(PATIENCE)
            .build()
            .unwrap();
        Self { handle, client, _stop: stop.drop_guard() }
    }

    /// A request to the mock platform with a token.
    pub(crate) fn ask(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.handle.mock_url())).bearer_auth("any")
    }

    pub(crate) fn posting(&self, uid: &str, text: &str) -> RequestBuilder {
        self.ask(Method::POST, &format!("/v1/accounts/{uid}/posts")).json(&json!({ "text": text }))
    }

    /// Publishes without faults in the way; the answer is the id.
    pub(crate) async fn posted(&self, uid: &str, text: &str) -> String {
        let (status, body) = read(self.posting(uid, text)).await;
        assert_eq!(status, 201, "{body}");
        body["id"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn repost(&self, uid: &str, origin_uid: &str, origin_id: &str) -> (u16, Value) {
        let body = json!({ "origin_id": origin_id, "origin_uid": origin_uid, "comment": "转" });
        read(self.ask(Method::POST, &format!("/v1/accounts/{uid}/reposts")).json(&body)).await
    }

    /// The texts that the account's list shows now.
    pub(crate) async fn listed(&self, uid: &str) -> Vec<String> {
        let (status, body) = read(self.ask(Method::GET, &format!("/v1/accounts/{uid}/posts"))).await;
        assert_eq!(status, 200, "{body}");
        let posts = body["posts"].as_array().unwrap();
        posts.iter().map(|post| post["text"].as_str().unwrap().to_owned()).collect()
    }

    /// A request to the script's side.
    pub(crate) async fn control(&self, method: Method, path: &str, body: Value) -> (u16, Value) {
        let url = format!("{}control/{path}", self.handle.page_url());
        let mut request = self.client.request(method, url);
        if !body.is_null() {
            request = request.json(&body);
        }
        read(request).await
    }

    pub(crate) async fn page(&self, path: &str) -> (u16, String) {
        let url = format!("{}{path}", self.handle.page_url());
        let response = self.client.get(url).send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    }

    pub(crate) fn fault(&self, rule: Rule) {
        self.handle.fault(rule).unwrap();
    }

    /// So many posts and reposts happened.
    pub(crate) fn published(&self) -> usize {
        use juzhen_sandbox::EffectKind::{Post, Repost};
        self.handle.ledger().effects.iter().filter(|effect| matches!(effect.kind, Post | Repost)).count()
    }

    /// How often the rule added as number `index` fired.
    pub(crate) fn fired(&self, index: usize) -> u64 {
        self.handle.faults()[index].fired
    }
}

/// Status and JSON of an answer; null where there is no body.
pub(crate) async fn read(request: RequestBuilder) -> (u16, Value) {
    taken(request.send().await.unwrap()).await
}

pub(crate) async fn taken(response: Response) -> (u16, Value) {
    let status = response.status().as_u16();
    let bytes = response.bytes().await.unwrap();
    (status, if bytes.is_empty() { Value::Null } else { serde_json::from_slice(&bytes).unwrap() })
}

pub(crate) fn now_ms() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

/// Waits until `is_so`, or fails after [`PATIENCE`].
pub(crate) async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let started = std::time::Instant::now();
    while !is_so() {
        assert!(started.elapsed() < PATIENCE, "still not: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

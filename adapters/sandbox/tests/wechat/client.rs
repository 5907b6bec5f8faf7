//! A client of the stand-in: one account, its token, and the steps that most tests need.

use juzhen_sandbox::wechat::AccountSeed;
use juzhen_sandbox::{Effect, EffectKind};
use serde_json::{Value, json};

use crate::common::{PATIENCE, Stage, read};

pub(crate) const APPID: &str = "wx0000000000000000";
/// The beginning of a JPEG is all that the platform looks at.
pub(crate) const JPEG: &[u8] = b"\xff\xd8\xff\xe0 a picture";
pub(crate) const PNG: &[u8] = b"\x89PNG\r\n\x1a\n a picture";

pub(crate) struct Client {
    pub(crate) stage: Stage,
    pub(crate) token: String,
}

/// The account that is there without a seed, changed.
pub(crate) fn account(change: impl FnOnce(&mut AccountSeed)) -> AccountSeed {
    let mut account = AccountSeed { publish_after_ms: 20, mass_after_ms: 20, ..AccountSeed::default() };
    change(&mut account);
    account
}

impl Client {
    pub(crate) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut AccountSeed)) -> Self {
        let stage = Stage::new().await;
        let mut client = Self { stage, token: String::new() };
        client.set(change);
        client.token = client.stable_token(false).await["access_token"].as_str().unwrap().to_owned();
        client
    }

    pub(crate) fn set(&self, change: impl FnOnce(&mut AccountSeed)) {
        self.stage.handle.wechat_account(account(change)).unwrap();
    }

    pub(crate) fn url(&self, path: &str) -> String {
        let join = if path.contains('?') { '&' } else { '?' };
        format!("{}/cgi-bin/{path}{join}access_token={}", self.stage.handle.wechat_url(), self.token)
    }

    /// The answer to a POST of JSON, whose status is 200 whatever it says.
    pub(crate) async fn post(&self, path: &str, body: Value) -> Value {
        let (status, answer) = read(self.stage.client.post(self.url(path)).json(&body)).await;
        assert_eq!(status, 200, "{path}: {answer}");
        answer
    }

    /// The same with a body of any bytes.
    pub(crate) async fn post_raw(&self, path: &str, body: &str) -> Value {
        read(self.stage.client.post(self.url(path)).body(body.to_owned())).await.1
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        let (status, answer) = read(self.stage.client.get(self.url(path))).await;
        assert_eq!(status, 200, "{path}: {answer}");
        answer
    }

    pub(crate) async fn upload(&self, path: &str, bytes: &[u8]) -> Value {
        self.upload_parts(path, &[("media\"; filename=\"a.jpg", bytes)]).await
    }

    /// A form of parts, each with its name, quotes within it left open for a file name.
    pub(crate) async fn upload_parts(&self, path: &str, parts: &[(&str, &[u8])]) -> Value {
        let mut body = Vec::new();
        for (name, bytes) in parts {
            let kind = if name.contains("filename") { "content-type: image/jpeg\r\n" } else { "" };
            let head = format!("--cut\r\n{kind}content-disposition: form-data; name=\"{name}\"\r\n\r\n");
            body.extend_from_slice(head.as_bytes());
            body.extend_from_slice(bytes);
            body.extend_from_slice(b"\r\n");
        }
        body.extend_from_slice(b"--cut--\r\n");
        let request = self.stage.client.post(self.url(path)).body(body);
        read(request.header("content-type", "multipart/form-data; boundary=cut")).await.1
    }

    pub(crate) async fn stable_token(&self, force: bool) -> Value {
        let url = format!("{}/cgi-bin/stable_token", self.stage.handle.wechat_url());
        let body = json!({
            "grant_type": "client_credential", "appid": APPID, "secret": "s".repeat(32), "force_refresh": force,
        });
        read(self.stage.client.post(url).json(&body)).await.1
    }

    /// A permanent picture.
    pub(crate) async fn thumb(&self) -> String {
        let answer = self.upload("material/add_material?type=image", JPEG).await;
        answer["media_id"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
    }

    /// A draft with one article.
    pub(crate) async fn draft(&self, title: &str, content: &str) -> String {
        let article = json!({
            "title": title,
            "content": content,
            "thumb_media_id": self.thumb().await,
            "content_source_url": "https://gov.example.cn/a?wxid=1-1",
        });
        let answer = self.post("draft/add", json!({ "articles": [article] })).await;
        answer["media_id"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
    }

    /// Submits a draft; the answer is its `publish_id`.
    pub(crate) async fn submit(&self, media_id: &str) -> String {
        let answer = self.post("freepublish/submit", json!({ "media_id": media_id })).await;
        answer["publish_id"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
    }

    /// Polls until the publication is not at work any more.
    pub(crate) async fn ended(&self, publish_id: &str) -> Value {
        let began = std::time::Instant::now();
        loop {
            let answer = self.post("freepublish/get", json!({ "publish_id": publish_id })).await;
            if answer["publish_status"] != 1 {
                return answer;
            }
            assert!(began.elapsed() < PATIENCE, "still at work: {answer}");
            tokio::time::sleep(std::time::Duration::from_millis(30)).await;
        }
    }

    pub(crate) async fn published(&self, title: &str, content: &str) -> Value {
        let publish_id = self.submit(&self.draft(title, content).await).await;
        self.ended(&publish_id).await
    }

    pub(crate) fn effects(&self, kind: EffectKind) -> Vec<Effect> {
        let mut effects = self.stage.handle.ledger_of(APPID).effects;
        effects.retain(|effect| effect.kind == kind);
        effects
    }
}

/// The number of the error in an answer; 0 where there is none.
pub(crate) fn code(answer: &Value) -> i64 {
    answer["errcode"].as_i64().unwrap_or(0)
}

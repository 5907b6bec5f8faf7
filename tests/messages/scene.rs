//! A WeChat account of the stand-in platform whose pushes reach the real daemon.

use std::collections::BTreeMap;

use juzhen_sandbox::wechat::{AccountSeed, CallbackMode, CallbackSeed, WechatMessage};
use juzhen_tests::{Api, Daemon, District, Run, Stage, client};
use serde_json::{Value, json};
use sha1::{Digest as _, Sha1};

use super::relay::{Relay, Seen};

pub(crate) const APPID: &str = "wx0000000000callba";
const SECRET: &str = "canary-of-the-appsecret-00000000";
const TOKEN: &str = "canarytoken";
const KEY: &str = "canaryCANARYabcdefghijklmnopqrstuvwxyz01234";

pub(crate) struct Scene {
    pub(crate) stage: Stage,
    pub(crate) district: District,
    pub(crate) api: Api,
    pub(crate) daemon: Daemon,
    pub(crate) relay: Relay,
}

impl Scene {
    /// The account is X-a; `publish` holds further lines of that section.
    pub(crate) async fn start(publish: &str) -> Self {
        Self::start_with(publish, &Run::default()).await
    }

    pub(crate) async fn start_with(publish: &str, run: &Run) -> Self {
        let stage = Stage::start().await;
        let district = District::new(&stage.mock_url());
        district.write_district(&stage.mock_url(), publish);
        district.install("wechat");
        for (name, value) in [("app_secret", SECRET), ("callback_token", TOKEN), ("callback_aes_key", KEY)] {
            std::fs::write(district.path("secrets").join(name), value).unwrap();
        }
        let base = stage.handle.wechat_url();
        district.write(
            "units/X01.yaml",
            &format!(
                "code: X01\nname: 公众号单位\nshort_name: X01\ncategory: resident\n\
                 people:\n  - {{id: x01.xx, name: 测试员, roles: [info_officer]}}\n\
                 accounts:\n  - {{id: X-a, platform: wechat, name: 示范区发布, uid: gh_a, status: active,\n\
                 \x20    settings: {{base_url: \"{base}\", appid: {APPID}, author: 示范区发布, comments: open}},\n\
                 \x20    secrets: {{app_secret: \"file:app_secret\", callback_token: \"file:callback_token\",\n\
                 \x20      callback_aes_key: \"file:callback_aes_key\"}}}}\n"
            ),
        );
        let api = Api::new(district.data());
        let daemon = Daemon::start_as(&api, &district, run);
        let relay = Relay::start(api.clone()).await;
        let scene = Self { stage, district, api, daemon, relay };
        scene.callback(1500);
        scene
    }

    /// Where the platform pushes to, and how long it waits there.
    pub(crate) fn callback(&self, patience_ms: u64) {
        let (token, encoding_aes_key) = (TOKEN.into(), KEY.into());
        let (url, mode, copies) = (self.relay.url("/callback/X-a"), CallbackMode::Safe, 1);
        let callback = CallbackSeed { url, token, encoding_aes_key, mode, patience_ms, copies };
        let account = AccountSeed {
            appid: APPID.into(),
            secret: SECRET.into(),
            callback: Some(callback),
            ..AccountSeed::default()
        };
        self.stage.handle.wechat_account(account).unwrap();
    }

    /// A reader writes; the platform encrypts and pushes it.
    pub(crate) fn write(&self, content: &str) {
        let (appid, openid, content) = (APPID.into(), "o-reader".into(), Some(content.to_owned()));
        let message = WechatMessage { appid, openid, content, ..WechatMessage::default() };
        assert!(self.stage.handle.wechat_message(&message));
    }

    pub(crate) fn restart(&mut self) {
        self.daemon.kill();
        self.daemon = Daemon::start_as(&self.api, &self.district, &Run::default());
    }

    pub(crate) async fn control(&self, path: &str, body: Value) -> Value {
        let url = format!("{}control/{path}", self.stage.handle.page_url());
        client().post(url).json(&body).send().await.unwrap().json().await.unwrap_or_default()
    }

    /// What the daemon has, newest first.
    pub(crate) async fn messages(&self) -> Vec<Value> {
        let listed = self.api.get("/api/v1/messages").await;
        listed["messages"].as_array().unwrap().clone()
    }
}

/// A request to the address of X-a.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    pub(crate) query: BTreeMap<String, String>,
    pub(crate) body: String,
}

impl Sent {
    /// One that the platform has made.
    pub(crate) fn of(seen: &Seen) -> Self {
        let (_, query) = seen.target.split_once('?').unwrap();
        let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        let query = pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Self { query, body: seen.body.clone() }
    }

    /// The same message, signed anew as the platform does it.
    pub(crate) fn signed(&self, seconds_from_now: i64, nonce: &str) -> Self {
        let timestamp = (jiff::Timestamp::now().as_second() + seconds_from_now).to_string();
        let (_, rest) = self.body.split_once("<Encrypt><![CDATA[").unwrap();
        let (encrypt, _) = rest.split_once("]]>").unwrap();
        let sign = |parts: &[&str]| {
            let mut parts = parts.to_vec();
            parts.sort_unstable();
            let digest = Sha1::digest(parts.concat().as_bytes());
            digest.iter().map(|byte| format!("{byte:02x}")).collect::<String>()
        };
        let signature = sign(&[TOKEN, &timestamp, nonce]);
        let msg_signature = sign(&[TOKEN, &timestamp, nonce, encrypt]);
        let mut sent = self.clone();
        for (name, value) in [
            ("timestamp", timestamp.as_str()),
            ("nonce", nonce),
            ("signature", &signature),
            ("msg_signature", &msg_signature),
        ] {
            sent.query.insert(name.to_owned(), value.to_owned());
        }
        sent
    }

    pub(crate) fn with(&self, name: &str, value: &str) -> Self {
        let mut sent = self.clone();
        sent.query.insert(name.to_owned(), value.to_owned());
        sent
    }

    pub(crate) fn with_body(&self, body: impl Into<String>) -> Self {
        Self { body: body.into(), ..self.clone() }
    }

    /// Status and answer.
    pub(crate) async fn to(&self, url: &str, account: &str) -> (u16, String) {
        let query: Vec<String> = self.query.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let url = format!("{url}/callback/{account}?{}", query.join("&"));
        let answer = client().post(url).header("content-type", "text/xml").body(self.body.clone()).send();
        let answer = answer.await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }
}

/// An approved article for X-a; its id.
pub(crate) async fn article(api: &Api, title: &str) -> String {
    let picture = api.picture("x01.xx").await;
    let wechat = json!({"title": title, "text": "今日停水。", "media": [picture]});
    let item = json!({"variants": {"wechat": wechat}, "targets": ["X-a"]});
    let (status, body) = api.call("x01.xx", "POST", "/api/v1/items", Some(item)).await;
    assert!(status.is_success(), "{body:#}");
    let id = body["id"].as_str().unwrap().to_owned();
    let (status, body) = api.approve(&id, std::time::Duration::from_millis(300)).await.unwrap();
    assert!(status.is_success(), "{body:#}");
    id
}

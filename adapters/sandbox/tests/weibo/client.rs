//! A client as those of third parties are: form bodies, tokens in the query, nothing of ours.

use juzhen_sandbox::{SandboxOptions, Seed};
use serde_json::Value;

use crate::common::{Stage, read};

pub(crate) const KEY: &str = "1352222456";
pub(crate) const BACK: &str = "https://gov.example.cn/callback";
pub(crate) const OFFICE: &str = "5000000001";
pub(crate) const STREET: &str = "5000000002";
pub(crate) const CITIZEN: &str = "5000000777";

/// An account that is signed in.
pub(crate) struct Weibo<'a> {
    pub(crate) stage: &'a Stage,
    pub(crate) token: String,
}

impl<'a> Weibo<'a> {
    /// Signs this account in, as somebody who already has a code does.
    pub(crate) async fn of(stage: &'a Stage, uid: &str) -> Self {
        let (status, granted) = exchange(stage, &format!("code-{uid}-{}", rand())).await;
        assert_eq!((status, granted["uid"].as_str()), (200, Some(uid)), "{granted}");
        Self { stage, token: granted["access_token"].as_str().unwrap().to_owned() }
    }

    /// `POST` with the token in the form.
    pub(crate) async fn post(&self, path: &str, form: &[(&str, &str)]) -> (u16, Value) {
        let mut form = form.to_vec();
        form.push(("access_token", &self.token));
        read(post(self.stage, path, &form)).await
    }

    /// `GET` with the token in the query.
    pub(crate) async fn get(&self, path: &str, query: &[(&str, &str)]) -> (u16, Value) {
        let mut query = query.to_vec();
        query.push(("access_token", &self.token));
        read(get(self.stage, path, &query)).await
    }

    /// Posts by `statuses/share`; the answer is the post.
    pub(crate) async fn share(&self, text: &str) -> Value {
        let text = format!("{text} https://gov.example.cn/w/1 ");
        let (status, post) = self.post("2/statuses/share.json", &[("status", &text)]).await;
        assert_eq!(status, 200, "{post}");
        post
    }

    /// The texts that the account's list shows.
    pub(crate) async fn timeline(&self, path: &str) -> Vec<String> {
        let (status, list) = self.get(path, &[]).await;
        assert_eq!(status, 200, "{list}");
        let statuses = list["statuses"].as_array().unwrap().iter();
        statuses.map(|one| one["text"].as_str().unwrap().to_owned()).collect()
    }
}

pub(crate) fn encoded(pairs: &[(&str, &str)]) -> String {
    let mut query = reqwest::Url::parse("http://x/").unwrap();
    query.query_pairs_mut().extend_pairs(pairs);
    query.query().unwrap_or_default().to_owned()
}

pub(crate) fn post(stage: &Stage, path: &str, form: &[(&str, &str)]) -> reqwest::RequestBuilder {
    let url = format!("{}/{path}", stage.handle.weibo_url());
    let form_type = "application/x-www-form-urlencoded";
    stage.client.post(url).header("content-type", form_type).body(encoded(form))
}

pub(crate) fn get(stage: &Stage, path: &str, query: &[(&str, &str)]) -> reqwest::RequestBuilder {
    stage.client.get(format!("{}/{path}?{}", stage.handle.weibo_url(), encoded(query)))
}

/// Buys a token with a code.
pub(crate) async fn exchange(stage: &Stage, code: &str) -> (u16, Value) {
    let form = [
        ("client_id", KEY),
        ("client_secret", "secret"),
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", BACK),
    ];
    read(post(stage, "oauth2/access_token", &form)).await
}

/// A sandbox with this seed.
pub(crate) async fn seeded(yaml: &str) -> Stage {
    Stage::with(SandboxOptions { seed: seed(yaml).unwrap(), ..SandboxOptions::default() }).await
}

/// A seed as its file gives it; the error is one line a cause.
pub(crate) fn seed(yaml: &str) -> Result<Seed, String> {
    let path = std::env::temp_dir().join(format!("juzhen-seed-{}-{}", std::process::id(), rand()));
    std::fs::write(&path, yaml).unwrap();
    let seed = Seed::read(&path).map_err(|fault| fault.to_string());
    std::fs::remove_file(path).unwrap();
    seed
}

/// Another number each time.
pub(crate) fn rand() -> u64 {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// The number of an error.
pub(crate) fn code(answer: &(u16, Value)) -> (u16, i64) {
    (answer.0, answer.1["error_code"].as_i64().unwrap_or_else(|| panic!("no error: {}", answer.1)))
}

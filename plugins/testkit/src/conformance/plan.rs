//! What the kit is told of a platform: the account's settings, a call for each operation, and what the platform answers.
//!
//! An adapter keeps it beside its manifest as `conformance.yaml`. Everything in it is optional: what is missing is made up
//! from the manifest, and an answer that is missing is one that fits the simplest platforms.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use juzhen_abi::message::{Manifest, Meta, operation};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::script::{Answer, Script};

/// What is written beside an adapter.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Plan {
    /// The account's id on the platform.
    pub uid: Option<String>,
    /// The account's settings, never a secret. A setting that names a host which the manifest allows stays; nothing of it is
    /// ever called.
    pub settings: Map<String, Value>,
    /// Settings of the adapter itself.
    pub adapter: Map<String, Value>,
    /// What the platform answers in any call, after the call's own answers.
    pub answers: Vec<Rule>,
    /// Calls that end well. An operation that is not here gets a call that is made up.
    pub calls: Vec<Sample>,
}

/// One call that ends well.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Sample {
    pub operation: String,
    /// As in `messages.md`.
    pub body: Option<Value>,
    /// Settings that differ in this call.
    pub settings: Map<String, Value>,
    /// What the adapter has kept before, by key.
    pub kept: BTreeMap<String, String>,
    pub answers: Vec<Rule>,
}

/// What the platform answers to a request. Each is used once, in order; the last that fits is used again.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rule {
    /// Such as `POST /v1/posts`, with `*` for anything; without a method any, without a query any; absent: every request.
    pub to: Option<String>,
    /// 200 when it is absent.
    pub status: Option<u16>,
    pub headers: BTreeMap<String, String>,
    pub json: Option<Value>,
    /// A body that is no JSON.
    pub body: Option<String>,
}

/// Why a plan could not be read.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    #[error("could not read {path}")]
    Read {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("{path}: {why}")]
    Shape { path: PathBuf, why: String },
}

impl Plan {
    /// Reads YAML or JSON.
    ///
    /// # Errors
    /// A file that cannot be read, or has another shape; the message has the line.
    pub fn read(path: &Path) -> Result<Self, PlanError> {
        let read = |source| PlanError::Read { path: path.to_owned(), source };
        let text = std::fs::read_to_string(path).map_err(read)?;
        serde_saphyr::from_str(&text)
            .map_err(|fault| PlanError::Shape { path: path.to_owned(), why: fault.to_string() })
    }

    /// With everything made up that the manifest asks for and the plan does not have.
    pub(crate) fn completed(mut self, manifest: &Manifest) -> Self {
        for setting in &manifest.settings {
            let host = manifest.egress.iter().any(|host| *host == format!("setting:{}", setting.name));
            let made_up = match (host, setting.required) {
                (true, _) => PLATFORM,
                (false, true) => "1",
                (false, false) => continue,
            };
            self.settings.entry(setting.name.clone()).or_insert_with(|| json!(made_up));
        }
        for operation in &manifest.operations {
            if !self.calls.iter().any(|sample| sample.operation == *operation) {
                self.calls.push(Sample { operation: operation.clone(), ..Sample::default() });
            }
        }
        self.uid.get_or_insert_with(|| "10001".to_owned());
        for sample in &mut self.calls {
            sample.body.get_or_insert_with(|| usual_body(&sample.operation));
        }
        self
    }
}

impl Plan {
    /// What surrounds a call of the sample.
    pub(crate) fn meta(&self, sample: &Sample) -> Meta {
        let mut settings = self.settings.clone();
        settings.extend(sample.settings.clone());
        Meta {
            call: "kit-1".to_owned(),
            account: "kit".to_owned(),
            uid: self.uid.clone().unwrap_or_default(),
            idempotency_key: "d-kit-1".to_owned(),
            attempt: 1,
            deadline_unix_ms: Script::START_UNIX_MS + PATIENCE_MS,
            settings,
        }
    }

    /// What is answered in it: its own answers first.
    pub(crate) fn rules(&self, sample: &Sample) -> Vec<Rule> {
        [sample.answers.as_slice(), &self.answers].concat()
    }
}

impl Sample {
    /// Whether the answers are the author's, or made up.
    pub(crate) fn is_made_up(&self, plan: &Plan) -> bool {
        self.answers.is_empty() && plan.answers.is_empty()
    }
}

impl Rule {
    pub(crate) fn fits(&self, method: &str, url: &str) -> bool {
        let Some(to) = &self.to else { return true };
        let (wanted_method, wanted) = match to.split_once(' ') {
            Some((method, path)) => (Some(method), path),
            None => (None, to.as_str()),
        };
        let path = path_of(url);
        let path = if wanted.contains('?') { path } else { path.split('?').next().unwrap_or_default() };
        wanted_method.is_none_or(|wanted| wanted.eq_ignore_ascii_case(method)) && glob(wanted, path)
    }

    pub(crate) fn answer(&self) -> Answer {
        let status = self.status.unwrap_or(200);
        let body = match (&self.json, &self.body) {
            (Some(json), _) => json.to_string().into_bytes(),
            (None, Some(text)) => text.clone().into_bytes(),
            (None, None) => Vec::new(),
        };
        let headers = self.headers.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
        Answer::Http { status, headers, body }
    }
}

/// The time that operations have by their own clock, which stands still.
const PATIENCE_MS: i64 = 120_000;

/// Where requests go when the manifest leaves it to a setting. Nobody is there: the kit answers.
const PLATFORM: &str = "https://platform.test";

/// Path and query of an address.
pub(crate) fn path_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.find('/').and_then(|at| rest.get(at..)).unwrap_or("/")
}

/// `*` stands for any text.
fn glob(pattern: &str, text: &str) -> bool {
    let Some((before, after)) = pattern.split_once('*') else { return pattern == text };
    let Some(rest) = text.strip_prefix(before) else { return false };
    (0..=rest.len()).filter_map(|at| rest.get(at..)).any(|rest| glob(after, rest))
}

/// An answer with the fields that simple platforms have.
pub(crate) fn usual_answer(uid: &str) -> Answer {
    let answer = json!({
        "id": "7", "idstr": "7", "media_id": "m7", "ticket": "t7", "url": "https://platform.test/7",
        "state": "published", "uid": uid, "name": "某区发布", "created_at_unix_ms": Script::START_UNIX_MS,
        "posts": [], "items": [], "messages": [], "complete": true, "ok": true,
        "access_token": "t", "refresh_token": "t", "expires_in": 7200,
    });
    Answer::json(200, &answer)
}

/// A body that an operation understands, with nothing of any platform in it.
pub(crate) fn usual_body(name: &str) -> Value {
    let now = Script::START_UNIX_MS;
    let post = json!({ "title": "停水通知", "text": "今日 14:00 至 18:00 停水。" });
    let message = json!({
        "kind": "comment", "id": "4629", "post": "7", "author": { "uid": "777", "name": "某市民" },
        "text": "几点来水？", "at_unix_ms": now,
    });
    match name {
        operation::PUBLISH => post,
        operation::FIND_PUBLISHED => {
            json!({ "post": post, "since_unix_ms": now - 60_000, "until_unix_ms": now + 60_000 })
        }
        operation::TRACK => json!({ "ticket": "t7" }),
        operation::REPOST => json!({
            "origin": { "account_name": "某区发布", "uid": "88", "id": "9", "url": "https://platform.test/9" },
            "comment": "转发",
        }),
        operation::RETRACT => json!({ "id": "7" }),
        operation::POLL_MESSAGES => json!({ "since_unix_ms": now - 60_000, "posts": ["7"] }),
        operation::RECEIVE => json!({ "method": "GET", "query": [], "headers": [], "body": "" }),
        operation::REPLY => json!({ "to": message, "text": "您好，预计 17 时恢复供水。" }),
        operation::MODERATE => json!({ "action": "delete", "post": "7", "comment": "4629" }),
        operation::AUTHORIZE => {
            json!({ "step": "begin", "redirect_uri": "https://juzhen.test/back", "state": "s" })
        }
        operation::MEASURE => json!({ "posts": ["7"], "account": true }),
        _ => json!({}),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_names_its_requests_by_method_path_and_perhaps_query() {
        let rule = |to: &str| Rule { to: Some(to.to_owned()), ..Rule::default() };
        for (to, fits) in [
            ("POST /v1/posts", true),
            ("/v1/posts", true),
            ("GET /v1/posts", false),
            ("POST /v1/*", true),
            ("POST *s", true),
            ("POST /v1/post", false),
            ("POST /v1/posts?a=1*", true),
            ("POST /v1/posts?b=1", false),
        ] {
            assert_eq!(rule(to).fits("POST", "https://p.test:8443/v1/posts?a=1&b=2"), fits, "{to}");
        }
        assert!(Rule::default().fits("PUT", "https://p.test"));
    }

    #[test]
    fn what_the_plan_does_not_say_is_made_up_from_the_manifest() {
        let manifest: Manifest = serde_json::from_value(json!({
            "name": "a", "version": "1", "platform": "a", "operations": ["check", "publish"],
            "egress": ["setting:base_url"],
            "settings": [{ "name": "base_url" }, { "name": "appid", "required": true }, { "name": "author" }],
        }))
        .unwrap();
        let own =
            Sample { operation: "publish".into(), body: Some(json!({ "text": "a" })), ..Sample::default() };
        let plan = Plan { calls: vec![own.clone()], ..Plan::default() }.completed(&manifest);
        assert_eq!(Value::Object(plan.settings), json!({ "base_url": PLATFORM, "appid": "1" }));
        assert_eq!(plan.calls.iter().map(|call| &*call.operation).collect::<Vec<_>>(), ["publish", "check"]);
        assert_eq!(plan.calls.first(), Some(&own));
    }
}

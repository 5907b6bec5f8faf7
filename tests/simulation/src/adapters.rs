//! The scripted adapters, one for each kind of platform: no key; a key and a later decision; a key and an answer at once.
//! They understand what their platform documents and call everything else in doubt, and now and then they break.

use std::collections::BTreeSet;

use juzhen_host::lane::LaneAnswer;
use juzhen_host::message::{
    AdapterError, Capture, Effect, ErrorKind, Find, Found, FoundPost, HostError, HostErrorKind, HttpRequest,
    Manifest, Panicked, Post, Published, RejectedBy, Repost, Scope, Track, Tracked, operation,
};
use juzhen_host::pack;
use juzhen_host::simulated::{Cx, Scripted, script};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::chance::Chance;
use crate::fired::Fired;
use crate::platform::tidied;

pub(crate) const NAMES: [&str; 3] = ["weibo", "wechat", "mock"];

/// All three, as one daemon loads them.
pub(crate) fn all(chance: &Chance, fired: &Fired, breaks: u64) -> Vec<Scripted> {
    NAMES.iter().filter_map(|name| one(name, chance, fired, breaks)).collect()
}

fn one(name: &'static str, chance: &Chance, fired: &Fired, breaks: u64) -> Option<Scripted> {
    let mut operations = vec![operation::PUBLISH, operation::FIND_PUBLISHED];
    operations.push(if name == "wechat" { operation::TRACK } else { operation::REPOST });
    let manifest: Manifest = serde_json::from_value(json!({
        "name": name, "version": "1.0.0", "platform": name, "operations": operations,
        "egress": [format!("{name}.example")], "secrets": [{ "name": "token" }], "visibility_lag_s": 200,
    }))
    .ok()?;
    let (chance, fired) = (chance.fork(), fired.clone());
    let script = script(move |cx| {
        let (chance, fired) = (chance.clone(), fired.clone());
        async move { Run { cx, name, chance, fired, breaks }.run().await }
    });
    Some(Scripted { manifest, script })
}

struct Run {
    cx: Cx,
    name: &'static str,
    chance: Chance,
    fired: Fired,
    breaks: u64,
}

type Answer<T> = Result<T, AdapterError>;

impl Run {
    async fn run(&self) -> LaneAnswer {
        if let Some(broken) = self.breaks("before") {
            return broken;
        }
        let answer = tokio::select! {
            biased;
            answer = self.operates() => answer,
            () = self.dies() => return LaneAnswer::Gone("killed".to_owned()),
        };
        self.breaks("after").unwrap_or(answer)
    }

    async fn operates(&self) -> LaneAnswer {
        match self.cx.operation.as_str() {
            operation::PUBLISH => packed(&self.publish().await),
            operation::REPOST => packed(&self.repost().await),
            operation::TRACK => packed(&self.track().await),
            _ => packed(&self.find().await),
        }
    }

    /// Its process ends while a request is on its way.
    async fn dies(&self) {
        if !self.chance.percent(self.breaks) {
            return std::future::pending().await;
        }
        tokio::time::sleep(self.chance.millis(5, 500)).await;
        self.fired.count("adapter.crashes_during");
    }

    fn breaks(&self, when: &str) -> Option<LaneAnswer> {
        if !self.chance.percent(self.breaks) {
            return None;
        }
        let (name, answer) = match self.chance.below(3) {
            0 => ("crashes", LaneAnswer::Gone("killed".to_owned())),
            1 => ("panics", LaneAnswer::Panicked(pack::pack(&Panicked::default(), b"").ok()?)),
            _ => ("answers_nonsense", LaneAnswer::Malformed("nonsense".to_owned())),
        };
        self.fired.count(&format!("adapter.{name}_{when}"));
        Some(answer)
    }

    async fn publish(&self) -> Answer<Published> {
        let post: Post = self.body()?;
        let body = json!({ "uid": self.uid(), "text": post.text });
        self.create("posts", &body).await
    }

    async fn repost(&self) -> Answer<Published> {
        let Repost { origin, comment } = self.body()?;
        let body = json!({ "uid": self.uid(), "text": comment, "origin": origin.id });
        self.create("reposts", &body).await
    }

    /// The one request that makes something public; a token that has expired is renewed once.
    async fn create(&self, what: &str, body: &Value) -> Answer<Published> {
        let (status, answer) = self.send(what, body).await?;
        if code(&answer) != Some(42001) {
            return self.outcome(status, &answer);
        }
        let renew = HttpRequest {
            method: "POST".into(),
            url: self.url("token"),
            effect: Effect::Safe,
            capture: vec![Capture {
                pointer: "/token".into(),
                secret: "token".into(),
                ttl: Some("/ttl".into()),
            }],
            ..HttpRequest::default()
        };
        let uid = json!({ "uid": self.uid() }).to_string();
        self.cx.http(renew, uid.as_bytes()).await.map_err(|e| told(&e))?;
        let (status, answer) = self.send(what, body).await?;
        self.outcome(status, &answer)
    }

    async fn send(&self, what: &str, body: &Value) -> Answer<(u16, Value)> {
        let key = self.cx.request.meta.idempotency_key.clone();
        let mut headers = vec![
            ("authorization".into(), "Bearer {{secret:token}}".into()),
            // For the judge alone: the platforms of this world do not read it.
            ("x-judge".into(), key.clone()),
        ];
        let mut effect = Effect::ByMethod;
        if self.name != "weibo" {
            headers.push(("x-key".into(), key.clone()));
            effect = Effect::Idempotent(key);
        }
        let request = HttpRequest {
            method: "POST".into(),
            url: self.url(what),
            headers,
            effect,
            ..HttpRequest::default()
        };
        let (head, body) = self.cx.http(request, body.to_string().as_bytes()).await.map_err(|e| told(&e))?;
        Ok((head.status, serde_json::from_slice(&body).unwrap_or_default()))
    }

    fn outcome(&self, status: u16, answer: &Value) -> Answer<Published> {
        if (200..300).contains(&status) {
            if let Some(id) = answer.get("id").and_then(Value::as_str) {
                let at_unix_ms = answer.get("at").and_then(Value::as_i64);
                return Ok(Published::Published { id: id.to_owned(), url: None, at_unix_ms });
            }
            if let Some(ticket) = answer.get("ticket").and_then(Value::as_str) {
                return Ok(Published::Accepted { ticket: ticket.to_owned() });
            }
        }
        let retryable =
            |seconds: u64| ErrorKind::Retryable { after_ms: Some(seconds * 1000), scope: Scope::Call };
        Err(said(match code(answer) {
            Some(20016 | 45009) => retryable(5),
            Some(10023) => ErrorKind::Quota { until_unix_ms: None, scope: Scope::Account },
            Some(20012) => ErrorKind::Rejected { code: Some("20012".to_owned()), by: RejectedBy::Content },
            Some(20019) => ErrorKind::Duplicate { remote_id: None },
            Some(42001) => ErrorKind::AuthExpired { secret: Some("token".to_owned()) },
            _ => ErrorKind::InDoubt,
        }))
    }

    async fn track(&self) -> Answer<Tracked> {
        let Track { ticket } = self.body()?;
        let answer = self.get(&format!("tickets/{ticket}")).await?;
        if let Some(id) = answer.get("id").and_then(Value::as_str) {
            return Ok(Tracked::Published { id: id.to_owned(), url: None, at_unix_ms: None });
        }
        match answer.get("refused") {
            Some(status) => Ok(Tracked::Refused { reason: format!("status {status}") }),
            None => Ok(Tracked::Pending { after_ms: None }),
        }
    }

    /// Texts are compared as the platform shows them; a post that is listed twice is one.
    async fn find(&self) -> Answer<Found> {
        let find: Find = self.body()?;
        let (since, until) = (find.since_unix_ms, find.until_unix_ms);
        let listed = self.get(&format!("posts?uid={}&since={since}&until={until}", self.uid())).await?;
        let posts = listed.get("posts").and_then(Value::as_array).cloned().unwrap_or_default();
        let mut seen = BTreeSet::new();
        let matches = posts.iter().filter(|post| is(post, &find)).filter_map(|post| {
            let id = post.get("id").and_then(Value::as_str)?.to_owned();
            let at_unix_ms = post.get("at").and_then(Value::as_i64);
            let text = post.get("text").and_then(Value::as_str).map(str::to_owned);
            seen.insert(id.clone()).then_some(FoundPost { id, url: None, at_unix_ms, text })
        });
        Ok(Found { matches: matches.collect(), complete: true })
    }

    async fn get(&self, path: &str) -> Answer<Value> {
        let headers = vec![("authorization".into(), "Bearer {{secret:token}}".into())];
        let request =
            HttpRequest { method: "GET".into(), url: self.url(path), headers, ..HttpRequest::default() };
        let (head, body) = self.cx.http(request, b"").await.map_err(|e| told(&e))?;
        match head.status {
            200 => Ok(serde_json::from_slice(&body).unwrap_or_default()),
            _ => Err(said(ErrorKind::Retryable { after_ms: None, scope: Scope::Call })),
        }
    }

    fn url(&self, path: &str) -> String {
        format!("https://{}.example/{path}", self.name)
    }

    fn uid(&self) -> &str {
        &self.cx.request.meta.uid
    }

    fn body<T: DeserializeOwned>(&self) -> Answer<T> {
        serde_json::from_value(self.cx.request.body.clone()).map_err(|_| said(ErrorKind::Bug))
    }
}

fn is(post: &Value, wanted: &Find) -> bool {
    let text = post.get("text").and_then(Value::as_str).unwrap_or_default();
    let origin = post.get("origin").and_then(Value::as_str);
    if let Some(repost) = &wanted.repost {
        return origin == Some(repost.origin.id.as_str()) && text == tidied(&repost.comment);
    }
    wanted.post.as_ref().is_none_or(|post| origin.is_none() && text == tidied(&post.text))
}

fn code(answer: &Value) -> Option<i64> {
    answer.get("code").and_then(Value::as_i64)
}

fn told(refused: &HostError) -> AdapterError {
    said(match refused.kind {
        HostErrorKind::NoAnswer | HostErrorKind::Failed => ErrorKind::InDoubt,
        _ => ErrorKind::Retryable { after_ms: None, scope: Scope::Call },
    })
}

fn said(kind: ErrorKind) -> AdapterError {
    AdapterError { kind, message: String::new() }
}

fn packed<T: serde::Serialize>(answer: &Answer<T>) -> LaneAnswer {
    let (packed, ok) = match answer {
        Ok(value) => (pack::pack(value, b""), true),
        Err(error) => (pack::pack(error, b""), false),
    };
    match packed {
        Ok(bytes) if ok => LaneAnswer::Ok(bytes),
        Ok(bytes) => LaneAnswer::Error(bytes),
        Err(cause) => LaneAnswer::Malformed(cause.to_string()),
    }
}

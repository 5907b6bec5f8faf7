//! The other side of one operation: what host and platform answer it, and a note of all that it asked for.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use juzhen_abi::message::{
    BlobRead, Decrypt, Effect, HostError, HostErrorKind, HttpRequest, HttpResponse, Kv, KvAnswer, Manifest,
    Sign, Signature, Sleep, capability,
};
use juzhen_abi::pack;
use serde::Serialize;
use serde_json::{Map, Value};

use super::plan::{Rule, usual_answer};
use super::reach;
use crate::script::Answer;

/// More capability calls than this, and the operation is going round in circles.
pub(crate) const MOST_CALLS: usize = 2000;

/// Values that must not come out anywhere: what a platform hands out and the adapter did not capture.
pub(crate) const CANARY: &str = "canary-7f3ab1";

/// Fields of an answer in which platforms hand out secrets.
const SECRET_FIELDS: &[&str] =
    &["access_token", "refresh_token", "id_token", "token", "session_key", "client_secret", "app_secret"];

/// What a request may leave behind, as the host judges it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Leaves {
    Nothing,
    Effect,
    /// The platform applies the key once.
    Keyed(String),
}

/// A request, and what it was answered.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) head: HttpRequest,
    pub(crate) body: Vec<u8>,
    pub(crate) answer: Answer,
}

/// Everything that came across in one operation.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seen {
    /// Requests, in order.
    pub(crate) asked: Vec<Asked>,
    /// Names of the capabilities that were used.
    pub(crate) used: BTreeSet<String>,
    pub(crate) calls: usize,
    pub(crate) logs: Vec<String>,
    pub(crate) kept: BTreeMap<String, Vec<u8>>,
    pub(crate) slept_ms: u64,
    /// Requests to hosts that the manifest does not name.
    pub(crate) strange_hosts: Vec<String>,
    /// Secrets that the manifest does not name, or sent where they do not belong.
    pub(crate) misused_secrets: Vec<String>,
    /// Calls that the boundary does not know.
    pub(crate) unreadable: Vec<String>,
}

/// What is answered.
pub(crate) struct Talk {
    manifest: Arc<Manifest>,
    settings: Map<String, Value>,
    uid: String,
    rules: Vec<Rule>,
    used: Vec<bool>,
    /// By the number of the request, from 0.
    pub(crate) faults: BTreeMap<usize, Answer>,
    /// The number of the capability call that is never answered, from 0.
    pub(crate) silent_at: Option<usize>,
    pub(crate) seen: Seen,
}

type Reply = Result<Vec<u8>, HostErrorKind>;

impl Talk {
    pub(crate) fn new(
        manifest: Arc<Manifest>,
        settings: Map<String, Value>,
        uid: String,
        rules: Vec<Rule>,
    ) -> Self {
        let used = vec![false; rules.len()];
        let (faults, silent_at) = (BTreeMap::new(), None);
        Self { manifest, settings, uid, rules, used, faults, silent_at, seen: Seen::default() }
    }

    /// A capability by its name: a packed answer, a packed error, or `None` for never.
    pub(crate) fn ask(&mut self, name: &str, request: &[u8]) -> Option<Result<Vec<u8>, Vec<u8>>> {
        let number = self.seen.calls;
        self.seen.calls += 1;
        self.seen.used.insert(name.to_owned());
        if self.silent_at == Some(number) || number > MOST_CALLS {
            // What it asks is noted all the same.
            drop(self.reply(name, request));
            return None;
        }
        Some(self.reply(name, request)?.map_err(failed))
    }

    fn reply(&mut self, name: &str, request: &[u8]) -> Option<Reply> {
        let reply = match name {
            capability::HTTP_SEND => return self.http(request),
            capability::CLOCK_SLEEP => self.sleep(request),
            capability::KV_GET | capability::KV_SET | capability::KV_DELETE => self.keep(name, request),
            capability::BLOB_READ => read_blob(request),
            capability::SECRET_SIGN => self.sign(request),
            capability::SECRET_DECRYPT => self.decrypt(request),
            _ => Err(HostErrorKind::BadRequest),
        };
        if reply == Err(HostErrorKind::BadRequest) {
            self.seen.unreadable.push(format!("{name} with {} bytes that are no request", request.len()));
        }
        Some(reply)
    }

    fn http(&mut self, request: &[u8]) -> Option<Reply> {
        let Ok((head, body)) = pack::unpack::<HttpRequest>(request) else {
            self.seen.unreadable.push("http.send with bytes that are no request".to_owned());
            return Some(Err(HostErrorKind::BadRequest));
        };
        let answer = self.answer_to(&head, body);
        self.seen.asked.push(Asked { head: head.clone(), body: body.to_vec(), answer: answer.clone() });
        match answer {
            Answer::Http { status, headers, body } => Some(pack(&HttpResponse { status, headers }, &body)),
            Answer::Fails(kind) => Some(Err(kind)),
            Answer::Never => None,
        }
    }

    fn answer_to(&mut self, head: &HttpRequest, body: &[u8]) -> Answer {
        if let Some(host) = reach::strange_host(&self.manifest, &self.settings, &head.url) {
            self.seen.strange_hosts.push(host);
            return Answer::Fails(HostErrorKind::Denied);
        }
        let misused = reach::misused_secrets(&self.manifest, &self.settings, head, body);
        if !misused.is_empty() {
            self.seen.misused_secrets.extend(misused);
            return Answer::Fails(HostErrorKind::Denied);
        }
        let number = self.seen.asked.len();
        let answer = self.faults.get(&number).cloned().unwrap_or_else(|| self.by_rule(head));
        with_canaries(answer, head)
    }

    fn by_rule(&mut self, head: &HttpRequest) -> Answer {
        let fitting = || {
            self.rules
                .iter()
                .enumerate()
                .filter(|(_, rule)| rule.fits(&head.method, &head.url))
                .map(|(at, _)| at)
        };
        let fresh = fitting().find(|at| self.used.get(*at) == Some(&false));
        let Some(at) = fresh.or_else(|| fitting().next_back()) else { return usual_answer(&self.uid) };
        if let Some(used) = self.used.get_mut(at) {
            *used = true;
        }
        self.rules.get(at).map_or_else(|| usual_answer(&self.uid), Rule::answer)
    }

    fn sleep(&mut self, request: &[u8]) -> Reply {
        let Sleep { ms } = read(request)?.0;
        self.seen.slept_ms = self.seen.slept_ms.saturating_add(ms);
        pack(&Value::Object(Map::new()), &[])
    }

    fn keep(&mut self, name: &str, request: &[u8]) -> Reply {
        let (Kv { key }, value) = read(request)?;
        let old = match name {
            capability::KV_SET => self.seen.kept.insert(key, value.to_vec()),
            capability::KV_DELETE => self.seen.kept.remove(&key),
            _ => self.seen.kept.get(&key).cloned(),
        };
        let shown = if name == capability::KV_GET { old.clone().unwrap_or_default() } else { Vec::new() };
        pack(&KvAnswer { found: old.is_some() }, &shown)
    }

    /// Not the real hash: the kit's platform does not look at it, and the same parts give the same.
    fn sign(&mut self, request: &[u8]) -> Reply {
        let Sign { parts, key, .. } = read(request)?.0;
        self.note_undeclared(parts.iter().flat_map(|part| reach::secrets_in(part)).chain(key));
        let hex = parts.concat().bytes().map(|byte| format!("{byte:02x}")).collect();
        pack(&Signature { hex }, &[])
    }

    /// Not the real cipher: what is to be opened is its own plaintext.
    fn decrypt(&mut self, request: &[u8]) -> Reply {
        let (Decrypt { key, .. }, ciphertext) = read(request)?;
        self.note_undeclared([key]);
        pack(&Value::Object(Map::new()), ciphertext)
    }

    fn note_undeclared(&mut self, names: impl IntoIterator<Item = String>) {
        let strange = names.into_iter().filter(|name| !reach::declares(&self.manifest, name));
        let noted = strange.map(|name| format!("{name}, which the manifest does not name"));
        self.seen.misused_secrets.extend(noted);
    }
}

impl Asked {
    pub(crate) fn leaves(&self) -> Leaves {
        let method = self.head.method.as_str();
        let reads = method.eq_ignore_ascii_case("GET") || method.eq_ignore_ascii_case("HEAD");
        match &self.head.effect {
            Effect::ByMethod if reads => Leaves::Nothing,
            Effect::Safe => Leaves::Nothing,
            Effect::Idempotent(key) => Leaves::Keyed(key.clone()),
            Effect::ByMethod | Effect::Mutating => Leaves::Effect,
        }
    }

    /// A 2xx that was not named as a no.
    pub(crate) fn was_accepted(&self) -> bool {
        let Answer::Http { status: 200..=299, body, .. } = &self.answer else { return false };
        let Some(declined) = &self.head.declined else { return true };
        let json = serde_json::from_slice::<Value>(body).unwrap_or_default();
        let code = json.pointer(&declined.pointer).and_then(Value::as_i64);
        !code.is_some_and(|code| declined.codes.contains(&code))
    }

    /// Such as `POST https://platform.test/v1/posts`, without its query.
    pub(crate) fn shown(&self) -> String {
        format!("{} {}", self.head.method, self.head.url.split('?').next().unwrap_or_default())
    }
}

/// The values that the platform hands out: redacted where the request captures them, else traceable.
fn with_canaries(answer: Answer, head: &HttpRequest) -> Answer {
    let Answer::Http { status, headers, body } = answer else { return answer };
    let Ok(mut json) = serde_json::from_slice::<Value>(&body) else {
        return Answer::Http { status, headers, body };
    };
    mark(&mut json);
    for capture in &head.capture {
        if let Some(value) = json.pointer_mut(&capture.pointer) {
            *value = Value::String("***".to_owned());
        }
    }
    Answer::Http { status, headers, body: json.to_string().into_bytes() }
}

fn mark(json: &mut Value) {
    match json {
        Value::Object(fields) => {
            for (name, value) in fields {
                if value.is_string() && SECRET_FIELDS.contains(&name.as_str()) {
                    *value = Value::String(format!("{CANARY}-{name}"));
                }
                mark(value);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(mark),
        _ => {}
    }
}

/// A picture of nothing in particular, as long as it is asked for.
fn read_blob(request: &[u8]) -> Reply {
    const PICTURE: &[u8] = b"\x89PNG\r\n\x1a\n of the conformance kit";
    let BlobRead { offset, length, .. } = read(request)?.0;
    let rest = PICTURE.get(usize::try_from(offset).unwrap_or(usize::MAX)..).unwrap_or_default();
    let most = if length == 0 { usize::MAX } else { usize::try_from(length).unwrap_or(usize::MAX) };
    pack(&Value::Null, rest.get(..most.min(rest.len())).unwrap_or_default())
}

fn read<T: serde::de::DeserializeOwned>(request: &[u8]) -> Result<(T, &[u8]), HostErrorKind> {
    pack::unpack(request).map_err(|_| HostErrorKind::BadRequest)
}

fn pack<T: Serialize>(head: &T, tail: &[u8]) -> Reply {
    pack::pack(head, tail).map_err(|_| HostErrorKind::Failed)
}

fn failed(kind: HostErrorKind) -> Vec<u8> {
    let message = match kind {
        HostErrorKind::NoAnswer => "no answer within the time",
        HostErrorKind::Unreachable => "connection refused",
        _ => "refused by the conformance kit",
    };
    pack::pack(&HostError { kind, message: message.to_owned() }, &[]).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use juzhen_abi::message::Capture;
    use serde_json::json;

    use super::*;

    fn talk(rules: &Value) -> Talk {
        let manifest = json!({ "name": "a", "version": "1", "platform": "a", "egress": ["p.test"], "secrets": [{ "name": "t" }] });
        let manifest = Arc::new(serde_json::from_value(manifest).unwrap());
        Talk::new(manifest, Map::new(), "7".into(), serde_json::from_value(rules.clone()).unwrap())
    }

    fn send(talk: &mut Talk, url: &str, capture: Vec<Capture>) -> Result<Value, Vec<u8>> {
        let head = HttpRequest { method: "GET".into(), url: url.into(), capture, ..HttpRequest::default() };
        let answer = talk.ask("http.send", &pack::pack(&head, b"").unwrap()).unwrap()?;
        let (_, body) = pack::unpack::<HttpResponse>(&answer).unwrap();
        Ok(serde_json::from_slice(body).unwrap())
    }

    #[test]
    fn answers_come_in_order_and_the_last_one_stays() {
        let mut talk =
            talk(&json!([{ "to": "/a", "json": 1 }, { "to": "/a", "json": 2 }, { "to": "/b", "json": 3 }]));
        let got: Vec<_> = ["a", "b", "a", "a"]
            .map(|path| send(&mut talk, &format!("https://p.test/{path}"), Vec::new()).unwrap())
            .to_vec();
        assert_eq!(got, [json!(1), json!(3), json!(2), json!(2)]);
    }

    #[test]
    fn what_is_handed_out_is_redacted_where_it_is_captured_and_traceable_where_not() {
        let mut talk =
            talk(&json!([{ "json": { "access_token": "a", "more": [{ "refresh_token": "b" }] } }]));
        let capture = Capture { pointer: "/access_token".into(), secret: "t".into(), ttl: None };
        let got = send(&mut talk, "https://p.test/", vec![capture]).unwrap();
        let expected = json!({ "access_token": "***", "more": [{ "refresh_token": format!("{CANARY}-refresh_token") }] });
        assert_eq!(got, expected);
    }

    #[test]
    fn a_host_that_is_not_in_the_manifest_is_denied_and_noted() {
        let mut talk = talk(&json!([]));
        let denied = send(&mut talk, "https://other.test/", Vec::new()).unwrap_err();
        assert_eq!(pack::unpack::<HostError>(&denied).unwrap().0.kind, HostErrorKind::Denied);
        assert_eq!(talk.seen.strange_hosts, ["other.test"]);
    }
}

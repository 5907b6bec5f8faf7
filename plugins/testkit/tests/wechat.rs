//! The WeChat adapter as its real `.so`: what it sends for each operation, and what it makes of each answer.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // Helpers of tests.

#[path = "wechat/callbacks.rs"]
mod callbacks;
#[path = "wechat/publishing.rs"]
mod publishing;
#[path = "wechat/readers.rs"]
mod readers;
#[path = "wechat/tokens.rs"]
mod tokens;

use std::sync::OnceLock;

use juzhen_abi::message::{AdapterError, ErrorKind};
use juzhen_testkit::{Adapter, Answer, Held, Library, Outcome, Request, Script, build};
use serde_json::{Value, json};

#[test]
fn the_manifest_in_the_file_is_the_entrys() {
    let manifest = library().manifest().unwrap();
    assert_eq!((manifest.name.as_str(), manifest.platform.as_str()), ("wechat", "wechat"));
    assert_eq!(manifest.operations.len(), 9);
    assert!(manifest.requires.contains(&"secret.decrypt.v1".to_owned()));
}

fn library() -> &'static Library {
    static LIBRARY: OnceLock<Library> = OnceLock::new();
    LIBRARY.get_or_init(|| Library::load(&build::adapter("juzhen-adapter-wechat").unwrap()).unwrap())
}

fn start() -> (Adapter, Script) {
    let script = Script::default();
    (library().start(&script, &json!({})).unwrap(), script)
}

fn stop(adapter: Adapter) {
    assert_eq!(adapter.stop(), Held { hosts: 0, futures: 0 });
}

/// The settings of the account, some of them changed.
fn meta(changed: &Value) -> Value {
    let mut settings = json!({"appid": "wx1", "base_url": "http://wx/"});
    for (name, value) in changed.as_object().into_iter().flatten() {
        settings[name] = value.clone();
    }
    json!({
        "account": "X018", "uid": "gh_1", "idempotency_key": "d-1", "settings": settings,
        "deadline_unix_ms": Script::START_UNIX_MS + 60_000,
    })
}

fn call(adapter: &Adapter, operation: &str, body: &Value) -> Outcome {
    adapter.call(operation, &meta(&json!({})), body).unwrap()
}

fn yes(body: &Value) -> Answer {
    Answer::json(200, body)
}

/// The platform's way of saying no.
fn no(code: i64) -> Answer {
    Answer::json(200, &json!({"errcode": code, "errmsg": format!("no rid: 6170{code}")}))
}

fn ok() -> Answer {
    yes(&json!({"errcode": 0, "errmsg": "ok"}))
}

/// Path and query of each request.
fn paths(script: &Script) -> Vec<String> {
    let path = |request: &Request| request.head.url.strip_prefix("http://wx").unwrap().to_owned();
    script.requests().iter().map(path).collect()
}

fn signed(path: &str) -> String {
    format!("{path}?access_token={{{{secret:access_token}}}}")
}

fn body(request: &Request) -> Value {
    serde_json::from_slice(&request.body).unwrap()
}

fn error(outcome: Outcome) -> AdapterError {
    match outcome {
        Outcome::Error(error) => error,
        other => panic!("not an error: {other:?}"),
    }
}

fn error_kind(outcome: Outcome) -> ErrorKind {
    error(outcome).kind
}

fn answer(outcome: Outcome) -> Value {
    match outcome {
        Outcome::Answer(answer) => answer,
        other => panic!("no answer: {other:?}"),
    }
}

//! The Matrix adapter as its real `.so`: what it sends for each operation, and what it makes of each answer.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod publishing;
mod readers;
mod tokens;

use std::sync::OnceLock;

use juzhen_sdk::message::{AdapterError, ErrorKind};
use juzhen_testkit::{Adapter, Answer, Held, Library, Outcome, Request, Script, build, cassette};
use serde_json::{Value, json};

const ME: &str = "@qu:gov.example";
const ROOM: &str = "!gonggao:gov.example";
const ROOM_URL: &str = "http://hs/_matrix/client/v3/rooms/%21gonggao%3Agov.example";

#[test]
fn a_check_says_whose_token_it_is_and_what_the_room_lacks() {
    let whoami = |user| Answer::json(200, &json!({"user_id": user, "device_id": "OTHER"}));
    let levels = |mine: i64| Answer::json(200, &json!({"users": {ME: mine}, "events_default": 50}));
    let named = Answer::json(200, &json!({"displayname": "示范区发布"}));
    let (adapter, script) = start();
    for reply in [whoami(ME), levels(50), no(404, "M_NOT_FOUND"), named.clone()] {
        script.answer(reply);
    }
    let info = answer(call(&adapter, "check", &json!({})));
    assert_eq!((&info["uid"], &info["name"]), (&json!(ME), &json!("示范区发布")));
    assert_eq!(lacks(&info), Vec::<String>::new());
    for (settings, replies, says) in [
        (json!({}), vec![levels(0)], "发言权限"),
        (json!({}), vec![no(403, "M_FORBIDDEN")], "不在此房间"),
        (
            json!({}),
            vec![levels(50), Answer::json(200, &json!({"algorithm": "m.megolm.v1.aes-sha2"}))],
            "加密",
        ),
        (json!({"sign_in": "password"}), vec![levels(50), no(404, "M_NOT_FOUND")], "设备 OTHER"),
    ] {
        let (adapter, script) = start();
        script.answer(whoami(ME));
        replies.into_iter().chain([named.clone()]).for_each(|reply| script.answer(reply));
        let info = answer(call_as(&adapter, &settings, "check", &json!({})));
        assert!(lacks(&info).iter().any(|said| said.contains(says)), "{says}: {info}");
    }
    let (adapter, script) = start();
    script.answer(whoami("@other:x"));
    assert_eq!(error(call(&adapter, "check", &json!({}))).kind.name(), "rejected");
    // An alias can be pointed at another room by others.
    let alias = error(call_as(&adapter, &json!({"room": "#gonggao:gov.example"}), "check", &json!({})));
    assert_eq!(alias.kind, ErrorKind::Misconfigured { key: "room".into() });
}

#[test]
fn what_a_real_server_said_is_asked_and_said_again() {
    cassette::replay(library(), "tests/cassettes").unwrap();
}

#[test]
fn cancelled_at_every_request_it_holds_nothing() {
    for answered in 0..2 {
        let (adapter, script) = start();
        (0..answered).for_each(|_| script.answer(Answer::json(200, &json!({"content_uri": "mxc://x/1"}))));
        script.answer(Answer::Never);
        let post = json!({"text": "图", "media": [{"blob": "aa", "mime": "image/png", "bytes": 3}]});
        assert_eq!(call(&adapter, "publish", &post), Outcome::Cancelled);
        assert_eq!(adapter.stop(), Held { hosts: 0, futures: 0 }, "after {answered} answers");
    }
}

fn library() -> &'static Library {
    static LIBRARY: OnceLock<Library> = OnceLock::new();
    LIBRARY.get_or_init(|| Library::load(&build::of_crate(env!("CARGO_MANIFEST_DIR")).unwrap()).unwrap())
}

fn start() -> (Adapter, Script) {
    let script = Script::default();
    (library().start(&script, &json!({})).unwrap(), script)
}

fn call(adapter: &Adapter, operation: &str, body: &Value) -> Outcome {
    call_as(adapter, &json!({}), operation, body)
}

fn call_as(adapter: &Adapter, changed: &Value, operation: &str, body: &Value) -> Outcome {
    let mut settings = json!({"base_url": "http://hs/", "room": ROOM});
    for (name, value) in changed.as_object().into_iter().flatten() {
        settings[name] = value.clone();
    }
    let meta = json!({"uid": ME, "idempotency_key": "key-1", "settings": settings});
    adapter.call(operation, &meta, body).unwrap()
}

fn sent(id: &str) -> Answer {
    Answer::json(200, &json!({"event_id": id}))
}

fn no(status: u16, code: &str) -> Answer {
    Answer::json(status, &json!({"errcode": code, "error": "no"}))
}

fn limited() -> Answer {
    Answer::json(429, &json!({"errcode": "M_LIMIT_EXCEEDED", "error": "no", "retry_after_ms": 2500}))
}

/// An event of the account, so many milliseconds after the start.
fn event(id: &str, after_ms: i64, content: &Value) -> Value {
    let at = Script::START_UNIX_MS + after_ms;
    json!({"event_id": id, "type": "m.room.message", "sender": ME, "origin_server_ts": at, "content": content})
}

fn lacks(info: &Value) -> Vec<String> {
    let lacks = info["lacks"].as_array().unwrap();
    lacks.iter().map(|lack| lack["text"].as_str().unwrap().to_owned()).collect()
}

fn body(request: &Request) -> Value {
    serde_json::from_slice(&request.body).unwrap()
}

fn header<'a>(request: &'a Request, name: &str) -> &'a str {
    request.head.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str()).unwrap()
}

fn answer(outcome: Outcome) -> Value {
    match outcome {
        Outcome::Answer(answer) => answer,
        other => panic!("no answer: {other:?}"),
    }
}

fn error(outcome: Outcome) -> AdapterError {
    match outcome {
        Outcome::Error(error) => error,
        other => panic!("not an error: {other:?}"),
    }
}

//! Every capability of the sdk, through a real `.so`: the example `capabilities` of the sdk.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // Helpers of tests.

use std::sync::OnceLock;

use juzhen_abi::message::{Capture, Effect, Part};
use juzhen_testkit::{Adapter, Answer, Held, Library, LogLine, Outcome, Script, build};
use serde_json::{Value, json};

#[test]
fn time_and_randomness_are_the_hosts() {
    let (adapter, _script) = start();
    assert_eq!(ask(&adapter, "clock"), json!(1500));
    let (again, _script) = start();
    let random = ask(&adapter, "random");
    assert_eq!(random, ask(&again, "random"), "the same in every run of the script");
    assert_ne!(random[0], random[1]);
}

#[test]
fn values_blobs_and_signatures_come_from_the_host() {
    let (adapter, script) = start();
    assert_eq!(ask(&adapter, "kv"), json!([null, [255, b'7'], null]));
    assert_eq!(script.kv("cursor"), None);
    script.blob("b", b"abcd");
    assert_eq!(ask(&adapter, "blob"), json!([b"bc", b"cd"]));
    let signed: String = b"a={{secret:app_id}}".iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(ask(&adapter, "sign"), json!(signed));
    assert_eq!(ask(&adapter, "decrypt"), json!(b"abc"));
}

#[test]
fn log_lines_arrive_with_fields_and_the_call_they_belong_to() {
    let (adapter, script) = start();
    ask(&adapter, "log");
    ask(&adapter, "trace");
    let [started, logged, traced] = &script.logs()[..] else { panic!("{:?}", script.logs()) };
    assert_eq!(*started, LogLine { scope: 0, level: 3, fields: json!({"message": "started"}) });
    assert_eq!((logged.level, &logged.fields), (2, &json!({"message": "close to the limit", "posts": 3})));
    let fields = json!({"message": "close to the limit", "posts": 3, "account": "d07"});
    assert_eq!((traced.level, &traced.fields), (2, &fields));
    assert_eq!(traced.scope, logged.scope);
    assert_ne!(traced.scope, 0);
}

#[test]
fn a_token_request_is_safe_and_its_secret_is_captured() {
    let (adapter, script) = start();
    script.answer(Answer::json(200, &json!({"access_token": "***"})));
    assert_eq!(ask(&adapter, "token"), json!({"access_token": "***"}));
    let request = &script.requests()[0];
    assert_eq!(request.head.url, "http://m/token?app_id={{secret:app_id}}&kind=a%26b");
    assert_eq!(request.body, b"grant=refresh%20it");
    assert_eq!((&request.head.effect, request.head.timeout_ms), (&Effect::Safe, 3000));
    let (pointer, secret) = ("/access_token".into(), "access_token".into());
    assert_eq!(request.head.capture, [Capture { pointer, secret, ttl: Some("/expires_in".into()) }]);
}

#[test]
fn a_form_names_its_blobs_and_any_answer_can_be_looked_at() {
    let (adapter, script) = start();
    script.answer(Answer::bytes(418, b"teapot").header("x-seen", "yes"));
    assert_eq!(ask(&adapter, "form"), json!([418, "yes", 6]));
    let head = &script.requests()[0].head;
    assert_eq!((head.method.as_str(), head.parts.len()), ("PATCH", 2));
    assert!(matches!(&head.parts[1], Part::Blob { blob, .. } if blob == "b"));
    assert_eq!(head.effect, Effect::Idempotent("key-1".into()));
}

#[test]
fn requests_can_be_under_way_together_and_settings_reach_the_adapter() {
    let script = Script::default();
    let adapter = library().start(&script, &json!({"greeting": "你好"})).unwrap();
    assert_eq!(ask(&adapter, "config"), json!("你好"));
    script.answer(Answer::bytes(200, b""));
    script.answer(Answer::bytes(204, b""));
    assert_eq!(ask(&adapter, "together"), json!([200, 204]));
    assert_eq!(adapter.stop(), Held { hosts: 0, futures: 0 });
}

fn library() -> &'static Library {
    static LIBRARY: OnceLock<Library> = OnceLock::new();
    let arguments = ["--example", "capabilities", "--features", "tracing"];
    LIBRARY.get_or_init(|| Library::load(&build::adapter_with("juzhen-sdk", &arguments).unwrap()).unwrap())
}

fn start() -> (Adapter, Script) {
    let script = Script::default();
    (library().start(&script, &json!({})).unwrap(), script)
}

fn ask(adapter: &Adapter, what: &str) -> Value {
    match adapter.call("receive", &json!({"idempotency_key": "key-1"}), &json!({"body": what})).unwrap() {
        Outcome::Answer(answer) => serde_json::from_str(answer["body"].as_str().unwrap()).unwrap(),
        other => panic!("{what}: {other:?}"),
    }
}

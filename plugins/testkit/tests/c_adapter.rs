//! An adapter in C, written from the header alone, works like any other.
#![allow(clippy::unwrap_used, clippy::panic)] // Helpers of tests.

use std::path::Path;

use juzhen_abi::message::{ErrorKind, HostErrorKind};
use juzhen_testkit::{Adapter, Answer, Held, Library, Outcome, Script, build};
use serde_json::{Value, json};

#[test]
fn a_c_adapter_publishes_with_the_hosts_http_and_the_callers_waker() {
    let script = Script::default();
    let adapter = start("publishes", &script);
    script.answer(Answer::json(201, &json!({"url": "http://m/7", "id": "7", "created_at_unix_ms": 5})));
    let outcome = publish(
        &adapter,
        &json!({"source": {"text": "not this"}, "title": "题", "link": null, "text": "通\"知\" }]"}),
    );
    assert_eq!(outcome, Outcome::Answer(json!({"state": "published", "id": "7", "url": "http://m/7"})));

    let requests = script.requests();
    let [request] = &requests[..] else { panic!("{requests:?}") };
    assert_eq!((&*request.head.method, &*request.head.url), ("POST", "http://m/v1/accounts/d07/posts"));
    assert!(
        request.head.headers.contains(&("authorization".into(), "Bearer {{secret:access_token}}".into()))
    );
    assert!(request.head.headers.contains(&("idempotency-key".into(), "key-1".into())));
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    assert_eq!(body, json!({"title": "题", "text": "通\"知\" }]", "media": []}));
    assert_eq!(adapter.stop(), Held { hosts: 0, futures: 0 });
}

#[test]
fn a_c_adapter_says_what_refusals_and_silence_mean() {
    let cases = [
        (Answer::json(401, &json!({})), "AuthExpired"),
        (Answer::json(403, &json!({})), "Rejected { code: None, by: Permission }"),
        (Answer::json(404, &json!({})), "Rejected { code: None, by: Content }"),
        (Answer::json(408, &json!({})), "InDoubt"),
        (Answer::json(409, &json!({})), "Duplicate"),
        (Answer::json(429, &json!({})), "Quota"),
        (Answer::json(500, &json!({})), "InDoubt"),
        (Answer::bytes(201, b"{\"id\": \0\0"), "InDoubt"),
        (Answer::bytes(201, b"{\"id\": [[\0\xff"), "InDoubt"),
        (Answer::bytes(200, b"{\"id\": 7}"), "InDoubt"),
        (Answer::bytes(201, b"{\"id\": \"7\", \"url\": \"http"), "InDoubt"),
        (Answer::Fails(HostErrorKind::NoAnswer), "InDoubt"),
        (Answer::Fails(HostErrorKind::Unreachable), "Retryable"),
    ];
    let script = Script::default();
    let adapter = start("refusals", &script);
    for (answer, expected) in cases {
        script.answer(answer.clone());
        let Outcome::Error(error) = publish(&adapter, &json!({"text": "a"})) else { panic!("{answer:?}") };
        assert!(format!("{:?}", error.kind).starts_with(expected), "{answer:?} became {error:?}");
    }
}

#[test]
fn a_c_adapter_is_cancelled_while_it_waits_and_refuses_what_it_does_not_know() {
    let script = Script::default();
    let adapter = start("cancelled", &script);
    let picture = json!({"text": "a", "media": [{"blob": "aa", "mime": "image/png", "bytes": 3}]});
    let Outcome::Error(error) = publish(&adapter, &picture) else {
        panic!("a picture was left out in silence")
    };
    assert_eq!(error.kind, ErrorKind::Unsupported { what: "media".into() });
    let no_settings = adapter.call("publish", &json!({}), &json!({"text": "a"})).unwrap();
    let Outcome::Error(error) = no_settings else { panic!("{no_settings:?}") };
    assert_eq!(error.kind, ErrorKind::Misconfigured { key: "base_url".into() });
    for (operation, request) in
        [("check", &b"\x02\0\0\0{}"[..]), ("publish", b""), ("publish", b"\x09\0\0\0{\"a")]
    {
        assert!(matches!(adapter.call_packed(operation, request), Outcome::Error(_)), "{request:?}");
    }
    script.answer(Answer::Never);
    assert_eq!(publish(&adapter, &json!({"text": "a"})), Outcome::Cancelled);
    assert_eq!(adapter.stop(), Held { hosts: 0, futures: 0 });
}

fn start(test: &str, script: &Script) -> Adapter {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../adapters/c-example/c_example.c");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("c_adapter_{test}"));
    std::fs::create_dir_all(&folder).unwrap();
    let library = Library::load(&build::c_adapter(&source, &folder).unwrap()).unwrap();
    assert_eq!(library.manifest().unwrap().operations, ["publish"]);
    library.start(script, &json!({})).unwrap()
}

fn publish(adapter: &Adapter, body: &Value) -> Outcome {
    let settings = json!({"other": [1, {"base_url": 2}], "base_url": "http://m"});
    let meta = json!({"uid": "d07", "idempotency_key": "key-1", "settings": settings});
    adapter.call("publish", &meta, body).unwrap()
}

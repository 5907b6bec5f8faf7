//! The adapter as its real `.so`, without any platform: one conversation written by hand, and every recorded one.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use juzhen_testkit::{Answer, Held, Library, Outcome, Script, build, cassette};
use serde_json::{Value, json};

#[test]
fn a_post_is_one_request_and_nothing_is_left_behind() {
    let script = Script::default();
    let adapter = library().start(&script, &json!({})).unwrap();
    script.answer(Answer::json(201, &json!({"id": "7", "url": "http://m/7"})));

    let meta = json!({"uid": "1001", "idempotency_key": "key-1", "settings": {"base_url": "http://m"}});
    let outcome = adapter.call("publish", &meta, &json!({"text": "今日停水。"})).unwrap();

    let published = json!({"state": "published", "id": "7", "url": "http://m/7", "at_unix_ms": null});
    assert_eq!(outcome, Outcome::Answer(published));
    let requests = script.requests();
    let [request] = &requests[..] else { panic!("{requests:?}") };
    let sent: Value = serde_json::from_slice(&request.body).unwrap();
    assert_eq!(sent, json!({"text": "今日停水。", "media": []}));
    assert_eq!(adapter.stop(), Held { hosts: 0, futures: 0 });
}

#[test]
fn what_was_recorded_is_asked_and_said_again() {
    cassette::replay(&library(), "tests/cassettes").unwrap();
}

fn library() -> Library {
    Library::load(&build::of_crate(env!("CARGO_MANIFEST_DIR")).unwrap()).unwrap()
}

//! The example with the operations that the mock platform does not have, as its real `.so`.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // Helpers of tests.

use std::sync::OnceLock;

use juzhen_abi::message::{Declined, Effect, ErrorKind, RejectedBy};
use juzhen_testkit::{Adapter, Answer, Library, Outcome, Script, build};
use serde_json::{Value, json};

#[test]
fn a_no_with_a_200_has_its_kind_and_was_named_before_the_request_left() {
    let text = json!({"text": "a"});
    let rejected = |code: &str, by| ErrorKind::Rejected { code: Some(code.into()), by };
    for (code, kind) in [
        (1001, ErrorKind::AuthExpired { secret: Some("access_token".into()) }),
        (2001, rejected("2001", RejectedBy::Content)),
        (2002, rejected("2002", RejectedBy::Permission)),
        (9999, ErrorKind::InDoubt),
    ] {
        let (adapter, script) = start();
        script.answer(Answer::json(200, &json!({"code": code, "message": "no"})));
        let Outcome::Error(error) = call(&adapter, "publish", &text) else { panic!("{code}") };
        assert_eq!(error.kind, kind, "{code}");
        let codes = vec![1001, 2001, 2002, 2003, 3001];
        assert_eq!(script.requests()[0].head.declined, Some(Declined { pointer: "/code".into(), codes }));
    }
}

#[test]
fn readers_are_listed_answered_and_hidden() {
    let (adapter, script) = start();
    let comment = |id: &str, author: &str, at| json!({"id": id, "author": author, "text": "几点来水？", "at_unix_ms": at});
    let listed = json!({"code": 0, "comments": [comment("3", "8", 30), comment("2", "1001", 20), comment("1", "7", 10)], "next": "c2"});
    script.answer(Answer::json(200, &listed));
    let messages = answer(&adapter, "poll_messages", &json!({"cursor": "c1", "most": 20}));
    let ids: Vec<&str> =
        messages["messages"].as_array().unwrap().iter().map(|m| m["id"].as_str().unwrap()).collect();
    assert_eq!((ids, &messages["cursor"], &messages["more"]), (vec!["1", "3"], &json!("c2"), &json!(true)));

    script.answer(Answer::json(200, &json!({"code": 0, "id": "9"})));
    let reply = json!({"to": {"kind": "comment", "id": "1"}, "text": "17 时。"});
    assert_eq!(answer(&adapter, "reply", &reply)["id"], "9");
    assert_eq!(script.requests()[1].head.effect, Effect::Mutating);
    let look = json!({"to": {"kind": "comment", "id": "1"}, "text": "17 时。", "look_only": true});
    let there = json!({"id": "9", "author": "1001", "text": "17 时。", "at_unix_ms": 40});
    script.answer(Answer::json(200, &json!({"code": 0, "comments": [there]})));
    assert_eq!(answer(&adapter, "reply", &look)["state"], "sent");
    script.answer(Answer::json(200, &json!({"code": 0, "comments": [], "next": "c2"})));
    assert_eq!(answer(&adapter, "reply", &look), json!({"state": "not_seen", "complete": false}));
    assert_eq!(script.requests()[3].head.effect, Effect::Safe, "a look sends nothing");

    script.answer(Answer::json(200, &json!({"code": 0})));
    assert_eq!(answer(&adapter, "moderate", &json!({"action": "hide", "comment": "1"})), json!({}));
    let Outcome::Error(error) = call(&adapter, "moderate", &json!({"action": "elect"})) else { panic!() };
    assert!(matches!(error.kind, ErrorKind::Unsupported { .. }));
}

#[test]
fn a_callback_is_believed_by_its_signature_and_its_time() {
    let (adapter, _script) = start();
    let now = Script::START_UNIX_MS;
    let body = json!({"id": "1", "author": "7", "text": "你好", "at_unix_ms": now}).to_string();
    let pushed = |at: i64, signature: String| {
        let headers = json!([["x-time", at.to_string()], ["x-signature", signature]]);
        answer(&adapter, "receive", &json!({"method": "POST", "headers": headers, "body": body}))
    };
    // The kit's hash: what was to be signed, in hexadecimal.
    let signed = |at: i64| format!("{at}.{body}").bytes().map(|b| format!("{b:02x}")).collect::<String>();
    let received = pushed(now, signed(now));
    assert_eq!((&received["status"], &received["told"][0]["message"]["text"]), (&json!(200), &json!("你好")));
    assert_eq!(received["once"]["until_unix_ms"], now + 300_000);
    let old = now - 300_001;
    for (at, signature) in [(now, signed(now - 1)), (now, String::new()), (old, signed(old))] {
        let received = pushed(at, signature);
        assert_eq!((&received["status"], received["told"].as_array().unwrap().len()), (&json!(401), 0));
    }
}

#[test]
fn a_person_signs_in_and_only_as_the_account_itself() {
    let (adapter, script) = start();
    let begin = json!({"step": "begin", "redirect_uri": "https://j.example/back?a=1", "state": "s/1"});
    let url = "http://m/sign-in?app=app-1&state=s%2F1&back=https%3A%2F%2Fj.example%2Fback%3Fa%3D1";
    assert_eq!(answer(&adapter, "authorize", &begin), json!({"state": "browser", "url": url}));
    let code = json!({"step": "code", "code": "253d8b", "redirect_uri": "https://j.example/back"});
    script.answer(Answer::json(200, &json!({"uid": "1001", "access_token": "***", "expires_in": 60})));
    let granted = answer(&adapter, "authorize", &code);
    assert_eq!(
        (&granted["uid"], &granted["until_unix_ms"]),
        (&json!("1001"), &json!(Script::START_UNIX_MS + 60_000))
    );
    assert_eq!(script.requests()[0].head.capture[0].secret, "access_token");
    script.answer(Answer::json(200, &json!({"uid": "2002", "access_token": "***", "expires_in": 60})));
    let Outcome::Error(error) = call(&adapter, "authorize", &code) else {
        panic!("another account was taken")
    };
    assert!(matches!(error.kind, ErrorKind::Rejected { by: RejectedBy::Permission, .. }));
    script.answer(Answer::json(200, &json!({"code": 0})));
    assert_eq!(answer(&adapter, "authorize", &json!({"step": "revoke"})), json!({"state": "revoked"}));
}

#[test]
fn figures_are_those_of_the_posts_asked_for() {
    let (adapter, script) = start();
    script.answer(Answer::json(200, &json!({"code": 0, "posts": [{"id": "7", "reads": 12}]})));
    let measured = answer(&adapter, "measure", &json!({"posts": ["7"]}));
    assert_eq!((&measured["posts"][0]["id"], &measured["posts"][0]["reads"]), (&json!("7"), &json!(12)));
}

fn library() -> &'static Library {
    static LIBRARY: OnceLock<Library> = OnceLock::new();
    let arguments = ["--example", "conversation"];
    LIBRARY.get_or_init(|| Library::load(&build::adapter_with("juzhen-sdk", &arguments).unwrap()).unwrap())
}

fn start() -> (Adapter, Script) {
    let script = Script::default();
    (library().start(&script, &json!({})).unwrap(), script)
}

fn call(adapter: &Adapter, operation: &str, body: &Value) -> Outcome {
    let meta = json!({"uid": "1001", "settings": {"base_url": "http://m", "app_id": "app-1"}});
    adapter.call(operation, &meta, body).unwrap()
}

fn answer(adapter: &Adapter, operation: &str, body: &Value) -> Value {
    match call(adapter, operation, body) {
        Outcome::Answer(answer) => answer,
        other => panic!("{operation}: {other:?}"),
    }
}

//! The mock adapter as its real `.so`: what it sends, and what it makes of each answer.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // Helpers of tests.

use std::sync::OnceLock;

use juzhen_abi::message::{AdapterError, Effect, ErrorKind, HostErrorKind, RejectedBy, Scope};
use juzhen_testkit::{Adapter, Answer, Held, Library, Outcome, Request, Script, build};
use serde_json::{Value, json};

#[test]
fn the_manifest_in_the_file_is_the_entrys() {
    let manifest = library().manifest().unwrap();
    assert_eq!((manifest.name.as_str(), manifest.platform.as_str()), ("mock", "mock"));
    assert_eq!(manifest.operations.len(), 6);
    assert!(library().catches_panics());
}

#[test]
fn a_post_is_one_request_with_the_secret_by_name() {
    let (adapter, script) = start();
    script.answer(Answer::json(201, &json!({"id": "7", "url": "http://m/7", "created_at_unix_ms": 5})));
    let outcome = call(&adapter, "publish", &json!({"text": "通知", "title": "题"}));
    let published = json!({"state": "published", "id": "7", "url": "http://m/7", "at_unix_ms": 5});
    assert_eq!(outcome, Outcome::Answer(published));
    let [request] = &script.requests()[..] else { panic!("one request") };
    assert_eq!(
        (request.head.method.as_str(), request.head.url.as_str()),
        ("POST", "http://m/v1/accounts/d07/posts")
    );
    assert_eq!(header(request, "authorization"), "Bearer {{secret:access_token}}");
    assert_eq!(header(request, "idempotency-key"), "key-1");
    assert_eq!(request.head.effect, Effect::ByMethod, "the platform promises nothing");
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    assert_eq!(body, json!({"text": "通知", "title": "题", "media": []}));
    assert_eq!(adapter.stop(), Held { hosts: 0, futures: 0 });
}

#[test]
fn where_a_window_is_agreed_the_request_may_be_sent_again() {
    let (adapter, script) = start();
    script.answer(Answer::json(201, &json!({"id": "7"})));
    let settings = json!({"base_url": "http://m", "idempotency_window_s": 60});
    let meta = json!({"uid": "d07", "idempotency_key": "key-1", "settings": settings});
    adapter.call("publish", &meta, &json!({"text": "a"})).unwrap();
    assert_eq!(script.requests()[0].head.effect, Effect::Idempotent("key-1".into()));
}

#[test]
fn pictures_are_uploaded_by_handle_in_order_before_the_post() {
    let (adapter, script) = start();
    script.answer(Answer::json(201, &json!({"media_id": "m1"})));
    script.answer(Answer::json(201, &json!({"media_id": "m2"})));
    script.answer(Answer::json(202, &json!({"ticket": "t9"})));
    let media = json!([{"blob": "aa", "mime": "image/png", "bytes": 3}, {"blob": "bb", "mime": "image/gif", "bytes": 4}]);
    let outcome = call(&adapter, "publish", &json!({"text": "图", "media": media}));
    assert_eq!(outcome, Outcome::Answer(json!({"state": "accepted", "ticket": "t9"})));
    let requests = script.requests();
    assert_eq!(requests.len(), 3);
    assert_eq!(
        (requests[0].head.body_blob.as_deref(), header(&requests[0], "content-type")),
        (Some("aa"), "image/png")
    );
    assert_eq!((requests[1].head.body_blob.as_deref(), requests[1].body.len()), (Some("bb"), 0));
    let body: Value = serde_json::from_slice(&requests[2].body).unwrap();
    assert_eq!(body["media"], json!(["m1", "m2"]));
}

#[test]
fn every_refusal_has_its_kind() {
    let now = Script::START_UNIX_MS;
    let coded = |status, code| Answer::json(status, &json!({"error": {"code": code, "message": "no"}}));
    let rejected = |code: &str, by| ErrorKind::Rejected { code: Some(code.into()), by };
    let retryable = ErrorKind::Retryable { after_ms: None, scope: Scope::Call };
    let quota = ErrorKind::Quota { until_unix_ms: Some(now + 30_000), scope: Scope::Account };
    let repeated = json!({"error": {"code": "repeat_content", "message": "no", "id": "5"}});
    let cases = [
        (coded(400, "bad_text"), rejected("bad_text", RejectedBy::Content)),
        (coded(403, "account_frozen"), rejected("account_frozen", RejectedBy::Permission)),
        (coded(409, "key_known"), ErrorKind::Duplicate { remote_id: None }),
        (coded(400, "published_sync_later"), ErrorKind::InDoubt),
        (Answer::json(409, &repeated), ErrorKind::Duplicate { remote_id: Some("5".into()) }),
        (coded(429, "slow_down").header("Retry-After", "30"), quota),
        (coded(503, "busy_before_effect"), retryable.clone()),
        (coded(503, "whatever"), ErrorKind::InDoubt),
        (Answer::bytes(502, b"<html>bad gateway</html>"), ErrorKind::InDoubt),
        (Answer::bytes(201, b"not json"), ErrorKind::InDoubt),
        (Answer::Fails(HostErrorKind::NoAnswer), ErrorKind::InDoubt),
        (Answer::Fails(HostErrorKind::Unreachable), retryable),
    ];
    for (answer, kind) in cases {
        let (adapter, script) = start();
        let said = format!("{answer:?}");
        script.answer(answer);
        assert_eq!(error_kind(call(&adapter, "publish", &json!({"text": "a"}))), kind, "{said}");
    }
}

#[test]
fn a_search_finds_the_same_post_as_the_platform_shows_it_and_no_other() {
    let (adapter, script) = start();
    let posts = json!({"posts": [
        {"id": "1", "url": null, "text": "通知：a b！", "title": null, "origin_id": null, "created_at_unix_ms": 10},
        {"id": "2", "url": null, "text": "通知：ab！", "title": null, "origin_id": null, "created_at_unix_ms": 11},
        {"id": "3", "url": null, "text": "通知：a b！", "title": null, "origin_id": "9", "created_at_unix_ms": 12},
    ]});
    script.answer(Answer::json(200, &posts));
    let find = json!({"post": {"text": " 通知:a  b!"}, "since_unix_ms": 1, "until_unix_ms": 99});
    let found = call(&adapter, "find_published", &find);
    assert_eq!(
        found,
        matches(&json!([{"id": "1", "url": null, "at_unix_ms": 10, "text": "通知：a b！"}]), true)
    );
    assert!(script.requests()[0].head.url.ends_with("/posts?since_unix_ms=1&until_unix_ms=99"));

    script.answer(Answer::json(200, &posts));
    let find = json!({"repost": {"origin": {"id": "9"}, "comment": "通知:a b!"}, "until_unix_ms": 99});
    let found = call(&adapter, "find_published", &find);
    assert_eq!(
        found,
        matches(&json!([{"id": "3", "url": null, "at_unix_ms": 12, "text": "通知：a b！"}]), true)
    );
}

#[test]
fn a_search_knows_a_post_whose_link_the_platform_shortened() {
    let (adapter, script) = start();
    let shown = json!({"id": "1", "text": "详见 http://t.cn/x1 ✌", "created_at_unix_ms": 10});
    script.answer(Answer::json(200, &json!({"posts": [shown]})));
    let find =
        json!({"post": {"text": "详见 https://example.gov.cn/long?a=1 ✌\u{fe0f}"}, "until_unix_ms": 99});
    let Outcome::Answer(found) = call(&adapter, "find_published", &find) else { panic!("no answer") };
    assert_eq!(found["matches"][0]["id"], "1");
}

#[test]
fn p27_asked_for_no_post_in_particular_it_lists_every_one_page_by_page() {
    let (adapter, script) = start();
    let post = |id: &str, at| json!({"id": id, "text": id, "created_at_unix_ms": at});
    let all = || call(&adapter, "find_published", &json!({"since_unix_ms": 1, "until_unix_ms": 99}));
    let found = |id: &str, at| json!({"id": id, "url": null, "at_unix_ms": at, "text": id});
    script.answer(Answer::json(200, &json!({"posts": [post("b", 2), post("a", 1)], "next": "b"})));
    script.answer(Answer::json(200, &json!({"posts": [post("b", 2), post("c", 3)], "next": null})));
    assert_eq!(all(), matches(&json!([found("a", 1), found("b", 2), found("c", 3)]), true));
    assert!(script.requests()[1].head.url.ends_with("&after=b"));
    // A platform that leaves something out, and one that never comes to an end.
    script.answer(Answer::json(200, &json!({"posts": [post("a", 1)], "complete": false})));
    assert_eq!(all(), matches(&json!([found("a", 1)]), false));
    for _page in 0..20 {
        script.answer(Answer::json(200, &json!({"posts": [post("a", 1)], "next": "a"})));
    }
    assert_eq!(all(), matches(&json!([found("a", 1)]), false));
}

#[test]
fn f61_an_expired_token_is_renewed_and_the_refused_request_sent_once_more() {
    for code in ["token_expired", "token_invalid"] {
        let (adapter, script) = start();
        script.answer(Answer::json(401, &json!({"error": {"code": code}})));
        script.answer(Answer::json(200, &json!({"access_token": "***", "expires_in": 7200})));
        script.answer(Answer::json(201, &json!({"id": "7"})));
        assert!(matches!(call(&adapter, "publish", &json!({"text": "a"})), Outcome::Answer(_)));
        let [first, renewal, again] = &script.requests()[..] else { panic!("three requests") };
        assert_eq!((&first.head, &first.body), (&again.head, &again.body));
        assert_eq!(header(renewal, "authorization"), "Bearer {{secret:app_secret}}");
        assert_eq!(renewal.head.effect, Effect::Safe, "a token is no post");
        let [token, next] = &renewal.head.capture[..] else { panic!("two secrets") };
        assert_eq!((token.secret.as_str(), token.ttl.as_deref()), ("access_token", Some("/expires_in")));
        assert_eq!((next.secret.as_str(), next.pointer.as_str()), ("app_secret", "/refresh_token"));
    }
}

#[test]
fn where_no_secret_buys_a_token_a_person_has_to_sign_in() {
    let (adapter, script) = start();
    script.answer(Answer::json(401, &json!({"error": {"code": "token_expired", "message": "no"}})));
    script.answer(Answer::Fails(HostErrorKind::Denied));
    let said = error_kind(call(&adapter, "publish", &json!({"text": "a"})));
    assert_eq!(said, ErrorKind::AuthExpired { secret: Some("access_token".into()) });
    assert_eq!(script.requests().len(), 2, "the post is not sent again");
}

#[test]
fn the_other_operations_ask_the_platform() {
    let (adapter, script) = start();
    script.answer(Answer::json(200, &json!({"uid": "d07", "name": "区政府"})));
    assert_eq!(
        call(&adapter, "check", &json!(null)),
        Outcome::Answer(
            json!({"uid": "d07", "name": "区政府", "lacks": [], "notes": [], "signed_in_until_unix_ms": null})
        )
    );
    script.answer(Answer::json(201, &json!({"id": "8"})));
    let repost = json!({"origin": {"id": "3", "uid": "u"}, "comment": "转"});
    assert!(matches!(call(&adapter, "repost", &repost), Outcome::Answer(_)));
    script.answer(Answer::json(200, &json!({"state": "pending", "after_ms": 50})));
    assert_eq!(
        call(&adapter, "track", &json!({"ticket": "t"})),
        Outcome::Answer(json!({"state": "pending", "after_ms": 50}))
    );
    for gone in [204, 404] {
        script.answer(Answer::bytes(gone, b""));
        assert_eq!(call(&adapter, "retract", &json!({"id": "8"})), Outcome::Answer(json!({})));
    }
    let seen: Vec<_> =
        script.requests().iter().map(|r| format!("{} {}", r.head.method, r.head.url)).collect();
    assert_eq!(
        seen,
        [
            "GET http://m/v1/accounts/d07",
            "POST http://m/v1/accounts/d07/reposts",
            "GET http://m/v1/tickets/t",
            "DELETE http://m/v1/accounts/d07/posts/8",
            "DELETE http://m/v1/accounts/d07/posts/8",
        ]
    );
}

#[test]
fn what_it_does_not_offer_is_a_normal_answer_and_so_is_nonsense() {
    let (adapter, _script) = start();
    assert_eq!(
        error_kind(call(&adapter, "measure", &json!({}))),
        ErrorKind::Unsupported { what: "measure".into() }
    );
    assert_eq!(
        error_kind(call(&adapter, "from_the_future", &json!({}))),
        ErrorKind::Unsupported { what: "from_the_future".into() }
    );
    for bytes in [&b""[..], b"\xff\xff\xff\xff", b"\x02\0\0\0{}", b"\x04\0\0\0\xff\xfe\xfd\xfc"] {
        assert_eq!(error_kind(adapter.call_packed("publish", bytes)), ErrorKind::Bug, "{bytes:?}");
    }
    assert_eq!(
        error_kind(adapter.call("check", &json!({}), &json!({})).unwrap()),
        ErrorKind::Misconfigured { key: "base_url".into() }
    );
}

#[test]
fn cancelled_at_every_request_it_holds_nothing() {
    for answered in 0..3 {
        let (adapter, script) = start();
        for n in 0..answered {
            script.answer(Answer::json(201, &json!({"media_id": n.to_string()})));
        }
        script.answer(Answer::Never);
        let media: Vec<_> =
            ["aa", "bb"].map(|blob| json!({"blob": blob, "mime": "image/png", "bytes": 1})).into();
        assert_eq!(call(&adapter, "publish", &json!({"text": "a", "media": media})), Outcome::Cancelled);
        assert_eq!(script.requests().len(), answered + 1);
        assert_eq!(adapter.held().futures, 0);
        assert_eq!(adapter.stop(), Held { hosts: 0, futures: 0 }, "after {answered} answers");
    }
}

fn library() -> &'static Library {
    static LIBRARY: OnceLock<Library> = OnceLock::new();
    LIBRARY.get_or_init(|| Library::load(&build::adapter("juzhen-adapter-mock").unwrap()).unwrap())
}

fn start() -> (Adapter, Script) {
    let script = Script::default();
    (library().start(&script, &json!({})).unwrap(), script)
}

fn call(adapter: &Adapter, operation: &str, body: &Value) -> Outcome {
    let meta = json!({"uid": "d07", "idempotency_key": "key-1", "settings": {"base_url": "http://m/"}});
    adapter.call(operation, &meta, body).unwrap()
}

fn matches(posts: &Value, complete: bool) -> Outcome {
    Outcome::Answer(json!({"matches": posts, "complete": complete}))
}

fn header<'a>(request: &'a Request, name: &str) -> &'a str {
    request.head.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str()).unwrap()
}

fn error_kind(outcome: Outcome) -> ErrorKind {
    match outcome {
        Outcome::Error(AdapterError { kind, .. }) => kind,
        other => panic!("not an error: {other:?}"),
    }
}

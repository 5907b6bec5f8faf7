//! Bad requests, by the numbers of the catalogue: each is refused with its reason, and nothing happens.

use serde_json::json;

use crate::support::{Api, Request, new_item, text};

const ITEMS: &str = "/api/v1/items";

fn post(body: &str) -> Request {
    Request::new("POST", ITEMS).of("d07.xx").text(body)
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_are_taken_as_they_are_written_or_refused() {
    let api = Api::start().await;
    let deep = format!(r#"{{"variants":{}1{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
    let cases: Vec<(&str, &str, &str, Option<&str>)> = vec![
        ("a01", "", "400 malformed_json", None),
        ("a02", "null", "400 wrong_type", None),
        ("a03", "[]", "400 wrong_type", None),
        ("a04", &deep, "400 too_deep", None),
        (
            "a09",
            r#"{"variants":{"weibo":{"text":"a"}},"variants":{"weibo":{"text":"b"}}}"#,
            "400 duplicate_key",
            None,
        ),
        ("a09", r#"{"variants":{"weibo":{"text":"a"},"weibo":{"text":"b"}}}"#, "400 duplicate_key", None),
        ("a10", r#"{"variants":{},"colum":"a"}"#, "400 unknown_field", Some("colum")),
        ("a12", r#"{"variants":{"weibo":{"text":"\ud800"}}}"#, "400 malformed_json", None),
        ("a13", r#"{"variants":{"weibo":{"text":"a\u0000b"}}}"#, "422 invalid_content", Some("variants")),
        ("a13", r#"{"variants":{"weibo":{"text":"a\u202eb"}}}"#, "422 invalid_content", Some("variants")),
        ("a16", r#"{"variants":{"weibo":{"text":" \n\u3000"}}}"#, "422 invalid_content", Some("variants")),
        ("a17", r#"{"variants":{"weibo":{"text":1}}}"#, "400 wrong_type", Some("variants.weibo.text")),
        (
            "a22",
            r#"{"variants":{"weibo":{"text":"a"}},"state":"approved"}"#,
            "400 unknown_field",
            Some("state"),
        ),
        (
            "a22",
            r#"{"variants":{"weibo":{"text":"a"}},"author":"off.hg"}"#,
            "400 unknown_field",
            Some("author"),
        ),
    ];
    for (number, body, problem, field) in cases {
        let answer = api.send(post(body)).await;
        let shown: String = body.chars().take(80).collect();
        assert_eq!(answer.problem(), problem, "{number} {shown}");
        assert_eq!(answer.json()["field"].as_str(), field, "{number} {shown}");
    }
    assert_eq!(api.send(post(r#"{"variants":{},"colum":"a"}"#)).await.json()["suggestion"], "column");
    let raw =
        Request::new("POST", ITEMS).of("d07.xx").bytes_of("application/json", b"{\"column\":\"\xff\xfe\"}");
    assert_eq!(api.send(raw).await.problem(), "400 malformed_json");
    assert_eq!(api.get("off.hg", ITEMS).await.json()["items"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a01_a_request_without_a_body_says_nothing() {
    let api = Api::start().await;
    let answer = api.send(Request::new("POST", ITEMS).of("d07.xx")).await;
    assert_eq!(
        (answer.problem().as_str(), answer.json()["field"].as_str()),
        ("400 missing_field", Some("variants"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a11_each_route_takes_its_own_type() {
    let api = Api::start().await;
    let body = new_item("通知").to_string();
    for kind in [
        "text/plain",
        "multipart/form-data; boundary=x",
        "application/x-www-form-urlencoded",
        "application/json; charset=gbk",
    ] {
        let request = Request::new("POST", ITEMS).of("d07.xx").bytes_of(kind, body.as_bytes());
        assert_eq!(api.send(request).await.problem(), "415 wrong_content_type", "{kind}");
    }
    for kind in ["application/json", "image/svg+xml", "text/html"] {
        let request = Request::new("POST", "/api/v1/media").of("d07.xx").bytes_of(kind, body.as_bytes());
        assert_eq!(api.send(request).await.problem(), "415 wrong_content_type", "{kind}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a14_text_of_many_marks_is_text() {
    let api = Api::start().await;
    // Two characters to a reader; WeChat itself takes 20,000 of what it counts.
    let marks = format!("好{}👩‍👩‍👧‍👦", "\u{301}".repeat(19_992));
    let item = json!({ "column": "gonggao", "variants": { "wechat": { "title": "通知", "text": marks } } });
    let answer = api.post("d07.xx", ITEMS, item).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    assert_eq!(answer.json()["variants"]["wechat"]["text"], marks);
}

#[tokio::test(flavor = "multi_thread")]
async fn a18_times_that_nobody_can_mean() {
    let api = Api::start().await;
    let item = api.submitted("通知").await;
    for (time, problem) in [
        ("2026-06-01T09:00:00", "400 invalid_value"),
        ("2026-06-01T24:00:00Z", "400 invalid_value"),
        ("2026-02-30T09:00:00Z", "400 invalid_value"),
        ("2026-06-01T09:00:00+26:00", "400 invalid_value"),
        ("9999-12-01T00:00:00Z", "422 invalid_time"),
        ("2020-01-01T00:00:00Z", "422 invalid_time"),
    ] {
        let answer = api.decide("off.hg", &item, json!({ "publish_at": time })).await;
        assert_eq!(answer.problem(), problem, "{time}");
        assert_eq!(answer.json()["field"], "publish_at", "{time}");
    }
    let reject = json!({ "decision": "reject", "reason": "重复", "publish_at": "2030-01-01T00:00:00Z" });
    assert_eq!(api.decide("off.hg", &item, reject).await.problem(), "422 invalid_time");
}

#[tokio::test(flavor = "multi_thread")]
async fn a19_and_a30_parameters_are_what_they_are_said_to_be() {
    let api = Api::start().await;
    for (query, problem) in [
        ("limit=0", "400 invalid_parameter"),
        ("limit=-1", "400 invalid_parameter"),
        ("limit=1000000000", "400 invalid_parameter"),
        ("limit=%2B5", "400 invalid_parameter"),
        ("limit=", "400 invalid_parameter"),
        ("limit=5&limit=6", "400 invalid_parameter"),
        ("state=sent", "400 invalid_parameter"),
        ("unit=%25", "400 invalid_parameter"),
        ("unit=D07'--", "400 invalid_parameter"),
        ("before=%00", "400 invalid_parameter"),
        ("page=2", "400 unknown_parameter"),
        ("limt=5", "400 unknown_parameter"),
    ] {
        assert_eq!(api.get("off.hg", &format!("{ITEMS}?{query}")).await.problem(), problem, "{query}");
    }
    assert_eq!(api.get("off.hg", &format!("{ITEMS}?limt=5")).await.json()["suggestion"], "limit");
    for path in ["/api/v1/accounts", "/api/v1/stop", "/api/v1/adapters", "/api/v1/configuration"] {
        assert_eq!(
            api.get("off.hg", &format!("{path}?x=1")).await.problem(),
            "400 unknown_parameter",
            "{path}"
        );
    }
    let posted = api.post("off.hg", "/api/v1/stop?reason=x", json!({ "reason": "x" })).await;
    assert_eq!(posted.problem(), "400 unknown_parameter");
}

#[tokio::test(flavor = "multi_thread")]
async fn a20_an_odd_id_names_nothing() {
    let api = Api::start().await;
    let id = api.submitted("通知").await["id"].clone();
    let upper = text(&id).to_uppercase();
    assert_ne!(upper, text(&id));
    for odd in ["..%2f", "%2e%2e", "%00", "a%20b", "%ff", "x'%20OR%201=1", "..", "%E4%BD%A0", &upper] {
        assert_eq!(api.get("off.hg", &format!("{ITEMS}/{odd}")).await.problem(), "404 not_found", "{odd}");
        let decision = format!("{ITEMS}/{odd}/withdraw");
        assert_eq!(api.post("off.hg", &decision, json!({})).await.problem(), "404 not_found", "{odd}");
    }
    assert_eq!(api.get("off.hg", "/api/v1/media/../../etc/passwd").await.problem(), "404 not_found");
}

#[tokio::test(flavor = "multi_thread")]
async fn a22_and_a35_methods_that_are_not_there() {
    let api = Api::start().await;
    let id = api.submitted("通知").await["id"].clone();
    for method in ["PATCH", "DELETE", "PUT", "TRACE", "OPTIONS"] {
        let request = Request::new(method, &format!("{ITEMS}/{}", text(&id))).of("off.hg");
        let answer = api.send(request.json(&json!({ "state": "published" }))).await;
        assert_eq!(answer.problem(), "405 method_not_allowed", "{method}");
        assert!(answer.header("allow").is_some_and(|allow| allow.contains("GET")), "{answer:?}");
    }
    let head = api.send(Request::new("HEAD", "/healthz")).await;
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert_eq!(api.send(Request::new("GET", "/nowhere")).await.problem(), "404 not_found");
}

#[tokio::test(flavor = "multi_thread")]
async fn a31_markup_stays_text() {
    let api = Api::start().await;
    let markup = "<script>alert(1)</script> =cmd|' /C calc'!A0 ![x](javascript:x)";
    let item = api.submitted(markup).await;
    let path = format!("{ITEMS}/{}", text(&item["id"]));
    let answer = api.get("off.hg", &path).await;
    assert_eq!(answer.json()["variants"]["weibo"]["text"], markup);
    for (name, value) in [
        ("content-type", "application/json"),
        ("x-content-type-options", "nosniff"),
        ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
        ("cache-control", "no-store"),
        ("referrer-policy", "no-referrer"),
    ] {
        assert_eq!(answer.header(name), Some(value));
    }
    let reason = json!({ "decision": "return", "reason": "\u{1b}[31m\u{0}" });
    assert_eq!(api.decide("off.hg", &item, reason).await.problem(), "422 invalid_content");
}

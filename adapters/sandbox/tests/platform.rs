//! The mock platform as its clients see it, with nothing scripted to go wrong.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)] // A test stops at the first surprise.

mod common;

use common::{Stage, now_ms, read, taken};
use juzhen_sandbox::{EffectKind, EffectState, Fault, Rule, Sandbox, SandboxLine, SandboxOptions};
use reqwest::Method;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

#[tokio::test]
async fn an_account_exists_from_its_first_use_and_has_the_name_it_is_given() {
    let stage = Stage::new().await;
    let (status, body) = read(stage.ask(Method::GET, "/v1/accounts/1001")).await;
    assert_eq!((status, body), (200, json!({ "uid": "1001", "name": "1001" })));
    let named = json!({ "account": "1001", "name": "东湖示范区" });
    assert_eq!(stage.control(Method::POST, "accounts", named).await.0, 204);
    let (_, body) = read(stage.ask(Method::GET, "/v1/accounts/1001")).await;
    assert_eq!(body["name"], "东湖示范区");
}

#[tokio::test]
async fn a_post_is_answered_listed_and_written_down_with_everything_it_carries() {
    let stage = Stage::new().await;
    let before = now_ms();
    let picture = stage.ask(Method::POST, "/v1/media").header("content-type", "image/png").body("\u{89}PNG");
    let (status, media) = read(picture).await;
    assert_eq!(status, 201);
    let body = json!({
        "text": "今天停水", "title": "通知", "link": "https://example.com/a", "media": [media["media_id"]],
        "source": { "account_name": "区发布", "uid": "9", "id": "p1", "url": "https://example.com/p1" },
    });
    let posting =
        stage.ask(Method::POST, "/v1/accounts/1001/posts").header("idempotency-key", "k-1").json(&body);
    let (status, created) = read(posting).await;
    assert_eq!(status, 201);
    assert!((before..=now_ms()).contains(&created["created_at_unix_ms"].as_i64().unwrap()));

    let window = format!("/v1/accounts/1001/posts?since_unix_ms={before}&until_unix_ms={}", now_ms());
    let (_, listed) = read(stage.ask(Method::GET, &window)).await;
    let mut wanted = created.clone();
    wanted["text"] = json!("今天停水");
    wanted["title"] = json!("通知");
    wanted["origin_id"] = Value::Null;
    assert_eq!(listed, json!({ "posts": [wanted] }));

    let ledger = stage.handle.ledger_of("1001");
    let [effect] = &ledger.effects[..] else { panic!("one effect, found {:?}", ledger.effects) };
    assert_eq!(effect.text_sha256, juzhen_sandbox::text_sha256("通知", "今天停水"));
    assert_eq!(effect.request.idempotency_key.as_deref(), Some("k-1"));
    assert_eq!(effect.request.sequence, 2, "the upload was the first request");
    assert_eq!(effect.media, [media["media_id"].as_str().unwrap()]);
    assert_eq!(effect.source.as_ref().unwrap().account_name, "区发布");
    assert_eq!(Some(effect.id.as_str()), created["id"].as_str());
    assert_eq!(stage.handle.ledger().effects[0].bytes, Some(5));
}

#[tokio::test]
async fn the_list_keeps_to_its_window_and_its_account_oldest_first() {
    let stage = Stage::new().await;
    let mut times = Vec::new();
    for text in ["一", "二", "三"] {
        stage.posted("1001", text).await;
        stage.posted("1002", "别人").await;
        times.push(stage.handle.ledger_of("1001").effects.last().unwrap().at_unix_ms);
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    assert_eq!(stage.listed("1001").await, ["一", "二", "三"]);
    let only = format!("/v1/accounts/1001/posts?since_unix_ms={}&until_unix_ms={}", times[1], times[1]);
    let (_, body) = read(stage.ask(Method::GET, &only)).await;
    assert_eq!(body["posts"].as_array().unwrap().len(), 1);
    assert_eq!(body["posts"][0]["text"], "二");
    let (_, body) =
        read(stage.ask(Method::GET, "/v1/accounts/1001/posts?since_unix_ms=5&until_unix_ms=1")).await;
    assert_eq!(body, json!({ "posts": [] }));
}

#[tokio::test]
async fn a_repost_names_its_origin_and_only_a_public_one_of_the_right_account_can_be_forwarded() {
    let stage = Stage::new().await;
    let origin = stage.posted("1001", "原文").await;
    let (status, created) = stage.repost("1002", "1001", &origin).await;
    assert_eq!(status, 201);
    let (_, listed) = read(stage.ask(Method::GET, "/v1/accounts/1002/posts")).await;
    assert_eq!(listed["posts"][0]["origin_id"], json!(origin));
    assert_eq!(listed["posts"][0]["id"], created["id"]);
    assert_eq!(stage.handle.ledger_of("1002").effects[0].kind, EffectKind::Repost);
    for (uid, id) in [("1003", origin.as_str()), ("1001", "p1"), ("1001", ""), ("1001", "文")] {
        let (status, body) = stage.repost("1002", uid, id).await;
        assert_eq!((status, body["error"]["code"].as_str()), (400, Some("bad_request")), "{uid} {id}");
    }
}

#[tokio::test]
async fn a_retracted_post_leaves_the_list_and_stays_in_the_ledger() {
    let stage = Stage::new().await;
    let id = stage.posted("1001", "说错了").await;
    let path = format!("/v1/accounts/1001/posts/{id}");
    let elsewhere = format!("/v1/accounts/1002/posts/{id}");
    assert_eq!(read(stage.ask(Method::DELETE, &elsewhere)).await.0, 404);
    assert_eq!(read(stage.ask(Method::DELETE, &path)).await, (204, Value::Null));
    assert_eq!(read(stage.ask(Method::DELETE, &path)).await.0, 404);
    assert!(stage.listed("1001").await.is_empty());
    let effects = stage.handle.ledger_of("1001").effects;
    assert_eq!(effects[0].state, EffectState::Retracted);
    assert_eq!((effects[1].kind, effects[1].origin_id.as_deref()), (EffectKind::Retract, Some(id.as_str())));
    assert_eq!(stage.repost("1002", "1001", &id).await.0, 400);
}

#[tokio::test]
async fn what_is_not_well_formed_is_refused_with_the_reason_and_has_no_effect() {
    let stage = Stage::new().await;
    let long = "字".repeat(2_001);
    let cases = [
        (json!({ "text": "" }), "bad_text", "`text` is empty"),
        (json!({ "text": " \n" }), "bad_text", "`text` is empty"),
        (json!({ "text": long }), "bad_text", "2001 characters"),
        (json!({ "text": "a\u{0}b" }), "bad_text", "control character"),
        (json!({ "text": "x", "title": "a\nb" }), "bad_text", "`title`"),
        (json!({ "text": "x", "colour": 1 }), "bad_request", "unknown field `colour`"),
        (json!({ "title": "x" }), "bad_request", "missing field `text`"),
        (json!({ "text": 5 }), "bad_request", "invalid type"),
        (json!({ "text": "x", "media": ["f1"] }), "bad_request", "no media \"f1\""),
        (json!({ "text": "x", "link": "javascript:alert(1)" }), "bad_request", "`link`"),
        (json!([]), "bad_request", "the body is not the JSON expected here"),
    ];
    for (body, code, reason) in cases {
        let (status, answer) = read(stage.ask(Method::POST, "/v1/accounts/1001/posts").json(&body)).await;
        assert_eq!((status, answer["error"]["code"].as_str()), (400, Some(code)), "{body}");
        let message = answer["error"]["message"].as_str().unwrap();
        assert!(message.contains(reason), "{body}: {message}");
    }
    let plain = stage.ask(Method::POST, "/v1/accounts/1001/posts").body("{\"text\":\"x\"}");
    assert_eq!(read(plain.header("content-type", "text/plain")).await.0, 400);
    assert_eq!(read(stage.posting("a%20b", "x")).await.0, 400);
    assert_eq!(read(stage.ask(Method::GET, "/v1/accounts/1001/posts?since=1")).await.0, 400);
    assert_eq!(read(stage.ask(Method::POST, "/v1/media").json(&json!({}))).await.0, 400);
    assert_eq!(read(stage.ask(Method::GET, "/v1/nothing")).await.1["error"]["code"], "not_found");
    assert_eq!(read(stage.ask(Method::PUT, "/v1/media")).await.1["error"]["code"], "method_not_allowed");
    assert_eq!(stage.published(), 0);
    let exactly = "字".repeat(2_000);
    stage.posted("1001", &exactly).await;
}

#[tokio::test]
async fn a_token_is_needed_and_a_pinned_one_is_the_only_good_one() {
    let stage = Stage::new().await;
    let url = format!("{}/v1/accounts/1001", stage.handle.mock_url());
    let (status, body) = read(stage.client.get(&url)).await;
    assert_eq!((status, body["error"]["code"].as_str()), (401, Some("token_missing")));
    assert_eq!(read(stage.client.get(&url).header("authorization", "Bearer ")).await.0, 401);
    let pinned = json!({ "account": "1001", "token": "new" });
    assert_eq!(stage.control(Method::POST, "tokens", pinned).await.0, 204);
    let (status, body) = read(stage.posting("1001", "x")).await;
    assert_eq!((status, body["error"]["code"].as_str()), (401, Some("token_expired")));
    assert_eq!(read(stage.client.get(&url).bearer_auth("new")).await.0, 200);
    stage.posted("1002", "another account is not concerned").await;
    stage.handle.pin_token("1001", None);
    stage.posted("1001", "x").await;
}

#[tokio::test]
async fn the_line_for_scripts_says_where_each_platform_is() {
    let stage = Stage::new().await;
    let line = serde_json::to_value(stage.handle.line()).unwrap();
    let (mock, ledger) = (stage.handle.mock_url(), stage.handle.ledger_url());
    assert_eq!((&line["mock"], &line["ledger"]), (&json!(mock), &json!(ledger)));
    assert_eq!(line["weibo"], json!(stage.handle.weibo_url()));
    assert!(serde_json::from_value::<SandboxLine>(line).is_ok());
}

#[tokio::test]
async fn stopping_ends_what_hangs_and_what_is_idle() {
    let sandbox = Sandbox::bind(SandboxOptions::default()).await.unwrap();
    let (handle, stop) = (sandbox.handle(), CancellationToken::new());
    let serving = tokio::spawn(sandbox.serve(stop.clone()));
    handle.fault(Rule::new(Fault::Hang { applied: true })).unwrap();
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let posting = client.post(format!("{}/v1/accounts/1001/posts", handle.mock_url())).bearer_auth("t");
    let hanging = tokio::spawn(posting.json(&json!({ "text": "x" })).send());
    common::until("the request has arrived", || !handle.ledger().effects.is_empty()).await;
    stop.cancel();
    tokio::time::timeout(common::PATIENCE, serving).await.unwrap().unwrap();
    assert!(hanging.await.unwrap().is_err());
    assert_eq!(handle.ledger().effects.len(), 1, "the handle still reads the ledger");
}

#[tokio::test]
async fn a_taken_address_is_named() {
    let stage = Stage::new().await;
    let taken_address =
        stage.handle.mock_url()["http://".len()..].split('/').next().unwrap().parse().unwrap();
    let options = SandboxOptions { listen: taken_address, ..Default::default() };
    let Err(error) = Sandbox::bind(options).await else { panic!("the address is taken") };
    assert!(error.to_string().contains(&taken_address.to_string()));
}

#[tokio::test]
async fn too_large_a_body_is_refused() {
    let options = SandboxOptions { most_body_bytes: 100_000, ..Default::default() };
    let stage = Stage::with(options).await;
    let upload = |size| stage.ask(Method::POST, "/v1/media").body(vec![1_u8; size]);
    assert_eq!(taken(upload(100_000).send().await.unwrap()).await.0, 201);
    assert_eq!(taken(upload(100_001).send().await.unwrap()).await.0, 413);
    let text = "x".repeat(70_000);
    assert_eq!(read(stage.posting("1001", &text)).await.0, 413);
}

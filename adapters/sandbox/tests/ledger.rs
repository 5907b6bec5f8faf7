//! The ledger over HTTP: what it shows, each violation, limits, a fresh start.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)] // A test stops at the first surprise.

mod common;

use common::{Stage, now_ms, read};
use juzhen_sandbox::{Expectation, LedgerSnapshot, SandboxOptions, ViolationKind, text_sha256};
use reqwest::Method;
use serde_json::json;

async fn ledger(stage: &Stage, query: &str) -> LedgerSnapshot {
    let url = format!("{}{query}", stage.handle.ledger_url());
    stage.client.get(url).send().await.unwrap().json().await.unwrap()
}

fn kinds(ledger: &LedgerSnapshot) -> Vec<ViolationKind> {
    ledger.violations.iter().map(|violation| violation.kind).collect()
}

#[tokio::test]
async fn what_is_served_is_what_the_handle_gives() {
    let stage = Stage::new().await;
    stage.posted("1001", "一").await;
    stage.posted("1001", "一").await;
    assert_eq!(ledger(&stage, "").await, stage.handle.ledger());
    assert_eq!(ledger(&stage, "?account=1001").await, stage.handle.ledger_of("1001"));
}

#[tokio::test]
async fn p01_the_same_bytes_twice_on_one_account_are_a_duplicate() {
    let stage = Stage::new().await;
    let first = stage.posted("1001", "一").await;
    stage.posted("1002", "一").await;
    assert_eq!(kinds(&ledger(&stage, "").await), []);
    let second = stage.posted("1001", "一").await;
    let ledger = ledger(&stage, "").await;
    assert_eq!(kinds(&ledger), [ViolationKind::Duplicate]);
    assert_eq!(ledger.violations[0].effects, [first, second]);
    assert_eq!(ledger.violations[0].account, "1001");
}

#[tokio::test]
async fn p01_an_expectation_can_allow_the_second_time() {
    let stage = Stage::new().await;
    let twice = json!([{ "account": "1001", "text": "一", "times": 2 }]);
    assert_eq!(stage.control(Method::POST, "expect", twice).await.1, json!({ "registered": 1 }));
    stage.posted("1001", "一").await;
    stage.posted("1001", "一").await;
    let now = ledger(&stage, "").await;
    assert_eq!((kinds(&now), now.expectations[0].seen), (vec![], 2));
    stage.posted("1001", "一").await;
    assert_eq!(kinds(&ledger(&stage, "").await), [ViolationKind::Duplicate]);
}

#[tokio::test]
async fn p23_one_origin_forwarded_twice_by_one_account_is_a_duplicate() {
    let stage = Stage::new().await;
    let origin = stage.posted("1001", "一").await;
    stage.repost("1002", "1001", &origin).await;
    stage.repost("1003", "1001", &origin).await;
    assert_eq!(kinds(&ledger(&stage, "").await), []);
    stage.repost("1002", "1001", &origin).await;
    let ledger = ledger(&stage, "").await;
    assert_eq!(kinds(&ledger), [ViolationKind::Duplicate]);
    assert!(ledger.violations[0].detail.contains(&origin));
}

#[tokio::test]
async fn p02_what_nobody_expected_is_unapproved_and_what_another_should_have_said_is_on_the_wrong_account() {
    let stage = Stage::new().await;
    let hash = text_sha256("题", "一");
    let wanted = json!([{ "account": "1001", "text_sha256": hash.to_uppercase() }]);
    stage.control(Method::POST, "expect", wanted).await;
    let titled = json!({ "text": "一", "title": "题" });
    for uid in ["1001", "1002"] {
        read(stage.ask(Method::POST, &format!("/v1/accounts/{uid}/posts")).json(&titled)).await;
    }
    stage.posted("1001", "一").await;
    let ledger = ledger(&stage, "").await;
    assert_eq!(kinds(&ledger), [ViolationKind::WrongAccount, ViolationKind::Unapproved]);
    assert_eq!(ledger.violations[0].account, "1002");
    assert_eq!(ledger.expectations[0].seen, 1);
    // Filtered by account, the expectations of other accounts still explain what went wrong.
    assert_eq!(kinds(&stage.handle.ledger_of("1002")), [ViolationKind::WrongAccount]);
}

#[tokio::test]
async fn p06_too_early_and_p07_too_late_are_told_apart() {
    let stage = Stage::new().await;
    let now = now_ms();
    let expectations = [
        Expectation::of("1001", "", "早").not_before(now + 3_600_000),
        Expectation::of("1001", "", "晚").latest(now - 1),
        Expectation::of("1001", "", "正好").not_before(now).latest(now + 3_600_000),
    ];
    stage.handle.expect(expectations).unwrap();
    for text in ["早", "晚", "正好"] {
        stage.posted("1001", text).await;
    }
    assert_eq!(kinds(&ledger(&stage, "").await), [ViolationKind::Early, ViolationKind::Late]);
}

#[tokio::test]
async fn an_expectation_without_sense_is_refused_whole() {
    let stage = Stage::new().await;
    for bad in [
        json!([{ "account": "1001" }]),
        json!([{ "account": "1001", "text": "一", "text_sha256": text_sha256("", "一") }]),
        json!([{ "account": "1001", "text_sha256": "abc" }]),
        json!([{ "account": "1001", "text": "一" }, { "account": "1001", "text": "二", "times": 0 }]),
        json!([{ "account": "1001", "text": "一", "colour": 1 }]),
        json!({ "account": "1001", "text": "一" }),
    ] {
        let (status, body) = stage.control(Method::POST, "expect", bad.clone()).await;
        assert_eq!(status, 400, "{bad}");
        assert!(body["error"].is_string());
    }
    assert!(stage.handle.ledger().expectations.is_empty());
}

#[tokio::test]
async fn requests_are_counted_by_route_and_account_refused_ones_too() {
    let stage = Stage::new().await;
    stage.posted("1001", "一").await;
    read(stage.posting("1001", "")).await;
    read(stage.posting("1002", "")).await;
    stage.listed("1001").await;
    let route = "POST /mock/v1/accounts/{uid}/posts";
    let all = ledger(&stage, "").await;
    assert_eq!((all.requests[route].total, all.requests[route].refused), (3, 2));
    let one = ledger(&stage, "?account=1001").await;
    assert_eq!((one.requests[route].total, one.requests[route].refused), (2, 1));
    assert_eq!(one.requests["GET /mock/v1/accounts/{uid}/posts"].total, 1);
}

#[tokio::test]
async fn a_full_ledger_refuses_and_says_what_helps() {
    let options = SandboxOptions { most_effects: 2, ..SandboxOptions::default() };
    let stage = Stage::with(options).await;
    stage.posted("1001", "一").await;
    stage.posted("1001", "二").await;
    let (status, body) = read(stage.posting("1001", "三")).await;
    assert_eq!((status, body["error"]["code"].as_str()), (507, Some("sandbox_full")));
    assert!(body["error"]["message"].as_str().unwrap().contains("/control/reset"));
    assert_eq!(stage.published(), 2);

    let options = SandboxOptions { most_text_bytes: 10, most_accounts: 1, ..SandboxOptions::default() };
    let stage = Stage::with(options).await;
    stage.posted("1001", "0123456789").await;
    assert_eq!(read(stage.posting("1001", "x")).await.0, 507);
    assert_eq!(read(stage.ask(Method::GET, "/v1/accounts/1002")).await.0, 507);
}

#[tokio::test]
async fn a_reset_forgets_everything_and_gives_no_id_twice() {
    let stage = Stage::new().await;
    let before = stage.posted("1001", "一").await;
    stage.handle.pin_token("1002", Some("t"));
    stage.handle.expect([Expectation::of("1001", "", "二")]).unwrap();
    stage.fault(juzhen_sandbox::Rule::new(juzhen_sandbox::Fault::NormaliseText {
        short_links: false,
        emoji: false,
    }));
    assert_eq!(stage.control(Method::POST, "reset", serde_json::Value::Null).await.0, 204);
    let fresh = ledger(&stage, "").await;
    assert!(fresh.effects.is_empty() && fresh.expectations.is_empty() && fresh.requests.is_empty());
    assert!(stage.handle.faults().is_empty());
    let after = stage.posted("1002", "一").await;
    assert_ne!(before, after);
    assert_eq!(stage.handle.ledger().effects[0].request.sequence, 1);
    assert_eq!(stage.page(&format!("posts/{before}")).await.0, 404);
}

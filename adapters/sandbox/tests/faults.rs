//! Every kind of fault, seen from the client's side and from the ledger's.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)] // A test stops at the first surprise.

mod common;

use std::io::Read as _;
use std::time::{Duration, Instant};

use common::{PATIENCE, Stage, read, taken, until};
use juzhen_sandbox::{AsyncOutcome, EffectState, Fault, KeyAnswer, LateAnswer, Rule, ScriptedRefusal};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// What a client reads from its socket after one post, and how the connection ends.
async fn raw_post(stage: &Stage) -> (Vec<u8>, std::io::Result<usize>) {
    let base = stage.handle.mock_url();
    let address = base["http://".len()..].split('/').next().unwrap();
    let mut socket = tokio::net::TcpStream::connect(address).await.unwrap();
    let body = "{\"text\":\"x\"}";
    let head = format!(
        "POST /mock/v1/accounts/1001/posts HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer t\r\n\
         content-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    socket.write_all(head.as_bytes()).await.unwrap();
    let mut read = Vec::new();
    let end = tokio::time::timeout(PATIENCE, socket.read_to_end(&mut read)).await.unwrap();
    (read, end)
}

#[tokio::test]
async fn a_status_before_the_effect_has_the_platforms_usual_code_and_no_effect() {
    let stage = Stage::new().await;
    let usual = [
        (400, "bad_text"),
        (401, "token_expired"),
        (403, "account_frozen"),
        (429, "too_many_requests"),
        (500, "internal_error"),
        (502, "bad_gateway"),
        (503, "busy_before_effect"),
    ];
    for (status, code) in usual {
        stage.fault(Rule::new(Fault::Status(ScriptedRefusal::of(status))).times(1));
        let response = stage.posting("1001", "x").send().await.unwrap();
        let wait = response.headers().get("retry-after").map(|value| value.to_str().unwrap().to_owned());
        assert_eq!(wait.as_deref(), (status == 429).then_some("1"));
        let (found, body) = taken(response).await;
        assert_eq!((found, body["error"]["code"].as_str()), (status, Some(code)));
    }
    assert_eq!(stage.published(), 0);
    stage.posted("1001", "x").await;
}

#[tokio::test]
async fn a_scripted_refusal_says_what_the_script_says() {
    let stage = Stage::new().await;
    let rule = json!({
        "match": { "account": "1001", "method": "post" }, "times": 1,
        "do": { "kind": "status", "status": 409, "code": "repeat_content", "message": "发过了", "id": "p7", "retry_after_s": 9 },
    });
    assert_eq!(stage.control(Method::POST, "faults", rule.clone()).await, (201, json!({ "id": 1 })));
    stage.listed("1001").await;
    stage.posted("1002", "x").await;
    let response = stage.posting("1001", "x").send().await.unwrap();
    assert_eq!(response.headers()["retry-after"], "9");
    let error = json!({ "code": "repeat_content", "message": "发过了", "id": "p7" });
    assert_eq!(taken(response).await, (409, json!({ "error": error })));
    let (_, listed) = stage.control(Method::GET, "faults", Value::Null).await;
    assert_eq!(listed["faults"][0]["fired"], 1);
    assert_eq!(listed["faults"][0]["match"], rule["match"]);
    assert_eq!(stage.control(Method::DELETE, "faults", Value::Null).await.0, 204);
    assert_eq!(stage.control(Method::GET, "faults", Value::Null).await.1, json!({ "faults": [] }));
}

#[tokio::test]
async fn a_status_after_the_effect_hides_a_post_that_stands() {
    let stage = Stage::new().await;
    stage.fault(Rule::new(Fault::StatusAfterEffect(ScriptedRefusal::of(502))));
    assert_eq!(read(stage.posting("1001", "x")).await.0, 502);
    assert_eq!(stage.published(), 1);
}

#[tokio::test]
async fn a_hanging_request_is_never_answered_and_has_its_effect_if_the_script_says_so() {
    let stage = Stage::new().await;
    for (applied, published) in [(false, 0), (true, 1)] {
        stage.handle.clear_faults();
        stage.fault(Rule::new(Fault::Hang { applied }));
        let error = stage.posting("1001", "x").timeout(Duration::from_millis(300)).send().await.unwrap_err();
        assert!(error.is_timeout(), "{error:?}");
        assert_eq!(stage.published(), published);
    }
    let count = stage.handle.ledger_of("1001").requests["POST /mock/v1/accounts/{uid}/posts"];
    assert_eq!((count.total, count.unanswered), (2, 2));
}

#[tokio::test]
async fn a_delayed_answer_comes_after_an_effect_that_is_already_there() {
    let stage = Stage::new().await;
    stage.fault(Rule::new(Fault::DelayMs { ms: 400 }));
    let started = Instant::now();
    let sending = tokio::spawn(read(stage.posting("1001", "x")));
    until("the effect is there", || stage.published() == 1).await;
    assert_eq!(sending.await.unwrap().0, 201);
    assert!(started.elapsed() >= Duration::from_millis(400));
}

#[tokio::test]
async fn a_reset_is_a_tcp_reset_without_a_byte_of_an_answer() {
    let stage = Stage::new().await;
    for (fault, published) in [(Fault::ResetBeforeEffect {}, 0), (Fault::ResetAfterEffect {}, 1)] {
        stage.fault(Rule::new(fault).times(1));
        let (read, end) = raw_post(&stage).await;
        assert!(read.is_empty());
        assert_eq!(end.unwrap_err().kind(), std::io::ErrorKind::ConnectionReset);
        assert_eq!(stage.published(), published);
    }
    stage.fault(Rule::new(Fault::ResetAfterEffect {}).times(1));
    let error = stage.posting("1001", "y").send().await.unwrap_err();
    assert!(error.is_request() && !error.is_timeout() && !error.is_connect(), "{error:?}");
    stage.posted("1001", "z").await;
}

#[tokio::test]
async fn an_answer_that_breaks_off_ends_inside_its_announced_length() {
    let stage = Stage::new().await;
    stage.fault(Rule::new(Fault::ResetMidBody {}));
    let response = stage.posting("1001", "x").send().await.unwrap();
    assert_eq!(response.status(), 201);
    assert!(response.bytes().await.is_err());
    let (read, _) = raw_post(&stage).await;
    let text = String::from_utf8(read).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
    assert_eq!(body.len(), length.parse::<usize>().unwrap() / 2);
    assert_eq!(stage.published(), 2);
}

#[tokio::test]
async fn truncated_json_is_a_whole_http_answer_with_half_a_document() {
    let stage = Stage::new().await;
    stage.fault(Rule::new(Fault::TruncateJson {}));
    let response = stage.posting("1001", "x").send().await.unwrap();
    assert_eq!(response.status(), 201);
    let body = response.text().await.unwrap();
    assert!(body.starts_with('{') && serde_json::from_str::<Value>(&body).is_err(), "{body}");
    assert_eq!(stage.published(), 1);
}

#[tokio::test]
async fn a_web_page_and_an_unknown_errcode_come_with_200() {
    let stage = Stage::new().await;
    for (applied, published) in [(false, 0), (true, 1)] {
        stage.handle.reset();
        stage.fault(Rule::new(Fault::Html200 { applied }));
        let response = stage.posting("1001", "x").send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/html; charset=utf-8");
        assert!(response.text().await.unwrap().starts_with("<!DOCTYPE html>"));
        assert_eq!(stage.published(), published);

        stage.handle.reset();
        stage.fault(Rule::new(Fault::UnknownErrcode200 { applied, errcode: 79_901 }));
        let (status, body) = read(stage.posting("1001", "x")).await;
        assert_eq!((status, body["errcode"].as_i64(), body.get("id")), (200, Some(79_901), None));
        assert_eq!(stage.published(), published);
    }
}

#[tokio::test]
async fn a_dripping_answer_comes_byte_by_byte() {
    let stage = Stage::new().await;
    stage.fault(Rule::new(Fault::SlowDrip { interval_ms: 2 }));
    let started = Instant::now();
    let mut response = stage.posting("1001", "x").send().await.unwrap();
    let mut pieces = Vec::new();
    while let Some(piece) = response.chunk().await.unwrap() {
        pieces.push(piece);
    }
    let body: Vec<u8> = pieces.concat();
    assert!(serde_json::from_slice::<Value>(&body).unwrap()["id"].is_string());
    assert!(started.elapsed() >= Duration::from_millis(2 * body.len() as u64));
    assert!(pieces.len() > body.len() / 4, "{} pieces for {} bytes", pieces.len(), body.len());
}

#[tokio::test]
async fn a_late_effect_comes_after_the_answer() {
    let stage = Stage::new().await;
    stage.fault(Rule::new(Fault::ApplyLateMs { ms: 300, answer: LateAnswer::GatewayTimeout }).times(1));
    assert_eq!(read(stage.posting("1001", "x")).await.0, 504);
    assert_eq!(stage.published(), 0);
    until("the late effect is there", || stage.published() == 1).await;

    let hanging = json!({ "do": { "kind": "apply_late_ms", "ms": 300, "answer": "hang" }, "times": 1 });
    assert_eq!(stage.control(Method::POST, "faults", hanging).await.0, 201);
    let error = stage.posting("1001", "y").timeout(Duration::from_millis(100)).send().await.unwrap_err();
    assert!(error.is_timeout());
    until("the second late effect is there", || stage.published() == 2).await;
    let effects = stage.handle.ledger().effects;
    assert_eq!(effects[1].request.sequence, 2);
    assert_eq!(stage.listed("1001").await, ["x", "y"]);
}

#[tokio::test]
async fn a_late_effect_does_not_fall_into_the_time_after_a_reset() {
    let stage = Stage::new().await;
    stage.fault(Rule::new(Fault::ApplyLateMs { ms: 100, answer: LateAnswer::GatewayTimeout }));
    read(stage.posting("1001", "x")).await;
    stage.handle.reset();
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(stage.published(), 0);
}

#[tokio::test]
async fn p05_a_lost_answer_and_a_visibility_lag_go_together() {
    let stage = Stage::new().await;
    stage.fault(Rule::new(Fault::ResetAfterEffect {}).times(1));
    stage.fault(Rule::new(Fault::VisibleLateMs { ms: 700 }).times(1));
    assert!(stage.posting("1001", "x").send().await.is_err());
    assert_eq!(stage.published(), 1);
    assert!(stage.listed("1001").await.is_empty());
    let started = Instant::now();
    while stage.listed("1001").await.is_empty() {
        assert!(started.elapsed() < PATIENCE);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let effect = stage.handle.ledger().effects.remove(0);
    assert_eq!(effect.visible_from_unix_ms, Some(effect.at_unix_ms + 700));
    assert_eq!((stage.fired(0), stage.fired(1)), (1, 1));
}

#[tokio::test]
async fn a_bending_fault_waits_for_a_request_that_has_an_effect() {
    let stage = Stage::new().await;
    stage.fault(Rule::new(Fault::Status(ScriptedRefusal::of(503))).times(1));
    stage.fault(Rule::new(Fault::NormaliseText { short_links: false, emoji: false }).times(1));
    assert_eq!(read(stage.posting("1001", "a,b")).await.0, 503);
    assert_eq!(stage.fired(1), 0);
    stage.posted("1001", "a,b").await;
    assert_eq!(stage.fired(1), 1);
}

#[tokio::test]
async fn normalised_text_is_shown_and_the_bytes_that_were_sent_are_kept() {
    let stage = Stage::new().await;
    stage.fault(Rule::new(Fault::NormaliseText { short_links: false, emoji: false }));
    stage.posted("1001", "  通知:今天  停水! ").await;
    assert_eq!(stage.listed("1001").await, ["通知：今天 停水！"]);
    let effect = stage.handle.ledger().effects.remove(0);
    assert_eq!(effect.text, "  通知:今天  停水! ");
    assert_eq!(effect.text_sha256, juzhen_sandbox::text_sha256("", "  通知:今天  停水! "));
    assert_eq!(effect.shown_text.as_deref(), Some("通知：今天 停水！"));
}

#[tokio::test]
async fn repeated_content_is_refused_with_the_id_of_the_first() {
    let stage = Stage::new().await;
    stage.fault(Rule::new(Fault::RepeatContent {}));
    let first = stage.posted("1001", "x").await;
    stage.posted("1002", "x").await;
    stage.posted("1001", "y").await;
    assert_eq!(stage.fired(0), 0);
    let (status, body) = read(stage.posting("1001", "x")).await;
    assert_eq!((status, body["error"]["code"].as_str()), (409, Some("repeat_content")));
    assert_eq!(body["error"]["id"], json!(first));
    assert_eq!((stage.published(), stage.fired(0)), (3, 1));
}

#[tokio::test]
async fn a_ticket_is_pending_for_the_scripted_polls_and_then_published() {
    let stage = Stage::new().await;
    stage.fault(Rule::new(Fault::AsyncThen {
        polls: 2,
        outcome: AsyncOutcome::Published,
        code: None,
        message: None,
    }));
    let (status, body) = read(stage.posting("1001", "x")).await;
    assert_eq!(status, 202);
    let ticket = format!("/v1/tickets/{}", body["ticket"].as_str().unwrap());
    for _ in 0..2 {
        assert!(stage.listed("1001").await.is_empty());
        assert_eq!(stage.handle.ledger().effects[0].state, EffectState::Pending);
        assert_eq!(read(stage.ask(Method::GET, &ticket)).await, (200, json!({ "state": "pending" })));
    }
    for _ in 0..2 {
        let (_, body) = read(stage.ask(Method::GET, &ticket)).await;
        let effect = stage.handle.ledger().effects.remove(0);
        assert_eq!(
            (body["state"].as_str(), body["id"].as_str()),
            (Some("published"), Some(effect.id.as_str()))
        );
        assert_eq!(body["created_at_unix_ms"], effect.at_unix_ms);
    }
    assert_eq!(stage.listed("1001").await, ["x"]);
    assert_eq!(read(stage.ask(Method::GET, "/v1/tickets/t1")).await.0, 404);
    assert_eq!(stage.handle.ledger_of("1001").requests["GET /mock/v1/tickets/{ticket}"].total, 4);
}

#[tokio::test]
async fn a_ticket_can_end_in_a_refusal_that_the_public_never_sees() {
    let stage = Stage::new().await;
    let (code, message) = (Some("review".to_owned()), Some("未通过".to_owned()));
    stage.fault(Rule::new(Fault::AsyncThen { polls: 0, outcome: AsyncOutcome::Refused, code, message }));
    let (_, body) = read(stage.posting("1001", "x")).await;
    let ticket = format!("/v1/tickets/{}", body["ticket"].as_str().unwrap());
    let refused = json!({ "state": "refused", "code": "review", "reason": "未通过" });
    assert_eq!(read(stage.ask(Method::GET, &ticket)).await, (200, refused));
    assert!(stage.listed("1001").await.is_empty());
    assert_eq!(stage.handle.ledger().effects[0].state, EffectState::Refused);
}

#[tokio::test]
async fn an_idempotency_key_counts_only_while_the_script_opens_a_window() {
    let stage = Stage::new().await;
    let keyed = |text| stage.posting("1001", text).header("idempotency-key", "k");
    let (_, first) = read(keyed("x")).await;
    let (_, second) = read(keyed("x")).await;
    assert_ne!(first["id"], second["id"], "no window, no memory");
    stage.fault(Rule::new(Fault::IdempotencyWindowS { seconds: 3_600, answer: KeyAnswer::Again }));
    assert_eq!(read(keyed("x")).await, (201, second));
    assert_eq!((stage.published(), stage.fired(0)), (2, 1));
    let id = stage.posted("1001", "y").await;
    let retracting = stage.ask(Method::DELETE, &format!("/v1/accounts/1001/posts/{id}"));
    assert_eq!(read(retracting.header("idempotency-key", "r")).await.0, 204);
    let (_, third) = read(stage.posting("1001", "z").header("idempotency-key", "r")).await;
    assert_ne!(third["id"], json!(id), "only publications are remembered");
    assert_eq!(stage.published(), 4);
    assert_eq!(read(stage.posting("1002", "x").header("idempotency-key", "k")).await.0, 201);
    assert_eq!(stage.published(), 5, "keys belong to their account");
    stage.handle.clear_faults();
    stage.fault(Rule::new(Fault::IdempotencyWindowS { seconds: 0, answer: KeyAnswer::Again }));
    tokio::time::sleep(Duration::from_millis(5)).await;
    read(keyed("x")).await;
    assert_eq!(stage.published(), 6, "the window is over");
}

#[tokio::test]
async fn a_gzip_bomb_is_small_on_the_wire_and_large_unpacked() {
    let stage = Stage::new().await;
    stage.fault(Rule::new(Fault::GzipBomb { mib: 8 }));
    let response = stage.posting("1001", "x").send().await.unwrap();
    assert_eq!(response.headers()["content-encoding"], "gzip");
    let packed = response.bytes().await.unwrap();
    assert!(packed.len() < 256 * 1024);
    let mut unpacked = Vec::new();
    flate2::read::GzDecoder::new(&packed[..]).read_to_end(&mut unpacked).unwrap();
    assert_eq!(unpacked.len(), 8 << 20);
    assert_eq!(stage.published(), 1);
}

#[tokio::test]
async fn a_redirect_names_its_target_and_does_nothing() {
    let stage = Stage::new().await;
    let location = "http://169.254.169.254/latest/meta-data".to_owned();
    stage.fault(Rule::new(Fault::Redirect302 { location: location.clone() }));
    let response = stage.posting("1001", "x").send().await.unwrap();
    assert_eq!(response.status(), 302);
    assert_eq!(response.headers()["location"], location.as_str());
    assert_eq!(stage.published(), 0);
}

#[tokio::test]
async fn rules_match_on_all_their_conditions_and_are_used_in_order() {
    let stage = Stage::new().await;
    let refuse = |status| Fault::Status(ScriptedRefusal::of(status));
    stage.fault(Rule::new(refuse(500)).account("1001").text_contains("甲").times(1));
    stage.fault(Rule::new(refuse(502)).account("1001").text_contains("甲").times(1));
    stage.fault(Rule::new(refuse(503)).method("GET").path_contains("/mock/v1/accounts/1001/posts"));
    stage.posted("1001", "乙").await;
    stage.posted("1002", "甲").await;
    assert_eq!(read(stage.posting("1001", "甲乙")).await.0, 500);
    assert_eq!(read(stage.posting("1001", "甲乙")).await.0, 502);
    stage.posted("1001", "甲乙").await;
    assert_eq!(read(stage.ask(Method::GET, "/v1/accounts/1001")).await.0, 200);
    assert_eq!(read(stage.ask(Method::GET, "/v1/accounts/1001/posts")).await.0, 503);
    let titled = json!({ "text": "乙", "title": "丙" });
    stage.fault(Rule::new(refuse(500)).text_contains("丙"));
    assert_eq!(read(stage.ask(Method::POST, "/v1/accounts/1001/posts").json(&titled)).await.0, 500);
}

#[tokio::test]
async fn every_kind_has_the_documented_name_and_bad_rules_are_refused_with_the_reason() {
    let stage = Stage::new().await;
    let kinds = r#"[
        {"kind":"status","status":403,"code":"account_frozen"}, {"kind":"status_after_effect","status":500},
        {"kind":"hang"}, {"kind":"hang","applied":false}, {"kind":"delay_ms","ms":5}, {"kind":"reset_after_effect"},
        {"kind":"reset_before_effect"}, {"kind":"reset_mid_body"}, {"kind":"truncate_json"}, {"kind":"html_200"},
        {"kind":"unknown_errcode_200"}, {"kind":"slow_drip","interval_ms":5}, {"kind":"apply_late_ms","ms":5},
        {"kind":"apply_late_ms","ms":5,"answer":"504"}, {"kind":"visible_late_ms","ms":5}, {"kind":"normalise_text"},
        {"kind":"repeat_content"}, {"kind":"async_then","polls":1,"outcome":"refused","code":"c"},
        {"kind":"idempotency_window_s","seconds":9}, {"kind":"gzip_bomb"},
        {"kind":"redirect_302","location":"http://example.com/"}
    ]"#;
    for fault in serde_json::from_str::<Vec<Value>>(kinds).unwrap() {
        let (status, body) = stage.control(Method::POST, "faults", json!({ "do": fault })).await;
        assert_eq!(status, 201, "{fault}: {body}");
    }
    for (rule, reason) in [
        (json!({ "do": { "kind": "explode" } }), "unknown variant `explode`"),
        (json!({ "do": { "kind": "delay_ms", "ms": 5, "colour": 1 } }), "colour"),
        (json!({ "do": { "kind": "status", "status": 200 } }), "400 to 599"),
        (json!({ "do": { "kind": "hang" }, "times": 0 }), "`times`"),
        (json!({ "do": { "kind": "hang" }, "match": { "uid": "1" } }), "unknown field `uid`"),
        (json!({ "do": { "kind": "redirect_302", "location": "a\nb" } }), "`location`"),
        (json!({ "do": { "kind": "gzip_bomb", "mib": 5000 } }), "`mib`"),
        (json!({ "do": { "kind": "delay_ms", "ms": 99_999_999 } }), "at most"),
        (json!({ "times": 1 }), "missing field `do`"),
    ] {
        let (status, body) = stage.control(Method::POST, "faults", rule.clone()).await;
        assert_eq!(status, 400, "{rule}");
        assert!(body["error"].as_str().unwrap().contains(reason), "{rule}: {body}");
    }
}

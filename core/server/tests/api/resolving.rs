//! Closing doubts: what a person says is on the account, and what the daemon sees there.

use juzhen_sandbox::{Sandbox, SandboxHandle, SandboxOptions};
use serde_json::{Value, json};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::deliveries::{delivery, needs_person};
use crate::support::{Api, Request, exchange, in_seconds, text};

/// A platform that ends with the test.
struct Platform {
    handle: SandboxHandle,
    _stop: DropGuard,
}

impl Platform {
    async fn start() -> Self {
        let sandbox = Sandbox::bind(SandboxOptions::default()).await.unwrap();
        let (handle, stop) = (sandbox.handle(), CancellationToken::new());
        tokio::spawn(sandbox.serve(stop.clone()));
        Self { handle, _stop: stop.drop_guard() }
    }

    /// A post that appears on W015, whoever made it; its address.
    async fn post(&self, text: &str) -> String {
        let url = self.handle.mock_url();
        let address = url.strip_prefix("http://").unwrap().split('/').next().unwrap().parse().unwrap();
        let path = url.split_once(&format!("{address}")).unwrap().1;
        let request = Request::new("POST", &format!("{path}/v1/accounts/15/posts"));
        let request =
            request.header("Authorization", "Bearer token").json(&json!({ "text": text, "media": [] }));
        let answer = exchange(address, &request.bytes()).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        answer.json()["url"].as_str().unwrap().to_owned()
    }
}

/// A delivery of D07's account that nobody but a person can close.
async fn doubtful(api: &Api, words: &str) -> String {
    let item = api.submitted(words).await;
    let item = api.decide("off.hg", &item, json!({ "publish_at": in_seconds(0) })).await.json();
    let path = delivery(api, &item).await;
    needs_person(api, &path).await;
    path
}

async fn resolve(api: &Api, path: &str, body: Value) -> crate::support::Answer {
    api.post("off.hg", &format!("{path}/resolve"), body).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_knows_is_shown_with_reason_evidence_and_what_can_be_done() {
    let api = Api::start().await;
    let path = doubtful(&api, "通知").await;
    let seen = api.get("off.hg", &path).await.json();
    assert_eq!((&seen["state"], &seen["state_zh"]), (&json!("needs_person"), &json!("需人工核实")));
    assert_eq!(seen["reason"], "not_seen: looked 9 times");
    assert!(text(&seen["reason_zh"]).contains("不能证明没有发出"), "{seen}");
    assert_eq!(
        (&seen["attempts"][0]["outcome"], &seen["attempts"][0]["outcome_zh"]),
        (&json!("unsure"), &json!("结果不明"))
    );
    let actions = seen["actions"].as_array().unwrap();
    let names: Vec<&str> = actions.iter().map(|action| text(&action["action"])).collect();
    assert_eq!(names, ["resolve_published", "resolve_not_published", "retry", "look"]);
    let id = path.rsplit('/').next().unwrap();
    assert_eq!(actions[0]["command"], format!("juzhen delivery resolve {id} --published <URL>"));
    assert!(text(&actions[2]["means_zh"]).contains("由确认人负责"));
    // Who looks after accounts may say what is there, and not let it out again.
    let admin = api.get("off.gl", &path).await.json();
    let names: Vec<&str> = admin["actions"].as_array().unwrap().iter().map(|a| text(&a["action"])).collect();
    assert_eq!(names, ["resolve_published", "resolve_not_published", "look"]);
    assert_eq!(api.get("d07.xx", &path).await.json()["actions"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_doubt_is_closed_by_somebody_who_looked() {
    let platform = Platform::start().await;
    let api = Api::at(&platform.handle.mock_url()).await;
    let there = platform.post("另一条").await;
    for (body, expected) in [
        (json!({ "found": "published", "url": there }), "200 published"),
        (json!({ "found": "published", "platform_id": "N1" }), "200 published"),
        (json!({ "found": "not_published" }), "200 cancelled"),
        (json!({ "found": "retry", "reason": "已到账号查看" }), "200 due"),
    ] {
        let path = delivery(&api, &api.scheduled("通知").await).await;
        assert_eq!(resolve(&api, &path, body.clone()).await.problem(), "409 bad_state");
        needs_person(&api, &path).await;
        let resolved = resolve(&api, &path, body.clone()).await;
        assert_eq!(format!("{} {}", resolved.status, text(&resolved.json()["state"])), expected);
        if body["found"] == "published" {
            assert_eq!(resolved.json()["receipt"]["by"], "person");
        }
        let audit = audit_of(&api, &path).await;
        assert_eq!((&audit["actor"], &audit["detail"]["found"]), (&json!("off.hg"), &body["found"]));
        if expected == "200 due" {
            assert_eq!(audit["detail"]["reason"], "已到账号查看");
            assert_eq!(resolved.json()["reason"], "sent_again: off.hg: 已到账号查看");
        }
        if body["found"] != "published" {
            assert_eq!(audit["detail"]["second_look"], "not_seen");
        }
    }
}

/// People overlook things: what is on the account is never sent again, whatever somebody says.
#[tokio::test(flavor = "multi_thread")]
async fn p01_nobody_sends_again_what_the_daemon_sees_on_the_account() {
    let platform = Platform::start().await;
    let api = Api::at(&platform.handle.mock_url()).await;
    let path = doubtful(&api, "停水通知").await;
    let there = platform.post("停水通知").await;
    let seen = api.post("off.gl", &format!("{path}/look"), json!({})).await.json();
    assert_eq!((&seen["seen"], &seen["url"]), (&json!("found"), &json!(there)), "{seen}");
    for body in [json!({ "found": "retry", "reason": "没看到" }), json!({ "found": "not_published" })] {
        let refused = resolve(&api, &path, body).await;
        assert_eq!(refused.problem(), "409 on_account");
        assert!(text(&refused.json()["detail"]).contains(&there), "{refused:?}");
    }
    let in_chinese = Request::new("POST", &format!("{path}/resolve")).of("off.hg");
    let in_chinese = in_chinese.header("Accept-Language", "zh-CN,zh;q=0.9");
    let refused = api.send(in_chinese.json(&json!({ "found": "not_published" }))).await;
    assert_eq!(refused.json()["title"], refused.json()["title_zh"]);
    assert_eq!(refused.json()["detail"], format!("账号 W015 上已有这条内容：{there}"));
    let after = api.get("off.hg", &path).await.json();
    assert_eq!(after["state"], "needs_person");
    let closed = resolve(&api, &path, json!({ "found": "published", "url": there })).await;
    assert_eq!(closed.json()["state"], "published");
}

/// Also when the answer was lost and the account looks different by now.
#[tokio::test(flavor = "multi_thread")]
async fn p21_a_repeated_word_has_its_effect_once() {
    let platform = Platform::start().await;
    let api = Api::at(&platform.handle.mock_url()).await;
    let path = doubtful(&api, "停水通知").await;
    let again = || {
        let request = Request::new("POST", &format!("{path}/resolve")).of("off.hg");
        let request = request.header("Idempotency-Key", "resolve-1");
        api.send(request.json(&json!({ "found": "retry", "reason": "已查看" })))
    };
    let first = again().await;
    assert_eq!((first.status, first.header("idempotency-replayed")), (200, None));
    platform.post("停水通知").await;
    let second = again().await;
    assert_eq!((second.status, second.header("idempotency-replayed")), (200, Some("true")));
    assert_eq!(second.json()["state"], "due");
    let subject = format!("delivery:{}", path.rsplit('/').next().unwrap());
    let retried = api.audit_actions(&subject).await;
    assert_eq!(
        retried.iter().filter(|action| *action == "off.hg delivery.retried").count(),
        1,
        "{retried:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_seen_has_to_be_said_without_contradiction() {
    let api = Api::start().await;
    let path = doubtful(&api, "通知").await;
    for (body, problem) in [
        (json!({}), "400 missing_field"),
        (json!({ "found": "there" }), "400 invalid_value"),
        (json!({ "found": "published" }), "400 missing_field"),
        (json!({ "found": "published", "platform_id": "a b" }), "400 invalid_value"),
        (json!({ "found": "published", "url": "javascript:alert(1)" }), "422 not_an_address"),
        (json!({ "found": "published", "url": "https://example.com/15/N1" }), "422 not_on_platform"),
        (json!({ "found": "not_published", "url": "https://weibo.com/1" }), "400 invalid_value"),
        (json!({ "found": "retry", "platform_id": "N1" }), "400 invalid_value"),
        (json!({ "found": "not_published", "latest_at": in_seconds(60) }), "400 invalid_value"),
        (json!({ "found": "retry" }), "422 reason_required"),
        (json!({ "found": "retry", "reason": " " }), "422 reason_required"),
        (
            json!({ "found": "retry", "reason": "x", "latest_at": "2020-01-01T00:00:00Z" }),
            "422 latest_before_due",
        ),
    ] {
        assert_eq!(resolve(&api, &path, body.clone()).await.problem(), problem, "{body}");
    }
    assert_eq!(api.post("d07.xx", &format!("{path}/look"), json!({})).await.problem(), "403 forbidden");
    // The platform does not answer, and a person's word is all there is.
    let noted = resolve(&api, &path, json!({ "found": "not_published" })).await;
    assert_eq!(noted.json()["state"], "cancelled");
    assert_eq!(audit_of(&api, &path).await["detail"]["second_look"], "unreadable");
}

/// The newest row about it.
async fn audit_of(api: &Api, path: &str) -> Value {
    let id = path.rsplit('/').next().unwrap();
    let rows = api.get("off.zr", &format!("/api/v1/audit?subject=delivery:{id}&limit=1")).await.json();
    let rows = rows.as_object().unwrap().values().find_map(Value::as_array).unwrap();
    rows[0].clone()
}

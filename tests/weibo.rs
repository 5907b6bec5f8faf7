//! Posts through the real daemon, the real adapter and the stand-in of Weibo: each tier, tokens that end, answers that are
//! lost, refusals of each kind. The platform's ledger judges.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::time::Duration;

use juzhen_sandbox::{EffectKind, Expectation, Fault, Match, Rule};
use juzhen_tests::{Daemon, District, Stage, client};
use serde_json::{Value, json};

const SOON: Duration = Duration::from_millis(300);
const LINK: &str = "https://gov.example.cn/notice/1";

struct Case {
    /// Its id in the settings is `X-` and this.
    name: &'static str,
    tier: &'static str,
    fault: Option<Fault>,
    /// Where the delivery comes to, and what its reason says; `found` is in doubt until somebody looks.
    state: &'static str,
    says: &'static str,
    /// Posts of it that the platform has.
    out: usize,
}

fn said(code: i64, applied: bool) -> Option<Fault> {
    Some(Fault::PlatformError { code, message: None, applied, late_ms: None })
}

fn case(
    name: &'static str,
    tier: &'static str,
    fault: Option<Fault>,
    state: &'static str,
    says: &'static str,
    out: usize,
) -> Case {
    Case { name, tier, fault, state, says, out }
}

fn cases() -> Vec<Case> {
    vec![
        case("open", "open", None, "published", "", 1),
        case("granted", "granted", None, "published", "", 1),
        case("biz", "biz", None, "published", "", 1),
        case("expired", "biz", said(21327, false), "published", "", 1),
        case("lost", "biz", Some(Fault::ResetAfterEffect {}), "found", "", 1),
        case("lost-open", "open", Some(Fault::ResetAfterEffect {}), "found", "", 1),
        case("cut", "granted", Some(Fault::TruncateJson {}), "found", "", 1),
        case("review", "biz", said(20053, true), "found", "人工审核", 1),
        case("slow", "biz", said(20032, true), "found", "同步较慢", 1),
        case("busy", "biz", said(10009, false), "in_doubt", "", 0),
        case("repeated", "biz", said(20019, false), "in_doubt", "发过相同内容", 0),
        case("strange", "biz", said(29999, false), "in_doubt", "29999", 0),
        case("portal", "biz", Some(Fault::Html200 { applied: false }), "in_doubt", "", 0),
        case("content", "biz", said(20021, false), "refused", "内容违规", 0),
        case("quota", "biz", said(10023, false), "waiting", "次数已用完", 0),
        case("captcha", "biz", said(20031, false), "held", "验证码", 0),
    ]
}

fn uid(number: usize) -> String {
    format!("50000001{number:02}")
}

/// A stage with an account for each case, and the district that publishes on them.
async fn stage(cases: &[Case]) -> (Stage, District) {
    let stage = Stage::start().await;
    let district = District::new(&stage.mock_url());
    district.install("weibo");
    let base = stage.handle.weibo_url();
    let mut accounts = String::new();
    for (number, case) in cases.iter().enumerate() {
        let (name, tier, uid) = (case.name, case.tier, uid(number));
        let settings = format!("{{base_url: \"{base}\", tier: {tier}, safe_domain: gov.example.cn}}");
        accounts += &format!(
            "  - {{id: X-{name}, platform: weibo, adapter: weibo, name: 账号{name}, uid: \"{uid}\", status: active, \
             settings: {settings}, secrets: {{access_token: \"file:{uid}\"}}}}\n"
        );
        std::fs::write(district.path("secrets").join(&uid), token(&base, "first", &uid).await).unwrap();
        if let Some(fault) = case.fault.clone() {
            let path = Some("/statuses/".to_owned());
            let method = Some("POST".to_owned());
            let matching = Match { account: Some(uid), method, path_contains: path, ..Match::default() };
            stage.handle.fault(Rule { matching, times: Some(1), chance: None, fault }).unwrap();
        }
    }
    let people = "  - {id: x01.xx, name: 测试员, roles: [info_officer]}\n";
    let unit = format!(
        "code: X01\nname: 微博单位\nshort_name: X01\ncategory: resident\npeople:\n{people}accounts:\n{accounts}"
    );
    district.write("units/X01.yaml", &unit);
    (stage, district)
}

/// What Weibo gives for a code that names the account; each is good once.
async fn token(base: &str, code: &str, uid: &str) -> String {
    let form = format!(
        "client_id=1352222456&client_secret=secret&grant_type=authorization_code&code={code}-{uid}\
         &redirect_uri=https%3A%2F%2Fgov.example.cn%2F"
    );
    let request = client().post(format!("{base}/oauth2/access_token")).body(form);
    let answer = request.header("content-type", "application/x-www-form-urlencoded").send().await.unwrap();
    let granted: Value = answer.json().await.unwrap();
    assert_eq!(granted["uid"], uid, "{granted}");
    granted["access_token"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn f50_f55_f56_f57_f59_f60_f61_each_answer_of_weibo_has_its_end_and_each_post_is_out_once() {
    let cases = cases();
    let (stage, district) = stage(&cases).await;
    let daemon = Daemon::start(&district);
    let mut items = Vec::new();
    for (number, case) in cases.iter().enumerate() {
        let text = format!("今日停水 {}，详情", case.name);
        let whole = format!("【停水】{text} {LINK}");
        stage.handle.expect([Expectation::of(&uid(number), "", &whole)]).unwrap();
        items.push(publish(&daemon, &text, case.name).await);
    }
    // Its token was refused: somebody signs in again, and the delivery goes on.
    let ended = cases.iter().position(|case| case.name == "expired").unwrap();
    daemon.until(&items[ended], &["waiting", "held"]).await;
    let fresh = token(&stage.handle.weibo_url(), "again", &uid(ended)).await;
    std::fs::write(district.path("secrets").join(uid(ended)), fresh).unwrap();
    for (number, (case, item)) in cases.iter().zip(&items).enumerate() {
        let found = case.state == "found";
        daemon
            .until(item, if found { &["in_doubt", "published"] } else { std::slice::from_ref(&case.state) })
            .await;
        let delivery = delivery(&daemon, item).await;
        let told = delivery["state"] == "published" || delivery.to_string().contains(case.says);
        assert!(told, "{}: {delivery:#}", case.name);
        let posts = stage.ledger().effects;
        let out = posts.iter().filter(|e| e.kind == EffectKind::Post && e.account == uid(number)).count();
        assert_eq!(out, case.out, "{}: {delivery:#}", case.name);
        if found && delivery["state"] == "in_doubt" {
            let id = delivery["id"].as_str().unwrap();
            let (status, seen) = daemon
                .call("off.hg", "POST", &format!("/api/v1/deliveries/{id}/look"), Some(json!({})))
                .await;
            assert!(status.is_success() && seen["seen"] == "found", "{}: {status} {seen:#}", case.name);
        }
    }
    stage.assert_clean();
}

/// Approved and due.
async fn publish(daemon: &Daemon, text: &str, name: &str) -> String {
    let weibo = json!({"title": "停水", "text": text, "link": LINK});
    let item = json!({"variants": {"weibo": weibo}, "targets": [format!("X-{name}")]});
    let (status, body) = daemon.call("x01.xx", "POST", "/api/v1/items", Some(item)).await;
    assert!(status.is_success(), "{body:#}");
    let id = body["id"].as_str().unwrap().to_owned();
    let (status, body) = daemon.approve(&id, SOON).await.unwrap();
    assert!(status.is_success(), "{body:#}");
    id
}

async fn delivery(daemon: &Daemon, item: &str) -> Value {
    daemon.get(&format!("/api/v1/deliveries?item={item}")).await["deliveries"][0].clone()
}

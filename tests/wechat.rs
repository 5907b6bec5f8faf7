//! Articles through the real daemon, the real adapter and the stand-in of WeChat: tokens that end, answers that are lost,
//! outcomes that come later, refusals of each kind. The platform's ledger judges.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::time::Duration;

use juzhen_sandbox::wechat::{AccountSeed, article_text};
use juzhen_sandbox::{EffectKind, Expectation, Fault, Match, Rule};
use juzhen_tests::{Daemon, District, Stage, eventually};
use serde_json::{Value, json};

const SOON: Duration = Duration::from_millis(300);

/// What differs from one account to the next.
#[derive(Clone, Copy, PartialEq)]
enum Way {
    Freepublish,
    Mass,
}

struct Case {
    /// Its id in the settings is `X-` and this.
    name: &'static str,
    way: Way,
    /// What happens to the request that makes the article public.
    fault: Option<Fault>,
    /// Where the delivery comes to, and what its reason says.
    state: &'static str,
    says: &'static str,
    /// Articles of it that the platform has.
    out: usize,
}

fn said(code: i64) -> Option<Fault> {
    Some(Fault::PlatformError { code, message: None, applied: false, late_ms: None })
}

const fn case(
    name: &'static str,
    fault: Option<Fault>,
    state: &'static str,
    says: &'static str,
    out: usize,
) -> Case {
    Case { name, way: Way::Freepublish, fault, state, says, out }
}

fn cases() -> Vec<Case> {
    vec![
        case("plain", None, "published", "", 1),
        case("revoked", None, "published", "", 1),
        case("expired", said(42001), "published", "", 1),
        case("late", Some(Fault::DelayMs { ms: 1500 }), "published", "", 1),
        case("lost", Some(Fault::ResetAfterEffect {}), "in_doubt", "", 1),
        case("cut", Some(Fault::TruncateJson {}), "in_doubt", "", 1),
        case("busy", said(-1), "in_doubt", "平台繁忙", 0),
        case(
            "strange",
            Some(Fault::UnknownErrcode200 { applied: true, errcode: 94321 }),
            "in_doubt",
            "94321",
            1,
        ),
        case("portal", Some(Fault::Html200 { applied: false }), "in_doubt", "", 0),
        case("content", said(53503), "refused", "草稿没有通过发布检查", 0),
        case("review", None, "refused", "平台审核没有通过", 1),
        case("quota", said(45009), "waiting", "额度已用完", 0),
        case("console", said(53504), "refused", "须在公众平台网页上操作", 0),
        case("banned", said(53500), "held", "发布功能已被封禁", 0),
        Case { way: Way::Mass, ..case("mass", None, "accepted", "", 1) },
        Case { way: Way::Mass, ..case("mass-known", None, "accepted", "", 1) },
        Case { way: Way::Mass, ..case("mass-lost", Some(Fault::ResetAfterEffect {}), "in_doubt", "", 1) },
        Case { way: Way::Mass, ..case("mass-full", said(45028), "waiting", "群发次数已用完", 0) },
    ]
}

impl Case {
    /// What a doubt becomes by itself after a minute, which a busy machine may take to ask.
    fn becomes(&self) -> &'static str {
        match (self.state, self.way, self.out) {
            ("in_doubt", Way::Freepublish, 1) => "published",
            ("in_doubt", ..) => "needs_person",
            (other, ..) => other,
        }
    }
}

fn appid(name: &str) -> String {
    format!("wx{}", name.replace('-', "0"))
}

/// Its AppSecret.
fn secret(appid: &str) -> String {
    format!("canary{appid:s>26}")
}

/// A stage with an account for each case, and the district that publishes on them.
async fn stage(cases: &[Case]) -> (Stage, District) {
    let stage = Stage::start().await;
    let district = District::new(&stage.mock_url());
    district.install("wechat");
    let base = stage.handle.wechat_url();
    let mut accounts = String::new();
    for case in cases {
        let (name, appid) = (case.name, appid(case.name));
        let mode = if case.way == Way::Mass { "mass" } else { "freepublish" };
        let settings = format!("{{base_url: \"{base}\", appid: {appid}, mode: {mode}, author: 示范区发布}}");
        accounts += &format!(
            "  - {{id: X-{name}, platform: wechat, name: 账号{name}, uid: gh_{name}, status: active, settings: {settings}, \
             secrets: {{app_secret: \"file:{appid}\"}}}}\n"
        );
        let secret = secret(&appid);
        std::fs::write(district.path("secrets").join(&appid), &secret).unwrap();
        let mut seed = AccountSeed { appid: appid.clone(), secret, ..AccountSeed::default() };
        seed.publish_status = if name == "review" { 4 } else { 0 };
        seed.first_send_says = (name == "mass-known").then_some(45065);
        stage.handle.wechat_account(seed).unwrap();
        let path = if case.way == Way::Mass { "mass/sendall" } else { "freepublish/submit" };
        if let Some(fault) = case.fault.clone() {
            let matching =
                Match { account: Some(appid), path_contains: Some(path.to_owned()), ..Match::default() };
            stage.handle.fault(Rule { matching, times: Some(1), chance: None, fault }).unwrap();
        }
    }
    let people = "  - {id: x01.xx, name: 测试员, roles: [info_officer]}\n";
    let unit = format!(
        "code: X01\nname: 公众号单位\nshort_name: X01\ncategory: resident\npeople:\n{people}accounts:\n{accounts}"
    );
    district.write("units/X01.yaml", &unit);
    (stage, district)
}

#[tokio::test(flavor = "multi_thread")]
async fn f50_f55_f56_f57_f61_f63_each_answer_of_the_platform_has_its_end_and_each_article_is_out_once() {
    let cases = cases();
    let (stage, district) = stage(&cases).await;
    let daemon = Daemon::start(&district);
    let picture = picture(&daemon).await;
    let mut items = Vec::new();
    for case in &cases {
        let title = format!("停水通知 {}", case.name);
        let text = article_text("<p>今日停水 &lt;4 小时&gt;。</p><p>敬请谅解。</p>");
        stage.handle.expect([Expectation::of(&appid(case.name), &title, &text)]).unwrap();
        if case.name == "revoked" {
            // It has a token, and that is ended by somebody else.
            let first = publish(&daemon, "停水预告", "X-revoked", &picture).await;
            let expected = Expectation::of(&appid("revoked"), "停水预告", &text);
            stage.handle.expect([expected]).unwrap();
            eventually("the first article was taken", async || {
                daemon.states(&first).await.values().all(|state| state == "accepted" || state == "published")
            })
            .await;
            assert!(stage.handle.wechat_revoke(&appid("revoked")));
        }
        items.push(publish(&daemon, &title, &format!("X-{}", case.name), &picture).await);
    }
    for (case, item) in cases.iter().zip(&items) {
        daemon.until(item, &[case.state, case.becomes()]).await;
        let delivery = delivery(&daemon, item).await;
        let as_it_was = delivery["state"] == case.state;
        assert!(!as_it_was || delivery.to_string().contains(case.says), "{}: {delivery:#}", case.name);
        let posts = stage.ledger().effects;
        let title = format!("停水通知 {}", case.name);
        let out = posts
            .iter()
            .filter(|e| e.kind == EffectKind::Post && e.title.as_deref() == Some(title.as_str()))
            .count();
        assert_eq!(out, case.out, "{}: {delivery:#}", case.name);
    }
    stage.assert_clean();
    // Where the answer was lost the account's list has the article, once somebody asks.
    for (case, item) in cases.iter().zip(&items) {
        let delivery = delivery(&daemon, item).await;
        if case.becomes() != "published" || delivery["state"] == "published" {
            continue;
        }
        let id = delivery["id"].as_str().unwrap();
        let (status, seen) =
            daemon.call("off.hg", "POST", &format!("/api/v1/deliveries/{id}/look"), Some(json!({}))).await;
        let found = status.is_success() && seen["seen"] == "found";
        assert!(
            found || daemon.states(item).await.values().all(|s| s == "published"),
            "{}: {seen:#}",
            case.name
        );
    }
    assert!(!daemon.log().contains("canary"), "a secret is in the log");
}

/// Approved and due.
async fn publish(daemon: &Daemon, title: &str, account: &str, picture: &Value) -> String {
    let wechat = json!({"title": title, "text": "今日停水 <4 小时>。\n敬请谅解。", "media": [picture]});
    let item = json!({"variants": {"wechat": wechat}, "targets": [account]});
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

/// The smallest PNG there is, kept by the daemon.
async fn picture(daemon: &Daemon) -> Value {
    const PNG: &[u8] = &[
        0x89, b'P', b'N', b'G', 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 0x0d, b'I', b'H', b'D', b'R', 0, 0, 0, 1, 0,
        0, 0, 1, 8, 0, 0, 0, 0, 0x3a, 0x7e, 0x9b, 0x55, 0, 0, 0, 0x0a, b'I', b'D', b'A', b'T', 0x78, 0x9c,
        0x63, 0x60, 0, 0, 0, 2, 0, 1, 0x48, 0xaf, 0xa4, 0x71, 0, 0, 0, 0, b'I', b'E', b'N', b'D', 0xae, 0x42,
        0x60, 0x82,
    ];
    let request = juzhen_tests::client().post(format!("{}/api/v1/media", daemon.url()));
    let request = request.bearer_auth(daemon.token("x01.xx")).header("content-type", "image/png");
    let answer = request.body(PNG).send().await.unwrap();
    assert!(answer.status().is_success(), "{}", answer.status());
    let stored: Value = answer.json().await.unwrap();
    json!({"sha256": stored["sha256"], "alt": "停水区域图"})
}

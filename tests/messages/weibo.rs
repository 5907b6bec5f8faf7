//! The same with Weibo: what it pushes is signed, and its comments are asked for.

use juzhen_tests::{Daemon, District, Stage, client, eventually};
use serde_json::{Value, json};

const UID: &str = "5000000001";
const READER: &str = "5000000777";

/// A district with the account X-w, and a daemon on it.
async fn start(stage: &Stage, publish: &str) -> (District, Daemon) {
    let district = District::new(&stage.mock_url());
    district.write_district(&stage.mock_url(), publish);
    district.install("weibo");
    let base = stage.handle.weibo_url();
    std::fs::write(district.path("secrets").join("weibo_token"), token(&base).await).unwrap();
    std::fs::write(district.path("secrets").join("weibo_secret"), "secret").unwrap();
    district.write(
        "units/X01.yaml",
        &format!(
            "code: X01\nname: 微博单位\nshort_name: X01\ncategory: resident\n\
             people:\n  - {{id: x01.xx, name: 测试员, roles: [info_officer]}}\n\
             accounts:\n  - {{id: X-w, platform: weibo, adapter: weibo, name: 示范区发布, uid: \"{UID}\", status: active,\n\
             \x20    settings: {{base_url: \"{base}\", tier: biz, safe_domain: gov.example.cn}},\n\
             \x20    secrets: {{access_token: \"file:weibo_token\", app_secret: \"file:weibo_secret\"}}}}\n"
        ),
    );
    let daemon = Daemon::start(&district);
    (district, daemon)
}

/// What Weibo gives for a code that names the account.
async fn token(base: &str) -> String {
    let form = format!(
        "client_id=1352222456&client_secret=secret&grant_type=authorization_code&code=messages-{UID}\
         &redirect_uri=https%3A%2F%2Fgov.example.cn%2F"
    );
    let request = client().post(format!("{base}/oauth2/access_token")).body(form);
    let answer = request.header("content-type", "application/x-www-form-urlencoded").send().await.unwrap();
    let granted: Value = answer.json().await.unwrap();
    granted["access_token"].as_str().unwrap_or_else(|| panic!("{granted}")).to_owned()
}

async fn control(stage: &Stage, path: &str, body: Value) -> Value {
    let url = format!("{}control/weibo/{path}", stage.handle.page_url());
    let answer = client().post(url).json(&body).send().await.unwrap();
    assert!(answer.status().is_success(), "{path}: {}", answer.status());
    answer.json().await.unwrap_or_default()
}

async fn messages(daemon: &Daemon) -> Vec<Value> {
    daemon.get("/api/v1/messages").await["messages"].as_array().unwrap().clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn p22_what_weibo_pushes_with_its_signature_is_kept_and_with_another_it_is_not() {
    let stage = Stage::start().await;
    let (_district, daemon) = start(&stage, "").await;
    let url = format!("{}/callback/X-w", daemon.url());
    assert_eq!(control(&stage, "verify", json!({ "url": url })).await, json!({ "verified": true }));
    let write = |text: &str, forged: bool| json!({ "uid": UID, "from": READER, "type": "text", "text": text, "url": url, "forged": forged });
    control(&stage, "messages", write("是假的", true)).await;
    control(&stage, "messages", write("几点来水？", false)).await;
    eventually("the message came", async || !messages(&daemon).await.is_empty()).await;
    let refused = "juzhen_callbacks_total{end=\"refused\"}";
    eventually("the forged one was refused", async || {
        let page = client().get(format!("{}/metrics", daemon.url())).send().await.unwrap();
        page.text().await.unwrap().contains(refused)
    })
    .await;
    let [message] = &messages(&daemon).await[..] else { panic!("one message") };
    assert_eq!((&message["text"], &message["kind"]), (&json!("几点来水？"), &json!("private")));
    assert_eq!((&message["account"], &message["author"]["id"]), (&json!("X-w"), &json!(READER)));
}

#[tokio::test(flavor = "multi_thread")]
async fn comments_and_mentions_are_asked_for_once_by_whichever_daemon_and_listed_with_their_post() {
    let stage = Stage::start().await;
    let (district, mut daemon) = start(&stage, "\x20 intake_seconds: 0\n").await;
    let item = daemon
        .publish(
            "x01.xx",
            "今日停水，详情见 https://gov.example.cn/notice/1",
            &["X-w"],
            std::time::Duration::from_millis(300),
        )
        .await;
    daemon.until(&item, &["published"]).await;
    let delivery = daemon.get(&format!("/api/v1/deliveries?item={item}")).await["deliveries"][0].clone();
    let post = delivery["receipt"]["platform_id"].as_str().unwrap_or_else(|| panic!("{delivery:#}"));
    control(&stage, "comments", json!({ "uid": READER, "status": post, "text": "几点来水？" })).await;
    control(&stage, "comments", json!({ "uid": UID, "status": post, "text": "自己说的" })).await;
    district.write_district(&stage.mock_url(), "\x20 intake_seconds: 1\n");
    let api = daemon.api();
    daemon.kill();
    let daemon = Daemon::start_as(&api, &district, &juzhen_tests::Run::default());
    eventually("the comment was read", async || !messages(&daemon).await.is_empty()).await;
    let [comment] = &messages(&daemon).await[..] else {
        panic!("one comment, and none of the account's own")
    };
    assert_eq!((&comment["kind"], &comment["via"]), (&json!("comment"), &json!("poll")));
    assert_eq!((&comment["post"], &comment["delivery"]), (&json!(post), &delivery["id"]));
    // Weibo allows a look every few minutes.
    let intake = daemon.get("/api/v1/intake").await;
    let account = &intake["accounts"][0];
    let time = |name: &str| account[name].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    assert!(
        time("next_at").duration_since(time("polled_at")) >= jiff::SignedDuration::from_mins(4),
        "{intake:#}"
    );
}

//! What platforms do beside failing: tokens that expire, quotas, lists in parts, posts that are taken down, a clock that is
//! off, an administrator who has to confirm; and chance that repeats itself.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)] // A test stops at the first surprise.

mod common;

use std::time::Duration;

use common::{Stage, now_ms, read, until};
use juzhen_sandbox::{
    AsyncOutcome, EffectState, Fault, KeyAnswer, ListEnd, Rule, ScriptedRefusal, TokenFlow,
};
use reqwest::Method;
use serde_json::{Value, json};

const LIST: &str = "/v1/accounts/1001/posts";

#[tokio::test]
async fn f39_two_clients_that_fetch_their_own_tokens_end_each_others() {
    let stage = Stage::new().await;
    let flow = |grace_ms| TokenFlow {
        app_secret: "s".into(),
        lifetime_ms: 60_000,
        grace_ms,
        once: false,
        first: Some("t0".into()),
    };
    let issue = async |secret: &str| {
        let url = format!("{}/v1/accounts/1001/token", stage.handle.mock_url());
        read(stage.client.post(url).bearer_auth(secret)).await
    };
    let list = async |token: &str| {
        let url = format!("{}{LIST}", stage.handle.mock_url());
        let (status, body) = read(stage.client.get(url).bearer_auth(token)).await;
        (status, body["error"]["code"].as_str().unwrap_or_default().to_owned())
    };
    stage.handle.issue_tokens("1001", flow(0));
    assert_eq!(list("t0").await.0, 200);
    assert_eq!(list("other").await, (401, "token_invalid".to_owned()));
    assert_eq!(issue("wrong").await.1["error"]["code"], "app_secret_wrong");
    let first = issue("s").await.1["access_token"].as_str().unwrap().to_owned();
    let second = issue("s").await.1["access_token"].as_str().unwrap().to_owned();
    assert_eq!(list("t0").await, (401, "token_invalid".to_owned()));
    assert_eq!(list(&first).await, (401, "token_invalid".to_owned()));
    assert_eq!(list(&second).await.0, 200);
    // With a grace the one before stays good for a while; one whose time is over does not.
    stage.handle.issue_tokens("1001", flow(60_000));
    let _newer = issue("s").await;
    assert_eq!(list("t0").await.0, 200);
    stage.handle.issue_tokens("1001", TokenFlow { lifetime_ms: 0, ..flow(0) });
    assert_eq!(list("t0").await, (401, "token_expired".to_owned()));
    // What buys once is used up, and what buys the next one comes with the token.
    stage.handle.issue_tokens("1001", TokenFlow { once: true, ..flow(0) });
    let (_, bought) = issue("s").await;
    assert_eq!(issue("s").await.1["error"]["code"], "app_secret_wrong");
    assert_eq!(issue(bought["refresh_token"].as_str().unwrap()).await.0, 200);
}

#[tokio::test]
async fn f62_a_quota_refuses_what_is_beyond_it_and_says_how_long_to_wait() {
    let stage = Stage::new().await;
    stage.fault(Rule::new(Fault::Quota { posts: 2, window_s: 3_600 }).account("1001"));
    stage.posted("1001", "a").await;
    stage.posted("1001", "b").await;
    let response = stage.posting("1001", "c").send().await.unwrap();
    assert_eq!(response.status(), 429);
    let wait: u64 = response.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((3_000..=3_600).contains(&wait), "{wait}");
    stage.posted("1002", "c").await;
    assert_eq!((stage.published(), stage.fired(0)), (3, 1));
}

#[tokio::test]
async fn f66_a_list_is_read_page_by_page_and_a_part_says_so_or_does_not() {
    let stage = Stage::new().await;
    for n in 0..150 {
        stage.handle.post_by_hand("1001", &format!("post {n}")).unwrap();
    }
    let (_, first) = read(stage.ask(Method::GET, LIST)).await;
    assert_eq!(first["posts"].as_array().unwrap().len(), 100);
    let next = format!("{LIST}?after={}", first["next"].as_str().unwrap());
    let (_, second) = read(stage.ask(Method::GET, &next)).await;
    assert_eq!((second["posts"].as_array().unwrap().len(), &second["next"]), (50, &Value::Null));
    let part = |which, says_so| Rule::new(Fault::ListPart { most: 3, which, says_so }).times(1);
    stage.fault(part(ListEnd::Newest, true));
    stage.fault(part(ListEnd::Oldest, false));
    let (_, newest) = read(stage.ask(Method::GET, LIST)).await;
    assert_eq!((&newest["posts"][2]["text"], &newest["complete"]), (&json!("post 149"), &json!(false)));
    let (_, oldest) = read(stage.ask(Method::GET, LIST)).await;
    assert_eq!((&oldest["posts"][0]["text"], &oldest["complete"]), (&json!("post 0"), &Value::Null));
    stage.fault(Rule::new(Fault::ListDisorder {}));
    let (_, mixed) = read(stage.ask(Method::GET, &next)).await;
    let texts: Vec<&str> =
        mixed["posts"].as_array().unwrap().iter().map(|p| p["text"].as_str().unwrap()).collect();
    assert!(texts.contains(&"post 99"), "the last one of the page before: {texts:?}");
    assert!(texts.len() == 51 && !texts.is_sorted());
    assert!(stage.handle.ledger().violations.is_empty(), "what people post by hand breaks no promise");
}

#[tokio::test]
async fn f63_a_post_that_the_platform_takes_down_is_gone_and_still_counts() {
    let stage = Stage::new().await;
    stage.fault(Rule::new(Fault::RemoveAfterMs { ms: 300 }).times(1));
    stage.posted("1001", "x").await;
    assert_eq!(stage.listed("1001").await, ["x"]);
    until("it is taken down", || stage.handle.ledger().effects[0].state == EffectState::Removed).await;
    assert!(stage.listed("1001").await.is_empty());
    let id = stage.posted("1001", "y").await;
    assert!(stage.handle.remove(&id) && !stage.handle.remove("p1"));
    assert!(stage.listed("1001").await.is_empty());
    stage.posted("1001", "x").await;
    assert_eq!(stage.handle.ledger().violations.len(), 1, "the public saw the first one");
}

#[tokio::test]
async fn f64_an_administrator_confirms_or_declines_after_a_while() {
    let stage = Stage::new().await;
    for (outcome, ends) in [(AsyncOutcome::Published, "published"), (AsyncOutcome::Refused, "refused")] {
        stage.fault(Rule::new(Fault::AdminConfirms { ms: 300, outcome }).times(1));
        let (status, body) = read(stage.posting("1001", ends)).await;
        assert_eq!(status, 202);
        let ticket = format!("/v1/tickets/{}", body["ticket"].as_str().unwrap());
        assert_eq!(read(stage.ask(Method::GET, &ticket)).await.1["state"], "pending");
        tokio::time::sleep(Duration::from_millis(350)).await;
        assert_eq!(read(stage.ask(Method::GET, &ticket)).await.1["state"], ends);
    }
    assert_eq!(stage.listed("1001").await, ["published"]);
}

#[tokio::test]
async fn a_platform_whose_clock_is_off_tells_its_own_times_and_understands_them() {
    let stage = Stage::new().await;
    stage.fault(Rule::new(Fault::ClockSkewMs { ms: 3_600_000 }));
    let (_, created) = read(stage.posting("1001", "x")).await;
    let at = created["created_at_unix_ms"].as_i64().unwrap();
    assert!(at > now_ms() + 3_000_000);
    let window = |since: i64| format!("{LIST}?since_unix_ms={since}&until_unix_ms={}", at + 1);
    let (_, found) = read(stage.ask(Method::GET, &window(at))).await;
    assert_eq!(found["posts"][0]["created_at_unix_ms"], at);
    assert_eq!(read(stage.ask(Method::GET, &window(at + 1))).await.1, json!({ "posts": [] }));
}

#[tokio::test]
async fn f57_a_known_key_is_told_with_the_id_of_the_first() {
    let stage = Stage::new().await;
    stage.fault(Rule::new(Fault::IdempotencyWindowS { seconds: 60, answer: KeyAnswer::Known }));
    let keyed = || stage.posting("1001", "x").header("idempotency-key", "k");
    let (_, first) = read(keyed()).await;
    let (status, again) = read(keyed()).await;
    assert_eq!((status, &again["error"]["code"]), (409, &json!("key_known")));
    assert_eq!((&again["error"]["id"], stage.published()), (&first["id"], 1));
}

#[tokio::test]
async fn f59_published_but_the_list_learns_it_later() {
    let stage = Stage::new().await;
    let code = Some("published_sync_later".to_owned());
    let later = ScriptedRefusal { status: 400, code, ..ScriptedRefusal::default() };
    stage.fault(Rule::new(Fault::StatusAfterEffect(later)).times(1));
    stage.fault(Rule::new(Fault::VisibleLateMs { ms: 300 }).times(1));
    assert_eq!(read(stage.posting("1001", "x")).await.1["error"]["code"], "published_sync_later");
    assert!(stage.listed("1001").await.is_empty());
    tokio::time::sleep(Duration::from_millis(400)).await;
    assert_eq!(stage.listed("1001").await, ["x"]);
}

#[tokio::test]
async fn chance_chooses_the_same_requests_for_the_same_seed() {
    let mut runs = Vec::new();
    for seed in [7, 7, 8] {
        let stage = Stage::new().await;
        stage.fault(Rule::new(Fault::Status(ScriptedRefusal::of(503))).account("1001").chance(40, seed));
        let mut refused = Vec::new();
        for n in 0..30 {
            refused.push(read(stage.posting("1001", &n.to_string())).await.0 == 503);
        }
        assert_eq!(stage.fired(0), refused.iter().filter(|one| **one).count() as u64);
        assert_eq!(stage.handle.faults()[0].met, 30);
        runs.push(refused);
    }
    assert_eq!(runs[0], runs[1]);
    assert_ne!(runs[0], runs[2]);
    assert!(runs[0].contains(&true) && runs[0].contains(&false));
}

#[tokio::test]
async fn times_vary_up_to_what_the_rule_says() {
    let stage = Stage::new().await;
    stage.fault(Rule::new(Fault::VisibleLateMs { ms: 100_000 }).spread(3));
    for n in 0..20 {
        stage.posted("1001", &n.to_string()).await;
    }
    let lags: Vec<i64> = stage
        .handle
        .ledger()
        .effects
        .iter()
        .map(|e| e.visible_from_unix_ms.unwrap_or(e.at_unix_ms) - e.at_unix_ms)
        .collect();
    assert!(lags.iter().all(|lag| (0..=100_000).contains(lag)));
    assert!(lags.iter().any(|lag| *lag < 50_000) && lags.iter().any(|lag| *lag > 50_000), "{lags:?}");
}

#[tokio::test]
async fn a_person_posts_and_removes_through_the_scripts_side() {
    let stage = Stage::new().await;
    let (status, body) =
        stage.control(Method::POST, "posts", json!({ "account": "1001", "text": "广告" })).await;
    assert_eq!(status, 201, "{body}");
    assert_eq!(stage.listed("1001").await, ["广告"]);
    assert!(stage.handle.ledger().effects[0].by_hand);
    assert_eq!(stage.control(Method::POST, "remove", json!({ "id": body["id"] })).await.0, 204);
    assert_eq!(stage.control(Method::POST, "remove", json!({ "id": "p0" })).await.0, 404);
    assert!(stage.listed("1001").await.is_empty());
    let issue = json!({ "account": "1001", "issue": { "app_secret": "s", "lifetime_ms": 1000 } });
    assert_eq!(stage.control(Method::POST, "tokens", issue).await.0, 204);
    assert_eq!(read(stage.ask(Method::GET, LIST)).await.0, 401);
}

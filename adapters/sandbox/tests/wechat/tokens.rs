//! Access tokens: which is good when, who may ask for one, and from where.

use serde_json::{Value, json};

use crate::client::{APPID, Client, code};
use crate::common::read;

async fn plain_token(client: &Client) -> Value {
    let secret = "s".repeat(32);
    let query = format!("grant_type=client_credential&appid={APPID}&secret={secret}");
    let url = format!("{}/cgi-bin/token?{query}", client.stage.handle.wechat_url());
    read(client.stage.client.get(url)).await.1
}

/// What a call with this token is answered.
async fn with(client: &mut Client, token: &Value) -> i64 {
    client.token = token["access_token"].as_str().unwrap().to_owned();
    code(&client.get("draft/count").await)
}

#[tokio::test]
async fn a_stable_token_stays_the_same_until_five_minutes_are_left_and_then_both_are_good() {
    let mut client = Client::new().await;
    let first = client.stable_token(false).await;
    assert_eq!(first["access_token"], client.token.as_str());
    assert!((7_190..=7_200).contains(&first["expires_in"].as_i64().unwrap()), "{first}");
    assert!(first.get("errcode").is_none());
    client.stage.handle.wechat_advance(6_000);
    let later = client.stable_token(false).await;
    assert_eq!(later["access_token"], first["access_token"]);
    assert!((1_190..=1_200).contains(&later["expires_in"].as_i64().unwrap()), "what is left of it");
    client.stage.handle.wechat_advance(950);
    let second = client.stable_token(false).await;
    assert_ne!(second["access_token"], first["access_token"]);
    assert_eq!((with(&mut client, &first).await, with(&mut client, &second).await), (0, 0));
    client.stage.handle.wechat_advance(260);
    assert_eq!((with(&mut client, &first).await, with(&mut client, &second).await), (42001, 0));
}

#[tokio::test]
async fn f61_force_ends_the_token_before_at_once_but_not_twice_within_half_a_minute() {
    let mut client = Client::new().await;
    let first = client.stable_token(false).await;
    let second = client.stable_token(true).await;
    assert_eq!((with(&mut client, &first).await, with(&mut client, &second).await), (40001, 0));
    assert_eq!(client.stable_token(true).await["access_token"], second["access_token"]);
    client.stage.handle.wechat_advance(31);
    assert_ne!(client.stable_token(true).await["access_token"], second["access_token"]);
}

#[tokio::test]
async fn f61_each_plain_token_ends_the_one_before_after_five_minutes_and_leaves_stable_ones_alone() {
    let mut client = Client::new().await;
    let stable = client.stable_token(false).await;
    let (first, second) = (plain_token(&client).await, plain_token(&client).await);
    assert_ne!(first["access_token"], second["access_token"]);
    assert_eq!((with(&mut client, &first).await, with(&mut client, &second).await), (0, 0));
    client.stage.handle.wechat_advance(301);
    assert_eq!((with(&mut client, &first).await, with(&mut client, &second).await), (40001, 0));
    assert_eq!(with(&mut client, &stable).await, 0);
    assert!(client.stage.handle.wechat_revoke(APPID));
    assert_eq!((with(&mut client, &stable).await, with(&mut client, &second).await), (40001, 40001));
}

#[tokio::test]
async fn an_address_that_is_not_listed_may_not_even_ask_for_a_token() {
    let client = Client::new().await;
    client.set(|account| account.ip_allow_list = vec!["203.0.113.0/24".into()]);
    for answer in
        [client.stable_token(false).await, plain_token(&client).await, client.get("draft/count").await]
    {
        assert_eq!(code(&answer), 40164);
        let words = answer["errmsg"].as_str().unwrap();
        assert!(
            words.starts_with("invalid ip 127.0.0.1 ") && words.contains("not in whitelist rid: "),
            "{words}"
        );
    }
    client.set(|account| account.ip_allow_list = vec!["203.0.113.0/24".into(), "127.0.0.0/8".into()]);
    assert_eq!(code(&client.get("draft/count").await), 0);
}

#[tokio::test]
async fn what_is_wrong_with_a_request_for_a_token_is_said_by_its_number() {
    let client = Client::new().await;
    let secret = "s".repeat(32);
    let cases = [
        (json!({ "appid": APPID, "secret": secret }), 40002),
        (json!({ "grant_type": "other", "appid": APPID, "secret": secret }), 40002),
        (json!({ "grant_type": "client_credential", "secret": secret }), 41002),
        (json!({ "grant_type": "client_credential", "appid": APPID }), 41004),
        (json!({ "grant_type": "client_credential", "appid": "wx1", "secret": secret }), 40013),
        (json!({ "grant_type": "client_credential", "appid": APPID, "secret": "no" }), 40125),
    ];
    let url = format!("{}/cgi-bin/stable_token", client.stage.handle.wechat_url());
    for (body, wanted) in cases {
        let (status, answer) = read(client.stage.client.post(&url).json(&body)).await;
        assert_eq!((status, code(&answer)), (200, wanted), "{body}");
    }
    assert_eq!(code(&read(client.stage.client.get(&url)).await.1), 43002);
    assert_eq!(code(&read(client.stage.client.post(&url)).await.1), 44002);
    let plain = format!("{}/cgi-bin/token", client.stage.handle.wechat_url());
    assert_eq!(code(&read(client.stage.client.post(&plain)).await.1), 43001);
    assert_eq!(code(&read(client.stage.client.get(&plain)).await.1), 41002);
}

#[tokio::test]
async fn f62_calls_are_counted_by_path_and_day_told_and_cleared_ten_times_a_month() {
    let client = Client::new().await;
    client.set(|account| account.quotas = [("/cgi-bin/draft/count".into(), 2)].into());
    assert_eq!(code(&client.get("draft/count").await), 0);
    let asked = json!({ "cgi_path": "/cgi-bin/draft/count" });
    let answer = client.post("openapi/quota/get", asked.clone()).await;
    assert_eq!(answer["quota"], json!({ "daily_limit": 2, "used": 1, "remain": 1 }));
    assert_eq!(code(&client.get("draft/count").await), 0);
    let over = client.get("draft/count").await;
    assert_eq!(code(&over), 45009);
    assert_eq!(code(&client.post("openapi/quota/clear", asked).await), 0);
    assert_eq!(code(&client.get("draft/count").await), 0);
    client.get("draft/count").await;
    for _ in 0..10 {
        assert_eq!(code(&client.post("clear_quota", json!({ "appid": APPID })).await), 0);
    }
    assert_eq!(code(&client.post("clear_quota", json!({ "appid": APPID })).await), 48006);
    let unknown = json!({ "cgi_path": "/cgi-bin/nothing" });
    assert_eq!(code(&client.post("openapi/quota/get", unknown).await), 76021);
    let mass = json!({ "cgi_path": "/cgi-bin/message/mass/sendall" });
    let answer = client.post("openapi/quota/get", mass).await;
    assert_eq!(answer["rate_limit"], json!({ "call_count": 60, "refresh_second": 60 }));
    assert_eq!(client.get("getcallbackip").await["ip_list"], json!(["127.0.0.1"]));
}

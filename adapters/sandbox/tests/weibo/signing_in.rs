//! OAuth: the page, the redirect, codes and tokens.

use serde_json::{Value, json};

use crate::client::{BACK, KEY, OFFICE, STREET, Weibo, code, encoded, exchange, get, post, seeded};
use crate::common::{Stage, read};

#[tokio::test]
async fn who_is_signed_in_is_sent_back_with_a_code_that_is_good_once() {
    let stage = Stage::new().await;
    let asked = [("client_id", KEY), ("redirect_uri", BACK), ("response_type", "code"), ("state", "a b&c")];
    let back = redirected(&stage, &asked).await;
    assert!(back.starts_with(&format!("{BACK}?state=a%20b%26c&code=")), "{back}");
    let code_given = back.rsplit('=').next().unwrap();
    assert!(code_given.len() == 32 && code_given.bytes().all(|byte| byte.is_ascii_hexdigit()), "{back}");
    let (status, granted) = exchange(&stage, code_given).await;
    assert_eq!(status, 200, "{granted}");
    assert_eq!((&granted["uid"], &granted["isRealName"]), (&json!(OFFICE), &json!("true")));
    assert_eq!(granted["remind_in"], granted["expires_in"].to_string());
    assert!(granted["access_token"].as_str().unwrap().starts_with("2.00"), "{granted}");
    let again = exchange(&stage, code_given).await;
    assert_eq!(code(&again), (400, 21325));
    let description = format!("invalid authorization code:{code_given}");
    assert_eq!(
        again.1,
        json!({ "error": "invalid_grant", "error_code": 21325, "request": "/oauth2/access_token",
                "error_uri": "/oauth2/access_token", "error_description": description })
    );
}

#[tokio::test]
async fn the_page_asks_who_it_is_and_takes_a_no() {
    let stage = Stage::new().await;
    let asked = [("client_id", KEY), ("redirect_uri", BACK), ("state", "s"), ("forcelogin", "true")];
    let page = get(&stage, "oauth2/authorize", &asked).send().await.unwrap();
    assert_eq!(page.status(), 200);
    let page = page.text().await.unwrap();
    assert!(page.contains("示例街道（5000000002）") && page.contains("login_uid=5000000002"), "{page}");
    let back = redirected(&stage, &[&asked[..], &[("login_uid", STREET)]].concat()).await;
    let (_, granted) = exchange(&stage, back.rsplit('=').next().unwrap()).await;
    assert_eq!(granted["uid"], STREET);
    let no = redirected(&stage, &[&asked[..], &[("deny", "1")]].concat()).await;
    let wanted = "?state=s&error_uri=%2Foauth2%2Fauthorize&error=access_denied\
                  &error_description=user%20denied%20your%20request.&error_code=21330";
    assert_eq!(no, format!("{BACK}{wanted}"));
    let token =
        redirected(&stage, &[("client_id", KEY), ("redirect_uri", BACK), ("response_type", "token")]).await;
    assert!(token.starts_with(&format!("{BACK}#access_token=2.00")), "{token}");
}

#[tokio::test]
async fn what_is_wrong_with_a_request_for_a_token_is_said() {
    let stage = Stage::new().await;
    let good = [
        ("client_id", KEY),
        ("client_secret", "secret"),
        ("grant_type", "authorization_code"),
        ("code", "c"),
        ("redirect_uri", BACK),
    ];
    // (parameter, value or none), what answers
    let cases: &[(&str, Option<&str>, i64)] = &[
        ("client_id", None, 21323),
        ("client_secret", None, 21323),
        ("client_id", Some("1"), 21324),
        ("client_secret", Some("wrong"), 21324),
        ("grant_type", None, 21323),
        ("grant_type", Some("password"), 21328),
        ("grant_type", Some("refresh_token"), 21325),
        ("redirect_uri", Some("https://elsewhere.test/"), 21322),
        ("redirect_uri", Some("https://gov.example.cn.evil.test/"), 21322),
        ("code", None, 21323),
    ];
    for (name, value, wanted) in cases {
        let mut form = good.to_vec();
        form.retain(|(known, _)| known != name);
        form.extend(value.map(|value| (*name, value)));
        let answer = read(post(&stage, "oauth2/access_token", &form)).await;
        assert_eq!(code(&answer), (400, *wanted), "{name}: {value:?}");
        assert_eq!(answer.1["error_uri"], "/oauth2/access_token");
    }
    // None of them has used the code up. Parameters may also stand in the query, but not behind a GET.
    let url = format!("{}/oauth2/access_token?{}", stage.handle.weibo_url(), encoded(&good));
    assert_eq!(code(&read(stage.client.get(&url)).await), (405, 10021));
    assert_eq!(read(stage.client.post(&url)).await.0, 200);
    for (name, value, wanted) in [
        ("redirect_uri", "https://elsewhere.test/", 21322),
        ("client_id", "1", 21324),
        ("response_type", "x", 21329),
    ] {
        let mut query = vec![("client_id", KEY), ("redirect_uri", BACK)];
        query.retain(|(known, _)| *known != name);
        query.push((name, value));
        assert_eq!(code(&read(get(&stage, "oauth2/authorize", &query)).await), (400, wanted));
    }
}

#[tokio::test]
async fn a_code_is_for_its_account_and_unknown_ones_are_refused_where_the_app_says_so() {
    let stage = Stage::new().await;
    for uid in [OFFICE, STREET, "5000000099"] {
        let (_, granted) = exchange(&stage, &format!("code-of-{uid}")).await;
        assert_eq!(granted["uid"], uid);
    }
    assert_eq!(exchange(&stage, "just any").await.1["uid"], OFFICE);
    let strict = seeded(
        "weibo: {apps: [{key: '1352222456', secret: secret, redirect_uris: ['https://gov.example.cn/callback']}]}",
    )
    .await;
    assert_eq!(code(&exchange(&strict, "just any").await), (400, 21325));
}

#[tokio::test]
async fn a_token_says_what_is_left_of_it_and_ends_when_it_is_taken_back() {
    let stage = Stage::new().await;
    let weibo = Weibo::of(&stage, OFFICE).await;
    let (status, info) = weibo.post("oauth2/get_token_info", &[]).await;
    assert_eq!(status, 200, "{info}");
    assert_eq!(
        (&info["uid"], &info["appkey"], &info["scope"]),
        (&json!(5_000_000_001_u64), &json!(KEY), &Value::Null)
    );
    let left = info["expire_in"].as_i64().unwrap();
    assert!((30 * 86_400 - 60..=30 * 86_400).contains(&left), "{left}");
    let second = Weibo::of(&stage, OFFICE).await;
    assert_ne!(weibo.token, second.token);
    assert_eq!(weibo.get("2/account/get_uid.json", &[]).await.0, 200, "the older one stays good");
    assert_eq!(second.get("oauth2/revokeoauth2", &[]).await, (200, json!({ "result": "true" })));
    for gone in [&weibo, &second] {
        assert_eq!(code(&gone.get("2/account/get_uid.json", &[]).await), (403, 21332));
        assert_eq!(code(&gone.post("oauth2/get_token_info", &[]).await), (403, 21332));
    }
    let third = Weibo::of(&stage, OFFICE).await;
    let end = json!({ "token": third.token, "end": "expired" });
    assert_eq!(stage.control(reqwest::Method::POST, "weibo/tokens", end).await.0, 204);
    assert_eq!(code(&third.get("2/account/get_uid.json", &[]).await), (403, 21327));
    assert_eq!(code(&third.post("oauth2/get_token_info", &[]).await), (403, 21327));
}

async fn redirected(stage: &Stage, query: &[(&str, &str)]) -> String {
    let answer = get(stage, "oauth2/authorize", query).send().await.unwrap();
    assert_eq!(answer.status(), 302);
    answer.headers()["location"].to_str().unwrap().to_owned()
}

//! The checks in their order: each request breaks several rules, and the first one answers.

use serde_json::Value;

use crate::client::{OFFICE, Weibo, code, exchange, get, post, seeded};
use crate::common::{Stage, read};

/// Path and form of a request, and what answers it.
type Case<'a, A> = (&'a str, &'a [(&'a str, &'a str)], A);

const SHARE: &str = "2/statuses/share.json";

#[tokio::test]
async fn the_first_broken_rule_answers() {
    let seed = "
weibo:
  apps:
    - { key: '1', secret: s, redirect_uris: [], safe_domains: [gov.example.cn], tiers: [open] }
    - { key: '2', secret: s, redirect_uris: [], level: test, test_uids: ['8'] }
    - { key: '3', secret: s, redirect_uris: [], safe_domains: [gov.example.cn], limits: { user_day: 0 }, demand_rip: true }
    - { key: '4', secret: s, redirect_uris: [], safe_domains: [gov.example.cn], demand_rip: true }
  accounts:
    - uid: '7'
      name: 七
      tokens:
        - { app: '1', token: good }
        - { app: '1', token: old, expires_in_s: 0 }
        - { app: '2', token: untested }
        - { app: '3', token: spent }
        - { app: '4', token: strict }
  illegal_words: [反动]
";
    let stage = seeded(seed).await;
    let long = "长".repeat(141);
    let text = format!("{long} https://gov.example.cn/ ");
    // path, form, what answers
    let cases: &[Case<'_, (u16, i64)>] = &[
        ("2/statuses/nothing.json", &[], (404, 10020)),
        ("2/statuses/share", &[], (404, 10020)),
        ("2/statuses/user_timeline.json", &[("access_token", "nobody")], (405, 10021)),
        (SHARE, &[("status", "x")], (400, 10006)),
        (SHARE, &[("source", "1"), ("status", "x")], (403, 21301)),
        (SHARE, &[("access_token", "nobody")], (403, 21332)),
        (SHARE, &[("access_token", "old")], (403, 21327)),
        (SHARE, &[("access_token", "untested")], (403, 21321)),
        ("2/statuses/update.json", &[("access_token", "good")], (403, 10014)),
        ("c/2/statuses/update/biz.json", &[("access_token", "good")], (403, 10014)),
        (SHARE, &[("access_token", "spent")], (403, 10023)),
        (SHARE, &[("access_token", "good")], (400, 10016)),
        (SHARE, &[("access_token", "good"), ("status", "")], (400, 10016)),
        (SHARE, &[("access_token", "strict"), ("status", "x")], (400, 10016)),
        (SHARE, &[("access_token", "good"), ("status", "x"), ("rip", "here")], (400, 10017)),
        (SHARE, &[("access_token", "good"), ("status", &long)], (400, 10017)),
        (SHARE, &[("access_token", "good"), ("status", &text)], (400, 20012)),
        (SHARE, &[("access_token", "good"), ("status", "反动 https://gov.example.cn/")], (400, 20021)),
    ];
    for (path, form, wanted) in cases {
        let answer = read(post(&stage, path, form)).await;
        assert_eq!(code(&answer), *wanted, "{path} {form:?}: {}", answer.1);
        let request = format!("/{}", path.trim_start_matches("c/"));
        assert_eq!(answer.1["request"], request);
        let fields: Vec<&String> = answer.1.as_object().unwrap().keys().collect();
        assert_eq!(fields, ["error", "error_code", "request"]);
    }
    assert!(stage.handle.ledger().effects.is_empty());
}

#[tokio::test]
async fn what_is_missing_or_wrong_is_named() {
    let stage = Stage::new().await;
    let weibo = Weibo::of(&stage, OFFICE).await;
    let answer = weibo.post(SHARE, &[]).await;
    assert_eq!(answer.1["error"], "miss required parameter (status), see doc for more info.");
    let answer = weibo.get("2/statuses/user_timeline.json", &[("count", "many")]).await;
    assert_eq!(code(&answer), (400, 10017));
    assert!(
        answer.1["error"].as_str().unwrap().contains("parameter (count)'s value invalid"),
        "{}",
        answer.1
    );
    // path, parameter, value, what answers
    let cases: &[Case<'_, i64>] = &[
        ("2/statuses/update.json", &[("status", "x"), ("visible", "9")], 20121),
        ("2/statuses/update.json", &[("status", "x"), ("visible", "3")], 10016),
        ("2/statuses/update.json", &[("status", "x"), ("lat", "91")], 10017),
        ("2/statuses/update.json", &[("status", "\u{200b} ")], 20008),
        ("2/statuses/upload_url_text.json", &[("status", "x")], 10016),
        ("2/statuses/upload_url_text.json", &[("status", "x"), ("pic_id", "1,2,3,4,5,6,7,8,9,10")], 20009),
        ("2/statuses/repost.json", &[("id", "abc")], 10017),
        ("2/statuses/repost.json", &[("id", "1")], 20101),
        ("2/comments/reply.json", &[("cid", "1")], 10016),
        ("2/messages/reply.json", &[("receiver_id", "7"), ("type", "song"), ("data", "{}")], 10017),
        (
            "2/messages/reply.json",
            &[("receiver_id", "7"), ("type", "text"), ("data", "{\"text\":\"x\"}")],
            20301,
        ),
    ];
    for (path, form, wanted) in cases {
        let answer = weibo.post(path, form).await;
        assert_eq!(code(&answer), (400, *wanted), "{path} {form:?}");
    }
}

#[tokio::test]
async fn a_body_that_is_no_form_loses_its_parameters() {
    let stage = Stage::new().await;
    let weibo = Weibo::of(&stage, OFFICE).await;
    let url = format!("{}/{SHARE}", stage.handle.weibo_url());
    let body = serde_json::json!({ "access_token": weibo.token, "status": "x" });
    let answer = read(stage.client.post(&url).json(&body)).await;
    assert_eq!((code(&answer), answer.1["error"].as_str()), ((403, 21301), Some("auth by Null spi!")));
    let in_query = format!("{url}?access_token={}", weibo.token);
    assert_eq!(code(&read(stage.client.post(in_query).json(&body)).await), (400, 10016));
    let by_header = stage.client.get(format!("{}/2/account/get_uid.json", stage.handle.weibo_url()));
    let by_header = by_header.header("authorization", format!("OAuth2 {}", weibo.token));
    assert_eq!(read(by_header).await, (200, serde_json::json!({ "uid": OFFICE })));
}

#[tokio::test]
async fn calls_are_counted_by_account_interface_and_address() {
    let limits = |limits: &str| {
        format!(
            "weibo: {{apps: [{{key: '1352222456', secret: secret, redirect_uris: ['https://gov.example.cn/*'], \
             safe_domains: [gov.example.cn], any_code: true, limits: {limits}}}]}}"
        )
    };
    let stage = seeded(&limits("{publish_hour: 2, user_day: 6}")).await;
    let weibo = Weibo::of(&stage, OFFICE).await;
    weibo.share("一").await;
    weibo.share("二").await;
    let form = [("status", "三 https://gov.example.cn/w/1 ")];
    let answer = weibo.post(SHARE, &form).await;
    assert_eq!(code(&answer), (403, 10024));
    assert_eq!(answer.1["error"], "User requests for statuses/share out of rate limit!");
    let (_, left) = weibo.get("2/account/rate_limit_status.json", &[]).await;
    assert_eq!((&left["user_limit"], &left["remaining_user_hits"]), (&Value::from(6), &Value::from(4)));
    let share =
        left["api_rate_limits"].as_array().unwrap().iter().find(|one| one["api"] == "/statuses/share");
    assert_eq!(share.unwrap()["remaining_hits"], 0);
    assert!((0..=3_600).contains(&left["reset_time_in_seconds"].as_i64().unwrap()));
    for _ in 0..4 {
        assert_eq!(weibo.get("2/account/get_uid.json", &[]).await.0, 200);
    }
    assert_eq!(code(&weibo.get("2/account/get_uid.json", &[]).await), (403, 10023));
    assert_eq!(weibo.get("2/account/rate_limit_status.json", &[]).await.0, 200, "is not counted");
    assert_eq!(
        weibo.get("c/2/statuses/user_timeline/biz.json", &[]).await.0,
        200,
        "biz has no limit by account"
    );

    let stage = seeded(&limits("{ip_hour: 1}")).await;
    let (_, granted) = exchange(&stage, "any").await;
    let token = [("access_token", granted["access_token"].as_str().unwrap())];
    assert_eq!(read(get(&stage, "2/account/get_uid.json", &token)).await.0, 200);
    assert_eq!(code(&read(get(&stage, "2/account/get_uid.json", &token)).await), (403, 10022));
}

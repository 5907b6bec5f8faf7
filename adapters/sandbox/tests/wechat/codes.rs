//! The order in which a request is judged, and the number of each refusal.

use juzhen_sandbox::{Fault, Rule};
use serde_json::{Value, json};

use crate::client::{Client, code};
use crate::common::read;

#[tokio::test]
async fn a_request_is_judged_by_path_method_address_token_permission_rate_and_body() {
    let client = Client::with(|account| account.verified = false).await;
    let base = client.stage.handle.wechat_url();
    let ask = |method: &str, path: &str, token: &str, body: &str| {
        let url = format!("{base}/cgi-bin/{path}{token}");
        let method: reqwest::Method = method.parse().unwrap();
        read(client.stage.client.request(method, url).body(body.to_owned()))
    };
    let good = format!("?access_token={}", client.token);
    let unknown = "?access_token=75_unknown";
    let cases = [
        ("GET", "draft/nothing", "", "", 40066),
        ("GET", "draft/add", "", "", 43002),
        ("POST", "draft/count", "", "", 43001),
        ("POST", "draft/add", "", "", 41001),
        ("POST", "draft/add", "?access_token=", "", 41001),
        ("POST", "draft/add", "?access_token=%E4%B8%8D", "", 40014),
        ("POST", "draft/add", unknown, "", 40001),
        ("POST", "freepublish/submit", good.as_str(), "", 48001),
        ("POST", "draft/add", &good, "", 44002),
        ("POST", "draft/add", &good, "{", 47001),
        ("POST", "draft/add", &good, "{\"articles\":\"\u{1}\"}", 47001),
        ("POST", "draft/add", &good, "{}", 44003),
    ];
    for (method, path, token, body, wanted) in cases {
        let (status, answer) = ask(method, path, token, body).await;
        assert_eq!((status, code(&answer)), (200, wanted), "{method} {path}{token} {body}: {answer}");
        let words = answer["errmsg"].as_str().unwrap();
        let (_, rid) = words.split_once(" rid: ").unwrap();
        let groups: Vec<usize> = rid.split('-').map(str::len).collect();
        assert_eq!(groups, [8, 8, 8], "{words}");
    }
    client.set(|account| {
        account.verified = false;
        account.ip_allow_list = vec!["203.0.113.1".into()];
        account.quotas = [("/cgi-bin/draft/add".into(), 0)].into();
    });
    assert_eq!(code(&ask("POST", "freepublish/submit", &good, "").await.1), 40164, "before the permission");
    client.set(|account| account.quotas = [("/cgi-bin/draft/add".into(), 0)].into());
    assert_eq!(code(&ask("POST", "draft/add", &good, "").await.1), 45009, "before the body");
}

#[tokio::test]
async fn what_an_article_may_not_be_is_refused_by_its_number() {
    let client = Client::new().await;
    let thumb = client.thumb().await;
    let article = |change: Value| {
        let mut article = json!({ "title": "通知", "content": "x", "thumb_media_id": thumb });
        article.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        article
    };
    let cases = [
        (json!({ "title": "题".repeat(32) }), 0),
        (json!({ "title": "题".repeat(33) }), 45003),
        (json!({ "title": "" }), 40035),
        (json!({ "content": "" }), 44004),
        (json!({ "content": "x".repeat(690_001) }), 45002),
        (json!({ "digest": "摘".repeat(120) }), 0),
        (json!({ "digest": "摘".repeat(121) }), 45004),
        (json!({ "author": "区融媒体中心发布" }), 0),
        (json!({ "author": "区融媒体中心发布室" }), 45110),
        (json!({ "author": "sixteen letters!" }), 0),
        (json!({ "author": "seventeen letters" }), 45110),
        (json!({ "content_source_url": "ftp://gov.example.cn" }), 41039),
        (json!({ "content_source_url": format!("https://gov.example.cn/{}", "x".repeat(1_024)) }), 45005),
        (json!({ "thumb_media_id": "none" }), 40007),
        (json!({ "thumb_media_id": null }), 40007),
        (json!({ "article_type": "poem" }), 40035),
        (json!({ "article_type": "newspic" }), 40007),
    ];
    for (change, wanted) in cases {
        let answer = client.post("draft/add", json!({ "articles": [article(change.clone())] })).await;
        let start: String = change.to_string().chars().take(80).collect();
        assert_eq!(code(&answer), wanted, "{start}: {answer}");
    }
    for (articles, wanted) in [(json!([]), 44003), (json!({}), 44003), (json!(["x"]), 44003)] {
        assert_eq!(code(&client.post("draft/add", json!({ "articles": articles })).await), wanted);
    }
    let nine = vec![article(json!({})); 9];
    assert_eq!(code(&client.post("draft/add", json!({ "articles": nine })).await), 45008);
    client.set(|account| account.title_limit = 64);
    let long = article(json!({ "title": "题".repeat(64) }));
    assert_eq!(code(&client.post("draft/add", json!({ "articles": [long] })).await), 0);
    client.set(|account| account.comments = false);
    let open = article(json!({ "need_open_comment": 1 }));
    assert_eq!(code(&client.post("draft/add", json!({ "articles": [open] })).await), 88000);
}

#[tokio::test]
async fn what_is_not_there_or_not_meant_is_refused_by_its_number() {
    let client = Client::new().await;
    let mass = |change: Value| {
        let mut body =
            json!({ "filter": { "is_to_all": true }, "msgtype": "text", "text": { "content": "x" } });
        body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        body
    };
    let cases = [
        ("freepublish/submit", json!({ "media_id": "none" }), 40007),
        ("freepublish/submit", json!({}), 40007),
        ("freepublish/get", json!({ "publish_id": "1" }), 53502),
        ("freepublish/getarticle", json!({ "article_id": "none" }), 53600),
        ("freepublish/delete", json!({ "article_id": "none" }), 53600),
        ("freepublish/batchget", json!({ "offset": 0, "count": 21 }), 40035),
        ("draft/batchget", json!({ "offset": 0, "count": 0 }), 40035),
        ("draft/update", json!({ "media_id": "none", "index": 0, "articles": {} }), 40007),
        ("material/batchget_material", json!({ "type": "poem", "offset": 0, "count": 1 }), 40004),
        ("message/mass/get", json!({ "msg_id": 1 }), 40035),
        ("message/mass/sendall", mass(json!({ "clientmsgid": "k".repeat(33) })), 45067),
        ("message/mass/sendall", mass(json!({ "msgtype": "poem" })), 40008),
        ("message/mass/sendall", mass(json!({ "msgtype": "wxcard" })), 45113),
        (
            "message/mass/sendall",
            mass(json!({ "msgtype": "mpnews", "mpnews": { "media_id": "none" } })),
            40007,
        ),
        ("message/mass/sendall", mass(json!({ "text": { "content": "字".repeat(683) } })), 45002),
        ("message/mass/sendall", mass(json!({ "filter": { "is_to_all": false, "tag_id": 7 } })), 40152),
        ("message/mass/sendall", mass(json!({ "clientmsgid": "k".repeat(32) })), 0),
    ];
    for (path, body, wanted) in cases {
        let answer = client.post(path, body.clone()).await;
        assert_eq!(code(&answer), wanted, "{path} {body}: {answer}");
    }
}

/// Every number of the platform's manual that a script may ask for.
const NUMBERS: [i64; 60] = [
    -1,
    40001,
    40007,
    40013,
    40014,
    40035,
    40125,
    40152,
    40164,
    40243,
    41001,
    41039,
    41040,
    42001,
    43004,
    44003,
    45001,
    45002,
    45003,
    45004,
    45008,
    45009,
    45011,
    45015,
    45028,
    45040,
    45047,
    45062,
    45065,
    45066,
    45067,
    45087,
    45102,
    45110,
    45113,
    45166,
    46001,
    47001,
    47003,
    48001,
    48003,
    48004,
    48021,
    50002,
    50005,
    53500,
    53501,
    53503,
    53504,
    53505,
    61450,
    87014,
    88000,
    88001,
    88005,
    89503,
    89504,
    89505,
    89506,
    268_487_001,
];

#[tokio::test]
async fn any_number_can_be_scripted_before_or_after_the_effect() {
    let client = Client::new().await;
    for number in NUMBERS {
        let fault = Fault::PlatformError { code: number, message: None, applied: false, late_ms: None };
        client.stage.fault(Rule::new(fault).path_contains("draft/count").times(1));
        let (status, answer) = read(client.stage.client.get(client.url("draft/count"))).await;
        assert_eq!((status, code(&answer)), (200, number));
        assert!(answer["errmsg"].as_str().unwrap().contains(" rid: "), "{answer}");
    }
    let fault = Fault::PlatformError { code: -1, message: None, applied: true, late_ms: None };
    client.stage.fault(Rule::new(fault).path_contains("freepublish/submit").times(1));
    let draft = client.draft("通知", "x").await;
    assert_eq!(code(&client.post("freepublish/submit", json!({ "media_id": draft })).await), -1);
    assert_eq!(client.stage.published(), 1);
}

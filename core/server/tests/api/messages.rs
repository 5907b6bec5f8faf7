//! What readers wrote, who may see it, and the address of platforms as far as it goes without one.

use std::time::Duration;

use juzhen_domain::message::{Kind, Said};
use juzhen_store::{NewMessage, Push, Store};
use serde_json::{Value, json};

use crate::support::{Api, Request, text};

/// A reader of this account wrote.
async fn written(api: &Api, account: &str, number: u32, kind: Kind) -> String {
    let id = format!("0190000{number}");
    let said = Said {
        kind,
        platform_id: number.to_string(),
        post: None,
        parent: None,
        author_id: "o-reader".into(),
        author_name: "某市民".into(),
        text: "<script>几点来水？".into(),
        media: Vec::new(),
        url: None,
        shown: None,
        reply_until: None,
        replies_left: None,
        written_at: None,
    };
    let push = Push {
        account: account.into(),
        at: api.engine.now(),
        once: None,
        messages: vec![NewMessage { id: id.as_str().into(), said }],
        finished: Vec::new(),
        notices: Vec::new(),
        patience: Duration::from_secs(60),
    };
    api.store.push(push).await.unwrap();
    id
}

fn ids(list: &Value) -> Vec<&str> {
    list["messages"].as_array().unwrap().iter().map(|message| text(&message["id"])).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_are_listed_by_account_kind_and_time_page_by_page() {
    let api = Api::start().await;
    let first = written(&api, "W015", 1, Kind::Comment).await;
    let second = written(&api, "W000", 2, Kind::Private).await;
    let list = async |query: &str| api.get("off.hg", &format!("/api/v1/messages{query}")).await;
    let all = list("").await.json();
    assert_eq!((ids(&all), &all["next_before"]), (vec![&*second, &*first], &Value::Null));
    let message = &all["messages"][1];
    assert_eq!((&message["kind_zh"], &message["text"]), (&json!("评论"), &json!("<script>几点来水？")));
    assert_eq!((&message["via"], &message["shown"]), (&json!("push"), &Value::Null));
    assert_eq!(ids(&list("?account=W015").await.json()), [&*first]);
    assert_eq!(ids(&list("?kind=private").await.json()), [&*second]);
    let page = list("?limit=1").await.json();
    assert_eq!((ids(&page), text(&page["next_before"])), (vec![&*second], &*second));
    assert_eq!(ids(&list(&format!("?limit=1&before={second}")).await.json()), [&*first]);
    assert_eq!(ids(&list("?since=2026-01-01T00:00:00Z").await.json()).len(), 2);
    assert!(ids(&list("?since=2099-01-01T00:00:00Z").await.json()).is_empty());
    for (query, refused) in [
        ("?kind=rumour", "400 invalid_parameter"),
        ("?since=yesterday", "400 invalid_parameter"),
        ("?limit=0", "400 invalid_parameter"),
        ("?account=a%20b", "400 invalid_parameter"),
        ("?unit=D07", "400 unknown_parameter"),
    ] {
        assert_eq!(list(query).await.problem(), refused, "{query}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn c04_people_of_a_unit_see_what_readers_of_its_accounts_wrote() {
    let api = Api::start().await;
    written(&api, "W015", 1, Kind::Comment).await;
    assert_eq!(ids(&api.get("d07.xx", "/api/v1/messages?account=W015").await.json()).len(), 1);
    for path in ["/api/v1/messages", "/api/v1/messages?account=W000", "/api/v1/messages?account=none"] {
        assert_eq!(api.get("d07.xx", path).await.problem(), "403 forbidden_unit", "{path}");
    }
    assert_eq!(api.get("d08.xx", "/api/v1/messages?account=W015").await.problem(), "403 forbidden_unit");
    assert_eq!(api.send(Request::new("GET", "/api/v1/messages")).await.status, 401);
    assert_eq!(api.get("d07.xx", "/api/v1/intake").await.problem(), "403 forbidden");
    let intake = api.get("off.hg", "/api/v1/intake").await.json();
    let account = &intake["accounts"][0];
    assert_eq!((&intake["every_seconds"], &account["account"]), (&json!(300), &json!("W015")));
    assert!(account["pushed_at"].is_string() && account["polled_at"].is_null(), "{intake}");
}

#[tokio::test(flavor = "multi_thread")]
async fn p22_an_address_of_no_platform_says_nothing_of_why() {
    let api = Api::start().await;
    // One is of an account whose platform sends nothing, the others of none.
    let mut answers = Vec::new();
    for account in ["W000", "W999", "..%2fW000", "%00", ""] {
        for method in ["GET", "POST"] {
            let request =
                Request::new(method, &format!("/callback/{account}?signature=x&timestamp=1&nonce=1"));
            let answer = api.send(request.header("X-Request-Id", "r-1")).await;
            assert_eq!(answer.status, 404, "{method} {account}");
            answers.push(answer.text());
        }
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:#?}");
    assert_eq!(api.send(Request::new("PUT", "/callback/W000")).await.status, 405);
}

#[tokio::test(flavor = "multi_thread")]
async fn p22_what_is_too_long_or_no_text_is_refused_before_anybody_looks_at_it() {
    let api = Api::start().await;
    let push = |body: &[u8]| Request::new("POST", "/callback/W000").bytes_of("text/xml", body);
    assert_eq!(api.send(push(&vec![b'x'; (64 << 10) + 1])).await.problem(), "413 body_too_large");
    assert_eq!(api.send(push(&vec![b'x'; 64 << 10])).await.status, 404);
    assert_eq!(api.send(push(b"\xff\xfe<\0x\0")).await.problem(), "400 invalid_value");
    let told = push(b"").header("Content-Length", "10485760");
    assert_eq!(api.send(told).await.problem(), "413 body_too_large");
}

#[tokio::test(flavor = "multi_thread")]
async fn f98_platforms_and_people_have_room_of_their_own() {
    let none_for_platforms = Api::with(|options| options.callbacks = 0, "").await;
    let callback = || Request::new("POST", "/callback/W000");
    assert_eq!(none_for_platforms.send(callback()).await.problem(), "503 overloaded");
    assert_eq!(none_for_platforms.get("off.hg", "/api/v1/messages").await.status, 200);
    let page = none_for_platforms.send(Request::new("GET", "/metrics")).await.text();
    assert!(page.contains("juzhen_callbacks_total{end=\"overloaded\"} 1\n"), "{page}");
    let none_for_people = Api::with(|options| options.requests = 0, "").await;
    assert_eq!(none_for_people.send(callback()).await.status, 404);
    assert_eq!(none_for_people.get("off.hg", "/api/v1/messages").await.problem(), "503 overloaded");
}

//! Requests that are sent again (promise P21).

use serde_json::json;

use crate::support::{Api, Request, fresh, in_seconds, new_item, text};

fn submit(person: &str, key: &str, said: &str) -> Request {
    Request::new("POST", "/api/v1/items").of(person).header("Idempotency-Key", key).json(&new_item(said))
}

#[tokio::test(flavor = "multi_thread")]
async fn p21_the_same_request_ten_times_at_once_makes_one_item() {
    let api = Api::start().await;
    let key = fresh("key");
    let answers =
        futures_util::future::join_all((0..10).map(|_| api.send(submit("d07.xx", &key, "通知")))).await;
    assert!(
        answers.iter().all(|answer| answer.status == 201 && answer.body == answers[0].body),
        "{answers:?}"
    );
    let replayed = answers.iter().filter(|a| a.header("idempotency-replayed") == Some("true")).count();
    assert_eq!(replayed, 9);
    assert_eq!(api.get("off.hg", "/api/v1/items").await.json()["items"].as_array().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a24_another_body_under_the_same_key_is_refused_and_another_persons_key_is_another() {
    let api = Api::start().await;
    let key = fresh("key");
    let first = api.send(submit("d07.xx", &key, "通知")).await.json();
    assert_eq!(api.send(submit("d07.xx", &key, "另一条")).await.problem(), "422 key_reused");
    let office = Request::new("POST", "/api/v1/items").of("off.xx").header("Idempotency-Key", &key);
    let other = api.send(office.json(&json!({ "variants": { "weibo": { "text": "通知" } } }))).await;
    assert_eq!(other.status, 201);
    assert_ne!(other.json()["id"], first["id"]);
    assert_eq!(api.send(submit("d07.xx", &"k".repeat(1024), "通知")).await.problem(), "400 invalid_header");
}

#[tokio::test(flavor = "multi_thread")]
async fn p21_a_decision_that_is_sent_again_counts_once() {
    let api = Api::start().await;
    let item = api.submitted("通知").await;
    let path = format!("/api/v1/items/{}/decisions", text(&item["id"]));
    let body = json!({ "decision": "approve", "hash": item["hash"], "publish_at": in_seconds(3600) });
    let key = fresh("key");
    let request = || Request::new("POST", &path).of("off.hg").header("Idempotency-Key", &key).json(&body);
    let first = api.send(request()).await;
    assert_eq!((first.status, first.header("idempotency-replayed")), (200, None));
    let again = api.send(request()).await;
    assert_eq!((again.status, again.header("idempotency-replayed")), (200, Some("true")));
    assert_eq!(again.body, first.body);
    assert_eq!(again.json()["deliveries"].as_array().unwrap().len(), 1);
    let bare = Request::new("POST", &path).of("off.hg").json(&body);
    assert_eq!(api.send(bare).await.problem(), "409 bad_state");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_request_is_not_remembered() {
    let api = Api::start().await;
    let item = api.submitted("通知").await;
    let path = format!("/api/v1/items/{}/schedule", text(&item["id"]));
    let key = fresh("key");
    let request = || Request::new("POST", &path).of("off.hg").header("Idempotency-Key", &key).text("{}");
    assert_eq!(api.send(request()).await.problem(), "409 not_approved");
    api.decide("off.hg", &item, json!({})).await;
    assert_eq!(api.send(request()).await.json()["state"], "scheduled");
}

#[tokio::test(flavor = "multi_thread")]
async fn p21_an_act_on_a_delivery_that_is_sent_again_counts_once() {
    let api = Api::start().await;
    let item = api.scheduled("通知").await;
    let listed = api.get("off.hg", &format!("/api/v1/deliveries?item={}", text(&item["id"]))).await.json();
    let path = format!("/api/v1/deliveries/{}/hold", text(&listed["deliveries"][0]["id"]));
    let key = fresh("key");
    let request = |why: &str| {
        let request = Request::new("POST", &path).of("off.hg").header("Idempotency-Key", &key);
        request.json(&json!({ "reason": why }))
    };
    let first = api.send(request("风控")).await;
    assert_eq!((first.status, first.header("idempotency-replayed")), (200, None), "{first:?}");
    let again = api.send(request("风控")).await;
    assert_eq!((again.status, again.header("idempotency-replayed")), (200, Some("true")));
    assert_eq!(again.body, first.body);
    assert_eq!(api.send(request("另一个理由")).await.problem(), "422 key_reused");
}

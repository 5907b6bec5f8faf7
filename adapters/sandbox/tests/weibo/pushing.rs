//! What is pushed to an app: signed, tried three times, and open to answers for a while.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use juzhen_sandbox::EffectKind;
use reqwest::Method;
use serde_json::{Value, json};
use sha1::{Digest, Sha1};

use crate::client::{CITIZEN, OFFICE, Weibo, code};
use crate::common::{Stage, until};

/// What a receiver got: the query and the body.
type Heard = Arc<Mutex<Vec<(String, Value)>>>;

/// A receiver that takes what is pushed only the third time.
async fn receiver() -> (String, Heard) {
    let heard = Heard::default();
    let take = async |State(heard): State<Heard>, uri: Uri, body: String| {
        let mut heard = heard.lock().unwrap();
        heard.push((uri.query().unwrap_or_default().to_owned(), serde_json::from_str(&body).unwrap()));
        if heard.len() < 3 { StatusCode::BAD_GATEWAY } else { StatusCode::OK }
    };
    let router = Router::new().fallback(take).with_state(heard.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/callback/weibo?a=1", listener.local_addr().unwrap());
    // Ends with the test's runtime.
    tokio::spawn(async move { axum::serve(listener, router).await });
    (url, heard)
}

fn is_signed(query: &str, secret: &str) -> bool {
    let pairs: Vec<(&str, &str)> = query.split('&').filter_map(|pair| pair.split_once('=')).collect();
    let value = |name: &str| pairs.iter().find(|(known, _)| *known == name).unwrap().1;
    let mut parts = [secret, value("timestamp"), value("nonce")];
    parts.sort_unstable();
    let wanted: String = Sha1::digest(parts.concat()).iter().map(|byte| format!("{byte:02x}")).collect();
    value("signature") == wanted
}

#[tokio::test]
async fn what_a_citizen_writes_is_pushed_until_it_is_taken_and_may_then_be_answered() {
    let stage = Stage::new().await;
    let weibo = Weibo::of(&stage, OFFICE).await;
    let (url, heard) = receiver().await;
    let data = json!({ "text": "您好" }).to_string();
    let answer = [("type", "text"), ("receiver_id", CITIZEN), ("data", data.as_str())];
    assert_eq!(code(&weibo.post("2/messages/reply.json", &answer).await), (400, 20301), "nobody has written");
    let wrote = json!({ "uid": OFFICE, "from": CITIZEN, "text": "私信内容", "url": url });
    assert_eq!(stage.control(Method::POST, "weibo/messages", wrote).await.0, 202);
    until("the third attempt", || heard.lock().unwrap().len() == 3).await;
    for (query, body) in heard.lock().unwrap().iter() {
        assert!(query.starts_with("a=1&") && is_signed(query, "secret"), "{query}");
        assert_eq!(
            (&body["type"], &body["text"], &body["data"]),
            (&json!("text"), &json!("私信内容"), &json!({}))
        );
        assert_eq!(
            (&body["receiver_id"], &body["sender_id"]),
            (&json!(5_000_000_001_u64), &json!(5_000_000_777_u64))
        );
    }
    let (status, said) = weibo.post("c/2/messages/reply/biz.json", &answer).await;
    assert_eq!((status, said), (200, json!({ "result": true })));
    let effects = stage.handle.ledger_of(OFFICE).effects;
    assert_eq!(
        (effects[0].kind, effects[0].text.as_str(), effects[0].to.as_deref()),
        (EffectKind::Message, "您好", Some(CITIZEN))
    );
    let again = stage.handle.ledger();
    assert!(again.violations.is_empty());
}

#[tokio::test]
async fn a_forged_push_has_another_signature_and_opens_nothing() {
    let stage = Stage::new().await;
    let weibo = Weibo::of(&stage, OFFICE).await;
    let (url, heard) = receiver().await;
    let forged = json!({ "uid": OFFICE, "from": CITIZEN, "text": "x", "url": url, "forged": true });
    stage.control(Method::POST, "weibo/messages", forged).await;
    until("it is heard", || !heard.lock().unwrap().is_empty()).await;
    assert!(!is_signed(&heard.lock().unwrap()[0].0, "secret"));
    let answer = [("type", "text"), ("receiver_id", CITIZEN), ("data", "{\"text\":\"x\"}")];
    assert_eq!(code(&weibo.post("2/messages/reply.json", &answer).await), (400, 20301));
}

#[tokio::test]
async fn a_mention_may_be_answered_once_and_who_left_not_at_all() {
    let stage = Stage::new().await;
    let weibo = Weibo::of(&stage, OFFICE).await;
    let answer = async |text: &str| {
        let data = json!({ "text": text }).to_string();
        weibo
            .post("2/messages/reply.json", &[("type", "text"), ("receiver_id", CITIZEN), ("data", &data)])
            .await
    };
    let mention = json!({ "uid": OFFICE, "from": CITIZEN, "type": "mention", "text": "@示例区发布" });
    stage.control(Method::POST, "weibo/messages", mention).await;
    assert_eq!(answer("一").await.0, 200);
    assert_eq!(code(&answer("二").await), (400, 20301));
    let left = json!({ "uid": OFFICE, "from": CITIZEN, "type": "event", "data": { "subtype": "unfollow" } });
    stage.control(Method::POST, "weibo/messages", left).await;
    assert_eq!(code(&answer("三").await), (400, 20301));
}

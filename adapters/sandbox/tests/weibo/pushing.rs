//! What is pushed to an app: signed, tried three times, and open to answers for a while.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use juzhen_sandbox::EffectKind;
use reqwest::Method;
use serde_json::{Value, json};
use sha1::{Digest, Sha1};

use crate::client::{CITIZEN, KEY, OFFICE, Weibo, code, seeded};
use crate::common::{Stage, until};

/// What a receiver got: the query and the body.
type Heard = Arc<Mutex<Vec<(String, Value)>>>;

/// The usual app, whose pushes are tried again soon.
async fn impatient() -> Stage {
    seeded(
        "weibo:
  apps:
    - key: '1352222456'
      secret: secret
      redirect_uris: ['https://gov.example.cn/*']
      any_code: true
      push_patience_ms: 50
  accounts: [{ uid: '5000000001', name: 示例区发布 }]",
    )
    .await
}

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
    let stage = impatient().await;
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

#[tokio::test]
async fn a_receiver_proves_itself_by_the_word_that_it_was_sent() {
    let stage = Stage::new().await;
    let echo = async |uri: Uri| {
        let query = uri.query().unwrap_or_default();
        assert!(is_signed(query, "secret"), "{query}");
        query.split_once("echostr=").map(|(_, word)| word.to_owned()).unwrap_or_default()
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(echo)).await });
    let (_, said) = stage.control(Method::POST, "weibo/verify", json!({ "url": url })).await;
    assert_eq!(said, json!({ "verified": true }));
    let nobody = json!({ "url": "http://127.0.0.1:1/" });
    let (_, said) = stage.control(Method::POST, "weibo/verify", nobody).await;
    assert_eq!(said, json!({ "verified": false }));
}

#[tokio::test]
async fn an_account_that_takes_its_authorisation_back_loses_its_tokens_and_the_app_is_called() {
    let heard = Arc::new(Mutex::new(Vec::<String>::new()));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/revoked", listener.local_addr().unwrap());
    let take = async |State(heard): State<Arc<Mutex<Vec<String>>>>, uri: Uri| {
        heard.lock().unwrap().push(uri.query().unwrap_or_default().to_owned());
    };
    let router = Router::new().fallback(take).with_state(heard.clone());
    tokio::spawn(async move { axum::serve(listener, router).await });
    let yaml = format!(
        "weibo: {{ apps: [{{ key: '{KEY}', secret: secret, redirect_uris: ['https://gov.example.cn/*'], any_code: true, revoke_url: '{url}' }}] }}"
    );
    let stage = seeded(&yaml).await;
    let (first, second) = (Weibo::of(&stage, OFFICE).await, Weibo::of(&stage, CITIZEN).await);
    let (_, said) = first.post("oauth2/revokeoauth2", &[]).await;
    assert_eq!(said, json!({ "result": "true" }));
    let by_hand = json!({ "uid": CITIZEN, "app": KEY });
    assert_eq!(stage.control(Method::POST, "weibo/revoke", by_hand.clone()).await.0, 204);
    assert_eq!(stage.control(Method::POST, "weibo/revoke", by_hand).await.0, 404, "once");
    for weibo in [first, second] {
        assert_eq!(code(&weibo.get("2/account/get_uid.json", &[]).await), (403, 21332));
    }
    until("both calls", || heard.lock().unwrap().len() == 2).await;
    for (query, uid) in heard.lock().unwrap().iter().zip([OFFICE, CITIZEN]) {
        assert!(query.starts_with(&format!("source={KEY}&uid={uid}&auth_end=")), "{query}");
        assert_eq!(query.split_once("verification=").unwrap().1.len(), 32, "{query}");
    }
}

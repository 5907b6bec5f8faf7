//! What is pushed to an account's callback: signed, encrypted, three times, and what the answers mean.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aes::Aes256;
use axum::Router;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::routing::any;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cbc::cipher::block_padding::NoPadding;
use cbc::cipher::{BlockModeDecrypt as _, KeyIvInit as _};
use juzhen_sandbox::EffectKind;
use juzhen_sandbox::wechat::{CallbackMode, CallbackSeed, PushOutcome, WechatMessage};
use serde_json::json;
use sha1::{Digest as _, Sha1};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::client::{APPID, Client};
use crate::common::{read, until};

const TOKEN: &str = "pamtest";
/// In base64 with its padding the 43 characters of the key end in `A`, whose last bits are nothing, so a strict reader takes it.
const KEY: &str = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFA";

#[derive(Clone, Debug)]
struct Seen {
    query: HashMap<String, String>,
    body: String,
}

/// A callback that notes what comes and answers as it is told, each delivery the next answer.
struct Receiver {
    url: String,
    seen: Arc<Mutex<Vec<Seen>>>,
    _stop: DropGuard,
}

type Answers = Arc<dyn Fn(usize, &Seen) -> (u16, String, u64) + Send + Sync>;
type Desk = (Arc<Mutex<Vec<Seen>>>, Answers);

async fn receive(
    State((seen, answers)): State<Desk>,
    Query(query): Query<HashMap<String, String>>,
    body: String,
) -> (StatusCode, String) {
    let arrived = Seen { query, body };
    let place = {
        let mut seen = seen.lock().unwrap();
        seen.push(arrived.clone());
        seen.len() - 1
    };
    let (status, text, wait_ms) = answers(place, &arrived);
    tokio::time::sleep(Duration::from_millis(wait_ms)).await;
    (StatusCode::from_u16(status).unwrap(), text)
}

impl Receiver {
    async fn new(answers: impl Fn(usize, &Seen) -> (u16, String, u64) + Send + Sync + 'static) -> Self {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let desk: Desk = (seen.clone(), Arc::new(answers));
        let router = Router::new().route("/callback", any(receive)).with_state(desk);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/callback", listener.local_addr().unwrap());
        let stop = CancellationToken::new();
        let stopped = stop.clone().cancelled_owned();
        tokio::spawn(async move { axum::serve(listener, router).with_graceful_shutdown(stopped).await });
        Self { url, seen, _stop: stop.drop_guard() }
    }

    /// One that says `success` at once.
    async fn content() -> Self {
        Self::new(|_, _| (200, "success".into(), 0)).await
    }

    fn callback(&self, mode: CallbackMode) -> CallbackSeed {
        let (url, token, encoding_aes_key) = (self.url.clone(), TOKEN.into(), KEY.into());
        CallbackSeed { url, token, encoding_aes_key, mode, patience_ms: 5_000, copies: 1 }
    }

    fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

fn signed(parts: &[&str]) -> String {
    let mut parts = parts.to_vec();
    parts.sort_unstable();
    Sha1::digest(parts.concat()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The message in a push, opened by the book.
fn opened(seen: &Seen) -> String {
    let encrypt = between(&seen.body, "<Encrypt><![CDATA[", "]]></Encrypt>");
    let [timestamp, nonce] = ["timestamp", "nonce"].map(|name| seen.query[name].as_str());
    assert_eq!(seen.query["msg_signature"], signed(&[TOKEN, timestamp, nonce, encrypt]));
    assert_eq!(seen.query["encrypt_type"], "aes");
    let key = STANDARD.decode(format!("{KEY}=")).unwrap();
    let (key, iv): ([u8; 32], [u8; 16]) = (key[..].try_into().unwrap(), key[..16].try_into().unwrap());
    let sealed = STANDARD.decode(encrypt).unwrap();
    let plain = cbc::Decryptor::<Aes256>::new(&key.into(), &iv.into())
        .decrypt_padded_vec::<NoPadding>(&sealed)
        .unwrap();
    assert_eq!(plain.len() % 32, 0);
    let length = u32::from_be_bytes(plain[16..20].try_into().unwrap()) as usize;
    let padding = usize::from(*plain.last().unwrap());
    assert_eq!(&plain[20 + length..plain.len() - padding], APPID.as_bytes());
    String::from_utf8(plain[20..20 + length].to_vec()).unwrap()
}

fn between<'a>(text: &'a str, start: &str, end: &str) -> &'a str {
    let (_, rest) = text.split_once(start).unwrap_or_else(|| panic!("no {start} in {text}"));
    rest.split_once(end).unwrap().0
}

fn message(content: &str) -> WechatMessage {
    WechatMessage {
        appid: APPID.into(),
        openid: "o_reader".into(),
        content: Some(content.into()),
        ..WechatMessage::default()
    }
}

fn outcomes(client: &Client) -> Vec<(PushOutcome, u32)> {
    let pushes = client.stage.handle.wechat_pushes(APPID);
    pushes.into_iter().map(|push| (push.outcome, push.tries)).collect()
}

async fn all_ended(client: &Client) {
    until("every push has ended", || {
        let all = outcomes(client);
        !all.is_empty() && all.iter().all(|(outcome, _)| *outcome != PushOutcome::UnderWay)
    })
    .await;
}

#[tokio::test]
async fn a_publication_and_a_mass_send_end_with_an_event_that_is_signed_and_encrypted() {
    let receiver = Receiver::content().await;
    let client = Client::with(|account| account.callback = Some(receiver.callback(CallbackMode::Safe))).await;
    let done = client.published("通知", "x").await;
    until("the event has come", || receiver.seen().len() == 1).await;
    let seen = receiver.seen()[0].clone();
    assert!(seen.body.starts_with("<xml><ToUserName><![CDATA[gh_000000000000]]></ToUserName><Encrypt>"));
    let event = opened(&seen);
    assert_eq!(between(&event, "<Event><![CDATA[", "]]>"), "PUBLISHJOBFINISH");
    assert_eq!(between(&event, "<publish_id>", "</"), done["publish_id"].as_str().unwrap());
    assert_eq!(between(&event, "<publish_status>", "</"), "0");
    assert_eq!(between(&event, "<article_id><![CDATA[", "]]>"), done["article_id"].as_str().unwrap());
    let url = done["article_detail"]["item"][0]["article_url"].as_str().unwrap();
    assert_eq!(between(&event, "<article_url><![CDATA[", "]]>"), url);

    let draft = client.draft("群发", "x").await;
    let body =
        json!({ "filter": { "is_to_all": true }, "mpnews": { "media_id": draft }, "msgtype": "mpnews" });
    let sent = client.post("message/mass/sendall", body).await;
    until("the event has come", || receiver.seen().len() == 2).await;
    let event = opened(&receiver.seen()[1]);
    assert_eq!(between(&event, "<Event><![CDATA[", "]]>"), "MASSSENDJOBFINISH");
    assert_eq!(between(&event, "<MsgID>", "</"), sent["msg_id"].to_string());
    assert_eq!(between(&event, "<Status><![CDATA[", "]]>"), "send success");
    assert!(event.contains("<ArticleIdx>1</ArticleIdx>"), "{event}");
    all_ended(&client).await;
    assert_eq!(outcomes(&client), [(PushOutcome::Accepted, 1); 2]);
}

#[tokio::test]
async fn a_failed_publication_says_its_status_and_which_articles() {
    let receiver = Receiver::content().await;
    let client = Client::with(|account| {
        account.callback = Some(receiver.callback(CallbackMode::Plain));
        account.publish_status = 4;
    })
    .await;
    client.published("通知", "x").await;
    until("the event has come", || receiver.seen().len() == 1).await;
    let event = receiver.seen()[0].body.clone();
    assert!(event.contains("<publish_status>4</publish_status><fail_idx>1</fail_idx></PublishEventInfo>"));
    assert!(!event.contains("article_id"));
}

#[tokio::test]
async fn a_plain_push_is_signed_without_its_body_and_a_compatible_one_has_both() {
    let receiver = Receiver::content().await;
    let client =
        Client::with(|account| account.callback = Some(receiver.callback(CallbackMode::Plain))).await;
    assert!(client.stage.handle.wechat_message(&message("您好 ]]> 吗")));
    all_ended(&client).await;
    let seen = receiver.seen()[0].clone();
    let [timestamp, nonce] = ["timestamp", "nonce"].map(|name| seen.query[name].as_str());
    assert_eq!(seen.query["signature"], signed(&[TOKEN, timestamp, nonce]));
    assert_eq!((seen.query["openid"].as_str(), seen.query.get("msg_signature")), ("o_reader", None));
    assert!(seen.body.contains("<Content><![CDATA[您好 ]]]]><![CDATA[> 吗]]></Content>"), "{}", seen.body);
    let msg_id: u64 = between(&seen.body, "<MsgId>", "</").parse().unwrap();
    assert!(msg_id > 10_000_000_000_000_000);

    client.set(|account| account.callback = Some(receiver.callback(CallbackMode::Compatible)));
    client.stage.handle.wechat_message(&message("再问"));
    until("both have come", || receiver.seen().len() == 2).await;
    let seen = receiver.seen()[1].clone();
    assert!(seen.body.contains("<Content><![CDATA[再问]]></Content>"));
    assert!(opened(&seen).contains("<Content><![CDATA[再问]]></Content>"));
}

#[tokio::test]
async fn without_an_answer_in_time_a_push_comes_three_times_with_the_same_message_and_fresh_stamps() {
    let receiver = Receiver::new(|place, _| (200, "success".into(), if place < 2 { 2_000 } else { 0 })).await;
    let client = Client::with(|account| {
        account.callback = Some(CallbackSeed { patience_ms: 150, ..receiver.callback(CallbackMode::Safe) });
    })
    .await;
    client.stage.handle.wechat_message(&message("您好"));
    all_ended(&client).await;
    let seen = receiver.seen();
    assert_eq!(seen.len(), 3);
    assert_eq!(opened(&seen[0]), opened(&seen[2]));
    assert_ne!(seen[0].query["nonce"], seen[1].query["nonce"]);
    let last = outcomes(&client)[0];
    // The machine may be so slow that the third answer, too, came late.
    assert!(matches!(last, (PushOutcome::Accepted | PushOutcome::Unanswered, 3)), "{last:?}");
}

#[tokio::test]
async fn nobody_at_home_is_tried_three_times_and_a_strange_answer_once() {
    let client = Client::new().await;
    let absent = |account: &mut juzhen_sandbox::wechat::AccountSeed| {
        let (token, encoding_aes_key) = (TOKEN.into(), KEY.into());
        let url = "http://127.0.0.1:1/callback".into();
        let (mode, patience_ms, copies) = (CallbackMode::Safe, 50, 1);
        account.callback = Some(CallbackSeed { url, token, encoding_aes_key, mode, patience_ms, copies });
    };
    client.set(absent);
    client.stage.handle.wechat_message(&message("您好"));
    all_ended(&client).await;
    for (status, text) in [(200, "{\"ok\":true}"), (403, ""), (200, "<xml><Encrypt>x</Encrypt></xml>")] {
        let receiver = Receiver::new(move |_, _| (status, text.to_owned(), 0)).await;
        client.set(|account| account.callback = Some(receiver.callback(CallbackMode::Safe)));
        client.stage.handle.wechat_message(&message("您好"));
        all_ended(&client).await;
    }
    let banner = (PushOutcome::Banner, 1);
    assert_eq!(outcomes(&client), [(PushOutcome::Unanswered, 3), banner, banner, banner]);
}

#[tokio::test]
async fn a_passive_reply_stands_in_the_ledger_as_a_message_to_the_user() {
    let reply = "<xml><ToUserName><![CDATA[o_reader]]></ToUserName><FromUserName><![CDATA[gh_000000000000]]></FromUserName>\
                 <CreateTime>1713424427</CreateTime><MsgType><![CDATA[text]]></MsgType><Content><![CDATA[收到]]></Content></xml>";
    let receiver = Receiver::new(|_, _| (200, reply.to_owned(), 0)).await;
    let client =
        Client::with(|account| account.callback = Some(receiver.callback(CallbackMode::Plain))).await;
    client.stage.handle.wechat_message(&message("您好"));
    all_ended(&client).await;
    assert_eq!(outcomes(&client), [(PushOutcome::Replied, 1)]);
    let [said] = &client.effects(EffectKind::Message)[..] else { panic!("one message") };
    assert_eq!((said.text.as_str(), said.to.as_deref()), ("收到", Some("o_reader")));
    // The same in clear is no answer where all is encrypted.
    client.set(|account| account.callback = Some(receiver.callback(CallbackMode::Safe)));
    client.stage.handle.wechat_message(&message("您好"));
    all_ended(&client).await;
    assert_eq!(outcomes(&client)[1], (PushOutcome::Banner, 1));
}

#[tokio::test]
async fn what_a_user_sends_may_be_of_any_kind() {
    let receiver = Receiver::content().await;
    let client =
        Client::with(|account| account.callback = Some(receiver.callback(CallbackMode::Plain))).await;
    let fields = [("Location_X", "23.1"), ("Location_Y", "113.3"), ("Label", "示例街道"), ("<b>", "x")];
    let place = WechatMessage {
        kind: Some("location".into()),
        fields: fields.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        ..message("")
    };
    assert!(client.stage.handle.wechat_message(&place));
    all_ended(&client).await;
    let body = &receiver.seen()[0].body;
    assert!(body.contains("<MsgType><![CDATA[location]]></MsgType>"), "{body}");
    assert!(body.contains("<Label><![CDATA[示例街道]]></Label>") && body.contains("<MsgId>"), "{body}");
    assert!(!body.contains("Content") && !body.contains("<b>"), "{body}");
}

#[tokio::test]
async fn the_callback_proves_itself_with_the_echo() {
    let receiver = Receiver::new(|_, seen| (200, seen.query["echostr"].clone(), 0)).await;
    let client = Client::with(|account| account.callback = Some(receiver.callback(CallbackMode::Safe))).await;
    let verify = || client.stage.control(reqwest::Method::POST, "wechat/verify", json!({ "appid": APPID }));
    assert_eq!(verify().await, (200, json!({ "verified": true })));
    let seen = receiver.seen()[0].clone();
    let [timestamp, nonce] = ["timestamp", "nonce"].map(|name| seen.query[name].as_str());
    assert_eq!(seen.query["signature"], signed(&[TOKEN, timestamp, nonce]));
    let other = Receiver::content().await;
    client.set(|account| account.callback = Some(other.callback(CallbackMode::Safe)));
    assert_eq!(verify().await, (200, json!({ "verified": false })));
}

#[tokio::test]
async fn events_are_lost_or_doubled_as_the_account_says_and_pushes_are_told() {
    let receiver = Receiver::content().await;
    let client = Client::with(|account| {
        account.callback = Some(CallbackSeed { copies: 2, ..receiver.callback(CallbackMode::Plain) });
    })
    .await;
    client.published("一", "x").await;
    until("two came", || receiver.seen().len() == 2).await;
    assert_eq!(receiver.seen()[0].body, receiver.seen()[1].body);
    all_ended(&client).await;
    client.set(|account| {
        account.callback = Some(CallbackSeed { copies: 0, ..receiver.callback(CallbackMode::Plain) });
    });
    client.published("二", "x").await;
    let url = format!("{}control/wechat/pushes?appid={APPID}", client.stage.handle.page_url());
    let (_, told) = read(client.stage.client.get(url)).await;
    let push = json!({ "what": "PUBLISHJOBFINISH", "tries": 1, "outcome": "accepted" });
    assert_eq!(told, json!({ "pushes": [push, push] }));
}

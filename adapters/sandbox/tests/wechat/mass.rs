//! Mass sends: once for each key, so many a day, with what an administrator says.

use juzhen_sandbox::wechat::Kind;
use juzhen_sandbox::{AsyncOutcome, EffectKind, EffectState, Fault, Rule};
use serde_json::{Value, json};

use crate::client::{Client, code};
use crate::common::until;

const KEY: &str = "d41d8cd98f00b204e9800998ecf8427e";

fn to_all(media_id: &str, key: &str) -> Value {
    json!({
        "filter": { "is_to_all": true },
        "mpnews": { "media_id": media_id },
        "msgtype": "mpnews",
        "send_ignore_reprint": 0,
        "clientmsgid": key,
    })
}

async fn send(client: &Client, body: Value) -> Value {
    client.post("message/mass/sendall", body).await
}

async fn status(client: &Client, msg_id: &Value) -> Value {
    client.post("message/mass/get", json!({ "msg_id": msg_id })).await["msg_status"].clone()
}

async fn settled(client: &Client, msg_id: &Value) -> Value {
    let began = std::time::Instant::now();
    loop {
        let now = status(client, msg_id).await;
        if now != "SENDING" {
            return now;
        }
        assert!(began.elapsed() < crate::common::PATIENCE);
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn f57_a_key_sends_once_in_24_hours_and_tells_its_job_after_a_minute() {
    let client = Client::with(|account| account.mass_per_day = Some(9)).await;
    let body = to_all(&client.draft("通知", "x").await, KEY);
    let sent = send(&client, body.clone()).await;
    assert_eq!(sent["errmsg"], "send job submission success");
    assert!(sent["msg_id"].as_u64().unwrap() > 3_147_483_649 && sent["msg_data_id"].is_u64());
    assert_eq!(settled(&client, &sent["msg_id"]).await, "SEND_SUCCESS");

    let early = send(&client, body.clone()).await;
    assert_eq!((code(&early), early.get("msg_id")), (45066, None));
    client.stage.handle.wechat_advance(61);
    let known = send(&client, body).await;
    assert_eq!((code(&known), &known["msg_id"], known.get("msg_data_id")), (45065, &sent["msg_id"], None));
    assert_eq!(client.effects(EffectKind::Post).len(), 1);
    let post = &client.effects(EffectKind::Post)[0];
    assert_eq!((post.state, post.request.idempotency_key.as_deref()), (EffectState::Standing, Some(KEY)));

    client.stage.handle.wechat_advance(24 * 3_600);
    let mut client = client;
    client.token = client.stable_token(false).await["access_token"].as_str().unwrap().to_owned();
    let again = to_all(&client.draft("通知", "x").await, KEY);
    assert_eq!(code(&send(&client, again).await), 0, "a day later the key protects nothing");
    assert_eq!(client.stage.handle.ledger().violations.len(), 1);
}

#[tokio::test]
async fn without_a_key_the_same_content_to_the_same_people_is_known_too() {
    let client = Client::with(|account| account.mass_per_day = Some(9)).await;
    let text = |tag: Value| json!({ "filter": tag, "text": { "content": "停水" }, "msgtype": "text" });
    let all = json!({ "is_to_all": true });
    let sent = send(&client, text(all.clone())).await;
    assert!(code(&sent) == 0 && sent.get("msg_data_id").is_none(), "{sent}");
    assert_eq!(code(&send(&client, text(all)).await), 45066);
    assert_eq!(code(&send(&client, text(json!({ "is_to_all": false, "tag_id": "2" }))).await), 0);
    assert_eq!(code(&send(&client, text(json!({ "is_to_all": false, "tag_id": 9 }))).await), 40152);
}

#[tokio::test]
async fn f62_one_send_a_day_and_of_a_service_account_four_a_month() {
    let mut client = Client::new().await;
    let text = |words: String| json!({ "filter": { "is_to_all": true }, "text": { "content": words }, "msgtype": "text" });
    assert_eq!(code(&send(&client, text("一".into())).await), 0);
    assert_eq!(code(&send(&client, text("二".into())).await), 45028);
    client.set(|account| account.kind = Kind::Service);
    let mut sent = 1;
    for day in 0..5 {
        client.stage.handle.wechat_advance(86_400);
        client.token = client.stable_token(false).await["access_token"].as_str().unwrap().to_owned();
        sent += i32::from(code(&send(&client, text(format!("三{day}"))).await) == 0);
    }
    // Where the month turns within these days, the next four begin.
    assert!((4..=6).contains(&sent), "{sent}");
}

#[tokio::test]
async fn a_send_that_fails_says_so_and_does_not_count() {
    let client = Client::with(|account| account.mass_status = "err(20001)".into()).await;
    let draft = client.draft("通知", "x").await;
    let sent = send(&client, to_all(&draft, KEY)).await;
    assert_eq!(settled(&client, &sent["msg_id"]).await, "SEND_FAIL");
    assert_eq!(client.effects(EffectKind::Post)[0].state, EffectState::Refused);
    let other = to_all(&draft, "another key");
    assert_eq!(
        code(&send(&client, other).await),
        0,
        "nothing of the day's quota is gone, and the draft is there"
    );
}

#[tokio::test]
async fn f64_an_administrator_confirms_or_refuses_and_the_key_waits_with_him() {
    for (outcome, end) in [(AsyncOutcome::Published, "SEND_SUCCESS"), (AsyncOutcome::Refused, "SEND_FAIL")] {
        let client = Client::new().await;
        client.stage.fault(Rule::new(Fault::AdminConfirms { ms: 400, outcome }).times(1));
        let body = to_all(&client.draft("通知", "x").await, KEY);
        assert_eq!(code(&send(&client, body.clone()).await), 89505);
        client.stage.handle.wechat_advance(61);
        assert_eq!(code(&send(&client, body.clone()).await), 89504);
        let wanted = if end == "SEND_SUCCESS" { EffectState::Standing } else { EffectState::Refused };
        until("the administrator has decided", || client.effects(EffectKind::Post)[0].state == wanted).await;
        let known = send(&client, body).await;
        assert_eq!(code(&known), 45065);
        assert_eq!(status(&client, &known["msg_id"]).await, end);
    }
}

#[tokio::test]
async fn the_first_answer_may_say_that_the_key_is_known_although_it_went_out_now() {
    let client = Client::with(|account| account.first_send_says = Some(45065)).await;
    let first = send(&client, to_all(&client.draft("通知", "x").await, KEY)).await;
    assert_eq!(code(&first), 45065);
    assert_eq!(settled(&client, &first["msg_id"]).await, "SEND_SUCCESS");
    assert_eq!(client.effects(EffectKind::Post).len(), 1);
}

#[tokio::test]
async fn a_sent_article_is_deleted_by_its_number_or_address() {
    let client = Client::new().await;
    let sent = send(&client, to_all(&client.draft("通知", "x").await, KEY)).await;
    let delete = |idx: i64| json!({ "msg_id": sent["msg_id"], "article_idx": idx });
    assert_eq!(code(&client.post("message/mass/delete", delete(1)).await), 40035, "not sent yet");
    settled(&client, &sent["msg_id"]).await;
    assert_eq!(code(&client.post("message/mass/delete", delete(2)).await), 40060);
    assert_eq!(code(&client.post("message/mass/delete", delete(1)).await), 0);
    assert_eq!(status(&client, &sent["msg_id"]).await, "DELETE");
    assert_eq!(client.effects(EffectKind::Post)[0].state, EffectState::Retracted);
}

#[tokio::test]
async fn a_list_of_openids_is_for_service_accounts_and_a_preview_publishes_nothing() {
    let client = Client::with(|account| account.followers = vec!["o1".into()]).await;
    let to = |list: Value| json!({ "touser": list, "text": { "content": "x" }, "msgtype": "text" });
    assert_eq!(code(&client.post("message/mass/send", to(json!(["o1", "o2"]))).await), 48001);
    client.set(|account| account.kind = Kind::Service);
    assert_eq!(code(&client.post("message/mass/send", to(json!(["o1"]))).await), 40130);
    assert_eq!(code(&client.post("message/mass/send", to(json!(["o1", "o2"]))).await), 0);
    let preview = client.post("message/mass/preview", to(json!("o1"))).await;
    assert_eq!((code(&preview), &preview["errmsg"]), (0, &json!("preview success")));
    assert_eq!(code(&client.post("message/mass/preview", to(json!("o2"))).await), 40003);
    assert_eq!(client.effects(EffectKind::Post).len(), 1);
}

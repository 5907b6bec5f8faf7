//! Comments and customer messages.

use juzhen_sandbox::EffectKind;
use juzhen_sandbox::wechat::{WechatComment, WechatMessage};
use serde_json::{Value, json};

use crate::client::{APPID, Client, code};

/// A client with one published article that takes comments, and its `msg_data_id`.
async fn with_article() -> (Client, u64) {
    let client = Client::new().await;
    let article = json!({
        "title": "通知", "content": "x", "thumb_media_id": client.thumb().await, "need_open_comment": 1,
    });
    let draft = client.post("draft/add", json!({ "articles": [article] })).await;
    let submitted = client.post("freepublish/submit", json!({ "media_id": draft["media_id"] })).await;
    client.ended(submitted["publish_id"].as_str().unwrap()).await;
    let id = submitted["msg_data_id"].as_u64().unwrap();
    (client, id)
}

fn written(client: &Client, msg_data_id: u64, openid: Option<&str>, content: &str) -> Option<u64> {
    let (openid, content) = (openid.map(str::to_owned), content.to_owned());
    let comment = WechatComment { appid: APPID.into(), msg_data_id, index: 0, openid, content };
    client.stage.handle.wechat_comment(&comment)
}

#[tokio::test]
async fn comments_are_listed_elected_answered_once_and_deleted() {
    let (client, id) = with_article().await;
    let first = written(&client, id, Some("o1"), "几点来水").unwrap();
    written(&client, id, None, "谢谢").unwrap();
    let list = |kind: i64| json!({ "msg_data_id": id, "index": 0, "begin": 0, "count": 49, "type": kind });
    let all = client.post("comment/list", list(0)).await;
    assert_eq!((&all["errcode"], &all["total"]), (&json!(0), &json!(2)));
    assert_eq!(all["comment"][0]["openid"], "o1");
    assert!(all["comment"][1].get("openid").is_none() && all["comment"][0].get("reply").is_none());

    let on = |path: &'static str, extra: Value| {
        let mut body = json!({ "msg_data_id": id, "index": 0, "user_comment_id": first });
        body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        client.post(path, body)
    };
    assert_eq!(code(&on("comment/markelect", json!({})).await), 0);
    assert_eq!(client.post("comment/list", list(2)).await["total"], 1);
    assert_eq!(code(&on("comment/unmarkelect", json!({})).await), 0);
    assert_eq!(client.post("comment/list", list(1)).await["total"], 2);
    assert_eq!(code(&on("comment/reply/delete", json!({})).await), 88009);
    assert_eq!(code(&on("comment/reply/add", json!({ "content": " " })).await), 88007);
    assert_eq!(code(&on("comment/reply/add", json!({ "content": "下午五点" })).await), 0);
    assert_eq!(code(&on("comment/reply/add", json!({ "content": "下午五点" })).await), 88005);
    let answered = client.post("comment/list", list(0)).await;
    assert_eq!(answered["comment"][0]["reply"]["content"], "下午五点");
    client.set(|account| account.odd_shapes = true);
    assert_eq!(client.post("comment/list", list(0)).await["comment"][0]["reply"][0]["content"], "下午五点");

    let [reply] = &client.effects(EffectKind::Comment)[..] else { panic!("one answer") };
    assert_eq!((reply.text.as_str(), reply.to.as_deref()), ("下午五点", Some(first.to_string().as_str())));
    assert_eq!(reply.origin_id.as_deref(), Some(client.effects(EffectKind::Post)[0].id.as_str()));
    assert_eq!(code(&on("comment/delete", json!({})).await), 0);
    assert_eq!(code(&on("comment/delete", json!({})).await), 88008);
}

#[tokio::test]
async fn a_list_has_at_most_49_and_what_is_not_there_or_not_allowed_is_said() {
    let (client, id) = with_article().await;
    let list = |id: Value, count: i64| json!({ "msg_data_id": id, "index": 0, "begin": 0, "count": count, "type": 0 });
    for (count, wanted) in [(0, 88010), (50, 88010), (1, 0), (49, 0)] {
        assert_eq!(code(&client.post("comment/list", list(json!(id), count)).await), wanted, "{count}");
    }
    assert_eq!(code(&client.post("comment/list", list(json!(id.to_string()), 9)).await), 0, "as a string");
    let unknown = client.post("comment/list", list(json!(1), 9)).await;
    assert_eq!((code(&unknown), &unknown["total"], &unknown["comment"]), (88001, &json!(0), &json!([])));
    let article = json!({ "msg_data_id": id, "index": 0 });
    assert_eq!(code(&client.post("comment/close", article.clone()).await), 0);
    assert_eq!(written(&client, id, None, "x"), None);
    assert_eq!(code(&client.post("comment/open", article.clone()).await), 0);
    assert!(written(&client, id, None, "x").is_some());
    client.set(|account| account.comments = false);
    assert_eq!(code(&client.post("comment/open", article).await), 88000);
}

#[tokio::test]
async fn five_customer_messages_go_within_48_hours_of_a_message_of_the_user() {
    let mut client = Client::with(|account| account.followers = vec!["o1".into()]).await;
    let said = |words: String| json!({ "touser": "o1", "msgtype": "text", "text": { "content": words } });
    assert_eq!(code(&client.post("message/custom/send", said("一".into())).await), 45015);
    let wrote = WechatMessage {
        appid: APPID.into(),
        openid: "o1".into(),
        content: Some("您好".into()),
        ..WechatMessage::default()
    };
    assert!(client.stage.handle.wechat_message(&wrote));
    for count in 0..5 {
        assert_eq!(code(&client.post("message/custom/send", said(format!("答{count}"))).await), 0);
    }
    assert_eq!(code(&client.post("message/custom/send", said("六".into())).await), 45047);
    client.stage.handle.wechat_message(&wrote);
    assert_eq!(code(&client.post("message/custom/send", said("字".repeat(682))).await), 0, "2046 bytes");
    assert_eq!(code(&client.post("message/custom/send", said("字".repeat(683))).await), 45002, "2049 bytes");
    client.stage.handle.wechat_advance(48 * 3_600);
    client.token = client.stable_token(false).await["access_token"].as_str().unwrap().to_owned();
    assert_eq!(code(&client.post("message/custom/send", said("晚".into())).await), 45015);
    let messages = client.effects(EffectKind::Message);
    assert_eq!((messages.len(), messages[0].to.as_deref()), (6, Some("o1")));

    let to = |openid: &str| json!({ "touser": openid, "msgtype": "text", "text": { "content": "x" } });
    assert_eq!(code(&client.post("message/custom/send", to("o9")).await), 40003);
    client.stage.handle.wechat_message(&WechatMessage {
        content: None,
        event: Some("unsubscribe".into()),
        ..wrote.clone()
    });
    assert_eq!(code(&client.post("message/custom/send", to("o1")).await), 43004);
    let typing = |command: &str| json!({ "touser": "o1", "command": command });
    assert_eq!(code(&client.post("message/custom/typing", typing("Typing")).await), 45080, "wrote long ago");
    assert_eq!(code(&client.post("message/custom/typing", typing("Waving")).await), 45072);
}

#[tokio::test]
async fn following_allows_three_messages_in_a_minute_and_other_kinds_are_checked() {
    let client = Client::new().await;
    let followed = WechatMessage {
        appid: APPID.into(),
        openid: "o2".into(),
        event: Some("subscribe".into()),
        ..WechatMessage::default()
    };
    client.stage.handle.wechat_message(&followed);
    let done = client.published("通知", "x").await;
    let cases = [
        (json!({ "msgtype": "mpnewsarticle", "mpnewsarticle": { "article_id": done["article_id"] } }), 0),
        (json!({ "msgtype": "mpnewsarticle", "mpnewsarticle": { "article_id": "none" } }), 53600),
        (json!({ "msgtype": "image", "image": { "media_id": client.thumb().await } }), 0),
        (json!({ "msgtype": "image", "image": { "media_id": "none" } }), 40007),
        (json!({ "msgtype": "news", "news": { "articles": [{}, {}] } }), 45008),
        (json!({ "msgtype": "smoke", "smoke": {} }), 40008),
        (json!({ "msgtype": "msgmenu", "msgmenu": { "list": [] } }), 0),
        (json!({ "msgtype": "text", "text": { "content": "四" } }), 45047),
    ];
    for (mut body, wanted) in cases {
        body["touser"] = json!("o2");
        assert_eq!(code(&client.post("message/custom/send", body.clone()).await), wanted, "{body}");
    }
}

//! Comments: what citizens write, what offices answer, who may take what back.

use juzhen_sandbox::{EffectKind, EffectState};
use reqwest::Method;
use serde_json::json;

use crate::client::{CITIZEN, OFFICE, STREET, Weibo, code};
use crate::common::Stage;

/// A citizen comments by hand; the answer is the comment's id.
async fn asked(stage: &Stage, post: &str, text: &str) -> String {
    let body = json!({ "uid": CITIZEN, "status": post, "text": text });
    let (status, created) = stage.control(Method::POST, "weibo/comments", body).await;
    assert_eq!(status, 201, "{created}");
    created["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_citizens_question_is_found_and_answered() {
    let stage = Stage::new().await;
    let weibo = Weibo::of(&stage, OFFICE).await;
    let post = weibo.share("停水").await["idstr"].as_str().unwrap().to_owned();
    let cid = asked(&stage, &post, "请问几点恢复供水？").await;
    let (_, unread) = weibo.get("2/remind/unread_count.json", &[("uid", OFFICE)]).await;
    assert_eq!((&unread["cmt"], &unread["mention_cmt"]), (&json!(1), &json!(0)));
    let (status, list) = weibo.get("2/comments/show.json", &[("id", &post)]).await;
    assert_eq!(status, 200, "{list}");
    assert_eq!((&list["total_number"], &list["status"]["idstr"]), (&json!(1), &json!(post)));
    let question = &list["comments"][0];
    assert_eq!((&question["idstr"], &question["text"]), (&json!(cid), &json!("请问几点恢复供水？")));
    assert_eq!((&question["rootidstr"], &question["user"]["idstr"]), (&json!(cid), &json!(CITIZEN)));
    assert_eq!(weibo.get("2/remind/unread_count.json", &[]).await.1["cmt"], 0);

    let form = [("cid", cid.as_str()), ("id", &post), ("comment", "您好，预计17时恢复供水。")];
    let (status, answer) = weibo.post("2/comments/reply.json", &form).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(answer["text"], "回复@示例市民:您好，预计17时恢复供水。");
    assert_eq!(answer["reply_comment"]["idstr"], cid.as_str());
    assert!(answer["reply_comment"]["status"].is_null() && answer["status"]["idstr"] == json!(post));
    assert_eq!(answer["rootidstr"], cid.as_str());
    assert_eq!(code(&weibo.post("2/comments/reply.json", &form).await), (400, 20019));
    let plain = [("cid", cid.as_str()), ("id", &post), ("comment", "已恢复"), ("without_mention", "1")];
    assert_eq!(weibo.post("c/2/comments/reply/biz.json", &plain).await.1["text"], "已恢复");
    let (_, list) = weibo.get("2/comments/by_me.json", &[]).await;
    let texts: Vec<_> =
        list["comments"].as_array().unwrap().iter().map(|one| one["text"].as_str().unwrap()).collect();
    assert_eq!(texts, ["已恢复", "回复@示例市民:您好，预计17时恢复供水。"], "newest first");
    let (_, list) = weibo.get("c/2/comments/to_me/biz.json", &[]).await;
    assert_eq!((&list["total_number"], &list["comments"][0]["idstr"]), (&json!(1), &json!(cid)));
    assert_eq!(weibo.get("2/comments/timeline.json", &[("count", "2")]).await.1["total_number"], 3);
    let (_, batch) = weibo.get("c/2/comments/show_batch/biz/new.json", &[("cids", &cid)]).await;
    assert_eq!(batch[0]["idstr"], cid.as_str());

    let effects = stage.handle.ledger_of(OFFICE).effects;
    let answered = &effects[1];
    assert_eq!((answered.kind, answered.text.as_str()), (EffectKind::Comment, "您好，预计17时恢复供水。"));
    assert_eq!(
        (answered.origin_id.as_deref(), answered.to.as_deref()),
        (Some(post.as_str()), Some(cid.as_str()))
    );
}

#[tokio::test]
async fn comments_name_people_and_go_under_roots() {
    let stage = Stage::new().await;
    let (office, street) = (Weibo::of(&stage, OFFICE).await, Weibo::of(&stage, STREET).await);
    let root = office.share("原文").await["idstr"].as_str().unwrap().to_owned();
    let (_, repost) = street.post("2/statuses/repost.json", &[("id", &root)]).await;
    let form =
        [("id", repost["idstr"].as_str().unwrap()), ("comment", "@示例区发布 请看"), ("comment_ori", "1")];
    let (status, comment) = street.post("2/comments/create.json", &form).await;
    assert_eq!((status, comment["user"]["idstr"].as_str()), (200, Some(STREET)), "{comment}");
    assert_eq!(office.get("2/comments/show.json", &[("id", &root)]).await.1["total_number"], 1);
    let (_, naming) = office.get("2/comments/mentions.json", &[]).await;
    assert_eq!(naming["total_number"], 2);
}

#[tokio::test]
async fn comments_are_refused_as_weibo_does() {
    let stage = Stage::new().await;
    let (office, street) = (Weibo::of(&stage, OFFICE).await, Weibo::of(&stage, STREET).await);
    let post = office.share("原文").await["idstr"].as_str().unwrap().to_owned();
    let cid = asked(&stage, &post, "问").await;
    let long = "长".repeat(141);
    let create = async |text: &str| {
        code(&street.post("2/comments/create.json", &[("id", &post), ("comment", text)]).await)
    };
    assert_eq!(create("").await, (400, 10016));
    assert_eq!(create(" ").await, (400, 20008));
    assert_eq!(create(&long).await, (400, 20013));
    let reply = |cid: &str, text: &str| {
        let form = [("cid", cid.to_owned()), ("id", post.clone()), ("comment", text.to_owned())];
        let street = &street;
        async move {
            let form: Vec<_> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
            street.post("2/comments/reply.json", &form).await
        }
    };
    assert_eq!(code(&reply("1", "x").await), (400, 20201));
    assert_eq!(code(&reply(&cid, "#话题#").await), (400, 20202));
    let (_, own) = reply(&cid, "好").await;
    let own = own["idstr"].as_str().unwrap();
    // One's own, or anybody's under one's own post.
    assert_eq!(code(&street.post("2/comments/destroy.json", &[("cid", &cid)]).await), (400, 20203));
    let (status, gone) = street.post("2/comments/destroy.json", &[("cid", own)]).await;
    assert_eq!((status, gone["idstr"].as_str()), (200, Some(own)));
    assert_eq!(code(&street.post("c/2/comments/destroy/biz.json", &[("cid", own)]).await), (400, 20201));
    let (status, gone) = office.post("2/comments/destroy_batch.json", &[("cids", &cid)]).await;
    assert_eq!((status, gone[0]["idstr"].as_str()), (200, Some(&*cid)));
    let effects = stage.handle.ledger_of(STREET).effects;
    assert_eq!((effects[0].state, effects[1].kind), (EffectState::Retracted, EffectKind::Retract));
}

//! Drafts and publishing: what is kept, what the public sees, what stands in the ledger.

use juzhen_sandbox::wechat::{Kind, article_text};
use juzhen_sandbox::{EffectKind, EffectState, Expectation};
use serde_json::{Value, json};

use crate::client::{APPID, Client, code};
use crate::common::read;

#[tokio::test]
async fn a_draft_is_published_and_the_ledger_has_what_a_reader_sees() {
    let client = Client::new().await;
    let html = "<p>今天 停水&amp;停电</p>\n<p>请注意<br>保管</p><script>x</script>";
    client.stage.handle.expect([Expectation::of(APPID, "通知", &article_text(html))]).unwrap();
    let draft = client.draft("通知", html).await;
    let submitted = client.post("freepublish/submit", json!({ "media_id": draft })).await;
    assert_eq!((code(&submitted), submitted["errmsg"].as_str()), (0, Some("ok")));
    let publish_id = submitted["publish_id"].as_str().unwrap();
    assert!(submitted["msg_data_id"].as_u64().unwrap() >= 2_247_483_648);

    let done = client.ended(publish_id).await;
    assert_eq!((&done["publish_status"], &done["fail_idx"]), (&json!(0), &json!([])));
    assert_eq!(code(&client.post("draft/get", json!({ "media_id": draft })).await), 40007, "it is used up");

    let [post] = &client.effects(EffectKind::Post)[..] else { panic!("one post") };
    assert_eq!((post.title.as_deref(), post.text.as_str()), (Some("通知"), "今天 停水&停电\n请注意\n保管"));
    assert_eq!(post.link.as_deref(), Some("https://gov.example.cn/a?wxid=1-1"));
    assert_eq!((post.platform.as_str(), post.state), ("wechat", EffectState::Standing));
    let ledger = client.stage.handle.ledger();
    assert_eq!((ledger.violations.len(), ledger.expectations[0].seen), (0, 1));

    let url = done["article_detail"]["item"][0]["article_url"].as_str().unwrap();
    let page = client.stage.client.get(url).send().await.unwrap();
    assert_eq!(page.headers()["location"], format!("/posts/{}", post.id).as_str());
    let (status, page) = client.stage.page(&format!("posts/{}", post.id)).await;
    assert!(status == 200 && page.contains("今天 停水&amp;停电"), "{page}");
    let (_, page) = client.stage.page(&format!("accounts/{APPID}")).await;
    assert!(page.contains("公众号") && page.contains("微信公众号"), "{page}");
}

#[tokio::test]
async fn what_was_published_is_listed_read_and_deleted() {
    let client = Client::new().await;
    for title in ["一", "二", "三"] {
        client.published(title, "<p>正文</p>").await;
    }
    let list = client.post("freepublish/batchget", json!({ "offset": 1, "count": 1, "no_content": 1 })).await;
    assert_eq!((&list["total_count"], &list["item_count"]), (&json!(3), &json!(1)));
    let item = &list["item"][0];
    assert_eq!(item["content"]["news_item"][0]["title"], "二");
    assert!(item["content"]["news_item"][0].get("content").is_none(), "{item}");

    let id = item["article_id"].as_str().unwrap();
    assert!((43..=44).contains(&id.len()));
    let article = client.post("freepublish/getarticle", json!({ "article_id": id })).await;
    assert_eq!(article["news_item"][0]["content"], "<p>正文</p>");
    assert_eq!(article["news_item"][0]["is_deleted"], false);
    let delete = json!({ "article_id": id, "index": 1 });
    assert_eq!(code(&client.post("freepublish/delete", delete.clone()).await), 0);
    assert_eq!(code(&client.post("freepublish/delete", delete).await), 53600);
    let list = client.post("freepublish/batchget", json!({ "offset": 0, "count": 20 })).await;
    assert_eq!(list["total_count"], 2);
    let posts = client.effects(EffectKind::Post);
    assert_eq!(posts[1].state, EffectState::Retracted);
    assert_eq!(client.effects(EffectKind::Retract)[0].origin_id.as_deref(), Some(posts[1].id.as_str()));
    assert_eq!(client.published("四", "x").await["publish_status"], 0);
}

#[tokio::test]
async fn a_deleted_publication_says_5_and_one_that_the_platform_took_down_6() {
    let client = Client::new().await;
    let ids = [
        client.submit(&client.draft("一", "x").await).await,
        client.submit(&client.draft("二", "x").await).await,
    ];
    let first = client.ended(&ids[0]).await;
    client.ended(&ids[1]).await;
    client.post("freepublish/delete", json!({ "article_id": first["article_id"] })).await;
    assert!(client.stage.handle.remove(&client.effects(EffectKind::Post)[1].id));
    assert_eq!(client.ended(&ids[0]).await["publish_status"], 5);
    let banned = client.ended(&ids[1]).await;
    assert_eq!(banned["publish_status"], 6);
    assert!(banned.get("article_id").is_none());
    let list = client.post("freepublish/batchget", json!({ "offset": 0, "count": 20 })).await;
    assert_eq!(list["total_count"], 0);
}

#[tokio::test]
async fn a_publication_that_fails_says_which_articles_and_leaves_the_draft_and_nothing_public() {
    for status in [2, 3, 4] {
        let client = Client::with(|account| account.publish_status = status).await;
        let draft = client.draft("通知", "x").await;
        let ended = client.ended(&client.submit(&draft).await).await;
        assert_eq!((&ended["publish_status"], &ended["fail_idx"]), (&json!(status), &json!([1])));
        assert!(ended.get("article_id").is_none() && ended.get("article_detail").is_none());
        assert!(client.post("draft/get", json!({ "media_id": draft })).await.get("news_item").is_some());
        assert_eq!(client.effects(EffectKind::Post)[0].state, EffectState::Refused);
    }
}

#[tokio::test]
async fn submitting_the_same_draft_again_while_it_is_at_work_is_a_duplicate_that_the_ledger_sees() {
    let client = Client::with(|account| account.publish_after_ms = 300).await;
    let draft = client.draft("通知", "x").await;
    let ids = [client.submit(&draft).await, client.submit(&draft).await];
    for id in &ids {
        assert_eq!(client.ended(id).await["publish_status"], 0);
    }
    assert_eq!(client.stage.handle.ledger().violations.len(), 1);
}

#[tokio::test]
async fn drafts_are_kept_cleaned_listed_changed_counted_and_deleted() {
    let client = Client::new().await;
    let kept = client.upload("media/uploadimg", crate::client::PNG).await["url"].as_str().unwrap().to_owned();
    let html =
        format!("<p onclick=\"x()\">甲</p><img src=\"{kept}\"><img src=\"https://example.com/b.png\">");
    let draft = client.draft("一", &html).await;
    let shown = client.post("draft/get", json!({ "media_id": draft })).await;
    assert_eq!(shown["news_item"][0]["content"], format!("<p>甲</p><img data-src=\"{kept}\">"));
    assert_eq!(shown["news_item"][0]["digest"], "甲", "drawn from the text");

    let thumb = client.thumb().await;
    let article = json!({ "title": "改", "content": "乙", "thumb_media_id": thumb });
    let update = |index: i64| json!({ "media_id": draft, "index": index, "articles": article });
    assert_eq!(code(&client.post("draft/update", update(0)).await), 0);
    assert_eq!(code(&client.post("draft/update", update(1)).await), 40114);
    client.draft("二", "x").await;
    assert_eq!(client.get("draft/count").await, json!({ "total_count": 2 }));
    let list = client.post("draft/batchget", json!({ "offset": 0, "count": 20, "no_content": 0 })).await;
    let titles: Vec<&Value> =
        list["item"].as_array().unwrap().iter().map(|one| &one["content"]["news_item"][0]["title"]).collect();
    assert_eq!(titles, ["二", "改"]);
    assert_eq!(code(&client.post("draft/delete", json!({ "media_id": draft })).await), 0);
    assert_eq!(code(&client.post("draft/delete", json!({ "media_id": draft })).await), 40007);
    assert_eq!(client.post("draft/switch?checkonly=1", json!({})).await["is_open"], 1);
}

#[tokio::test]
async fn escaped_characters_are_kept_as_they_are_written_and_count_six_each() {
    let client = Client::new().await;
    let thumb = client.thumb().await;
    let body = |title: &str| {
        format!(
            "{{\"articles\":[{{\"title\":\"{title}\",\"content\":\"x\",\"thumb_media_id\":\"{thumb}\"}}]}}"
        )
    };
    let added = client.post_raw("draft/add", &body("\\u516c\\u544a")).await;
    let shown = client.post("draft/get", json!({ "media_id": added["media_id"] })).await;
    assert_eq!(shown["news_item"][0]["title"], "\\u516c\\u544a");
    assert_eq!(code(&client.post_raw("draft/add", &body(&"\\u516c".repeat(6))).await), 45003);
    assert_eq!(code(&client.post_raw("draft/add", &body(&"公".repeat(32))).await), 0);
}

#[tokio::test]
async fn several_articles_of_one_draft_are_several_posts_under_one_article_id() {
    let client = Client::with(|account| account.kind = Kind::Service).await;
    let thumb = client.thumb().await;
    let article = |title: &str| json!({ "title": title, "content": title, "thumb_media_id": thumb });
    let added = client.post("draft/add", json!({ "articles": [article("甲"), article("乙")] })).await;
    let done = client.ended(&client.submit(added["media_id"].as_str().unwrap()).await).await;
    assert_eq!(done["article_detail"]["count"], 2);
    assert_eq!(done["article_detail"]["item"][1]["idx"], 2);
    assert_eq!(client.effects(EffectKind::Post).len(), 2);
    let id = &done["article_id"];
    assert_eq!(code(&client.post("freepublish/delete", json!({ "article_id": id, "index": 2 })).await), 0);
    let left = client.post("freepublish/getarticle", json!({ "article_id": id })).await;
    assert_eq!(
        (&left["news_item"][0]["is_deleted"], &left["news_item"][1]["is_deleted"]),
        (&json!(false), &json!(true))
    );
}

#[tokio::test]
async fn the_script_and_its_side_reach_the_platform_over_http() {
    let client = Client::new().await;
    let account = json!({ "appid": "wx1", "secret": "x", "verified": false });
    assert_eq!(client.stage.control(reqwest::Method::POST, "wechat/accounts", account).await.0, 204);
    let url = format!(
        "{}/cgi-bin/token?grant_type=client_credential&appid=wx1&secret=x",
        client.stage.handle.wechat_url()
    );
    let (_, given) = read(client.stage.client.get(url)).await;
    let token = given["access_token"].as_str().unwrap();
    let url =
        format!("{}/cgi-bin/freepublish/batchget?access_token={token}", client.stage.handle.wechat_url());
    let (_, answer) = read(client.stage.client.post(url).json(&json!({ "offset": 0, "count": 1 }))).await;
    assert_eq!(code(&answer), 48001);
    let bad = json!({ "appid": "wx1", "secret": "" });
    assert_eq!(client.stage.control(reqwest::Method::POST, "wechat/accounts", bad).await.0, 400);
}

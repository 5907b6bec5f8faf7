//! The happy answer of each path has the fields and types that the manual's samples and observed replies have.

use serde_json::{Value, json};

use crate::client::{Client, JPEG};

/// What an answer must have at least, and of which types; a list stands for each of its elements, null for anything. Numbers and
/// strings are told apart, because clients do.
fn check(path: &str, answer: &Value, sample: &Value) {
    match (answer, sample) {
        (Value::Object(answer), Value::Object(sample)) => {
            for (name, wanted) in sample {
                let found = answer.get(name).unwrap_or_else(|| panic!("{path}: no {name} in {answer:?}"));
                check(&format!("{path}.{name}"), found, wanted);
            }
        }
        (Value::Array(answer), Value::Array(sample)) => {
            assert!(!answer.is_empty() || sample.is_empty(), "{path}: an empty list");
            sample.iter().for_each(|wanted| answer.iter().for_each(|found| check(path, found, wanted)));
        }
        (_, Value::Null) => {}
        _ => assert_eq!(
            std::mem::discriminant(answer),
            std::mem::discriminant(sample),
            "{path}: {answer} is not of the type of {sample}"
        ),
    }
}

/// Those that succeed without `errcode`.
fn check_bare(path: &str, answer: &Value, sample: &Value) {
    assert!(answer.get("errcode").is_none(), "{path}: {answer}");
    check(path, answer, sample);
}

fn article() -> Value {
    json!({
        "title": "", "author": "", "digest": "", "content": "", "content_source_url": "", "thumb_media_id": "",
        "show_cover_pic": 0, "need_open_comment": 0, "only_fans_can_comment": 0, "url": "",
    })
}

fn published_article() -> Value {
    let mut article = article();
    article["is_deleted"] = json!(false);
    article
}

#[tokio::test]
async fn each_answer_has_the_fields_and_types_of_its_sample() {
    let client = Client::new().await;
    check_bare(
        "stable_token",
        &client.stable_token(false).await,
        &json!({ "access_token": "", "expires_in": 0 }),
    );
    let stored = client.upload("media/upload?type=image", JPEG).await;
    check_bare("upload", &stored, &json!({ "type": "", "media_id": "", "created_at": 0 }));
    check_bare("uploadimg", &client.upload("media/uploadimg", JPEG).await, &json!({ "url": "" }));
    let kept = client.upload("material/add_material?type=image", JPEG).await;
    check_bare("add_material", &kept, &json!({ "media_id": "", "url": "" }));
    let listed =
        client.post("material/batchget_material", json!({ "type": "image", "offset": 0, "count": 1 })).await;
    let item = json!({ "media_id": "", "name": "", "url": "", "update_time": 0 });
    check_bare("batchget_material", &listed, &json!({ "total_count": 0, "item_count": 0, "item": [item] }));

    let draft = client.draft("通知", "<p>正文</p>").await;
    let shown = client.post("draft/get", json!({ "media_id": draft })).await;
    check_bare("draft/get", &shown, &json!({ "news_item": [article()], "create_time": 0, "update_time": 0 }));
    let window = json!({ "offset": 0, "count": 1, "no_content": 0 });
    let item = json!({ "media_id": "", "content": { "news_item": [article()] }, "update_time": 0 });
    let listed = client.post("draft/batchget", window.clone()).await;
    check_bare("draft/batchget", &listed, &json!({ "total_count": 0, "item_count": 0, "item": [item] }));

    let submitted = client.post("freepublish/submit", json!({ "media_id": draft })).await;
    check("submit", &submitted, &json!({ "errcode": 0, "errmsg": "", "publish_id": "", "msg_data_id": 0 }));
    let at_work = client.post("freepublish/get", json!({ "publish_id": submitted["publish_id"] })).await;
    check_bare(
        "freepublish/get",
        &at_work,
        &json!({ "publish_id": "", "publish_status": 0, "fail_idx": [] }),
    );
    let done = client.ended(submitted["publish_id"].as_str().unwrap()).await;
    let detail = json!({ "count": 0, "item": [{ "idx": 0, "article_url": "" }] });
    let sample = json!({ "publish_id": "", "publish_status": 0, "article_id": "", "article_detail": detail, "fail_idx": [] });
    check_bare("freepublish/get", &done, &sample);
    let read = client.post("freepublish/getarticle", json!({ "article_id": done["article_id"] })).await;
    check_bare("getarticle", &read, &json!({ "news_item": [published_article()] }));
    let item =
        json!({ "article_id": "", "content": { "news_item": [published_article()] }, "update_time": 0 });
    let listed = client.post("freepublish/batchget", window).await;
    check_bare(
        "freepublish/batchget",
        &listed,
        &json!({ "total_count": 0, "item_count": 0, "item": [item] }),
    );
}

#[tokio::test]
async fn mass_sends_and_plain_acknowledgements_carry_an_errcode_of_0() {
    let client = Client::new().await;
    let draft = client.draft("通知", "x").await;
    let body =
        json!({ "filter": { "is_to_all": true }, "mpnews": { "media_id": draft }, "msgtype": "mpnews" });
    let sent = client.post("message/mass/sendall", body).await;
    check("sendall", &sent, &json!({ "errcode": 0, "errmsg": "", "msg_id": 0, "msg_data_id": 0 }));
    let told = client.post("message/mass/get", json!({ "msg_id": sent["msg_id"].to_string() })).await;
    check_bare("mass/get", &told, &json!({ "msg_id": 0, "msg_status": "" }));
    let ok = client.post("comment/open", json!({ "msg_data_id": sent["msg_data_id"], "index": 0 })).await;
    assert_eq!(ok, json!({ "errcode": 0, "errmsg": "ok" }));
}

#[tokio::test]
async fn an_account_may_say_numbers_where_others_say_strings_and_is_asked_by_either() {
    let client = Client::with(|account| account.odd_shapes = true).await;
    let draft = client.draft("通知", "x").await;
    let submitted = client.post("freepublish/submit", json!({ "media_id": draft })).await;
    let id = submitted["publish_id"].as_u64().unwrap();
    for asked in [json!(id), json!(id.to_string())] {
        let answer = client.post("freepublish/get", json!({ "publish_id": asked })).await;
        assert_eq!(answer["publish_id"], json!(id));
    }
}

#[tokio::test]
async fn an_image_message_is_kept_as_plain_text_with_its_images() {
    let client = Client::new().await;
    let images = json!({ "image_list": [{ "image_media_id": client.thumb().await }] });
    let article =
        json!({ "article_type": "newspic", "title": "图", "content": "说明", "image_info": images });
    let added = client.post("draft/add", json!({ "articles": [article] })).await;
    let shown = client.post("draft/get", json!({ "media_id": added["media_id"] })).await;
    let item = &shown["news_item"][0];
    assert_eq!((&item["article_type"], &item["image_info"]), (&json!("newspic"), &images));
    assert_eq!(
        client.ended(&client.submit(added["media_id"].as_str().unwrap()).await).await["publish_status"],
        0
    );
}

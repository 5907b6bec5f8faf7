//! Names and types of the fields: those of recorded answers, kept in `fields.json`.

use reqwest::Method;
use serde_json::{Value, json};

use crate::client::{CITIZEN, OFFICE, STREET, Weibo, exchange};
use crate::common::Stage;

/// Every recorded field is there with its type. Fields beyond them come and go at Weibo, and so they may here.
fn check(name: &str, answer: &Value) {
    let known: Value = serde_json::from_str(include_str!("fields.json")).unwrap();
    let known = known[name].as_object().unwrap_or_else(|| panic!("nothing is recorded of {name}"));
    for (field, kind) in known {
        let found = answer.get(field).unwrap_or_else(|| panic!("{name} has no {field}: {answer}"));
        let found = match found {
            Value::Null => "null",
            Value::Bool(_) => "bool",
            Value::Number(_) => "number",
            Value::String(_) => "string",
            Value::Array(_) => "array",
            Value::Object(_) => "object",
        };
        assert_eq!(found, kind.as_str().unwrap(), "{name}.{field}");
    }
}

#[tokio::test]
async fn posts_people_and_lists_have_the_fields_of_recorded_answers() {
    let stage = Stage::new().await;
    let (office, street) = (Weibo::of(&stage, OFFICE).await, Weibo::of(&stage, STREET).await);
    let post = office.share("一").await;
    check("status", &post);
    check("user", &post["user"]);
    let id = post["idstr"].as_str().unwrap();
    let marked = [("status", "二"), ("annotations", "[{\"job\":\"1\"}]")];
    check("status_with_annotations", &office.post("c/2/statuses/update/biz.json", &marked).await.1);
    let pictured = [("status", "三"), ("url", "http://x.cn/a.jpg")];
    check("status_with_picture", &office.post("2/statuses/upload_url_text.json", &pictured).await.1);
    check("repost", &street.post("2/statuses/repost.json", &[("id", id), ("status", "@示例区发布")]).await.1);

    let question = json!({ "uid": CITIZEN, "status": id, "text": "问" });
    let (_, created) = stage.control(Method::POST, "weibo/comments", question).await;
    let cid = created["id"].as_str().unwrap();
    check("comment", &street.post("2/comments/create.json", &[("id", id), ("comment", "评")]).await.1);
    let reply = [("id", id), ("cid", cid), ("comment", "答")];
    check("reply", &office.post("2/comments/reply.json", &reply).await.1);

    for (name, path) in [
        ("user_timeline", "2/statuses/user_timeline.json"),
        ("user_timeline_ids", "2/statuses/user_timeline/ids.json"),
        ("comments_show", "2/comments/show.json"),
        ("comments_to_me", "2/comments/to_me.json"),
        ("repost_timeline", "2/statuses/repost_timeline.json"),
        ("statuses_mentions", "2/statuses/mentions.json"),
        ("rate_limit_status", "2/account/rate_limit_status.json"),
    ] {
        let (status, list) = office.get(path, &[("id", id)]).await;
        assert_eq!(status, 200, "{list}");
        check(name, &list);
        if name == "rate_limit_status" {
            check("api_rate_limit", &list["api_rate_limits"][0]);
        }
    }
    check("count", &office.get("2/statuses/count.json", &[("ids", id)]).await.1[0]);
}

#[tokio::test]
async fn tokens_have_the_fields_of_recorded_answers() {
    let stage = Stage::new().await;
    check("access_token", &exchange(&stage, "any").await.1);
    let weibo = Weibo::of(&stage, OFFICE).await;
    check("token_info", &weibo.post("oauth2/get_token_info", &[]).await.1);
    let json = "application/json;charset=UTF-8";
    let url = format!("{}/2/account/get_uid.json?access_token={}", stage.handle.weibo_url(), weibo.token);
    let answer = stage.client.get(url).send().await.unwrap();
    assert_eq!(answer.headers()["content-type"], json);
}

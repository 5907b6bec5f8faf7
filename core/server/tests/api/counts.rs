//! How long texts are: while they are written, and as the platforms will show them.

use serde_json::{Value, json};

use crate::support::{Api, Request, text};

const COUNTS: &str = "/api/v1/counts";

async fn counts(api: &Api, variants: Value) -> Value {
    let answer = api.post("d07.xx", COUNTS, json!({ "variants": variants })).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()["counts"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_being_written_is_counted_for_each_platform() {
    let api = Api::start().await;
    let draft = json!({ "title": "停水通知", "text": "看https://www.example.gov.cn/a/b/c?id=1详情" });
    let counted = counts(&api, json!({ "weibo": draft, "wechat": draft })).await;
    // 【停水通知】看…详情: six, one, ten for the address, two.
    let on_weibo = json!({ "count": 19, "limit": 140, "ok": true, "fields": [
        { "field": "text", "field_zh": "正文", "unit": "half_widths", "count": 38, "limit": 280, "ok": true }] });
    assert_eq!(counted["weibo"], on_weibo);
    let on_wechat = &counted["wechat"];
    assert_eq!(
        (&on_wechat["count"], &on_wechat["limit"], &on_wechat["ok"]),
        (&json!(44), &json!(680), &json!(true))
    );
    assert_eq!(on_wechat["fields"][0]["field"], "title");
    assert_eq!(counts(&api, json!({})).await, json!({}));
    assert_eq!(counts(&api, json!({ "weibo": {} })).await["weibo"]["count"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn too_long_is_an_answer_that_says_what_is() {
    let api = Api::start().await;
    let weibo = json!({ "title": "标题", "text": "汉".repeat(137) });
    let wechat =
        json!({ "title": "字".repeat(33), "text": "汉", "author": "区管委会办公室甲乙", "digest": "摘" });
    let counted = counts(&api, json!({ "weibo": weibo, "wechat": wechat })).await;
    assert_eq!((&counted["weibo"]["count"], &counted["weibo"]["ok"]), (&json!(141), &json!(false)));
    assert_eq!((&counted["wechat"]["count"], &counted["wechat"]["ok"]), (&json!(34), &json!(true)));
    let fields: Vec<String> = counted["wechat"]["fields"]
        .as_array()
        .unwrap()
        .iter()
        .map(|field| {
            format!("{} {}/{} {}", text(&field["field"]), field["count"], field["limit"], field["ok"])
        })
        .collect();
    assert_eq!(fields, ["title 33/32 false", "author 18/16 false", "digest 1/120 true", "text 1/20000 true"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_count_is_asked_as_strictly_as_everything_else() {
    let api = Api::start().await;
    for (body, problem, field) in [
        (json!({}), "400 missing_field", "variants"),
        (json!({ "variants": { "weibo": { "txt": "a" } } }), "400 unknown_field", "variants.weibo.txt"),
        (json!({ "variants": { "weibo": { "text": 1 } } }), "400 wrong_type", "variants.weibo.text"),
        (json!({ "variants": { "weibbo": { "text": "a" } } }), "422 unknown_platform", "variants.weibbo"),
    ] {
        let answer = api.post("d07.xx", COUNTS, body.clone()).await;
        assert_eq!((answer.problem().as_str(), text(&answer.json()["field"])), (problem, field), "{body}");
    }
    let answer = api.post("d07.xx", COUNTS, json!({ "variants": { "weibbo": {} } })).await;
    assert_eq!(answer.json()["suggestion"], "weibo");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_item_is_shown_as_each_platform_will_show_it() {
    let api = Api::start().await;
    let link = "https://www.example.gov.cn/notice/1";
    let variant = json!({ "title": "停水通知", "text": "今日停水。", "link": link });
    let item = json!({ "variants": { "weibo": variant, "wechat": variant } });
    let item = api.send(Request::new("POST", "/api/v1/items").of("d07.xx").json(&item)).await.json();
    let path = format!("/api/v1/items/{}/previews", text(&item["id"]));
    let answer = api.get("off.hg", &path).await.json();
    assert_eq!(answer["hash"], item["hash"]);
    let weibo = &answer["previews"]["weibo"];
    assert_eq!(weibo["text"], format!("【停水通知】今日停水。 {link}"));
    assert_eq!((&weibo["title"], &weibo["link"]), (&Value::Null, &Value::Null));
    assert_eq!((&weibo["count"], &weibo["limit"]), (&json!(22), &json!(140)));
    let wechat = &answer["previews"]["wechat"];
    assert_eq!((&wechat["title"], &wechat["text"]), (&json!("停水通知"), &json!("今日停水。")));
    assert_eq!((&wechat["link"], &wechat["count"], &wechat["media"]), (&json!(link), &json!(9), &json!(0)));
    // What a preview says is what the counter said before.
    let counted = counts(&api, json!({ "weibo": variant })).await;
    assert_eq!(
        (&counted["weibo"]["count"], &counted["weibo"]["fields"]),
        (&weibo["count"], &weibo["fields"])
    );
    assert_eq!(api.get("d08.xx", &path).await.problem(), "404 not_found");
}

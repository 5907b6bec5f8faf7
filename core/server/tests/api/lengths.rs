//! Texts that are too long are not taken: at the limit they are, one character over they are not.

use serde_json::{Value, json};

use crate::support::{Answer, Api, Request, text};

const ITEMS: &str = "/api/v1/items";

async fn submit(api: &Api, variants: Value) -> Answer {
    api.post("d07.xx", ITEMS, json!({ "column": "gonggao", "variants": variants })).await
}

#[tokio::test(flavor = "multi_thread")]
async fn title_and_punctuation_count_up_to_140_on_weibo_and_680_on_wechat() {
    let api = Api::start().await;
    let weibo = |body: usize| json!({ "weibo": { "title": "标题", "text": "汉".repeat(body) } });
    assert_eq!(submit(&api, weibo(136)).await.status, 201);
    assert_eq!(submit(&api, weibo(137)).await.problem(), "422 too_long");
    let wechat = |body: usize| json!({ "wechat": { "title": "标题", "text": "汉".repeat(body) } });
    assert_eq!(submit(&api, wechat(678)).await.status, 201);
    assert_eq!(submit(&api, wechat(679)).await.problem(), "422 too_long");
    let short = json!({ "weibo": { "text": "看https://www.example.gov.cn/a/b/c?id=1详情".to_owned() + &"汉".repeat(127) } });
    assert_eq!(submit(&api, short).await.status, 201, "an address counts ten");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_refusal_says_which_text_by_which_count_and_by_how_much() {
    let api = Api::start().await;
    let variants = json!({
        "weibo": { "text": "汉".repeat(160) },
        "wechat": { "title": "题".repeat(33), "text": "汉".repeat(700) },
    });
    let answer = submit(&api, variants.clone()).await;
    assert_eq!(answer.problem(), "422 too_long");
    let problem = answer.json();
    let told = "wechat: title and text: 733 characters, 53 over the 680 of the district's rule; \
                wechat: title: 33 characters, 1 over the 32 of the platform; \
                weibo: title and text: 160 characters, 20 over the 140 of the district's rule; \
                weibo: text: 320 half-width units, 40 over the 280 of the platform";
    assert_eq!(text(&problem["detail"]), told);
    assert_eq!(problem["field"], "variants.wechat.text");
    let faults: Vec<String> = problem["faults"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| {
            format!(
                "{} {}/{} {} {}",
                text(&one["rule"]),
                one["count"],
                one["limit"],
                one["over"],
                text(&one["unit"])
            )
        })
        .collect();
    let expected = [
        "wechat_over_limit 733/680 53 characters",
        "wechat_title_limit 33/32 1 characters",
        "weibo_over_limit 160/140 20 characters",
        "weibo_text_limit 320/280 40 half_widths",
    ];
    assert_eq!(faults, expected);
    let request = Request::new("POST", ITEMS).of("d07.xx").header("Accept-Language", "zh-CN");
    let body =
        json!({ "column": "gonggao", "variants": { "weibo": variants["weibo"] }, "targets": ["W015"] });
    let chinese = api.send(request.json(&body)).await.json();
    let told = "weibo：标题和正文共 160 字，规定最多 140 字，超出 20 字，请删减；\
                weibo：正文 320 个半角字符，最多 280（平台对账号 W015的限制），超出 40，请删减";
    assert_eq!(text(&chinese["detail"]), told);
    assert_eq!(chinese["title"], "稿件超过字数限制");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_item_that_is_written_anew_is_held_to_the_same_limits() {
    let api = Api::start().await;
    let item = api.submitted("通知").await;
    let returned = api.decide("off.hg", &item, json!({ "decision": "return", "reason": "改短" })).await;
    let put = |length: usize| {
        let content =
            json!({ "variants": { "weibo": { "text": "汉".repeat(length) } }, "targets": ["W015"] });
        let request = Request::new("PUT", &format!("{ITEMS}/{}/content", text(&item["id"]))).of("d07.xx");
        api.send(request.header("If-Match", returned.header("etag").unwrap()).json(&content))
    };
    assert_eq!(put(141).await.problem(), "422 too_long");
    assert_eq!(put(140).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_platforms_own_limit_counts_also_where_no_account_is_named() {
    let api = Api::start().await;
    let titled = json!({ "wechat": { "title": "题".repeat(33), "text": "文" } });
    let answer = submit(&api, titled).await;
    assert_eq!(answer.problem(), "422 too_long");
    assert_eq!(answer.json()["field"], "variants.wechat.title");
}

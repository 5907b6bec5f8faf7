//! Content rules over HTTP: asked while a text is written.

use serde_json::{Value, json};

use crate::support::{Api, Request};

const LINT: &str = "/api/v1/lint";

/// `platform part severity rule start..end` of each finding.
fn findings(body: &Value) -> Vec<String> {
    let line = |f: &Value| {
        let word = |name: &str| f[name].as_str().unwrap_or("-").to_owned();
        let [platform, part, severity, rule] = ["platform", "part", "severity", "rule"].map(word);
        format!("{platform} {part} {severity} {rule} {}..{}", f["start"], f["end"])
    };
    body["findings"].as_array().unwrap().iter().map(line).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_is_checked_while_it_is_written() {
    let api = Api::start().await;
    let weibo = json!({ "title": "停水。", "text": "电话13800138000，不得外传", "link": "ftp://a.gov.cn" });
    let answer = api.post("d07.xx", LINT, json!({ "text": "办好了!", "variants": { "weibo": weibo } })).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let expected = [
        "- text warn halfwidth_punct 3..4",
        "weibo title info title_full_stop 2..3",
        "weibo text warn mobile 2..13",
        "weibo text block internal_mark 14..18",
        "weibo link block link_scheme 0..14",
    ];
    assert_eq!(findings(&answer.json()), expected);
    let mobile = &answer.json()["findings"][2];
    assert_eq!((&mobile["text"], &mobile["leave"]), (&json!("138****8000"), &json!("not_needed")));
    let long = json!({ "variants": { "weibo": { "text": "汉".repeat(141) } } });
    let answer = api.post("d07.xx", LINT, long).await;
    assert_eq!(findings(&answer.json()), ["weibo text block weibo_over_limit 0..141"]);
    assert_eq!(answer.json()["findings"][0]["leave"], "nobody");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_asked_as_strictly_as_everything_else() {
    let api = Api::start().await;
    let answer = api.post("d07.xx", LINT, json!({ "variants": { "wiebo": { "text": "a" } } })).await;
    assert_eq!((answer.status, answer.json()["code"].as_str()), (422, Some("unknown_platform")));
    let answer = api.post("d07.xx", LINT, json!({ "txt": "a" })).await;
    assert_eq!((answer.status, answer.json()["code"].as_str()), (400, Some("unknown_field")));
    let nobody = api.send(Request::new("POST", LINT).json(&json!({ "text": "a" }))).await;
    assert_eq!(nobody.status, 401);
}

//! The pages: what the public would see, and that nothing a client sends becomes markup.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)] // A test stops at the first surprise.

mod common;

use common::{Stage, read};
use juzhen_sandbox::{Fault, Rule};
use reqwest::Method;
use serde_json::json;

#[tokio::test]
async fn posts_stand_newest_first_on_the_card_of_their_account() {
    let stage = Stage::new().await;
    assert!(stage.page("").await.1.contains("还没有账号"));
    stage.handle.name_account("1001", "东湖示范区").unwrap();
    stage.posted("1001", "第一条").await;
    let second = json!({ "text": "第二条", "title": "标题" });
    let (_, created) = read(stage.ask(Method::POST, "/v1/accounts/1001/posts").json(&second)).await;
    let (status, html) = stage.page("").await;
    assert_eq!(status, 200);
    let at = |text: &str| html.find(text).unwrap_or_else(|| panic!("{text} is not on {html}"));
    assert!(at("东湖示范区") < at("第二条") && at("标题") < at("第二条") && at("第二条") < at("第一条"));
    // The address that the client was given shows the post.
    let url = created["url"].as_str().unwrap();
    let shown = stage.client.get(url).send().await.unwrap().text().await.unwrap();
    assert!(shown.contains("第二条") && !shown.contains("第一条"));
    assert!(stage.page("accounts/1001").await.1.contains("第一条"));
    assert_eq!(stage.page("accounts/1002").await.0, 404);
    stage.posted("1002", "别处更新").await;
    let (_, html) = stage.page("").await;
    assert!(html.find("别处更新") < html.find("第二条"), "the account that spoke last stands first: {html}");
    assert_eq!(stage.page("posts/p1").await.0, 404);
}

#[tokio::test]
async fn nothing_that_a_client_sends_becomes_markup() {
    let stage = Stage::new().await;
    let evil = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>&lt;";
    stage.handle.name_account("1001", evil).unwrap();
    let body = json!({
        "text": evil, "title": evil, "link": "https://example.com/\"onmouseover=alert(1)>",
        "source": { "account_name": evil, "uid": "9", "id": "p1", "url": "https://example.com/'><script>" },
    });
    let (status, created) = read(stage.ask(Method::POST, "/v1/accounts/1001/posts").json(&body)).await;
    assert_eq!(status, 201);
    let id = created["id"].as_str().unwrap();
    stage.repost("1001", "1001", id).await;
    for path in ["", "accounts/1001", &format!("posts/{id}")] {
        let (_, html) = stage.page(path).await;
        assert!(
            html.contains("&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;&gt;&lt;img"),
            "{path}: {html}"
        );
        assert!(html.contains("&amp;lt;"), "{path}: {html}");
        assert!(
            !html.contains("<script") && !html.contains("<img") && !html.contains("\"onmouseover"),
            "{html}"
        );
    }
}

#[tokio::test]
async fn nothing_may_run_or_load_but_the_own_style() {
    let stage = Stage::new().await;
    let response = stage.client.get(stage.handle.page_url()).send().await.unwrap();
    let policy = response.headers()["content-security-policy"].to_str().unwrap().to_owned();
    assert!(policy.starts_with("default-src 'none'; style-src 'self'"));
    assert!(!policy.contains("unsafe"));
    let style = stage.client.get(format!("{}style.css", stage.handle.page_url())).send().await.unwrap();
    assert_eq!(style.headers()["content-type"], "text/css; charset=utf-8");
}

#[tokio::test]
async fn a_forward_shows_its_origin_and_a_retracted_post_is_struck_through() {
    let stage = Stage::new().await;
    stage.handle.name_account("1001", "区发布").unwrap();
    let origin = stage.posted("1001", "原文在此").await;
    stage.repost("1002", "1001", &origin).await;
    let (_, html) = stage.page("accounts/1002").await;
    assert!(html.contains("@区发布") && html.contains("原文在此") && !html.contains("已撤回"));
    read(stage.ask(Method::DELETE, &format!("/v1/accounts/1001/posts/{origin}"))).await;
    let (_, html) = stage.page("accounts/1002").await;
    assert!(html.contains("原内容已撤回") && !html.contains("原文在此"));
    let (_, html) = stage.page("accounts/1001").await;
    assert!(html.contains("class=\"post gone\"") && html.contains("已撤回") && html.contains("原文在此"));
}

#[tokio::test]
async fn what_is_not_visible_yet_is_not_shown() {
    let stage = Stage::new().await;
    stage.fault(Rule::new(Fault::VisibleLateMs { ms: 3_600_000 }).times(1));
    let id = stage.posted("1001", "一小时后").await;
    assert!(!stage.page("").await.1.contains("一小时后"));
    assert_eq!(stage.page(&format!("posts/{id}")).await.0, 404);
}

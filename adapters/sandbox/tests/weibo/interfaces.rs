//! Every interface that the documentation names is there, with its method, and the ones that other tests do not meet.

use reqwest::Method;
use serde_json::json;

use crate::client::{BACK, KEY, OFFICE, STREET, Weibo, code, encoded, rand};
use crate::common::{Stage, read};

/// `GET` or `POST`, and the path; `{,c}` in it stands for the open form and the one by contract.
const NAMED: &[(&str, &str)] = &[
    ("POST", "2/statuses/share.json"),
    ("POST", "2/statuses/update.json"),
    ("POST", "2/statuses/upload.json"),
    ("POST", "2/statuses/upload_pic.json"),
    ("POST", "2/statuses/upload_url_text.json"),
    ("POST", "2/statuses/repost.json"),
    ("POST", "2/statuses/destroy.json"),
    ("GET", "2/statuses/user_timeline.json"),
    ("GET", "2/statuses/user_timeline/ids.json"),
    ("GET", "2/statuses/home_timeline.json"),
    ("GET", "2/statuses/home_timeline/ids.json"),
    ("GET", "2/statuses/friends_timeline.json"),
    ("GET", "2/statuses/friends_timeline/ids.json"),
    ("GET", "2/statuses/bilateral_timeline.json"),
    ("GET", "2/statuses/bilateral_timeline/ids.json"),
    ("GET", "2/statuses/show.json"),
    ("GET", "2/statuses/show_batch.json"),
    ("GET", "2/statuses/count.json"),
    ("GET", "2/statuses/go"),
    ("GET", "2/statuses/repost_timeline.json"),
    ("GET", "2/statuses/repost_timeline/ids.json"),
    ("GET", "2/statuses/mentions.json"),
    ("GET", "2/statuses/mentions/ids.json"),
    ("GET", "2/statuses/queryid.json"),
    ("GET", "2/statuses/querymid.json"),
    ("GET", "2/comments/show.json"),
    ("GET", "2/comments/to_me.json"),
    ("GET", "2/comments/by_me.json"),
    ("GET", "2/comments/timeline.json"),
    ("GET", "2/comments/mentions.json"),
    ("GET", "2/comments/show_batch.json"),
    ("POST", "2/comments/create.json"),
    ("POST", "2/comments/reply.json"),
    ("POST", "2/comments/destroy.json"),
    ("POST", "2/comments/destroy_batch.json"),
    ("GET", "2/remind/unread_count.json"),
    ("GET", "2/users/show.json"),
    ("GET", "2/account/get_uid.json"),
    ("GET", "2/account/rate_limit_status.json"),
    ("GET", "2/emotions.json"),
    ("GET", "2/short_url/shorten.json"),
    ("GET", "2/short_url/expand.json"),
    ("POST", "2/messages/reply.json"),
    ("POST", "c/2/statuses/update/biz.json"),
    ("POST", "c/2/statuses/upload/biz.json"),
    ("POST", "c/2/statuses/upload_pic/biz.json"),
    ("POST", "c/2/statuses/upload_url_text/biz.json"),
    ("POST", "c/2/statuses/repost/biz.json"),
    ("POST", "c/2/statuses/destroy/biz.json"),
    ("GET", "c/2/statuses/user_timeline/biz.json"),
    ("GET", "c/2/statuses/show_batch/biz.json"),
    ("GET", "c/2/statuses/mentions/biz.json"),
    ("GET", "c/2/statuses/repost_timeline/biz.json"),
    ("GET", "c/2/statuses/queryid/biz.json"),
    ("GET", "c/2/statuses/querymid/biz.json"),
    ("GET", "c/2/statuses/count/biz.json"),
    ("GET", "c/2/comments/show/biz.json"),
    ("GET", "c/2/comments/by_me/biz.json"),
    ("GET", "c/2/comments/to_me/biz.json"),
    ("GET", "c/2/comments/timeline/biz.json"),
    ("GET", "c/2/comments/mentions/biz.json"),
    ("GET", "c/2/comments/show_batch/biz/new.json"),
    ("POST", "c/2/comments/create/biz.json"),
    ("POST", "c/2/comments/reply/biz.json"),
    ("POST", "c/2/comments/destroy/biz.json"),
    ("GET", "c/2/short_url/shorten/biz.json"),
    ("GET", "c/2/short_url/expand/biz.json"),
    ("POST", "c/2/messages/reply/biz.json"),
];

#[tokio::test]
async fn every_interface_is_there_with_its_method() {
    let stage = Stage::new().await;
    for (method, path) in NAMED {
        let ask = |method: &str| {
            let method: Method = method.parse().unwrap();
            read(stage.client.request(method, format!("{}/{path}", stage.handle.weibo_url())))
        };
        assert_eq!(code(&ask(method).await), (400, 10006), "{method} {path}: there, and wants a token");
        let other = if *method == "GET" { "POST" } else { "GET" };
        assert_eq!(code(&ask(other).await), (405, 10021), "{other} {path}");
    }
    for (method, path, wanted) in [
        ("POST", "oauth2/access_token", (400, 21323)),
        ("POST", "oauth2/get_token_info", (400, 21323)),
        ("GET", "oauth2/revokeoauth2", (400, 21323)),
        ("GET", "oauth2/authorize", (400, 21323)),
        ("GET", "oauth2/access_token", (405, 10021)),
    ] {
        let url = format!("{}/{path}", stage.handle.weibo_url());
        assert_eq!(code(&read(stage.client.request(method.parse().unwrap(), url)).await), wanted, "{path}");
    }
}

#[tokio::test]
async fn a_base_address_may_end_in_a_slash() {
    let stage = Stage::new().await;
    let url = format!("{}//2/account/get_uid.json", stage.handle.weibo_url());
    assert_eq!(code(&read(stage.client.get(url)).await), (400, 10006));
}

#[tokio::test]
async fn the_home_timeline_has_the_posts_of_whom_an_account_follows_and_the_bilateral_one_of_who_follows_back()
 {
    let stage = Stage::new().await;
    for (uid, name, follows) in
        [(OFFICE, "示例区发布", vec![STREET, "5000000003"]), ("5000000003", "示例镇", vec![OFFICE])]
    {
        let account = json!({ "uid": uid, "name": name, "follows": follows });
        assert_eq!(stage.control(Method::POST, "weibo/accounts", account).await.0, 204);
    }
    let weibo = Weibo::of(&stage, OFFICE).await;
    for (uid, text) in [(OFFICE, "本账号"), (STREET, "街道"), ("5000000003", "镇"), ("5000000004", "别人")]
    {
        let by_hand = json!({ "uid": uid, "text": text });
        assert_eq!(stage.control(Method::POST, "weibo/statuses", by_hand).await.0, 201);
    }
    assert_eq!(weibo.timeline("2/statuses/home_timeline.json").await, ["镇", "街道", "本账号"]);
    assert_eq!(weibo.timeline("2/statuses/friends_timeline.json").await, ["镇", "街道", "本账号"]);
    assert_eq!(weibo.timeline("2/statuses/bilateral_timeline.json").await, ["镇", "本账号"]);
    let (_, ids) = weibo.get("2/statuses/home_timeline/ids.json", &[("count", "2")]).await;
    assert_eq!((ids["statuses"].as_array().unwrap().len(), &ids["total_number"]), (2, &json!(3)));
    assert!(ids["statuses"][0].is_string(), "{ids}");
}

#[tokio::test]
async fn ids_of_mentions_are_a_number_alone_and_short_addresses_are_not_for_ordinary_apps() {
    let stage = Stage::new().await;
    let (office, street) = (Weibo::of(&stage, OFFICE).await, Weibo::of(&stage, STREET).await);
    street.share("@示例区发布 路灯坏了").await;
    let (_, ids) = office.get("2/statuses/mentions/ids.json", &[]).await;
    assert_eq!((&ids["statuses"], &ids["total_number"]), (&json!([]), &json!(1)));
    let (_, unread) = office.get("2/remind/unread_count.json", &[("uid", OFFICE)]).await;
    assert_eq!(unread["mention_status"], 1, "nobody has read it: {unread}");
    let long = [("url_long", "https://gov.example.cn/1")];
    assert_eq!(code(&office.get("2/short_url/shorten.json", &long).await), (403, 10014));
    assert_eq!(office.get("c/2/short_url/shorten/biz.json", &long).await.0, 200);
}

#[tokio::test]
async fn go_leads_to_the_page_of_a_post() {
    let stage = Stage::new().await;
    let weibo = Weibo::of(&stage, OFFICE).await;
    let query = encoded(&[("uid", OFFICE), ("id", "4409230629430129"), ("access_token", &weibo.token)]);
    let url = format!("{}/2/statuses/go?{query}", stage.handle.weibo_url());
    let answer = stage.client.get(url).send().await.unwrap();
    assert_eq!(answer.status(), 302);
    assert_eq!(answer.headers()["location"], "https://weibo.com/5000000001/I3S86DzcR");
}

#[tokio::test]
async fn an_app_may_name_itself_by_basic_authentication_as_oauth_libraries_do() {
    let stage = Stage::new().await;
    let url = format!("{}/oauth2/access_token", stage.handle.weibo_url());
    let code = format!("basic-{OFFICE}-{}", rand());
    let form = encoded(&[("grant_type", "authorization_code"), ("code", &code), ("redirect_uri", BACK)]);
    let ask = |secret: &str| {
        let request = stage.client.post(&url).basic_auth(KEY, Some(secret)).body(form.clone());
        read(request.header("content-type", "application/x-www-form-urlencoded"))
    };
    assert_eq!(crate::client::code(&ask("wrong").await), (400, 21324));
    let (status, granted) = ask("secret").await;
    assert_eq!((status, &granted["uid"]), (200, &json!(OFFICE)));
}

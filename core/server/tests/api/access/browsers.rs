//! Browsers: a cookie that only our own pages can use for a change (C10, C11).

use serde_json::json;

use super::Enrolled;
use crate::support::{Answer, Api, Request, new_item, text};

/// `name=value` of the cookie that an answer sets.
fn cookie(answer: &Answer) -> String {
    let set = answer.header("set-cookie").unwrap();
    assert!(set.contains("HttpOnly") && set.contains("SameSite=Strict") && set.contains("Path=/"), "{set}");
    set.split(';').next().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a26_a_change_by_cookie_comes_from_our_page_with_its_word_or_not_at_all() {
    let api = Api::start().await;
    let author = Enrolled::new(&api, "d07.xx").await;
    let signed_in = author.sign_in(&api, "cookie").await;
    let (cookie, body) = (cookie(&signed_in), signed_in.json());
    assert_eq!(body["token"], json!(null), "a page never sees it");
    let csrf = text(&body["csrf_token"]).to_owned();
    let read = Request::new("GET", "/api/v1/sessions").header("Cookie", &cookie);
    assert_eq!(api.send(read).await.json()["csrf_token"], json!(csrf));
    let change = || Request::new("POST", "/api/v1/items").header("Cookie", &cookie).json(&new_item("通知"));
    let (origin, ours) = ("http://test", "same-origin");
    let tries = [
        change(),
        change().header("X-CSRF-Token", &csrf),
        change().header("Origin", origin),
        change().header("Origin", origin).header("X-CSRF-Token", "x"),
        change().header("Origin", "http://evil.example").header("X-CSRF-Token", &csrf),
        change().header("Origin", "null").header("X-CSRF-Token", &csrf),
        change().header("Sec-Fetch-Site", "cross-site").header("X-CSRF-Token", &csrf),
        change().header("Sec-Fetch-Site", "same-site").header("X-CSRF-Token", &csrf),
        change().header("Sec-Fetch-Site", "none").header("X-CSRF-Token", &csrf),
        change()
            .header("Origin", origin)
            .header("Sec-Fetch-Site", "cross-site")
            .header("X-CSRF-Token", &csrf),
    ];
    for request in tries {
        assert_eq!(api.send(request.clone()).await.problem(), "403 cross_site", "{request:?}");
    }
    // What a form of another site can send.
    let form = Request::new("POST", "/api/v1/items").header("Cookie", &cookie);
    let form = form.header("Origin", "http://evil.example").bytes_of("text/plain", b"{}");
    assert_eq!(api.send(form).await.problem(), "403 cross_site");
    let good = change().header("X-CSRF-Token", &csrf);
    assert_eq!(api.send(good.clone().header("Origin", origin)).await.status, 201);
    assert_eq!(api.send(good.header("Sec-Fetch-Site", ours)).await.status, 201);
}

#[tokio::test(flavor = "multi_thread")]
async fn a26_nobody_is_signed_in_by_another_site() {
    let api = Api::start().await;
    let body = json!({ "person": "d07.xx", "password": "x", "form": "cookie" });
    let request = Request::new("POST", "/api/v1/sessions").json(&body);
    assert_eq!(api.send(request.clone()).await.problem(), "403 cross_site");
    let foreign = request.header("Origin", "http://evil.example").header("Sec-Fetch-Site", "cross-site");
    assert_eq!(api.send(foreign).await.problem(), "403 cross_site");
}

#[tokio::test(flavor = "multi_thread")]
async fn a27_a_cookie_that_was_there_before_two_of_them_and_one_after_the_end_are_none() {
    let api = Api::start().await;
    let author = Enrolled::new(&api, "d07.xx").await;
    let signed_in = author.sign_in(&api, "cookie").await;
    let (own, csrf) = (cookie(&signed_in), text(&signed_in.json()["csrf_token"]).to_owned());
    let status = async |cookie: &str| {
        api.send(Request::new("GET", "/api/v1/items").header("Cookie", cookie)).await.status
    };
    let planted = format!("juzhen=juzhen_s_{}", "a".repeat(64));
    assert_eq!([status(&own).await, status(&planted).await], [200, 401]);
    assert_eq!(
        [status(&format!("{own}; {planted}")).await, status(&format!("{planted}; {own}")).await],
        [401, 401]
    );
    // Neither a cookie's token in a header nor a header's in a cookie.
    let token = own.split_once('=').unwrap().1;
    let request = Request::new("GET", "/api/v1/items").bearer(token);
    assert_eq!(api.send(request).await.problem(), "401 unauthenticated");
    let bearer = author.token(&api).await;
    assert_eq!(status(&format!("juzhen={bearer}")).await, 401);
    assert_eq!(status("juzhen=token-of-off.hg").await, 401);
    let end = Request::new("DELETE", "/api/v1/sessions").header("Cookie", &own);
    let ended = api.send(end.header("Origin", "http://test").header("X-CSRF-Token", &csrf)).await;
    assert_eq!(ended.status, 200);
    assert!(ended.header("set-cookie").unwrap().contains("Max-Age=0"));
    assert_eq!(status(&own).await, 401);
}

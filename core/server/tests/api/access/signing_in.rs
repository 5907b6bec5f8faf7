//! Signing in: two factors, a code once, wrong tries that cost time, and sessions that end.

use juzhen_domain::access::totp;
use serde_json::json;

use super::{Enrolled, PASSWORD, open, with};
use crate::support::{Api, Request, text};

#[tokio::test(flavor = "multi_thread")]
async fn c06_a_password_alone_opens_nothing_but_the_way_to_the_code() {
    let api = Api::start().await;
    let editor = Enrolled::new(&api, "off.hg").await;
    let half =
        open(&api, "/api/v1/sessions", json!({ "person": "off.hg", "password": PASSWORD })).await.json();
    let first = text(&half["token"]).to_owned();
    for path in ["/api/v1/items", "/api/v1/sessions", "/api/v1/stop"] {
        assert_eq!(with(&api, "GET", path, &first, None).await.problem(), "401 unauthenticated", "{path}");
    }
    let code = editor.code(&api);
    let full =
        with(&api, "POST", "/api/v1/sessions/code", &first, Some(json!({ "code": code }))).await.json();
    assert_eq!(full["state"], "signed_in");
    let token = text(&full["token"]);
    assert_ne!(token, first, "A27: what was there before is worth nothing afterwards");
    assert_eq!(with(&api, "GET", "/api/v1/items", token, None).await.status, 200);
    let again =
        with(&api, "POST", "/api/v1/sessions/code", &first, Some(json!({ "code": editor.code(&api) }))).await;
    assert_eq!(again.problem(), "401 unauthenticated");
}

#[tokio::test(flavor = "multi_thread")]
async fn a29_a_code_is_good_once_also_after_another_way_in() {
    let api = Api::start().await;
    let editor = Enrolled::new(&api, "off.hg").await;
    let code = editor.code(&api);
    let body = json!({ "person": "off.hg", "password": PASSWORD, "code": code });
    assert_eq!(open(&api, "/api/v1/sessions", body.clone()).await.status, 200);
    assert_eq!(open(&api, "/api/v1/sessions", body.clone()).await.problem(), "401 wrong_credentials");
    // The step before it, too, and one that is long over.
    let earlier = api.engine.now() - jiff::SignedDuration::from_secs(30);
    for code in [totp::code_at(&editor.seed, earlier), "000000".to_owned()] {
        api.wait(10);
        let body = json!({ "person": "off.hg", "password": PASSWORD, "code": code });
        assert_eq!(open(&api, "/api/v1/sessions", body).await.problem(), "401 wrong_credentials");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a29_of_two_that_come_at_once_with_one_code_one_is_let_in() {
    let api = Api::start().await;
    let editor = Enrolled::new(&api, "off.hg").await;
    let code = editor.code(&api);
    let body = json!({ "person": "off.hg", "password": PASSWORD, "code": code });
    let tries = (0..6).map(|_| open(&api, "/api/v1/sessions", body.clone()));
    let answers = futures_util::future::join_all(tries).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1, "{answers:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a29_c09_guessing_codes_locks_the_name_and_not_for_ever() {
    let api = Api::start().await;
    let editor = Enrolled::new(&api, "off.hg").await;
    let guess = async |code: &str| {
        let body = json!({ "person": "off.hg", "password": PASSWORD, "code": code });
        open(&api, "/api/v1/sessions", body).await
    };
    for _ in 0..5 {
        assert_eq!(guess("000000").await.problem(), "401 wrong_credentials");
        api.wait(8);
    }
    let locked = guess(&editor.code(&api)).await;
    assert_eq!(locked.problem(), "429 too_many_tries");
    assert!(locked.header("retry-after").unwrap().parse::<i64>().unwrap() > 800, "{locked:?}");
    api.wait(900);
    assert_eq!(guess(&editor.code(&api)).await.status, 200);
    // The security administrator need not wait.
    for _ in 0..5 {
        api.wait(8);
        guess("000000").await;
    }
    assert_eq!(guess(&editor.code(&api)).await.problem(), "429 too_many_tries");
    let people = api.get("aq", "/api/v1/people").await.json();
    let listed = people["people"].as_array().unwrap().iter().find(|one| one["person"] == "off.hg").unwrap();
    assert_eq!(listed["state"], "locked");
    assert_eq!(api.post("aq", "/api/v1/people/off.hg/unlock", json!({})).await.json()["state"], "active");
    assert_eq!(guess(&editor.code(&api)).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a28_a_name_that_nobody_has_is_answered_and_locked_like_one_that_somebody_has() {
    let api = Api::start().await;
    Enrolled::new(&api, "off.hg").await;
    let tries = async |person: &str| {
        let mut answers = Vec::new();
        for _ in 0..6 {
            let request = Request::new("POST", "/api/v1/sessions").header("X-Request-Id", "same");
            let body = json!({ "person": person, "password": "Wrong-Password 1", "code": "123456" });
            let answer = api.send(request.json(&body)).await;
            let headers: Vec<_> = answer.headers.iter().map(|(name, _)| name.clone()).collect();
            answers.push((answer.problem(), headers));
            api.wait(8);
        }
        answers
    };
    let known = tries("off.hg").await;
    assert_eq!(known.last().unwrap().0, "429 too_many_tries");
    // Somebody who never came in, who left, and who never was.
    for stranger in ["off.zr", "d07.left", "nobody", "../off.hg"] {
        api.wait(24 * 3600);
        assert_eq!(known, tries(stranger).await, "{stranger}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a28_strange_passwords_are_wrong_and_forms_of_one_are_the_same() {
    let api = Api::start().await;
    let editor = Enrolled::new(&api, "off.hg").await;
    for (password, expected) in [
        ("x".repeat(1 << 20).as_str(), "413 body_too_large"),
        ("x".repeat(10_000).as_str(), "401 wrong_credentials"),
        ("Dong-Hu 2026 日出\u{0}", "401 wrong_credentials"),
        ("", "401 wrong_credentials"),
    ] {
        api.wait(60);
        let body = json!({ "person": "off.hg", "password": password });
        let answer = open(&api, "/api/v1/sessions", body).await;
        assert_eq!(answer.problem(), expected, "{} bytes", password.len());
    }
    api.wait(60);
    let wide = "Ｄｏｎｇ-Ｈｕ ２０２６ 日出";
    let body = json!({ "person": "off.hg", "password": wide, "code": editor.code(&api) });
    assert_eq!(open(&api, "/api/v1/sessions", body).await.status, 200);
    for body in [json!({ "person": "off.hg" }), json!({ "person": 1, "password": "x" }), json!([])] {
        assert_eq!(open(&api, "/api/v1/sessions", body).await.status, 400);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn c10_a_session_ends_unused_or_old_or_by_a_word() {
    let api = Api::start().await;
    let editor = Enrolled::new(&api, "off.hg").await;
    let (one, other) = (editor.token(&api).await, editor.token(&api).await);
    let status = async |token: &str| with(&api, "GET", "/api/v1/items", token, None).await.status;
    api.wait(14 * 60);
    assert_eq!(status(&one).await, 200);
    api.wait(2 * 60);
    assert_eq!([status(&one).await, status(&other).await], [200, 401], "idle for a quarter of an hour");
    for _ in 0..48 {
        api.wait(10 * 60);
        status(&one).await;
    }
    assert_eq!(status(&one).await, 401, "after eight hours, however much it was used");
    let (one, other) = (editor.token(&api).await, editor.token(&api).await);
    let list = with(&api, "GET", "/api/v1/sessions", &one, None).await.json();
    let sessions = list["sessions"].as_array().unwrap();
    assert_eq!(sessions.len(), 2, "{list}");
    assert!(!list.to_string().contains(&one));
    let of_other = sessions.iter().find(|session| session["present"] == false).unwrap();
    let path = format!("/api/v1/sessions/{}", text(&of_other["id"]));
    let stranger = Enrolled::new(&api, "d07.xx").await.token(&api).await;
    assert_eq!(with(&api, "DELETE", &path, &stranger, None).await.problem(), "404 not_found");
    assert_eq!(with(&api, "DELETE", &path, &one, None).await.status, 200);
    assert_eq!([status(&one).await, status(&other).await], [200, 401]);
    let third = editor.token(&api).await;
    assert_eq!(with(&api, "DELETE", "/api/v1/sessions", &one, None).await.status, 200);
    assert_eq!([status(&one).await, status(&third).await, status(&stranger).await], [401, 401, 200]);
}

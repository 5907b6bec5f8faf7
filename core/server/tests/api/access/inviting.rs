//! Invitations: nobody comes in but by a one-time link, a password that is taken, and a code.

use juzhen_domain::access::totp;
use juzhen_store::{Asking, Store};
use serde_json::json;

use super::{Enrolled, PASSWORD, of_base32, open, with};
use crate::support::{Api, text};

#[tokio::test(flavor = "multi_thread")]
async fn c14_a_link_is_good_once_and_nothing_of_it_counts_before_the_first_code() {
    let api = Api::start().await;
    assert_eq!(
        api.post("sys", "/api/v1/invitations", json!({ "person": "d07.xx" })).await.problem(),
        "403 forbidden"
    );
    assert_eq!(
        api.post("aq", "/api/v1/invitations", json!({ "person": "aq" })).await.problem(),
        "403 forbidden"
    );
    for nobody in ["d07.left", "x"] {
        let answer = api.post("aq", "/api/v1/invitations", json!({ "person": nobody })).await;
        assert_eq!(answer.problem(), "422 unknown_person");
    }
    let invite = async || {
        let invited = api.post("aq", "/api/v1/invitations", json!({ "person": "d07.xx" })).await;
        text(&invited.json()["token"]).to_owned()
    };
    let (first, token) = (invite().await, invite().await);
    let accept = async |token: &str, password: &str| {
        open(&api, "/api/v1/invitations/accept", json!({ "token": token, "password": password })).await
    };
    assert_eq!(accept(&first, PASSWORD).await.problem(), "410 invitation_over", "the second took its place");
    let weak = accept(&token, "short").await;
    assert_eq!(weak.problem(), "422 weak_password");
    let accepted = accept(&token, PASSWORD).await.json();
    assert!(text(&accepted["otpauth"]).starts_with("otpauth://totp/"), "{accepted}");
    let sign_in = json!({ "person": "d07.xx", "password": PASSWORD });
    assert_eq!(open(&api, "/api/v1/sessions", sign_in.clone()).await.problem(), "401 wrong_credentials");
    let confirm = async |code: &str| {
        open(&api, "/api/v1/invitations/confirm", json!({ "token": token, "code": code })).await
    };
    assert_eq!(confirm("000000").await.problem(), "401 wrong_credentials");
    api.wait(30);
    let seed = of_base32(text(&accepted["secret"]));
    let code = totp::code_at(&seed, api.engine.now());
    assert_eq!(confirm(&code).await.status, 200);
    assert_eq!(confirm(&code).await.problem(), "410 invitation_over");
    assert_eq!(accept(&token, PASSWORD).await.problem(), "410 invitation_over");
    assert_eq!(open(&api, "/api/v1/sessions", sign_in).await.json()["state"], "code_required");
    let actions = api.audit_actions("person:d07.xx").await;
    let expected = [
        "aq person.invited",
        "aq person.invited",
        "d07.xx invitation.accepted",
        "nobody session.refused",
        "nobody invitation.refused",
        "d07.xx person.enrolled",
        "d07.xx session.code_asked",
    ];
    assert_eq!(actions, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn c14_a_link_is_over_after_three_days() {
    let api = Api::start().await;
    let invited = api.post("aq", "/api/v1/invitations", json!({ "person": "d07.xx" })).await.json();
    api.wait(72 * 3600);
    let accept = json!({ "token": invited["token"], "password": PASSWORD });
    assert_eq!(open(&api, "/api/v1/invitations/accept", accept).await.problem(), "410 invitation_over");
}

#[tokio::test(flavor = "multi_thread")]
async fn c05_c07_neither_a_password_nor_a_seed_nor_a_token_is_in_the_database() {
    let api = Api::start().await;
    let editor = Enrolled::new(&api, "off.hg").await;
    let token = editor.token(&api).await;
    let asking = Asking { person: "off.hg".into(), address: None };
    let kept = api.store.people().access(&asking).await.unwrap().credentials.unwrap();
    assert!(kept.password.as_deref().unwrap().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
    let sealed = kept.seed.unwrap().bytes;
    assert!(!sealed.windows(editor.seed.len()).any(|bytes| bytes == editor.seed));
    let sessions = api.store.people().sessions(&"off.hg".into()).await.unwrap();
    assert!(sessions.iter().all(|session| session.token.len() == 64 && !token.contains(&session.token)));
    let filter = juzhen_store::AuditFilter { subject: None, before: None, most: 200 };
    let audit = format!("{:?}", api.store.audit(filter).await.unwrap());
    let log = crate::support::log::lines().join("\n");
    for secret in [PASSWORD, &token, &totp::base32(&editor.seed)] {
        assert!(!audit.contains(secret) && !log.contains(secret));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn c15_a_password_is_changed_by_both_factors_and_not_to_one_of_the_last_five() {
    let api = Api::start().await;
    let editor = Enrolled::new(&api, "off.hg").await;
    let token = editor.token(&api).await;
    let change = async |from: &str, to: &str| {
        let code = editor.code(&api);
        let body = json!({ "person": "off.hg", "password": from, "new_password": to, "code": code });
        open(&api, "/api/v1/passwords", body).await
    };
    assert_eq!(change(PASSWORD, PASSWORD).await.problem(), "422 weak_password");
    assert_eq!(change("Not the password 1", "Another-One 2026").await.problem(), "401 wrong_credentials");
    api.wait(5);
    assert_eq!(change(PASSWORD, "Another-One 2026").await.status, 200);
    assert_eq!(with(&api, "GET", "/api/v1/items", &token, None).await.problem(), "401 unauthenticated");
    assert_eq!(change("Another-One 2026", PASSWORD).await.problem(), "422 weak_password");
    // After a quarter it is too old to sign in with, and changed all the same.
    api.wait(80 * 24 * 3600);
    let code = editor.code(&api);
    let body = json!({ "person": "off.hg", "password": "Another-One 2026", "code": code });
    assert_eq!(open(&api, "/api/v1/sessions", body.clone()).await.status, 200);
    api.wait(11 * 24 * 3600);
    let mut body = body;
    body["code"] = json!(editor.code(&api));
    assert_eq!(open(&api, "/api/v1/sessions", body).await.problem(), "403 password_too_old");
    assert_eq!(change("Another-One 2026", "Yet-Another 2027").await.status, 200);
}

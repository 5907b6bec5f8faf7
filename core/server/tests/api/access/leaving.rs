//! Whoever leaves is out with the next request: by the settings, by the security administrator, by being away (F105, C16).

use serde_json::json;

use super::{Enrolled, PASSWORD, open, with};
use crate::support::{Api, text};

/// Tokens of some sessions and keys of one person.
async fn everything(api: &Api, person: &Enrolled) -> Vec<String> {
    let mut tokens = Vec::new();
    for _ in 0..2 {
        tokens.push(person.token(api).await);
    }
    for name in ["one", "two"] {
        let key = json!({ "name": name, "scopes": ["read"] });
        let created = with(api, "POST", "/api/v1/keys", &tokens[0], Some(key)).await.json();
        tokens.push(text(&created["token"]).to_owned());
    }
    tokens
}

async fn statuses(api: &Api, tokens: &[String]) -> Vec<u16> {
    let mut statuses = Vec::new();
    for token in tokens {
        statuses.push(with(api, "GET", "/api/v1/items", token, None).await.status);
    }
    statuses
}

#[tokio::test(flavor = "multi_thread")]
async fn f105_c16_whoever_is_put_out_loses_every_session_and_key_at_once() {
    let api = Api::start().await;
    let author = Enrolled::new(&api, "d08.xx").await;
    let tokens = everything(&api, &author).await;
    assert_eq!(statuses(&api, &tokens).await, [200; 4]);
    let path = "/api/v1/people/d08.xx/disable";
    assert_eq!(api.post("sys", path, json!({ "reason": "调离" })).await.problem(), "403 forbidden");
    assert_eq!(api.post("aq", path, json!({})).await.problem(), "422 reason_required");
    let out = api.post("aq", path, json!({ "reason": "调离" })).await.json();
    assert_eq!((out["state"].as_str(), out["by"].as_str()), (Some("disabled"), Some("aq")));
    assert_eq!(statuses(&api, &tokens).await, [401; 4]);
    // Nor by what the machine minted, nor anew.
    assert_eq!(api.get("d08.xx", "/api/v1/items").await.problem(), "401 unauthenticated");
    let body = json!({ "person": "d08.xx", "password": PASSWORD, "code": author.code(&api) });
    assert_eq!(open(&api, "/api/v1/sessions", body).await.problem(), "401 wrong_credentials");
    let back = api.post("aq", "/api/v1/people/d08.xx/enable", json!({})).await.json();
    assert_eq!(back["state"], "active");
    assert_eq!(statuses(&api, &tokens).await, [401; 4], "what was ended stays ended");
    api.wait(60);
    assert_eq!(author.sign_in(&api, "bearer").await.status, 200);
    let actions = api.audit_actions("person:d08.xx").await;
    assert!(actions.contains(&"aq person.disabled".into()) && actions.contains(&"aq person.enabled".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn f105_whoever_the_settings_have_no_more_is_out_for_good() {
    let api = Api::start().await;
    let author = Enrolled::new(&api, "d08.xx").await;
    let tokens = everything(&api, &author).await;
    let unit = std::fs::read_to_string(api.district.config().join("units/D08.yaml")).unwrap();
    let unit = unit.trim_end_matches("...\n");
    let left = unit.replace(
        "roles: [info_officer]}",
        "roles: [info_officer], active: false}\n  - {id: d08.new, name: 丑, roles: [info_officer]}",
    );
    let reload = async |text: &str| {
        api.district.write("units/D08.yaml", text);
        assert_eq!(api.post("sys", "/-/reload", json!({})).await.json()["result"], "applied");
    };
    reload(&left).await;
    assert_eq!(statuses(&api, &tokens).await, [401; 4]);
    // What they had goes with the first of these requests, a moment later.
    for _ in 0..200 {
        if api.audit_actions("person:d08.xx").await.contains(&"daemon person.left".into()) {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert!(api.audit_actions("person:d08.xx").await.contains(&"daemon person.left".into()));
    reload(unit).await;
    assert_eq!(statuses(&api, &tokens).await, [401; 4], "although somebody of this id is back");
    assert_eq!(author.sign_in(&api, "bearer").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn f105_a_role_that_is_taken_away_is_gone_with_the_next_decision() {
    let api = Api::start().await;
    let editor = Enrolled::new(&api, "off.hg").await;
    let (token, item) = (editor.token(&api).await, api.submitted("通知").await);
    let office = std::fs::read_to_string(api.district.config().join("units/OFFICE.yaml")).unwrap();
    let text_of = office.replace(
        "{id: off.hg, name: 乙, roles: [office_editor]}",
        "{id: off.hg, name: 乙, roles: [office_contact]}",
    );
    let more = text_of.replace("roles: [office_director]}", "roles: [office_director, office_editor]}");
    api.district.write("units/OFFICE.yaml", more.trim_end_matches("...\n"));
    assert_eq!(api.post("sys", "/-/reload", json!({})).await.json()["result"], "applied");
    let path = format!("/api/v1/items/{}/decisions", text(&item["id"]));
    let decide = json!({ "decision": "approve", "hash": item["hash"] });
    assert_eq!(with(&api, "POST", &path, &token, Some(decide)).await.problem(), "403 forbidden");
}

#[tokio::test(flavor = "multi_thread")]
async fn c16_whoever_is_away_for_ninety_days_is_out_until_somebody_lets_them_in() {
    let api = Api::start().await;
    let author = Enrolled::new(&api, "d08.xx").await;
    let key = json!({ "name": "script", "scopes": ["read"], "days": 366 });
    let token = author.token(&api).await;
    let created = with(&api, "POST", "/api/v1/keys", &token, Some(key)).await.json();
    let key = text(&created["token"]).to_owned();
    api.wait(91 * 24 * 3600);
    assert_eq!(with(&api, "GET", "/api/v1/items", &key, None).await.problem(), "401 unauthenticated");
    let body = json!({ "person": "d08.xx", "password": PASSWORD, "code": author.code(&api) });
    assert_eq!(open(&api, "/api/v1/sessions", body).await.problem(), "401 wrong_credentials");
    let people = api.get("aq", "/api/v1/people").await.json();
    let listed = people["people"].as_array().unwrap().iter().find(|one| one["person"] == "d08.xx").unwrap();
    assert_eq!((listed["state"].as_str(), listed["reason"].as_str()), (Some("disabled"), Some("unused")));
    assert!(api.audit_actions("person:d08.xx").await.contains(&"daemon person.disabled".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn c03_people_are_the_security_administrators_and_nobody_elses() {
    let api = Api::start().await;
    for person in ["off.zr", "off.hg", "d07.xx", "sys", "aud"] {
        for path in
            ["/api/v1/people/d08.xx/disable", "/api/v1/people/d08.xx/enable", "/api/v1/people/d08.xx/unlock"]
        {
            let body = if path.ends_with("disable") { json!({ "reason": "调离" }) } else { json!({}) };
            assert_eq!(api.post(person, path, body).await.problem(), "403 forbidden", "{person} {path}");
        }
        let invite = json!({ "person": "d08.xx" });
        assert_eq!(api.post(person, "/api/v1/invitations", invite).await.problem(), "403 forbidden");
    }
    // And nothing else is theirs.
    let item = api.submitted("通知").await;
    let path = format!("/api/v1/items/{}", text(&item["id"]));
    assert_eq!(api.get("aq", &path).await.problem(), "404 not_found");
    for path in ["/api/v1/secrets", "/api/v1/audit", "/api/v1/configuration"] {
        assert_eq!(api.get("aq", path).await.problem(), "403 forbidden", "{path}");
    }
}

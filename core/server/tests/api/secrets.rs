//! Secrets by name: given, listed and removed by those who may, and shown by nobody.

use serde_json::{Value, json};

use crate::support::{Answer, Api, Request, log, text};

const CANARY: &str = "canary-of-the-api";

async fn set(api: &Api, who: &str, name: &str, body: Value) -> Answer {
    api.send(Request::new("PUT", &format!("/api/v1/secrets/{name}")).of(who).json(&body)).await
}

async fn listed(api: &Api, name: &str) -> Value {
    let list = api.get("sys", "/api/v1/secrets").await.json();
    let secrets = list["secrets"].as_array().unwrap();
    secrets.iter().find(|one| one["name"] == name).cloned().unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn p11_a_secret_is_given_and_removed_by_the_system_administrator_and_shown_by_nobody() {
    let api = Api::start().await;
    let body = json!({ "value": CANARY, "accounts": ["W015"] });
    for person in ["off.zr", "off.gl", "d07.xx", "aud"] {
        assert_eq!(set(&api, person, "app", body.clone()).await.problem(), "403 forbidden", "{person}");
    }
    let given = set(&api, "sys", "app", body).await;
    assert_eq!(given.status, 200, "{given:?}");
    let given = given.json();
    assert_eq!((&given["state"], &given["version"]), (&json!("unused"), &json!(1)), "{given}");
    assert_eq!((&given["bound_to"], &given["set_by"]), (&json!(["W015"]), &json!("sys")), "{given}");
    let again = set(&api, "sys", "app", json!({ "value": CANARY })).await.json();
    assert_eq!((&again["version"], &again["bound_to"]), (&json!(2), &json!(["W015"])), "as it was");
    assert_eq!(again["fingerprint"], given["fingerprint"], "the same value");
    let other = set(&api, "sys", "app", json!({ "value": "x", "accounts": [] })).await.json();
    assert_ne!(other["fingerprint"], given["fingerprint"]);
    assert_eq!(listed(&api, "app").await, other);
    let removed = api.post("sys", "/api/v1/secrets/app/remove", json!({})).await;
    assert_eq!(removed.json(), json!({ "removed": "app" }));
    assert_eq!(api.post("sys", "/api/v1/secrets/app/remove", json!({})).await.problem(), "404 not_found");
    let set = "sys secret.set";
    assert_eq!(api.audit_actions("secret:app").await, [set, set, set, "sys secret.removed"]);
    for person in ["off.hg", "off.gl", "sys", "aud"] {
        assert!(!api.get(person, "/api/v1/secrets").await.text().contains(CANARY));
    }
    assert_eq!(api.get("d07.xx", "/api/v1/secrets").await.problem(), "403 forbidden");
    assert!(!log::lines().join("\n").contains(CANARY));
}

#[tokio::test(flavor = "multi_thread")]
async fn p11_what_is_no_secret_is_refused_without_repeating_it() {
    let api = Api::start().await;
    for (name, body, problem) in [
        ("app", json!({ "value": "" }), "400 invalid_value"),
        ("app", json!({ "value": "x".repeat(65_537) }), "400 invalid_value"),
        ("app", json!({ "value": 12_345_678 }), "400 invalid_value"),
        ("app", json!({ "valu": CANARY }), "400 unknown_field"),
        ("app", json!({ "value": CANARY, "accounts": ["W999"] }), "422 unknown_account"),
        ("app", json!({}), "400 missing_field"),
        ("..", json!({ "value": CANARY }), "404 not_found"),
    ] {
        let refused = set(&api, "sys", name, body).await;
        assert_eq!(refused.problem(), problem, "{refused:?}");
        assert!(!refused.text().contains(CANARY) && !refused.text().contains("12345678"), "{refused:?}");
    }
    // A file of that name stands before what is kept, and nobody should wonder why nothing changes.
    let refused = set(&api, "sys", "W015", json!({ "value": CANARY })).await;
    assert_eq!(refused.problem(), "409 bad_state");
    assert!(text(&refused.json()["detail"]).contains("vault:W015"), "{refused:?}");
    assert_eq!(listed(&api, "W015").await["state"], "file");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_an_account_names_is_listed_as_missing_and_removed_by_force_only() {
    let api = Api::start().await;
    std::fs::remove_file(api.district.secrets().join("W015")).unwrap();
    let missing = listed(&api, "W015").await;
    assert_eq!((&missing["state"], &missing["state_zh"]), (&json!("missing"), &json!("缺少")));
    assert_eq!(missing["used_by"], json!([{ "account": "W015", "as": "access_token" }]));
    let given = set(&api, "sys", "W015", json!({ "value": CANARY, "accounts": ["W000"] })).await.json();
    assert_eq!(given["state"], "not_bound");
    assert_eq!(
        set(&api, "sys", "W015", json!({ "value": CANARY, "accounts": ["W015"] })).await.json()["state"],
        "kept"
    );
    let remove = async |body| api.post("sys", "/api/v1/secrets/W015/remove", body).await;
    let refused = remove(json!({})).await;
    assert_eq!(refused.problem(), "409 bad_state");
    assert!(text(&refused.json()["detail"]).contains("W015"), "{refused:?}");
    assert_eq!(remove(json!({ "force": true })).await.status, 200);
    assert_eq!(listed(&api, "W015").await["state"], "missing");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_no_file_is_not_changed() {
    let api = Api::start().await;
    let rotate = async |who| api.post(who, "/api/v1/master-key/rotate", json!({})).await.problem();
    assert_eq!(rotate("off.zr").await, "403 forbidden");
    assert_eq!(rotate("sys").await, "409 bad_state");
}

//! Keys of scripts: what their scopes open, and that none decides.

use serde_json::{Value, json};

use super::with;
use crate::support::{Api, Request, new_item, text};

async fn key(api: &Api, person: &str, scopes: Value) -> String {
    let created = api.post(person, "/api/v1/keys", json!({ "name": "script", "scopes": scopes })).await;
    assert_eq!(created.status, 201, "{created:?}");
    text(&created.json()["token"]).to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn c18_no_key_decides_whatever_its_person_may_and_each_does_what_its_scopes_say() {
    let api = Api::start().await;
    let item = api.submitted("通知").await;
    let all = key(&api, "off.zr", json!(["read", "submit", "audit"])).await;
    let path = format!("/api/v1/items/{}", text(&item["id"]));
    let decide = json!({ "decision": "approve", "hash": item["hash"] });
    let refused = with(&api, "POST", &format!("{path}/decisions"), &all, Some(decide)).await;
    assert_eq!(refused.problem(), "403 key_cannot");
    let document = api.send(Request::new("GET", "/api/v1/openapi.json")).await.json();
    let mut closed = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in
            item.as_object().unwrap().keys().filter(|m| !["get", "parameters"].contains(&m.as_str()))
        {
            let opened = [
                "/api/v1/items",
                "/api/v1/media",
                "/api/v1/counts",
                "/api/v1/lint",
                "/api/v1/items/{id}/content",
                "/api/v1/items/{id}/withdraw",
            ];
            let is_open = item[method]["security"] == json!([{}]) || item[method]["security"] == json!([]);
            // Half a session is no key.
            if is_open || opened.contains(&path.as_str()) || path == "/api/v1/sessions/code" {
                continue;
            }
            let path = path.replace(['{', '}'], "");
            let answer = with(&api, &method.to_uppercase(), &path, &all, Some(json!({}))).await;
            assert_eq!(answer.problem(), "403 key_cannot", "{method} {path}");
            closed += 1;
        }
    }
    assert!(closed > 25, "{closed}");
    assert_eq!(with(&api, "GET", &path, &all, None).await.status, 200);
    assert_eq!(with(&api, "GET", "/api/v1/audit", &all, None).await.status, 200);
    assert_eq!(with(&api, "GET", "/api/v1/keys", &all, None).await.problem(), "403 key_cannot");
    let reads = key(&api, "d07.xx", json!(["read"])).await;
    assert_eq!(with(&api, "GET", &path, &reads, None).await.status, 200);
    let submit = with(&api, "POST", "/api/v1/items", &reads, Some(new_item("二"))).await;
    assert_eq!(submit.problem(), "403 key_cannot");
    let submits = key(&api, "d07.xx", json!(["submit"])).await;
    let submitted = with(&api, "POST", "/api/v1/items", &submits, Some(new_item("三"))).await;
    assert_eq!(submitted.status, 201);
    assert_eq!(with(&api, "GET", &path, &submits, None).await.problem(), "403 key_cannot");
    let subject = format!("item:{}", text(&submitted.json()["id"]));
    let filter = juzhen_store::AuditFilter { subject: Some(subject), before: None, most: 9 };
    let rows = juzhen_store::Store::audit(api.store.as_ref(), filter).await.unwrap();
    assert!(rows[0].audit.detail["key"].is_string(), "the audit says by which key: {:?}", rows[0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn c18_a_key_is_kept_as_its_hash_expires_and_is_taken_back() {
    let api = Api::start().await;
    let bad = [
        json!({ "name": "x", "scopes": [] }),
        json!({ "name": "x", "scopes": ["approve"] }),
        json!({ "name": "x", "scopes": ["read"], "days": 367 }),
        json!({ "name": "x", "scopes": ["read"], "per_minute": 0 }),
        json!({ "scopes": ["read"] }),
    ];
    for body in bad {
        assert_eq!(api.post("d07.xx", "/api/v1/keys", body.clone()).await.status, 400, "{body}");
    }
    let (one, other) =
        (key(&api, "d07.xx", json!(["read"])).await, key(&api, "off.hg", json!(["read"])).await);
    let status = async |token: &str| with(&api, "GET", "/api/v1/items", token, None).await.status;
    assert_eq!([status(&one).await, status(&other).await, status(&format!("{one}0")).await], [200, 200, 401]);
    let listed = api.get("d07.xx", "/api/v1/keys").await.json();
    assert_eq!(listed["keys"].as_array().unwrap().len(), 1);
    assert!(listed["keys"][0]["used_at"].is_string() && !listed.to_string().contains(&one));
    let all = api.get("aq", "/api/v1/keys").await.json();
    let of_editor = all["keys"].as_array().unwrap().iter().find(|key| key["person"] == "off.hg").unwrap();
    let path = format!("/api/v1/keys/{}", text(&of_editor["id"]));
    assert_eq!(api.send(Request::new("DELETE", &path).of("d07.xx")).await.problem(), "404 not_found");
    assert_eq!(api.send(Request::new("DELETE", &path).of("aq")).await.status, 200);
    assert_eq!([status(&one).await, status(&other).await], [200, 401]);
    api.wait(91 * 24 * 3600);
    assert_eq!(status(&one).await, 401, "after ninety days");
}

#[tokio::test(flavor = "multi_thread")]
async fn c18_a_key_that_asks_too_often_is_told_to_wait() {
    let api = Api::start().await;
    let body = json!({ "name": "busy", "scopes": ["read"], "per_minute": 2 });
    let token = text(&api.post("d07.xx", "/api/v1/keys", body).await.json()["token"]).to_owned();
    let ask = async || with(&api, "GET", "/api/v1/items", &token, None).await;
    assert_eq!([ask().await.status, ask().await.status], [200, 200]);
    let refused = ask().await;
    assert_eq!(refused.problem(), "429 too_many_requests");
    assert_eq!(refused.header("retry-after"), Some("30"));
    api.wait(30);
    assert_eq!(ask().await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a38_a_key_in_the_address_is_refused_before_anything_else() {
    let api = Api::start().await;
    let token = key(&api, "d07.xx", json!(["read"])).await;
    for query in [format!("key={token}"), format!("access_token={token}"), format!("x={token}&limit=1")] {
        for path in ["/api/v1/items", "/api/v1/openapi.json", "/nowhere"] {
            let request = Request::new("GET", &format!("{path}?{query}")).bearer(&token);
            assert_eq!(api.send(request).await.problem(), "400 token_in_address", "{path}");
        }
    }
    assert!(!crate::support::log::lines().join("\n").contains(&token));
}

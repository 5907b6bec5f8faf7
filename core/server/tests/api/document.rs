//! The OpenAPI document: a snapshot, and the same routes as the server.

use std::path::Path;

use serde_json::{Value, json};

use crate::support::{Api, Request};

async fn document(api: &Api) -> Value {
    let answer = api.send(Request::new("GET", "/api/v1/openapi.json")).await;
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")));
    answer.json()
}

/// Method and path of every operation.
fn operations(document: &Value) -> Vec<(String, String)> {
    let paths = document["paths"].as_object().unwrap().iter();
    let each = paths.flat_map(|(path, item)| {
        item.as_object().unwrap().keys().map(move |method| (method.to_uppercase(), path.clone()))
    });
    each.collect()
}

/// `UPDATE_SNAPSHOTS=1 cargo test -p juzhen-server document` writes it anew; the difference is then for a reviewer.
#[tokio::test(flavor = "multi_thread")]
async fn the_document_is_the_one_that_was_reviewed() {
    let api = Api::start().await;
    let now = serde_json::to_string_pretty(&document(&api).await).unwrap() + "\n";
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi.json");
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        std::fs::write(&file, &now).unwrap();
    }
    let reviewed = std::fs::read_to_string(&file).unwrap_or_default();
    let differs = now.lines().zip(reviewed.lines()).find(|(now, reviewed)| now != reviewed);
    assert!(now == reviewed, "the API has changed, first at {differs:?}: look at it and update openapi.json");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_of_the_document_is_served_and_asks_who_it_is() {
    let api = Api::start().await;
    let document = document(&api).await;
    let operations = operations(&document);
    assert!(operations.len() >= 25, "{operations:?}");
    for (method, path) in &operations {
        let answer = api.send(Request::new(method, &path.replace(['{', '}'], ""))).await;
        let declared_open = document["paths"][path][method.to_lowercase()]["security"] == json!([{}])
            || document["paths"][path][method.to_lowercase()]["security"] == json!([]);
        let open = ["/healthz", "/readyz", "/metrics", "/api/v1/openapi.json", "/authorized"]
            .contains(&path.as_str())
            || path.starts_with("/callback/")
            || is_the_way_in(method, path);
        assert_eq!(declared_open, open, "{method} {path}");
        if path == "/authorized" {
            assert_eq!(answer.status, 400, "a browser without a state");
        } else if is_the_way_in(method, path) {
            assert_eq!(answer.problem(), "400 missing_field", "{method} {path}");
        } else if path.starts_with("/callback/") {
            assert_eq!(answer.status, 404, "who asks is for the adapter of an account to say");
        } else if open {
            assert!(matches!(answer.status, 200 | 503), "{method} {path}: {}", answer.status);
        } else {
            assert_eq!(answer.problem(), "401 unauthenticated", "{method} {path}");
        }
    }
}

/// Whoever comes here is about to prove who they are.
fn is_the_way_in(method: &str, path: &str) -> bool {
    let ways = [
        "/api/v1/sessions",
        "/api/v1/passwords",
        "/api/v1/invitations/accept",
        "/api/v1/invitations/confirm",
    ];
    method == "POST" && ways.contains(&path)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_operation_has_a_name_of_its_own() {
    let document = document(&Api::start().await).await;
    let names: Vec<Value> = operations(&document)
        .iter()
        .map(|(method, path)| document["paths"][path][method.to_lowercase()]["operationId"].clone())
        .collect();
    let different: std::collections::BTreeSet<&str> =
        names.iter().map(|name| name.as_str().unwrap()).collect();
    assert_eq!(different.len(), names.len(), "{names:?}");
}

/// The other direction: a route can only be added together with its entry, because `axum::Router` is nowhere used to add
/// one.
#[test]
fn no_route_is_added_past_the_document() {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut folders = vec![sources];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            for way in [".route(", ".nest(", ".route_service(", "Router::new().fallback", "axum::routing"] {
                assert!(!text.contains(way), "{} uses {way}", path.display());
            }
        }
    }
}

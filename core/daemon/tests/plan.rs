//! `juzhen plan` against a stand-in for the daemon's API: what would change, and what would be held.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use axum::extract::{Query, State};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};
use support::{Ran, finish, juzhen, sample_config};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

/// The texts of a folder, as the daemon keeps those that run.
fn texts(folder: &Path) -> BTreeMap<String, String> {
    let mut texts = BTreeMap::new();
    for within in ["", "units/"] {
        for entry in fs::read_dir(folder.join(within)).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if name.ends_with(".yaml") {
                texts.insert(format!("{within}{name}"), fs::read_to_string(&path).unwrap());
            }
        }
    }
    texts
}

/// Three deliveries of W015 are due, on two pages.
async fn deliveries(Query(asked): Query<BTreeMap<String, String>>) -> Json<Value> {
    let due = asked["account"] == "W015" && asked["state"] == "due";
    Json(match (due, asked.get("before")) {
        (false, _) => json!({"deliveries": [], "next_before": null}),
        (true, None) => json!({"deliveries": [{"id": "c"}, {"id": "b"}], "next_before": "b"}),
        (true, Some(_)) => json!({"deliveries": [{"id": "a"}], "next_before": null}),
    })
}

async fn sources(State(texts): State<Arc<BTreeMap<String, String>>>) -> Json<Value> {
    Json(json!({"revision": "r", "sources": *texts}))
}

/// Serves in the background as long as the runtime lives; gives back its address.
fn daemon(runtime: &Runtime, running: &Path) -> String {
    let routes = Router::new()
        .route("/api/v1/configuration/sources", get(sources))
        .route("/api/v1/deliveries", get(deliveries))
        .with_state(Arc::new(texts(running)));
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    runtime.spawn(async { axum::serve(listener, routes).await });
    url
}

fn plan(config: &Path, server: &str, more: &[&str]) -> Ran {
    finish(juzhen().arg("plan").arg(config).args(["--server", server]).args(more))
}

#[test]
fn a_plan_says_what_would_change_and_what_would_be_held() {
    let home = tempfile::tempdir().unwrap();
    let (before, after) = (home.path().join("before"), home.path().join("after"));
    sample_config(&before);
    sample_config(&after);
    let runtime = Runtime::new().unwrap();
    let server = daemon(&runtime, &before);

    let same = plan(&after, &server, &["--json"]);
    assert_eq!((same.code, same.json()["held"].clone()), (Some(0), json!({})), "{same:?}");

    let unit = after.join("units/D07.yaml");
    let text = fs::read_to_string(&unit).unwrap();
    let place = text.find("- id: W015").unwrap();
    let (head, tail) = text.split_at(place);
    fs::write(&unit, format!("{head}{}", tail.replacen("status: active", "status: suspended", 1))).unwrap();
    let planned = plan(&after, &server, &["--json"]);
    assert_eq!(planned.code, Some(0), "{planned:?}");
    assert_eq!(planned.json()["held"], json!({"W015": 3}), "{planned:?}");
    assert_eq!(planned.json()["changes"]["accounts"]["changed"][0]["id"], "W015");
    let shown = plan(&after, &server, &[]).stdout;
    assert!(
        shown.contains("~ account W015: status") && shown.contains("3 deliveries would be held"),
        "{shown}"
    );

    fs::write(&unit, "code: D07\n...\n").unwrap();
    let faults = plan(&after, &server, &["--json"]);
    assert_eq!((faults.code, faults.json()["ok"].clone()), (Some(1), json!(false)), "{faults:?}");
    assert_eq!(plan(Path::new("/nowhere"), &server, &[]).code, Some(2));
    assert_eq!(plan(&before, "http://127.0.0.1:1", &[]).code, Some(1));
}

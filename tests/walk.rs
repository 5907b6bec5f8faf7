//! One item's whole way, and the settings that change while the daemon runs.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::time::Duration;

use juzhen_sandbox::{EffectKind, Expectation};
use juzhen_tests::{Daemon, District, Stage, eventually};
use reqwest::StatusCode;
use serde_json::json;

const SOON: Duration = Duration::from_millis(300);

async fn stage() -> (Stage, District) {
    let stage = Stage::start().await;
    let district = District::new(&stage.mock_url());
    district.unit("D07", "department", &["W015", "W016"]);
    (stage, district)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approved_item_is_published_once_on_each_account_at_its_time() {
    let (stage, district) = stage().await;
    let daemon = Daemon::start(&district);
    let due = jiff::Timestamp::now() + Duration::from_secs(1);
    let expect = |account| Expectation::of(account, "", "启动仪式").not_before(due.as_millisecond());
    stage.handle.expect([expect("W000"), expect("W015")]).unwrap();
    let id = daemon.submit("d07.xx", "启动仪式", &["W000", "W015"]).await;
    let (status, body) =
        daemon.approve(&id, due.duration_since(jiff::Timestamp::now()).try_into().unwrap()).await.unwrap();
    assert_eq!(status, StatusCode::OK, "{body:#}");
    daemon.until(&id, &["published"]).await;
    assert_eq!(stage.posts("启动仪式").len(), 2);
    stage.assert_clean();
    let item = daemon.get(&format!("/api/v1/items/{id}")).await;
    assert_eq!(item["state"], "published");
    let deliveries = daemon.get(&format!("/api/v1/deliveries?item={id}")).await;
    let url = deliveries["deliveries"][0]["receipt"]["url"].as_str().unwrap().to_owned();
    let page = reqwest::get(url).await.unwrap().text().await.unwrap();
    assert!(page.contains("启动仪式"), "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn p02_what_nobody_else_approved_is_never_sent() {
    let (stage, district) = stage().await;
    let daemon = Daemon::start(&district);
    let id = daemon.submit("off.xx", "未经审核", &["W000"]).await;
    let item = daemon.get(&format!("/api/v1/items/{id}")).await;
    let path = format!("/api/v1/items/{id}/decisions");
    let approve = json!({"decision": "approve", "hash": item["hash"]});
    let (status, body) = daemon.call("off.xx", "POST", &path, Some(approve.clone())).await;
    assert_eq!((status, body["code"].as_str()), (StatusCode::FORBIDDEN, Some("self_approval")), "{body:#}");
    let (status, body) = daemon.call("d07.xx", "POST", &path, Some(approve)).await;
    assert_eq!((status, body["code"].as_str()), (StatusCode::NOT_FOUND, Some("not_found")), "{body:#}");
    let other = json!({"decision": "approve", "hash": "0".repeat(64)});
    let (status, body) = daemon.call("off.hg", "POST", &path, Some(other)).await;
    assert_eq!((status, body["code"].as_str()), (StatusCode::CONFLICT, Some("stale_version")), "{body:#}");
    let (status, body) =
        daemon.call("off.hg", "POST", &format!("/api/v1/items/{id}/schedule"), Some(json!({}))).await;
    assert_eq!(status, StatusCode::CONFLICT, "{body:#}");
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(stage.ledger().effects.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_unit_is_added_by_one_file_and_its_account_publishes_without_a_restart() {
    let (stage, district) = stage().await;
    let mut daemon = Daemon::start(&district);
    let pid = daemon.pid();
    district.unit("D08", "department", &["W017"]);
    eventually("the new unit's account is there", async || {
        let accounts = daemon.get("/api/v1/accounts").await;
        accounts["accounts"].as_array().unwrap().iter().any(|a| a["id"] == "W017")
    })
    .await;
    let id = daemon.publish("d08.xx", "新单位第一条", &["W017"], SOON).await;
    daemon.until(&id, &["published"]).await;
    assert_eq!(stage.posts("新单位第一条").len(), 1);
    assert!(daemon.is_running() && daemon.pid() == pid);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_route_forwards_while_it_is_there_and_a_loop_of_routes_is_refused() {
    let (stage, district) = stage().await;
    let daemon = Daemon::start(&district);
    let route = |id: &str, from: &str, to: &str| {
        format!("  - {{id: {id}, kind: forward, when: {{accounts: [{from}]}}, to: [{to}]}}\n")
    };
    district.write("routes.yaml", &format!("routes:\n{}", route("down", "W000", "W015, W016")));
    reloaded(&daemon).await;
    let id = daemon.publish("d07.xx", "要转发的", &["W000"], SOON).await;
    eventually_published(&daemon, &id, 3).await;
    let effects = stage.ledger().effects;
    let reposts = effects.iter().filter(|e| e.kind == EffectKind::Repost).count();
    assert_eq!(reposts, 2, "{effects:#?}");

    district.write("routes.yaml", "routes: []\n");
    reloaded(&daemon).await;
    let id = daemon.publish("d07.xx", "不转发的", &["W000"], SOON).await;
    daemon.until(&id, &["published"]).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(daemon.states(&id).await.len(), 1);

    let circle = [route("down", "W000", "W015"), route("up", "W015", "W000")].concat();
    district.write("routes.yaml", &format!("routes:\n{circle}"));
    let (status, body) = daemon.call("off.xt", "POST", "/-/reload", None).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{body:#}");
    let text = body.to_string();
    assert!(text.contains("down") && text.contains("up"), "both routes are named: {body:#}");
    stage.assert_clean();
}

#[tokio::test(flavor = "multi_thread")]
async fn p09_work_of_a_removed_account_is_held_and_goes_on_when_it_is_back() {
    let (stage, district) = stage().await;
    let daemon = Daemon::start(&district);
    let id = daemon.publish("d07.xx", "账号被删", &["W016"], Duration::from_secs(6)).await;
    district.unit("D07", "department", &["W015"]);
    daemon.until(&id, &["held"]).await;
    assert!(stage.posts("账号被删").is_empty());
    district.unit("D07", "department", &["W015", "W016"]);
    daemon.until(&id, &["published"]).await;
    assert_eq!(stage.posts("账号被删").len(), 1);
    stage.assert_clean();
}

#[tokio::test(flavor = "multi_thread")]
async fn p26_stop_all_holds_survives_a_restart_and_takes_two_to_lift() {
    let (stage, district) = stage().await;
    let mut daemon = Daemon::start(&district);
    let id = daemon.publish("d07.xx", "停", &["W000"], Duration::from_secs(2)).await;
    let (status, body) = daemon.call("off.hg", "POST", "/api/v1/stop", Some(json!({"reason": "演练"}))).await;
    assert!(status.is_success(), "{body:#}");
    daemon.until(&id, &["held"]).await;
    daemon.kill();
    let daemon = Daemon::start(&district);
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(stage.posts("停").is_empty());
    let (status, body) = daemon.call("off.hg", "POST", "/api/v1/stop/lift", Some(json!({}))).await;
    assert!(status.is_success(), "{body:#}");
    daemon.call("off.hg", "POST", "/api/v1/stop/lift", Some(json!({}))).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(stage.posts("停").is_empty(), "one person alone lifted it");
    let (status, body) = daemon.call("off.zr", "POST", "/api/v1/stop/lift", Some(json!({}))).await;
    assert!(status.is_success(), "{body:#}");
    daemon.until(&id, &["published"]).await;
    stage.assert_clean();
}

async fn reloaded(daemon: &Daemon) {
    let (status, body) = daemon.call("off.xt", "POST", "/-/reload", None).await;
    assert_eq!(status, StatusCode::OK, "{body:#}");
}

async fn eventually_published(daemon: &Daemon, item: &str, deliveries: usize) {
    eventually("all deliveries are published", async || {
        let states = daemon.states(item).await;
        states.len() == deliveries && states.values().all(|s| s == "published")
    })
    .await;
}

//! The ways around review that other programs leave open, tried one by one on the real daemon: nothing unapproved leaves.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::process::{Command, Output};
use std::time::Duration;

use jiff::Timestamp;
use juzhen_sandbox::Expectation;
use juzhen_tests::{Daemon, District, Stage, juzhen};
use reqwest::StatusCode;
use serde_json::{Value, json};

const SOON: Duration = Duration::from_millis(300);
/// What was not sent by then is not sent: everything here would be due at once.
const A_WHILE: Duration = Duration::from_millis(1_500);

async fn stage() -> (Stage, District) {
    let stage = Stage::start().await;
    let district = District::new(&stage.mock_url());
    district.unit("D07", "department", &["W015", "W016"]);
    (stage, district)
}

/// A request that is refused; the code of the refusal.
async fn refused(daemon: &Daemon, person: &str, method: &str, path: &str, body: Value) -> String {
    let (status, body) = daemon.call(person, method, path, Some(body)).await;
    assert!(status.is_client_error(), "{person} {method} {path}: {status} {body:#}");
    body["code"].as_str().unwrap_or_default().to_owned()
}

async fn assert_nothing_left(stage: &Stage) {
    tokio::time::sleep(A_WHILE).await;
    assert!(stage.ledger().effects.is_empty(), "{:#?}", stage.ledger().effects);
}

fn changed(text: &str, target: &str) -> Value {
    json!({"variants": {"weibo": {"text": text}}, "targets": [target]})
}

async fn hash_of(daemon: &Daemon, item: &str) -> Value {
    daemon.get(&format!("/api/v1/items/{item}")).await["hash"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn p02_what_is_edited_after_its_approval_does_not_go_out_on_it() {
    let (stage, district) = stage().await;
    let daemon = Daemon::start(&district);
    let id = daemon.submit("d07.xx", "送审的文字", &["W015"]).await;
    let path = format!("/api/v1/items/{id}");
    let approve = json!({"decision": "approve", "hash": hash_of(&daemon, &id).await});
    let (status, body) = daemon.call("off.hg", "POST", &format!("{path}/decisions"), Some(approve)).await;
    assert_eq!((status, &body["state"]), (StatusCode::OK, &json!("approved")), "{body:#}");

    for person in ["d07.xx", "off.hg"] {
        refused(&daemon, person, "PUT", &path, changed("偷换的文字", "W015")).await;
    }
    let soon = json!({"publish_at": (Timestamp::now() + SOON).to_string()});
    let (status, body) = daemon.call("off.hg", "POST", &format!("{path}/schedule"), Some(soon)).await;
    assert_eq!(status, StatusCode::OK, "{body:#}");
    // And once more when it is scheduled: the delivery goes out as it was approved.
    refused(&daemon, "d07.xx", "PUT", &path, changed("偷换的文字", "W015")).await;
    stage.handle.expect([Expectation::of("W015", "", "送审的文字")]).unwrap();
    daemon.until(&id, &["published"]).await;
    assert_eq!((stage.posts("送审的文字").len(), stage.posts("偷换的文字").len()), (1, 0));
    stage.assert_clean();
}

#[tokio::test(flavor = "multi_thread")]
async fn p02_a_state_is_not_set_through_another_door() {
    let (stage, district) = stage().await;
    let daemon = Daemon::start(&district);
    let id = daemon.submit("d07.xx", "未经审核", &["W015"]).await;
    let path = format!("/api/v1/items/{id}");
    let now = Timestamp::now().to_string();
    for person in ["d07.xx", "off.hg", "off.zr", "off.gl", "off.xt"] {
        let mut with_state = changed("未经审核", "W015");
        with_state["state"] = json!("approved");
        for method in ["PUT", "PATCH", "POST"] {
            refused(&daemon, person, method, &path, with_state.clone()).await;
            refused(&daemon, person, method, &path, json!({"state": "approved", "approved_by": "off.hg"}))
                .await;
        }
        refused(&daemon, person, "POST", &format!("{path}/schedule"), json!({"publish_at": now})).await;
        refused(&daemon, person, "POST", &format!("{path}/publish"), json!({})).await;
        refused(&daemon, person, "POST", "/api/v1/deliveries", json!({"item": id, "account": "W015"})).await;
        let mut born_approved = changed("未经审核", "W015");
        born_approved["column"] = json!("yaowen");
        born_approved["state"] = json!("approved");
        refused(&daemon, person, "POST", "/api/v1/items", born_approved).await;
    }
    assert_eq!(daemon.get(&path).await["state"], "pending_office");
    assert_nothing_left(&stage).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn p13_a_second_role_does_not_make_a_second_person() {
    let (stage, district) = stage().await;
    let office = district.read("units/OFFICE.yaml").replace("...\n", "");
    let both = office.replace(
        "{id: off.xx, name: 测试员, roles: [info_officer]}",
        "{id: off.xx, name: 测试员, roles: [info_officer, office_editor, office_director]}",
    );
    assert_ne!(office, both);
    district.write("units/OFFICE.yaml", &both);
    let daemon = Daemon::start(&district);
    let id = daemon.submit("off.xx", "自己审自己", &["W000"]).await;
    let path = format!("/api/v1/items/{id}");
    let now = Timestamp::now().to_string();
    let hash = hash_of(&daemon, &id).await;
    for decision in [
        json!({"decision": "approve", "hash": hash}),
        json!({"decision": "approve", "hash": hash, "publish_at": now}),
    ] {
        let code = refused(&daemon, "off.xx", "POST", &format!("{path}/decisions"), decision).await;
        assert_eq!(code, "self_approval");
    }
    let schedule = json!({"publish_at": now});
    assert_eq!(
        refused(&daemon, "off.xx", "POST", &format!("{path}/schedule"), schedule).await,
        "not_approved"
    );
    assert_nothing_left(&stage).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn p02_nothing_unapproved_goes_out_as_a_forward() {
    let (stage, district) = stage().await;
    let route = "routes:\n  - {id: down, kind: forward, when: {accounts: [W000]}, to: [W015, W016]}\n";
    district.write("routes.yaml", route);
    let daemon = Daemon::start(&district);
    // On no account of its own, or on one that is forwarded: nothing is forwarded of what did not go out.
    let waiting = daemon.submit("d07.xx", "想被转发", &["W000"]).await;
    assert_nothing_left(&stage).await;
    assert!(daemon.states(&waiting).await.is_empty());

    // What is forwarded of an approved one carries its words and no others.
    stage.handle.expect([Expectation::of("W000", "", "已经审核")]).unwrap();
    let id = daemon.publish("d07.xx", "已经审核", &["W000"], SOON).await;
    juzhen_tests::eventually("all three are out", async || {
        let states = daemon.states(&id).await;
        states.len() == 3 && states.values().all(|state| state == "published")
    })
    .await;
    assert!(stage.posts("想被转发").is_empty());
    assert_eq!(stage.ledger().effects.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn p02_no_command_of_the_shell_publishes_what_nobody_approved() {
    let (stage, district) = stage().await;
    let daemon = Daemon::start(&district);
    let id = daemon.submit("d07.xx", "命令行发布", &["W015"]).await;
    let hash = hash_of(&daemon, &id).await.as_str().unwrap().to_owned();
    let born_approved = district.path("item.json").display().to_string();
    let mut item = changed("直接发布", "W015");
    item["column"] = json!("yaowen");
    item["state"] = json!("approved");
    std::fs::write(&born_approved, item.to_string()).unwrap();
    for person in ["d07.xx", "off.gl", "off.xt"] {
        let commands: [&[&str]; 4] = [
            &["item", "schedule", &id, "--at", "now"],
            &["review", "approve", &id, "--hash", &hash],
            &["delivery", "release", &id],
            &["item", "submit", "--file", &born_approved],
        ];
        for command in commands {
            let output = shell(&daemon, &district, person, command);
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(said.contains("the daemon refused it (4"), "{person} {command:?}: {said}");
        }
    }
    // The office, too, before it has approved.
    let output = shell(&daemon, &district, "off.hg", &["item", "schedule", &id, "--at", "now"]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("409"), "{output:?}");
    assert_nothing_left(&stage).await;
}

/// As this person, from a shell on the daemon's machine.
fn shell(daemon: &Daemon, district: &District, person: &str, command: &[&str]) -> Output {
    let token = district.path(&format!("token-of-{person}"));
    std::fs::write(&token, daemon.token(person)).unwrap();
    let mut juzhen = Command::new(juzhen());
    juzhen.args(command).arg("--server").arg(daemon.url()).arg("--token-file").arg(token);
    juzhen.output().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn f104_p13_whoever_loses_a_role_approves_nothing_more_and_what_they_approved_stands() {
    let (stage, district) = stage().await;
    let daemon = Daemon::start(&district);
    stage.handle.expect([Expectation::of("W015", "", "在任时审核")]).unwrap();
    let before = daemon.publish("d07.xx", "在任时审核", &["W015"], Duration::from_secs(4)).await;
    let after = daemon.submit("d07.xx", "离任后审核", &["W015"]).await;
    let hash = hash_of(&daemon, &after).await;

    let office = district.read("units/OFFICE.yaml").replace("...\n", "");
    let without = office.replace(
        "{id: off.hg, name: 测试员, roles: [office_editor]}",
        "{id: off.hg, name: 测试员, roles: [office_contact]}",
    );
    assert_ne!(office, without);
    district.write("units/OFFICE.yaml", &without);
    let (status, body) = daemon.call("off.xt", "POST", "/-/reload", None).await;
    assert_eq!(status, StatusCode::OK, "{body:#}");

    let approve = json!({"decision": "approve", "hash": hash});
    let path = format!("/api/v1/items/{after}");
    assert_eq!(refused(&daemon, "off.hg", "POST", &format!("{path}/decisions"), approve).await, "forbidden");
    let schedule = json!({"publish_at": Timestamp::now().to_string()});
    assert_eq!(refused(&daemon, "off.hg", "POST", &format!("{path}/schedule"), schedule).await, "forbidden");
    daemon.until(&before, &["published"]).await;
    assert!(stage.posts("离任后审核").is_empty());
    stage.assert_clean();
}

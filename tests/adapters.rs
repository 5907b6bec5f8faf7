//! Adapters come, change and misbehave while the daemon goes on.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::fs;
use std::time::Duration;

use juzhen_tests::{Daemon, District, Stage, adapter};
use serde_json::Value;

const SOON: Duration = Duration::from_millis(200);

/// The sins of plugin-abi §2.4, and those of the sandbox's probes. `plugins/host/tests` looks at what becomes of each; here
/// they all happen to one daemon at once.
const SINS: &[&str] = &[
    "panic_in_call",
    "panic_after_post",
    "panic_in_thread",
    "panic_in_drop",
    "await_forever",
    "hang_after_post",
    "infinite_loop",
    "blocking_sleep",
    "abort",
    "abort_after_post",
    "segfault",
    "stack_overflow",
    "exit_zero",
    "leak_memory",
    "write_stdout",
    "answer_invalid_utf8",
    "answer_not_json",
    "answer_huge",
    "answer_dangling",
    "undeclared_host",
    "other_scope",
    "read_parent_memory",
    "read_etc_passwd",
    "open_socket",
];

/// A unit whose account is on the hostile platform, restless enough for a test.
fn with_hostile(district: &District, stage: &Stage, sins: &[&str]) {
    district.install("hostile");
    sins.iter().for_each(|sin| district.secret(&format!("H-{sin}")));
    let accounts: String = sins
        .iter()
        .map(|sin| {
            format!(
                "  - {{id: H-{sin}, platform: hostile, name: 恶意, uid: \"{sin}\", status: active, settings: {{base_url: \"{}\", sin: {sin}}}, secrets: {{access_token: \"file:H-{sin}.token\"}}}}\n",
                stage.mock_url()
            )
        })
        .collect();
    district.write("units/H01.yaml", &format!("code: H01\nname: 恶意单位\nshort_name: H01\ncategory: resident\npeople:\n  - {{id: h01.xx, name: 测试员, roles: [info_officer]}}\naccounts:\n{accounts}"));
    let patience = "\x20 call_deadline_seconds: 3\n\x20 retry: {most: 1, first_pause_seconds: 1, longest_pause_seconds: 1}\n";
    district.write_district(&stage.mock_url(), patience);
}

#[tokio::test(flavor = "multi_thread")]
async fn p10_sins_cost_only_their_own_deliveries() {
    let stage = Stage::start().await;
    let district = District::new(&stage.mock_url());
    district.unit("D07", "department", &["W015"]);
    with_hostile(&district, &stage, SINS);
    let mut daemon = Daemon::start(&district);
    let pid = daemon.pid();
    let mut bad = Vec::new();
    let mut latest = 0;
    for sin in SINS {
        bad.push(sinful(&mut daemon, sin).await);
        let text = format!("好稿 {sin}");
        let due = jiff::Timestamp::now() + SOON;
        let good = daemon.publish("d07.xx", &text, &["W015"], SOON).await;
        daemon.until(&good, &["published"]).await;
        latest = latest.max(stage.posts(&text)[0].at_unix_ms - due.as_millisecond());
    }
    println!("{} sins; the good adapter's posts were at most {latest} ms late", SINS.len());
    assert!(latest < 5_000, "late by {latest} ms:\n{}", daemon.log());
    tokio::time::sleep(Duration::from_secs(5)).await;
    for (id, sin) in bad.iter().zip(SINS) {
        let delivery = daemon.get(&format!("/api/v1/deliveries?item={id}")).await["deliveries"][0].clone();
        let posts = stage.posts(&format!("罪行 {sin}。")).len();
        match delivery["state"].as_str().unwrap() {
            "published" => assert_eq!(posts, 1, "{sin}"),
            "due" | "held" | "refused" if delivery["resumes"] == false => {
                assert_eq!(posts, 0, "{sin}: {delivery:#}");
            }
            _ => assert!(posts <= 1, "{sin}"),
        }
    }
    assert!(daemon.is_running() && daemon.pid() == pid, "the daemon ended:\n{}", daemon.log());
    stage.assert_clean();
}

#[tokio::test(flavor = "multi_thread")]
async fn f11_five_steps_crashed_after_the_third_make_five_requests() {
    let sin = "crash_after_step_3_once";
    let stage = Stage::start().await;
    let district = District::new(&stage.mock_url());
    with_hostile(&district, &stage, &[sin]);
    let mut daemon = Daemon::start(&district);
    let id = sinful(&mut daemon, sin).await;
    daemon.until(&id, &["published"]).await;
    let requests = stage.ledger().requests;
    let sent: u64 =
        requests.iter().filter(|(route, _)| route.starts_with("POST")).map(|(_, n)| n.total).sum();
    assert_eq!(sent, 5, "{requests:#?}");
    assert!(
        daemon.log().contains("is run again with its recorded answers"),
        "it did not crash: {}",
        daemon.log()
    );
}

/// An item of the hostile unit, approved and due.
async fn sinful(daemon: &mut Daemon, sin: &str) -> String {
    let text = format!("罪行 {sin}。");
    let item = serde_json::json!({"variants": {"hostile": {"text": text}}, "targets": [format!("H-{sin}")]});
    let (status, body) = daemon.call("h01.xx", "POST", "/api/v1/items", Some(item)).await;
    assert!(status.is_success(), "{body:#}");
    let id = body["id"].as_str().unwrap().to_owned();
    let (status, body) = daemon.approve(&id, SOON).await.unwrap();
    assert!(status.is_success(), "{sin}: {body:#}");
    id
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_adapter_takes_over_under_load_and_a_bad_one_does_not() {
    let stage = Stage::start().await;
    let district = District::new(&stage.mock_url());
    let names: Vec<String> = (0..20).map(|n| format!("W{n:03}x")).collect();
    let accounts: Vec<&str> = names.iter().map(String::as_str).collect();
    district.unit("D07", "department", &accounts);
    let mut daemon = Daemon::start(&district);
    let first = sha256(&serving(&mut daemon, "mock").await);
    let mut items = Vec::new();
    for round in 0..5 {
        items.push(daemon.publish("d07.xx", &format!("第{round}条"), &accounts, SOON).await);
        if round == 1 {
            // The same adapter in a file with other bytes: a new version as far as anyone can tell.
            let mut bytes = fs::read(adapter("mock")).unwrap();
            bytes.extend_from_slice(b"another build");
            let built = district.path("another.so");
            fs::write(&built, bytes).unwrap();
            district.install_file(&built, "libmock.so");
        }
    }
    let start = std::time::Instant::now();
    while sha256(&serving(&mut daemon, "mock").await) == first {
        assert!(start.elapsed() < Duration::from_secs(60), "the new file does not serve: {}", daemon.log());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    for item in &items {
        daemon.until(item, &["published"]).await;
    }
    assert_eq!(stage.ledger().effects.len(), items.len() * accounts.len());
    stage.assert_clean();

    let second = sha256(&serving(&mut daemon, "mock").await);
    let whole = fs::read(adapter("mock")).unwrap();
    let other_major = {
        let mut bytes = whole.clone();
        let magic = 0x3176_0052_5450_4441_u64.to_le_bytes();
        let at = bytes.windows(8).position(|w| w == magic).expect("the entry's magic is in the file");
        bytes[at + 12] = 2;
        bytes
    };
    for (what, bytes) in [
        ("text", b"#!/bin/sh\necho hello\n".to_vec()),
        ("cut", whole[..whole.len() / 2].to_vec()),
        ("major 2", other_major),
    ] {
        fs::write(district.path("bad.so"), bytes).unwrap();
        district.install_file(&district.path("bad.so"), "libmock.so");
        let start = std::time::Instant::now();
        let reason = loop {
            let adapters = daemon.get("/api/v1/adapters").await;
            let refused = adapters["adapters"]
                .as_array()
                .unwrap()
                .iter()
                .filter(|a| a["state"] == "refused")
                .find_map(|a| a["reason"].as_str().map(str::to_owned));
            if let Some(reason) = refused {
                break reason;
            }
            assert!(start.elapsed() < Duration::from_secs(60), "{what} was not refused: {adapters:#}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        };
        println!("{what}: {reason}");
        assert_eq!(sha256(&serving(&mut daemon, "mock").await), second, "{what}");
        let id = daemon.publish("d07.xx", &format!("仍然发布 {what}"), &["W000"], SOON).await;
        daemon.until(&id, &["published"]).await;
        district.install_file(&district.path("another.so"), "libmock.so");
        tokio::time::sleep(Duration::from_secs(3)).await;
    }
}

async fn serving(daemon: &mut Daemon, name: &str) -> Value {
    let adapters = daemon.get("/api/v1/adapters").await;
    let list = adapters["adapters"].as_array().unwrap();
    let found = list.iter().find(|a| a["name"] == name && a["state"] == "serving");
    found.unwrap_or_else(|| panic!("{name} does not serve: {adapters:#}")).clone()
}

fn sha256(adapter: &Value) -> String {
    adapter["sha256"].as_str().unwrap().to_owned()
}

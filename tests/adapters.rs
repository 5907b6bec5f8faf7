//! Adapters come, change and misbehave while the daemon goes on.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::fs;
use std::time::Duration;

use juzhen_sandbox::Expectation;
use juzhen_tests::{Daemon, District, Stage, adapter};
use serde_json::Value;

const SOON: Duration = Duration::from_millis(200);

/// What can become of a delivery under each sin. `true`: the post is out in the end.
const SINS: &[(&str, &[&str], bool)] = &[
    ("panic_in_call", &["due", "held"], false),
    ("panic_after_post", &["in_doubt", "published"], true),
    ("panic_in_thread", &["published"], true),
    ("panic_in_drop", &["due", "held", "sending"], false),
    ("await_forever", &["due", "held"], false),
    ("hang_after_post", &["due", "in_doubt", "published"], true),
    ("infinite_loop", &["due", "held", "claimed"], false),
    ("blocking_sleep", &["due", "held", "claimed"], false),
    ("abort", &["due", "held"], false),
    ("abort_after_post", &["in_doubt", "published"], true),
    ("segfault", &["due", "held"], false),
    ("stack_overflow", &["due", "held"], false),
    ("exit_zero", &["due", "held"], false),
    ("leak_memory", &["due", "held"], false),
    ("write_stdout", &["published"], true),
    ("answer_invalid_utf8", &["held"], false),
    ("answer_not_json", &["held"], false),
    ("answer_huge", &["held", "due"], false),
    ("answer_dangling", &["due", "held"], false),
    ("undeclared_host", &["refused", "held", "due"], false),
    ("other_scope", &["refused", "held", "due"], false),
    ("read_parent_memory", &["refused"], false),
    ("read_etc_passwd", &["refused"], false),
    ("open_socket", &["refused"], false),
    ("crash_after_step_3_once", &["published"], true),
];

/// A unit whose account is on the hostile platform, restless enough for a test.
fn with_hostile(district: &District, stage: &Stage) {
    district.install("hostile");
    SINS.iter().for_each(|(sin, _, _)| district.secret(&format!("H-{sin}")));
    let accounts: String = SINS
        .iter()
        .map(|(sin, _, _)| {
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
async fn p10_each_sin_costs_only_its_own_delivery() {
    let stage = Stage::start().await;
    let district = District::new(&stage.mock_url());
    district.unit("D07", "department", &["W015"]);
    with_hostile(&district, &stage);
    let mut daemon = Daemon::start(&district);
    let pid = daemon.pid();
    let mut bad = Vec::new();
    for (sin, _, _) in SINS {
        let item = serde_json::json!({"variants": {"hostile": {"text": format!("罪行 {sin}")}}, "targets": [format!("H-{sin}")]});
        let (status, body) = daemon.call("h01.xx", "POST", "/api/v1/items", Some(item)).await;
        assert!(status.is_success(), "{body:#}");
        let id = body["id"].as_str().unwrap().to_owned();
        let (status, body) = daemon.approve(&id, SOON).await.unwrap();
        assert!(status.is_success(), "{sin}: {body:#}");
        bad.push(id);
        let text = format!("好稿 {sin}");
        let due = jiff::Timestamp::now() + SOON;
        stage.handle.expect([Expectation::of("W015", "", &text).not_before(due.as_millisecond())]).unwrap();
        let good = daemon.publish("d07.xx", &text, &["W015"], SOON).await;
        daemon.until(&good, &["published"]).await;
        let late = stage.posts(&text)[0].at_unix_ms - due.as_millisecond();
        assert!(late < 5_000, "{sin}: the other adapter's delivery was {late} ms late");
    }
    assert!(daemon.is_running() && daemon.pid() == pid, "the daemon ended:\n{}", daemon.log());
    for (id, (sin, ends, out)) in bad.iter().zip(SINS) {
        let states = daemon.until(id, ends).await;
        let posts = stage.posts(&format!("罪行 {sin}")).len();
        assert_eq!(posts, usize::from(*out), "{sin}: {states:?}");
    }
    let requests = stage.handle.ledger_of("crash_after_step_3_once").requests;
    let sent: u64 = requests.values().map(|count| count.total).sum();
    println!(
        "five steps, crashed after the third: {sent} real requests of its account; media {:?}",
        stage.ledger().requests.get("POST /mock/v1/media")
    );
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
        assert!(start.elapsed() < Duration::from_secs(20), "the new file does not serve: {}", daemon.log());
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
                .find_map(|a| a["state"]["reason"].as_str().map(str::to_owned));
            if let Some(reason) = refused {
                break reason;
            }
            assert!(start.elapsed() < Duration::from_secs(20), "{what} was not refused: {adapters:#}");
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
    let found = list.iter().find(|a| a["name"] == name && a["state"]["state"] == "serving");
    found.unwrap_or_else(|| panic!("{name} does not serve: {adapters:#}")).clone()
}

fn sha256(adapter: &Value) -> String {
    adapter["sha256"].as_str().unwrap().to_owned()
}

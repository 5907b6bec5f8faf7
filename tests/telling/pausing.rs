//! A mistake of an adapter or a platform costs a few deliveries, never a storm (P20, F60, F68).

use std::time::Duration;

use juzhen_sandbox::{Fault, ScriptedRefusal};
use juzhen_tests::{Daemon, Stage};
use serde_json::{Value, json};

use crate::district;

const SOON: Duration = Duration::from_millis(200);
/// Tries of one delivery, as the district of these tests sets them.
const TRIES: u64 = 2;

fn refusal(status: u16, code: &str) -> Fault {
    Fault::Status(ScriptedRefusal { status, code: Some(code.to_owned()), ..ScriptedRefusal::default() })
}

/// Requests that try to post.
fn posts_tried(stage: &Stage) -> u64 {
    stage.ledger().requests.get("POST /mock/v1/accounts/{uid}/posts").map_or(0, |posts| posts.total)
}

async fn pause_of(daemon: &Daemon) -> Value {
    daemon.get("/api/v1/accounts/W015").await["pause"].clone()
}

async fn alerts(daemon: &Daemon) -> usize {
    let notices = daemon.get("/api/v1/notices?limit=200").await;
    notices["notices"].as_array().unwrap().iter().filter(|n| n["kind"] == "account_paused").count()
}

/// Publishes one item after the other until the account pauses; the deliveries made.
async fn until_paused(daemon: &Daemon) -> Vec<String> {
    let mut items = Vec::new();
    for number in 0..6 {
        if !pause_of(daemon).await.is_null() {
            break;
        }
        let id = daemon.publish("d07.xx", &format!("第 {number} 条"), &["W015"], SOON).await;
        daemon.until(&id, &["in_doubt", "refused", "held", "needs_person"]).await;
        items.push(id);
    }
    assert!(!pause_of(daemon).await.is_null(), "{} deliveries and no pause:\n{}", items.len(), daemon.log());
    items
}

#[tokio::test(flavor = "multi_thread")]
async fn p20_an_account_on_which_nothing_ends_well_is_paused_with_one_alert() {
    for (lie, fault) in [
        ("ok but lost", Fault::Html200 { applied: false }),
        ("in doubt", Fault::ResetBeforeEffect {}),
        ("rejects", refusal(400, "bad_text")),
        ("never now", refusal(503, "busy_before_effect")),
    ] {
        let stage = Stage::start().await;
        let district = district(&stage, "");
        let daemon = Daemon::start(&district);
        stage.fault("POST", "/W015/posts", None, fault);
        let bad = until_paused(&daemon).await;
        assert_eq!(bad.len(), 3, "{lie}");
        assert!(posts_tried(&stage) <= 3 * TRIES, "{lie}: {} requests", posts_tried(&stage));
        // What comes now waits where people see it, and the others go on.
        let tried = posts_tried(&stage);
        let waits = daemon.publish("d07.xx", "等待", &["W015"], SOON).await;
        daemon.until(&waits, &["held"]).await;
        let good = daemon.publish("d07.xx", "别的账号", &["W000"], SOON).await;
        daemon.until(&good, &["published"]).await;
        assert_eq!(posts_tried(&stage), tried + 1, "{lie}: only that of the other account");
        assert_eq!(alerts(&daemon).await, 1, "{lie}");
        let seen = daemon.get(&format!("/api/v1/deliveries?item={waits}")).await;
        assert!(seen["deliveries"][0]["reason"].to_string().contains("account_paused"), "{lie}: {seen:#}");
        let pause = pause_of(&daemon).await;
        assert_eq!(pause["by"], "daemon", "{lie}: {pause}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f60_a_frozen_account_waits_over_a_restart_for_a_person_and_then_goes_on() {
    let stage = Stage::start().await;
    let district = district(&stage, "");
    let mut daemon = Daemon::start(&district);
    stage.fault("POST", "/W015/posts", None, refusal(403, "account_frozen"));
    let first = daemon.publish("d07.xx", "第一条", &["W015"], SOON).await;
    daemon.until(&first, &["held"]).await;
    let pause = pause_of(&daemon).await;
    assert!(pause["reason"].as_str().unwrap().starts_with("barred: account_frozen"), "{pause}");
    let second = daemon.publish("d07.xx", "第二条", &["W015"], SOON).await;
    daemon.until(&second, &["held"]).await;
    daemon.kill();
    let daemon = Daemon::start(&district);
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(posts_tried(&stage), 1, "one word of the platform is enough, also for the next start");
    assert_eq!(alerts(&daemon).await, 1);
    stage.handle.clear_faults();
    let word = json!({ "reason": "已在平台完成验证" });
    let (status, lifted) = daemon.call("off.hg", "POST", "/api/v1/accounts/W015/resume", Some(word)).await;
    assert!(status.is_success(), "{lifted}");
    daemon.until(&first, &["published"]).await;
    daemon.until(&second, &["published"]).await;
    assert_eq!(stage.posts("条").len(), 2);
    stage.assert_clean();
}

/// The platform answers, in a form that nobody knows: each outcome is unknown, and three of them are a contract that broke.
#[tokio::test(flavor = "multi_thread")]
async fn f68_a_platform_that_answers_in_another_form_pauses_the_account_after_three() {
    let stage = Stage::start().await;
    let district = district(&stage, "");
    let daemon = Daemon::start(&district);
    stage.fault("POST", "/W015/posts", None, Fault::UnknownErrcode200 { applied: false, errcode: 79_901 });
    let doubts = until_paused(&daemon).await;
    assert_eq!((doubts.len(), posts_tried(&stage)), (3, 3), "{}", daemon.log());
    let list = daemon.get("/api/v1/paused-accounts").await;
    let endings = list["accounts"][0]["endings"].as_array().unwrap();
    assert!(endings.iter().all(|ending| ending["state"] == "in_doubt"), "{list:#}");
    let notices = daemon.get("/api/v1/notices").await;
    let alarm = notices["notices"].as_array().unwrap().iter().find(|n| n["kind"] == "account_paused");
    assert!(alarm.unwrap()["text"].as_str().unwrap().contains("平台或适配器可能已经变化"), "{notices:#}");
}

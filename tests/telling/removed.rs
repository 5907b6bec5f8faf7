//! A platform that decides later: an administrator who declines (F64), and one that takes down what it had published (F63).

use std::time::Duration;

use juzhen_sandbox::{AsyncOutcome, Fault};
use juzhen_tests::{Daemon, Stage, eventually};

use crate::district;

#[tokio::test(flavor = "multi_thread")]
async fn f63_what_the_platform_takes_down_after_its_success_is_told_and_never_sent_again() {
    let stage = Stage::start().await;
    let district = district(&stage, "");
    let mut daemon = Daemon::start(&district);
    let later = Fault::AsyncThen { polls: 1, outcome: AsyncOutcome::Published, code: None, message: None };
    stage.fault("POST", "/W015/posts", None, later);
    let id = daemon.publish("d07.xx", "事后被删的通知", &["W015"], Duration::from_millis(200)).await;
    daemon.until(&id, &["published"]).await;
    assert!(stage.handle.remove(&stage.posts("事后被删")[0].id), "there is no such post");
    daemon.kill();
    // Ten minutes later.
    let database = rusqlite::Connection::open(district.data().join("juzhen.db")).unwrap();
    assert_eq!(database.execute("UPDATE rechecks SET next_at = 0", []).unwrap(), 1);
    drop(database);
    let daemon = Daemon::start(&district);
    daemon.until(&id, &["removed_by_platform"]).await;
    let told = || async { daemon.log().contains("已被平台删除") };
    eventually("the notice", told).await;
    let seen = daemon.get(&format!("/api/v1/deliveries?item={id}")).await;
    assert!(seen["deliveries"][0]["reason"].to_string().contains("涉嫌违规"), "{seen:#}");
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(stage.posts("事后被删").len(), 1, "never sent again by itself");
}

/// While an administrator of the platform has not confirmed it, it is neither out nor sent again; a no is a refusal.
#[tokio::test(flavor = "multi_thread")]
async fn f64_what_an_administrator_confirms_is_out_and_what_one_declines_is_refused() {
    for (outcome, end) in [(AsyncOutcome::Published, "published"), (AsyncOutcome::Refused, "refused")] {
        let stage = Stage::start().await;
        let district = district(&stage, "");
        let daemon = Daemon::start(&district);
        stage.fault("POST", "/W015/posts", None, Fault::AdminConfirms { ms: 4_000, outcome });
        let id = daemon.publish("d07.xx", "群发保护", &["W015"], Duration::from_millis(200)).await;
        daemon.until(&id, &["accepted"]).await;
        daemon.until(&id, &[end]).await;
        let tried = stage.ledger().requests.get("POST /mock/v1/accounts/{uid}/posts").map_or(0, |n| n.total);
        assert_eq!(tried, 1, "{end}: sent once");
    }
}

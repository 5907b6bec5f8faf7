//! The daemon ends at the worst moments between claim and receipt, and at no cost to anyone: nothing twice, nothing
//! unapproved, and what was interrupted is visible at once.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::time::{Duration, Instant};

use juzhen_sandbox::{Expectation, Fault};
use juzhen_tests::{Daemon, District, Run, Stage, eventually};

const TEXT: &str = "停水通知：明日八时至十八时";

/// What a crash left behind, with the daemon that came after it.
struct Crashed {
    state: String,
    published: usize,
    daemon: Daemon,
    stage: Stage,
    id: String,
    _district: District,
}

/// Ends the daemon at `point`, starts it again, and says what the delivery is within 5 s and what was published.
async fn crash_at(point: &str) -> Crashed {
    let stage = Stage::start().await;
    let district = District::new(&stage.mock_url());
    district.unit("D07", "department", &["W015"]);
    stage.handle.expect([Expectation::of("W015", "", TEXT)]).unwrap();
    let run = Run::failing(&format!("{point}=1*abort"));
    let mut daemon = Daemon::start_with(&district, &run);
    let id = daemon.submit("d07.xx", TEXT, &["W015"]).await;
    // The daemon may die while it answers.
    let _ = daemon.approve(&id, Duration::from_millis(200)).await;
    assert!(daemon.ended(Duration::from_secs(20)).is_some(), "{point} was never reached: {}", daemon.log());
    let daemon = Daemon::start(&district);
    let started = Instant::now();
    let mut states = daemon.states(&id).await;
    while !matches!(states["W015"].as_str(), "published" | "in_doubt" | "needs_person")
        && started.elapsed() < Duration::from_secs(5)
    {
        tokio::time::sleep(Duration::from_millis(20)).await;
        states = daemon.states(&id).await;
    }
    let published = stage.posts(TEXT).len();
    Crashed { state: states["W015"].clone(), published, daemon, stage, id, _district: district }
}

#[tokio::test(flavor = "multi_thread")]
async fn f03_f04_before_the_intent_nothing_had_left_and_it_is_sent_once() {
    for point in ["claim.before_commit", "claim.after_commit", "plugin.before_call"] {
        let Crashed { daemon, stage, id, _district, .. } = crash_at(point).await;
        daemon.until(&id, &["published"]).await;
        assert_eq!(stage.posts(TEXT).len(), 1, "{point}");
        stage.assert_clean();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f04_after_the_intent_it_is_in_doubt_within_5_s_and_not_sent_again() {
    let Crashed { state, published, daemon, stage, id, _district } = crash_at("send.before_connect").await;
    assert_eq!((state.as_str(), published), ("in_doubt", 0), "{}", daemon.log());
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(daemon.states(&id).await["W015"], "in_doubt");
    assert!(stage.posts(TEXT).is_empty(), "sent although nobody looked");
    stage.assert_clean();
}

#[tokio::test(flavor = "multi_thread")]
async fn f07_after_the_answer_it_is_found_on_the_account() {
    let Crashed { published, daemon, stage, id, _district, .. } = crash_at("send.after_response").await;
    assert_eq!(published, 1);
    daemon.until(&id, &["published"]).await;
    let deliveries = daemon.get(&format!("/api/v1/deliveries?item={id}")).await;
    assert_eq!(deliveries["deliveries"][0]["receipt"]["by"], "evidence", "{deliveries:#}");
    assert_eq!(stage.posts(TEXT).len(), 1);
    stage.assert_clean();
}

#[tokio::test(flavor = "multi_thread")]
async fn f07_f08_an_answer_on_disk_is_given_out_again_and_not_asked_for_twice() {
    for point in ["send.after_record", "record.before_commit", "record.after_commit"] {
        let Crashed { daemon, stage, id, _district, .. } = crash_at(point).await;
        daemon.until(&id, &["published"]).await;
        assert_eq!(stage.posts(TEXT).len(), 1, "{point}");
        let posts: u64 = stage
            .ledger()
            .requests
            .iter()
            .filter(|(route, _)| route.starts_with("POST"))
            .map(|(_, n)| n.total)
            .sum();
        assert_eq!(posts, 1, "{point}: one real request in all");
        stage.assert_clean();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f06_killed_while_the_platform_does_not_answer() {
    let stage = Stage::start().await;
    let district = District::new(&stage.mock_url());
    district.unit("D07", "department", &["W015"]);
    stage.handle.expect([Expectation::of("W015", "", TEXT)]).unwrap();
    stage.fault("POST", "/posts", Some(1), Fault::Hang { applied: true });
    let mut daemon = Daemon::start(&district);
    let id = daemon.publish("d07.xx", TEXT, &["W015"], Duration::from_millis(100)).await;
    eventually("the post is there", async || !stage.posts(TEXT).is_empty()).await;
    daemon.kill();
    let daemon = Daemon::start(&district);
    daemon.until(&id, &["in_doubt", "published"]).await;
    daemon.until(&id, &["published"]).await;
    assert_eq!(stage.posts(TEXT).len(), 1);
    stage.assert_clean();
}

#[tokio::test(flavor = "multi_thread")]
async fn p07_what_was_due_during_an_outage_is_missed_and_not_sent_late() {
    let stage = Stage::start().await;
    let district = District::new(&stage.mock_url());
    district.unit("D07", "department", &["W015"]);
    let mut daemon = Daemon::start(&district);
    let id = daemon.submit("d07.xx", TEXT, &["W015"]).await;
    let due = jiff::Timestamp::now() + Duration::from_secs(2);
    let latest = due + Duration::from_secs(1);
    let (status, body) = daemon.approve_at(&id, due, Some(latest)).await.unwrap();
    assert!(status.is_success(), "{body:#}");
    daemon.kill();
    tokio::time::sleep(Duration::from_secs(4)).await;
    let daemon = Daemon::start(&district);
    daemon.until(&id, &["missed"]).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(stage.posts(TEXT).is_empty());
}

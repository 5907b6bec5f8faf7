//! A service hangs: readiness says so, and the watchdog ends the process so that it is started anew (P16).

use std::os::unix::process::ExitStatusExt;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use juzhen_sandbox::{Fault, Rule};
use juzhen_tests::Run;

use crate::load::{World, account};

/// `SIGABRT`, by which the watchdog ends a process that does nothing any more.
const ABORTED: i32 = 6;
const PATIENCE: Duration = Duration::from_secs(120);
/// What hangs, and where it is made to: each is the first time that this point is reached.
const WEDGES: [(&str, &str); 4] = [
    ("the writer of the database", "claim.before_commit"),
    ("the scheduler", "claim.after_commit"),
    ("the look at what is in doubt", "reconcile.before_read"),
    ("the reading of the settings", "config.after_parse"),
];

#[tokio::test(flavor = "multi_thread")]
async fn p16_whatever_hangs_is_told_and_ends_the_process_and_what_works_is_left_alone() {
    let healthy = tokio::spawn(healthy());
    let wedges = WEDGES.map(|(what, point)| tokio::spawn(wedge(what, point)));
    for one in wedges.into_iter().chain([healthy]) {
        one.await.unwrap();
    }
}

async fn wedge(what: &'static str, point: &'static str) {
    let mut world = World::new(2).await;
    world
        .stage
        .handle
        .fault(Rule::new(Fault::ResetAfterEffect {}).method("POST").account("T000").times(1))
        .unwrap();
    let due = Timestamp::now() + Duration::from_millis(1_500);
    let latest = due + Duration::from_secs(900);
    world.plan("挂起之前", &[account(0)], due, latest);
    let run = Run {
        arguments: vec!["--wedged-after".into(), "5".into()],
        ..Run::failing(&format!("{point}=1*sleep(3600000)"))
    };
    let mut daemon = world.start_with(&run);
    let asked = world.ask().await;
    if point.starts_with("config") {
        world.district.unit("D08", "department", &[]);
    }
    let start = Instant::now();
    let mut told = None;
    while daemon.is_running() {
        assert!(start.elapsed() < PATIENCE, "{what} hangs and it goes on: {}", world.api.log());
        if told.is_none()
            && let Some(reasons) = not_ready(&world).await
        {
            told = Some((start.elapsed(), reasons));
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let status = daemon.ended(PATIENCE).unwrap();
    assert!(world.api.log().contains(point), "{what} was not made to hang: {}", world.api.log());
    let (after, reasons) =
        told.unwrap_or_else(|| panic!("{what} hung and it said that it was ready: {}", world.api.log()));
    println!("{what}: told after {after:?} ({reasons}), ended after {:?}", start.elapsed());
    assert_eq!(status.signal(), Some(ABORTED), "{status}");
    // Started anew it goes on where it was, and nothing was sent twice.
    let _daemon = world.start();
    assert!(asked || world.ask().await);
    world.settled(PATIENCE).await;
    assert_eq!(world.judge().await["published"], 1);
}

/// What it says while it is not ready; nothing while it is.
async fn not_ready(world: &World) -> Option<String> {
    let client = reqwest::Client::builder().timeout(Duration::from_secs(20)).build().unwrap();
    let answer = client.get(format!("{}/readyz", world.api.url())).send().await.ok()?;
    if answer.status() != 503 {
        return None;
    }
    let body: serde_json::Value = answer.json().await.ok()?;
    let silent = body["reasons"].to_string();
    // A service that has not run yet is no news.
    (silent.contains("since") || silent.contains("does not take writes")).then_some(silent)
}

/// P16: healthy, it never says that it is not; and the watchdog leaves it alone.
async fn healthy() {
    let mut world = World::new(2).await;
    let run = Run {
        arguments: vec!["--wedged-after".into(), "5".into(), "--i-am-a-test".into()],
        ..Run::default()
    };
    let mut daemon = world.start_with(&run);
    let start = Instant::now();
    while not_ready(&world).await.is_some() || !ready(&world).await {
        assert!(start.elapsed() < PATIENCE, "never ready: {}", world.api.log());
    }
    let start = Instant::now();
    for number in 0.. {
        let due = Timestamp::now() + Duration::from_millis(300);
        world.plan(&format!("一切正常{number}"), &[account(number % 2)], due, due + Duration::from_secs(900));
        assert!(world.ask().await);
        assert!(ready(&world).await, "{}", world.api.log());
        tokio::time::sleep(Duration::from_millis(250)).await;
        if start.elapsed() > Duration::from_secs(12) {
            break;
        }
    }
    assert!(daemon.is_running());
    world.settled(PATIENCE).await;
    assert!(world.judge().await.keys().all(|state| state == "published"));
}

async fn ready(world: &World) -> bool {
    reqwest::get(format!("{}/readyz", world.api.url())).await.unwrap().status().is_success()
}

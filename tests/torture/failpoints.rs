//! The daemon ends at each of its named points while much is under way, and at no cost to anyone (P1).

use std::collections::{BTreeMap, VecDeque};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use juzhen_sandbox::{AsyncOutcome, Fault, Rule, ScriptedRefusal};
use juzhen_tests::{Api, Daemon, Run, juzhen};
use rustix::process::Signal;

use crate::load::{IMPATIENT, World, account};
use crate::long;

/// `SIGABRT`, by which `abort` ends a process.
const ABORTED: i32 = 6;
/// Longer than the platform's lag and the minute of patience after it (P5), on a machine that has other things to do.
const DOUBTS_CLOSE: Duration = Duration::from_secs(120);
/// Points that this load does not lead to: the stand-in issues no tokens yet, and nobody changes the master key. `tests/tokens`
/// ends the daemon there.
const ELSEWHERE: &[&str] = &[
    "token.refresh.after_platform_before_store",
    "key.rotate.after_file_before_commit",
    "key.rotate.after_commit_before_file",
];

#[tokio::test(flavor = "multi_thread")]
async fn p01_p03_a_crash_at_each_named_point_costs_nothing() {
    let points = points();
    assert!(points.len() >= 13, "{points:?}");
    let points: Vec<&str> =
        points.iter().map(String::as_str).filter(|point| !ELSEWHERE.contains(point)).collect();
    let runs = if long() { 20 } else { 1 };
    let mut reached: BTreeMap<&str, u32> = points.iter().map(|point| (*point, u32::MAX)).collect();
    // Doubts of which nothing is seen take a minute to close: meanwhile the next ones crash.
    let mut waiting = VecDeque::new();
    for run in 0..runs {
        for point in &points {
            // The first time it is reached, then the second, …: what has gone well before makes the difference.
            let mut nth = (1 + run % 4).min(reached[point]);
            let crashed = loop {
                match crash_at(point, nth).await {
                    Some(crashed) => break crashed,
                    None => nth -= 1,
                }
                assert!(nth > 0, "{point} did not fire");
                reached.insert(*point, nth);
            };
            waiting.push_back((*point, nth, crashed));
            if waiting.len() > points.len() {
                judge(waiting.pop_front().unwrap()).await;
            }
        }
    }
    for crashed in waiting {
        judge(crashed).await;
    }
    println!("{} points, {} crashes", points.len(), points.len() * runs as usize);
}

async fn judge((point, nth, (world, daemon)): (&str, u32, (World, Daemon))) {
    world.settled(DOUBTS_CLOSE).await;
    let tally = world.judge().await;
    println!("{point}, time {nth}: {tally:?}");
    assert!(tally["published"] >= 10, "{point}: {tally:?}\n{}", world.api.log());
    drop(daemon);
}

/// Ends the daemon at `point` when it is reached for the `nth` time under a load that leads everywhere, and starts it again.
/// `None` when this load does not lead there so often: all was done, and the daemon came to an orderly end.
async fn crash_at(point: &str, nth: u32) -> Option<(World, Daemon)> {
    let mut world = World::new(6).await;
    world.forward("T000", "T005");
    lay_out(&mut world);
    let failing = Run::failing(&format!("{point}={nth}*abort"));
    let (mut daemon, at_the_start) = match Daemon::try_start(&world.api, &world.district, &failing) {
        Ok(daemon) => (daemon, false),
        Err(ended) => {
            assert_eq!(ended.status.signal(), Some(ABORTED), "{ended:#?}");
            (world.start(), true)
        }
    };
    let asked = world.ask().await;
    reload(&world);
    if !at_the_start {
        let status = until_it_ends(&mut daemon, &world.api, asked).await;
        if status.success() {
            return None;
        }
        assert_eq!(status.signal(), Some(ABORTED), "{point} ended it another way: {}", world.api.log());
    }
    let told = format!("failpoint=\"{point}\"");
    assert!(world.api.log().contains(&told), "{point} did not fire: {}", world.api.log());
    if !at_the_start {
        daemon = world.start();
    }
    assert!(world.ask().await, "{point}: {}", world.api.log());
    Some((world, daemon))
}

/// Posts, forwards, an asynchronous account, a post whose answer is lost, one that is refused, which people are told.
fn lay_out(world: &mut World) {
    let rule = |fault| Rule::new(fault).method("POST");
    let asynchronous =
        Fault::AsyncThen { polls: 1, outcome: AsyncOutcome::Published, code: None, message: None };
    let lost = rule(Fault::ResetAfterEffect {}).account("T002").times(1);
    let slow = rule(Fault::DelayMs { ms: 150 }).account("T003");
    let refused = rule(Fault::Status(ScriptedRefusal::of(400))).account("T004").times(1);
    for rule in [rule(asynchronous).account("T001"), lost, slow, refused] {
        world.stage.handle.fault(rule).unwrap();
    }
    let start = Timestamp::now() + Duration::from_millis(900);
    for number in 0..3_u64 {
        let due = start + Duration::from_millis(200 * number);
        let targets: Vec<String> = (0..5).map(account).collect();
        world.plan(&format!("第{number}号通知"), &targets, due, due + Duration::from_secs(900));
    }
}

/// New settings, noticed by the daemon itself; the last of these points is reached when it is told to stop.
fn reload(world: &World) {
    world
        .district
        .write_district(&world.stage.mock_url(), &format!("{IMPATIENT}\x20 latest_after_minutes: 16\n"));
}

/// Waits for the crash; when all is done without one, the way to it leads through an orderly end.
async fn until_it_ends(daemon: &mut Daemon, api: &Api, asked: bool) -> std::process::ExitStatus {
    let start = Instant::now();
    loop {
        if let Some(status) = daemon.ended(Duration::from_millis(100)) {
            return status;
        }
        assert!(start.elapsed() < Duration::from_secs(60), "it does not end: {}", api.log());
        let done = asked && start.elapsed() > Duration::from_secs(8);
        if done && start.elapsed() < Duration::from_secs(9) {
            daemon.signal(Signal::TERM);
        }
    }
}

/// The names, from the binary itself: a new point is tortured without a change here.
fn points() -> Vec<String> {
    let config = tempfile::tempdir().unwrap();
    let mut command = Command::new(juzhen());
    command.args(["run", "--i-am-a-test", "--config"]).arg(config.path()).env("FAILPOINTS", "which=abort");
    let output = command.stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    let (_, rest) = said.split_once("there are ").unwrap_or_else(|| panic!("no list of points: {said}"));
    let (names, _) = rest.split_once(';').unwrap();
    names.split(',').map(|name| name.trim().to_owned()).collect()
}

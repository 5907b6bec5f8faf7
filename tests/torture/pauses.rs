//! The daemon is stopped in order, stopped in mid-air, or replaced by the next one, while sends are under way.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use juzhen_sandbox::{Fault, Rule};
use juzhen_tests::{Api, Daemon, Run};
use rustix::process::Signal;

use crate::load::{IMPATIENT, World, account};
use crate::long;

/// Nothing here is measured; a hang is a failure.
const PATIENCE: Duration = Duration::from_secs(120);
const LATEST: Duration = Duration::from_secs(900);

fn delay(ms: u64) -> Rule {
    Rule::new(Fault::DelayMs { ms }).method("POST")
}

async fn until_there_are(world: &World, posts: usize, text: &str) {
    let start = Instant::now();
    while world.stage.posts(text).len() < posts {
        assert!(start.elapsed() < PATIENCE, "{text} never came: {}", world.api.log());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn p07_f17_what_waited_while_the_daemon_was_stopped_is_not_sent_late() {
    // Longer than a claim is held without a sign of life, in the long form.
    let pause = Duration::from_secs(if long() { 150 } else { 5 });
    let mut world = World::new(4).await;
    let targets: Vec<String> = (0..4).map(account).collect();
    world.stage.handle.fault(delay(1_000).account("T000").times(1)).unwrap();
    let soon = Timestamp::now() + Duration::from_millis(1_500);
    world.plan("停前一条", &targets, soon, soon + LATEST);
    let then = soon + Duration::from_secs(2);
    world.plan("停时一条", &targets, then, then + Duration::from_secs(1));
    let daemon = world.start();
    assert!(world.ask().await);
    // Stopped while a request is on its way: it is out, and its answer is not there yet.
    until_there_are(&world, 4, "停前一条").await;
    daemon.signal(Signal::STOP);
    tokio::time::sleep(pause.max(then.duration_since(Timestamp::now()).unsigned_abs() * 2)).await;
    daemon.signal(Signal::CONT);
    world.settled(PATIENCE).await;
    let tally = world.judge().await;
    println!("stopped for {pause:?}: {tally:?}");
    assert!(world.stage.posts("停时一条").is_empty(), "sent although its time had passed");
    assert_eq!((tally["missed"], tally["published"]), (4, 4), "{tally:?}");
    // And it works again.
    let id = world.api.submit("d07.xx", "停后一条", &["T003"]).await;
    let (status, _) = world.api.call("off.hg", "GET", "/readyz", None).await;
    assert!(status.is_success() && !id.is_empty());
}

/// P15: what has begun is finished where the platform answers; where it does not, it is in doubt, and looked up by the next
/// daemon. Nothing begins after the word.
#[tokio::test(flavor = "multi_thread")]
async fn p15_f16_told_to_stop_it_begins_nothing_and_forgets_nothing() {
    let mut world = World::new(4).await;
    let (call, silent) = if long() { (120, 120_000) } else { (4, 30_000) };
    let calls = IMPATIENT.replace("call_deadline_seconds: 10", &format!("call_deadline_seconds: {call}"));
    world.district.write_district(&world.stage.mock_url(), &calls);
    world.stage.handle.fault(delay(1_000).account("T000").times(1)).unwrap();
    world.stage.handle.fault(delay(silent).account("T001").times(1)).unwrap();
    let soon = Timestamp::now() + Duration::from_millis(1_500);
    world.plan("正在发送", &[account(0), account(1)], soon, soon + LATEST);
    let then = soon + Duration::from_secs(2);
    world.plan("停后到时", &[account(2), account(3)], then, then + LATEST);
    let mut daemon = world.start();
    assert!(world.ask().await);
    until_there_are(&world, 2, "正在发送").await;
    let told = Instant::now();
    daemon.signal(Signal::TERM);
    let ended = daemon.ended(PATIENCE);
    println!("ended {:?} after the word", told.elapsed());
    assert!(ended.is_some_and(|status| status.success()), "{ended:?}: {}", world.api.log());
    assert!(told.elapsed().as_secs() >= 3, "it did not wait for what had begun");
    assert!(world.stage.posts("停后到时").is_empty(), "it began something after the word");

    let _daemon = world.start();
    let first = world.api.states(world.planned[0].id.as_deref().unwrap()).await;
    assert_eq!(first["T000"], "published", "{}", world.api.log());
    assert!(["in_doubt", "published"].contains(&first["T001"].as_str()), "{first:?}");
    world.settled(PATIENCE).await;
    let tally = world.judge().await;
    let deliveries = world.api.deliveries().await;
    let by =
        |account: &str| deliveries.iter().find(|d| d["account"] == account).unwrap()["receipt"]["by"].clone();
    assert_eq!((by("T000"), by("T001")), ("answer".into(), "evidence".into()), "{deliveries:#?}");
    assert_eq!((tally["published"], world.requests_to_post()), (4, 4), "{tally:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn p15_told_twice_with_many_sends_under_way_it_ends_at_once_and_in_doubt() {
    let mut world = World::new(8).await;
    let targets: Vec<String> = (0..8).map(account).collect();
    let calls = IMPATIENT.replace("call_deadline_seconds: 10", "call_deadline_seconds: 120");
    world.district.write_district(&world.stage.mock_url(), &calls);
    world.stage.handle.fault(delay(120_000)).unwrap();
    let soon = Timestamp::now() + Duration::from_millis(1_500);
    world.plan("两次告知", &targets, soon, soon + LATEST);
    let mut daemon = world.start();
    assert!(world.ask().await);
    until_there_are(&world, 8, "两次告知").await;
    let told = Instant::now();
    daemon.signal(Signal::TERM);
    tokio::time::sleep(Duration::from_millis(100)).await;
    daemon.signal(Signal::TERM);
    let ended = daemon.ended(PATIENCE);
    // Told once, it waits until the request is given up after 30 s.
    assert!(told.elapsed() < Duration::from_secs(25), "it waited for {:?}", told.elapsed());
    assert!(ended.is_some_and(|status| status.success()), "{ended:?}: {}", world.api.log());
    world.stage.handle.clear_faults();
    let _daemon = world.start();
    world.settled(PATIENCE).await;
    let tally = world.judge().await;
    assert_eq!(
        (tally["published"], world.requests_to_post()),
        (8, 8),
        "looked up, not sent again: {tally:?}"
    );
}

/// F38: the new version is started while the old one still works. Two on one database never send side by side.
#[tokio::test(flavor = "multi_thread")]
async fn p18_f38_the_next_daemon_waits_its_turn_and_takes_over() {
    let mut world = World::new(4).await;
    let targets: Vec<String> = (0..4).map(account).collect();
    world.stage.handle.fault(delay(300)).unwrap();
    let start = Timestamp::now() + Duration::from_secs(2);
    for number in 0..8_u64 {
        let due = start + Duration::from_millis(400 * number);
        world.plan(&format!("交接{number}"), &targets, due, due + LATEST);
    }
    let mut blue = world.start();
    assert!(world.ask().await);
    until_there_are(&world, 1, "交接").await;
    let green =
        |world: &World| Daemon::try_start(&Api::new(world.district.data()), &world.district, &Run::default());
    let refused = green(&world).err().expect("two daemons on one file");
    assert!(!refused.status.success() && refused.log.contains(&blue.pid().to_string()), "{refused:#?}");
    let told = Instant::now();
    blue.signal(Signal::TERM);
    // As a service manager does that starts it again and again.
    let mut tries = 0;
    let _green = loop {
        match Daemon::try_start(&world.api, &world.district, &Run::default()) {
            Ok(green) => break green,
            Err(refused) => assert!(!refused.status.success() && told.elapsed() < PATIENCE, "{refused:#?}"),
        }
        tries += 1;
    };
    assert!(blue.ended(PATIENCE).is_some_and(|status| status.success()), "{}", world.api.log());
    println!("handed over within {:?}, after {tries} tries", told.elapsed());
    world.settled(PATIENCE).await;
    let tally = world.judge().await;
    world.judge_order(|_| false);
    assert_eq!((tally["published"], world.requests_to_post()), (32, 32), "{tally:?}");
}

//! The wall clock jumps, is wrong at the start, or the machine slept (P7, P14, F17, F41 to F43). The daemon reads a clock that
//! the test sets; the clock that nobody sets stays the machine's.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use juzhen_tests::{Api, Run};
use rustix::process::Signal;
use serde_json::Value;

use crate::load::{World, account};

const PATIENCE: Duration = Duration::from_secs(180);
const HOUR: i64 = 3_600;
/// Long enough to see that nothing is sent.
const A_WHILE: Duration = Duration::from_secs(4);

/// A wall clock that is off by what a file says.
struct Clock(PathBuf);

impl Clock {
    fn new(world: &World) -> Self {
        let clock = Self(world.district.path("clock"));
        clock.set(0);
        clock
    }

    /// From now on it is off by so many seconds.
    fn set(&self, seconds: i64) {
        let fresh = self.0.with_extension("new");
        std::fs::write(&fresh, format!("{seconds:+}\n")).unwrap();
        std::fs::rename(fresh, &self.0).unwrap();
    }

    /// A daemon that reads it.
    fn run(&self, arguments: &[&str]) -> Run {
        let set = |name: &str, value: String| (name.to_owned(), value);
        let env = vec![
            set("LD_PRELOAD", library().display().to_string()),
            set("FAKETIME_TIMESTAMP_FILE", self.0.display().to_string()),
            set("FAKETIME_NO_CACHE", "1".into()),
            set("FAKETIME_DONT_FAKE_MONOTONIC", "1".into()),
        ];
        Run { env, arguments: arguments.iter().map(|a| (*a).to_owned()).collect(), ..Run::default() }
    }
}

/// Debian's, in the folder of this machine's kind.
fn library() -> PathBuf {
    let folders = std::fs::read_dir("/usr/lib").unwrap().map(|folder| folder.unwrap().path());
    let mut files = folders.map(|folder| folder.join("faketime/libfaketimeMT.so.1"));
    files.find(|file| file.exists()).expect("apt-get install faketime")
}

/// So many seconds from now.
fn ahead(seconds: i64) -> Timestamp {
    Timestamp::now() + SignedDuration::from_secs(seconds)
}

/// Submitted, approved and scheduled for that time of the daemon's clock, 15 minutes at the latest; the item's id.
async fn plan(api: &Api, text: &str, account: &str, due: Timestamp) -> String {
    let id = api.submit("d07.xx", text, &[account]).await;
    let (status, body) = api.approve_at(&id, due, None).await.unwrap();
    assert!(status.is_success(), "{status} {body:#}");
    id
}

async fn readiness(api: &Api) -> (bool, String) {
    let (status, body) = api.call("off.hg", "GET", "/readyz", None).await;
    (status.is_success(), body.to_string())
}

async fn until_ready(api: &Api) -> Duration {
    let start = Instant::now();
    while !readiness(api).await.0 {
        assert!(start.elapsed() < PATIENCE, "never ready: {:?} {}", readiness(api).await, api.log());
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    start.elapsed()
}

/// For a while it says that it does not believe its clock, and nothing leaves.
async fn holds(world: &World, why: &str) {
    let (sent, start) = (world.stage.ledger().effects.len(), Instant::now());
    loop {
        let (ready, said) = readiness(&world.api).await;
        if start.elapsed() > Duration::from_millis(1_500) {
            assert!(!ready && said.contains(why), "{said}\n{}", world.api.log());
        }
        assert_eq!(world.stage.ledger().effects.len(), sent, "sent by a clock that is not believed");
        if start.elapsed() > A_WHILE {
            return;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn p14_f17_f41_f42_a_clock_that_jumps_sends_nothing_early_late_or_twice() {
    // Each waits out the minute in which nothing is decided by the time; so they wait together.
    tokio::join!(
        set_forward_by_an_hour(),
        set_back_by_an_hour(),
        set_back_by_some_seconds(),
        set_right_after_a_start_in_1970(),
        asleep_for_three_hours()
    );
}

/// F41.
async fn set_forward_by_an_hour() {
    let world = World::new(4).await;
    let clock = Clock::new(&world);
    let _daemon = world.start_with(&clock.run(&[]));
    let api = &world.api;
    let before = plan(api, "拨快之前", "T000", ahead(0)).await;
    let skipped = plan(api, "拨过去的", "T001", ahead(HOUR / 2)).await;
    let lately = plan(api, "刚过时的", "T002", ahead(HOUR - 300)).await;
    let soon = plan(api, "拨快之后", "T003", ahead(HOUR + 120)).await;
    api.until(&before, &["published"]).await;
    clock.set(HOUR);
    holds(&world, "jumped forward by").await;
    let waited = until_ready(api).await;
    api.until(&lately, &["published"]).await;
    api.until(&skipped, &["missed"]).await;
    assert!(["due", "published"].contains(&api.states(&soon).await["T003"].as_str()));
    assert!(metric(api, "juzhen_clock_jumps_total").await >= 1);
    let texts: Vec<String> = world.stage.ledger().effects.into_iter().map(|e| e.text).collect();
    println!("an hour forward: believed again after {waited:?}; {texts:?} went out");
    assert!(
        texts.starts_with(&["拨快之前".into(), "刚过时的".into()]) && !texts.contains(&"拨过去的".into())
    );
}

/// F42: being due is a state. What was sent has left it for good, and what waits goes on waiting.
async fn set_back_by_an_hour() {
    let world = World::new(2).await;
    let clock = Clock::new(&world);
    let mut daemon = world.start_with(&clock.run(&[]));
    let sent = plan(&world.api, "拨慢之前", "T000", ahead(0)).await;
    let next = plan(&world.api, "拨慢之后", "T001", ahead(8)).await;
    world.api.until(&sent, &["published"]).await;
    clock.set(-HOUR);
    holds(&world, "jumped back by").await;
    let waited = until_ready(&world.api).await;
    println!("an hour back: believed again after {waited:?}");
    tokio::time::sleep(A_WHILE).await;
    assert_eq!(world.api.states(&next).await["T001"], "due", "its time has not come once more");
    assert_eq!(world.stage.ledger().effects.len(), 1, "sent twice, or early");
    daemon.kill();
    // Right again, and started anew: nothing that was kept is from the future.
    clock.set(0);
    let _daemon = world.start_with(&clock.run(&[]));
    world.api.until(&next, &["published"]).await;
    assert_eq!(world.stage.ledger().effects.len(), 2);
    world.stage.assert_clean();
}

/// F42: once the gap has been lived through, the clock is believed without the whole minute.
async fn set_back_by_some_seconds() {
    const BACK: i64 = 9;
    let world = World::new(2).await;
    let clock = Clock::new(&world);
    let _daemon = world.start_with(&clock.run(&[]));
    let sent = plan(&world.api, "拨慢之前", "T000", ahead(0)).await;
    world.api.until(&sent, &["published"]).await;
    let due = ahead(4);
    let next = plan(&world.api, "拨慢之后", "T001", due).await;
    clock.set(-BACK);
    holds(&world, "jumped back by").await;
    world.api.until(&next, &["published"]).await;
    let effects = world.stage.ledger().effects;
    let early = due.as_millisecond() + BACK * 1_000 - effects[1].at_unix_ms;
    assert!(effects.len() == 2 && early <= 0, "early by {early} ms of the clock that the daemon reads");
}

/// F43: network time comes after the start.
async fn set_right_after_a_start_in_1970() {
    let world = World::new(1).await;
    let clock = Clock::new(&world);
    let mut daemon = world.start_with(&clock.run(&[]));
    let id = plan(&world.api, "联网校时", "T000", ahead(3)).await;
    daemon.kill();
    clock.set(86_400 - Timestamp::now().as_second());
    let _daemon = world.start_with(&clock.run(&[]));
    tokio::time::sleep(A_WHILE).await;
    assert!(world.stage.ledger().effects.is_empty(), "sent in 1970");
    clock.set(0);
    until_ready(&world.api).await;
    world.api.until(&id, &["published"]).await;
    assert_eq!(world.stage.ledger().effects.len(), 1);
}

/// F17, P7: a machine that slept. The wall clock went on, the other one did not.
async fn asleep_for_three_hours() {
    let world = World::new(5).await;
    let clock = Clock::new(&world);
    let daemon = world.start_with(&clock.run(&[]));
    let mut overdue = Vec::new();
    for number in 0..5 {
        let due = ahead(HOUR / 4 * (number + 1));
        overdue.push(plan(&world.api, &format!("睡过去的{number}"), &account(0), due).await);
    }
    let lately = plan(&world.api, "刚过时的", "T001", ahead(3 * HOUR - 300)).await;
    daemon.signal(Signal::STOP);
    clock.set(3 * HOUR);
    daemon.signal(Signal::CONT);
    holds(&world, "jumped forward by").await;
    until_ready(&world.api).await;
    for id in &overdue {
        world.api.until(id, &["missed"]).await;
    }
    world.api.until(&lately, &["published"]).await;
    assert_eq!(world.stage.ledger().effects.len(), 1, "{}", world.api.log());
    assert_eq!(listed(&world.api, "missed").await, 5);
}

/// P7: the daemon was not there for three hours in which 150 of 200 deliveries were due.
#[tokio::test(flavor = "multi_thread")]
async fn p07_after_an_outage_of_three_hours_nothing_is_sent_late_and_all_of_it_is_listed() {
    let mut world = World::new(5).await;
    let clock = Clock::new(&world);
    let mut daemon = world.start_with(&clock.run(&[]));
    let targets: Vec<String> = (0..5).map(account).collect();
    let mut dues = Vec::new();
    for number in 0..40 {
        let due = match number {
            0..30 => ahead(HOUR + number * 180),
            30..35 => ahead(3 * HOUR - 600 + number),
            _ => ahead(3 * HOUR + 12 + number - 35),
        };
        let text = format!("停机{number:02}");
        let id =
            world.api.submit("d07.xx", &text, &targets.iter().map(String::as_str).collect::<Vec<_>>()).await;
        let (status, body) = world.api.approve_at(&id, due, None).await.unwrap();
        assert!(status.is_success(), "{body:#}");
        dues.push((text, due));
    }
    daemon.kill();
    clock.set(3 * HOUR);
    let _daemon = world.start_with(&clock.run(&[]));
    world.settled(PATIENCE).await;
    let effects = world.stage.ledger().effects;
    for effect in &effects {
        let (text, due) = dues.iter().find(|(text, _)| *text == effect.text).unwrap();
        let late = effect.at_unix_ms + 3 * HOUR * 1_000 - due.as_millisecond();
        // What leaves in the last moment may arrive a little later.
        assert!((0..902_000).contains(&late), "{text} was sent {late} ms after its time");
    }
    assert_eq!(effects.len(), 50, "{}", world.api.log());
    assert_eq!(listed(&world.api, "missed").await, 150);
    world.planned.clear();
    world.stage.assert_clean();
}

/// F43: a dead battery. Not ready until the clock is right, or until somebody says that it is.
#[tokio::test(flavor = "multi_thread")]
async fn p14_f43_a_clock_that_cannot_be_is_not_believed_at_the_start() {
    let world = World::new(2).await;
    let clock = Clock::new(&world);
    let mut daemon = world.start_with(&clock.run(&[]));
    let first = plan(&world.api, "电池没电", "T000", ahead(3)).await;
    daemon.kill();
    let now = Timestamp::now().as_second();
    let in_1970 = 86_400 - now;
    let (in_2050, in_2101) = (2_524_608_000 - now, 4_133_980_800 - now);
    let yesterday = -86_400;
    for seconds in [in_1970, in_2050, in_2101, yesterday] {
        clock.set(seconds);
        daemon = world.start_with(&clock.run(&[]));
        let url = format!("{}/readyz", daemon.url());
        for _ in 0..10 {
            let answer = reqwest::get(&url).await.unwrap();
            assert_eq!(answer.status(), 503, "{seconds}: {}", world.api.log());
            tokio::time::sleep(Duration::from_millis(150)).await;
        }
        assert!(world.stage.ledger().effects.is_empty(), "{seconds}: sent");
        daemon.kill();
    }
    // Started with the right time, it needs no person: what dead clocks wrote down does not count.
    clock.set(0);
    daemon = world.start_with(&clock.run(&[]));
    world.api.until(&first, &["published"]).await;
    daemon.kill();
    // A person says that yesterday is today.
    clock.set(yesterday);
    let trusting = world.start_with(&clock.run(&["--trust-clock"]));
    until_ready(&trusting).await;
    let second = plan(&trusting, "确认时钟", "T001", ahead(yesterday)).await;
    trusting.until(&second, &["published"]).await;
    assert_eq!(world.stage.ledger().effects.len(), 2);
}

/// How many are listed for people in this state, over all pages.
async fn listed(api: &Api, state: &str) -> usize {
    let (mut count, mut after) = (0, String::new());
    loop {
        let page: Value = api.get(&format!("/api/v1/attention?state={state}&limit=200{after}")).await;
        count += page["deliveries"].as_array().unwrap().len();
        match page["next_after"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => return count,
        }
    }
}

async fn metric(api: &Api, name: &str) -> u64 {
    let page = api.get("/metrics").await;
    let lines = page.as_str().unwrap().lines();
    let of = |line: &str| line.strip_prefix(name)?.strip_prefix("{}")?.trim().parse().ok();
    lines.filter_map(of).next().unwrap_or_else(|| panic!("no {name}"))
}

//! Daemons that are well, side by side: names, STOP ALL, clocks, and one that takes over from another (P18, P26, F34, F38).

use std::time::{Duration, Instant};

use jiff::Timestamp;
use juzhen_sandbox::Fault;
use juzhen_tests::{Daemon, eventually};
use rustix::process::Signal;
use serde_json::json;

use crate::fleet::Fleet;

const LEASE: u64 = 10;

#[tokio::test(flavor = "multi_thread")]
async fn p18_a_second_daemon_of_the_same_name_is_refused_and_told_what_to_do() {
    let fleet = Fleet::new(1, LEASE).await;
    let first = fleet.berth("same");
    let _first = fleet.start(&first);
    let second = fleet.berth_in("data-of-another", "same");
    let district = fleet.district();
    let ended = Daemon::try_start(&second.api, district, &second.run).map(|_| "it serves").unwrap_err();
    assert!(!ended.status.success());
    assert!(ended.log.contains("same") && ended.log.contains("--node"), "{}", ended.log);
    let other = fleet.berth("other");
    let _other = fleet.start(&other);
}

#[tokio::test(flavor = "multi_thread")]
async fn p18_three_daemons_share_the_work_and_this_is_what_it_costs_the_database() {
    let mut fleet = Fleet::new(12, LEASE).await;
    let berths = ["north", "east", "south"].map(|name| fleet.berth(name));
    let _daemons = berths.each_ref().map(|berth| fleet.start(berth));
    let idle = fleet.costs();
    tokio::time::sleep(Duration::from_secs(6)).await;
    let idle = fleet.costs().since(idle);
    let api = &berths[0].api;
    // Far enough apart for a busy machine: whoever settles one delivery goes on with what its account has next if that is due,
    // and lets go only with a renewal.
    fleet.plan(10, Duration::from_secs(6), Duration::from_secs(1), api).await;
    let planned = fleet.costs();
    let began = fleet.world.planned[0].due;
    fleet
        .until_database_says("SELECT count(*) FROM juzhen.deliveries WHERE state = 'published'", "120")
        .await;
    let seconds = Timestamp::now().duration_since(began).as_secs_f64();
    let drained = fleet.costs().since(planned);
    let shares = fleet.ask_database("SELECT count(*) FROM juzhen.attempts GROUP BY worker ORDER BY 1");
    println!(
        "120 deliveries by three daemons in {seconds:.1} s, {} each; of the database: {:.1} transactions, {:.1} KiB of log \
         and {:.1} KiB of disk a delivery; three idle ones {:.1} transactions and {:.1} KiB a second",
        shares.replace('\n', ", "),
        drained.transactions / 120.0,
        drained.log / 120.0 / 1024.0,
        drained.disk / 120.0 / 1024.0,
        idle.transactions / 6.0,
        idle.log / 6.0 / 1024.0,
    );
    assert_eq!(shares.lines().count(), 3, "{shares}");
    fleet.world.api.moved_to(&api.url());
    assert_eq!(fleet.world.judge().await["published"], 120);
}

#[tokio::test(flavor = "multi_thread")]
async fn p18_a_daemon_that_joins_a_backlog_gets_its_share_of_the_accounts() {
    let mut fleet = Fleet::new(8, LEASE).await;
    let berths = ["late", "help"].map(|name| fleet.berth(name));
    let _late = fleet.start(&berths[0]);
    fleet.world.stage.fault("POST", "", None, Fault::DelayMs { ms: 300 });
    // All due at once: each account has forty one after another.
    fleet.plan(40, Duration::from_secs(6), Duration::from_millis(1), &berths[0].api).await;
    eventually("some are out", async || fleet.world.stage.ledger().effects.len() > 24).await;
    let _help = fleet.start(&berths[1]);
    let rest = 320 - fleet.world.stage.ledger().effects.len();
    let shares =
        "SELECT count(*) FROM juzhen.deliveries WHERE state IN ('claimed', 'sending') GROUP BY worker";
    fleet.until_database_says(shares, "4\n4").await;
    let out = "SELECT count(*) FROM juzhen.deliveries WHERE state = 'published'";
    fleet.until_database_says(out, "320").await;
    let helped = "SELECT count(*) FROM juzhen.attempts a JOIN juzhen.workers w ON w.id = a.worker WHERE w.node = 'help'";
    let helped: usize = fleet.ask_database(helped).parse().unwrap();
    println!("of {rest} deliveries that were left when it came, a second daemon took {helped}");
    assert!(helped * 4 >= rest, "{helped} of {rest}");
    fleet.world.api.moved_to(&berths[1].api.url());
    assert_eq!(fleet.world.judge().await["published"], 320);
    fleet.world.judge_order(|_| false);
}

#[tokio::test(flavor = "multi_thread")]
async fn p26_stop_all_said_to_one_daemon_stops_the_others_within_a_second_and_two_people_lift_it_anywhere() {
    let mut fleet = Fleet::new(10, LEASE).await;
    let berths = ["north", "east", "south"].map(|name| fleet.berth(name));
    let _daemons = berths.each_ref().map(|berth| fleet.start(berth));
    let [north, east, south] = berths.each_ref().map(|berth| berth.api.clone());
    fleet.plan(30, Duration::from_secs(3), Duration::from_millis(300), &north).await;
    eventually("some are out", async || fleet.world.stage.ledger().effects.len() > 30).await;
    let (status, body) = north.call("off.zr", "POST", "/api/v1/stop", Some(json!({"reason": "演练"}))).await;
    let stopped_at = Timestamp::now().as_millisecond();
    assert!(status.is_success(), "{body:#}");
    // By its own due times everything would be out by then.
    let last_due = fleet.world.planned.last().unwrap().due;
    let left = Duration::try_from(last_due.duration_since(Timestamp::now())).unwrap_or_default();
    tokio::time::sleep(left + Duration::from_secs(1)).await;
    let began = fleet.ask_database("SELECT coalesce(max(began_at), 0) FROM juzhen.effects");
    let after = began.parse::<i64>().unwrap() - stopped_at;
    println!("the last request began {after} ms after STOP ALL was answered");
    assert!(after <= 1_000, "a request began {after} ms after the stop");
    let held = "SELECT count(*) > 0 FROM juzhen.deliveries WHERE state <> 'published'";
    assert_eq!(fleet.ask_database(held), "t", "the stop came too late to show anything");
    assert!(south.get("/api/v1/status").await["stop"]["stopped"].as_bool().unwrap());

    for (api, person) in [(&east, "off.zr"), (&south, "off.hg")] {
        let (status, body) = api.call(person, "POST", "/api/v1/stop/lift", Some(json!({}))).await;
        assert!(status.is_success(), "{body:#}");
    }
    // The one that was told forgets the stop, too.
    let out = "SELECT count(*) FROM juzhen.deliveries WHERE state = 'published'";
    fleet.until_database_says(out, "300").await;
    fleet.world.api.moved_to(&east.url());
    fleet.world.judge().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f34_a_clock_that_is_off_the_databases_is_told_and_nothing_is_early() {
    let mut fleet = Fleet::new(1, LEASE).await;
    let (right, mut wrong) = (fleet.berth("right"), fleet.berth("wrong"));
    let _right = fleet.start(&right);
    wrong.run.env =
        [("LD_PRELOAD", library().as_str()), ("FAKETIME", "-20s"), ("FAKETIME_DONT_FAKE_MONOTONIC", "1")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .to_vec();
    let _wrong = fleet.start(&wrong);
    eventually("the log says so", async || wrong.api.log().contains("The clock of the database is off"))
        .await;
    let (_, readiness) = wrong.api.call("off.hg", "GET", "/readyz", None).await;
    assert!(readiness["warnings"].to_string().contains("clock of the database"), "{readiness:#}");
    let (_, metrics) = wrong.api.call("off.hg", "GET", "/metrics", None).await;
    let metrics = metrics.as_str().unwrap();
    let skew = metrics.lines().find_map(|line| line.strip_prefix("juzhen_database_clock_skew_seconds "));
    assert!((18.0..22.0).contains(&skew.unwrap().parse::<f64>().unwrap()), "{skew:?}");
    let (_, readiness) = right.api.call("off.hg", "GET", "/readyz", None).await;
    assert_eq!(readiness["warnings"], json!([]));
    let item = fleet.plan_one("钟不准", Duration::from_secs(2), &right.api).await;
    right.api.until(&item, &["published"]).await;
    fleet.world.stage.assert_clean();
    let told = wrong.api.log().matches("The clock of the database is off").count();
    assert_eq!(told, 1, "once, not at each sign of life");
}

#[tokio::test(flavor = "multi_thread")]
async fn f38_a_daemon_takes_over_from_one_that_is_told_to_stop() {
    let mut fleet = Fleet::new(1, LEASE).await;
    let blue = fleet.berth("blue");
    let mut old = fleet.start(&blue);
    fleet.plan(40, Duration::from_secs(3), Duration::from_millis(500), &blue.api).await;
    eventually("some are out", async || fleet.world.stage.ledger().effects.len() > 4).await;
    // Of the same name, and started first: it waits for the old one to let it go.
    let green = fleet.berth_in("data-of-green", "blue");
    let (_new, served) = std::thread::scope(|scope| {
        let starting = scope.spawn(|| (fleet.start(&green), Instant::now()));
        std::thread::sleep(Duration::from_secs(1));
        let told = Instant::now();
        old.signal(Signal::TERM);
        let (new, serving) = starting.join().unwrap();
        (new, serving.duration_since(told))
    });
    assert!(old.ended(Duration::from_secs(60)).unwrap().success());
    fleet.settled(&green.api).await;
    fleet.world.api.moved_to(&green.api.url());
    let tally = fleet.world.judge().await;
    assert_eq!(tally["published"], 40, "{tally:?}");
    let times: Vec<i64> = fleet.world.stage.ledger().effects.iter().map(|effect| effect.at_unix_ms).collect();
    let gap = times.windows(2).map(|two| two[1] - two[0]).max().unwrap();
    println!(
        "handed over: the new one served {} ms after the old one was told to stop; the longest pause between two posts was {gap} ms",
        served.as_millis()
    );
    assert!(gap < 60_000, "{gap} ms without a post");
}

/// Debian's, in the folder of this machine's kind.
fn library() -> String {
    let folders = std::fs::read_dir("/usr/lib").unwrap().map(|folder| folder.unwrap().path());
    let mut files = folders.map(|folder| folder.join("faketime/libfaketimeMT.so.1"));
    files
        .find(|file| file.exists())
        .unwrap_or_else(|| panic!("apt-get install faketime"))
        .display()
        .to_string()
}

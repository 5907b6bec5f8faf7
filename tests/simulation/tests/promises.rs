//! What the simulation has to show: no violation in many seeds, a seed that replays exactly, and every broken variant of
//! the protocol caught.
#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test fails by panicking and prints its figures"
)]

use std::io::Write as _;
use std::path::Path;

use juzhen_simulation::{Broken, Plan, report, run};

/// Any number: `cargo run --release -p juzhen-simulation -- --seeds 50000`.
fn seeds() -> u64 {
    if is_long() { 10_000 } else { 2000 }
}

fn is_long() -> bool {
    std::env::var_os("JUZHEN_LONG").is_some()
}

/// Past the capture of the test harness: figures are read after a run that went well.
fn say(text: &str) {
    std::io::stderr().write_all(format!("{text}\n").as_bytes()).unwrap();
}

/// A broken variant is caught within so many seeds.
const MOST: u64 = 400;

fn violations(seed: u64, plan: &Plan) -> Vec<String> {
    run(seed, plan).unwrap().violations
}

#[test]
fn p01_p02_p03_p06_p07_p14_p19_p20_p27_no_seed_breaks_a_promise() {
    let report = report::many(0, seeds(), &Plan::default());
    say(&report.text());
    report.keep(Path::new(report::KEPT)).unwrap();
    assert!(report.failed.is_empty(), "{}", report.text());
    assert_eq!(report.never_fired(), Vec::<String>::new());
}

#[test]
fn p18_f37_daemons_that_come_back_after_their_lease_send_nothing_twice() {
    let plan = Plan { daemons: Some(3), ..Plan::default() };
    let report = report::many(1_000_000, 40, &plan);
    assert!(report.failed.is_empty(), "{}", report.text());
    assert!(report.fired["stopped.past_the_lease"] > 40, "{}", report.text());
}

#[test]
fn f09_a_daemon_that_always_ends_while_it_looks_comes_to_the_same_end() {
    let points = ["reconcile.before_read", "reconcile.after_read", "reconcile.before_commit"];
    let report = report::many(2_000_000, 40, &Plan { points: points.to_vec(), ..Plan::default() });
    assert!(report.failed.is_empty(), "{}", report.text());
    for point in points {
        assert!(report.fired.contains_key(&format!("point.{point}")), "{point}: {}", report.text());
    }
}

#[test]
fn a_seed_replays_exactly() {
    for seed in 0..20 {
        let (one, two) = (run(seed, &Plan::default()).unwrap(), run(seed, &Plan::default()).unwrap());
        assert_eq!((one.hash, one.fired), (two.hash, two.fired), "seed {seed}");
    }
}

#[test]
fn p01_p02_p06_p07_p18_broken_variants_are_caught() {
    let mut missed = Vec::new();
    for broken in Broken::ALL {
        let plan = Plan::without(broken);
        let caught = (0..MOST).find(|seed| !violations(*seed, &plan).is_empty());
        match caught {
            Some(last) => say(&format!("{broken:?}: caught after {} seeds", last + 1)),
            None => missed.push(broken),
        }
    }
    assert!(missed.is_empty(), "not caught: {missed:?}");
}

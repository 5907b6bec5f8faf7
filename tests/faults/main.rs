//! The sixty sample items on both stand-ins, through the real daemon and the real adapters of Weibo and WeChat, under every
//! fault that the sandbox can script. Each delivery ends where its fault explains, and the platforms' ledger judges.
//!
//! An ordinary run mixes: every fault meets one or two items, on all three ways to publish. The long form publishes all sixty
//! items under each fault by itself, and waits until every doubt is closed or with a person.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test fails by panicking and prints its figures"
)]

mod cases;
mod ends;
mod items;
mod judge;
mod world;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use cases::{Case, cases, is_meant_for};
use ends::Way;
use world::World;

/// The machine may be busy with other things.
const PATIENCE: Duration = Duration::from_secs(240);

fn long() -> bool {
    std::env::var_os("JUZHEN_LONG").is_some_and(|value| value == "1")
}

#[tokio::test(flavor = "multi_thread")]
async fn p01_p02_p03_f50_f70_sixty_items_meet_every_fault_once_and_each_ends_where_its_fault_explains() {
    let cases: Vec<Case> = cases().into_iter().filter(|case| long() || !case.slow).collect();
    let world = World::new(|number| &cases[number % cases.len()]).await;
    let daemon = world.publish().await;
    let table = world.judged(&daemon, PATIENCE).await;
    if long() {
        world.settled(&daemon).await;
        world.sent_again(&daemon, PATIENCE).await;
    }
    println!("{} faults, {table}", cases.len());
}

/// Every kind is in the table, so that one that is added to the sandbox asks for its row.
#[test]
fn every_fault_that_the_sandbox_knows_is_in_the_table() {
    let mut kinds = BTreeSet::new();
    for case in cases() {
        for way in Way::ALL {
            kinds.extend(case.script(way).iter().map(|(_, fault)| kind(fault)));
        }
        let names: Vec<_> = cases().into_iter().filter(|other| other.name == case.name).collect();
        assert_eq!(names.len(), 1, "{} is there twice", case.name);
    }
    let documented: BTreeSet<String> = cases::KINDS.iter().map(|kind| (*kind).to_owned()).collect();
    assert_eq!(kinds, documented);
}

/// As the sandbox's script names it.
fn kind(fault: &juzhen_sandbox::Fault) -> String {
    // Exhaustive: a new kind does not compile until somebody has said where it has a meaning.
    let _meaning = is_meant_for(fault, Way::Weibo);
    serde_json::to_value(fault).unwrap()["kind"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn p01_p02_p03_f50_f70_all_sixty_items_under_each_fault_long_form() {
    if !long() {
        return;
    }
    for case in cases() {
        let started = Instant::now();
        let world = World::new(|_| &case).await;
        let daemon = world.publish().await;
        let table = world.judged(&daemon, PATIENCE).await;
        println!("{:22} {:5.1} s  {table}", case.name, started.elapsed().as_secs_f64());
    }
}

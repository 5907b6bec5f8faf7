//! A daemon that is gone for longer than its lease and comes back (F35, F37).

use std::time::Duration;

use juzhen_sandbox::Fault;
use juzhen_tests::eventually;
use rustix::process::Signal;

use crate::fleet::{Fleet, record};

const LEASE: u64 = 2;

#[tokio::test(flavor = "multi_thread")]
async fn f37_a_daemon_stopped_between_claim_and_send_sends_nothing_of_what_others_took_up() {
    let mut fleet = Fleet::new(1, LEASE).await;
    // Between the claim and the send there is time to be stopped in.
    let (zombie, heir) =
        (fleet.berth("zombie").failing("claim.after_commit=1*sleep(3000)"), fleet.berth("heir"));
    let stopped = fleet.start(&zombie);
    let item = fleet.plan_one("被冻结的进程", Duration::from_secs(1), &zombie.api).await;
    fleet.until_database_says("SELECT state FROM juzhen.deliveries", "claimed").await;
    stopped.signal(Signal::STOP);
    let _heir = fleet.start(&heir);
    heir.api.until(&item, &["published"]).await;
    assert_eq!(fleet.world.stage.posts("被冻结的进程").len(), 1);
    stopped.signal(Signal::CONT);
    // It finds out that it was gone, and that what it held is not its own any more.
    eventually("it joins anew", async || zombie.api.log().contains("Joined anew")).await;
    eventually("its news is late", async || zombie.api.log().contains("A late result was kept")).await;
    assert_eq!(fleet.world.stage.posts("被冻结的进程").len(), 1);
    let seen = record(&heir.api, &item).await;
    assert_eq!(seen["state"], "published", "{seen:#}");
    fleet.world.api.moved_to(&heir.api.url());
    fleet.world.judge().await;
    // And it goes on as one among others.
    let next = fleet.plan_one("醒来之后", Duration::from_secs(1), &zombie.api).await;
    zombie.api.until(&next, &["published"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f35_a_daemon_cut_off_while_it_sends_leaves_evidence_and_nobody_sends_again() {
    let mut fleet = Fleet::new(1, LEASE).await;
    let (lone, heir) = (fleet.berth("lone"), fleet.berth("heir"));
    let _lone = fleet.start(&lone);
    fleet.world.stage.fault("POST", "", Some(1), Fault::DelayMs { ms: 6_000 });
    let item = fleet.plan_one("断网时在途", Duration::from_secs(1), &lone.api).await;
    eventually("it is out", async || fleet.world.stage.posts("断网时在途").len() == 1).await;
    lone.wire.cut(true);
    let _heir = fleet.start(&heir);
    heir.api.until(&item, &["published"]).await;
    let seen = record(&heir.api, &item).await;
    assert_eq!(seen["receipt"]["by"], "evidence", "{seen:#}");
    // The answer came to the one that was cut off; it is told as soon as there is somebody to tell.
    lone.wire.cut(false);
    eventually("its answer is kept as evidence", async || {
        !record(&heir.api, &item).await["late_news"].as_array().unwrap().is_empty()
    })
    .await;
    fleet.world.api.moved_to(&heir.api.url());
    fleet.world.judge().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn p15_a_daemon_that_is_told_to_stop_keeps_its_claims_until_they_are_settled() {
    let mut fleet = Fleet::new(1, LEASE).await;
    let (old, heir) = (fleet.berth("old"), fleet.berth("heir"));
    let mut stopping = fleet.start(&old);
    // Longer than a lease.
    fleet.world.stage.fault("POST", "", Some(1), Fault::DelayMs { ms: 6_000 });
    let item = fleet.plan_one("停机时在途", Duration::from_secs(1), &old.api).await;
    eventually("it is out", async || fleet.world.stage.posts("停机时在途").len() == 1).await;
    let _heir = fleet.start(&heir);
    stopping.signal(Signal::TERM);
    heir.api.until(&item, &["published"]).await;
    let seen = record(&heir.api, &item).await;
    assert_eq!(seen["receipt"]["by"], "answer", "nobody took it up meanwhile: {seen:#}");
    assert!(stopping.ended(Duration::from_secs(60)).unwrap().success());
    assert_eq!(fleet.ask_database("SELECT count(*) FROM juzhen.workers WHERE ended_at IS NULL"), "1");
}

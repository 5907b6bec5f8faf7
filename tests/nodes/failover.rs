//! Another server takes over without the last commits (F31).

use std::time::Duration;

use juzhen_tests::{cluster, eventually};

use crate::fleet::{Fleet, PATIENCE, record};

const LEASE: u64 = 10;
/// Enough to copy a small server.
const COPYING: Duration = Duration::from_secs(20);

#[tokio::test(flavor = "multi_thread")]
async fn f31_what_was_sent_before_a_failover_that_forgot_it_is_looked_for_and_not_sent_again() {
    let mut fleet = Fleet::new(1, LEASE).await;
    let lone = fleet.berth("lone");
    let mut daemon = fleet.start(&lone);
    let item = fleet.plan_one("切换前发出", COPYING, &lone.api).await;
    let standby = cluster().standby().unwrap();
    // It will not hear of anything that comes after.
    standby.say("postgres", "ALTER SYSTEM SET primary_conninfo = ''").unwrap();
    standby.down().unwrap();
    let states = "SELECT state FROM juzhen.deliveries";
    assert_eq!(fleet.ask_database(states), "due", "the machine was too slow to copy in {COPYING:?}");
    lone.api.until(&item, &["published"]).await;
    lone.wire.cut(true);
    standby.up().unwrap();
    standby.promote().unwrap();
    assert_eq!(standby.say(fleet.database(), states).unwrap(), "due", "the new server has forgotten it");
    lone.wire.lead_to(standby.port());
    lone.wire.cut(false);
    let ended = daemon.ended(PATIENCE).expect("it goes on with another server");
    assert!(!ended.success() && lone.api.log().contains("another server answers"), "{}", lone.api.log());

    let _again = fleet.start(&lone);
    assert!(lone.api.get("/api/v1/status").await["stop"]["stopped"].as_bool().unwrap(), "everything is held");
    eventually("it is found on the account", async || {
        record(&lone.api, &item).await["receipt"]["by"] == "evidence"
    })
    .await;
    assert_eq!(fleet.world.stage.posts("切换前发出").len(), 1, "and was not sent again");
    let restorations = standby.say(fleet.database(), "SELECT count(*) FROM juzhen.restorations").unwrap();
    assert_eq!(restorations, "1");
}

//! A delivery over which the daemon itself ends, again and again (F12): it is put aside, and the others go on.

use std::os::unix::process::ExitStatusExt;
use std::time::Duration;

use jiff::Timestamp;
use juzhen_tests::Run;

use crate::load::{World, account};

const PATIENCE: Duration = Duration::from_secs(120);
/// `SIGABRT`.
const ABORTED: i32 = 6;

#[tokio::test(flavor = "multi_thread")]
async fn f12_a_delivery_over_which_the_daemon_ends_is_put_aside_and_the_others_go_on() {
    let mut world = World::new(6).await;
    let due = Timestamp::now() + Duration::from_millis(1_500);
    let latest = due + Duration::from_secs(900);
    world.plan("程序在此异常停止", &[account(0)], due, latest);
    // In hand with it when it strikes first, for a claim is made a little ahead.
    let others: Vec<String> = (1..6).map(account).collect();
    world.plan("同时在手的", &others, due + Duration::from_millis(80), latest);
    for end in 1..=3 {
        // Whoever comes to this point first; once they go alone, that is the first one.
        let mut daemon = world.start_with(&Run::failing("plugin.before_call=1*abort"));
        assert!(end > 1 || world.ask().await, "{}", world.api.log());
        let status = daemon.ended(PATIENCE).unwrap_or_else(|| panic!("end {end}: {}", world.api.log()));
        assert_eq!(status.signal(), Some(ABORTED), "{status}");
    }
    assert!(world.stage.ledger().effects.is_empty());

    let _daemon = world.start();
    let id = |world: &World, number: usize| world.planned[number].id.clone().unwrap();
    world.api.until(&id(&world, 1), &["published"]).await;
    world.api.until(&id(&world, 0), &["held"]).await;
    let deliveries = world.api.deliveries().await;
    let poison = deliveries.iter().find(|d| d["account"] == "T000").unwrap();
    assert!(poison["reason"].as_str().unwrap().starts_with("ends_the_daemon:"), "{poison:#}");
    assert_eq!(poison["tries"], 3, "{poison:#}");
    // At the third end it was in hand alone.
    let tries: Vec<u64> =
        deliveries.iter().filter(|d| d != &poison).map(|d| d["tries"].as_u64().unwrap()).collect();
    assert_eq!(tries, [3, 3, 3, 3, 3], "two ends, and the one that went well: {deliveries:#?}");
    let next = Timestamp::now() + Duration::from_millis(300);
    world.plan("同一账号的下一条", &[account(0)], next, next + Duration::from_secs(900));
    assert!(world.ask().await);
    world.api.until(&id(&world, 2), &["published"]).await;
    let tally = world.judge().await;
    assert_eq!((tally["published"], tally["held"]), (6, 1), "{tally:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn f12_one_that_was_answered_before_is_looked_for_and_not_held() {
    let mut world = World::new(1).await;
    let due = Timestamp::now() + Duration::from_millis(1_500);
    world.plan("发出之后程序异常停止", &[account(0)], due, due + Duration::from_secs(900));
    for (end, point) in ["send.after_record", "plugin.before_call", "plugin.before_call"].iter().enumerate() {
        let mut daemon = world.start_with(&Run::failing(&format!("{point}=1*abort")));
        assert!(end > 0 || world.ask().await, "{}", world.api.log());
        let status = daemon.ended(PATIENCE).unwrap_or_else(|| panic!("end {end}: {}", world.api.log()));
        assert_eq!(status.signal(), Some(ABORTED), "{status}");
    }
    let _daemon = world.start();
    let id = world.planned[0].id.clone().unwrap();
    world.api.until(&id, &["published"]).await;
    let deliveries = world.api.deliveries().await;
    assert_eq!(deliveries[0]["tries"], 3, "{deliveries:#?}");
    let kept = world.api.get(&format!("/api/v1/deliveries/{}", deliveries[0]["id"].as_str().unwrap())).await;
    assert_eq!(kept["receipt"]["by"], "evidence", "{kept:#}");
    assert_eq!(world.judge().await["published"], 1);
}

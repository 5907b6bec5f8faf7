//! What was interrupted or answered unclearly is visible as in doubt at once, and closed by what is seen on the account, never
//! by sending again (P5, F09, F66, F67, F69).

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use jiff::Timestamp;
use juzhen_sandbox::{Expectation, Fault, ListEnd, Rule};
use juzhen_tests::{Daemon, Run};
use serde_json::Value;

use crate::load::{World, account};
use crate::long;

const PATIENCE: Duration = Duration::from_secs(240);
const LATEST: Duration = Duration::from_secs(900);

fn post(fault: Fault) -> Rule {
    Rule::new(fault).method("POST")
}

/// One item for the first account, due at once; what it is when the daemon that crashed over it has been started again.
async fn interrupted(world: &mut World, point: &str) -> (Daemon, Value) {
    let due = Timestamp::now() + Duration::from_millis(1_200);
    world.plan("停电通知", &[account(0)], due, due + LATEST);
    let mut daemon = world.start_with(&Run::failing(&format!("{point}=1*abort")));
    assert!(world.ask().await, "{}", world.api.log());
    assert!(daemon.ended(PATIENCE).is_some(), "{point} was not reached: {}", world.api.log());
    let daemon = world.start();
    let first = world.api.deliveries().await.swap_remove(0);
    (daemon, first)
}

/// How the one delivery ended: published, known by what is on the account, and with one request in all.
async fn found(world: &World) -> Value {
    world.settled(PATIENCE).await;
    world.judge().await;
    let delivery = world.api.deliveries().await.swap_remove(0);
    let known = (&delivery["state"], &delivery["receipt"]["by"]);
    assert_eq!(known, (&"published".into(), &"evidence".into()), "{delivery:#}\n{}", world.api.log());
    assert_eq!(world.requests_to_post(), 1, "sent again");
    delivery
}

#[tokio::test(flavor = "multi_thread")]
async fn p05_f06_f07_in_doubt_right_after_the_restart_and_closed_when_it_is_seen() {
    // Seconds that the platform hides a post. The manifest of the mock adapter promises 5, and a minute of patience follows.
    let lags: &[u64] = if long() { &[0, 3, 30, 60] } else { &[0, 7] };
    join_all(lags.iter().map(|lag| async move {
        let mut world = World::new(1).await;
        world.stage.handle.fault(post(Fault::VisibleLateMs { ms: lag * 1_000 })).unwrap();
        let (_daemon, first) = interrupted(&mut world, "send.after_response").await;
        assert!(first["state"] == "in_doubt" || *lag == 0 && first["state"] == "published", "{first:#}");
        let restarted = Instant::now();
        found(&world).await;
        println!("hidden for {lag} s: {} at once, published after {:?}", first["state"], restarted.elapsed());
    }))
    .await;
}

/// P5, the other half: beyond the platform's own lag absence still proves nothing, and a person is asked.
#[tokio::test(flavor = "multi_thread")]
async fn p05_f66_what_the_list_does_not_show_goes_to_a_person_and_is_not_sent_again() {
    let mut world = World::new(1).await;
    // The newest post only; and ours is not the newest, because somebody posts by hand.
    let part = Fault::ListPart { most: 1, which: ListEnd::Newest, says_so: false };
    world.stage.handle.fault(Rule::new(part).method("GET")).unwrap();
    world.stage.handle.fault(post(Fault::ResetAfterEffect {})).unwrap();
    let due = Timestamp::now() + Duration::from_millis(1_200);
    world.plan("只列出一部分", &[account(0)], due, due + LATEST);
    let _daemon = world.start();
    assert!(world.ask().await);
    while world.stage.posts("只列出一部分").is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    world.stage.handle.post_by_hand("T000", "人工发布").unwrap();
    let id = world.planned[0].id.clone().unwrap();
    world.api.until(&id, &["in_doubt"]).await;
    world.settled(PATIENCE).await;
    assert_eq!(world.api.states(&id).await["T000"], "needs_person", "{}", world.api.log());
    world.judge().await;
    assert_eq!(world.requests_to_post(), 1);
}

/// F09: a crash while a doubt is closed, before the look, after it, and in the middle of the commit.
#[tokio::test(flavor = "multi_thread")]
async fn f09_killed_while_a_doubt_is_closed_it_ends_the_same() {
    let points = ["reconcile.before_read", "reconcile.after_read", "reconcile.before_commit"];
    join_all(points.iter().map(|point| async move {
        let mut world = World::new(1).await;
        world.stage.handle.fault(post(Fault::ResetAfterEffect {}).times(1)).unwrap();
        let (_daemon, first) = interrupted(&mut world, point).await;
        // It looks again at once, so it may have found it already.
        assert!(["in_doubt", "published"].contains(&first["state"].as_str().unwrap()), "{point}: {first:#}");
        let delivery = found(&world).await;
        let subject = format!("/api/v1/audit?subject=delivery:{}", delivery["id"].as_str().unwrap());
        let (_, audit) = world.api.call("off.zr", "GET", &subject, None).await;
        let rows = audit["rows"].as_array().unwrap_or_else(|| panic!("{audit:#}"));
        let closed = rows.iter().filter(|row| row["action"] == "delivery.published").count();
        assert_eq!(closed, 1, "{point}: {audit:#}");
    }))
    .await;
}

/// F67: the weekly notice. The one of last week is no evidence for this week's, and of two doubts none takes the other's.
#[tokio::test(flavor = "multi_thread")]
async fn f67_the_same_text_twice_on_purpose_is_two_posts_and_no_evidence_for_each_other() {
    let world = World::new(2).await;
    let text = "每周例行通知";
    let twice = |account: &str| Expectation::of(account, "", text).times(2);
    world.stage.handle.expect([twice("T000"), twice("T001")]).unwrap();
    let _daemon = world.start();
    let soon = Duration::from_millis(300);
    let first = world.api.publish("d07.xx", text, &["T000"], soon).await;
    world.api.until(&first, &["published"]).await;
    world.stage.handle.fault(post(Fault::ResetAfterEffect {})).unwrap();
    let second = world.api.publish("d07.xx", text, &["T000"], soon).await;
    let both = [
        world.api.publish("d07.xx", text, &["T001"], soon).await,
        world.api.publish("d07.xx", text, &["T001"], soon).await,
    ];
    world.api.until(&second, &["published"]).await;
    world.settled(PATIENCE).await;
    world.stage.assert_clean();

    let deliveries = world.api.deliveries().await;
    let of = |item: &String| deliveries.iter().find(|d| d["item"] == *item).unwrap();
    let ids: Vec<String> =
        world.stage.posts(text).into_iter().filter(|e| e.account == "T000").map(|e| e.id).collect();
    let receipts =
        [&first, &second].map(|item| of(item)["receipt"]["platform_id"].as_str().unwrap().to_owned());
    assert_eq!(ids, receipts, "{deliveries:#?}");
    // Which of the two is whose nobody can know; a person says it, or what is known of one leaves the other.
    let claimed: Vec<&str> =
        both.iter().filter_map(|item| of(item)["receipt"]["platform_id"].as_str()).collect();
    assert!(claimed.len() < 2 || claimed[0] != claimed[1], "one post for two: {deliveries:#?}");
    for item in &both {
        assert!(
            ["published", "needs_person"].contains(&of(item)["state"].as_str().unwrap()),
            "{deliveries:#?}"
        );
    }
    assert_eq!((world.stage.ledger().effects.len(), world.requests_to_post()), (4, 4), "sent again");
}

/// F69: somebody's proxy sends the request elsewhere. Nothing is sent there, least of all the token.
#[tokio::test(flavor = "multi_thread")]
async fn f69_a_redirect_is_not_followed_and_leaves_a_doubt() {
    let mut world = World::new(1).await;
    let location = format!("{}/v1/accounts/T000/posts?elsewhere", world.stage.mock_url());
    world.stage.handle.fault(post(Fault::Redirect302 { location }).times(1)).unwrap();
    let due = Timestamp::now() + Duration::from_millis(1_200);
    world.plan("被转走的", &[account(0)], due, due + LATEST);
    let _daemon = world.start();
    assert!(world.ask().await);
    let id = world.planned[0].id.clone().unwrap();
    world.api.until(&id, &["in_doubt"]).await;
    // At least one look at the account, which shows nothing.
    let looks = || {
        world
            .stage
            .ledger()
            .requests
            .iter()
            .filter(|(route, _)| route.starts_with("GET"))
            .map(|(_, n)| n.total)
            .sum::<u64>()
    };
    let before = looks();
    let start = Instant::now();
    while looks() == before && start.elapsed() < PATIENCE {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(world.api.states(&id).await["T000"], "in_doubt", "{}", world.api.log());
    assert_eq!((world.requests_to_post(), world.stage.ledger().effects.len()), (1, 0));
}

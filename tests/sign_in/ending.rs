//! Before a sign-in ends, and when it has.

use juzhen_tests::eventually;
use serde_json::{Value, json};

use crate::scene::{Scene, account, begin, check, consent, follow, notices, publish};

const DAY: i64 = 86_400;

#[tokio::test(flavor = "multi_thread")]
async fn f61_people_are_told_of_each_end_and_day_once_over_looks_and_restarts() {
    let mut scene = Scene::new(&json!([])).await;
    let lives = [("far", 20), ("two-weeks", 13), ("week", 6), ("days", 2)];
    let uid = |number: usize| format!("50000003{number:02}");
    for (number, (name, days)) in lives.iter().enumerate() {
        scene.weibo(&format!("X-{name}"), &uid(number), "", Some(days * DAY + 3_600)).await;
    }
    scene.weibo("X-hours", &uid(9), "", Some(DAY / 2)).await;
    let told = async |daemon: &juzhen_tests::Daemon| {
        let mut told = notices(daemon, "sign_in_ends").await;
        told.sort();
        told
    };
    let mut daemon = scene.start();
    for _again in 0..2 {
        for (name, _) in lives {
            check(&daemon, &format!("X-{name}")).await;
        }
        check(&daemon, "X-hours").await;
    }
    let first = told(&daemon).await;
    assert_eq!(first.len(), 4, "{first:#?}");
    for (id, days) in [("X-two-weeks", "14"), ("X-week", "7"), ("X-days", "3"), ("X-hours", "1")] {
        let of = first.iter().find(|text| text.contains(&format!("账号 {id} "))).unwrap();
        assert!(of.contains(&format!("不到 {days} 天")), "{of}");
        assert!(of.contains(&format!("juzhen account authorize {id}")) && of.contains("到期"), "{of}");
    }
    daemon.kill();
    let daemon = juzhen_tests::Daemon::start(&scene.district);
    for (name, _) in lives {
        check(&daemon, &format!("X-{name}")).await;
    }
    assert_eq!(told(&daemon).await, first, "not again after a restart");
    // Signed in anew, for a month: nothing to tell, and the account says until when.
    let before = account(&daemon, "X-days").await["signed_in_until"].clone();
    let (status, page) = follow(&daemon, &consent(&begin(&daemon, "X-days").await, &uid(3), "").await).await;
    assert!(status.is_success(), "{page}");
    let after = account(&daemon, "X-days").await;
    assert!(after["signed_in_until"].as_str().unwrap() > before.as_str().unwrap(), "{after:#}");
    assert_eq!((&after["check"]["ok"], told(&daemon).await), (&json!(true), first));
}

#[tokio::test(flavor = "multi_thread")]
async fn f10_f61_when_it_has_ended_somebody_has_to_sign_in_and_nothing_was_tried_for_that() {
    let mut scene = Scene::new(&json!([])).await;
    scene.weibo("X-a", "5000000401", ", tier: biz", Some(5)).await;
    let daemon = scene.start();
    assert_eq!(check(&daemon, "X-a").await["ok"], json!(true));
    // The daily look comes with the end.
    eventually("the account has to sign in", async || {
        account(&daemon, "X-a").await["sign_in"]["auth_needed"] == true
    })
    .await;
    assert_eq!(
        (notices(&daemon, "sign_in_ends").await.len(), notices(&daemon, "auth_needed").await.len()),
        (1, 1)
    );
    let seen = account(&daemon, "X-a").await;
    assert_eq!((&seen["ready"], &seen["signed_in_until"]), (&json!(false), &Value::Null), "{seen:#}");
    // What comes now waits without a try; signing in lets it go.
    let item = publish(&daemon, "停水通知", "X-a").await;
    daemon.until(&item, &["held"]).await;
    let (status, page) =
        follow(&daemon, &consent(&begin(&daemon, "X-a").await, "5000000401", "").await).await;
    assert!(status.is_success(), "{page}");
    daemon.until(&item, &["published"]).await;
    assert_eq!(scene.stage.posts("停水通知").len(), 1);
    scene.stage.assert_clean();
}

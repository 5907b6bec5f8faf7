//! A token of Weibo, which only a person can renew: what is due waits for them, and goes out once and in order (F61).

use juzhen_tests::{Api, Daemon, cluster};

use crate::account::until_held;
use crate::real::{Platform, Real, texts, told};
use crate::renewing::{run_of, share_people};

const FIRST: &str = "canary-token-1";
const SECOND: &str = "canary-token-2";

#[tokio::test(flavor = "multi_thread")]
async fn f61_a_token_of_weibo_that_ends_in_a_batch_holds_the_rest_until_somebody_signs_in() {
    for (end, code) in [("expired", "21327"), ("revoked", "21332")] {
        let scene = Real::new(Platform::Weibo, FIRST).await;
        let daemon = Daemon::start(&scene.district);
        let texts = texts(0..5);
        let mut items = scene.publish_all(&daemon, &texts[..1]).await;
        scene.taken(&daemon, &items).await;
        scene.end(FIRST, end).await;
        for text in &texts[1..] {
            items.push(scene.publish(&daemon, text).await);
            let held = until_held(&daemon, items.last().unwrap()).await;
            assert!(held["reason"].as_str().unwrap().contains(code), "{held:#}");
        }
        let account = scene.seen(&daemon).await;
        let sign_in = &account["sign_in"];
        assert_eq!(
            (&account["ready"], &sign_in["auth_needed"]),
            (&false.into(), &true.into()),
            "{account:#}"
        );
        assert!(sign_in["to_do_zh"].as_str().unwrap().contains("重新授权"), "{account:#}");
        assert_eq!(told(&daemon).await, 1, "one notice, however many wait");
        scene.let_in(SECOND).await;
        scene.give(SECOND);
        scene.once_each(&daemon, &items, &texts, true).await;
        assert!(scene.seen(&daemon).await["ready"] == true);
        assert!(!daemon.log().contains("canary"), "a secret is in the log");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f39_f61_two_daemons_hold_one_account_of_weibo_and_both_go_on_with_what_a_person_gave() {
    let scene = Real::new(Platform::Weibo, FIRST).await;
    let database = cluster().database(None).unwrap();
    let run = |name: &str| run_of(&scene.district, &database, name);
    ["a", "b"].iter().for_each(|name| share_people(&scene.district, &run(name)));
    let (of_a, of_b) = (Api::new(scene.district.data()), Api::new(scene.district.data()));
    let _a = Daemon::start_as(&of_a, &scene.district, &run("a"));
    let _b = Daemon::start_as(&of_b, &scene.district, &run("b"));
    let texts = texts(0..8);
    let mut items = scene.publish_all(&of_a, &texts[..2]).await;
    scene.taken(&of_a, &items).await;
    // In the middle of a batch: what of it is out stays out, the rest waits.
    items.extend(scene.publish_all(&of_b, &texts[2..]).await);
    scene.end(FIRST, "expired").await;
    scene.let_in(SECOND).await;
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    scene.give(SECOND);
    scene.once_each(&of_b, &items, &texts, false).await;
    assert!(told(&of_a).await <= 1);
}

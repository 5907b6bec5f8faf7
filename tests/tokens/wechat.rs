//! WeChat's `stable_token`: one new token for each that ends, whoever ended it, and no send lost or doubled (F39, F61).

use std::time::Duration;

use juzhen_sandbox::Fault;
use juzhen_tests::{Api, Daemon, client, cluster};
use serde_json::{Value, json};

use crate::account::until_held;
use crate::real::{Platform, Real, texts, told};
use crate::renewing::{run_of, share_people};

const APP_SECRET: &str = "canary-of-the-app";
/// Longer than a token lives.
const LIFE_S: i64 = 7_201;

/// Buying takes so long that two who buy at the same time are seen as two.
async fn slow_shop() -> Real {
    let scene = Real::new(Platform::Wechat, APP_SECRET).await;
    scene.stage.fault("POST", "/stable_token", None, Fault::DelayMs { ms: 400 });
    scene
}

#[tokio::test(flavor = "multi_thread")]
async fn f61_a_token_of_wechat_that_expires_in_a_batch_is_bought_once_and_the_same_attempt_goes_on() {
    let scene = slow_shop().await;
    let daemon = Daemon::start(&scene.district);
    let texts = texts(0..6);
    let mut items = scene.publish_all(&daemon, &texts[..2]).await;
    scene.taken(&daemon, &items).await;
    assert_eq!(scene.bought(), 1);
    // While the platform is asked what became of the first, too.
    scene.stage.handle.wechat_advance(LIFE_S);
    items.extend(scene.publish_all(&daemon, &texts[2..]).await);
    scene.in_one_attempt(&daemon, &items).await;
    scene.once_each(&daemon, &items, &texts, false).await;
    assert_eq!(scene.bought(), 2, "{}", daemon.log());
    let account = scene.seen(&daemon).await;
    let [token] = &account["tokens"].as_array().unwrap()[..] else { panic!("{account:#}") };
    assert_eq!(
        (&token["renewals"], &account["ready"], &account["sign_in"]),
        (&2.into(), &true.into(), &Value::Null)
    );
    assert!(!daemon.log().contains("canary"), "a secret is in the log");
}

/// Another program with the same secret replaces the token by force, which ends ours at once.
#[tokio::test(flavor = "multi_thread")]
async fn f39_f61_a_third_party_that_forces_new_tokens_costs_one_request_each_time() {
    const FORCED: usize = 5;
    let scene = slow_shop().await;
    let daemon = Daemon::start(&scene.district);
    let texts = texts(0..FORCED + 1);
    let mut items = scene.publish_all(&daemon, &texts[..1]).await;
    scene.taken(&daemon, &items).await;
    for text in &texts[1..] {
        // Half a minute later the platform does it again.
        scene.stage.handle.wechat_advance(31);
        let planned = scene.publish(&daemon, text);
        let (item, ()) = tokio::join!(planned, force(&scene));
        items.push(item);
        scene.in_one_attempt(&daemon, &items).await;
    }
    scene.once_each(&daemon, &items, &texts, true).await;
    let ours = scene.bought() - FORCED as u64;
    assert!(ours <= FORCED as u64 + 1, "asked {ours} times: {}", daemon.log());
}

async fn force(scene: &Real) {
    let (appid, url) = (Platform::Wechat.uid(), scene.stage.handle.wechat_url());
    let body = json!({"grant_type": "client_credential", "appid": appid, "secret": APP_SECRET, "force_refresh": true});
    let answer = client().post(format!("{url}/cgi-bin/stable_token")).json(&body).send().await.unwrap();
    let given: Value = answer.json().await.unwrap();
    assert!(given["access_token"].is_string(), "{given:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn f39_f61_two_daemons_share_the_token_of_wechat_while_it_is_ended_again_and_again() {
    const ENDED: usize = 3;
    let scene = slow_shop().await;
    let database = cluster().database(None).unwrap();
    let run = |name: &str| run_of(&scene.district, &database, name);
    ["a", "b"].iter().for_each(|name| share_people(&scene.district, &run(name)));
    let (of_a, of_b) = (Api::new(scene.district.data()), Api::new(scene.district.data()));
    let _a = Daemon::start_as(&of_a, &scene.district, &run("a"));
    let _b = Daemon::start_as(&of_b, &scene.district, &run("b"));
    let texts = texts(0..4 * (ENDED + 1));
    let mut items = Vec::new();
    for (round, batch) in texts.chunks(4).enumerate() {
        let api = if round % 2 == 0 { &of_a } else { &of_b };
        items.extend(scene.publish_all(api, batch).await);
        scene.taken(&of_a, &items).await;
        if round < ENDED {
            assert!(scene.stage.handle.wechat_revoke(Platform::Wechat.uid()));
        }
    }
    scene.once_each(&of_b, &items, &texts, false).await;
    assert!(scene.bought() <= 1 + ENDED as u64, "{}: {}{}", scene.bought(), of_a.log(), of_b.log());
    assert_eq!(told(&of_a).await, 0, "nobody has to do anything");
}

#[tokio::test(flavor = "multi_thread")]
async fn f10_f61_a_wrong_secret_holds_the_account_says_what_to_do_and_once_put_right_all_goes_out_in_order() {
    let scene = Real::new(Platform::Wechat, APP_SECRET).await;
    let daemon = Daemon::start(&scene.district);
    let texts = texts(0..4);
    let mut items = scene.publish_all(&daemon, &texts[..1]).await;
    scene.taken(&daemon, &items).await;
    // Somebody has set a new AppSecret on the platform, which ends what the old one has bought.
    scene.let_in("canary-of-the-new-one").await;
    scene.stage.handle.wechat_revoke(Platform::Wechat.uid());
    for text in &texts[1..] {
        items.push(scene.publish(&daemon, text).await);
        let held = until_held(&daemon, items.last().unwrap()).await;
        assert!(held["reason"].as_str().unwrap().contains("40125"), "{held:#}");
    }
    let account = scene.seen(&daemon).await;
    let sign_in = &account["sign_in"];
    assert_eq!((&account["ready"], &sign_in["auth_needed"]), (&false.into(), &true.into()), "{account:#}");
    assert!(sign_in["said"].as_str().unwrap().contains("AppSecret"), "{account:#}");
    assert!(sign_in["to_do_zh"].as_str().unwrap().contains("凭据"), "{account:#}");
    tokio::time::sleep(Duration::from_secs(2)).await;
    let asked = scene.bought();
    assert!(asked <= 8, "asked {asked} times for nothing");
    assert_eq!(told(&daemon).await, 1);
    // Put right: all by itself, in the order in which it was due.
    scene.give("canary-of-the-new-one");
    scene.once_each(&daemon, &items, &texts, true).await;
    let account = scene.seen(&daemon).await;
    assert!(account["sign_in"].is_null() && account["ready"] == true, "{account:#}");
}

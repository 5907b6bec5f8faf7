//! The batch goes on, the crash in the middle, two daemons.

use std::fs::DirBuilder;
use std::os::unix::fs::{DirBuilderExt, symlink};
use std::time::Duration;

use juzhen_sandbox::{Fault, ScriptedRefusal};
use juzhen_tests::{Api, Daemon, District, Run, cluster};

use crate::account::{FIRST, Scene, delivery, until_held};

/// Generous: the machine may be busy with other things.
const PATIENCE: Duration = Duration::from_secs(60);
const POINT: &str = "token.refresh.after_platform_before_store=1*abort";

#[tokio::test(flavor = "multi_thread")]
async fn f61_a_token_that_expires_in_a_batch_is_renewed_once_and_the_same_attempt_goes_on() {
    let scene = Scene::new().await;
    let mut daemon = Daemon::start(&scene.district);
    let before = scene.publish(&daemon, "第一条").await;
    daemon.until(&before, &["published"]).await;
    assert_eq!(scene.renewals(), 0);
    // From now on the staff's token is refused.
    scene.flow("secret-1", false, false);
    let mut batch = Vec::new();
    for text in ["第二条", "第三条", "第四条"] {
        batch.push(scene.publish(&daemon, text).await);
    }
    for item in &batch {
        daemon.until(item, &["published"]).await;
        let seen = delivery(&daemon, item).await;
        assert_eq!(seen["attempts"].as_array().unwrap().len(), 1, "{seen:#}");
    }
    assert_eq!(scene.renewals(), 1, "{}", daemon.log());
    let account = daemon.get("/api/v1/accounts/W015").await;
    let [token] = &account["tokens"].as_array().unwrap()[..] else { panic!("{account:#}") };
    assert_eq!((&token["name"], &token["renewals"]), (&"access_token".into(), &1.into()));
    assert!(token["obtained_at"].is_string() && token["expires_at"].is_string(), "{token}");
    // The next start has it: nobody asks the platform again.
    daemon.kill();
    let daemon = Daemon::start(&scene.district);
    let after = scene.publish(&daemon, "第五条").await;
    daemon.until(&after, &["published"]).await;
    assert_eq!(scene.renewals(), 1, "{}", daemon.log());
    scene.assert_once(&["第一条", "第二条", "第三条", "第四条", "第五条"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn f10_killed_with_a_new_token_in_hand_where_it_can_be_fetched_again() {
    let scene = Scene::new().await;
    scene.flow("secret-1", false, false);
    let mut daemon = Daemon::start_with(&scene.district, &Run::failing(POINT));
    let item = scene.publish(&daemon, "停水通知").await;
    assert!(daemon.ended(PATIENCE).is_some(), "{}", daemon.log());
    assert_eq!(scene.renewals(), 1);
    let daemon = Daemon::start(&scene.district);
    daemon.until(&item, &["published"]).await;
    assert_eq!(scene.renewals(), 2, "{}", daemon.log());
    scene.assert_once(&["停水通知"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn f10_killed_with_a_new_token_in_hand_where_it_was_to_be_had_once() {
    let scene = Scene::new().await;
    scene.flow("secret-1", false, true);
    let mut daemon = Daemon::start_with(&scene.district, &Run::failing(POINT));
    let item = scene.publish(&daemon, "停水通知").await;
    assert!(daemon.ended(PATIENCE).is_some(), "{}", daemon.log());
    let daemon = Daemon::start(&scene.district);
    let held = until_held(&daemon, &item).await;
    let next = scene.publish(&daemon, "第二条").await;
    until_held(&daemon, &next).await;
    let asked = scene.renewals();
    assert!(asked <= 4, "asked {asked} times for nothing");
    let notices = daemon.get("/api/v1/notices").await;
    let told =
        notices["notices"].as_array().unwrap().iter().filter(|one| one["kind"] == "auth_needed").count();
    assert_eq!(told, 1, "{notices:#}");
    assert!(
        scene.stage.posts("停水通知").is_empty() && held["attempts"].as_array().unwrap().len() <= 2,
        "{held:#}"
    );
    let account = daemon.get("/api/v1/accounts/W015").await;
    assert_eq!((&account["sign_in"]["auth_needed"], &account["ready"]), (&true.into(), &false.into()));
    assert!(account["sign_in"]["to_do_zh"].as_str().unwrap().contains("重新授权"), "{account:#}");
    assert_eq!(daemon.get("/api/v1/status").await["signed_out_accounts"], serde_json::json!(["W015"]));
    // Somebody signs in: both go on by themselves, in their order.
    scene.flow("secret-2", false, true);
    scene.give(FIRST, "secret-2");
    daemon.until(&item, &["published"]).await;
    daemon.until(&next, &["published"]).await;
    scene.assert_once(&["停水通知", "第二条"]);
    let account = daemon.get("/api/v1/accounts/W015").await;
    assert!(account["sign_in"].is_null() && account["ready"] == true, "{account:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn f39_two_daemons_on_one_database_fetch_one_token() {
    let scene = Scene::new().await;
    let database = cluster().database(None).unwrap();
    let run = |name: &str| run_of(&scene.district, &database, name);
    ["a", "b"].iter().for_each(|name| share_people(&scene.district, &run(name)));
    let (of_a, of_b) = (Api::new(scene.district.data()), Api::new(scene.district.data()));
    let mut a = Daemon::start_as(&of_a, &scene.district, &run("a"));
    let first = scene.publish(&a, "第一条").await;
    a.until(&first, &["published"]).await;
    scene.flow("secret-1", false, false);
    let second = scene.publish(&a, "第二条").await;
    a.until(&second, &["published"]).await;
    assert_eq!(scene.renewals(), 1);
    // The other one has only the staff's token in mind, is refused with it, and finds the new one.
    let b = Daemon::start_as(&of_b, &scene.district, &run("b"));
    a.kill();
    let third = scene.publish(&b, "第三条").await;
    b.until(&third, &["published"]).await;
    assert_eq!(scene.renewals(), 1, "{}", b.log());
    // Both at work, and the token ends: whoever is first renews it, and the other one uses that.
    let _a = Daemon::start_as(&of_a, &scene.district, &run("a"));
    scene.flow("secret-1", false, false);
    let mut batch = Vec::new();
    for number in 0..8 {
        batch.push(scene.publish(&b, &format!("第{number}批")).await);
    }
    for item in &batch {
        b.until(item, &["published"]).await;
    }
    assert_eq!(scene.renewals(), 2, "{}{}", of_a.log(), of_b.log());
    scene.stage.assert_clean();
    assert_eq!(scene.stage.ledger().effects.iter().filter(|one| one.text.contains('第')).count(), 11);
}

/// One daemon of several on a database.
pub(crate) fn run_of(district: &District, database: &str, name: &str) -> Run {
    let data = district.path(&format!("data-of-{name}"));
    let (url, key) = (cluster().url(database), district.path("shared.key").display().to_string());
    let arguments = ["--node", name, "--database", &url, "--master-key", &key];
    let arguments = arguments.iter().map(|argument| (*argument).to_owned()).collect();
    Run { arguments, data: Some(data), ..Run::default() }
}

/// A data folder where people have the tokens that they have everywhere.
pub(crate) fn share_people(district: &District, run: &Run) {
    let tokens = district.data().join("tokens");
    let data = run.data.clone().unwrap();
    for folder in [&tokens, &data] {
        DirBuilder::new().recursive(true).mode(0o700).create(folder).unwrap();
    }
    symlink(tokens, data.join("tokens")).unwrap();
}

/// One failure in the short form; three, after which people are told, in the long one (half a minute of pauses).
#[tokio::test(flavor = "multi_thread")]
async fn f61_a_renewal_that_fails_is_tried_again_with_pauses_and_nothing_is_failed_or_lost() {
    let is_long = std::env::var_os("JUZHEN_LONG").is_some_and(|value| value == "1");
    let failures = if is_long { 3 } else { 1 };
    let scene = Scene::new().await;
    scene.flow("secret-1", false, false);
    let busy = ScriptedRefusal { status: 503, ..ScriptedRefusal::default() };
    scene.stage.fault("POST", "/token", Some(failures), Fault::Status(busy));
    let daemon = Daemon::start(&scene.district);
    let first = scene.publish(&daemon, "第一条").await;
    if is_long {
        until_held(&daemon, &first).await;
    }
    let second = scene.publish(&daemon, "第二条").await;
    for item in [&first, &second] {
        daemon.until(item, &["published"]).await;
    }
    assert_eq!(scene.renewals(), failures + 1, "{}", daemon.log());
    let notices = daemon.get("/api/v1/notices").await;
    let told =
        notices["notices"].as_array().unwrap().iter().filter(|one| one["kind"] == "auth_needed").count();
    assert_eq!(told, usize::from(is_long), "{notices:#}");
    assert_eq!(delivery(&daemon, &second).await["attempts"].as_array().unwrap().len(), 1);
    scene.assert_once(&["第一条", "第二条"]);
}

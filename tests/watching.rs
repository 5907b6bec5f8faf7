//! Posts that this system did not make, and what people are told (P27, F08, F40, F65, F66): the real binary against the
//! stand-in platform, with a short interval between looks.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::time::Duration;

use juzhen_sandbox::{Fault, ListEnd, Rule, ScriptedRefusal};
use juzhen_tests::{Daemon, District, Run, Stage, client, eventually};
use serde_json::{Value, json};

const SOON: Duration = Duration::from_millis(200);
/// Several looks.
const LOOKS: Duration = Duration::from_secs(4);

async fn stage(publish: &str) -> (Stage, District) {
    let stage = Stage::start().await;
    let district = District::new(&stage.mock_url());
    district.write_district(&stage.mock_url(), &format!("\x20 watch_seconds: 1\n{publish}"));
    district.unit("D07", "department", &["W015"]);
    (stage, district)
}

/// A person posts on the platform itself.
async fn by_hand(stage: &Stage, text: &str) -> String {
    let url = format!("{}/v1/accounts/W015/posts", stage.mock_url());
    let answer = client().post(url).bearer_auth("a phone").json(&json!({ "text": text }));
    answer.send().await.unwrap().json::<Value>().await.unwrap()["id"].as_str().unwrap().to_owned()
}

/// The audit rows of strange posts, oldest first: their ids.
async fn alarms(daemon: &Daemon) -> Vec<String> {
    let (_, rows) = daemon.call("off.zr", "GET", "/api/v1/audit?subject=account:W015", None).await;
    let rows =
        rows["audit"].as_array().or(rows["rows"].as_array()).unwrap_or_else(|| panic!("{rows:#}")).clone();
    let of = |row: &Value| row["detail"]["platform_id"].as_str().unwrap().to_owned();
    rows.iter().rev().filter(|row| row["action"] == "account.unknown_post").map(of).collect()
}

/// Waits until the account was looked at for the first time.
async fn stock_is_taken(stage: &Stage) {
    let looked = || stage.ledger().requests.get("GET /mock/v1/accounts/{uid}/posts").map_or(0, |n| n.total);
    // The second look of this account begins only after the first one was kept.
    eventually("the accounts are looked at", || async { looked() >= 4 }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn p27_a_post_made_by_hand_is_told_once_and_our_own_never() {
    let (stage, district) = stage("").await;
    by_hand(&stage, "以前的内容").await;
    let mut daemon = Daemon::start(&district);
    stock_is_taken(&stage).await;
    let id = daemon.publish("d07.xx", "本系统发布的通知", &["W015"], SOON).await;
    daemon.until(&id, &["published"]).await;
    let strange = by_hand(&stage, "低价转让，联系电话见主页").await;
    eventually("the alarm", || async { alarms(&daemon).await == [strange.clone()] }).await;
    eventually("the notice", || async { daemon.log().contains("低价转让") }).await;
    // Neither in further looks, nor after a restart, nor of our own posts.
    tokio::time::sleep(LOOKS).await;
    daemon.kill();
    let daemon = Daemon::start(&district);
    tokio::time::sleep(LOOKS).await;
    assert_eq!(alarms(&daemon).await, [strange]);
    assert!(!daemon.log().contains("Notice: "), "{}", daemon.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn p27_our_own_post_is_never_strange_while_it_is_in_doubt() {
    let (stage, district) = stage("").await;
    let daemon = Daemon::start(&district);
    stock_is_taken(&stage).await;
    // It is out and listed; the daemon does not know it, and cannot find out by its own search for a while.
    stage.fault("POST", "/posts", Some(1), Fault::ResetAfterEffect {});
    stage.handle.fault(Rule::new(Fault::DelayMs { ms: 1500 }).method("GET")).unwrap();
    let id = daemon.publish("d07.xx", "结果不明的通知", &["W015"], SOON).await;
    daemon.until(&id, &["published"]).await;
    tokio::time::sleep(LOOKS).await;
    assert!(alarms(&daemon).await.is_empty(), "{}", daemon.log());
    assert_eq!(stage.posts("结果不明").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn f40_what_a_person_has_posted_already_is_held_and_not_sent_again() {
    let (stage, district) = stage("").await;
    let daemon = Daemon::start(&district);
    stock_is_taken(&stage).await;
    let id = daemon.publish("d07.xx", "明日停水: 请储水!", &["W015"], Duration::from_secs(8)).await;
    by_hand(&stage, "明日停水：请储水！").await;
    daemon.until(&id, &["held"]).await;
    let deliveries = daemon.get(&format!("/api/v1/deliveries?item={id}")).await;
    let reason = deliveries["deliveries"][0]["reason"].to_string();
    assert!(reason.contains("already_on_account"), "{deliveries:#}");
    tokio::time::sleep(Duration::from_secs(8)).await;
    assert_eq!(daemon.states(&id).await["W015"], "held");
    assert_eq!(stage.ledger().effects.len(), 1, "only what the person posted");
    eventually("the notice", || async { daemon.log().contains("人工发布的相同内容") }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f65_a_list_that_cannot_be_read_closes_no_doubt_raises_no_alarm_and_sends_nothing_again() {
    let (stage, district) = stage("").await;
    let daemon = Daemon::start(&district);
    stock_is_taken(&stage).await;
    stage.fault("GET", "/posts", None, Fault::Status(ScriptedRefusal::of(503)));
    stage.fault("POST", "/posts", Some(1), Fault::ResetAfterEffect {});
    let id = daemon.publish("d07.xx", "读不到", &["W015"], SOON).await;
    daemon.until(&id, &["in_doubt"]).await;
    tokio::time::sleep(LOOKS).await;
    assert_eq!(daemon.states(&id).await["W015"], "in_doubt");
    assert_eq!(stage.posts("读不到").len(), 1);
    assert!(alarms(&daemon).await.is_empty());
    // It can be read again: the doubt is closed by what is there.
    stage.handle.clear_faults();
    daemon.until(&id, &["published"]).await;
    assert_eq!(stage.posts("读不到").len(), 1);
}

/// What lies outside the part that an account's list shows is neither gone nor to be sent again.
#[tokio::test(flavor = "multi_thread")]
async fn f66_a_part_of_a_list_closes_no_doubt_and_sends_nothing_again() {
    let (stage, district) = stage("").await;
    let daemon = Daemon::start(&district);
    stock_is_taken(&stage).await;
    let part = Fault::ListPart { most: 0, which: ListEnd::Newest, says_so: true };
    stage.fault("GET", "/posts", None, part);
    stage.fault("POST", "/posts", Some(1), Fault::ResetAfterEffect {});
    let id = daemon.publish("d07.xx", "只看到一部分", &["W015"], SOON).await;
    let reason = || async {
        let deliveries = daemon.get(&format!("/api/v1/deliveries?item={id}")).await;
        deliveries["deliveries"][0]["reason"].to_string().contains("part_seen")
    };
    eventually("a look at a part", reason).await;
    assert_eq!(daemon.states(&id).await["W015"], "in_doubt");
    assert_eq!(stage.posts("只看到一部分").len(), 1);
    // The whole list again: what is there closes it.
    stage.handle.clear_faults();
    daemon.until(&id, &["published"]).await;
    assert_eq!(stage.posts("只看到一部分").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn f08_what_people_are_told_survives_a_crash_on_either_side_of_telling() {
    for point in ["outbox.before_emit", "outbox.after_emit", "record.after_commit"] {
        let (stage, district) = stage("").await;
        stage.fault("POST", "/posts", None, Fault::Status(ScriptedRefusal::of(400)));
        let mut daemon = Daemon::start_with(&district, &Run::failing(&format!("{point}=1*abort")));
        let id = daemon.submit("d07.xx", "平台不收", &["W015"]).await;
        let _ = daemon.approve(&id, SOON).await;
        assert!(
            daemon.ended(Duration::from_secs(20)).is_some(),
            "{point} was never reached: {}",
            daemon.log()
        );
        let told = |log: &str| log.lines().find(|line| line.contains("Notice: ")).map(notice_id);
        let before = told(&daemon.log());
        assert_eq!(before.is_some(), point == "outbox.after_emit", "{point}: {}", daemon.log());
        let daemon = Daemon::start(&district);
        daemon.until(&id, &["refused"]).await;
        eventually("the notice", || async { told(&daemon.log()).is_some() }).await;
        let after = told(&daemon.log());
        assert!(before.is_none_or(|before| Some(before) == after), "{point}: the same id each time");
        tokio::time::sleep(Duration::from_secs(2)).await;
        let times = daemon.log().lines().filter(|line| line.contains("Notice: ")).count();
        assert_eq!(times, 1, "{point}: {}", daemon.log());
        assert!(stage.posts("平台不收").is_empty());
    }
}

/// The id in a line of the log.
fn notice_id(line: &str) -> String {
    let from = line.split("delivery:").nth(1).unwrap_or_else(|| panic!("no id in {line}"));
    from.split(['"', ' ']).next().unwrap().to_owned()
}

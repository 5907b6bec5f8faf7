//! The daemon is killed over what people say to it, and they say it again: it counts once (F01, F02).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use juzhen_tests::{Api, Daemon, Run, item};
use serde_json::{Value, json};

use crate::load::{World, account};
use crate::{Chance, long};

const ITEMS: &str = "/api/v1/items";
/// People who save drafts at the same time.
const WRITERS: usize = 6;

/// Key → the text that was sent under it, and the id if there was an answer.
type Said = Arc<Mutex<BTreeMap<String, (String, Option<String>)>>>;

#[tokio::test(flavor = "multi_thread")]
async fn f01_a_draft_is_saved_whole_or_not_at_all_and_the_same_key_is_safe() {
    let mut chance = Chance::new();
    let (mut saved, mut lost) = (0, 0);
    for _district in 0..if long() { 10 } else { 1 } {
        let world = World::new(1).await;
        let mut daemon = world.start();
        for kill in 0..6 {
            let said = write_until_killed(&world.api, kill, &mut daemon, &mut chance).await;
            daemon = world.start();
            let there = drafts(&world.api).await;
            for (key, (text, id)) in &said {
                let was_there = say_again(&world.api, &there, key, text, id.as_deref()).await;
                saved += u32::from(id.is_none() && was_there);
                lost += u32::from(id.is_none() && !was_there);
            }
            let after = drafts(&world.api).await;
            let texts: BTreeSet<&String> = after.values().collect();
            assert_eq!(texts.len(), after.len(), "a draft is there twice");
        }
        let other = item("另一份", &["T000"]);
        let (status, answer) = world.api.once("d07.xx", ITEMS, other, "0-0-0").await.unwrap();
        assert_eq!(status, 422, "the key of another draft: {answer:#}");
    }
    println!("of the drafts without an answer {saved} were saved and {lost} were not");
    assert!(saved + lost > 0, "no kill hit anything");
}

/// Several people save drafts as fast as they can, and the daemon is killed under them.
async fn write_until_killed(
    api: &Api,
    kill: u32,
    daemon: &mut Daemon,
    chance: &mut Chance,
) -> BTreeMap<String, (String, Option<String>)> {
    let said = Said::default();
    let of = |writer| write(api.clone(), format!("{kill}-{writer}"), Arc::clone(&said));
    let writers: Vec<_> = (0..WRITERS).map(|writer| tokio::spawn(of(writer))).collect();
    tokio::time::sleep(Duration::from_millis(20 + chance.below(200))).await;
    daemon.kill();
    for writer in writers {
        writer.await.unwrap();
    }
    std::mem::take(&mut *said.lock().unwrap())
}

/// What was acknowledged is there, as it was said, and nothing is there twice; the same words with the same key do not change
/// that. Whether it was there before.
async fn say_again(
    api: &Api,
    there: &BTreeMap<String, String>,
    key: &str,
    text: &str,
    acknowledged: Option<&str>,
) -> bool {
    // Whole: half of it would be another text.
    let copies: Vec<&str> = there.iter().filter(|(_, one)| *one == text).map(|(id, _)| id.as_str()).collect();
    assert!(copies.len() <= 1, "{key} is there as {copies:?}");
    assert!(
        acknowledged.is_none_or(|id| copies == [id]),
        "{key} is {acknowledged:?}, and there is {copies:?}"
    );
    let (status, again) = api.once("d07.xx", ITEMS, item(text, &["T000"]), key).await.unwrap();
    assert!(status.is_success(), "{key}: {status} {again:#}");
    assert!(copies.iter().all(|id| again["id"] == **id), "{key} made a second draft: {again:#}");
    !copies.is_empty()
}

/// Saves one draft after another until the daemon dies over one.
async fn write(api: Api, name: String, said: Said) {
    for number in 0.. {
        // As many bytes as an article has; a blank without width counts nothing to the limit of a post.
        let text = format!("草稿{name}-{number}：{}", "\u{200b}".repeat(1_500));
        let key = format!("{name}-{number}");
        said.lock().unwrap().insert(key.clone(), (text.clone(), None));
        let Ok((status, answer)) = api.once("d07.xx", ITEMS, item(&text, &["T000"]), &key).await else {
            return;
        };
        assert!(status.is_success(), "{status} {answer:#}");
        said.lock().unwrap().insert(key, (text, answer["id"].as_str().map(str::to_owned)));
    }
}

/// Every draft there is: id → text.
async fn drafts(api: &Api) -> BTreeMap<String, String> {
    let (mut all, mut before) = (BTreeMap::new(), String::new());
    loop {
        let page = api.get(&format!("/api/v1/items?limit=200{before}")).await;
        for line in page["items"].as_array().unwrap() {
            let id = line["id"].as_str().unwrap();
            let item = api.get(&format!("/api/v1/items/{id}")).await;
            assert_eq!(
                (&item["state"], item["version"].as_i64()),
                (&json!("pending_office"), Some(1)),
                "{item:#}"
            );
            all.insert(id.to_owned(), item["variants"]["weibo"]["text"].as_str().unwrap().to_owned());
        }
        match page["next_before"].as_str() {
            Some(next) => before = format!("&before={next}"),
            None => return all,
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f02_an_approval_whose_answer_was_lost_exists_once_and_is_told_again() {
    let world = World::new(2).await;
    let mut daemon = world.start_with(&Run::failing("approve.after_commit=1*abort"));
    let targets: Vec<String> = (0..2).map(account).collect();
    let id = daemon.submit("d07.xx", "停水通知", &[&targets[0], &targets[1]]).await;
    let (_, seen) = daemon.call("off.hg", "GET", &format!("/api/v1/items/{id}"), None).await;
    let due = jiff::Timestamp::now() + Duration::from_millis(500);
    let decision = json!({"decision": "approve", "hash": seen["hash"], "publish_at": due.to_string()});
    let path = format!("/api/v1/items/{id}/decisions");
    let lost = world.api.once("off.hg", &path, decision.clone(), "approve").await;
    assert!(lost.is_err(), "it was answered: {lost:?}");
    assert!(daemon.ended(Duration::from_secs(30)).is_some(), "{}", world.api.log());
    let _daemon = world.start();
    let states = |item: &Value| item["deliveries"].as_array().unwrap().len();
    let before = world.api.get(&format!("/api/v1/items/{id}")).await;
    let decided = before["decisions"].as_array().unwrap().len();
    assert_eq!((decided, states(&before)), (1, 2), "committed, so it stands: {before:#}");

    let (status, again) = world.api.once("off.hg", &path, decision.clone(), "approve").await.unwrap();
    assert_eq!((status.as_u16(), again["decisions"].as_array().unwrap().len()), (200, 1), "{again:#}");
    let (status, twice) = world.api.once("off.hg", &path, decision.clone(), "approve").await.unwrap();
    assert_eq!((status.as_u16(), &twice["decisions"]), (200, &again["decisions"]), "{twice:#}");
    // Who forgot the key is told that there is nothing to decide any more.
    let (status, refused) = world.api.once("off.hg", &path, decision, "another").await.unwrap();
    assert!(status.is_client_error(), "{status} {refused:#}");

    world.api.until(&id, &["published"]).await;
    let after = world.api.get(&format!("/api/v1/items/{id}")).await;
    assert_eq!((after["decisions"].as_array().unwrap().len(), states(&after)), (1, 2), "{after:#}");
    assert_eq!(world.stage.posts("停水通知").len(), 2);
    world.stage.assert_clean();
}

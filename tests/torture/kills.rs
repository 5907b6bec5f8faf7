//! SIGKILL at random moments under load, which is also what the kernel does when memory is short (F14). What was
//! acknowledged is there afterwards, and nothing is out twice, early, late or out of its order.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use juzhen_sandbox::{AsyncOutcome, Fault, LateAnswer, Rule, SandboxHandle, ScriptedRefusal};
use juzhen_tests::Api;
use serde_json::Value;
use tokio::sync::mpsc;

use crate::load::{Planned, World, account};
use crate::{Chance, long};

const ACCOUNTS: usize = 20;
/// Of each item.
const TARGETS: usize = 5;
/// Between the moment when an item is written and the one when it is due.
const AHEAD: Duration = Duration::from_millis(1_500);
/// Doubts of which nothing is seen take the platform's lag and a minute.
const DOUBTS_CLOSE: Duration = Duration::from_secs(240);

#[tokio::test(flavor = "multi_thread")]
async fn p03_p04_c_f14_killed_at_random_under_load_nothing_acknowledged_is_lost() {
    // No more items than the platform's script has room for.
    let (kills, items) = if long() { (200, 1_400) } else { (10, 80) };
    let mut chance = Chance::new();
    let mut world = World::new(ACCOUNTS).await;
    make_unreliable(&world, items);
    let mut daemon = world.start();
    let told = Arc::new(Mutex::new(Vec::new()));
    let (to_do, items_to_do) = mpsc::unbounded_channel();
    let people =
        tokio::spawn(work(world.api.clone(), world.stage.handle.clone(), items_to_do, Arc::clone(&told)));
    let a_kill = items / kills;
    for kill in 0..kills {
        // Each kill comes into fresh work, however long the one before took.
        (kill * a_kill..(kill + 1) * a_kill).for_each(|number| to_do.send(number).unwrap());
        tokio::time::sleep(Duration::from_millis(150 + chance.below(900))).await;
        let acknowledged: Vec<Planned> = told.lock().unwrap().clone();
        daemon.kill();
        daemon = world.start();
        recovered(&world.api, &acknowledged).await;
    }
    drop(to_do);
    people.await.unwrap();
    world.planned = std::mem::take(&mut *told.lock().unwrap());
    world.settled(DOUBTS_CLOSE).await;
    for some in world.planned.chunks(100) {
        recovered(&world.api, some).await;
    }
    let tally = world.judge().await;
    world.judge_order(|planned| is_put_off(planned.number));
    println!("{kills} kills: {tally:?}, {} requests", world.requests_to_post());
    assert_eq!(tally.values().sum::<usize>(), items * TARGETS);
    assert!(tally["published"] > items * TARGETS * 3 / 4, "{tally:?}");
    assert!(tally.keys().all(|state| state == "published" || state == "needs_person"), "{tally:?}");
    let metrics = world.api.get("/metrics").await;
    let is_zero = |name: &str| metrics.as_str().unwrap().lines().any(|line| line == format!("{name} 0"));
    assert!(is_zero("juzhen_overdue_seconds") && is_zero("juzhen_in_doubt_seconds"), "{metrics}");
}

/// People submit and approve one item after the other, and say it again when the daemon died over it. What was acknowledged
/// is in `told`, the last of them perhaps in part.
async fn work(
    api: Api,
    platform: SandboxHandle,
    mut to_do: mpsc::UnboundedReceiver<usize>,
    told: Arc<Mutex<Vec<Planned>>>,
) {
    while let Some(number) = to_do.recv().await {
        let targets: Vec<String> = (0..TARGETS).map(|n| account((number * 7 + n * 3) % ACCOUNTS)).collect();
        let due = Timestamp::now() + AHEAD;
        let mut planned = Planned::new(number, &text(number), &targets, due, due + Duration::from_secs(900));
        planned.expect(&platform);
        loop {
            let is_done = planned.ask(&api).await;
            if planned.id.is_some() {
                let mut told = told.lock().unwrap();
                told.retain(|one| one.number != number);
                told.push(planned.clone());
            }
            if is_done {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        tokio::time::sleep(Duration::from_millis(60)).await;
    }
}

/// P4: what people were told is there, as they said it. Of the older ones that was seen before, and will be in the end.
async fn recovered(api: &Api, acknowledged: &[Planned]) {
    let deliveries = api.deliveries().await;
    for planned in acknowledged.iter().rev().take(100) {
        let id = planned.id.as_deref().unwrap();
        let item = api.get(&format!("/api/v1/items/{id}")).await;
        assert_eq!(item["variants"]["weibo"]["text"], planned.text, "{item:#}");
        if planned.approved {
            assert_eq!(item["decisions"].as_array().unwrap().len(), 1, "{item:#}");
            let of_item = |d: &&Value| d["item"] == id;
            assert_eq!(
                deliveries.iter().filter(of_item).count(),
                TARGETS,
                "{} lost deliveries",
                planned.text
            );
        }
    }
}

fn text(number: usize) -> String {
    format!("第{number:04}号通知")
}

/// Slow everywhere, and most items meet a fault once.
fn make_unreliable(world: &World, items: usize) {
    let post = |fault| Rule::new(fault).method("POST");
    for number in 0..ACCOUNTS {
        let ms = 20 + 230 * number as u64 / ACCOUNTS as u64;
        world.stage.handle.fault(post(Fault::DelayMs { ms }).account(&account(number))).unwrap();
    }
    for number in 0..items {
        if let Some(fault) = fault(number) {
            world.stage.handle.fault(post(fault).text_contains(&text(number)).times(1)).unwrap();
        }
    }
}

fn fault(number: usize) -> Option<Fault> {
    let asynchronous =
        Fault::AsyncThen { polls: 1, outcome: AsyncOutcome::Published, code: None, message: None };
    Some(match number % 10 {
        0 => Fault::ResetAfterEffect {},
        1 => Fault::StatusAfterEffect(ScriptedRefusal::of(502)),
        2 => Fault::ApplyLateMs { ms: 4_000, answer: LateAnswer::GatewayTimeout },
        3 => Fault::VisibleLateMs { ms: 3_000 },
        4 => Fault::Status(ScriptedRefusal::of(429)),
        5 => Fault::TruncateJson {},
        6 => asynchronous,
        _ => return None,
    })
}

/// Refused at first, or applied late.
fn is_put_off(number: usize) -> bool {
    matches!(number % 10, 2 | 4)
}

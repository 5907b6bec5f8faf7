//! P9: a change of the settings publishes, re-times and forgets nothing. Five hundred random sets, one after another, over
//! deliveries in every state in which one can rest.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use juzhen_domain::delivery::Delivery;
use juzhen_domain::id::DeliveryId;
use juzhen_domain::review::Verdict;
use juzhen_domain::state::DeliveryState;
use juzhen_engine::{Engine, ReloadOutcome};
use juzhen_settings::{Loader, Settings};
use juzhen_store::DeliveryFilter;
use tokio_util::sync::CancellationToken;

use crate::chance::Chance;
use crate::daemon::{self, Serving};
use crate::district::{ACCOUNTS, texts};
use crate::people::People;
use crate::plan::Plan;
use crate::scene::Scene;
use crate::seed;

const PAIRS: usize = 500;

#[test]
fn p09_five_hundred_random_pairs_of_settings_change_no_delivery() {
    seed::on_simulated_time(async {
        let scene = seed::scene(9, &Plan { daemons: Some(1), ..Plan::default() }).unwrap();
        scene.calm_down();
        let engine = running(&scene).await;
        let (before, effects) = (deliveries(&scene).await, scene.platform.effects().len());
        let states: Vec<_> = before.values().map(|delivery| delivery.state).collect();
        assert!(effects > 0, "{states:?}");
        assert!(
            states.contains(&DeliveryState::Due) && states.contains(&DeliveryState::Published),
            "{states:?}"
        );
        let mut applied = 0;
        while applied < PAIRS {
            let Some(settings) = random(&scene.chance) else { continue };
            applied += usize::from(reload(&scene, &engine, Arc::clone(&settings)).await);
            let now = deliveries(&scene).await;
            assert_eq!(now.len(), before.len());
            now.values().for_each(|delivery| compare(&before[&delivery.id], delivery, &settings));
        }
        reload(&scene, &engine, base()).await;
        tokio::time::sleep(Duration::from_secs(4000)).await;
        for delivery in deliveries(&scene).await.into_values() {
            assert_eq!(delivery.state, before[&delivery.id].state, "{delivery:?}");
        }
        assert_eq!(scene.platform.effects().len(), effects);
        assert_eq!(scene.book.open().violations, Vec::<String>::new());
    })
    .unwrap();
}

/// A daemon with deliveries that are out, and others that are due in a year.
async fn running(scene: &Scene) -> Engine {
    let serving = Serving::default();
    let people = People { scene: scene.clone(), serving: Arc::clone(&serving) };
    tokio::task::spawn_local(daemon::run(scene.clone(), 1, serving, CancellationToken::new()));
    let (soon, year) = (Duration::from_secs(10), Duration::from_secs(365 * 24 * 3600));
    for (number, due_in) in (0..12).zip([soon, year].into_iter().cycle()) {
        let item = people.submit(number).await.unwrap();
        people.decide(&item, Verdict::Approve).await;
        let due = scene.time.now() + due_in;
        people.schedule(&item, due, due + Duration::from_secs(1800)).await;
    }
    tokio::time::sleep(Duration::from_secs(4000)).await;
    people.serving.look(|serving| serving.values().next().map(|(engine, _)| engine.clone())).unwrap()
}

/// Whether it was applied; what is large is confirmed.
async fn reload(scene: &Scene, engine: &Engine, settings: Arc<Settings>) -> bool {
    scene.files.show(settings);
    let outcome = match engine.reload().await {
        ReloadOutcome::NeedsConfirmation(proposed) => engine.reload_confirmed(&proposed.revision).await,
        outcome => outcome,
    };
    match outcome {
        ReloadOutcome::Applied { .. } => true,
        ReloadOutcome::Unchanged { .. } => false,
        outcome => panic!("{outcome:?}"),
    }
}

/// Nothing but being held as long as the settings do not have its account, or have it at rest.
fn compare(before: &Delivery, now: &Delivery, settings: &Settings) {
    let times = |d: &Delivery| (d.due_at, d.latest_at, d.tries, d.fence, d.account.clone(), d.item.clone());
    assert_eq!(times(before), times(now));
    assert_eq!(before.receipt, now.receipt);
    let account = settings.accounts.get(&now.account);
    let is_active = account.is_some_and(|a| a.status == juzhen_domain::matrix::AccountStatus::Active);
    let may_be_held = before.state == DeliveryState::Due && !is_active;
    let expected = if may_be_held { DeliveryState::Held } else { before.state };
    assert_eq!(now.state, expected, "{now:?} under {account:?}");
}

async fn deliveries(scene: &Scene) -> BTreeMap<DeliveryId, Delivery> {
    let filter = DeliveryFilter { most: 10_000, ..DeliveryFilter::default() };
    let all = scene.view.deliveries(filter).await.unwrap();
    all.into_iter().map(|delivery| (delivery.id.clone(), delivery)).collect()
}

fn base() -> Arc<Settings> {
    Loader::from_sources(texts(0)).load(None).unwrap()
}

/// `None` when it has a fault: those are for P8.
fn random(chance: &Chance) -> Option<Arc<Settings>> {
    let mut texts = texts(0);
    for (name, text) in &mut texts {
        if name == "district.yaml" {
            *text = text
                .replace("min_gap_seconds: 1", &format!("min_gap_seconds: {}", chance.between(1, 60)))
                .replace("per_delivery: 4", &format!("per_delivery: {}", chance.between(1, 9)))
                .replace("per_account_hour: 60", &format!("per_account_hour: {}", chance.between(1, 99)));
        }
        if name == "routes.yaml" && chance.percent(30) {
            *text = text.replace("[W1]", "[W2]").replace("[M0]", "[W0]");
        }
        for (id, _, _) in ACCOUNTS {
            *text = changed(chance, text, id);
        }
    }
    Loader::from_sources(texts).load(None).ok()
}

/// An account that is gone, at rest, or under another name; mostly the same.
fn changed(chance: &Chance, text: &str, id: &str) -> String {
    let begins = format!("  - {{id: {id},");
    let line = |line: &str| match chance.below(6) {
        _ if !line.starts_with(&begins) => Some(line.to_owned()),
        0 => None,
        1 => Some(line.replace("status: active", "status: suspended")),
        2 => Some(line.replace("name: 账号", &format!("name: 新{} ", chance.below(1000)))),
        _ => Some(line.to_owned()),
    };
    let lines: Vec<String> = text.lines().filter_map(line).collect();
    lines.join("\n") + "\n"
}

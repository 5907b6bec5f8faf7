//! One seed: two days of a district with everything that goes wrong in them, then calm, then the judgement.

use std::sync::Arc;
use std::time::Duration;

use juzhen_store::{Fate, InMemory, StoreError};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::book::Book;
use crate::chance::Chance;
use crate::daemon;
use crate::district::{Memory, VARIANTS};
use crate::fired::{Counts, Fired};
use crate::judge::Judge;
use crate::people::People;
use crate::platform::Platform;
use crate::scene::Scene;
use crate::store::{Broken, OPEN};
use crate::time::Time;
use crate::trace::Trace;

/// How long faults happen.
const STORM: Duration = Duration::from_secs(48 * 3600);
/// After the last fault: the longest that an asynchronous platform is waited for, and half an hour.
const CALM: Duration = Duration::from_secs(95 * 60);

/// What came of a seed.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    pub violations: Vec<String>,
    pub fired: Counts,
    pub simulated: Duration,
    pub sends: u64,
    pub acts: u64,
    /// The same for every run of the seed.
    pub hash: u64,
}

/// Runs a seed on simulated time in this thread.
///
/// # Errors
/// When the runtime or the database in memory cannot be made.
pub fn run(seed: u64, broken: Option<Broken>, shown: bool) -> Result<Outcome, SeedError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build()?;
    // People's tasks stay in this thread, as everything does.
    let people = tokio::task::LocalSet::new();
    let outcome = runtime.block_on(people.run_until(world(seed, broken, shown)));
    drop(people);
    // What is left of daemons that ended waits at its gates for ever.
    runtime.shutdown_background();
    outcome
}

/// Why a seed could not be run.
#[derive(Debug, thiserror::Error)]
pub enum SeedError {
    #[error("could not start a runtime")]
    Runtime(#[from] std::io::Error),
    #[error("could not make a database in memory")]
    Store(#[from] StoreError),
}

async fn world(seed: u64, broken: Option<Broken>, shown: bool) -> Result<Outcome, SeedError> {
    let scene = scene(seed, broken, shown)?;
    let (serving, served) = watch::channel(None);
    let stop = CancellationToken::new();
    tokio::task::spawn_local(daemon::run(scene.clone(), serving, stop.clone()));
    let people = People { scene: scene.clone(), serving: served };
    for number in 0..scene.chance.between(6, 14) {
        let (people, start) = (people.clone(), scene.chance.seconds(1, 40 * 3600));
        tokio::task::spawn_local(async move {
            tokio::time::sleep(start).await;
            people.story(number).await;
        });
    }
    tokio::task::spawn_local(people.clone().look_after());
    let chaos = tokio::task::spawn_local(chaos(people.clone()));
    tokio::time::sleep(STORM).await;
    chaos.abort();
    scene.calm_down();
    scene.files.switch(0);
    if let Some((_, life)) = people.serving.borrow().clone() {
        life.end();
    }
    people.lift().await;
    tokio::time::sleep(CALM).await;
    Judge::of(&scene).finally();
    let audit = scene.view.verify_audit().await?;
    scene.trace.note(|| format!("{audit:?}"));
    let book = scene.book.open();
    Ok(Outcome {
        violations: book.violations.clone(),
        fired: scene.fired.counts(),
        simulated: scene.time.passed(),
        sends: scene.platform.arrivals().len() as u64,
        acts: book.acts,
        hash: scene.trace.hash(),
    })
}

fn scene(seed: u64, broken: Option<Broken>, shown: bool) -> Result<Scene, SeedError> {
    let chance = Chance::new(seed);
    // 2026-12-01T00:00:00Z, and some hours.
    let epoch = jiff::Timestamp::constant(1_796_083_200, 0) + chance.seconds(0, 86_400);
    let (time, fired) = (Time::start(epoch), Fired::default());
    let trace = Trace::new(time, shown);
    let database = InMemory::new()?;
    Ok(Scene {
        time,
        platform: Platform::new(time, chance.fork(), fired.clone(), trace.clone()),
        view: Arc::new(database.store(Arc::new(|_| Fate::Done))),
        database,
        files: Memory::new(),
        book: Book::default(),
        broken,
        calm: Arc::default(),
        chance,
        fired,
        trace,
    })
}

/// What happens to the machine and to the settings, mostly when something is going on.
async fn chaos(people: People) {
    let scene = &people.scene;
    let chance = scene.chance.fork();
    loop {
        let wait = match next_due(scene).await {
            Some(due) if chance.percent(70) => scene.time.until(due) + chance.millis(0, 9_000),
            _ => chance.seconds(60, 3 * 3600),
        };
        tokio::time::sleep(wait.max(Duration::from_secs(1))).await;
        let Some((_, life)) = people.serving.borrow().clone() else { continue };
        match chance.below(10) {
            0..=3 => {
                scene.fired.count("crash.at_a_time");
                life.end();
            }
            4 | 5 => {
                scene.fired.count("stopped");
                life.stop(true);
                let long = chance.percent(20);
                tokio::time::sleep(if long { chance.seconds(600, 3 * 3600) } else { chance.seconds(1, 120) })
                    .await;
                life.stop(false);
            }
            6 | 7 => {
                let variant = usize::try_from(chance.below(VARIANTS as u64)).unwrap_or_default();
                scene.fired.count(&format!("settings.variant_{variant}"));
                scene.files.switch(variant);
            }
            8 => people.stop_a_while(chance.seconds(5, 1800)).await,
            _ => scene.files.switch(0),
        }
    }
}

/// When something open is looked at next.
async fn next_due(scene: &Scene) -> Option<jiff::Timestamp> {
    let filter = juzhen_store::DeliveryFilter { most: 500, ..Default::default() };
    let all = scene.view.deliveries(filter).await.ok()?;
    let now = scene.time.now();
    all.iter().filter(|d| OPEN.contains(&d.state)).map(|d| d.next_at).filter(|at| *at >= now).min()
}

//! One seed: two days of a district with everything that goes wrong in them, then calm, then the judgement.

use std::sync::Arc;
use std::time::Duration;

use juzhen_store::{Fate, InMemory, Store, StoreError};
use tokio_util::sync::CancellationToken;

use crate::book::Book;
use crate::chance::Chance;
use crate::chaos;
use crate::clocks::Clocks;
use crate::daemon::{self, Serving};
use crate::district::Memory;
use crate::fired::{Counts, Fired};
use crate::horizon::Horizon;
use crate::judge::Judge;
use crate::people::People;
use crate::plan::Plan;
use crate::platform::Platform;
use crate::scene::Scene;
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
pub fn run(seed: u64, plan: &Plan) -> Result<Outcome, SeedError> {
    on_simulated_time(world(seed, plan))?
}

/// Runs it in this thread; time passes when everybody waits.
pub(crate) fn on_simulated_time<T>(work: impl Future<Output = T>) -> std::io::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build()?;
    // People's tasks stay in this thread, as everything does.
    let people = tokio::task::LocalSet::new();
    let outcome = runtime.block_on(people.run_until(work));
    drop(people);
    // What is left of daemons that ended waits at its gates for ever.
    runtime.shutdown_background();
    Ok(outcome)
}

/// Why a seed could not be run.
#[derive(Debug, thiserror::Error)]
pub enum SeedError {
    #[error("could not start a runtime, or make a folder for a mark")]
    System(#[from] std::io::Error),
    #[error("could not make a database in memory")]
    Store(#[from] StoreError),
}

async fn world(seed: u64, plan: &Plan) -> Result<Outcome, SeedError> {
    let scene = scene(seed, plan)?;
    tokio::select! {
        biased;
        // Of a broken protocol the first violation is enough.
        () = scene.book.violated(), if plan.broken.is_some() => {}
        () = days(&scene) => Judge::of(&scene).finally(),
    }
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

/// Storm and calm.
async fn days(scene: &Scene) {
    let serving = Serving::default();
    let stop = CancellationToken::new();
    for number in 1..=scene.daemons {
        tokio::task::spawn_local(daemon::run(scene.clone(), number, Arc::clone(&serving), stop.clone()));
    }
    let people = People { scene: scene.clone(), serving };
    for number in 0..scene.chance.between(6, 14) {
        let (people, start) = (people.clone(), scene.chance.seconds(1, 40 * 3600));
        tokio::task::spawn_local(async move {
            tokio::time::sleep(start).await;
            people.story(number).await;
        });
    }
    tokio::task::spawn_local(people.clone().look_after());
    if scene.daemons > 1 {
        tokio::task::spawn_local(chaos::hurries(people.clone(), scene.chance.fork()));
    }
    let chaos = tokio::task::spawn_local(chaos::happens(people.clone()));
    tokio::time::sleep(STORM).await;
    chaos.abort();
    scene.calm_down();
    scene.files.switch(0);
    people.serving.look(|serving| serving.values().for_each(|(_, life)| life.end()));
    people.lift().await;
    tokio::time::sleep(CALM).await;
}

pub(crate) fn scene(seed: u64, plan: &Plan) -> Result<Scene, SeedError> {
    let chance = Chance::new(seed);
    // 2026-12-01T00:00:00Z, and some hours.
    let epoch = jiff::Timestamp::constant(1_796_083_200, 0) + chance.seconds(0, 86_400);
    let (time, fired) = (Time::start(epoch), Fired::default());
    let (trace, book) = (Trace::new(time, plan.shown), Book::default());
    let database = InMemory::on_clock(Arc::new(move || time.now()))?;
    let view: Arc<dyn Store> = Arc::new(database.store(Arc::new(|_| Fate::Done)));
    let drawn = chance.pick(&[1, 1, 1, 1, 1, 1, 2, 2, 2, 3]).copied().unwrap_or(1);
    let daemons = plan.daemons.unwrap_or(drawn);
    let marks = if chance.percent(5) { Some(Arc::new(folder()?)) } else { None };
    Ok(Scene {
        time,
        platform: Platform::new(time, chance.fork(), fired.clone(), trace.clone(), book.clone()),
        horizon: Horizon::of(&database),
        view,
        database,
        files: Memory::new(),
        book,
        plan: Arc::new(plan.clone()),
        daemons,
        alone: daemons == 1 && chance.percent(75),
        clocks: Clocks::new(time),
        marks,
        calm: Arc::default(),
        hurried: Arc::default(),
        chance,
        fired,
        trace,
    })
}

/// In memory where there is such a place: nobody pulls the plug of the machine that simulates.
fn folder() -> std::io::Result<tempfile::TempDir> {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir())
}

//! One daemon of a simulated world: the shipped engine and host on simulated ports, started again after every end.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::FutureExt as _;
use jiff::Timestamp;
use juzhen_domain::state::DeliveryState;
use juzhen_engine::clock::World;
use juzhen_engine::failpoint::{Failpoints, POINTS};
use juzhen_engine::{Engine, EngineOptions};
use juzhen_host::RecordedAnswer;
use juzhen_host::simulated::{Network, NetworkRequest, Simulated};
use juzhen_store::{DeliveryFilter, Fate, Store};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::adapters;
use crate::chance::Chance;
use crate::judge::Judge;
use crate::life::{Doom, Life};
use crate::scene::Scene;
use crate::store::{Guarded, OPEN};

/// Longer than this nobody rests, so that what nobody foresaw is still found.
const LONGEST_REST: Duration = Duration::from_secs(1800);

/// The daemon that serves now, with its life.
pub(crate) type Serving = Option<(Engine, Arc<Life>)>;

/// Lives one life after another until `stop`.
pub(crate) async fn run(scene: Scene, serving: watch::Sender<Serving>, stop: CancellationToken) {
    let mut lives = 0_u32;
    while !stop.is_cancelled() {
        lives += 1;
        let life = Life::new(
            format!("life {lives}"),
            doom(&scene),
            scene.chance.fork(),
            scene.fired.clone(),
            if scene.is_calm() { 0 } else { 10 },
        );
        scene.trace.note(|| format!("{} begins", life.name));
        let one = tokio::task::spawn_local(one_life(
            scene.clone(),
            Arc::clone(&life),
            serving.clone(),
            stop.clone(),
        ));
        let abort = one.abort_handle();
        tokio::select! {
            biased;
            () = life.ended() => { scene.fired.count("crash"); }
            _ = one => {}
        }
        // What is left of it never gets through a port again.
        abort.abort();
        life.end();
        serving.send_replace(None);
        scene.trace.note(|| format!("{} ended", life.name));
        let pause = if scene.chance.percent(80) {
            scene.chance.millis(100, 20_000)
        } else {
            scene.chance.seconds(60, 1200)
        };
        tokio::time::sleep(if scene.is_calm() { Duration::from_millis(200) } else { pause }).await;
    }
}

async fn one_life(scene: Scene, life: Arc<Life>, serving: watch::Sender<Serving>, stop: CancellationToken) {
    let started = Engine::start(options(&scene, &life)).await;
    match started {
        Ok(engine) => {
            serving.send_replace(Some((engine.clone(), Arc::clone(&life))));
            engine.run(stop, Duration::from_secs(5)).await;
        }
        Err(error) => scene.trace.note(|| format!("did not start: {error}")),
    }
}

/// How this life is to end, if it does not end otherwise.
fn doom(scene: &Scene) -> Doom {
    if scene.is_calm() {
        return Doom::default();
    }
    let mut doom = Doom::default();
    match scene.chance.below(10) {
        0..=5 => {
            let point = scene.chance.pick(POINTS).map(|(name, _)| *name);
            let before = u32::try_from(scene.chance.below(3)).unwrap_or_default();
            doom.at_point = point.map(|point| (point, before));
        }
        6 | 7 => doom.at_crossing = Some(scene.chance.between(1, 400)),
        _ => {}
    }
    doom
}

fn options(scene: &Scene, life: &Arc<Life>) -> EngineOptions {
    let (reaching, failing) = (Arc::clone(life), Arc::clone(life));
    let (scene_of_fate, chance) = (scene.clone(), scene.chance.fork());
    let fate = Arc::new(move |_attempted: &'static str| {
        let fate = fate(&scene_of_fate, &chance);
        if matches!(fate, Fate::EndsBefore | Fate::EndsAfter) {
            failing.end();
        }
        fate
    });
    let inner: Arc<dyn Store> = Arc::new(scene.database.store(fate));
    let breaks = if scene.is_calm() { 0 } else { 1 };
    let simulated = Simulated {
        adapters: adapters::all(&scene.chance, &scene.fired, breaks),
        network: Arc::new(Way { scene: scene.clone(), life: Arc::clone(life) }),
    };
    EngineOptions {
        config: "config".into(),
        adapters: "adapters".into(),
        secrets: "secrets".into(),
        store: Arc::new(Guarded { inner, life: Arc::clone(life), broken: scene.broken }),
        world: Arc::new(Machine { scene: scene.clone(), chance: scene.chance.fork() }),
        failpoints: Arc::new(Failpoints::observed(Arc::new(move |point| reaching.reach(point)))),
        files: Arc::clone(&scene.files) as _,
        mark: None,
        tune_host: Arc::new(move |host| {
            host.simulated = Some(simulated.clone());
            // There is no process to look after.
            host.supervision.poll_every = Duration::from_secs(30 * 24 * 3600);
        }),
    }
}

fn fate(scene: &Scene, chance: &Chance) -> Fate {
    if scene.is_calm() {
        return Fate::Done;
    }
    let fate = match chance.below(1500) {
        0 | 1 => Fate::Fails,
        2 | 3 => Fate::AnswerLost,
        4 => Fate::EndsBefore,
        5 => Fate::EndsAfter,
        _ => return Fate::Done,
    };
    scene.fired.count(&format!("commit.{fate:?}"));
    fate
}

/// Its way to the platforms: what has left is on its way, whatever becomes of the daemon.
struct Way {
    scene: Scene,
    life: Arc<Life>,
}

#[async_trait]
impl Network for Way {
    async fn send(&self, request: NetworkRequest) -> RecordedAnswer {
        self.life.pass().await;
        Judge::of(&self.scene).leaves(&request, &self.life);
        let answer = tokio::spawn(self.scene.platform.clone().handle(request)).await;
        self.life.gate().await;
        answer.unwrap_or_default()
    }
}

struct Machine {
    scene: Scene,
    chance: Chance,
}

impl World for Machine {
    fn now(&self) -> Timestamp {
        self.scene.time.now()
    }

    fn random(&self) -> [u8; 10] {
        self.chance.bytes()
    }

    /// Until shortly before the next thing that the database knows of.
    fn rest(&self, next_in: Duration) -> Duration {
        let now = self.now();
        let Some(next) = next_time(self.scene.view.as_ref(), now) else { return LONGEST_REST };
        let left = Duration::try_from(next.duration_since(now)).unwrap_or_default();
        left.saturating_sub(Duration::from_secs(1)).clamp(next_in, LONGEST_REST.max(next_in))
    }
}

/// When something happens next to a delivery by the time alone; never later than it does.
fn next_time(view: &dyn Store, now: Timestamp) -> Option<Timestamp> {
    let of = |state| {
        let filter = DeliveryFilter { state: Some(state), most: 200, ..DeliveryFilter::default() };
        view.deliveries(filter).now_or_never().and_then(Result::ok).unwrap_or_default()
    };
    let open = OPEN.into_iter().flat_map(of).map(|d| d.next_at.max(now));
    let held = of(DeliveryState::Held).into_iter().map(|d| d.latest_at.max(now));
    open.chain(held).min()
}

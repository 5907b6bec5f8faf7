//! One daemon of a simulated world: the shipped engine and host on simulated ports, started again after every end.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use juzhen_engine::clock::World;
use juzhen_engine::failpoint::Failpoints;
use juzhen_engine::{Engine, EngineOptions};
use juzhen_host::RecordedAnswer;
use juzhen_host::simulated::{Changing, Network, NetworkRequest, Simulated};
use juzhen_store::{Fate, Store};
use tokio_util::sync::CancellationToken;

use crate::adapters;
use crate::chance::Chance;
use crate::judge::Judge;
use crate::life::Life;
use crate::scene::Scene;
use crate::store::Guarded;

/// Longer than this nobody rests, so that what nobody foresaw is still found; after the last fault that has to be soon.
const LONGEST_REST: Duration = Duration::from_secs(2 * 3600);
const LONGEST_REST_IN_CALM: Duration = Duration::from_secs(1800);

/// What is late by this much is not hurried after any more.
const OVERDUE: SignedDuration = SignedDuration::from_secs(5);
const PATIENCE: Duration = Duration::from_secs(15);

/// How long a daemon counts as there without a sign of life. The shipped one is shorter: a year of renewals in a run would be
/// most of it. A simulated machine is paused for longer than either.
const LEASE: Duration = Duration::from_secs(3600);
/// For a while it is this: less than a call may take, as in the shipped one.
pub(crate) const SHORT_LEASE: Duration = Duration::from_secs(20);

/// The daemons that serve now, by number, each with its life.
pub(crate) type Serving = Arc<Changing<BTreeMap<u64, (Engine, Arc<Life>)>>>;

/// Lives one life after another until `stop`.
pub(crate) async fn run(scene: Scene, number: u64, serving: Serving, stop: CancellationToken) {
    let machine = Machine { scene: scene.clone(), chance: scene.chance.fork(), number };
    let mut lives = 0_u32;
    while !stop.is_cancelled() {
        lives += 1;
        let life = Life::begin(&scene, number, lives);
        scene.trace.note(|| format!("{} begins", life.name));
        let one = tokio::task::spawn_local(one_life(
            machine.clone(),
            Arc::clone(&life),
            Arc::clone(&serving),
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
        serving.change(|serving| serving.remove(&number));
        scene.trace.note(|| format!("{} ended", life.name));
        let pause = if scene.chance.percent(80) {
            scene.chance.millis(100, 20_000)
        } else {
            scene.chance.seconds(60, 1200)
        };
        tokio::time::sleep(if scene.is_calm() { Duration::from_millis(200) } else { pause }).await;
    }
}

async fn one_life(machine: Machine, life: Arc<Life>, serving: Serving, stop: CancellationToken) {
    let (scene, number) = (machine.scene.clone(), machine.number);
    let started = Engine::start(options(machine, &life)).await;
    match started {
        Ok(engine) => {
            serving.change(|serving| serving.insert(number, (engine.clone(), Arc::clone(&life))));
            engine.run(stop, Duration::from_secs(5)).await;
        }
        Err(error) => scene.trace.note(|| format!("did not start: {error}")),
    }
}

fn options(machine: Machine, life: &Arc<Life>) -> EngineOptions {
    let (scene, number) = (machine.scene.clone(), machine.number);
    let (reaching, failing) = (Arc::clone(life), Arc::clone(life));
    let (scene_of_fate, chance) = (scene.clone(), scene.chance.fork());
    let fate = Arc::new(move |_attempted: &'static str| {
        let fate = fate(&scene_of_fate, &chance);
        if matches!(fate, Fate::EndsBefore | Fate::EndsAfter) {
            failing.end();
        }
        fate
    });
    let inner: Arc<dyn Store> = Arc::new(match scene.alone {
        true => scene.database.store_alone(fate),
        false => scene.database.store_of(&format!("node {number}"), fate),
    });
    let breaks = if scene.is_calm() { 0 } else { 2 };
    let simulated = Simulated {
        adapters: adapters::all(&scene.chance, &scene.fired, breaks),
        network: Arc::new(Way { scene: scene.clone(), life: Arc::clone(life) }),
    };
    EngineOptions {
        config: "config".into(),
        adapters: "adapters".into(),
        secrets: "secrets".into(),
        store: Arc::new(Guarded { inner, life: Arc::clone(life), broken: scene.plan.broken }),
        world: Arc::new(machine),
        lease: if scene.is_hurried() { SHORT_LEASE } else { LEASE },
        failpoints: Arc::new(Failpoints::observed(Arc::new(move |point| reaching.reach(point)))),
        files: Arc::clone(&scene.files) as _,
        mark: scene.mark_of(number),
        master_key: juzhen_engine::MasterKey::Fixed([7; 32]),
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
    let fate = match chance.below(600) {
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
        Judge::of(&self.scene).leaves(&request, &self.life);
        let answer = tokio::spawn(self.scene.platform.clone().handle(request)).await;
        self.life.gate().await;
        answer.unwrap_or_default()
    }
}

/// The machine under a daemon: its clocks and its randomness outlive the daemon's lives.
#[derive(Clone)]
struct Machine {
    scene: Scene,
    chance: Chance,
    number: u64,
}

impl World for Machine {
    fn now(&self) -> Timestamp {
        self.scene.clocks.shown(self.number)
    }

    fn monotonic(&self) -> Duration {
        self.scene.time.passed()
    }

    fn random(&self) -> [u8; 10] {
        self.chance.bytes()
    }

    /// Until shortly before the next thing that this service has to do, as far as the database knows of it.
    fn rest(&self, service: &'static str, next_in: Duration) -> Duration {
        let next = match service {
            "watch" => return self.rest_of_watch().max(next_in),
            // A lease runs out, however little there is to do.
            "node" if !self.scene.alone => return next_in,
            // What it could not do at once is tried again with whatever happens next.
            "reload" => self.scene.horizon.next(),
            "mark" if self.scene.marks.is_some() => self.scene.horizon.next(),
            service => self.scene.horizon.of_service(service),
        };
        let Some(next) = next else { return self.longest_rest() };
        let now = self.now();
        // What should have happened by now waits for something else than the time.
        if now > next + OVERDUE {
            return next_in.max(PATIENCE);
        }
        self.until(next)
            .saturating_sub(Duration::from_secs(1))
            .clamp(next_in, self.longest_rest().max(next_in))
    }
}

impl Machine {
    /// Looks at accounts are for after something happened on them, at any moment of it.
    fn rest_of_watch(&self) -> Duration {
        let until = self.scene.horizon.next().map_or(Duration::MAX, |next| self.until(next));
        until.min(self.longest_rest()) + self.chance.seconds(0, 1800)
    }

    fn longest_rest(&self) -> Duration {
        if self.scene.is_calm() { LONGEST_REST_IN_CALM } else { LONGEST_REST }
    }

    fn until(&self, time: Timestamp) -> Duration {
        Duration::try_from(time.duration_since(self.now())).unwrap_or_default()
    }
}

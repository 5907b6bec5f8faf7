//! This daemon among others on the same database (P18): it joins as a worker, renews its lease, takes up what workers that
//! are gone left behind, and leaves when it ends. `core/store/src/sql/workers.rs` says why that is safe.
//!
//! It claims only while it is a worker, by the answer of the database and by its own monotonic clock, which counts from
//! before the question: so it stops no later than the database lets others take over. While the database is away nothing
//! new is claimed once the lease is over, and nothing new leaves at all, since the ledger is the database.
//!
//! A lease that is over is never renewed: the daemon may have been asleep, and what it knows is old (F17, F37). It joins
//! anew under a new id. What it held under the old one is taken up as by anybody, itself included; what the old one still
//! has to say is evidence (F35).
//!
//! What one daemon should do for all, such as looking into doubts, goes by turns of [`TURN`]. Whoever is alone on the
//! database takes none.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use juzhen_domain::clock::{self as rule, MOST_SKEW, Reading};
use juzhen_store::{Joined, Renewed, Store, StoreError};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::Engine;
use crate::clock::{self, World};
use crate::service::{self, Round, Service};
use crate::share::Share;

/// How long a worker counts as there without a sign of life.
pub const LEASE: Duration = Duration::from_secs(10);
/// How long something is one daemon's to do. Longer than any round that goes by turns.
const TURN: Duration = Duration::from_secs(20);
/// A turn is kept for longer after this; what is left of it is enough for one more round.
const KEEP: Duration = Duration::from_secs(8);
/// Whoever has no turn asks again after this, and not at every wake.
pub(crate) const NOT_OURS: Duration = Duration::from_secs(2);
/// Between two looks of a daemon that has nothing to renew.
const ALONE: Duration = Duration::from_secs(5);

/// What this daemon knows of its place.
pub(crate) struct Node {
    lease: Duration,
    place: Mutex<Place>,
    share: Share,
}

#[derive(Default)]
struct Place {
    member: Option<Member>,
    skew: SignedDuration,
    turns: BTreeMap<&'static str, Turn>,
}

/// What the database last said of a turn.
#[derive(Clone, Copy)]
struct Turn {
    is_ours: bool,
    /// By the monotonic clock: until then it is not asked again.
    until: Duration,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Member {
    worker: String,
    /// By the monotonic clock; `None`: nobody else can be there.
    until: Option<Duration>,
}

/// How this daemon stands among others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    pub joined: bool,
    /// The database's clock against ours at the last sign of life (F34).
    pub skew: SignedDuration,
}

impl Standing {
    /// More than the two clocks should differ by.
    pub fn is_skewed(&self) -> bool {
        self.skew.abs() > MOST_SKEW
    }
}

/// Renews and takes up until `over`, which comes after the last claim of this daemon is settled.
pub(crate) async fn run(engine: Engine, over: CancellationToken) {
    service::run(&engine, Service::NODE, &over, || round(&engine)).await;
}

async fn round(engine: &Engine) -> Round {
    match stay(engine).await {
        Ok(next_in) => Round::next_in(next_in),
        Err(error) => Round::failed(&error),
    }
}

/// For a round of what one daemon does for all. `Err`: what the round comes to when that is another one now, who is asked
/// again after `again_in`.
pub(crate) async fn turn(engine: &Engine, name: &'static str, again_in: Duration) -> Result<(), Round> {
    match engine.has_turn(name).await {
        Ok(true) => Ok(()),
        Ok(false) => Err(Round::next_in(again_in)),
        Err(error) => Err(Round::failed(&error)),
    }
}

/// Stays a worker or becomes one again, and takes up what others left behind.
async fn stay(engine: &Engine) -> Result<Duration, StoreError> {
    let (node, store) = (engine.node(), engine.store());
    if node.is_alone() {
        engine.forget_lifted_stop().await?;
        return Ok(ALONE);
    }
    if !node.renew(store.as_ref(), engine.world()).await? {
        node.join(store.as_ref(), engine.world()).await?;
        warn!("Joined anew: the lease was over, and others may have taken up what this daemon held");
    }
    engine.forget_lifted_stop().await?;
    // Another daemon, or a command beside it, may have been given a secret or another master key.
    engine.vault().look().await?;
    let recovered = store.recover(engine.now()).await?;
    if recovered.due + recovered.resumed + recovered.in_doubt > 0 {
        let (due, resumed, in_doubt) = (recovered.due, recovered.resumed, recovered.in_doubt);
        info!(due, resumed, in_doubt, "Took up what a daemon that is gone left behind");
        engine.wake();
    }
    Ok(node.lease / 3)
}

impl Node {
    pub(crate) fn new(lease: Duration) -> Self {
        Self { lease, place: Mutex::default(), share: Share::default() }
    }

    /// Becomes a worker under a new id. Before anything is recovered or claimed.
    pub(crate) async fn join(&self, store: &dyn Store, world: &Arc<dyn World>) -> Result<(), StoreError> {
        // The lease is over here first; nobody has to wait for the rest of it.
        self.leave(store).await?;
        let worker = clock::new_id(world);
        let before = clock::reading(world.as_ref());
        let joined = store.join(&worker, self.signed_lease()).await?;
        self.heard(&worker, before, world.now(), joined);
        Ok(())
    }

    /// `false` when the lease is over: then only joining anew helps.
    async fn renew(&self, store: &dyn Store, world: &Arc<dyn World>) -> Result<bool, StoreError> {
        let before = clock::reading(world.as_ref());
        let Some(worker) = self.worker(before.monotonic) else { return Ok(false) };
        match store.renew(&worker, self.signed_lease()).await? {
            Renewed::Until(joined, load) => {
                self.heard(&worker, before, world.now(), joined);
                self.share.heard(load, world.monotonic(), self.lease);
            }
            Renewed::Gone => return Ok(false),
        }
        Ok(true)
    }

    /// It is no worker any more: its turns and what it still holds are free at once.
    pub(crate) async fn leave(&self, store: &dyn Store) -> Result<(), StoreError> {
        let (member, turns) = {
            let mut place = self.place();
            (place.member.take(), std::mem::take(&mut place.turns))
        };
        let Some(member) = member else { return Ok(()) };
        for (name, _) in turns.into_iter().filter(|(_, turn)| turn.is_ours) {
            store.give_up_turn(name, &member.worker).await?;
        }
        store.leave(&member.worker).await
    }

    /// The id to claim with, while the lease lasts.
    pub(crate) fn worker(&self, now: Duration) -> Option<String> {
        let place = self.place();
        let member = place.member.as_ref()?;
        member.until.is_none_or(|until| now < until).then(|| member.worker.clone())
    }

    /// Whether this daemon does now what one does for all.
    pub(crate) async fn has_turn(
        &self,
        name: &'static str,
        store: &dyn Store,
        world: &dyn World,
    ) -> Result<bool, StoreError> {
        if self.is_alone() {
            return Ok(true);
        }
        let now = world.monotonic();
        let Some(worker) = self.worker(now) else { return Ok(false) };
        let known = self.place().turns.get(name).copied().filter(|turn| now < turn.until);
        if let Some(turn) = known {
            return Ok(turn.is_ours);
        }
        let lasting = SignedDuration::try_from(TURN).unwrap_or(SignedDuration::MAX);
        let is_ours = store.take_turn(name, &worker, lasting).await?;
        let until = now + if is_ours { KEEP } else { NOT_OURS };
        self.place().turns.insert(name, Turn { is_ours, until });
        Ok(is_ours)
    }

    pub(crate) fn share(&self) -> &Share {
        &self.share
    }

    pub(crate) fn standing(&self, now: Duration) -> Standing {
        let joined = self.worker(now).is_some();
        Standing { joined, skew: self.place().skew }
    }

    fn is_alone(&self) -> bool {
        self.place().member.as_ref().is_some_and(|member| member.until.is_none())
    }

    /// The database's word on the lease, and its time.
    fn heard(&self, worker: &str, before: Reading, after: Timestamp, joined: Joined) {
        let skew = rule::skew(before.wall, joined.at, after);
        // Counted from before the question, so it is over here before it is over there.
        let until = joined.until.map(|_| before.monotonic + self.lease);
        let was = {
            let mut place = self.place();
            place.member = Some(Member { worker: worker.to_owned(), until });
            std::mem::replace(&mut place.skew, skew)
        };
        tell(was, skew);
    }

    fn signed_lease(&self) -> SignedDuration {
        SignedDuration::try_from(self.lease).unwrap_or(SignedDuration::MAX)
    }

    fn place(&self) -> MutexGuard<'_, Place> {
        self.place.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Once, when it begins and when it is over (F34).
fn tell(was: SignedDuration, is: SignedDuration) {
    let seconds = is.as_secs_f64();
    match (was.abs() > MOST_SKEW, is.abs() > MOST_SKEW) {
        (false, true) => warn!(
            seconds,
            "The clock of the database is off this machine's: what is due goes by this one's, leases by the database's; set \
             both by network time"
        ),
        (true, false) => info!(seconds, "The clock of the database agrees with this machine's again"),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};

    use juzhen_store::{Fate, InMemory, Recovered};

    use super::*;

    /// A machine whose clocks run with the database's, and one that is ahead of it.
    struct Hands(Arc<AtomicI64>, SignedDuration);

    impl World for Hands {
        fn now(&self) -> Timestamp {
            at(self.0.load(Ordering::Relaxed)) + self.1
        }

        fn monotonic(&self) -> Duration {
            Duration::from_secs(self.0.load(Ordering::Relaxed).unsigned_abs())
        }

        fn random(&self) -> [u8; 10] {
            static DRAWN: AtomicI64 = AtomicI64::new(0);
            let mut bytes = [0; 10];
            bytes[2..].copy_from_slice(&DRAWN.fetch_add(1, Ordering::Relaxed).to_be_bytes());
            bytes
        }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    struct Scene {
        database: InMemory,
        seconds: Arc<AtomicI64>,
    }

    impl Scene {
        fn new() -> Self {
            let seconds = Arc::new(AtomicI64::new(0));
            let clock = Arc::clone(&seconds);
            let database = InMemory::on_clock(Arc::new(move || at(clock.load(Ordering::Relaxed)))).unwrap();
            Self { database, seconds }
        }

        fn daemon(&self, ahead: i64) -> (Node, Arc<dyn Store>, Arc<dyn World>) {
            let world = Hands(Arc::clone(&self.seconds), SignedDuration::from_secs(ahead));
            (Node::new(LEASE), Arc::new(self.database.store(Arc::new(|_| Fate::Done))), Arc::new(world))
        }

        fn wait(&self, seconds: i64) {
            self.seconds.fetch_add(seconds, Ordering::Relaxed);
        }
    }

    #[tokio::test]
    async fn f37_a_lease_that_is_over_is_not_renewed_and_the_daemon_joins_under_a_new_id() {
        let scene = Scene::new();
        let (node, store, world) = scene.daemon(0);
        assert_eq!(node.worker(world.monotonic()), None, "it has not joined");
        node.join(store.as_ref(), &world).await.unwrap();
        let first = node.worker(world.monotonic()).unwrap();
        scene.wait(9);
        assert!(node.renew(store.as_ref(), &world).await.unwrap());
        scene.wait(10);
        assert_eq!(node.worker(world.monotonic()), None, "it knows without asking");
        assert!(!node.renew(store.as_ref(), &world).await.unwrap());
        node.join(store.as_ref(), &world).await.unwrap();
        assert_ne!(node.worker(world.monotonic()).unwrap(), first);
        assert_eq!(store.renew(&first, SignedDuration::from_secs(10)).await.unwrap(), Renewed::Gone);
    }

    #[tokio::test]
    async fn p18_one_daemon_has_a_turn_until_it_leaves_or_is_gone_for_as_long() {
        let scene = Scene::new();
        let (a, store, world) = scene.daemon(0);
        let (b, _, _) = scene.daemon(0);
        let has = async |node: &Node| node.has_turn("look", store.as_ref(), world.as_ref()).await.unwrap();
        assert!(!has(&a).await, "nobody has one without having joined");
        a.join(store.as_ref(), &world).await.unwrap();
        b.join(store.as_ref(), &world).await.unwrap();
        assert_eq!((has(&a).await, has(&b).await, has(&a).await), (true, false, true));
        a.leave(store.as_ref()).await.unwrap();
        assert!(!has(&b).await, "it does not ask at every wake");
        scene.wait(2);
        assert!(has(&b).await);
        let (c, _, _) = scene.daemon(0);
        scene.wait(20);
        c.join(store.as_ref(), &world).await.unwrap();
        assert!(has(&c).await, "b is gone");
        assert_eq!(store.recover(at(20)).await.unwrap(), Recovered::default());
    }

    #[tokio::test]
    async fn f34_how_far_the_clocks_are_apart_is_measured_and_does_not_move_the_lease() {
        let scene = Scene::new();
        for ahead in [-3600, -3, 0, 3] {
            let (node, store, world) = scene.daemon(ahead);
            node.join(store.as_ref(), &world).await.unwrap();
            let standing = node.standing(world.monotonic());
            assert_eq!(standing, Standing { joined: true, skew: SignedDuration::from_secs(-ahead) });
            assert_eq!(standing.is_skewed(), ahead != 0);
            scene.wait(9);
            assert!(node.renew(store.as_ref(), &world).await.unwrap(), "ahead by {ahead} s");
        }
    }
}

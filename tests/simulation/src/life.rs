//! One life of a daemon: how it is ended, stalled and slowed without a process of its own.
//!
//! Everything a daemon can do to the outside goes through a port (store, network, files), and every port asks
//! [`Life::gate`]. A dead daemon never comes through it again: its tasks may still hold memory, but nothing of what they
//! do is seen by anybody. A stopped one waits there, as under SIGSTOP, and goes on with whatever it knew before.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use juzhen_engine::failpoint::POINTS;
use juzhen_host::simulated::Changing;
use tokio::time::Instant;

use crate::chance::Chance;
use crate::daemon::SHORT_LEASE;
use crate::fired::Fired;
use crate::scene::Scene;

pub(crate) struct Life {
    /// Which of the daemon's lives.
    pub(crate) name: String,
    pub(crate) daemon: u64,
    pub(crate) began: Timestamp,
    dead: AtomicBool,
    ended: Changing<bool>,
    stopped: Changing<bool>,
    /// Ports crossed so far.
    crossed: AtomicU64,
    resumed_at: Mutex<Option<Instant>>,
    doom: Mutex<Doom>,
    chance: Chance,
    fired: Fired,
    /// In percent: how often a port takes a moment.
    slow: u64,
}

/// What ends it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Doom {
    /// The point, and how often it is passed before.
    pub(crate) at_point: Option<(&'static str, u32)>,
    /// The point at which it does not end but stands still, once, and for how long.
    pub(crate) stands_still: Option<(&'static str, Duration)>,
    /// The port crossing at which it ends.
    pub(crate) at_crossing: Option<u64>,
}

impl Doom {
    /// Most lives end somewhere in the code, as long as there are faults.
    fn of(scene: &Scene) -> Self {
        let mut doom = Self::default();
        if scene.is_calm() {
            return doom;
        }
        let chance = &scene.chance;
        if scene.is_hurried() {
            let length = SHORT_LEASE + chance.seconds(5, 35);
            // Before its intent is written its delivery can be another's.
            doom.stands_still = chance.pick(&STANDS[..2]).map(|point| (*point, length));
            return doom;
        }
        match chance.below(10) {
            0..=5 => {
                let asked = &scene.plan.points;
                let all = POINTS.iter().map(|(name, _)| *name);
                let points: Vec<_> = all.filter(|name| asked.is_empty() || asked.contains(name)).collect();
                let before = u32::try_from(chance.below(3)).unwrap_or_default();
                doom.at_point = chance.pick(&points).map(|point| (*point, before));
            }
            6 | 7 => doom.at_crossing = Some(chance.between(1, 150)),
            // Alone it has nobody who takes over meanwhile.
            8 if scene.alone => {}
            8 | 9 => {
                doom.stands_still = chance.pick(&STANDS).map(|point| (*point, stop_length(scene, chance)));
            }
            _ => {}
        }
        doom
    }
}

/// Between a claim and its request: whoever stands still there may go on when the claim is another's.
const STANDS: [&str; 3] = ["claim.after_commit", "plugin.before_call", "send.before_connect"];

/// For how long a daemon is stopped: among several often for longer than its lease (F17, F37).
pub(crate) fn stop_length(scene: &Scene, chance: &Chance) -> Duration {
    let is_long = chance.percent(if scene.daemons > 1 { 60 } else { 20 });
    if is_long { LONG + chance.seconds(0, 9000) } else { chance.seconds(1, 120) }
}
const LONG: Duration = Duration::from_secs(3700);

/// What a daemon's own code unwinds with when it ends in the middle of a step.
pub(crate) struct Ended;

impl Life {
    pub(crate) fn begin(scene: &Scene, daemon: u64, lives: u32) -> Arc<Self> {
        Arc::new(Self {
            name: format!("life {lives} of daemon {daemon}"),
            daemon,
            began: scene.time.now(),
            dead: AtomicBool::new(false),
            ended: Changing::new(false),
            stopped: Changing::new(false),
            crossed: AtomicU64::new(0),
            resumed_at: Mutex::default(),
            doom: Mutex::new(Doom::of(scene)),
            chance: scene.chance.fork(),
            fired: scene.fired.clone(),
            slow: if scene.is_calm() { 0 } else { 10 },
        })
    }

    /// Lets through who lives and is not stopped, now and then after a moment.
    pub(crate) async fn gate(&self) {
        let crossed = self.crossed.fetch_add(1, Ordering::SeqCst);
        self.fired.count("ports");
        let doomed = self.doom.lock().unwrap_or_else(PoisonError::into_inner).at_crossing;
        if doomed.is_some_and(|at| crossed >= at) && !self.is_dead() {
            self.fired.count("crash.anywhere");
            self.end();
        }
        if self.slow > 0 && self.chance.percent(self.slow) {
            tokio::time::sleep(self.chance.millis(1, 30)).await;
        }
        self.pass().await;
    }

    /// The same without chance.
    pub(crate) async fn pass(&self) {
        self.stopped.when(|stopped| (!stopped || self.is_dead()).then_some(())).await;
        if self.is_dead() {
            std::future::pending::<()>().await;
        }
    }

    /// A named point of the code is reached; ends the life there if that is its doom.
    pub(crate) fn reach(self: &Arc<Self>, point: &'static str) {
        if self.is_dead() {
            std::panic::resume_unwind(Box::new(Ended));
        }
        let mut doom = self.doom.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, length)) = doom.stands_still.take_if(|(still, _)| *still == point) {
            self.fired.count(&format!("stopped_at.{point}"));
            self.stop_for(length);
        }
        let Some((doomed, left)) = &mut doom.at_point else { return };
        if *doomed != point {
            return;
        }
        if *left > 0 {
            *left -= 1;
            return;
        }
        drop(doom);
        self.fired.count(&format!("point.{point}"));
        self.end();
        // Not a panic: nobody is told, as nobody is when a process is killed.
        std::panic::resume_unwind(Box::new(Ended));
    }

    /// Ends it at once.
    pub(crate) fn end(&self) {
        self.dead.store(true, Ordering::SeqCst);
        self.ended.change(|ended| *ended = true);
        self.stopped.change(|stopped| *stopped = false);
    }

    pub(crate) fn is_dead(&self) -> bool {
        self.dead.load(Ordering::SeqCst)
    }

    /// Whether it was stopped and goes on since this short while.
    pub(crate) fn resumed_within(&self, short: SignedDuration) -> bool {
        let resumed_at = *self.resumed_at.lock().unwrap_or_else(PoisonError::into_inner);
        let short = Duration::try_from(short).unwrap_or_default();
        resumed_at.is_some_and(|at| at.elapsed() <= short)
    }

    /// SIGSTOP, and SIGCONT after so long.
    pub(crate) fn stop_for(self: &Arc<Self>, length: Duration) {
        self.fired.count(if length >= LONG { "stopped.past_the_lease" } else { "stopped" });
        self.stop(true);
        let life = Arc::clone(self);
        tokio::spawn(async move {
            tokio::time::sleep(length).await;
            life.stop(false);
        });
    }

    fn stop(&self, stopped: bool) {
        if !stopped {
            *self.resumed_at.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        }
        self.stopped.change(|now| *now = stopped);
    }

    pub(crate) async fn ended(&self) {
        self.ended.when(|ended| ended.then_some(())).await;
    }
}

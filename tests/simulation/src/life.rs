//! One life of a daemon: how it is ended, stalled and slowed without a process of its own.
//!
//! Everything a daemon can do to the outside goes through a port (store, network, files), and every port asks
//! [`Life::gate`]. A dead daemon never comes through it again: its tasks may still hold memory, but nothing of what they
//! do is seen by anybody. A stopped one waits there, as under SIGSTOP, and goes on with whatever it knew before.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::SignedDuration;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::chance::Chance;
use crate::fired::Fired;

pub(crate) struct Life {
    /// Which daemon, and which of its lives.
    pub(crate) name: String,
    dead: AtomicBool,
    ended: watch::Sender<bool>,
    stopped: watch::Sender<bool>,
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
    /// The port crossing at which it ends.
    pub(crate) at_crossing: Option<u64>,
}

/// What a daemon's own code unwinds with when it ends in the middle of a step.
pub(crate) struct Ended;

impl Life {
    pub(crate) fn new(name: String, doom: Doom, chance: Chance, fired: Fired, slow: u64) -> Arc<Self> {
        Arc::new(Self {
            name,
            dead: AtomicBool::new(false),
            ended: watch::Sender::new(false),
            stopped: watch::Sender::new(false),
            crossed: AtomicU64::new(0),
            resumed_at: Mutex::default(),
            doom: Mutex::new(doom),
            chance,
            fired,
            slow,
        })
    }

    /// Lets through who lives and is not stopped, now and then after a moment.
    pub(crate) async fn gate(&self) {
        let crossed = self.crossed.fetch_add(1, Ordering::SeqCst);
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
        let mut stopped = self.stopped.subscribe();
        while *stopped.borrow_and_update() && !self.is_dead() {
            if stopped.changed().await.is_err() {
                break;
            }
        }
        if self.is_dead() {
            std::future::pending::<()>().await;
        }
    }

    /// A named point of the code is reached; ends the life there if that is its doom.
    pub(crate) fn reach(&self, point: &'static str) {
        if self.is_dead() {
            std::panic::resume_unwind(Box::new(Ended));
        }
        let mut doom = self.doom.lock().unwrap_or_else(PoisonError::into_inner);
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
        self.ended.send_replace(true);
        self.stopped.send_replace(false);
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

    /// SIGSTOP and SIGCONT.
    pub(crate) fn stop(&self, stopped: bool) {
        if !stopped {
            *self.resumed_at.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        }
        self.stopped.send_replace(stopped);
    }

    pub(crate) async fn ended(&self) {
        let mut ended = self.ended.subscribe();
        // The sender lives as long as this.
        let _closed = ended.wait_for(|ended| *ended).await;
    }
}

//! The wall clocks of the machines: right until somebody sets them wrong (F41 to F43).

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};

use crate::time::Time;

/// Cheap to clone.
#[derive(Clone)]
pub(crate) struct Clocks {
    time: Time,
    /// The last one, by the number of the daemon.
    steps: Arc<Mutex<BTreeMap<u64, Step>>>,
    was_wrong: Arc<AtomicBool>,
}

/// How a clock was set last.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Step {
    /// Ahead of the true time by this much.
    pub(crate) by: SignedDuration,
    /// And before that by this much; by the most of it when it had been set several times within a minute.
    pub(crate) before: SignedDuration,
    pub(crate) at: Timestamp,
    /// It has shown this since then: no later than `at`, and before it when it was only away for less than a minute, which
    /// nobody need have seen.
    pub(crate) held_since: Timestamp,
    /// What it showed until then, and since when.
    was: (SignedDuration, Timestamp),
}

impl Clocks {
    pub(crate) fn new(time: Time) -> Self {
        Self { time, steps: Arc::default(), was_wrong: Arc::default() }
    }

    /// What the clock of this daemon's machine shows.
    pub(crate) fn shown(&self, daemon: u64) -> Timestamp {
        let by = self.last_step(daemon).map_or(SignedDuration::ZERO, |step| step.by);
        let now = self.time.now();
        now.checked_add(by).unwrap_or(now)
    }

    /// What it showed before it was set, for whoever read it last then.
    pub(crate) fn shown_before(&self, daemon: u64) -> Timestamp {
        let by = self.last_step(daemon).map_or(SignedDuration::ZERO, |step| step.before);
        let now = self.time.now();
        now.checked_add(by).unwrap_or(now)
    }

    pub(crate) fn last_step(&self, daemon: u64) -> Option<Step> {
        self.steps().get(&daemon).copied()
    }

    /// Sets it to this much ahead of the true time.
    pub(crate) fn set(&self, daemon: u64, by: SignedDuration) {
        self.was_wrong.store(true, Ordering::Relaxed);
        let at = self.time.now();
        let mut steps = self.steps();
        let last = steps.get(&daemon).copied();
        let (was, earlier) = last.map_or((SignedDuration::ZERO, SignedDuration::ZERO), |s| (s.by, s.before));
        if by == was {
            return;
        }
        let is_soon = last.is_some_and(|step| at.duration_since(step.at) < SignedDuration::from_mins(1));
        let before = if is_soon { was.max(earlier) } else { was };
        let back_to = last.filter(|step| is_soon && step.was.0 == by);
        let held_since = back_to.map_or(at, |step| step.was.1);
        let was = (was, last.map_or(Timestamp::MIN, |step| step.held_since));
        steps.insert(daemon, Step { by, before, at, held_since, was });
    }

    /// Whether one ever was.
    pub(crate) fn were_wrong(&self) -> bool {
        self.was_wrong.load(Ordering::Relaxed)
    }

    /// All of them right.
    pub(crate) fn set_right(&self) {
        let at = self.time.now();
        let wrong = |step: &&mut Step| !step.by.is_zero();
        self.steps().values_mut().filter(wrong).for_each(|step| {
            let was = (step.by, step.held_since);
            *step = Step { by: SignedDuration::ZERO, before: step.by, at, held_since: at, was };
        });
    }

    fn steps(&self) -> MutexGuard<'_, BTreeMap<u64, Step>> {
        self.steps.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

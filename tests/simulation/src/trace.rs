//! What happened, in order: a hash that two runs of a seed must share, and lines for who wants to read them.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError};

use crate::time::Time;

/// The trace of one seed.
#[derive(Clone)]
pub(crate) struct Trace {
    time: Time,
    hasher: Arc<Mutex<DefaultHasher>>,
    shown: bool,
}

impl Trace {
    pub(crate) fn new(time: Time, shown: bool) -> Self {
        Self { time, hasher: Arc::default(), shown }
    }

    pub(crate) fn note(&self, line: impl FnOnce() -> String) {
        let line = line();
        let passed = self.time.passed();
        (passed, &line).hash(&mut *self.hasher.lock().unwrap_or_else(PoisonError::into_inner));
        if self.shown {
            let seconds = passed.as_secs();
            let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
            tracing::info!("{hours:3}:{minutes:02}:{:02}.{:03} {line}", seconds % 60, passed.subsec_millis());
        }
    }

    pub(crate) fn hash(&self) -> u64 {
        self.hasher.lock().unwrap_or_else(PoisonError::into_inner).finish()
    }
}

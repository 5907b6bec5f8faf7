//! Counts what happened: every fault, point and behaviour by name. One that never happens in a whole run fails the run.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Name → how often.
pub type Counts = BTreeMap<String, u64>;

/// The counters of one seed.
#[derive(Clone, Default)]
pub(crate) struct Fired(Arc<Mutex<Counts>>);

impl Fired {
    pub(crate) fn count(&self, what: &str) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match counts.get_mut(what) {
            Some(count) => *count += 1,
            None => {
                counts.insert(what.to_owned(), 1);
            }
        }
    }

    pub(crate) fn counts(&self) -> Counts {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

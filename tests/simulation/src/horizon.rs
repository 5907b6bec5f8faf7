//! When something happens next by the time alone, so that nobody who rests has to look again and again.

use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use juzhen_store::{InMemory, Times};

/// Read from the database once after each change. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Horizon {
    database: InMemory,
    known: Arc<Mutex<Option<Known>>>,
}

/// What was read when the database had changed so many times.
struct Known {
    changes: u64,
    times: Times,
}

impl Horizon {
    pub(crate) fn of(database: &InMemory) -> Self {
        Self { database: database.clone(), known: Arc::default() }
    }

    /// The next thing that happens to a delivery. Never later than it happens; what is past has happened, or happens now.
    pub(crate) fn next(&self) -> Option<Timestamp> {
        let Times { due, under_way, waiting, late, in_doubt, accepted, .. } = self.times();
        [due, under_way, waiting, late, in_doubt, accepted].into_iter().flatten().min()
    }

    /// The next thing that is for this service to do.
    pub(crate) fn of_service(&self, service: &str) -> Option<Timestamp> {
        let times = self.times();
        match service {
            "claim" => times.due,
            "sweep" => times.waiting.into_iter().chain(times.late).min(),
            "reconcile" => times.in_doubt,
            "track" => times.accepted,
            "recheck" => times.recheck,
            "outbox" => times.notice,
            "sign_in" => times.sign_in,
            // Woken when there is something, or by a time of its own.
            _ => None,
        }
    }

    fn times(&self) -> Times {
        let changes = self.database.changes();
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = known.as_ref().filter(|known| known.changes == changes) {
            return known.times;
        }
        let times = self.database.times().unwrap_or_default();
        *known = Some(Known { changes, times });
        times
    }
}

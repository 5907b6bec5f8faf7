//! When something happens next by the time alone, so that nobody who rests has to look again and again.

use std::sync::{Arc, Mutex, PoisonError};

use futures_util::FutureExt as _;
use jiff::Timestamp;
use juzhen_domain::state::DeliveryState;
use juzhen_store::{DeliveryFilter, InMemory, Store};

use crate::store::OPEN;

/// More deliveries than a world has.
const ALL: u32 = 10_000;

/// Read from the database once after each change. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Horizon {
    database: InMemory,
    view: Arc<dyn Store>,
    known: Arc<Mutex<Option<Known>>>,
}

/// What was read when the database had changed so many times.
struct Known {
    changes: u64,
    next: Option<Timestamp>,
}

impl Horizon {
    pub(crate) fn of(database: &InMemory, view: &Arc<dyn Store>) -> Self {
        Self { database: database.clone(), view: Arc::clone(view), known: Arc::default() }
    }

    /// Never later than it happens; what is past has happened, or happens now.
    pub(crate) fn next(&self) -> Option<Timestamp> {
        let changes = self.database.changes();
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = known.as_ref().filter(|known| known.changes == changes) {
            return known.next;
        }
        let next = read(self.view.as_ref());
        *known = Some(Known { changes, next });
        next
    }
}

fn read(view: &dyn Store) -> Option<Timestamp> {
    let filter = DeliveryFilter { most: ALL, ..DeliveryFilter::default() };
    let all = view.deliveries(filter).now_or_never().and_then(Result::ok).unwrap_or_default();
    let times = all.iter().filter_map(|delivery| match delivery.state {
        DeliveryState::Held => Some(delivery.latest_at),
        state if OPEN.contains(&state) => Some(delivery.next_at),
        _ => None,
    });
    times.min()
}

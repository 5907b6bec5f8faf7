//! Time, ids and randomness come from here and nowhere else, so that a simulation can own them.

use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use juzhen_domain::clock::{ClockGuard, Doubt, Reading};
use uuid::Builder;

/// The time and the randomness of one daemon.
pub trait World: Send + Sync + 'static {
    fn now(&self) -> Timestamp;
    fn random(&self) -> [u8; 10];

    /// The clock that nobody sets, since any fixed moment. In a world whose wall clock is never set they are one.
    fn monotonic(&self) -> Duration {
        Duration::from_millis(u64::try_from(self.now().as_millisecond()).unwrap_or(0))
    }

    /// How long the service of this name rests before it looks again, when `next_in` is what it asks for. A simulated world
    /// knows when the next thing happens for each, and makes them sleep through the night.
    fn rest(&self, service: &'static str, next_in: Duration) -> Duration {
        let _ = service;
        next_in
    }
}

/// The machine's own.
#[derive(Debug, Clone, Copy, Default)]
pub struct Machine;

impl World for Machine {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    /// Stands still while the machine sleeps, as Linux's `CLOCK_MONOTONIC` does.
    fn monotonic(&self) -> Duration {
        static FIRST: LazyLock<Instant> = LazyLock::new(Instant::now);
        FIRST.elapsed()
    }

    fn random(&self) -> [u8; 10] {
        let mut bytes = [0; 10];
        // Without randomness two ids of one millisecond could be equal; the unique keys of the store would refuse the
        // second one. So a failure here is safe, and too rare for an error type at every caller.
        if let Err(error) = getrandom::fill(&mut bytes) {
            tracing::error!(%error, "the operating system gave no randomness");
        }
        bytes
    }
}

/// Both clocks now.
pub(crate) fn reading(world: &dyn World) -> Reading {
    Reading { wall: world.now(), monotonic: world.monotonic() }
}

/// The daemon's one guard of the wall clock (P14): every look of every service goes through it.
pub(crate) struct Guard(Mutex<(ClockGuard, Option<Doubt>)>);

impl Guard {
    /// `newest` is the newest time that the database remembers.
    pub(crate) fn new(world: &dyn World, newest: Option<Timestamp>) -> Self {
        Self(Mutex::new((ClockGuard::start(reading(world), newest), None)))
    }

    /// From now on the clock is believed although the database has seen later times.
    pub(crate) fn trust(&self, world: &dyn World) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.0 = ClockGuard::start(reading(world), None);
    }

    /// Why nothing may be decided by the time now; what changed is logged once.
    pub(crate) fn look(&self, world: &dyn World) -> Option<Doubt> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Read under the lock: two looks must not come in another order than their readings.
        let doubt = state.0.look(reading(world));
        let is_new = doubt.map(|d| std::mem::discriminant(&d)) != state.1.map(|d| std::mem::discriminant(&d));
        match &doubt {
            Some(doubt) if is_new => {
                tracing::error!(clock = %doubt, "Nothing is claimed or begun: the clock is not believed");
            }
            None if is_new => tracing::warn!("The clock is believed again"),
            _ => {}
        }
        state.1 = doubt;
        doubt
    }

    pub(crate) fn jumps(&self) -> u32 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).0.jumps()
    }
}

/// Ids ordered by time: UUID version 7, as text.
pub fn new_id(world: &Arc<dyn World>) -> String {
    let millis = u64::try_from(world.now().as_millisecond()).unwrap_or(0);
    Builder::from_unix_timestamp_millis(millis, &world.random()).into_uuid().to_string()
}

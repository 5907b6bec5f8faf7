//! Time, ids and randomness come from here and nowhere else, so that a simulation can own them.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use uuid::Builder;

/// The time and the randomness of one daemon.
pub trait World: Send + Sync + 'static {
    fn now(&self) -> Timestamp;
    fn random(&self) -> [u8; 10];

    /// How long a service with nothing to do rests before it looks again, when `next_in` is what it asks for. A simulated
    /// world knows when the next thing happens, and makes the services sleep through the night.
    fn rest(&self, next_in: Duration) -> Duration {
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

/// Ids ordered by time: UUID version 7, as text.
pub fn new_id(world: &Arc<dyn World>) -> String {
    let millis = u64::try_from(world.now().as_millisecond()).unwrap_or(0);
    Builder::from_unix_timestamp_millis(millis, &world.random()).into_uuid().to_string()
}

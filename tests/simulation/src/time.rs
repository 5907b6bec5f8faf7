//! Simulated time: one true time for the world, which every clock shows.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

/// The true time. It moves only when everybody waits.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Time {
    epoch: Timestamp,
    started: Instant,
}

impl Time {
    /// Inside the runtime that simulates.
    pub(crate) fn start(epoch: Timestamp) -> Self {
        Self { epoch, started: Instant::now() }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.epoch + self.passed()
    }

    /// Since the start.
    pub(crate) fn passed(&self) -> Duration {
        self.started.elapsed()
    }

    pub(crate) fn until(&self, time: Timestamp) -> Duration {
        Duration::try_from(time.duration_since(self.now())).unwrap_or_default()
    }
}

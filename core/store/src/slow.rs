//! Time that passes while a database is slow (F33): what the caller read of its clock before it asked is old by then, and
//! nothing may be claimed or leave by an old time.

use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};

use crate::database::Database;

/// Less than that is how long a database takes; the caller's time is kept as it is.
const SLOW: Duration = Duration::from_secs(2);

/// When something was asked, by the caller's clock and by a monotonic one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked {
    at: Timestamp,
    since: Instant,
    waited: fn(Instant) -> Duration,
}

impl Asked {
    pub(crate) fn of<D: Database>(at: Timestamp) -> Self {
        Self { at, since: Instant::now(), waited: D::waited }
    }

    /// How long the answer is not there yet.
    pub(crate) fn waited(&self) -> Duration {
        (self.waited)(self.since)
    }

    /// What the caller's clock says now.
    pub(crate) fn now(&self) -> Timestamp {
        let waited = self.waited();
        if waited < SLOW {
            return self.at;
        }
        let waited = SignedDuration::try_from(waited).unwrap_or(SignedDuration::MAX);
        self.at.checked_add(waited).unwrap_or(Timestamp::MAX)
    }

    /// Whether it took long since an earlier look at [`Asked::waited`].
    pub(crate) fn is_slow_since(&self, earlier: Duration) -> bool {
        self.waited().saturating_sub(earlier) >= SLOW
    }
}

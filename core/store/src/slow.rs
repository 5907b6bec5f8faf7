//! Time that passes while a database is slow (F33): what the caller read of its clock before it asked is old by then, and
//! nothing may be claimed or leave by an old time.

use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};

/// Less than that is how long a database takes; the caller's time is kept as it is.
pub(crate) const SLOW: Duration = Duration::from_secs(2);

/// When something was asked, by the caller's clock and by a monotonic one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked {
    at: Timestamp,
    since: Instant,
    slow: Duration,
}

impl Asked {
    /// `slow`: what takes so long has kept its caller waiting.
    pub(crate) fn of(at: Timestamp, slow: Duration) -> Self {
        Self { at, since: Instant::now(), slow }
    }

    /// How long the answer is not there yet.
    pub(crate) fn waited(&self) -> Duration {
        self.since.elapsed()
    }

    /// What the caller's clock says now.
    pub(crate) fn now(&self) -> Timestamp {
        let waited = self.waited();
        if waited < self.slow {
            return self.at;
        }
        let waited = SignedDuration::try_from(waited).unwrap_or(SignedDuration::MAX);
        self.at.checked_add(waited).unwrap_or(Timestamp::MAX)
    }

    /// Whether it took long since an earlier look at [`Asked::waited`].
    pub(crate) fn is_slow_since(&self, earlier: Duration) -> bool {
        self.waited().saturating_sub(earlier) >= self.slow
    }
}

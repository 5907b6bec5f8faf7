//! One operation, driven to its end or cancelled.

use core::time::Duration;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use juzhen_abi as abi;
use juzhen_abi::message::{AdapterError, Panicked};
use juzhen_abi::pack;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::buffer::{empty, take};
use super::waker::Signal;
use crate::Outcome;
use crate::script::Script;

/// How patiently an operation is driven, and what was seen of its polls.
#[derive(Debug, Clone)]
pub(crate) struct Drive {
    /// How long nothing may happen before it counts as stuck; generous, because machines are busy.
    pub(crate) stuck: Duration,
    /// How long it may still have something to do while one of its requests is never answered.
    pub(crate) settle: Duration,
    /// More polls than this, and it counts as stuck.
    pub(crate) most_polls: usize,
    pub(crate) polls: usize,
    /// The longest time in which one poll did not come back.
    pub(crate) longest: Duration,
    /// Since when it is being polled, for whoever watches from another thread.
    pub(crate) polled_since: Arc<Mutex<Option<Instant>>>,
}

impl Default for Drive {
    fn default() -> Self {
        Self {
            stuck: Duration::from_secs(20),
            settle: Duration::from_millis(300),
            most_polls: usize::MAX,
            polls: 0,
            longest: Duration::ZERO,
            polled_since: Arc::default(),
        }
    }
}

impl Drive {
    /// Notes how long `poll` takes, and lets others see that it runs.
    fn timed<T>(&mut self, poll: impl FnOnce() -> T) -> T {
        let since = |at| *self.polled_since.lock().unwrap_or_else(PoisonError::into_inner) = at;
        let begun = Instant::now();
        since(Some(begun));
        let polled = poll();
        since(None);
        self.polls = self.polls.saturating_add(1);
        self.longest = self.longest.max(begun.elapsed());
        polled
    }
}

/// Polls until it is ready. Dropped in any case, which cancels what was not.
///
/// # Safety
/// `future` came from an instance that is still alive, and is not used elsewhere.
pub(super) unsafe fn drive(future: *mut abi::Future, script: &Script, how: &mut Drive) -> Outcome {
    if future.is_null() {
        return Outcome::Broken("no future".to_owned());
    }
    let signal = Signal::new();
    let outcome = loop {
        let mut out = empty();
        // SAFETY: live, polled by this thread only, and not again once it was ready.
        let status = how.timed(|| unsafe { ((*(*future).vt).poll)(future, signal.lend(), &raw mut out) });
        if status != abi::PENDING {
            // SAFETY: a future that is ready has filled its buffer.
            break outcome(status, &unsafe { take(&out) });
        }
        let cancels = script.unanswered() > 0;
        if how.polls > how.most_polls {
            break Outcome::Stuck;
        }
        if !signal.wait(if cancels { how.settle } else { how.stuck }) {
            break if cancels { Outcome::Cancelled } else { Outcome::Stuck };
        }
    };
    // SAFETY: live until here, dropped once.
    unsafe { ((*(*future).vt).drop)(future) };
    outcome
}

/// What a status and its message mean.
pub(super) fn outcome(status: i32, answer: &[u8]) -> Outcome {
    match status {
        abi::OK => read::<Value>(answer).map_or_else(Outcome::Broken, Outcome::Answer),
        abi::ERR => read::<AdapterError>(answer).map_or_else(Outcome::Broken, Outcome::Error),
        abi::PANIC => read::<Panicked>(answer).map_or_else(Outcome::Broken, Outcome::Panic),
        other => Outcome::Broken(format!("status {other}")),
    }
}

fn read<T: DeserializeOwned>(answer: &[u8]) -> Result<T, String> {
    pack::unpack(answer).map(|(head, _)| head).map_err(|e| e.to_string())
}

//! One operation, driven to its end or cancelled.

use core::time::Duration;

use juzhen_abi as abi;
use juzhen_abi::message::{AdapterError, Panicked};
use juzhen_abi::pack;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::buffer::{empty, take};
use super::waker::Signal;
use crate::Outcome;
use crate::script::Script;

/// How long nothing may happen before an operation counts as stuck; generous, because machines are busy.
const STUCK: Duration = Duration::from_secs(20);
/// How long an operation may still have something to do while one of its requests is never answered.
const SETTLE: Duration = Duration::from_millis(300);

/// Polls until it is ready. Dropped in any case, which cancels what was not.
///
/// # Safety
/// `future` came from an instance that is still alive, and is not used elsewhere.
pub(super) unsafe fn drive(future: *mut abi::Future, script: &Script) -> Outcome {
    if future.is_null() {
        return Outcome::Broken("no future".to_owned());
    }
    let signal = Signal::new();
    let outcome = loop {
        let mut out = empty();
        // SAFETY: live, polled by this thread only, and not again once it was ready.
        let status = unsafe { ((*(*future).vt).poll)(future, signal.lend(), &raw mut out) };
        if status != abi::PENDING {
            // SAFETY: a future that is ready has filled its buffer.
            break outcome(status, &unsafe { take(&out) });
        }
        let cancels = script.unanswered() > 0;
        if !signal.wait(if cancels { SETTLE } else { STUCK }) {
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

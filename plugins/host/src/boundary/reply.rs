//! The place where the answer of a capability call arrives, and where the adapter's future looks for it.

use std::sync::{Arc, Mutex};

use juzhen_abi::message::{HostError, HostErrorKind};
use juzhen_abi::pack;

use super::lock;
use super::waker::ForeignWaker;

/// `Ok`: packed answer; `Err`: packed `HostError`.
pub(crate) type HostAnswer = Result<Vec<u8>, Vec<u8>>;

/// Filled once; later answers change nothing.
#[derive(Default)]
pub(crate) struct ReplySlot {
    state: Mutex<State>,
}

#[derive(Default)]
enum State {
    #[default]
    Unasked,
    Waiting(ForeignWaker),
    Ready(HostAnswer),
    Taken,
}

impl ReplySlot {
    pub(crate) fn new() -> Arc<Self> {
        Arc::default()
    }

    pub(crate) fn ready(answer: HostAnswer) -> Arc<Self> {
        Arc::new(Self { state: Mutex::new(State::Ready(answer)) })
    }

    /// Runs the adapter's waker: only on a thread that may be lost to it.
    pub(crate) fn complete(&self, answer: HostAnswer) {
        let before = {
            let mut state = lock(&self.state);
            match &*state {
                State::Unasked | State::Waiting(_) => std::mem::replace(&mut *state, State::Ready(answer)),
                State::Ready(_) | State::Taken => return,
            }
        };
        // Outside the lock: the adapter may poll from within its waker.
        if let State::Waiting(waker) = before {
            waker.wake();
        }
    }

    /// The answer, or `None` after remembering whom to wake.
    pub(crate) fn take_or_wait(&self, waker: Option<ForeignWaker>) -> Option<HostAnswer> {
        let mut state = lock(&self.state);
        let (next, answer) = match (std::mem::take(&mut *state), waker) {
            (State::Ready(answer), _) => (State::Taken, Some(answer)),
            (State::Taken, _) => {
                (State::Taken, Some(refusal(HostErrorKind::BadRequest, "polled after it was ready")))
            }
            (_, Some(waker)) => (State::Waiting(waker), None),
            (_, None) => (State::Taken, Some(refusal(HostErrorKind::BadRequest, "polled without a waker"))),
        };
        let replaced = std::mem::replace(&mut *state, next);
        drop(state);
        drop(replaced);
        answer
    }

    /// Whether the answer has come.
    pub(crate) fn is_settled(&self) -> bool {
        matches!(&*lock(&self.state), State::Ready(_) | State::Taken)
    }
}

/// A refusal that the carrier makes itself.
pub(crate) fn refusal(kind: HostErrorKind, message: &str) -> HostAnswer {
    let error = HostError { kind, message: message.to_owned() };
    // A struct of two plain fields always becomes JSON; an empty head would still be a refusal.
    Err(pack::pack(&error, &[]).unwrap_or_default())
}

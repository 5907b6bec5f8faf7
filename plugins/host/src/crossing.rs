//! What crosses between an adapter and the daemon, told to whoever records it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Told of everything that crosses, in order. Secrets are placeholders in what an adapter asks and masked in what it is told,
/// as an adapter sees it.
#[derive(Clone)]
pub struct Recorder {
    told: Arc<dyn Fn(Crossing) + Send + Sync>,
    questions: Arc<AtomicU64>,
}

/// Something that crossed. Bytes are packed messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Crossing {
    /// An operation begins, or begins again after a crash.
    Called { operation: String, request: Vec<u8> },
    /// The adapter asks a capability. `number` is this question's own.
    Asked { number: u64, capability: String, request: Vec<u8> },
    /// What it is told; `Err` is a packed error.
    Answered { number: u64, answer: Result<Vec<u8>, Vec<u8>> },
    /// It has looked at the clock: milliseconds since 1970 UTC.
    Clock { unix_ms: i64 },
}

impl Recorder {
    pub fn new(told: impl Fn(Crossing) + Send + Sync + 'static) -> Self {
        Self { told: Arc::new(told), questions: Arc::default() }
    }

    pub(crate) fn called(&self, operation: &str, request: &[u8]) {
        (self.told)(Crossing::Called { operation: operation.to_owned(), request: request.to_vec() });
    }

    /// Must happen in the order in which the adapter asks.
    pub(crate) fn asked(&self, capability: &str, request: &[u8]) -> Question {
        let number = self.questions.fetch_add(1, Ordering::Relaxed);
        let (capability, request) = (capability.to_owned(), request.to_vec());
        (self.told)(Crossing::Asked { number, capability, request });
        Question { recorder: self.clone(), number }
    }

    pub(crate) fn clock_read(&self, unix_ms: i64) {
        (self.told)(Crossing::Clock { unix_ms });
    }
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Recorder")
    }
}

/// A question that waits for its answer.
pub(crate) struct Question {
    recorder: Recorder,
    number: u64,
}

impl Question {
    pub(crate) fn answered(&self, answer: &Result<Vec<u8>, Vec<u8>>) {
        (self.recorder.told)(Crossing::Answered { number: self.number, answer: answer.clone() });
    }
}

//! How operations end, and what none of them may do.

use std::sync::Mutex;

use juzhen_abi::message::{AdapterError, ErrorKind, Panicked};
use juzhen_abi::pack;
use juzhen_host::lane::LaneAnswer;
use serde_json::Value;

use super::lock;
use super::talk::{MOST_CALLS, Seen};

/// One operation from begin to end.
#[derive(Debug, Clone)]
pub(crate) struct Run {
    pub(crate) ended: Ended,
    pub(crate) seen: Seen,
}

/// How an operation ended, as far as the carrier can tell.
#[derive(Debug, Clone)]
pub(crate) enum Ended {
    Answer(Value),
    Error(AdapterError),
    Panicked(Panicked),
    Malformed(String),
    /// The process is gone.
    Gone(String),
    /// It asked nothing more and did not end.
    Hung(String),
}

/// Something that no adapter may do, whatever it was asked.
#[derive(Debug, Clone)]
pub(crate) struct Incident {
    pub(crate) what: Sin,
    pub(crate) said: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sin {
    Panicked,
    Malformed,
    UnknownKind,
    Gone,
    Hung,
    StrangeHost,
    MisusedSecret,
    UnreadableCall,
}

impl Ended {
    /// For people: `answered`, or what happened instead.
    pub(crate) fn shown(&self) -> String {
        match self {
            Self::Answer(answer) => format!("answered {}", short(&answer.to_string())),
            Self::Error(error) => format!("ended with {}: {}", error.kind.name(), short(&error.message)),
            Self::Panicked(Panicked { message, .. }) => format!("panicked: {}", short(message)),
            Self::Malformed(why) => format!("answered with something that is no answer: {why}"),
            Self::Gone(why) => format!("took its process down: {why}"),
            Self::Hung(why) => why.clone(),
        }
    }
}

pub(super) fn ended(answer: LaneAnswer, incidents: &Mutex<Vec<Incident>>, operation: &str) -> Ended {
    match answer {
        LaneAnswer::Ok(bytes) => read(&bytes).map_or_else(Ended::Malformed, Ended::Answer),
        LaneAnswer::Error(bytes) => {
            if let Some(kind) = unknown_kind(&bytes) {
                let said = format!("{operation}: {kind}");
                lock(incidents).push(Incident { what: Sin::UnknownKind, said });
            }
            read(&bytes).map_or_else(Ended::Malformed, Ended::Error)
        }
        LaneAnswer::Panicked(bytes) => read(&bytes).map_or_else(Ended::Malformed, Ended::Panicked),
        LaneAnswer::Gone(why) => Ended::Gone(why),
        LaneAnswer::Malformed(why) => Ended::Malformed(why),
    }
}

/// A kind of error that reads as a bug only because nobody knows it.
fn unknown_kind(bytes: &[u8]) -> Option<String> {
    let head: Value = read(bytes).ok()?;
    let said = head.get("kind").map_or_else(|| "none".to_owned(), ToString::to_string);
    let error: AdapterError = read(bytes).ok()?;
    (error.kind == ErrorKind::Bug && said != "\"bug\"").then_some(said)
}

fn read<T: serde::de::DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    pack::unpack(bytes).map(|(head, _)| head).map_err(|e| e.to_string())
}

pub(super) fn hung(stuck_ms: u64, calls: usize) -> String {
    if stuck_ms > 1000 {
        return format!("did not come back from a poll for {stuck_ms} ms, after {calls} calls of the host");
    }
    if calls > MOST_CALLS {
        return format!("asked the host {calls} times and did not come to an end");
    }
    format!("waits for nothing: every one of its {calls} calls of the host was answered")
}

pub(crate) fn short(text: &str) -> String {
    const LONGEST: usize = 160;
    let cut: String = text.chars().take(LONGEST).collect();
    if cut.len() < text.len() { format!("{cut}…") } else { cut }
}

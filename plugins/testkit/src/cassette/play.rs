//! Replaying: answers what was asked before as it was answered then, and notes the first request that is another.

use std::collections::VecDeque;

use juzhen_abi::message::{HostError, HostErrorKind};
use juzhen_abi::{ERR, OK, pack};
use serde_json::Value;

use super::random::Stream;
use super::tape::{split, without_blanks};
use super::{Body, Cassette, Exchange, ReplayError};
use crate::Script;

/// What is left of a cassette while its operation runs again.
#[derive(Debug)]
pub(crate) struct Player {
    /// With their places, from 1 on.
    left: VecDeque<(usize, Exchange)>,
    count: usize,
    clock_unix_ms: VecDeque<i64>,
    now_unix_ms: i64,
    random: Stream,
    differs: Option<ReplayError>,
}

impl Player {
    pub(crate) fn new(cassette: &Cassette) -> Self {
        let call = cassette.request.pointer("/meta/call").and_then(Value::as_str).unwrap_or_default();
        Self {
            left: (1..).zip(cassette.exchanges.iter().cloned()).collect(),
            count: cassette.exchanges.len(),
            clock_unix_ms: cassette.clock_unix_ms.iter().copied().collect(),
            now_unix_ms: Script::START_UNIX_MS,
            random: Stream::of_call(call),
            differs: None,
        }
    }

    /// The status and the packed answer, or `None` for what was not waited for. Requests that are under way at once may come
    /// in another order.
    pub(crate) fn ask(&mut self, capability: &str, request: &[u8]) -> Option<(i32, Vec<u8>)> {
        let (head, body) = split(request);
        let (head, body) = (without_blanks(head), body.bytes());
        let same = |exchange: &Exchange| {
            exchange.ask == capability && exchange.request == head && exchange.sends.bytes() == body
        };
        let place = self.left.iter().position(|(_, exchange)| same(exchange));
        let Some((_, exchange)) = place.and_then(|place| self.left.remove(place)) else {
            let asked = shown(capability, &head, &Body::of(&body));
            return Some(self.another(asked));
        };
        let (status, head) = match (exchange.answer, exchange.refused) {
            (Some(answer), _) => (OK, answer),
            (None, Some(refused)) => (ERR, refused),
            (None, None) => return None,
        };
        Some((status, pack::pack(&head, &exchange.brings.bytes()).unwrap_or_default()))
    }

    /// As the recorded call read it; at the end of the recording it stands still.
    pub(crate) fn now_unix_ms(&mut self) -> i64 {
        self.now_unix_ms = self.clock_unix_ms.pop_front().unwrap_or(self.now_unix_ms);
        self.now_unix_ms
    }

    pub(crate) fn fill(&mut self, out: &mut [u8]) {
        self.random.fill(out);
    }

    /// The first request that differed, or the first that was not made.
    pub(crate) fn end(&mut self) -> Result<(), ReplayError> {
        if let Some(differs) = self.differs.take() {
            return Err(differs);
        }
        match self.left.front() {
            None => Ok(()),
            Some((place, exchange)) => {
                Err(ReplayError::Missing { place: *place, recorded: exchange.to_string() })
            }
        }
    }

    fn another(&mut self, asked: String) -> (i32, Vec<u8>) {
        if self.differs.is_none() {
            let (place, recorded) = match self.left.front() {
                Some((place, exchange)) => (*place, exchange.to_string()),
                None => (self.count + 1, "nothing more".to_owned()),
            };
            self.differs = Some(ReplayError::Request { place, recorded, asked });
        }
        let message = "the cassette has another request here".to_owned();
        let error = HostError { kind: HostErrorKind::ReplayMismatch, message };
        (ERR, pack::pack(&error, &[]).unwrap_or_default())
    }
}

impl core::fmt::Display for Exchange {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(&shown(&self.ask, &self.request, &self.sends))
    }
}

/// On one line: what is asked, and what goes with it.
fn shown(capability: &str, head: &Value, body: &Body) -> String {
    let sends = if body.is_empty() { String::new() } else { serde_json::to_string(body).unwrap_or_default() };
    format!("{capability} {head} {sends}").trim_end().to_owned()
}

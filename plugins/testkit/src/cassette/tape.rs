//! Recording: notes what crosses, in order, and makes a cassette of it.

use juzhen_abi::message::Manifest;
use juzhen_abi::pack;
use serde_json::Value;

use super::{Body, Cassette, Ended, Exchange, Recorded, VERSION};

/// One operation while it runs.
#[derive(Debug, Default)]
pub struct Tape {
    called: Option<(String, Value)>,
    clock_unix_ms: Vec<i64>,
    /// With the number that tells an answer its question.
    exchanges: Vec<(u64, Exchange)>,
}

impl Tape {
    /// An operation begins, with its packed request. One that begins again after a crash is recorded anew.
    pub fn called(&mut self, operation: &str, request: &[u8]) {
        *self = Self { called: Some((operation.to_owned(), split(request).0)), ..Self::default() };
    }

    /// The adapter asks for something.
    pub fn asked(&mut self, number: u64, capability: &str, request: &[u8]) {
        let (head, body) = split(request);
        let exchange = Exchange {
            ask: capability.to_owned(),
            request: without_blanks(head),
            sends: body,
            answer: None,
            refused: None,
            brings: Body::default(),
        };
        self.exchanges.push((number, exchange));
    }

    /// What it is told: a packed answer, or a packed error.
    pub fn answered(&mut self, number: u64, answer: Result<&[u8], &[u8]>) {
        let of_number = |(other, _): &&mut (u64, Exchange)| *other == number;
        let Some((_, exchange)) = self.exchanges.iter_mut().find(of_number) else { return };
        match answer {
            Ok(answer) => {
                let (head, body) = split(answer);
                exchange.answer = Some(head);
                exchange.brings = body;
            }
            Err(refused) => exchange.refused = Some(split(refused).0),
        }
    }

    /// The adapter looked at the clock.
    pub fn read_clock(&mut self, unix_ms: i64) {
        self.clock_unix_ms.push(unix_ms);
    }

    /// How many requests to the platform it holds.
    pub fn requests(&self) -> usize {
        self.exchanges.iter().filter(|(_, exchange)| exchange.ask == "http.send").count()
    }

    /// The cassette; `None` when no operation began.
    pub fn end(self, manifest: &Manifest, ended: Ended) -> Option<Cassette> {
        let (operation, request) = self.called?;
        Some(Cassette {
            cassette: VERSION,
            adapter: Recorded { name: manifest.name.clone(), version: manifest.version.clone() },
            operation,
            request,
            clock_unix_ms: self.clock_unix_ms,
            exchanges: self.exchanges.into_iter().map(|(_, exchange)| exchange).collect(),
            ended,
        })
    }
}

/// Head and tail of a packed message. One that is none has a head that equals no other, so that it never replays.
pub(super) fn split(packed: &[u8]) -> (Value, Body) {
    match pack::unpack(packed) {
        Ok((head, tail)) => (head, Body::of(tail)),
        Err(_) => (Value::String(format!("{packed:?}")), Body::default()),
    }
}

/// Without the fields that say nothing, which the SDK writes all the same.
pub(super) fn without_blanks(mut head: Value) -> Value {
    if let Value::Object(fields) = &mut head {
        fields.retain(|_, value| !value.is_null() && value.as_array().is_none_or(|list| !list.is_empty()));
    }
    head
}

//! What the host will answer, and what it has seen.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use juzhen_abi::message::{
    BlobRead, Decrypt, HostError, HostErrorKind, HttpRequest, HttpResponse, Kv, KvAnswer, Sign, Signature,
    Sleep, capability,
};
use juzhen_abi::{ERR, OK, pack};
use serde::Serialize;
use serde_json::Value;

use crate::cassette::{Player, ReplayError};
#[cfg(feature = "conformance")]
use crate::conformance::{Seen, Talk};

/// A script that the adapter's host follows. Clones share it.
#[derive(Clone, Default)]
pub struct Script {
    state: Arc<Mutex<State>>,
}

/// What the next request of the adapter gets.
#[derive(Debug, Clone)]
pub enum Answer {
    Http {
        status: u16,
        headers: Vec<(String, String)>,
        body: Vec<u8>,
    },
    /// The daemon could not complete it.
    Fails(HostErrorKind),
    /// No answer, ever: the operation is cancelled while it waits.
    Never,
}

/// A request as it left the adapter.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    pub head: HttpRequest,
    pub body: Vec<u8>,
}

/// A line as the adapter wrote it.
#[derive(Debug, Clone, PartialEq)]
pub struct LogLine {
    pub scope: u64,
    pub level: u32,
    pub fields: Value,
}

impl Answer {
    pub fn json(status: u16, body: &Value) -> Self {
        Self::Http { status, headers: Vec::new(), body: body.to_string().into_bytes() }
    }

    pub fn bytes(status: u16, body: &[u8]) -> Self {
        Self::Http { status, headers: Vec::new(), body: body.to_vec() }
    }

    /// Adds a header to an HTTP answer.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        if let Self::Http { headers, .. } = &mut self {
            headers.push((name.to_owned(), value.to_owned()));
        }
        self
    }
}

impl Script {
    /// The clock at the start: 2026-01-01 00:00 UTC. It moves only by what adapters sleep.
    pub const START_UNIX_MS: i64 = 1_767_225_600_000;

    /// Answers the next request that is still without an answer.
    pub fn answer(&self, answer: Answer) {
        self.lock().answers.push_back(answer);
    }

    /// Makes the bytes of a picture readable.
    pub fn blob(&self, handle: &str, bytes: &[u8]) {
        self.lock().blobs.insert(handle.to_owned(), bytes.to_vec());
    }

    pub fn requests(&self) -> Vec<Request> {
        self.lock().requests.clone()
    }

    pub fn logs(&self) -> Vec<LogLine> {
        self.lock().logs.clone()
    }

    pub fn kv(&self, key: &str) -> Option<Vec<u8>> {
        self.lock().kv.get(key).cloned()
    }

    /// Everything as a cassette has it, in place of answers that a test writes.
    pub(crate) fn playing(player: Player) -> Self {
        let script = Self::default();
        script.lock().player = Some(player);
        script
    }

    /// The next operation is answered by this, in place of answers that a test writes.
    #[cfg(feature = "conformance")]
    pub(crate) fn hand_to(&self, talk: Talk) {
        let mut state = self.lock();
        state.unanswered = 0;
        state.talk = Some(talk);
    }

    /// What came across since, and nobody answers any more.
    #[cfg(feature = "conformance")]
    pub(crate) fn seen(&self) -> Seen {
        self.lock().talk.take().map(|talk| talk.seen).unwrap_or_default()
    }

    /// Whether all of the cassette was played and nothing else.
    pub(crate) fn played(&self) -> Result<(), ReplayError> {
        self.lock().player.as_mut().map_or(Ok(()), Player::end)
    }

    /// How many requests wait for an answer that never comes.
    pub(crate) fn unanswered(&self) -> usize {
        self.lock().unanswered
    }

    pub(crate) fn now_unix_ms(&self) -> i64 {
        let mut state = self.lock();
        let slept_ms = state.slept_ms;
        let scripted = || Self::START_UNIX_MS.saturating_add(slept_ms);
        state.player.as_mut().map_or_else(scripted, Player::now_unix_ms)
    }

    pub(crate) fn log(&self, line: LogLine) {
        let mut state = self.lock();
        #[cfg(feature = "conformance")]
        if let Some(talk) = &mut state.talk {
            return talk.seen.logs.push(line.fields.to_string());
        }
        state.logs.push(line);
    }

    /// The same bytes in every run: a counter, mixed (splitmix64).
    pub(crate) fn fill(&self, out: &mut [u8]) {
        let mut state = self.lock();
        if let Some(player) = &mut state.player {
            return player.fill(out);
        }
        for byte in out {
            state.random = state.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mixed = (state.random ^ (state.random >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            *byte = mixed.to_be_bytes()[0];
        }
    }

    /// The status and the message that a capability answers, or `None` for never.
    pub(crate) fn ask(&self, name: &str, request: &[u8]) -> Option<(i32, Vec<u8>)> {
        let mut state = self.lock();
        if let Some(player) = &mut state.player {
            let answer = player.ask(name, request);
            state.unanswered += usize::from(answer.is_none());
            return answer;
        }
        #[cfg(feature = "conformance")]
        if let Some(talk) = &mut state.talk {
            let answer = talk.ask(name, request);
            state.unanswered += usize::from(answer.is_none());
            return answer.map(|answer| answer.map_or_else(|no| (ERR, no), |yes| (OK, yes)));
        }
        let reply = match name {
            capability::HTTP_SEND => state.http(request)?,
            capability::CLOCK_SLEEP => state.sleep(request),
            capability::KV_GET | capability::KV_SET | capability::KV_DELETE => state.keep(name, request),
            capability::BLOB_READ => state.read_blob(request),
            capability::SECRET_SIGN => sign(request),
            capability::SECRET_DECRYPT => decrypt(request),
            _ => Err(HostErrorKind::BadRequest),
        };
        Some(reply.map_or_else(failed, |answer| (OK, answer)))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Default)]
struct State {
    answers: VecDeque<Answer>,
    requests: Vec<Request>,
    logs: Vec<LogLine>,
    kv: BTreeMap<String, Vec<u8>>,
    blobs: BTreeMap<String, Vec<u8>>,
    slept_ms: i64,
    random: u64,
    unanswered: usize,
    player: Option<Player>,
    #[cfg(feature = "conformance")]
    talk: Option<Talk>,
}

type Reply = Result<Vec<u8>, HostErrorKind>;

impl State {
    fn http(&mut self, request: &[u8]) -> Option<Reply> {
        let Ok((head, body)) = pack::unpack::<HttpRequest>(request) else {
            return Some(Err(HostErrorKind::BadRequest));
        };
        self.requests.push(Request { head, body: body.to_vec() });
        match self.answers.pop_front() {
            Some(Answer::Http { status, headers, body }) => {
                Some(reply(&HttpResponse { status, headers }, &body))
            }
            Some(Answer::Fails(kind)) => Some(Err(kind)),
            Some(Answer::Never) => {
                self.unanswered += 1;
                None
            }
            // More requests than the script knows: a mistake that the test sees at once.
            None => Some(Err(HostErrorKind::Denied)),
        }
    }

    fn sleep(&mut self, request: &[u8]) -> Reply {
        let ms = read::<Sleep>(request)?.0.ms;
        self.slept_ms = self.slept_ms.saturating_add_unsigned(ms);
        reply(&Value::Object(serde_json::Map::new()), &[])
    }

    fn keep(&mut self, name: &str, request: &[u8]) -> Reply {
        let (Kv { key }, value) = read(request)?;
        let old = match name {
            capability::KV_SET => self.kv.insert(key, value.to_vec()),
            capability::KV_DELETE => self.kv.remove(&key),
            _ => self.kv.get(&key).cloned(),
        };
        let shown = if name == capability::KV_GET { old.clone().unwrap_or_default() } else { Vec::new() };
        reply(&KvAnswer { found: old.is_some() }, &shown)
    }

    fn read_blob(&self, request: &[u8]) -> Reply {
        let BlobRead { blob, offset, length } = read(request)?.0;
        let bytes = self.blobs.get(&blob).ok_or(HostErrorKind::Denied)?;
        let from = usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
        let most = if length == 0 { usize::MAX } else { usize::try_from(length).unwrap_or(usize::MAX) };
        let rest = bytes.get(from..).unwrap_or_default();
        reply(&Value::Null, rest.get(..most.min(rest.len())).unwrap_or_default())
    }
}

/// Not the real hash: what was to be signed, in hexadecimal, so that a test can read it.
fn sign(request: &[u8]) -> Reply {
    let Sign { parts, .. } = read(request)?.0;
    let hex = parts.concat().bytes().map(|byte| format!("{byte:02x}")).collect();
    reply(&Signature { hex }, &[])
}

/// Not the real cipher: what was to be opened, so that a test writes its plaintext.
fn decrypt(request: &[u8]) -> Reply {
    let (_, ciphertext) = read::<Decrypt>(request)?;
    reply(&Value::Object(serde_json::Map::new()), ciphertext)
}

fn read<T: serde::de::DeserializeOwned>(request: &[u8]) -> Result<(T, &[u8]), HostErrorKind> {
    pack::unpack(request).map_err(|_| HostErrorKind::BadRequest)
}

fn reply<T: Serialize>(head: &T, tail: &[u8]) -> Reply {
    pack::pack(head, tail).map_err(|_| HostErrorKind::Failed)
}

fn failed(kind: HostErrorKind) -> (i32, Vec<u8>) {
    let error = HostError { kind, message: "says the script".to_owned() };
    (ERR, pack::pack(&error, &[]).unwrap_or_default())
}

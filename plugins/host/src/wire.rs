//! The frames between the daemon and an adapter's process: private, versioned by their source, total to decode.
//!
//! `u32 length, little endian | u8 kind | u64 id | body`, where the length counts what follows it. The child shares
//! its memory with the adapter, so the daemon believes nothing that it reads: any bytes are a frame or an error.

pub(crate) mod frame;

use serde::{Deserialize, Serialize};

use self::frame::{Body, RawFrame, WireError, frame};
use crate::lane::{IsolationReport, Limits, Sandbox, ScopeSeed};

/// Both ends are the same program, so these files are their own version: any change to them is another build.
const FINGERPRINT: u64 =
    fingerprint(include_bytes!("wire.rs")) ^ fingerprint(include_bytes!("wire/frame.rs"));

/// What both ends compare before anything else.
pub(crate) fn build_id() -> String {
    format!("{} {FINGERPRINT:016x}", env!("CARGO_PKG_VERSION"))
}

/// From the daemon to the child.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ToChild {
    /// First, with the library's descriptor attached. Packed: [`Hello`], and as tail the message for `create`.
    Hello(Vec<u8>),
    Call {
        id: u64,
        scope: u64,
        operation: String,
        replay: ScopeSeed,
        request: Vec<u8>,
    },
    /// Nobody waits for this call any more.
    Cancel {
        id: u64,
    },
    /// Answer of a capability call.
    HostReply {
        id: u64,
        answer: Result<Vec<u8>, Vec<u8>>,
    },
    Ping {
        id: u64,
    },
    /// Drop what is left, destroy the instance, exit 0.
    Shutdown,
}

/// From the child to the daemon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ToParent {
    /// JSON of [`Ready`].
    Ready(Vec<u8>),
    /// JSON of `LoadRefused`.
    Failed(Vec<u8>),
    Done {
        id: u64,
        answer: Answer,
    },
    HostCall {
        id: u64,
        scope: u64,
        operation: String,
        request: Vec<u8>,
    },
    HostCancel {
        id: u64,
    },
    Clock {
        scope: u64,
        unix_ms: i64,
    },
    Log {
        scope: u64,
        level: u32,
        message: Vec<u8>,
    },
    Pong {
        id: u64,
        stuck_ms: u64,
        in_flight: u32,
        rss_bytes: u64,
    },
}

/// How a call ended, as the child saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    Ok(Vec<u8>),
    Error(Vec<u8>),
    Panicked(Vec<u8>),
    Malformed(String),
    /// The call was cancelled; every call gets exactly one answer.
    Cancelled,
}

/// What the child has to know before it is ready.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Hello {
    /// [`build_id`] of the daemon.
    pub(crate) build: String,
    pub(crate) sandbox: Sandbox,
    pub(crate) limits: Limits,
    /// Libraries to load before files are out of reach.
    pub(crate) needed: Vec<String>,
    /// Manifest as it stands in the file.
    pub(crate) manifest: String,
}

/// What the child says once it takes calls.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Ready {
    pub(crate) flags: u32,
    pub(crate) build_info: String,
    pub(crate) isolation: IsolationReport,
}

impl ToChild {
    /// Appends the frame; false when it does not fit one.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) -> bool {
        match self {
            Self::Hello(json) => frame(out, 1, 0, &[json]),
            Self::Call { id, scope, operation, replay, request } => {
                let (Ok(name), Ok(readings)) =
                    (u32::try_from(operation.len()), u32::try_from(replay.now_unix_ms.len()))
                else {
                    return false;
                };
                let clock: Vec<u8> = replay.now_unix_ms.iter().flat_map(|at| at.to_le_bytes()).collect();
                let head = [&scope.to_le_bytes()[..], &name.to_le_bytes(), operation.as_bytes()].concat();
                let seed = [&readings.to_le_bytes()[..], &clock, &replay.random].concat();
                frame(out, 2, *id, &[&head, &seed, request])
            }
            Self::Cancel { id } => frame(out, 3, *id, &[]),
            Self::HostReply { id, answer: Ok(answer) } => frame(out, 4, *id, &[&[0], answer]),
            Self::HostReply { id, answer: Err(error) } => frame(out, 4, *id, &[&[1], error]),
            Self::Ping { id } => frame(out, 5, *id, &[]),
            Self::Shutdown => frame(out, 6, 0, &[]),
        }
    }

    /// What a frame says.
    pub(crate) fn decode(raw: &RawFrame<'_>) -> Result<Self, WireError> {
        let mut body = Body(raw.body);
        Ok(match raw.kind {
            1 => Self::Hello(body.rest()),
            2 => Self::Call {
                id: raw.id,
                scope: body.u64()?,
                operation: body.text()?,
                replay: ScopeSeed { now_unix_ms: body.readings()?, random: body.array()? },
                request: body.rest(),
            },
            3 => Self::Cancel { id: raw.id },
            4 => Self::HostReply {
                id: raw.id,
                answer: match body.u8()? {
                    0 => Ok(body.rest()),
                    1 => Err(body.rest()),
                    _ => return Err(WireError::Body(raw.kind)),
                },
            },
            5 => Self::Ping { id: raw.id },
            6 => Self::Shutdown,
            other => return Err(WireError::Kind(other)),
        })
    }
}

impl ToParent {
    /// Appends the frame; false when it does not fit one.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) -> bool {
        match self {
            Self::Ready(json) => frame(out, 129, 0, &[json]),
            Self::Failed(json) => frame(out, 130, 0, &[json]),
            Self::Done { id, answer } => match answer {
                Answer::Ok(bytes) => frame(out, 131, *id, &[&[0], bytes]),
                Answer::Error(bytes) => frame(out, 131, *id, &[&[1], bytes]),
                Answer::Panicked(bytes) => frame(out, 131, *id, &[&[2], bytes]),
                Answer::Malformed(why) => frame(out, 131, *id, &[&[3], why.as_bytes()]),
                Answer::Cancelled => frame(out, 131, *id, &[&[4]]),
            },
            Self::HostCall { id, scope, operation, request } => {
                let Ok(name) = u32::try_from(operation.len()) else { return false };
                let head = [&scope.to_le_bytes()[..], &name.to_le_bytes(), operation.as_bytes()].concat();
                frame(out, 132, *id, &[&head, request])
            }
            Self::HostCancel { id } => frame(out, 133, *id, &[]),
            Self::Clock { scope, unix_ms } => frame(out, 134, *scope, &[&unix_ms.to_le_bytes()]),
            Self::Log { scope, level, message } => frame(out, 135, *scope, &[&level.to_le_bytes(), message]),
            Self::Pong { id, stuck_ms, in_flight, rss_bytes } => frame(
                out,
                136,
                *id,
                &[&stuck_ms.to_le_bytes(), &in_flight.to_le_bytes(), &rss_bytes.to_le_bytes()],
            ),
        }
    }

    /// What a frame says.
    pub(crate) fn decode(raw: &RawFrame<'_>) -> Result<Self, WireError> {
        let mut body = Body(raw.body);
        Ok(match raw.kind {
            129 => Self::Ready(body.rest()),
            130 => Self::Failed(body.rest()),
            131 => Self::Done {
                id: raw.id,
                answer: match body.u8()? {
                    0 => Answer::Ok(body.rest()),
                    1 => Answer::Error(body.rest()),
                    2 => Answer::Panicked(body.rest()),
                    3 => Answer::Malformed(String::from_utf8_lossy(&body.rest()).into_owned()),
                    4 => Answer::Cancelled,
                    _ => return Err(WireError::Body(raw.kind)),
                },
            },
            132 => Self::HostCall {
                id: raw.id,
                scope: body.u64()?,
                operation: body.text()?,
                request: body.rest(),
            },
            133 => Self::HostCancel { id: raw.id },
            134 => Self::Clock { scope: raw.id, unix_ms: i64::from_le_bytes(body.array()?) },
            135 => Self::Log { scope: raw.id, level: body.u32()?, message: body.rest() },
            136 => Self::Pong {
                id: raw.id,
                stuck_ms: body.u64()?,
                in_flight: body.u32()?,
                rss_bytes: body.u64()?,
            },
            other => return Err(WireError::Kind(other)),
        })
    }
}

/// FNV-1a, at compile time.
const fn fingerprint(bytes: &[u8]) -> u64 {
    let (mut hash, mut rest) = (0xcbf2_9ce4_8422_2325_u64, bytes);
    while let [first, tail @ ..] = rest {
        hash = (hash ^ *first as u64).wrapping_mul(0x0000_0100_0000_01b3);
        rest = tail;
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::frame::Splitter;
    use super::*;

    fn to_child() -> Vec<ToChild> {
        vec![
            ToChild::Hello(b"{}".to_vec()),
            ToChild::Call {
                id: 1,
                scope: u64::MAX,
                operation: "publish".into(),
                replay: ScopeSeed { now_unix_ms: vec![-1, 1_700_000_000_000], random: [7; 32] },
                request: "矩阵".as_bytes().to_vec(),
            },
            ToChild::Cancel { id: 2 },
            ToChild::HostReply { id: 3, answer: Ok(vec![]) },
            ToChild::HostReply { id: 3, answer: Err(vec![1, 2]) },
            ToChild::Ping { id: 4 },
            ToChild::Shutdown,
        ]
    }

    fn to_parent() -> Vec<ToParent> {
        let done = |answer| ToParent::Done { id: 9, answer };
        vec![
            ToParent::Ready(b"{}".to_vec()),
            ToParent::Failed(vec![]),
            done(Answer::Ok(b"a".to_vec())),
            done(Answer::Error(b"b".to_vec())),
            done(Answer::Panicked(b"c".to_vec())),
            done(Answer::Malformed("坏".into())),
            done(Answer::Cancelled),
            ToParent::HostCall { id: 5, scope: 6, operation: "http.send".into(), request: vec![0; 70_000] },
            ToParent::HostCancel { id: 5 },
            ToParent::Clock { scope: 6, unix_ms: -5 },
            ToParent::Log { scope: 6, level: 3, message: b"m".to_vec() },
            ToParent::Pong { id: 1, stuck_ms: 2, in_flight: 3, rss_bytes: 4 },
        ]
    }

    #[test]
    fn every_frame_comes_back_whatever_the_pieces_it_arrives_in() {
        let (mut down, mut up) = (Vec::new(), Vec::new());
        assert!(to_child().iter().all(|frame| frame.encode(&mut down)));
        assert!(to_parent().iter().all(|frame| frame.encode(&mut up)));
        for piece in [1, 3, 4096, down.len().max(up.len())] {
            let (mut splitter, mut seen) = (Splitter::default(), Vec::new());
            for part in down.chunks(piece) {
                splitter.feed(part);
                while let Some(raw) = splitter.next_frame().unwrap() {
                    seen.push(ToChild::decode(&raw).unwrap());
                }
            }
            assert_eq!(seen, to_child(), "pieces of {piece}");
            let (mut splitter, mut seen) = (Splitter::default(), Vec::new());
            for part in up.chunks(piece) {
                splitter.feed(part);
                while let Some(raw) = splitter.next_frame().unwrap() {
                    seen.push(ToParent::decode(&raw).unwrap());
                }
            }
            assert_eq!(seen, to_parent(), "pieces of {piece}");
        }
    }

    #[test]
    fn f78_any_bytes_are_a_frame_or_an_error() {
        // Cut and bent frames of both directions, decoded as either.
        let mut whole = Vec::new();
        to_child().iter().for_each(|frame| assert!(frame.encode(&mut whole)));
        to_parent().iter().filter(|f| !matches!(f, ToParent::HostCall { .. })).for_each(|frame| {
            assert!(frame.encode(&mut whole));
        });
        for at in 0..whole.len() {
            for bent in [0x00, 0x01, 0x7f, 0x80, 0xff] {
                let mut bytes = whole.clone();
                bytes[at] = bent;
                drain(&bytes);
                drain(&bytes[at..]);
            }
        }
    }

    fn drain(bytes: &[u8]) {
        let mut splitter = Splitter::default();
        splitter.feed(bytes);
        while let Ok(Some(raw)) = splitter.next_frame() {
            let _ = (ToChild::decode(&raw), ToParent::decode(&raw));
        }
    }

    #[test]
    fn f78_a_body_that_promises_more_than_it_has_is_an_error() {
        // Four billion clock readings.
        let mut call = Vec::new();
        assert!(frame(&mut call, 2, 1, &[&[0; 8], &[0; 4], &[0xff; 4]]));
        let mut splitter = Splitter::default();
        splitter.feed(&call);
        assert!(ToChild::decode(&splitter.next_frame().unwrap().unwrap()).is_err());
    }
}

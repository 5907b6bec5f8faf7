//! What the host needs from the daemon: the durable ledger of effects, secrets, values, blobs and the time.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use juzhen_abi::message::{HostError, HostErrorKind};
use zeroize::Zeroizing;

/// Everything the daemon lends the host.
#[derive(Clone)]
pub struct Ports {
    pub ledger: Arc<dyn Ledger>,
    pub secrets: Arc<dyn Secrets>,
    pub values: Arc<dyn KeyValues>,
    pub blobs: Arc<dyn Blobs>,
    pub clock: Arc<dyn Clock>,
}

/// The journal of requests that can change the outside world (R1, R2).
#[async_trait]
pub trait Ledger: Send + Sync + 'static {
    /// Writes the intent and returns only once it would survive a power cut; nothing is sent before.
    ///
    /// A request is known by (call, fingerprint, occurrence). Whatever was recorded for it is given out again
    /// as [`Begun::Answered`], also an answer of which [`RecordedAnswer::nothing_left`] is true: within one call the
    /// second run must see what the first one saw. Who wants to try such a request anew uses a new call id.
    async fn begin(&self, intent: &Intent) -> Result<Begun, LedgerError>;

    /// Records how a request that [`Begun::Send`] or [`Begun::Unanswered`] allowed has ended.
    async fn end(&self, effect: EffectId, answer: &RecordedAnswer) -> Result<(), LedgerError>;
}

/// The row of one effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EffectId(pub i64);

/// A request that is about to leave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intent {
    /// [`crate::Call::id`].
    pub call: String,
    /// [`crate::Call::attempt`]: of two that run the same call, only the later one may send.
    pub attempt: u32,
    /// 0 for the first request of this call with this fingerprint, 1 for the second, …
    pub occurrence: u32,
    /// SHA-256 in hexadecimal of method, address, headers and body hash, secrets still as placeholders.
    pub fingerprint: String,
    pub kind: EffectKind,
    pub method: String,
    /// With its placeholders, so that it holds no secret.
    pub url: String,
    pub body_sha256: String,
    pub account: String,
    pub adapter: String,
    pub adapter_sha256: String,
}

/// What a request can do to the outside world.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EffectKind {
    Mutating,
    /// The platform applies this key once, so the same request may be sent again.
    Idempotent {
        key: String,
    },
}

/// What may happen with an intent.
#[derive(Debug, Clone, PartialEq)]
pub enum Begun {
    /// The row is on disk: send.
    Send(EffectId),
    /// Sent by an earlier run of this call: give this answer out, send nothing.
    Answered(RecordedAnswer),
    /// An earlier run may have sent it and no answer is known. An idempotent request is sent again under this row;
    /// a mutating one ends the call.
    Unanswered(EffectId),
    /// Not what the first run of this call asked for. Ends the call.
    Mismatch(String),
    /// Nothing may leave now: STOP ALL, a lost fence, a cap. Ends the call.
    Refused(String),
}

/// How a request ended, complete enough to be given out again after a crash.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RecordedAnswer {
    /// 0 when no answer came.
    pub status: u16,
    /// Without captured secrets.
    pub headers: Vec<(String, String)>,
    /// Without captured secrets; at most the response cap.
    pub body: Vec<u8>,
    /// The body came to its end.
    pub complete: bool,
    /// Why there is no (complete) answer.
    pub failure: Option<HostError>,
    /// The other side did not prove who it is, so nothing was said to it (F49). Known of this try only.
    pub insecure: bool,
}

impl RecordedAnswer {
    /// No byte of the request has left, so it certainly changed nothing.
    pub fn nothing_left(&self) -> bool {
        matches!(
            &self.failure,
            Some(HostError {
                kind: HostErrorKind::Unreachable
                    | HostErrorKind::Cancelled
                    | HostErrorKind::BadRequest
                    | HostErrorKind::Denied,
                ..
            })
        )
    }

    /// Nobody can say from this whether the request took effect: no answer, a cut one, 3xx or 5xx (F50–F52, F55).
    pub fn unclear(&self) -> bool {
        !self.nothing_left() && (!self.complete || !matches!(self.status, 200..=299 | 400..=499))
    }
}

/// The ledger could not be read or written; nothing is sent.
#[derive(Debug, thiserror::Error)]
#[error("the effect ledger could not {action}")]
pub struct LedgerError {
    /// What was attempted, such as `write the intent of call 7`.
    pub action: String,
    #[source]
    pub source: Box<dyn Error + Send + Sync>,
}

/// Secrets of the accounts. The value never reaches an adapter.
#[async_trait]
pub trait Secrets: Send + Sync + 'static {
    async fn get(&self, account: &str, name: &str) -> Result<Option<Secret>, PortError>;
    /// Whether the platform has to be asked for new values, and if so, whether it is this call's turn to ask. Waits for
    /// somebody who is at it, but no longer than `patience`.
    async fn renew(&self, account: &str, wanted: &[Wanted], patience: Duration)
    -> Result<Renewal, PortError>;
}

/// A secret of which a new value is wanted.
#[derive(Debug, Clone)]
pub struct Wanted {
    pub name: String,
    /// The value that the call has used last and that is of no use any more; `None` when it used none.
    pub used: Option<Secret>,
    /// A person signs in: whatever there is already, and however the last try went, the platform is asked.
    pub anew: bool,
}

/// What is to be done for new values.
pub enum Renewal {
    /// Ask the platform; nobody else does so until the outcome is handed in.
    Fetch(Box<dyn Fetching>),
    /// There are other values than those that were used.
    Known { ttl: Option<Duration> },
    /// The platform is not to be asked now.
    NotNow { reason: String },
}

/// The turn to ask a platform for new values. Dropped without a word, it ends after a while.
#[async_trait]
pub trait Fetching: Send {
    /// Keeps all values or none.
    async fn keep(self: Box<Self>, fetched: Vec<Fetched>) -> Result<(), PortError>;
    /// The platform handed nothing out. `reason` holds no secret.
    async fn failed(self: Box<Self>, reason: &str);
}

/// A value that the platform handed out.
#[derive(Debug, Clone)]
pub struct Fetched {
    pub name: String,
    pub value: Secret,
    pub ttl: Option<Duration>,
}

/// A secret value: overwritten when dropped, printed as `***`.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    pub fn new(value: impl Into<String>) -> Self {
        Self(Zeroizing::new(value.into()))
    }

    /// The value itself; for the moment of sending only.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Small values an adapter keeps per account, such as a cursor. Sizes are capped by the host.
#[async_trait]
pub trait KeyValues: Send + Sync + 'static {
    async fn get(&self, adapter: &str, account: &str, key: &str) -> Result<Option<Vec<u8>>, PortError>;
    async fn set(&self, adapter: &str, account: &str, key: &str, value: &[u8]) -> Result<(), PortError>;
    async fn delete(&self, adapter: &str, account: &str, key: &str) -> Result<(), PortError>;

    /// The changes of one call that went well, `None` deletes. A store with transactions makes it one.
    async fn apply(
        &self,
        adapter: &str,
        account: &str,
        changes: &[(String, Option<Vec<u8>>)],
    ) -> Result<(), PortError> {
        for (key, value) in changes {
            match value {
                Some(value) => self.set(adapter, account, key, value).await?,
                None => self.delete(adapter, account, key).await?,
            }
        }
        Ok(())
    }
}

/// Pictures and videos, by content hash.
#[async_trait]
pub trait Blobs: Send + Sync + 'static {
    /// `None` when there is no such blob.
    async fn open(&self, handle: &str) -> Result<Option<Blob>, PortError>;
}

/// The bytes of one blob.
#[derive(Debug, Clone)]
pub struct Blob {
    pub bytes: Arc<[u8]>,
}

impl Blob {
    pub fn size(&self) -> u64 {
        self.bytes.len() as u64
    }
}

/// The time, so that tests and replays decide it.
pub trait Clock: Send + Sync + 'static {
    /// Milliseconds since 1970 UTC.
    fn now_unix_ms(&self) -> i64;
}

/// A port failed; the message says what was attempted and never holds a secret.
#[derive(Debug, thiserror::Error)]
#[error("{action}")]
pub struct PortError {
    pub action: String,
    #[source]
    pub source: Option<Box<dyn Error + Send + Sync>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, complete: bool) -> RecordedAnswer {
        RecordedAnswer { status, complete, ..RecordedAnswer::default() }
    }

    #[test]
    fn f50_f52_f55_what_an_answer_proves() {
        for (status, complete, unclear) in [
            (200, true, false),
            (201, true, false),
            (200, false, true),
            (302, true, true),
            (400, true, false),
            (429, true, false),
            (404, false, true),
            (500, true, true),
            (503, true, true),
            (0, false, true),
        ] {
            assert_eq!(answer(status, complete).unclear(), unclear, "{status} complete={complete}");
        }
    }

    #[test]
    fn f48_what_never_left_is_clear() {
        let refused = HostError { kind: HostErrorKind::Unreachable, message: "connection refused".into() };
        let recorded = RecordedAnswer { failure: Some(refused), ..RecordedAnswer::default() };
        assert!(recorded.nothing_left() && !recorded.unclear());
    }

    #[test]
    fn p11_a_secret_does_not_print() {
        assert_eq!(format!("{:?}", Secret::new("canary")), "***");
    }
}

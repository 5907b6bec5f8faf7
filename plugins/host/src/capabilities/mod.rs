//! Everything an adapter can do: one file for each capability, and here the door to them.

pub(crate) mod blob;
pub(crate) mod client;
mod clock;
mod decrypt;
pub(crate) mod egress;
pub(crate) mod http;
pub(crate) mod kv;
mod logs;
pub(crate) mod masks;
mod progress;
pub(crate) mod renewal;
pub(crate) mod request;
pub(crate) mod secrets;
mod sign;
pub(crate) mod signing_in;
mod spellings;

use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use juzhen_abi::message::{HostError, HostErrorKind, capability};
use juzhen_abi::pack;
use serde::de::DeserializeOwned;
use tokio_util::task::TaskTracker;

use self::client::{HttpClient, Transport};
use self::masks::KnownMasks;
use crate::crossing::Recorder;
use crate::journal::error;
use crate::lane::HostCalls;
use crate::options::EgressOptions;
use crate::ports::Ports;
use crate::scope::{Scope, Scopes};

/// A packed answer.
pub(crate) type Answer = Result<Vec<u8>, HostError>;

/// What the capabilities work with; one for all adapters.
pub(crate) struct Capabilities {
    pub(crate) ports: Ports,
    transport: Arc<dyn Transport>,
    masks: KnownMasks,
    /// Told of everything that crosses.
    pub(crate) recorder: Option<Recorder>,
    /// Requests that may outlive the call that asked for them.
    pub(crate) background: TaskTracker,
}

impl Capabilities {
    pub(crate) fn new(ports: Ports, egress: &EgressOptions) -> Result<Self, reqwest::Error> {
        Ok(Self::over(ports, Arc::new(HttpClient::new(egress)?)))
    }

    pub(crate) fn over(ports: Ports, transport: Arc<dyn Transport>) -> Self {
        Self {
            ports,
            transport,
            masks: KnownMasks::default(),
            recorder: None,
            background: TaskTracker::new(),
        }
    }
}

/// The door of one lane: it opens only for scopes of calls on that lane.
pub(crate) struct LaneCalls {
    pub(crate) adapter: String,
    pub(crate) scopes: Arc<Scopes>,
    pub(crate) capabilities: Arc<Capabilities>,
}

impl HostCalls for LaneCalls {
    fn call(
        &self,
        scope: u64,
        operation: String,
        request: Vec<u8>,
    ) -> BoxFuture<'static, Result<Vec<u8>, Vec<u8>>> {
        let recorder = self.capabilities.recorder.as_ref();
        let question = recorder.map(|recorder| recorder.asked(&operation, &request));
        let answer = match self.scopes.admit(scope) {
            Ok(scope) => self.dispatch(scope, &operation, request),
            Err(refused) => futures_util::future::ready(Err(refused)).boxed(),
        };
        let answer = answer.map(|answer| answer.map_err(|refused| packed_error(&refused)));
        answer.inspect(move |answer| question.iter().for_each(|question| question.answered(answer))).boxed()
    }

    fn log(&self, scope: u64, level: u32, message: Vec<u8>) {
        logs::write(&self.adapter, self.scopes.find(scope).as_deref(), level, &message);
    }

    fn clock_read(&self, scope: u64, unix_ms: i64) {
        if let Some(scope) = self.scopes.find(scope) {
            self.capabilities.recorder.iter().for_each(|recorder| recorder.clock_read(unix_ms));
            scope.journal.clock_read(unix_ms);
        }
    }
}

impl LaneCalls {
    fn dispatch(&self, scope: Arc<Scope>, operation: &str, request: Vec<u8>) -> BoxFuture<'static, Answer> {
        let capabilities = Arc::clone(&self.capabilities);
        match operation {
            // The order of requests is fixed here, before anything waits.
            capability::HTTP_SEND => http::send(&capabilities, scope, &request),
            capability::CLOCK_SLEEP => async move { clock::sleep(&scope, &request).await }.boxed(),
            capability::KV_GET => async move { kv::get(&capabilities, &scope, &request).await }.boxed(),
            capability::KV_SET => async move { kv::set(&scope, &request) }.boxed(),
            capability::KV_DELETE => async move { kv::delete(&scope, &request) }.boxed(),
            capability::BLOB_READ => async move { blob::read(&capabilities, &scope, &request).await }.boxed(),
            capability::SECRET_SIGN => {
                async move { sign::sign(&capabilities, &scope, &request).await }.boxed()
            }
            capability::SECRET_DECRYPT => {
                async move { decrypt::decrypt(&capabilities, &scope, &request).await }.boxed()
            }
            other => {
                let why = format!("the host does not offer `{other}`");
                futures_util::future::ready(Err(error(HostErrorKind::BadRequest, why))).boxed()
            }
        }
    }
}

/// Head and tail of a request, within the run's budgets.
fn parse<'r, T: DeserializeOwned>(scope: &Scope, request: &'r [u8]) -> Result<(T, &'r [u8]), HostError> {
    if scope.closed.is_cancelled() {
        return Err(error(HostErrorKind::Cancelled, "the operation has ended"));
    }
    pack::unpack(request).map_err(|e| bad_request(e.to_string()))
}

fn bad_request(why: impl Into<String>) -> HostError {
    error(HostErrorKind::BadRequest, why)
}

/// The answer with nothing to say.
fn done() -> Answer {
    Ok(b"\x02\0\0\0{}".to_vec())
}

fn packed_error(refused: &HostError) -> Vec<u8> {
    // The shape always serialises; an empty message still reads as an error at the other end.
    pack::pack(refused, b"").unwrap_or_default()
}

//! The daemon's end of the socket: which calls are open, what is waiting to be written, what comes in.
//!
//! Every call gets exactly one answer: from the child, or, when the link closes, the reason why it closed. A call
//! that nobody waits for any more stays on the list until the child has answered it, so that its scope is not reused
//! under a future that is still being dropped.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use juzhen_abi::message::HostErrorKind;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{Notify, OwnedSemaphorePermit, oneshot};
use tokio::task::AbortHandle;

use super::MOST_HOST_CALLS;
use crate::answer::{LONGEST_LOG, believe};
use crate::boundary::lock;
use crate::boundary::reply::refusal;
use crate::lane::{HostCalls, LaneAnswer};
use crate::wire::frame::Splitter;
use crate::wire::{Answer, ToChild, ToParent};

/// Bytes that may wait for the child before new messages have to wait themselves.
const MOST_WAITING: usize = 32 << 20;

pub(super) struct Link {
    calls: Arc<dyn HostCalls>,
    open: Mutex<Open>,
    outgoing: Mutex<Vec<u8>>,
    written: Notify,
    room: Notify,
    pulse: Pulse,
    strays: AtomicU64,
}

#[derive(Default)]
struct Open {
    next_id: u64,
    calls: HashMap<u64, OpenCall>,
    /// Scope to call.
    scopes: HashMap<u64, u64>,
    host_calls: HashMap<u64, HostCall>,
    /// Why nothing is taken any more.
    closed: Option<String>,
}

struct OpenCall {
    scope: u64,
    /// `None` once nobody waits.
    answer: Option<oneshot::Sender<LaneAnswer>>,
    _permit: OwnedSemaphorePermit,
}

struct HostCall {
    scope: u64,
    task: AbortHandle,
}

/// The last PONG.
struct Pulse {
    since: Instant,
    at_ms: AtomicU64,
    stuck_ms: AtomicU64,
    rss_bytes: AtomicU64,
}

impl Link {
    pub(super) fn new(calls: Arc<dyn HostCalls>) -> Arc<Self> {
        let pulse = Pulse {
            since: Instant::now(),
            at_ms: AtomicU64::new(0),
            stuck_ms: AtomicU64::new(0),
            rss_bytes: AtomicU64::new(0),
        };
        Arc::new(Self {
            calls,
            open: Mutex::default(),
            outgoing: Mutex::default(),
            written: Notify::new(),
            room: Notify::new(),
            pulse,
            strays: AtomicU64::new(0),
        })
    }

    /// Puts a call on the list. `Err`: why there is none.
    pub(super) fn begin(
        &self,
        scope: u64,
        permit: OwnedSemaphorePermit,
    ) -> Result<(u64, oneshot::Receiver<LaneAnswer>), LaneAnswer> {
        let (sender, receiver) = oneshot::channel();
        let mut open = lock(&self.open);
        if let Some(why) = &open.closed {
            return Err(LaneAnswer::Gone(why.clone()));
        }
        if open.scopes.contains_key(&scope) {
            return Err(LaneAnswer::Malformed(format!("scope {scope} is still in use")));
        }
        open.next_id += 1;
        let id = open.next_id;
        open.scopes.insert(scope, id);
        open.calls.insert(id, OpenCall { scope, answer: Some(sender), _permit: permit });
        Ok((id, receiver))
    }

    /// Takes a call off the list that was never sent.
    pub(super) fn never_sent(&self, id: u64) {
        self.remove(id);
    }

    /// Nobody waits any more: its capability calls end now, itself when the child has dropped it.
    pub(super) fn cancel(&self, id: u64) {
        {
            let mut open = lock(&self.open);
            let Some(call) = open.calls.get_mut(&id) else { return };
            call.answer = None;
            let scope = call.scope;
            open.end_host_calls(scope);
        }
        self.push(&ToChild::Cancel { id });
    }

    /// Appends a frame, after those before it have some room. False when it does not fit a frame.
    pub(super) async fn send(&self, frame: &ToChild) -> bool {
        loop {
            let room = self.room.notified();
            if lock(&self.outgoing).len() < MOST_WAITING || self.is_closed() {
                return self.push(frame);
            }
            room.await;
        }
    }

    /// Appends a frame at once.
    pub(super) fn push(&self, frame: &ToChild) -> bool {
        let fits = frame.encode(&mut lock(&self.outgoing));
        self.written.notify_one();
        fits
    }

    /// Answers everything that is open with the reason, once; returns false when it was closed before.
    pub(super) fn close(&self, why: &str) -> bool {
        let left = {
            let mut open = lock(&self.open);
            if open.closed.is_some() {
                return false;
            }
            open.closed = Some(why.to_owned());
            open.host_calls.drain().for_each(|(_, call)| call.task.abort());
            open.scopes.clear();
            std::mem::take(&mut open.calls)
        };
        for call in left.into_values() {
            if let Some(answer) = call.answer {
                // Nobody may be waiting by now.
                let _ = answer.send(LaneAnswer::Gone(why.to_owned()));
            }
        }
        self.room.notify_waiters();
        true
    }

    pub(super) fn is_closed(&self) -> bool {
        lock(&self.open).closed.is_some()
    }

    pub(super) fn in_flight(&self) -> u32 {
        u32::try_from(lock(&self.open).calls.len()).unwrap_or(u32::MAX)
    }

    /// Resident bytes of the child, and for how long it has been stuck or silent.
    pub(super) fn pulse(&self, silence_allowed: Duration) -> (u64, u64) {
        let pulse = &self.pulse;
        let age = millis(pulse.since.elapsed()).saturating_sub(pulse.at_ms.load(Ordering::Relaxed));
        let stuck = match pulse.stuck_ms.load(Ordering::Relaxed) {
            0 if age <= millis(silence_allowed) => 0,
            0 => age,
            stuck => stuck + age,
        };
        (pulse.rss_bytes.load(Ordering::Relaxed), stuck)
    }

    /// Counts the first moment as a sign of life.
    pub(super) fn pulse_starts(&self) {
        self.pulse.at_ms.store(millis(self.pulse.since.elapsed()), Ordering::Relaxed);
    }

    fn remove(&self, id: u64) -> Option<OpenCall> {
        let mut open = lock(&self.open);
        let call = open.calls.remove(&id)?;
        open.scopes.remove(&call.scope);
        open.end_host_calls(call.scope);
        Some(call)
    }

    /// `Err`: the child broke the protocol.
    fn handle(self: &Arc<Self>, frame: ToParent) -> Result<(), String> {
        match frame {
            ToParent::Done { id, answer } => self.done(id, answer),
            ToParent::HostCall { id, scope, operation, request } => {
                return self.host_call(id, scope, operation, request);
            }
            ToParent::HostCancel { id } => {
                if let Some(call) = lock(&self.open).host_calls.remove(&id) {
                    call.task.abort();
                }
            }
            ToParent::Clock { scope, unix_ms } => {
                if self.is_live(scope) {
                    self.calls.clock_read(scope, unix_ms);
                }
            }
            ToParent::Log { scope, level, mut message } => {
                message.truncate(LONGEST_LOG);
                self.calls.log(if self.is_live(scope) { scope } else { 0 }, level.clamp(1, 5), message);
            }
            ToParent::Pong { stuck_ms, rss_bytes, .. } => {
                self.pulse_starts();
                self.pulse.stuck_ms.store(stuck_ms, Ordering::Relaxed);
                self.pulse.rss_bytes.store(rss_bytes, Ordering::Relaxed);
            }
            ToParent::Ready(_) | ToParent::Failed(_) => return Err("a second READY".into()),
        }
        Ok(())
    }

    fn is_live(&self, scope: u64) -> bool {
        let open = lock(&self.open);
        open.scopes.get(&scope).and_then(|id| open.calls.get(id)).is_some_and(|call| call.answer.is_some())
    }

    fn done(&self, id: u64, answer: Answer) {
        let Some(call) = self.remove(id) else {
            // F79: the first valid answer wins; the others are only noted.
            let strays = self.strays.fetch_add(1, Ordering::Relaxed) + 1;
            if strays.is_power_of_two() {
                tracing::warn!(call = id, strays, "An adapter answered a call that is not open");
            }
            return;
        };
        if let Some(waiting) = call.answer {
            // Dropped in this very moment is the same as dropped before.
            let _ = waiting.send(believe(answer));
        }
    }

    /// Runs a capability call next to this loop; its answer goes back when it comes.
    fn host_call(
        self: &Arc<Self>,
        id: u64,
        scope: u64,
        operation: String,
        request: Vec<u8>,
    ) -> Result<(), String> {
        if !self.is_live(scope) {
            let answer = refusal(HostErrorKind::Cancelled, "this operation has ended");
            self.push(&ToChild::HostReply { id, answer });
            return Ok(());
        }
        let answer = self.calls.call(scope, operation, request);
        let link = Arc::clone(self);
        let mut open = lock(&self.open);
        if open.host_calls.len() >= MOST_HOST_CALLS || open.host_calls.contains_key(&id) {
            return Err("more capability calls at a time than it may have, or one number twice".into());
        }
        let task = tokio::spawn(async move {
            let answer = answer.await;
            // Withdrawn in the meantime: nobody wants it.
            if lock(&link.open).host_calls.remove(&id).is_none() {
                return;
            }
            if !link.send(&ToChild::HostReply { id, answer }).await {
                let answer = refusal(HostErrorKind::TooLarge, "the answer is longer than may cross");
                link.push(&ToChild::HostReply { id, answer });
            }
        });
        // Still under the lock, so the task cannot have looked for itself yet.
        open.host_calls.insert(id, HostCall { scope, task: task.abort_handle() });
        Ok(())
    }
}

impl Open {
    fn end_host_calls(&mut self, scope: u64) {
        self.host_calls.retain(|_, call| {
            let keep = call.scope != scope;
            if !keep {
                call.task.abort();
            }
            keep
        });
    }
}

/// Writes what is waiting: under load many frames with one system call.
pub(super) async fn write(link: Arc<Link>, mut socket: OwnedWriteHalf) {
    loop {
        let bytes = std::mem::take(&mut *lock(&link.outgoing));
        if bytes.is_empty() {
            link.written.notified().await;
            continue;
        }
        if socket.write_all(&bytes).await.is_err() {
            // The child is ending; the reading side notices and says why.
            return;
        }
        link.room.notify_waiters();
    }
}

/// Reads until the child closes the socket (`Ok`) or says something that is not a frame.
pub(super) async fn read(
    link: Arc<Link>,
    mut socket: OwnedReadHalf,
    mut splitter: Splitter,
) -> Result<(), String> {
    let mut chunk = vec![0; 64 << 10];
    loop {
        while let Some(raw) = splitter.next_frame().map_err(|e| e.to_string())? {
            link.handle(ToParent::decode(&raw).map_err(|e| e.to_string())?)?;
        }
        match socket.read(&mut chunk).await {
            Ok(0) | Err(_) => return Ok(()),
            Ok(read) => splitter.feed(chunk.get(..read).unwrap_or_default()),
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

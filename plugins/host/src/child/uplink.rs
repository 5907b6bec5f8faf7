//! What the child has to say: one buffer, written out by whoever is there first.

use std::cell::Cell;
use std::collections::HashMap;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex};

use juzhen_abi::message::HostErrorKind;
use rustix::net::SendFlags;

use super::MOST_HOST_CALLS;
use crate::boundary::host::Uplink;
use crate::boundary::lock;
use crate::boundary::reply::{HostAnswer, ReplySlot, refusal};
use crate::wire::ToParent;

/// Bytes that may wait for the daemon. Beyond it capability calls are refused.
const MOST_WAITING: usize = 32 << 20;
/// Log lines stop much earlier: they must not push anything else out.
const MOST_WAITING_LOG: usize = 1 << 20;
const LONGEST_LOG: usize = 64 << 10;

thread_local! {
    /// True on the executor's thread, which sends at the end of each round: many frames, one system call.
    static SENDS_LATER: Cell<bool> = const { Cell::new(false) };
}

/// Frames on their way to the daemon.
pub(super) struct Outbox {
    socket: Arc<OwnedFd>,
    /// Wakes the I/O thread when the socket did not take everything.
    backlog: OwnedFd,
    waiting: Mutex<Waiting>,
}

#[derive(Default)]
struct Waiting {
    bytes: Vec<u8>,
    sent: usize,
}

impl Outbox {
    pub(super) fn new(socket: Arc<OwnedFd>, backlog: OwnedFd) -> Arc<Self> {
        Arc::new(Self { socket, backlog, waiting: Mutex::default() })
    }

    pub(super) fn backlog(&self) -> &OwnedFd {
        &self.backlog
    }

    /// False when the frame is too long, or when `most` bytes are waiting already.
    pub(super) fn push(&self, frame: &ToParent, most: usize) -> bool {
        let pushed = {
            let mut waiting = lock(&self.waiting);
            waiting.bytes.len() < most && frame.encode(&mut waiting.bytes)
        };
        if pushed && !SENDS_LATER.get() {
            self.flush();
        }
        pushed
    }

    /// Sends what the socket takes; the rest is left to the I/O thread. Never waits.
    pub(super) fn flush(&self) {
        if self.try_flush() {
            return;
        }
        // A full event counter is a wake-up as well.
        let _ = rustix::io::write(&self.backlog, &1_u64.to_ne_bytes());
    }

    /// False when something is left.
    pub(super) fn try_flush(&self) -> bool {
        let mut waiting = lock(&self.waiting);
        while let Some(rest) = waiting.bytes.get(waiting.sent..).filter(|rest| !rest.is_empty()) {
            match rustix::net::send(&*self.socket, rest, SendFlags::DONTWAIT | SendFlags::NOSIGNAL) {
                Ok(sent) => waiting.sent += sent,
                Err(rustix::io::Errno::INTR) => {}
                Err(rustix::io::Errno::AGAIN) => return false,
                // The daemon is gone: the I/O thread sees that too and ends the process.
                Err(_) => break,
            }
        }
        waiting.sent = 0;
        waiting.bytes.clear();
        waiting.bytes.shrink_to(64 << 10);
        true
    }
}

/// Capability calls of the adapter, as frames.
pub(super) struct ChildUplink {
    outbox: Arc<Outbox>,
    open: Mutex<HashMap<u64, (u64, Arc<ReplySlot>)>>,
}

impl ChildUplink {
    pub(super) fn new(outbox: Arc<Outbox>) -> Arc<Self> {
        Arc::new(Self { outbox, open: Mutex::default() })
    }

    /// Marks this thread as the one that sends at the end of its rounds.
    pub(super) fn sends_later() {
        SENDS_LATER.set(true);
    }

    /// An answer of the daemon. Runs the adapter's waker.
    pub(super) fn answered(&self, id: u64, answer: HostAnswer) {
        let slot = lock(&self.open).remove(&id);
        if let Some((_, slot)) = slot {
            slot.complete(answer);
        }
    }

    /// The operation has ended: what it left open gets no answer any more. Runs the adapter's wakers.
    pub(super) fn scope_ended(&self, scope: u64) {
        let mut left = Vec::new();
        lock(&self.open).retain(|_, (of, slot)| {
            let keep = *of != scope;
            if !keep {
                left.push(Arc::clone(slot));
            }
            keep
        });
        for slot in left {
            slot.complete(refusal(HostErrorKind::Cancelled, "this operation has ended"));
        }
    }
}

impl Uplink for ChildUplink {
    fn ask(&self, id: u64, scope: u64, operation: &str, request: Vec<u8>, slot: &Arc<ReplySlot>) {
        {
            let mut open = lock(&self.open);
            if open.len() >= MOST_HOST_CALLS {
                drop(open);
                let why = format!("{MOST_HOST_CALLS} capability calls are waiting already");
                return slot.complete(refusal(HostErrorKind::Denied, &why));
            }
            open.insert(id, (scope, Arc::clone(slot)));
        }
        let frame = ToParent::HostCall { id, scope, operation: operation.to_owned(), request };
        if !self.outbox.push(&frame, MOST_WAITING) {
            lock(&self.open).remove(&id);
            slot.complete(refusal(HostErrorKind::TooLarge, "too many bytes are on their way to the daemon"));
        }
    }

    fn withdraw(&self, id: u64) {
        if lock(&self.open).remove(&id).is_some() {
            self.outbox.push(&ToParent::HostCancel { id }, usize::MAX);
        }
    }

    fn log(&self, scope: u64, level: u32, message: Vec<u8>) {
        if message.len() <= LONGEST_LOG {
            self.outbox.push(&ToParent::Log { scope, level, message }, MOST_WAITING_LOG);
        }
    }

    fn clock_read(&self, scope: u64, unix_ms: i64) {
        // Bounded by the number of readings of an operation.
        self.outbox.push(&ToParent::Clock { scope, unix_ms }, usize::MAX);
    }
}

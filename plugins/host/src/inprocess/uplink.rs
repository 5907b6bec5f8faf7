//! Capability calls of an in-process adapter, carried over to the daemon's runtime in the order they were made.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use juzhen_abi::message::HostErrorKind;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

use crate::answer::LONGEST_LOG;
use crate::boundary::host::Uplink;
use crate::boundary::reply::{HostAnswer, ReplySlot, refusal};
use crate::lane::HostCalls;

const MOST_HOST_CALLS: usize = 1024;
const MOST_WAITING_LOGS: usize = 1024;

/// The adapter's side: never blocks, runs nothing of the daemon.
pub(super) struct LocalUplink {
    events: mpsc::UnboundedSender<Event>,
    counts: Arc<Counts>,
}

/// What keeps the channel bounded; clock readings are bounded per operation.
#[derive(Default)]
struct Counts {
    calls: AtomicUsize,
    logs: AtomicUsize,
}

enum Event {
    Ask { id: u64, scope: u64, operation: String, request: Vec<u8>, slot: Arc<ReplySlot> },
    Answered { id: u64, answer: HostAnswer },
    Withdraw { id: u64 },
    ScopeEnded { scope: u64 },
    Log { scope: u64, level: u32, message: Vec<u8> },
    Clock { scope: u64, unix_ms: i64 },
}

impl LocalUplink {
    /// The dispatcher runs on the current runtime; wakers of the adapter on `lane`.
    pub(super) fn start(calls: Arc<dyn HostCalls>, lane: Handle) -> Arc<Self> {
        let (events, receiver) = mpsc::unbounded_channel();
        let counts = Arc::<Counts>::default();
        let dispatcher = Dispatcher {
            calls,
            lane,
            counts: Arc::clone(&counts),
            answers: events.downgrade(),
            open: HashMap::new(),
        };
        tokio::spawn(dispatcher.run(receiver));
        Arc::new(Self { events, counts })
    }

    pub(super) fn scope_ended(&self, scope: u64) {
        self.send(Event::ScopeEnded { scope });
    }

    fn send(&self, event: Event) {
        // The dispatcher ends only with the runtime, and then nobody waits for anything.
        let _ = self.events.send(event);
    }
}

impl Uplink for LocalUplink {
    fn ask(&self, id: u64, scope: u64, operation: &str, request: Vec<u8>, slot: &Arc<ReplySlot>) {
        if self.counts.calls.fetch_add(1, Ordering::Relaxed) >= MOST_HOST_CALLS {
            self.counts.calls.fetch_sub(1, Ordering::Relaxed);
            let why = format!("{MOST_HOST_CALLS} capability calls are waiting already");
            return slot.complete(refusal(HostErrorKind::Denied, &why));
        }
        self.send(Event::Ask { id, scope, operation: operation.to_owned(), request, slot: Arc::clone(slot) });
    }

    fn withdraw(&self, id: u64) {
        self.send(Event::Withdraw { id });
    }

    fn log(&self, scope: u64, level: u32, mut message: Vec<u8>) {
        if self.counts.logs.fetch_add(1, Ordering::Relaxed) < MOST_WAITING_LOGS {
            message.truncate(LONGEST_LOG);
            self.send(Event::Log { scope, level: level.clamp(1, 5), message });
        } else {
            self.counts.logs.fetch_sub(1, Ordering::Relaxed);
        }
    }

    fn clock_read(&self, scope: u64, unix_ms: i64) {
        self.send(Event::Clock { scope, unix_ms });
    }
}

/// The daemon's side.
struct Dispatcher {
    calls: Arc<dyn HostCalls>,
    lane: Handle,
    counts: Arc<Counts>,
    /// Weak: the channel ends when the adapter is gone.
    answers: mpsc::WeakUnboundedSender<Event>,
    open: HashMap<u64, OpenCall>,
}

struct OpenCall {
    scope: u64,
    slot: Arc<ReplySlot>,
    task: AbortHandle,
}

impl Dispatcher {
    async fn run(mut self, mut events: mpsc::UnboundedReceiver<Event>) {
        while let Some(event) = events.recv().await {
            self.handle(event);
        }
        for call in self.open.into_values() {
            call.task.abort();
        }
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Ask { id, scope, operation, request, slot } => {
                let answer = self.calls.call(scope, operation, request);
                let answers = self.answers.clone();
                let task = tokio::spawn(async move {
                    let answer = answer.await;
                    if let Some(answers) = answers.upgrade() {
                        let _ = answers.send(Event::Answered { id, answer });
                    }
                });
                self.open.insert(id, OpenCall { scope, slot, task: task.abort_handle() });
            }
            Event::Answered { id, answer } => self.close(id, answer),
            Event::Withdraw { id } => {
                self.close(id, refusal(HostErrorKind::Cancelled, "withdrawn"));
            }
            Event::ScopeEnded { scope } => {
                let left: Vec<u64> =
                    self.open.iter().filter(|(_, call)| call.scope == scope).map(|(&id, _)| id).collect();
                for id in left {
                    self.close(id, refusal(HostErrorKind::Cancelled, "this operation has ended"));
                }
            }
            Event::Log { scope, level, message } => {
                self.counts.logs.fetch_sub(1, Ordering::Relaxed);
                self.calls.log(scope, level, message);
            }
            Event::Clock { scope, unix_ms } => self.calls.clock_read(scope, unix_ms),
        }
    }

    /// Ends the call where it stands; the waker behind the slot is code of the adapter and runs on its runtime.
    fn close(&mut self, id: u64, answer: HostAnswer) {
        if let Some(call) = self.open.remove(&id) {
            self.counts.calls.fetch_sub(1, Ordering::Relaxed);
            call.task.abort();
            self.lane.spawn(async move { call.slot.complete(answer) });
        }
    }
}

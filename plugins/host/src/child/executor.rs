//! Runs the adapter's futures, one thread, nothing else on it.

use std::collections::{HashMap, VecDeque};
use std::future::Future as _;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::Instant;

use super::uplink::{ChildUplink, Outbox};
use crate::boundary::entry::ForeignInstance;
use crate::boundary::future::{ForeignFuture, Outcome};
use crate::boundary::lock;
use crate::boundary::reply::HostAnswer;
use crate::boundary::scope::Scopes;
use crate::lane::ScopeSeed;
use crate::wire::{Answer, ToParent};

/// What the executor has to do.
pub(super) enum Event {
    Call { id: u64, scope: u64, operation: String, replay: ScopeSeed, request: Vec<u8> },
    Cancel { id: u64 },
    HostReply { id: u64, answer: HostAnswer },
    Wake { id: u64 },
    Shutdown,
}

/// Events for the executor, from any thread. Its length is bounded by the calls and capability calls in flight.
pub(super) struct Inbox {
    events: Mutex<VecDeque<Event>>,
    executor: Thread,
}

impl Inbox {
    /// For an executor that will run on the current thread.
    pub(super) fn for_this_thread() -> Arc<Self> {
        Arc::new(Self { events: Mutex::default(), executor: std::thread::current() })
    }

    /// Appends events and empties the list.
    pub(super) fn push_all(&self, events: &mut Vec<Event>) {
        if events.is_empty() {
            return;
        }
        lock(&self.events).extend(events.drain(..));
        self.executor.unpark();
    }

    fn push(&self, event: Event) {
        lock(&self.events).push_back(event);
        self.executor.unpark();
    }
}

/// What the I/O thread tells the daemon about the executor.
pub(super) struct Progress {
    since: Instant,
    /// When the running piece of adapter code began, in milliseconds after `since`, plus 1; 0 when none runs.
    began: AtomicU64,
    in_flight: AtomicU32,
}

impl Progress {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self { since: Instant::now(), began: AtomicU64::new(0), in_flight: AtomicU32::new(0) })
    }

    /// Runs code of the adapter.
    pub(super) fn watch<T>(&self, run: impl FnOnce() -> T) -> T {
        self.began.store(self.now_ms() + 1, Ordering::Relaxed);
        let result = run();
        self.began.store(0, Ordering::Relaxed);
        result
    }

    pub(super) fn stuck_ms(&self) -> u64 {
        match self.began.load(Ordering::Relaxed) {
            0 => 0,
            began => (self.now_ms() + 1).saturating_sub(began),
        }
    }

    pub(super) fn in_flight(&self) -> u32 {
        self.in_flight.load(Ordering::Relaxed)
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

pub(super) struct Executor {
    pub(super) instance: Arc<ForeignInstance>,
    pub(super) scopes: Arc<Scopes>,
    pub(super) uplink: Arc<ChildUplink>,
    pub(super) outbox: Arc<Outbox>,
    pub(super) inbox: Arc<Inbox>,
    pub(super) progress: Arc<Progress>,
    pub(super) tasks: HashMap<u64, Task>,
}

/// One operation.
pub(super) struct Task {
    scope: u64,
    future: ForeignFuture,
    alarm: Arc<Alarm>,
}

/// Puts its task on the list, once until it is polled.
struct Alarm {
    id: u64,
    rung: AtomicBool,
    inbox: Arc<Inbox>,
}

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.rung.swap(true, Ordering::AcqRel) {
            self.inbox.push(Event::Wake { id: self.id });
        }
    }
}

impl Executor {
    /// Until the daemon says SHUTDOWN. What is left then is dropped, and the instance destroyed.
    pub(super) fn run(mut self) {
        ChildUplink::sends_later();
        let mut events = VecDeque::new();
        loop {
            std::mem::swap(&mut *lock(&self.inbox.events), &mut events);
            if events.is_empty() {
                std::thread::park();
                continue;
            }
            while let Some(event) = events.pop_front() {
                if matches!(event, Event::Shutdown) {
                    return;
                }
                self.handle(event);
            }
            let in_flight = u32::try_from(self.tasks.len()).unwrap_or(u32::MAX);
            self.progress.in_flight.store(in_flight, Ordering::Relaxed);
            self.outbox.flush();
        }
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Call { id, scope, operation, replay, request } => {
                self.start(id, scope, &operation, replay, &request);
            }
            Event::Cancel { id } => self.cancel(id),
            Event::HostReply { id, answer } => {
                self.progress.watch(|| self.uplink.answered(id, answer));
            }
            Event::Wake { id } => self.poll(id),
            Event::Shutdown => {}
        }
    }

    fn start(&mut self, id: u64, scope: u64, operation: &str, replay: ScopeSeed, request: &[u8]) {
        if !self.scopes.begin(scope, replay) {
            return self.done(id, Answer::Malformed(format!("scope {scope} is in use")));
        }
        match self.progress.watch(|| self.instance.call(scope, operation, request)) {
            Ok(future) => {
                let alarm =
                    Arc::new(Alarm { id, rung: AtomicBool::new(false), inbox: Arc::clone(&self.inbox) });
                self.tasks.insert(id, Task { scope, future, alarm });
                self.poll(id);
            }
            Err(why) => self.finish(id, scope, Answer::Malformed(why)),
        }
    }

    fn poll(&mut self, id: u64) {
        // A wake-up may come after the end of its task.
        let Some(task) = self.tasks.get_mut(&id) else { return };
        task.alarm.rung.store(false, Ordering::Release);
        let waker = Waker::from(Arc::clone(&task.alarm));
        let future = Pin::new(&mut task.future);
        let polled = self.progress.watch(|| future.poll(&mut Context::from_waker(&waker)));
        let Poll::Ready(outcome) = polled else { return };
        let scope = task.scope;
        self.tasks.remove(&id);
        self.finish(
            id,
            scope,
            match outcome {
                Outcome::Ok(answer) => Answer::Ok(answer),
                Outcome::Error(error) => Answer::Error(error),
                Outcome::Panicked(panic) => Answer::Panicked(panic),
                Outcome::Malformed(why) => Answer::Malformed(why),
            },
        );
    }

    fn cancel(&mut self, id: u64) {
        // It may have ended while the cancellation was on its way.
        if let Some(task) = self.tasks.remove(&id) {
            let scope = task.scope;
            self.progress.watch(|| drop(task));
            self.finish(id, scope, Answer::Cancelled);
        }
    }

    fn finish(&self, id: u64, scope: u64, answer: Answer) {
        self.scopes.end(scope);
        self.progress.watch(|| self.uplink.scope_ended(scope));
        self.done(id, answer);
    }

    fn done(&self, id: u64, answer: Answer) {
        if !self.outbox.push(&ToParent::Done { id, answer }, usize::MAX) {
            let answer = Answer::Malformed("an answer longer than a frame".into());
            self.outbox.push(&ToParent::Done { id, answer }, usize::MAX);
        }
    }
}

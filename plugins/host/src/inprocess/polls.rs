//! Which pieces of adapter code are running, and since when.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Instant;

use crate::boundary::future::{ForeignFuture, Outcome};
use crate::boundary::lock;

#[derive(Default)]
pub(super) struct Polls {
    next: AtomicU64,
    running: Mutex<HashMap<u64, Instant>>,
}

impl Polls {
    /// Runs code of the adapter.
    pub(super) fn watch<T>(&self, run: impl FnOnce() -> T) -> T {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        lock(&self.running).insert(id, Instant::now());
        let result = run();
        lock(&self.running).remove(&id);
        result
    }

    /// For how long the oldest running piece has been running.
    pub(super) fn longest_ms(&self) -> u64 {
        let longest = lock(&self.running).values().map(Instant::elapsed).max().unwrap_or_default();
        u64::try_from(longest.as_millis()).unwrap_or(u64::MAX)
    }
}

/// The future, each of its polls and its drop watched.
pub(super) fn watched(future: ForeignFuture, polls: Arc<Polls>) -> impl Future<Output = Outcome> + Send {
    Watched { future: Some(future), polls }
}

struct Watched {
    future: Option<ForeignFuture>,
    polls: Arc<Polls>,
}

impl Future for Watched {
    type Output = Outcome;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Outcome> {
        let this = self.get_mut();
        match &mut this.future {
            Some(future) => this.polls.watch(|| Pin::new(future).poll(cx)),
            None => Poll::Ready(Outcome::Malformed("polled after its end".into())),
        }
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        let future = self.future.take();
        self.polls.watch(|| drop(future));
    }
}

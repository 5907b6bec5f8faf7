//! The place of one adapter by name: which lane serves it now, and how a call gets onto it.
//!
//! A *line* is one version of the file; a *generation* is one process of a line. A crash replaces the generation, a new
//! file the line.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use juzhen_abi::message::Manifest;
use tokio::sync::{Notify, OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock, Semaphore};
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

use crate::changing::Changing;
use crate::journal::lock;
use crate::lane::Lane;
use crate::outcome::Failure;
use crate::scope::Scopes;

/// One process of an adapter.
pub(crate) struct Generation {
    pub(crate) lane: Arc<dyn Lane>,
    pub(crate) manifest: Arc<Manifest>,
    pub(crate) scopes: Arc<Scopes>,
    /// After a quarantine: takes one call at a time until one went well.
    pub(crate) probation: AtomicBool,
    active: AtomicUsize,
    closed: AtomicBool,
    left: Notify,
}

impl Generation {
    pub(crate) fn new(lane: Arc<dyn Lane>, scopes: Arc<Scopes>) -> Self {
        let manifest = Arc::new(lane.manifest().clone());
        Self {
            lane,
            manifest,
            scopes,
            probation: AtomicBool::new(false),
            active: AtomicUsize::new(0),
            closed: AtomicBool::new(false),
            left: Notify::new(),
        }
    }

    /// `None` once it drains: the next one is there already.
    pub(crate) fn enter(self: &Arc<Self>) -> Option<Entered> {
        self.active.fetch_add(1, Ordering::SeqCst);
        let entered = Entered { generation: Arc::clone(self) };
        // Counted before the look, so that `drained` cannot miss a call that saw it open.
        (!self.closed.load(Ordering::SeqCst)).then_some(entered)
    }

    /// Takes no new call from now on.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
    }

    /// Takes no new call and waits for those inside, at most this long.
    pub(crate) async fn drained(&self, at_most: Duration) {
        self.close();
        let empty = async {
            loop {
                let left = self.left.notified();
                tokio::pin!(left);
                left.as_mut().enable();
                if self.active.load(Ordering::SeqCst) == 0 {
                    return;
                }
                left.await;
            }
        };
        // Whoever is still inside gets `Gone` from the lane.
        let _elapsed = tokio::time::timeout(at_most, empty).await;
    }
}

/// A call inside a generation.
pub(crate) struct Entered {
    pub(crate) generation: Arc<Generation>,
}

impl Drop for Entered {
    fn drop(&mut self) {
        self.generation.active.fetch_sub(1, Ordering::SeqCst);
        self.generation.left.notify_waiters();
    }
}

/// What serves an adapter now.
#[derive(Clone)]
pub(crate) enum State {
    Serving(Arc<Generation>),
    /// Calls wait. `at` in milliseconds since 1970 UTC.
    Restarting {
        at: i64,
    },
    /// Calls are refused until then.
    Quarantined {
        until: i64,
    },
    Closed,
}

/// One version of an adapter's file.
#[derive(Clone)]
pub(crate) struct Line {
    pub(crate) manifest: Arc<Manifest>,
    pub(crate) sha256: String,
    pub(crate) path: PathBuf,
    pub(crate) file_missing: bool,
    /// Cancelled when another line has taken over.
    pub(crate) retired: CancellationToken,
}

/// One adapter by name.
pub(crate) struct Slot {
    pub(crate) name: String,
    pub(crate) line: Mutex<Line>,
    pub(crate) state: Changing<State>,
    pub(crate) counters: Counters,
    /// Crashes within the window, shared by all lines: a new file does not forget them, but starts serving at once.
    pub(crate) crashed_at: Mutex<VecDeque<Instant>>,
    pub(crate) in_flight: Semaphore,
    pub(crate) most_in_flight: usize,
    alone: Arc<RwLock<()>>,
}

#[derive(Default)]
pub(crate) struct Counters {
    pub(crate) calls: AtomicU64,
    pub(crate) crashes: AtomicU64,
    pub(crate) timeouts: AtomicU64,
    pub(crate) restarts: AtomicU64,
}

pub(crate) fn add_one(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// Leave to run one call; a suspect runs alone.
pub(crate) struct Admitted {
    pub(crate) entered: Entered,
    _turn: Turn,
}

enum Turn {
    Beside { _guard: OwnedRwLockReadGuard<()> },
    Alone { _guard: OwnedRwLockWriteGuard<()> },
}

impl Slot {
    pub(crate) fn new(name: String, line: Line, generation: Arc<Generation>, most_in_flight: usize) -> Self {
        Self {
            name,
            line: Mutex::new(line),
            state: Changing::new(State::Serving(generation)),
            counters: Counters::default(),
            crashed_at: Mutex::default(),
            in_flight: Semaphore::new(most_in_flight),
            most_in_flight,
            alone: Arc::default(),
        }
    }

    /// Waits until the adapter serves, but not beyond `deadline`. A suspect was inside when a process crashed: such
    /// calls run one at a time and beside nothing else, so that the next crash shows which one it was.
    pub(crate) async fn admit(&self, suspect: bool, deadline: Instant) -> Result<Admitted, Failure> {
        loop {
            let alone = suspect || self.on_probation();
            let turn = timeout_at(deadline, self.turn(alone)).await.map_err(|_| Failure::TimedOut)?;
            let generation = timeout_at(deadline, self.serving()).await.map_err(|_| Failure::TimedOut)??;
            if generation.probation.load(Ordering::Relaxed) && !alone {
                continue;
            }
            // Otherwise it was replaced just now, and the next look finds the new one.
            if let Some(entered) = generation.enter() {
                return Ok(Admitted { entered, _turn: turn });
            }
        }
    }

    async fn turn(&self, alone: bool) -> Turn {
        let lock = Arc::clone(&self.alone);
        if alone {
            Turn::Alone { _guard: lock.write_owned().await }
        } else {
            Turn::Beside { _guard: lock.read_owned().await }
        }
    }

    fn on_probation(&self) -> bool {
        self.state.look(|state| matches!(state, State::Serving(generation) if generation.probation.load(Ordering::Relaxed)))
    }

    async fn serving(&self) -> Result<Arc<Generation>, Failure> {
        let now = |state: &State| match state {
            State::Serving(generation) if !generation.closed.load(Ordering::SeqCst) => {
                Some(Ok(Arc::clone(generation)))
            }
            State::Quarantined { until } => Some(Err(Failure::Quarantined { until: *until })),
            State::Closed => Some(Err(stopping())),
            // A call has seen it crash before its supervisor did: the next state comes at once.
            State::Serving(_) | State::Restarting { .. } => None,
        };
        self.state.when(now).await
    }

    /// Changes the state unless another line has taken over.
    pub(crate) fn set_state(&self, retired: &CancellationToken, next: State) -> bool {
        self.state.change(|state| {
            // Looked at under the lock under which a swap retires the line.
            let ours = !retired.is_cancelled();
            if ours {
                *state = next;
            }
            ours
        })
    }

    /// Puts a new line in place of the old one and gives back the generation that has to drain, if one was serving.
    pub(crate) fn swap(&self, line: Line, generation: Arc<Generation>) -> Option<Arc<Generation>> {
        let mut previous = None;
        self.state.change(|state| {
            let mut current = lock(&self.line);
            current.retired.cancel();
            *current = line;
            if let State::Serving(old) = std::mem::replace(state, State::Serving(generation)) {
                previous = Some(old);
            }
        });
        previous
    }

    /// Refuses calls from now on.
    pub(crate) fn close(&self) -> Option<Arc<Generation>> {
        let mut previous = None;
        self.state.change(|state| {
            lock(&self.line).retired.cancel();
            if let State::Serving(old) = std::mem::replace(state, State::Closed) {
                previous = Some(old);
            }
        });
        previous
    }
}

fn stopping() -> Failure {
    Failure::NotNow { reason: "the daemon is stopping".to_owned() }
}

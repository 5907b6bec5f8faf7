//! What an operator can set, each with its unit and the default that a district needs no reason to change.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::crossing::Recorder;
use crate::lane::{Isolation, LaneOptions};

/// How the host runs.
#[derive(Debug, Clone)]
pub struct HostOptions {
    /// The folder whose `*.so` files are the adapters.
    pub adapters_dir: PathBuf,
    /// How each of them is carried: isolation, limits, start budget.
    pub lane: LaneOptions,
    /// Adapters, by name, that are isolated otherwise than `lane` says.
    pub isolation_of: BTreeMap<String, Isolation>,
    pub egress: EgressOptions,
    pub budgets: Budgets,
    pub supervision: Supervision,
    pub watch: WatchOptions,
    /// Told of everything that crosses between adapters and the daemon: for authors who record cassettes.
    pub recorder: Option<Recorder>,
    /// Instead of the folder's files.
    #[cfg(any(test, feature = "simulation"))]
    pub simulated: Option<crate::simulated::Simulated>,
}

impl HostOptions {
    /// The defaults for the adapters of this folder.
    pub fn new(adapters_dir: impl Into<PathBuf>) -> Self {
        Self {
            adapters_dir: adapters_dir.into(),
            lane: LaneOptions::default(),
            isolation_of: BTreeMap::new(),
            egress: EgressOptions::default(),
            budgets: Budgets::default(),
            supervision: Supervision::default(),
            watch: WatchOptions::default(),
            recorder: None,
            #[cfg(any(test, feature = "simulation"))]
            simulated: None,
        }
    }

    /// The same, with the adapters inside this process.
    #[must_use]
    pub fn in_process(mut self) -> Self {
        self.lane.isolation = Isolation::InProcess;
        self
    }
}

/// What may leave, and how long it may take.
#[derive(Debug, Clone)]
pub struct EgressOptions {
    /// Loopback and private addresses, plain http and any port: for the sandbox and tests, never for a district (C29).
    pub allow_private: bool,
    /// Longest body of an answer; a longer one counts as no answer (F55).
    pub response_bytes: usize,
    /// Longest a request may take in all, however slowly the answer drips (F54).
    pub total: Duration,
    /// Longest to wait for a connection, TLS included.
    pub connect: Duration,
    /// For tests: told where each request with a body is on its way out.
    pub progress: Option<Progress>,
}

/// Where a request is on its way out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leaving {
    /// Its head has left; nothing of its body has.
    Head,
    /// Half of the body has left.
    Half,
    /// All of it has left; the answer was not looked at.
    Whole,
}

/// Told of requests on their way out; may end the process, that is what it is for.
#[derive(Clone)]
pub struct Progress(Arc<dyn Fn(Leaving) + Send + Sync>);

impl Progress {
    pub fn new(told: impl Fn(Leaving) + Send + Sync + 'static) -> Self {
        Self(Arc::new(told))
    }

    pub(crate) fn tell(&self, leaving: Leaving) {
        (self.0)(leaving);
    }
}

impl std::fmt::Debug for Progress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Progress")
    }
}

impl Default for EgressOptions {
    fn default() -> Self {
        Self {
            allow_private: false,
            response_bytes: 1 << 20,
            total: Duration::from_secs(30),
            connect: Duration::from_secs(10),
            progress: None,
        }
    }
}

/// How much an adapter may use.
#[derive(Debug, Clone, Copy)]
pub struct Budgets {
    /// Calls of one adapter at a time; one more is answered with `Overloaded`.
    pub in_flight: usize,
    /// Capability calls of one operation.
    pub host_calls: u32,
    /// Log lines and bytes of one operation.
    pub log_lines: u32,
    pub log_bytes: usize,
    /// One value of the key-value store, and its key.
    pub value_bytes: usize,
    pub key_bytes: usize,
    /// Values one operation may change.
    pub values: usize,
}

impl Default for Budgets {
    fn default() -> Self {
        Self {
            in_flight: 256,
            host_calls: 1000,
            log_lines: 200,
            log_bytes: 64 << 10,
            value_bytes: 64 << 10,
            key_bytes: 256,
            values: 100,
        }
    }
}

/// When an adapter is restarted, killed or put to rest.
#[derive(Debug, Clone, Copy)]
pub struct Supervision {
    /// How often the health of a child is looked at.
    pub poll_every: Duration,
    /// Stuck this long: a warning.
    pub stuck_warn: Duration,
    /// Stuck this long: SIGKILL (F72).
    pub stuck_kill: Duration,
    /// Pause before the first restart; doubled for each further crash, with jitter.
    pub restart_first: Duration,
    pub restart_most: Duration,
    /// This many crashes within `crash_window` put it into quarantine.
    pub crashes: usize,
    pub crash_window: Duration,
    /// First rest; doubled each time the single probe call after it crashes again.
    pub quarantine: Duration,
    pub quarantine_most: Duration,
    /// After a cancelled or crashed call: how long a request on its way may take to be heard of.
    pub grace: Duration,
    /// How long calls on a replaced adapter may go on.
    pub drain: Duration,
}

impl Default for Supervision {
    fn default() -> Self {
        Self {
            poll_every: Duration::from_millis(250),
            stuck_warn: Duration::from_secs(2),
            stuck_kill: Duration::from_secs(10),
            restart_first: Duration::from_millis(100),
            restart_most: Duration::from_secs(30),
            crashes: 5,
            crash_window: Duration::from_secs(60),
            quarantine: Duration::from_secs(60),
            quarantine_most: Duration::from_secs(3600),
            grace: Duration::from_secs(1),
            drain: Duration::from_secs(60),
        }
    }
}

/// How the folder is watched.
#[derive(Debug, Clone, Copy)]
pub struct WatchOptions {
    /// A file is read once its size and time of change stayed the same this long: copy tools do not rename.
    pub settle: Duration,
    /// Looked at this often even without an event.
    pub poll_every: Duration,
    /// A refused file is tried again this long after its last try: a wrong mode, a lack of processes or a slow start
    /// may be over without the file having changed.
    pub retry_refused: Duration,
}

impl Default for WatchOptions {
    fn default() -> Self {
        Self {
            settle: Duration::from_millis(500),
            poll_every: Duration::from_secs(2),
            retry_refused: Duration::from_secs(30),
        }
    }
}

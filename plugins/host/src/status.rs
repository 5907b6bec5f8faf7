//! What an operator sees of each adapter, the refused files included.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use juzhen_abi::message::{Limits, Manifest};

use crate::journal::lock;
use crate::lane::IsolationReport;
use crate::registry::{Refused, Registry};
use crate::slot::{Counters, Slot, State};

/// One adapter, or one file that is not one.
#[derive(Debug, Clone)]
pub struct AdapterStatus {
    pub name: String,
    pub version: String,
    pub platform: String,
    /// Chinese name for people.
    pub title: String,
    /// Empty when the file could not be read.
    pub sha256: String,
    pub file: PathBuf,
    /// It serves from its private copy; the file itself is gone.
    pub file_missing: bool,
    /// `None` while no process runs.
    pub isolation: Option<IsolationReport>,
    pub state: AdapterState,
    pub operations: Vec<String>,
    pub limits: Limits,
    /// `None` for a refused file.
    pub manifest: Option<Arc<Manifest>>,
    /// Of the child, when it has one.
    pub pid: Option<u32>,
    /// Resident memory of the child in bytes.
    pub rss: u64,
    /// Calls under way, waiting ones included.
    pub in_flight: usize,
    /// Since the daemon started:
    pub calls: u64,
    pub crashes: u64,
    pub timeouts: u64,
    pub restarts: u64,
}

/// Whether it takes calls. Times in milliseconds since 1970 UTC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AdapterState {
    Serving,
    /// It crashed; calls wait.
    Restarting {
        at: i64,
    },
    /// It crashed too often; calls are refused until a probe goes well.
    Quarantined {
        until: i64,
    },
    /// This file is not running. Another file of the same adapter may be.
    Refused {
        reason: String,
    },
}

pub(crate) fn all(registry: &Registry) -> Vec<AdapterStatus> {
    let refused = registry.refused().into_iter().map(|(file, refused)| of_refused(file, refused));
    registry.slots().iter().map(|slot| of_slot(slot)).chain(refused).collect()
}

/// Whether it takes calls now; the cheap part of [`all`], asked before every claim.
pub(crate) fn serves(slot: &Slot) -> bool {
    slot.state.look(|state| matches!(state, State::Serving(_)))
}

fn of_slot(slot: &Slot) -> AdapterStatus {
    let line = lock(&slot.line).clone();
    let now = slot.state.look(State::clone);
    let Counters { calls, crashes, timeouts, restarts } = &slot.counters;
    let (mut isolation, mut pid, mut rss) = (None, None, 0);
    let state = match now {
        State::Serving(generation) => {
            let health = generation.lane.health();
            (isolation, pid, rss) = (Some(generation.lane.isolation().clone()), health.pid, health.rss_bytes);
            AdapterState::Serving
        }
        State::Restarting { at } => AdapterState::Restarting { at },
        State::Quarantined { until } => AdapterState::Quarantined { until },
        State::Closed => AdapterState::Refused { reason: "the daemon is stopping".to_owned() },
    };
    AdapterStatus {
        name: slot.name.clone(),
        version: line.manifest.version.clone(),
        platform: line.manifest.platform.clone(),
        title: line.manifest.title.clone(),
        sha256: line.sha256,
        file: line.path,
        file_missing: line.file_missing,
        isolation,
        state,
        operations: line.manifest.operations.clone(),
        limits: line.manifest.limits.clone(),
        manifest: Some(line.manifest),
        pid,
        rss,
        in_flight: slot.most_in_flight.saturating_sub(slot.in_flight.available_permits()),
        calls: calls.load(Ordering::Relaxed),
        crashes: crashes.load(Ordering::Relaxed),
        timeouts: timeouts.load(Ordering::Relaxed),
        restarts: restarts.load(Ordering::Relaxed),
    }
}

fn of_refused(file: PathBuf, refused: Refused) -> AdapterStatus {
    let Refused { name, reason, sha256 } = refused;
    AdapterStatus {
        name,
        version: String::new(),
        platform: String::new(),
        title: String::new(),
        sha256: sha256.unwrap_or_default(),
        file,
        file_missing: false,
        isolation: None,
        state: AdapterState::Refused { reason },
        operations: Vec::new(),
        limits: Limits::default(),
        manifest: None,
        pid: None,
        rss: 0,
        in_flight: 0,
        calls: 0,
        crashes: 0,
        timeouts: 0,
        restarts: 0,
    }
}

//! What everybody in one simulated world shares.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use juzhen_store::{InMemory, Store};
use tempfile::TempDir;

use crate::book::Book;
use crate::chance::Chance;
use crate::clocks::Clocks;
use crate::district::Memory;
use crate::fired::Fired;
use crate::horizon::Horizon;
use crate::plan::Plan;
use crate::platform::Platform;
use crate::time::Time;
use crate::trace::Trace;

/// Cheap to clone.
#[derive(Clone)]
pub(crate) struct Scene {
    pub(crate) time: Time,
    pub(crate) chance: Chance,
    pub(crate) fired: Fired,
    pub(crate) trace: Trace,
    pub(crate) platform: Platform,
    pub(crate) database: InMemory,
    /// The database as those see it who only look.
    pub(crate) view: Arc<dyn Store>,
    pub(crate) horizon: Horizon,
    pub(crate) files: Arc<Memory>,
    pub(crate) book: Book,
    pub(crate) plan: Arc<Plan>,
    /// How many share the database.
    pub(crate) daemons: u64,
    /// The one daemon locks others out, as one does on a file; else leases say who is there.
    pub(crate) alone: bool,
    pub(crate) clocks: Clocks,
    /// Where each daemon keeps how far the history went, in a world whose database is put back.
    pub(crate) marks: Option<Arc<TempDir>>,
    pub(crate) calm: Arc<AtomicBool>,
    /// Daemons that begin now have leases that run out within one call (F37).
    pub(crate) hurried: Arc<AtomicBool>,
}

impl Scene {
    /// No more faults.
    pub(crate) fn calm_down(&self) {
        self.calm.store(true, Ordering::SeqCst);
        self.platform.calm_down();
        self.clocks.set_right();
    }

    pub(crate) fn is_calm(&self) -> bool {
        self.calm.load(Ordering::SeqCst)
    }

    pub(crate) fn is_hurried(&self) -> bool {
        self.hurried.load(Ordering::SeqCst)
    }

    pub(crate) fn mark_of(&self, daemon: u64) -> Option<PathBuf> {
        self.marks.as_ref().map(|folder| folder.path().join(format!("{daemon}")))
    }
}

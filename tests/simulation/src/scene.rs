//! What everybody in one simulated world shares.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use juzhen_store::{InMemory, Store};

use crate::book::Book;
use crate::chance::Chance;
use crate::district::Memory;
use crate::fired::Fired;
use crate::platform::Platform;
use crate::store::Broken;
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
    pub(crate) files: Arc<Memory>,
    pub(crate) book: Book,
    pub(crate) broken: Option<Broken>,
    pub(crate) calm: Arc<AtomicBool>,
}

impl Scene {
    /// No more faults.
    pub(crate) fn calm_down(&self) {
        self.calm.store(true, Ordering::SeqCst);
        self.platform.calm_down();
    }

    pub(crate) fn is_calm(&self) -> bool {
        self.calm.load(Ordering::SeqCst)
    }
}

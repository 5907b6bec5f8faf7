//! What people have said, kept by themselves and not by the daemon: which texts are approved now, and when they shall go
//! out. The judge compares with this, and with nothing that the daemon wrote.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use juzhen_domain::id::{DeliveryId, ItemId};

#[derive(Default)]
pub(crate) struct Pages {
    /// Texts that another person than the author approved, from the moment they said so.
    pub(crate) approved: BTreeMap<ItemId, BTreeSet<String>>,
    /// Taken back, from the moment the answer came.
    pub(crate) withdrawn: BTreeSet<ItemId>,
    pub(crate) cancelled: BTreeSet<DeliveryId>,
    /// The earliest of what was said for it: due and latest.
    pub(crate) times: BTreeMap<DeliveryId, (Timestamp, Timestamp)>,
    /// STOP ALL, from when the answer came until somebody began to lift it.
    pub(crate) stopped_since: Option<Timestamp>,
    pub(crate) violations: Vec<String>,
    pub(crate) acts: u64,
}

#[derive(Clone, Default)]
pub(crate) struct Book(Arc<Mutex<Pages>>);

impl Book {
    pub(crate) fn open(&self) -> MutexGuard<'_, Pages> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn violation(&self, what: String) {
        self.open().violations.push(what);
    }
}

//! What people have said, kept by themselves and not by the daemon: which texts are approved now, and when they shall go
//! out. The judge compares with this, and with nothing that the daemon wrote.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use juzhen_domain::id::{DeliveryId, ItemId};
use tokio::sync::Notify;

#[derive(Default, Clone)]
pub(crate) struct Pages {
    /// Texts that another person than the author approved, from the moment they said so.
    pub(crate) approved: BTreeMap<ItemId, BTreeSet<String>>,
    /// Taken back, from the moment the answer came.
    pub(crate) withdrawn: BTreeSet<ItemId>,
    pub(crate) cancelled: BTreeSet<DeliveryId>,
    /// The earliest of what was said for it: due and latest.
    pub(crate) times: BTreeMap<DeliveryId, (Timestamp, Timestamp)>,
    /// How many people are changing it right now.
    pub(crate) changing: BTreeMap<DeliveryId, u32>,
    /// STOP ALL, from when the answer came until somebody began to lift it.
    pub(crate) stopped_since: Option<Timestamp>,
    /// Texts that somebody posted by hand, with the account.
    pub(crate) by_hand: BTreeSet<(String, String)>,
    /// Times people said to try something again.
    pub(crate) retries: BTreeMap<DeliveryId, u32>,
    pub(crate) violations: Vec<String>,
    pub(crate) acts: u64,
}

#[derive(Clone, Default)]
pub(crate) struct Book {
    pages: Arc<Mutex<Pages>>,
    violated: Arc<Notify>,
}

impl Book {
    pub(crate) fn open(&self) -> MutexGuard<'_, Pages> {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What people said, as it was then: their own memory goes back with the database. What was judged stays.
    pub(crate) fn put_back(&self, before: Pages) {
        let mut now = self.open();
        let (violations, acts) = (std::mem::take(&mut now.violations), now.acts);
        let by_hand = std::mem::take(&mut now.by_hand);
        *now = Pages { violations, acts, by_hand, stopped_since: None, ..before };
    }

    /// Ends with the first violation.
    pub(crate) async fn violated(&self) {
        self.violated.notified().await;
    }

    pub(crate) fn violation(&self, what: String) {
        self.open().violations.push(what);
        self.violated.notify_one();
    }
}

//! How a database runs the store's logic: in which transaction, beside what, and what else it knows of itself.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use crate::error::StoreError;
use crate::slow::SLOW;
use crate::sql::Transaction;

/// A database that runs the logic in transactions.
pub trait Database: Send + Sync + 'static {
    /// Runs `work` in a transaction and answers once it is durable. `work` may be called again when the transaction has
    /// to be repeated; nothing of the earlier time is kept then.
    fn write<T, F>(
        &self,
        job: impl Into<Job> + Send,
        work: F,
    ) -> impl Future<Output = Result<T, StoreError>> + Send
    where
        T: Send + 'static,
        F: Fn(&Transaction<'_>) -> Result<T, StoreError> + Send + 'static;

    /// Runs `work` on one state of the database.
    fn read<T, F>(
        &self,
        attempted: &'static str,
        work: F,
    ) -> impl Future<Output = Result<T, StoreError>> + Send
    where
        T: Send + 'static,
        F: Fn(&Transaction<'_>) -> Result<T, StoreError> + Send + 'static;

    /// What takes so long makes the time old that its caller came with (F33).
    fn slow(&self) -> Duration {
        SLOW
    }

    /// What is known of other daemons on it.
    fn presence(&self) -> Presence {
        Presence::AmongOthers
    }

    /// [`Store::is_in_order`].
    fn is_in_order(&self) -> bool {
        false
    }

    /// Whether it is still the database that was opened; asked before every ping.
    fn look(&self) -> Result<(), StoreError> {
        Ok(())
    }

    /// [`Store::room`].
    fn free_room(&self) -> impl Future<Output = Result<Option<u64>, StoreError>> + Send {
        async { Ok(None) }
    }

    /// [`Store::check`].
    fn look_through(&self) -> impl Future<Output = Result<bool, StoreError>> + Send {
        async { Ok(false) }
    }

    /// [`Store::woken`].
    fn woken(&self) -> impl Future<Output = ()> + Send {
        std::future::pending()
    }

    /// [`Store::broken`].
    fn until_broken(&self) -> impl Future<Output = String> + Send {
        std::future::pending()
    }

    /// Writes what was handed in, then takes no more.
    fn finish(&self) -> impl Future<Output = Result<(), StoreError>> + Send;
}

/// What a database knows of other daemons on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Presence {
    /// There is none: they are locked out (P18).
    Alone,
    /// There may be some, but none under this node's name: that is locked.
    Named(String),
    /// There may be some; only their leases say whether they are still there.
    AmongOthers,
}

/// What is to be done, and what may be done at the same time. A database with one writer does not ask for the second.
#[derive(Debug, Clone, Copy)]
pub struct Job {
    pub(crate) attempted: &'static str,
    pub(crate) concurrency: Concurrency,
    /// What became of a request that left, and STOP ALL: written even when the disk is full (P17).
    pub(crate) is_result: bool,
    /// Somebody waits for its commit. What is in no hurry may share the one of what comes soon after it.
    pub(crate) is_urgent: bool,
}

/// Which changes go on beside a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Concurrency {
    /// None: it reads and writes whatever it likes.
    Exclusive,
    /// Others of this kind: it changes what belongs to deliveries and locks their accounts. Those with the same key are done in
    /// the order in which they came.
    Keyed(u64),
}

impl From<&'static str> for Job {
    fn from(attempted: &'static str) -> Self {
        Self { attempted, concurrency: Concurrency::Exclusive, is_result: false, is_urgent: true }
    }
}

impl Job {
    /// Work on one delivery; its name keeps the order.
    pub(crate) fn of(attempted: &'static str, delivery: &str) -> Self {
        let mut hasher = DefaultHasher::new();
        delivery.hash(&mut hasher);
        Self {
            attempted,
            concurrency: Concurrency::Keyed(hasher.finish()),
            is_result: false,
            is_urgent: true,
        }
    }

    pub(crate) fn result(self) -> Self {
        Self { is_result: true, ..self }
    }

    pub(crate) fn in_no_hurry(self) -> Self {
        Self { is_urgent: false, ..self }
    }
}

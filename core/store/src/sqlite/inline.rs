//! The same database without threads and without a file, for a simulation: several daemons of one process share it, each
//! change is made on the task that asks for it, and every commit's fate is somebody else's to say.

use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;

use super::{Hook, driver, migrate};
use crate::error::{StoreError, failed, renamed};
use crate::front::{Database, Job};
use crate::sql::Transaction;

/// What becomes of a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It is made and answered.
    Done,
    /// It fails; nothing of it is kept.
    Fails,
    /// It is made, and the answer is lost: the caller hears an error.
    AnswerLost,
    /// The process ends before it; the caller never hears of it.
    EndsBefore,
    /// It is made, and the process ends before it hears of it.
    EndsAfter,
}

/// Says what becomes of the commit of a job, by what the job attempts.
pub type FateOf = Arc<dyn Fn(&'static str) -> Fate + Send + Sync>;

/// A database in memory. It outlives the daemons that use it, as a file would.
#[derive(Clone)]
pub struct InMemory(Arc<Mutex<Connection>>);

/// One daemon's view of it.
pub struct Inline {
    database: InMemory,
    fate: FateOf,
}

impl InMemory {
    /// An empty database with the newest schema.
    ///
    /// # Errors
    /// When SQLite has no memory for it.
    pub fn new() -> Result<Self, StoreError> {
        let connection = Connection::open_in_memory()?;
        connection.set_prepared_statement_cache_capacity(128);
        connection.execute_batch("PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF;")?;
        migrate::run(&connection, 0, &Hook::default())?;
        Ok(Self(Arc::new(Mutex::new(connection))))
    }

    /// A daemon's view, whose commits end as `fate` says.
    #[must_use]
    pub fn store(&self, fate: FateOf) -> Inline {
        Inline { database: self.clone(), fate }
    }

    fn with<T>(&self, work: impl FnOnce(&Connection) -> Result<T, StoreError>) -> Result<T, StoreError> {
        work(&self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Inline {
    /// The job's own error is answered whatever the fate: there was no commit then.
    fn change<T>(
        &self,
        fate: Fate,
        work: impl Fn(&Transaction<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.database.with(|connection| {
            // Rolled back when it is dropped.
            let transaction = connection.unchecked_transaction()?;
            let done = driver::change(connection, work)?;
            if matches!(fate, Fate::Fails | Fate::EndsBefore) {
                return Err(failed("commit", "the commit failed".into()));
            }
            transaction.commit()?;
            match fate {
                Fate::AnswerLost => Err(failed("commit", "the answer to the commit was lost".into())),
                _ => Ok(done),
            }
        })
    }
}

impl Database for Inline {
    async fn write<T, F>(&self, job: impl Into<Job> + Send, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Fn(&Transaction<'_>) -> Result<T, StoreError> + Send + 'static,
    {
        let attempted = job.into().attempted;
        let fate = (self.fate)(attempted);
        let result = self.change(fate, work);
        if matches!(fate, Fate::EndsBefore | Fate::EndsAfter) {
            drop(result);
            // Whoever simulates the end of a process drops its tasks.
            std::future::pending::<()>().await;
            return Err(StoreError::Closed);
        }
        result.map_err(|error| renamed(error, attempted))
    }

    async fn read<T, F>(&self, attempted: &'static str, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Fn(&Transaction<'_>) -> Result<T, StoreError> + Send + 'static,
    {
        let read = self.database.with(|connection| work(&Transaction::new(connection)));
        read.map_err(|error| renamed(error, attempted))
    }

    async fn finish(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

//! The same database without threads and without a file, for a simulation: several daemons of one process share it, each
//! change is made on the task that asks for it, and every commit's fate is somebody else's to say.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, MAIN_DB};

use super::driver::{self, OnClock};
use super::{Hook, migrate};
use crate::database::{Database, Job, Presence};
use crate::error::{StoreError, failed, renamed};
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

/// Says what time it is for leases and turns.
pub type ClockOf = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// A database in memory. It outlives the daemons that use it, as a file would: dropping a daemon's view is its crash.
#[derive(Clone)]
pub struct InMemory {
    connection: Arc<Mutex<Connection>>,
    clock: ClockOf,
}

/// The earliest time of each kind that rows of the database wait for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Times {
    /// What is due is tried then.
    pub due: Option<Timestamp>,
    /// What is under way was due then.
    pub under_way: Option<Timestamp>,
    /// What waited long enough is due again.
    pub waiting: Option<Timestamp>,
    /// What has not begun is too late.
    pub late: Option<Timestamp>,
    pub in_doubt: Option<Timestamp>,
    pub accepted: Option<Timestamp>,
    /// A platform is asked again about what it has published.
    pub recheck: Option<Timestamp>,
    pub notice: Option<Timestamp>,
    /// An account that could not sign in is tried again.
    pub sign_in: Option<Timestamp>,
}

/// One daemon's view of it.
pub struct Inline {
    database: InMemory,
    fate: FateOf,
    presence: Presence,
    closed: AtomicBool,
}

impl InMemory {
    /// An empty database with the newest schema, on the machine's clock.
    ///
    /// # Errors
    /// When SQLite has no memory for it.
    pub fn new() -> Result<Self, StoreError> {
        Self::on_clock(Arc::new(Timestamp::now))
    }

    /// The same on a clock of its own, as a database server has one.
    ///
    /// # Errors
    /// When SQLite has no memory for it.
    pub fn on_clock(clock: ClockOf) -> Result<Self, StoreError> {
        let mut connection = Connection::open_in_memory()?;
        connection.set_prepared_statement_cache_capacity(512);
        put(&mut connection, empty()?)?;
        connection.execute_batch("PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF;")?;
        // Else a statement is planned anew whenever a value of it could make another index the better one.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        Ok(Self { connection: Arc::new(Mutex::new(connection)), clock })
    }

    /// All of it now, as a backup has it.
    ///
    /// # Errors
    /// When SQLite has no memory for it.
    pub fn image(&self) -> Result<Vec<u8>, StoreError> {
        let mut connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(connection.serialize(MAIN_DB)?.to_vec())
    }

    /// Puts it back to what it was.
    ///
    /// # Errors
    /// When SQLite has no memory for it.
    pub fn put_back(&self, image: &[u8]) -> Result<(), StoreError> {
        put(&mut self.connection.lock().unwrap_or_else(PoisonError::into_inner), image)
    }

    /// How many rows were changed so far: while this stays the same, nothing has.
    #[must_use]
    pub fn changes(&self) -> u64 {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner).total_changes()
    }

    /// What happens next by the time alone.
    ///
    /// # Errors
    /// When SQLite fails.
    pub fn times(&self) -> Result<Times, StoreError> {
        const SQL: &str = "SELECT
            (SELECT min(next_at) FROM deliveries WHERE state = 'due'),
            (SELECT min(next_at) FROM deliveries WHERE state = 'waiting'),
            (SELECT min(latest_at) FROM deliveries INDEXED BY deliveries_that_can_be_late
                WHERE state = 'due' OR state = 'waiting' OR state = 'held'),
            (SELECT min(next_at) FROM deliveries WHERE state = 'in_doubt'),
            (SELECT min(next_at) FROM deliveries WHERE state = 'accepted'),
            (SELECT min(next_at) FROM rechecks),
            (SELECT min(next_at) FROM notices WHERE emitted_at IS NULL),
            (SELECT min(retry_at) FROM sign_ins WHERE needed_since IS NOT NULL),
            (SELECT min(next_at) FROM deliveries INDEXED BY deliveries_one_under_way
                WHERE state IN ('claimed', 'sending'))";
        let connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        let mut statement = connection.prepare_cached(SQL)?;
        Ok(statement.query_row([], |row| {
            let time = |column: usize| {
                let millis: Option<i64> = row.get(column)?;
                Ok::<_, rusqlite::Error>(millis.and_then(|millis| Timestamp::from_millisecond(millis).ok()))
            };
            Ok(Times {
                due: time(0)?,
                waiting: time(1)?,
                late: time(2)?,
                in_doubt: time(3)?,
                accepted: time(4)?,
                recheck: time(5)?,
                notice: time(6)?,
                sign_in: time(7)?,
                under_way: time(8)?,
            })
        })?)
    }

    /// A daemon's view, whose commits end as `fate` says.
    #[must_use]
    pub fn store(&self, fate: FateOf) -> Inline {
        self.seen_by(Presence::AmongOthers, fate)
    }

    /// The same for the daemon of this name: whoever had the name before is gone.
    #[must_use]
    pub fn store_of(&self, node: &str, fate: FateOf) -> Inline {
        self.seen_by(Presence::Named(node.to_owned()), fate)
    }

    /// The same for the one daemon that locks all others out, as the daemon of a file does.
    #[must_use]
    pub fn store_alone(&self, fate: FateOf) -> Inline {
        self.seen_by(Presence::Alone, fate)
    }

    fn seen_by(&self, presence: Presence, fate: FateOf) -> Inline {
        Inline { database: self.clone(), fate, presence, closed: AtomicBool::new(false) }
    }

    fn with<T>(&self, work: impl FnOnce(&OnClock<'_>) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        work(&OnClock { connection: &connection, now: (self.clock)() })
    }
}

/// A database without a row, made once in a process: the schema's history takes longer than many a simulated day.
fn empty() -> Result<&'static [u8], StoreError> {
    static EMPTY: OnceLock<Vec<u8>> = OnceLock::new();
    if let Some(image) = EMPTY.get() {
        return Ok(image);
    }
    let mut connection = Connection::open_in_memory()?;
    migrate::run(&connection, 0, &Hook::default())?;
    connection.execute("INSERT INTO meta VALUES ('environment_id', 'in memory')", [])?;
    let image = connection.serialize(MAIN_DB)?.to_vec();
    Ok(EMPTY.get_or_init(|| image))
}

fn put(connection: &mut Connection, image: &[u8]) -> Result<(), StoreError> {
    Ok(connection.deserialize_read_exact(MAIN_DB, image, image.len(), false)?)
}

/// A transaction of prepared statements. Rolled back when it is dropped.
struct Begun<'c>(&'c Connection);

impl<'c> Begun<'c> {
    fn on(connection: &'c Connection) -> rusqlite::Result<Self> {
        connection.prepare_cached("BEGIN")?.execute([])?;
        Ok(Self(connection))
    }

    fn commit(self) -> rusqlite::Result<()> {
        self.0.prepare_cached("COMMIT")?.execute([]).map(drop)
    }
}

impl Drop for Begun<'_> {
    fn drop(&mut self) {
        if !self.0.is_autocommit()
            && let Err(error) = self.0.execute_batch("ROLLBACK")
        {
            tracing::error!(%error, "Could not roll a transaction back");
        }
    }
}

impl Inline {
    fn check_open(&self) -> Result<(), StoreError> {
        if self.closed.load(Ordering::SeqCst) { Err(StoreError::Closed) } else { Ok(()) }
    }

    /// The job's own error is answered whatever the fate: there was no commit then.
    fn change<T>(
        &self,
        fate: Fate,
        work: impl Fn(&Transaction<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.database.with(|session| {
            let transaction = Begun::on(session.connection)?;
            let done = driver::change(session, work)?;
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
        self.check_open()?;
        let attempted = job.into().attempted;
        let fate = (self.fate)(attempted);
        // A bug in one rule must not end the others' daemons, as the writing thread of a file does not let it.
        let result = catch_unwind(AssertUnwindSafe(|| self.change(fate, work)))
            .unwrap_or_else(|_| Err(failed(attempted, "a rule panicked".into())));
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
        self.check_open()?;
        let read = self.database.with(|session| work(&Transaction::new(session)));
        read.map_err(|error| renamed(error, attempted))
    }

    /// Simulated time stands still while somebody asks.
    fn slow(&self) -> Duration {
        Duration::MAX
    }

    fn presence(&self) -> Presence {
        self.presence.clone()
    }

    async fn finish(&self) -> Result<(), StoreError> {
        self.closed.store(true, Ordering::SeqCst);
        Ok(())
    }
}

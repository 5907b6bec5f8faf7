//! The one thread that writes. It takes every waiting job, runs them in one transaction, each in its own savepoint, and
//! answers all of them after the commit: the cost of an fsync is shared, and nobody hears "done" before it is durable.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::error::{failed, is_disk_failure, renamed};
use super::poison::Poison;
use crate::error::StoreError;

/// How a transaction ends; the tests put a failing one in its place.
pub(super) type Commit = fn(&Connection) -> rusqlite::Result<()>;

/// Hands jobs to the writing thread.
pub(super) struct Writer {
    jobs: Mutex<Option<Sender<Message>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
    poison: Poison,
    commits: Arc<AtomicU64>,
}

impl Writer {
    /// `group`: the most jobs that share a commit.
    pub(super) fn start(
        connection: Connection,
        group: usize,
        poison: Poison,
        commit: Commit,
    ) -> std::io::Result<Self> {
        let (jobs, waiting) = mpsc::channel();
        let commits = Arc::new(AtomicU64::new(0));
        let turns = Turns {
            connection,
            group: group.max(1),
            poison: poison.clone(),
            commit,
            checkpointed: 0,
            commits: Arc::clone(&commits),
        };
        let thread =
            std::thread::Builder::new().name("store-writer".into()).spawn(move || turns.run(&waiting))?;
        Ok(Self { jobs: Mutex::new(Some(jobs)), thread: Mutex::new(Some(thread)), poison, commits })
    }

    /// Runs `work` in a transaction; returns once it is durable.
    pub(super) async fn write<T, F>(&self, attempted: &'static str, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        self.poison.check(attempted)?;
        let (answer, answered) = oneshot::channel();
        let job = TypedJob { attempted, work: Some(work), result: None, answer };
        self.send(Message::Job(Box::new(job)))?;
        answered.await.unwrap_or(Err(StoreError::Closed))
    }

    /// Transactions that were committed.
    pub(super) fn commits(&self) -> u64 {
        self.commits.load(Ordering::Relaxed)
    }

    /// Lets the jobs before it finish, then takes no more.
    pub(super) async fn close(&self) -> Result<(), StoreError> {
        let (answer, answered) = oneshot::channel();
        let sent = self.send(Message::Close(answer));
        lock(&self.jobs).take();
        match sent {
            Ok(()) => answered.await.map_err(|_| StoreError::Closed),
            // Closing twice is no fault.
            Err(_) => Ok(()),
        }
    }

    fn send(&self, message: Message) -> Result<(), StoreError> {
        let jobs = lock(&self.jobs);
        let sender = jobs.as_ref().ok_or(StoreError::Closed)?;
        sender.send(message).map_err(|_| StoreError::Closed)
    }
}

impl Drop for Writer {
    /// What was handed in is still written; then the thread lets go of the file.
    fn drop(&mut self) {
        lock(&self.jobs).take();
        if let Some(thread) = lock(&self.thread).take() {
            let _ = thread.join();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

enum Message {
    Job(Box<dyn Job>),
    Close(oneshot::Sender<()>),
}

/// A job whose result type the thread does not need to know.
trait Job: Send {
    /// Whether its savepoint is kept.
    fn run(&mut self, connection: &Connection, poison: &Poison) -> bool;
    /// `lost` says why nothing of the transaction was kept.
    fn answer(self: Box<Self>, lost: Option<&str>);
}

struct TypedJob<T, F> {
    attempted: &'static str,
    work: Option<F>,
    result: Option<Result<T, StoreError>>,
    answer: oneshot::Sender<Result<T, StoreError>>,
}

impl<T, F> Job for TypedJob<T, F>
where
    T: Send,
    F: FnOnce(&Connection) -> Result<T, StoreError> + Send,
{
    fn run(&mut self, connection: &Connection, poison: &Poison) -> bool {
        let Some(work) = self.work.take() else { return false };
        // A panic in one job (a bug, ours or in a closure we were given) must not take the store from everybody.
        let result = catch_unwind(AssertUnwindSafe(|| work(connection))).unwrap_or_else(|panic| {
            Err(failed(self.attempted, format!("a rule panicked: {}", said(panic.as_ref()))))
        });
        if let Err(error) = &result {
            poison.set_if_disk_failed(error);
        }
        let kept = result.is_ok();
        self.result = Some(result.map_err(|error| renamed(error, self.attempted)));
        kept
    }

    fn answer(self: Box<Self>, lost: Option<&str>) {
        let result = match (self.result, lost) {
            (Some(Err(error)), _) => Err(error),
            (Some(Ok(value)), None) => Ok(value),
            (Some(Ok(_)), Some(why)) => Err(failed(self.attempted, why.to_owned())),
            (None, why) => Err(failed(self.attempted, why.unwrap_or("it was not run").to_owned())),
        };
        // Whoever asked may have gone; the change stands all the same.
        let _ = self.answer.send(result);
    }
}

fn said(panic: &(dyn std::any::Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("without a word")
}

/// The thread's own side.
struct Turns {
    connection: Connection,
    group: usize,
    poison: Poison,
    commit: Commit,
    /// `total_changes` at the last checkpoint.
    checkpointed: u64,
    commits: Arc<AtomicU64>,
}

/// Rows changed between two checkpoints: about 1,000 pages of log.
const CHECKPOINT_AFTER: u64 = 4000;

impl Turns {
    fn run(mut self, waiting: &Receiver<Message>) {
        while let Ok(first) = waiting.recv() {
            let (mut jobs, mut close) = (Vec::new(), None);
            let mut next = Some(first);
            while let Some(message) = next {
                match message {
                    Message::Job(job) => jobs.push(job),
                    Message::Close(answer) => close = Some(answer),
                }
                let full = jobs.len() >= self.group || close.is_some();
                next = if full { None } else { waiting.try_recv().ok() };
            }
            self.turn(jobs);
            if let Some(answer) = close {
                let checked = self.connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)");
                if let Err(error) = checked {
                    tracing::warn!(%error, "Could not fold the log into the database file on closing");
                }
                drop(self);
                let _ = answer.send(());
                return;
            }
        }
    }

    fn turn(&mut self, mut jobs: Vec<Box<dyn Job>>) {
        if jobs.is_empty() {
            return;
        }
        let lost = match self.poison.check("write") {
            Ok(()) => self.transaction(&mut jobs).err(),
            Err(error) => Some(super::error::chain(&error)),
        };
        for job in jobs {
            job.answer(lost.as_deref());
        }
        self.checkpoint_if_long();
    }

    /// Runs every job, then commits. `Err` when nothing of it was kept.
    fn transaction(&self, jobs: &mut [Box<dyn Job>]) -> Result<(), String> {
        let outcome = self.statements(jobs);
        if let Err(error) = &outcome {
            if !self.connection.is_autocommit()
                && let Err(error) = self.connection.execute_batch("ROLLBACK")
            {
                self.poison.set(format!("could not roll back: {error}"));
            }
            if is_disk_failure(error) {
                self.poison.set(error.to_string());
            }
        }
        outcome.map_err(|error| error.to_string())
    }

    fn statements(&self, jobs: &mut [Box<dyn Job>]) -> rusqlite::Result<()> {
        let say = |sql| self.connection.prepare_cached(sql)?.execute([]).map(drop);
        // IMMEDIATE: a transaction that starts by reading and then writes can fail at once, whatever busy_timeout says.
        say("BEGIN IMMEDIATE")?;
        for job in jobs {
            say("SAVEPOINT job")?;
            let kept = job.run(&self.connection, &self.poison);
            if self.connection.is_autocommit() {
                // A full disk or an IO error has rolled everything back, the jobs before this one too.
                return Err(rusqlite::Error::SqliteFailure(
                    rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_ABORT_ROLLBACK),
                    Some("the database rolled the transaction back".into()),
                ));
            }
            if !kept {
                say("ROLLBACK TO job")?;
            }
            say("RELEASE job")?;
        }
        (self.commit)(&self.connection)?;
        self.commits.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// After the answers, so that nobody waits for it; not by SQLite itself, which would not tell of a failed fsync.
    fn checkpoint_if_long(&mut self) {
        let changes = self.connection.total_changes();
        if changes.saturating_sub(self.checkpointed) < CHECKPOINT_AFTER {
            return;
        }
        self.checkpointed = changes;
        let done = self.connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
        match done {
            Err(error) if is_disk_failure(&error) => self.poison.set(format!("checkpoint: {error}")),
            Err(error) => tracing::warn!(%error, "Could not fold the log into the database file"),
            Ok(()) => {}
        }
    }
}

/// The real end of a transaction.
pub(super) fn commit(connection: &Connection) -> rusqlite::Result<()> {
    connection.prepare_cached("COMMIT")?.execute([]).map(drop)
}

#[cfg(test)]
mod tests;

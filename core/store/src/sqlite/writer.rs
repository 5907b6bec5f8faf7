//! The one thread that writes. It takes every waiting job, runs them in one transaction, and answers all of them after the
//! commit: the cost of an fsync is shared, and nobody hears "done" before it is durable. A job that fails is taken back
//! alone: then all of them run again, each in its own savepoint, which would cost the many that succeed more than their work.
//!
//! When the disk is full, the ballast is let go and the results of what was sent are written in its room; everything else
//! is refused until there is room for a new one, so that nothing begins that could not be recorded (P17).

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use rusqlite::config::DbConfig;
use tokio::sync::oneshot;

use super::disk::Ballast;
use super::error::{failed, found_no_room, is_disk_failure, is_full, renamed};
use super::poison::Poison;
use crate::database::Job;
use crate::error::{StoreError, said};

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
        ballast: Option<Ballast>,
    ) -> std::io::Result<Self> {
        let (jobs, waiting) = mpsc::channel();
        let commits = Arc::new(AtomicU64::new(0));
        let turns = Turns {
            connection,
            group: group.max(1),
            poison: poison.clone(),
            commit,
            ballast,
            checkpointed: 0,
            commits: Arc::clone(&commits),
            closing: None,
        };
        let thread =
            std::thread::Builder::new().name("store-writer".into()).spawn(move || turns.run(&waiting))?;
        Ok(Self { jobs: Mutex::new(Some(jobs)), thread: Mutex::new(Some(thread)), poison, commits })
    }

    /// Runs `work` in a transaction; returns once it is durable. It may run again when a transaction is repeated. What is a
    /// result is written even when the disk is full.
    pub(super) async fn write<T, F>(&self, job: impl Into<Job>, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Fn(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let job = job.into();
        self.poison.check(job.attempted)?;
        let (answer, answered) = oneshot::channel();
        self.send(Message::Job(Box::new(TypedJob { job, work, result: None, answer })))?;
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
    Job(Box<dyn Work>),
    Close(oneshot::Sender<()>),
}

/// A job whose result type the thread does not need to know.
trait Work: Send {
    fn job(&self) -> Job;
    fn run(&mut self, connection: &Connection, poison: &Poison) -> Ran;
    /// `lost`: nothing of the transaction was kept.
    fn answer(self: Box<Self>, lost: Option<&Lost>);
}

/// What is to become of a job's savepoint.
enum Ran {
    Keep,
    TakeBack,
    /// There was no room on the disk for it.
    NoRoom,
}

struct TypedJob<T, F> {
    job: Job,
    work: F,
    result: Option<Result<T, StoreError>>,
    answer: oneshot::Sender<Result<T, StoreError>>,
}

impl<T, F> Work for TypedJob<T, F>
where
    T: Send,
    F: Fn(&Connection) -> Result<T, StoreError> + Send,
{
    fn job(&self) -> Job {
        self.job
    }

    fn run(&mut self, connection: &Connection, poison: &Poison) -> Ran {
        // A panic in one job (a bug, ours or in a closure we were given) must not take the store from everybody.
        let result = catch_unwind(AssertUnwindSafe(|| (self.work)(connection))).unwrap_or_else(|panic| {
            Err(failed(self.job.attempted, format!("a rule panicked: {}", said(panic.as_ref()))))
        });
        let ran = match &result {
            Ok(_) => Ran::Keep,
            Err(error) if is_full(error) => Ran::NoRoom,
            Err(error) => {
                poison.set_if_disk_failed(error);
                Ran::TakeBack
            }
        };
        self.result = Some(result.map_err(|error| renamed(error, self.job.attempted)));
        ran
    }

    fn answer(self: Box<Self>, lost: Option<&Lost>) {
        let attempted = self.job.attempted;
        let result = match (self.result, lost) {
            (Some(Err(error)), _) if is_full(&error) => Err(StoreError::NoRoom { attempted }),
            (Some(Err(error)), _) => Err(error),
            (Some(Ok(value)), None) => Ok(value),
            (_, Some(lost)) => Err(lost.error(attempted)),
            (None, None) => Err(failed(attempted, "it was not run".into())),
        };
        // Whoever asked may have gone; the change stands all the same.
        let _ = self.answer.send(result);
    }
}

/// How a transaction without savepoints ended.
enum Ended {
    Done,
    /// One job of several failed; nothing is written.
    ToBeTakenApart,
}

/// The thread's own side.
struct Turns {
    connection: Connection,
    group: usize,
    poison: Poison,
    commit: Commit,
    ballast: Option<Ballast>,
    /// `total_changes` at the last checkpoint.
    checkpointed: u64,
    commits: Arc<AtomicU64>,
    /// Whom to tell that what came before is written.
    closing: Option<oneshot::Sender<()>>,
}

/// How long a job that is in no hurry waits for another one.
const SOON: Duration = Duration::from_millis(5);
/// Rows changed between two checkpoints: some 16 MiB of log. A page that many deliveries change is folded in once, and nobody
/// waits for the fsyncs of it more often.
const CHECKPOINT_AFTER: u64 = 16_000;

impl Turns {
    fn run(mut self, waiting: &Receiver<Message>) {
        while let Ok(first) = waiting.recv() {
            match first {
                Message::Job(job) => {
                    let jobs = self.with_the_next_one(job, waiting);
                    self.turn(jobs, waiting);
                }
                Message::Close(answer) => self.closing = Some(answer),
            }
            if let Some(answer) = self.closing.take() {
                self.let_go();
                let _ = answer.send(());
                return;
            }
        }
        self.let_go();
    }

    /// What is in no hurry shares the commit of what comes after it, if that comes soon.
    fn with_the_next_one(&mut self, job: Box<dyn Work>, waiting: &Receiver<Message>) -> Vec<Box<dyn Work>> {
        let (until, mut jobs) = (Instant::now() + SOON, vec![job]);
        while jobs.len() < self.group
            && self.closing.is_none()
            && jobs.iter().all(|work| !work.job().is_urgent)
        {
            match waiting.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(Message::Job(job)) => jobs.push(job),
                Ok(Message::Close(answer)) => self.closing = Some(answer),
                Err(_) => break,
            }
        }
        jobs
    }

    /// A job that waits already, as long as there is room for it in the group.
    fn next_of_group(&mut self, taken: usize, waiting: &Receiver<Message>) -> Option<Box<dyn Work>> {
        if taken >= self.group || self.closing.is_some() {
            return None;
        }
        match waiting.try_recv().ok()? {
            Message::Job(job) => Some(job),
            Message::Close(answer) => {
                self.closing = Some(answer);
                None
            }
        }
    }

    /// SQLite folds the log in and removes it when the last connection goes. After a failed fsync that would be the next
    /// try (F21), and without its log the file has to say that it needs none.
    fn let_go(self) {
        let closed = self.poison.check("close").and_then(|()| super::whole::closed(&self.connection));
        let folded =
            closed.and_then(|()| Ok(self.connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)")?));
        if let Err(error) = folded {
            let error = super::error::chain(&error);
            tracing::warn!(error, "The log stays beside the database file for the next start");
            drop(self.connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true));
        }
    }

    fn turn(&mut self, mut jobs: Vec<Box<dyn Work>>, waiting: &Receiver<Message>) {
        while let Some(job) = self.next_of_group(jobs.len(), waiting) {
            jobs.push(job);
        }
        if let Err(error) = self.poison.check("write") {
            return answer_all(jobs, Some(&Lost { why: super::error::chain(&error), no_room: false }));
        }
        if self.ballast.as_mut().is_some_and(Ballast::is_let_go) {
            jobs = refuse_for_room(jobs);
        }
        if jobs.is_empty() {
            return;
        }
        let mut lost = self.transaction(&mut jobs).err();
        if lost.as_ref().is_some_and(|lost| lost.no_room) {
            self.make_room();
            jobs = refuse_for_room(jobs);
            lost = if jobs.is_empty() { None } else { self.transaction(&mut jobs).err() };
        }
        answer_all(jobs, lost.as_ref());
        self.checkpoint_if_long();
    }

    /// What is in the log already can be folded in, and then the log begins anew; and there is the ballast.
    fn make_room(&mut self) {
        if self.ballast.as_mut().is_some_and(Ballast::let_go) {
            tracing::error!(
                "The disk is full: only results of what was sent are written until there is room"
            );
        }
        self.checkpoint();
    }

    /// Runs every job, then commits. `Err` when nothing of it was kept.
    fn transaction(&self, jobs: &mut [Box<dyn Work>]) -> Result<(), Lost> {
        let outcome = match self.together(jobs) {
            Ok(Ended::ToBeTakenApart) => self.one_by_one(jobs),
            outcome => outcome.map(drop),
        };
        if let Err(error) = &outcome {
            if !self.connection.is_autocommit()
                && let Err(error) = self.say("ROLLBACK")
            {
                self.poison.set(format!("could not roll back: {error}"));
            }
            if is_disk_failure(error) {
                self.poison.set(error.to_string());
            }
        }
        outcome.map_err(|error| Lost { no_room: found_no_room(&error), why: error.to_string() })
    }

    /// As if none of them could fail.
    fn together(&self, jobs: &mut [Box<dyn Work>]) -> rusqlite::Result<Ended> {
        // IMMEDIATE: a transaction that starts by reading and then writes can fail at once, whatever busy_timeout says.
        self.say("BEGIN IMMEDIATE")?;
        let is_alone = jobs.len() == 1;
        for job in jobs {
            if self.is_to_be_taken_back(job)? {
                self.say("ROLLBACK")?;
                return Ok(if is_alone { Ended::Done } else { Ended::ToBeTakenApart });
            }
        }
        self.commit().map(|()| Ended::Done)
    }

    /// Each in its own savepoint.
    fn one_by_one(&self, jobs: &mut [Box<dyn Work>]) -> rusqlite::Result<()> {
        self.say("BEGIN IMMEDIATE")?;
        for job in jobs {
            self.say("SAVEPOINT job")?;
            if self.is_to_be_taken_back(job)? {
                self.say("ROLLBACK TO job")?;
            }
            self.say("RELEASE job")?;
        }
        self.commit()
    }

    /// Runs it. `Err` when everything is lost with it.
    fn is_to_be_taken_back(&self, job: &mut Box<dyn Work>) -> rusqlite::Result<bool> {
        match job.run(&self.connection, &self.poison) {
            // The jobs after it would find no room either, so all of them go together.
            Ran::NoRoom => Err(no_room()),
            // An IO error has rolled everything back, the jobs before this one too.
            _ if self.connection.is_autocommit() => Err(rolled_back()),
            Ran::Keep => Ok(false),
            Ran::TakeBack => Ok(true),
        }
    }

    fn commit(&self) -> rusqlite::Result<()> {
        (self.commit)(&self.connection)?;
        self.commits.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    fn say(&self, sql: &str) -> rusqlite::Result<()> {
        self.connection.prepare_cached(sql)?.execute([]).map(drop)
    }

    /// After the answers, so that nobody waits for it; not by SQLite itself, which would not tell of a failed fsync.
    fn checkpoint_if_long(&mut self) {
        let changes = self.connection.total_changes();
        if changes.saturating_sub(self.checkpointed) < CHECKPOINT_AFTER {
            return;
        }
        self.checkpointed = changes;
        self.checkpoint();
    }

    fn checkpoint(&self) {
        let done = self.connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
        match done {
            Err(error) if is_disk_failure(&error) => self.poison.set(format!("checkpoint: {error}")),
            Err(error) => tracing::warn!(%error, "Could not fold the log into the database file"),
            Ok(()) => {}
        }
    }
}

/// A transaction of which nothing was kept.
struct Lost {
    why: String,
    /// Because the disk is full.
    no_room: bool,
}

impl Lost {
    fn error(&self, attempted: &'static str) -> StoreError {
        if self.no_room { StoreError::NoRoom { attempted } } else { failed(attempted, self.why.clone()) }
    }
}

fn no_room() -> rusqlite::Error {
    rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_FULL), None)
}

fn rolled_back() -> rusqlite::Error {
    rusqlite::Error::SqliteFailure(
        rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_ABORT_ROLLBACK),
        Some("the database rolled the transaction back".into()),
    )
}

/// Answers what can wait for room; the rest is what became of requests that have left.
fn refuse_for_room(jobs: Vec<Box<dyn Work>>) -> Vec<Box<dyn Work>> {
    let (results, others): (Vec<_>, Vec<_>) = jobs.into_iter().partition(|work| work.job().is_result);
    answer_all(others, Some(&Lost { why: String::new(), no_room: true }));
    results
}

fn answer_all(jobs: Vec<Box<dyn Work>>, lost: Option<&Lost>) {
    for job in jobs {
        job.answer(lost);
    }
}

/// The real end of a transaction.
pub(super) fn commit(connection: &Connection) -> rusqlite::Result<()> {
    connection.prepare_cached("COMMIT")?.execute([]).map(drop)
}

#[cfg(test)]
mod tests;

//! The threads that write. Each has a connection of its own, takes the jobs that wait for it, runs them in one transaction
//! and answers after the commit. Jobs of one delivery go to one thread, in their order.

mod job;

use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use self::job::{TypedJob, Work};
use super::connect::Server;
use super::driver::{BEGIN_ALONE, BEGIN_SHARED, Connection};
use super::error::{Trouble, told};
use super::outcome::{self, Fate};
use crate::database::{Concurrency, Job};
use crate::error::{StoreError, chain, failed};
use crate::sql::Transaction;

/// Times that a transaction is done again when others were in its way (F32).
const AGAIN: u32 = 5;
/// Pauses between two attempts to reconnect.
const SHORTEST: Duration = Duration::from_millis(50);
const LONGEST: Duration = Duration::from_secs(5);

/// Hands jobs to the threads: the first one is for work that nothing else goes beside.
pub(super) struct Writers {
    queues: Mutex<Vec<Sender<Message>>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

enum Message {
    Job(Box<dyn Work>),
    Close(oneshot::Sender<()>),
}

impl Writers {
    pub(super) fn start(server: &Arc<Server>, number: usize, group: usize) -> Result<Self, StoreError> {
        let (mut queues, mut threads) = (Vec::new(), Vec::new());
        for place in 0..=number.max(1) {
            let (queue, waiting) = mpsc::channel();
            let begin = if place == 0 { BEGIN_ALONE } else { BEGIN_SHARED };
            let first = Box::new(Connection::new(server, server.connect()?));
            let turns = Turns { server: Arc::clone(server), begin, group, line: Line::Up(first) };
            let named = std::thread::Builder::new().name(format!("store-writer-{place}"));
            let thread = named
                .spawn(move || turns.run(&waiting))
                .map_err(|e| failed("start a writing thread", e.to_string()))?;
            queues.push(queue);
            threads.push(thread);
        }
        Ok(Self { queues: Mutex::new(queues), threads: Mutex::new(threads) })
    }

    /// Runs `work` in a transaction; returns once it is durable.
    pub(super) async fn write<T, F>(&self, job: Job, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Fn(&Transaction<'_>) -> Result<T, StoreError> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let typed = TypedJob { attempted: job.attempted, work, result: None, answer };
        self.send(job.concurrency, Message::Job(Box::new(typed)))?;
        answered.await.unwrap_or(Err(StoreError::Closed))
    }

    /// Lets the jobs before it finish, then takes no more.
    pub(super) async fn close(&self) -> Result<(), StoreError> {
        let queues = std::mem::take(&mut *lock(&self.queues));
        for queue in queues {
            let (answer, answered) = oneshot::channel();
            if queue.send(Message::Close(answer)).is_ok() {
                drop(answered.await);
            }
        }
        Ok(())
    }

    fn send(&self, concurrency: Concurrency, message: Message) -> Result<(), StoreError> {
        let queues = lock(&self.queues);
        let others = u64::try_from(queues.len().saturating_sub(1)).unwrap_or(1).max(1);
        let place = match concurrency {
            Concurrency::Exclusive => 0,
            Concurrency::Keyed(key) => 1 + usize::try_from(key % others).unwrap_or_default(),
        };
        queues.get(place).ok_or(StoreError::Closed)?.send(message).map_err(|_| StoreError::Closed)
    }
}

impl Drop for Writers {
    /// What was handed in is still written.
    fn drop(&mut self) {
        lock(&self.queues).clear();
        for thread in std::mem::take(&mut *lock(&self.threads)) {
            let _ = thread.join();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A thread's own side.
struct Turns {
    server: Arc<Server>,
    begin: &'static str,
    group: usize,
    line: Line,
}

/// The connection, or when to try for one again.
enum Line {
    Up(Box<Connection>),
    Down { since: String, pause: Duration, not_before: Instant },
}

/// Why nothing of a transaction was kept.
enum Lost {
    /// Another transaction was in the way.
    Conflict(String),
    /// A job changed something and then failed; its own result says why.
    ByAJob,
    /// The connection went before COMMIT was said.
    Away(String),
    /// The server refused something, and would again.
    Refused(String),
    /// There is no connection, or the server keeps everybody waiting; or nobody knows whether it happened, so that it must not
    /// be done again.
    Hopeless(String),
}

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
                let full = jobs.len() >= self.group.max(1) || close.is_some();
                next = if full { None } else { waiting.try_recv().ok() };
            }
            self.turn(jobs);
            if let Some(answer) = close {
                drop(self);
                let _ = answer.send(());
                return;
            }
        }
    }

    /// All in one transaction; when one of them fails, each in its own, so that it costs nobody else anything.
    fn turn(&mut self, mut jobs: Vec<Box<dyn Work>>) {
        if jobs.len() > 1 {
            match self.transact(&mut jobs) {
                Ok(()) => return jobs.into_iter().for_each(|job| job.answer(None)),
                Err(Lost::Hopeless(why)) => return jobs.into_iter().for_each(|job| job.answer(Some(&why))),
                Err(Lost::Conflict(_) | Lost::ByAJob | Lost::Away(_) | Lost::Refused(_)) => {}
            }
        }
        for mut job in jobs {
            let lost = self.persist(std::slice::from_mut(&mut job)).err();
            job.answer(lost.as_deref());
        }
    }

    /// One job, again while others are in its way.
    fn persist(&mut self, job: &mut [Box<dyn Work>]) -> Result<(), String> {
        let mut why = String::new();
        for time in 0..=AGAIN {
            match self.transact(job) {
                Ok(()) => return Ok(()),
                // Its own result is the answer.
                Err(Lost::ByAJob) => return Ok(()),
                Err(Lost::Refused(why) | Lost::Hopeless(why)) => return Err(why),
                Err(Lost::Conflict(met) | Lost::Away(met)) => {
                    tracing::debug!(why = met, time, "A transaction is done again");
                    why = met;
                }
            }
            std::thread::sleep(Duration::from_millis(5) * 2u32.pow(time));
        }
        Err(why)
    }

    fn transact(&mut self, jobs: &mut [Box<dyn Work>]) -> Result<(), Lost> {
        let begin = self.begin;
        let connection = self.connection().map_err(Lost::Hopeless)?;
        connection.fresh();
        let changes = connection.changes();
        let begun = statements(connection, begin, jobs);
        let transaction = match begun {
            Ok(transaction) => transaction,
            Err(lost) => {
                if matches!(lost, Lost::Away(_)) || connection.say("ROLLBACK").is_err() {
                    self.hang_up(&lost);
                }
                return Err(lost);
            }
        };
        let is_change = connection.changes() > changes;
        let committed = match connection.say("COMMIT") {
            Ok(_) => Ok(()),
            Err(error) => match Trouble::of(&error) {
                Trouble::Conflict(why) => Err(Lost::Conflict(why)),
                Trouble::Failed(why) => Err(Lost::Refused(why)),
                Trouble::Slow(why) => Err(Lost::Hopeless(too_slow(&why))),
                Trouble::Away(why) => self.find_out(&transaction, why),
            },
        };
        if committed.is_ok() && is_change {
            self.server.confirmed(&transaction);
        }
        committed
    }

    /// The answer to COMMIT is lost: only what did not happen is done again.
    fn find_out(&mut self, transaction: &str, why: String) -> Result<(), Lost> {
        tracing::warn!(transaction, why, "The answer to a COMMIT is lost; asking what became of it");
        let (client, fate) = outcome::ask(&self.server, transaction);
        self.line = match client {
            Some(client) => Line::Up(Box::new(Connection::new(&self.server, client))),
            None => down(why, SHORTEST),
        };
        match fate {
            Fate::Committed => Ok(()),
            Fate::Gone => Err(Lost::Conflict("the connection was lost at the commit".into())),
            Fate::Unknown(why) => Err(Lost::Hopeless(format!(
                "nobody knows whether transaction {transaction} was committed: {why}"
            ))),
        }
    }

    fn hang_up(&mut self, lost: &Lost) {
        let why = match lost {
            Lost::Away(why) | Lost::Conflict(why) | Lost::Refused(why) | Lost::Hopeless(why) => why.clone(),
            Lost::ByAJob => "it could not be rolled back".into(),
        };
        tracing::warn!(why, "Lost a connection to the database");
        self.line = Line::Down { since: why, pause: SHORTEST, not_before: Instant::now() };
    }

    /// The connection, made anew when it is time for that.
    fn connection(&mut self) -> Result<&Connection, String> {
        if let Line::Down { since, pause, not_before } = &self.line {
            if Instant::now() < *not_before {
                return Err(format!("the database is away: {since}"));
            }
            let pause = (*pause * 2).min(LONGEST);
            self.line = match self.server.connect() {
                Ok(client) => Line::Up(Box::new(Connection::new(&self.server, client))),
                Err(error) => down(chain(&error), pause),
            };
        }
        match &self.line {
            Line::Up(connection) => Ok(connection),
            Line::Down { since, .. } => Err(format!("the database is away: {since}")),
        }
    }
}

fn down(since: String, pause: Duration) -> Line {
    Line::Down { since, pause, not_before: Instant::now() + pause }
}

/// Everything up to COMMIT; the transaction's number.
fn statements(connection: &Connection, begin: &str, jobs: &mut [Box<dyn Work>]) -> Result<String, Lost> {
    let number = connection.say(begin).map_err(|error| lost(connection, told(&error)))?.unwrap_or_default();
    let alone = begin == BEGIN_ALONE;
    let mut transaction = Transaction::new(connection);
    for job in jobs {
        let changes = connection.changes();
        let kept = job.run(&transaction);
        match connection.trouble() {
            // Nothing more is done in this transaction, whatever the job made of the error.
            Some(Trouble::Failed(why)) => return Err(if kept { Lost::Refused(why) } else { Lost::ByAJob }),
            Some(_) => return Err(lost(connection, String::new())),
            None if !kept && connection.changes() > changes => return Err(Lost::ByAJob),
            None => {}
        }
        // What nothing goes beside may read what belongs to the end of the job before it.
        if alone {
            finish(connection, &transaction)?;
            transaction = Transaction::new(connection);
        }
    }
    // Of all jobs at once: the chain is taken after everything else.
    finish(connection, &transaction)?;
    Ok(number)
}

fn finish(connection: &Connection, transaction: &Transaction<'_>) -> Result<(), Lost> {
    transaction.finish().map_err(|error| lost(connection, chain(&error)))
}

/// What the first trouble means for the transaction.
fn lost(connection: &Connection, otherwise: String) -> Lost {
    match connection.trouble() {
        Some(Trouble::Conflict(why)) => Lost::Conflict(why),
        Some(Trouble::Away(why)) => Lost::Away(why),
        Some(Trouble::Slow(why)) => Lost::Hopeless(too_slow(&why)),
        Some(Trouble::Failed(why)) => Lost::Refused(why),
        None => Lost::Refused(otherwise),
    }
}

fn too_slow(why: &str) -> String {
    format!("the database is too slow, and nothing was kept: {why}")
}

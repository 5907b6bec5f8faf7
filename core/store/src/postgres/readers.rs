//! Threads that only read: a long list does not make a claim wait. Each read sees one state of the database.

use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::oneshot;

use super::connect::Server;
use super::driver::{BEGIN_READING, Connection};
use super::error::{Trouble, told};
use crate::error::{StoreError, chain, failed, renamed};
use crate::sql::Transaction;

type Reading = Box<dyn FnOnce(&mut Line) + Send>;

pub(super) struct Readers {
    jobs: Mutex<Option<Sender<Reading>>>,
}

impl Readers {
    pub(super) fn start(server: &Arc<Server>, number: usize) -> Result<Self, StoreError> {
        let (jobs, waiting) = mpsc::channel::<Reading>();
        let waiting = Arc::new(Mutex::new(waiting));
        for place in 0..number.max(1) {
            let mut line = Line { server: Arc::clone(server), connection: None };
            let waiting = Arc::clone(&waiting);
            let read = move || {
                while let Some(job) = next(&waiting) {
                    job(&mut line);
                }
            };
            let named = std::thread::Builder::new().name(format!("store-reader-{place}"));
            named.spawn(read).map_err(|e| failed("start a reading thread", e.to_string()))?;
        }
        Ok(Self { jobs: Mutex::new(Some(jobs)) })
    }

    pub(super) async fn read<T, F>(&self, attempted: &'static str, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Fn(&Transaction<'_>) -> Result<T, StoreError> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let job: Reading = Box::new(move |line| {
            let _ = answer.send(line.read(&work));
        });
        let jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner).clone();
        jobs.ok_or(StoreError::Closed)?.send(job).map_err(|_| StoreError::Closed)?;
        let read = answered.await.unwrap_or_else(|_| Err(failed(attempted, "reading panicked".into())));
        read.map_err(|error| renamed(error, attempted))
    }

    pub(super) fn close(&self) {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

fn next(waiting: &Mutex<Receiver<Reading>>) -> Option<Reading> {
    waiting.lock().unwrap_or_else(PoisonError::into_inner).recv().ok()
}

/// A connection that is made when it is needed.
struct Line {
    server: Arc<Server>,
    connection: Option<Connection>,
}

impl Line {
    /// A read has no effect, so it is asked once more on a new connection.
    fn read<T>(
        &mut self,
        work: &impl Fn(&Transaction<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        match self.once(work) {
            Err(_) if self.connection.is_none() => self.once(work),
            done => done,
        }
    }

    fn once<T>(
        &mut self,
        work: &impl Fn(&Transaction<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => Connection::new(&self.server, self.server.connect()?),
        };
        connection.fresh();
        let read = snapshot(&connection, work);
        let ended = connection.say("ROLLBACK");
        if ended.is_ok() && !matches!(connection.trouble(), Some(Trouble::Away(_))) {
            self.connection = Some(connection);
        } else if let Err(error) = &read {
            tracing::warn!(why = chain(error), "Lost a reading connection to the database");
        }
        read
    }
}

fn snapshot<T>(
    connection: &Connection,
    work: &impl Fn(&Transaction<'_>) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    connection.say(BEGIN_READING).map_err(|e| failed("read", told(&e)))?;
    work(&Transaction::new(connection))
}

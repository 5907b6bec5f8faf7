//! The store on PostgreSQL, for several daemons: writing threads with a connection each, reading ones, and one that
//! listens.
//!
//! # Why READ COMMITTED with locks is enough
//!
//! Every statement sees what was committed when it began, so a rule is right as soon as nothing that it reads can change
//! before its transaction ends. Three locks see to that, always taken in this order:
//!
//! 1. *The whole* (an advisory lock). Work that reads and writes whatever it likes (people's changes, STOP ALL, settings,
//!    sweeps) takes it alone; work on single deliveries (claims, effects, results) takes it shared. So while an effect is
//!    allowed, neither the stop nor the approval can change (P26, P2).
//! 2. *Accounts* (rows of `queue`). Work on a delivery takes its account before it reads anything of it: whether one is
//!    under way, the caps and the head of the queue are questions about an account. A claim passes over accounts that
//!    somebody holds (`SKIP LOCKED`), so daemons share the work instead of waiting for each other.
//! 3. *Items, then the end of the audit*, in `Transaction::finish`: items in the order of their ids, and the chain last,
//!    held only for its own rows and the commit.
//!
//! SERIALIZABLE would give the same and cancel transactions for rows that only lie on one page. What is left are two
//! results that forward to the same accounts in another order; PostgreSQL breaks such a deadlock, and the work is done
//! again (F32). Jobs that came together share one transaction; when one of them fails, all are done again one by one.
//!
//! # When the database goes away
//!
//! What is asked meanwhile fails, with the cause, and connections are made again with growing pauses. A COMMIT without an
//! answer is neither done nor not done: the transaction's number, read at its beginning, is asked for after the
//! reconnection, and only what did not happen is done again (F29, F30). A server that was put in the old one's place, perhaps
//! without its last commits, breaks the store, and the next start holds everything (F31, `lineage.rs`).

mod address;
mod connect;
mod driver;
mod error;
mod lineage;
mod migrate;
mod name;
mod outcome;
mod presence;
mod readers;
mod tls;
mod writer;

use std::sync::Arc;
use std::time::Duration;

use self::address::Address;
use self::connect::Server;
use self::presence::Presence;
use self::readers::Readers;
use self::writer::Writers;
use crate::database::{Database, Job};
use crate::error::{StoreError, failed};
use crate::slow::SLOW;
use crate::sql::Transaction;

/// A PostgreSQL database, shared with other daemons. Dropping it finishes what was begun.
pub struct Postgres {
    readers: Readers,
    writers: Writers,
    presence: Presence,
    node: Option<String>,
    slow: Duration,
    opened: Entered,
}

/// How to open it.
#[derive(Debug, Clone)]
pub struct PostgresOptions {
    /// Refuse a database of another environment; a new one gets this name (F28). `None` takes any.
    pub environment: Option<String>,
    /// Name of this daemon: no two living ones share it (P18). `None` takes no name.
    pub node: Option<String>,
    /// The most changes of one writer that share a commit.
    pub group: usize,
    /// Connections for changes of single deliveries; one more is for everything else.
    pub writers: usize,
    /// Connections for reading.
    pub readers: usize,
    /// How long one statement may take; then it is given up, and nothing of its transaction is kept.
    pub patience: Duration,
    /// A claim or an intent that takes so long is decided by a time that is as much later (F33).
    pub slow: Duration,
}

impl Default for PostgresOptions {
    fn default() -> Self {
        let patience = Duration::from_secs(30);
        Self { environment: None, node: None, group: 64, writers: 4, readers: 2, patience, slow: SLOW }
    }
}

/// What was found when it was opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entered {
    /// Without the password.
    pub address: String,
    pub environment: String,
    /// Rises with every opening.
    pub generation: u64,
    pub schema: u32,
    /// As PostgreSQL numbers its versions: 150004 is 15.4.
    pub version: u32,
}

impl Postgres {
    /// Opens the database: checks the server, brings the schema up to date, takes the node's name. It waits for the server,
    /// so call it where waiting is allowed.
    ///
    /// # Errors
    /// A server that cannot be reached, is too old, a standby, or may lose what it confirmed; a database of something else, of
    /// another environment or a newer schema; a name that another living daemon has.
    pub fn open(url: &str, options: &PostgresOptions) -> Result<Self, StoreError> {
        // The client blocks; inside of an async runtime it has to be on a thread of its own.
        let (url, options) = (url.to_owned(), options.clone());
        let opening = std::thread::Builder::new().name("store-open".into());
        let opening = opening
            .spawn(move || Self::start(&url, &options))
            .map_err(|e| failed("open the database", e.to_string()))?;
        opening.join().unwrap_or_else(|_| Err(failed("open the database", "opening it panicked".into())))
    }

    /// What was found when it was opened.
    pub fn opened(&self) -> &Entered {
        &self.opened
    }

    fn start(url: &str, options: &PostgresOptions) -> Result<Self, StoreError> {
        let address = Address::read(url)?;
        let server = Arc::new(Server::new(address, options.patience));
        let (mut first, found) = server.first()?;
        let schema = migrate::run(&mut first, &server.name())?;
        let (environment, generation) =
            migrate::enter(&mut first, &server.name(), options.environment.as_deref())?;
        drop(first);
        let presence = Presence::start(Arc::clone(&server), options.node.as_deref())?;
        let readers = Readers::start(&server, options.readers)?;
        let writers = Writers::start(&server, options.writers, options.group)?;
        let opened = Entered { address: server.name(), environment, generation, schema, version: found };
        tracing::info!(address = opened.address, generation, version = found, "Opened the database");
        Ok(Self { readers, writers, presence, node: options.node.clone(), slow: options.slow, opened })
    }
}

impl Database for Postgres {
    async fn write<T, F>(&self, job: impl Into<Job> + Send, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Fn(&Transaction<'_>) -> Result<T, StoreError> + Send + 'static,
    {
        let job = job.into();
        self.writers.write(job, work).await
    }

    async fn read<T, F>(&self, attempted: &'static str, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Fn(&Transaction<'_>) -> Result<T, StoreError> + Send + 'static,
    {
        self.readers.read(attempted, work).await
    }

    fn slow(&self) -> Duration {
        self.slow
    }

    fn presence(&self) -> crate::database::Presence {
        match &self.node {
            Some(node) => crate::database::Presence::Named(node.clone()),
            None => crate::database::Presence::AmongOthers,
        }
    }

    async fn until_broken(&self) -> String {
        self.presence.broken().await
    }

    async fn woken(&self) {
        self.presence.woken().await;
    }

    async fn finish(&self) -> Result<(), StoreError> {
        self.readers.close();
        let written = self.writers.close().await;
        self.presence.close();
        written
    }
}

//! The embedded store: one file, one writing thread, a few reading connections.

mod backup;
mod disk;
mod driver;
mod error;
mod inline;
mod migrate;
mod open;
mod poison;
mod readers;
mod whole;
mod writer;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rusqlite::Connection;

use self::poison::Poison;
use self::readers::Readers;
use self::writer::Writer;
use crate::database::{Database, Job, Presence};
use crate::error::StoreError;
use crate::slow::SLOW;
use crate::sql::Transaction;

pub use self::backup::{Backup, Restored, back_up, restore};
pub use self::inline::{ClockOf, Fate, FateOf, InMemory, Inline, Times};

/// SQLite in one file: WAL, every commit synced. Dropping it finishes what was begun.
pub struct Sqlite {
    // Dropped in this order: the writer folds its log in last, then the lock is let go.
    readers: Readers,
    writer: Writer,
    poison: Poison,
    opened: Opened,
    slow: Duration,
    _lock: open::FileLock,
    /// Of a temporary one; removed at the end.
    _folder: Option<tempfile::TempDir>,
}

/// How to open it.
#[derive(Debug, Clone)]
pub struct SqliteOptions {
    /// Refuse a database of another environment; a new one gets this name (F28). `None` takes any.
    pub environment: Option<String>,
    /// The most changes that share one commit; 1 gives each its own.
    pub group: usize,
    /// Connections for reading.
    pub readers: usize,
    /// Take a disk of another machine, too (F26).
    pub shared_disk: bool,
    /// A claim or an intent that takes so long is decided by a time that is as much later (F33).
    pub slow: Duration,
    /// Called before each statement of a migration, for the tests that end the process there (P25).
    pub at_each_step: Hook,
}

/// Something to be called at a point of the work.
#[derive(Clone)]
pub struct Hook(pub Arc<dyn Fn() + Send + Sync>);

impl Default for Hook {
    fn default() -> Self {
        Self(Arc::new(|| {}))
    }
}

impl fmt::Debug for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hook")
    }
}

impl Default for SqliteOptions {
    fn default() -> Self {
        Self {
            environment: None,
            group: 256,
            readers: 2,
            shared_disk: false,
            slow: SLOW,
            at_each_step: Hook::default(),
        }
    }
}

/// What was found when the file was opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    pub path: PathBuf,
    pub environment: String,
    /// Rises with every opening: a copy that was restored has an older one than was last seen (P19).
    pub generation: u64,
    pub schema: u32,
    /// Which file it is: another one under the same name is noticed by [`Store::ping`] (F24).
    inode: u64,
    /// How long it was then, in bytes.
    size: u64,
}

impl Sqlite {
    /// The newest schema that this program knows.
    pub const SCHEMA: u32 = migrate::KNOWN;

    /// Opens or makes the database: takes its lock, checks it, brings its schema up to date.
    ///
    /// # Errors
    /// When another program has the database, when it is damaged, of a newer schema or on a disk of another machine, and when
    /// the file cannot be read or written.
    pub fn open(path: impl AsRef<Path>, options: SqliteOptions) -> Result<Self, StoreError> {
        Self::start(path.as_ref(), options, None)
    }

    /// A database for a test, in a folder of its own that is removed with it.
    ///
    /// # Errors
    /// As [`open`](Self::open), and when no temporary folder can be made.
    pub fn temporary() -> Result<Self, StoreError> {
        let folder = tempfile::Builder::new()
            .prefix("juzhen-")
            .tempdir()
            .map_err(|e| error::failed("make a temporary folder", e.to_string()))?;
        let path = folder.path().join("juzhen.db");
        Self::start(&path, SqliteOptions::default(), Some(folder))
    }

    /// What was found when the file was opened.
    pub fn opened(&self) -> &Opened {
        &self.opened
    }

    /// Transactions committed since it was opened: fewer than changes, as changes share them.
    pub fn commits(&self) -> u64 {
        self.writer.commits()
    }

    fn start(
        path: &Path,
        options: SqliteOptions,
        folder: Option<tempfile::TempDir>,
    ) -> Result<Self, StoreError> {
        let SqliteOptions { environment, group, readers, shared_disk, slow, at_each_step } = options;
        if !shared_disk {
            disk::refuse_shared(path)?;
        }
        let poison = Poison::default();
        let lock = open::FileLock::take(path)?;
        let open = || open::writing(path, environment.as_deref(), &at_each_step, &poison);
        let (connection, opened) = match open() {
            // A full disk must not keep what is known from being seen.
            Err(error) if error::is_full(&error) && disk::let_go_of_an_old_one(path) => open()?,
            opened => opened?,
        };
        let readers = Readers::open(path, readers, poison.clone())?;
        let ballast = disk::Ballast::lay(path);
        let writer = Writer::start(connection, group, poison.clone(), writer::commit, Some(ballast))
            .map_err(|e| error::failed("start the writing thread", e.to_string()))?;
        tracing::info!(path = %path.display(), generation = opened.generation, "Opened the database");
        Ok(Self { readers, writer, poison, opened, slow, _lock: lock, _folder: folder })
    }
}

impl Database for Sqlite {
    async fn write<T, F>(&self, job: impl Into<Job> + Send, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Fn(&Transaction<'_>) -> Result<T, StoreError> + Send + 'static,
    {
        self.writer.write(job, move |connection: &Connection| driver::change(connection, &work)).await
    }

    async fn read<T, F>(&self, attempted: &'static str, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Fn(&Transaction<'_>) -> Result<T, StoreError> + Send + 'static,
    {
        self.readers.read(attempted, move |connection| work(&Transaction::new(connection))).await
    }

    fn slow(&self) -> Duration {
        self.slow
    }

    fn presence(&self) -> Presence {
        Presence::Alone
    }

    fn is_in_order(&self) -> bool {
        true
    }

    fn look(&self) -> Result<(), StoreError> {
        open::same_file(&self.opened, &self.poison)
    }

    async fn free_room(&self) -> Result<Option<u64>, StoreError> {
        disk::free(&self.opened.path).map(Some)
    }

    async fn look_through(&self) -> Result<bool, StoreError> {
        let (path, poison) = (self.opened.path.clone(), self.poison.clone());
        let checked = tokio::task::spawn_blocking(move || open::whole_check(&path, &poison)).await;
        checked.unwrap_or(Err(StoreError::Closed)).map(|()| true)
    }

    async fn until_broken(&self) -> String {
        self.poison.wait().await
    }

    async fn finish(&self) -> Result<(), StoreError> {
        self.readers.close();
        self.writer.close().await
    }
}

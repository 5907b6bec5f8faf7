//! The embedded store: one file, one writing thread, a few reading connections.

mod driver;
mod error;
mod inline;
mod migrate;
mod open;
mod poison;
mod readers;
mod writer;

use std::path::{Path, PathBuf};

use self::poison::Poison;
use self::readers::Readers;
use self::writer::Writer;
use crate::error::StoreError;
use crate::front::{Database, Job};
use crate::sql::Transaction;

pub use self::inline::{Fate, FateOf, InMemory, Inline};

/// SQLite in one file: WAL, every commit synced. Dropping it finishes what was begun.
pub struct Sqlite {
    // Dropped in this order: the writer folds its log in last, then the lock is let go.
    readers: Readers,
    writer: Writer,
    opened: Opened,
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
}

impl Default for SqliteOptions {
    fn default() -> Self {
        Self { environment: None, group: 256, readers: 2 }
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
}

impl Sqlite {
    /// Opens or makes the database: takes its lock, checks it, brings its schema up to date.
    pub fn open(path: impl AsRef<Path>, options: SqliteOptions) -> Result<Self, StoreError> {
        Self::start(path.as_ref(), options, None)
    }

    /// A database for a test, in a folder of its own that is removed with it.
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
        let SqliteOptions { environment, group, readers } = options;
        let poison = Poison::default();
        let lock = open::FileLock::take(path)?;
        let (connection, opened) = open::writing(path, environment.as_deref(), &poison)?;
        let readers = Readers::open(path, readers, poison.clone())?;
        let writer = Writer::start(connection, group, poison, writer::commit)
            .map_err(|e| error::failed("start the writing thread", e.to_string()))?;
        tracing::info!(path = %path.display(), generation = opened.generation, "Opened the database");
        Ok(Self { readers, writer, opened, _lock: lock, _folder: folder })
    }
}

impl Database for Sqlite {
    async fn write<T, F>(&self, job: impl Into<Job> + Send, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Fn(&Transaction<'_>) -> Result<T, StoreError> + Send + 'static,
    {
        self.writer.write(job.into().attempted, move |connection| driver::change(connection, &work)).await
    }

    async fn read<T, F>(&self, attempted: &'static str, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Fn(&Transaction<'_>) -> Result<T, StoreError> + Send + 'static,
    {
        self.readers.read(attempted, move |connection| work(&Transaction::new(connection))).await
    }

    fn look(&self) -> Result<(), StoreError> {
        open::same_file(&self.opened)
    }

    async fn finish(&self) -> Result<(), StoreError> {
        self.readers.close();
        self.writer.close().await
    }
}

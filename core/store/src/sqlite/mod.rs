//! The embedded store: one file, one writing thread, a few reading connections. This file is the front: every method
//! hands its work to the file named after it.

mod attempts;
mod attention;
mod audit;
mod backup;
mod claim;
mod deliveries;
mod disk;
mod effects;
mod error;
mod items;
mod migrate;
mod once;
mod open;
mod poison;
mod queue;
mod readers;
mod recover;
mod restored;
mod rows;
mod settings;
mod settle;
mod stop;
mod sweep;
mod values;
mod whole;
mod writer;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use juzhen_domain::delivery::Delivery;
use juzhen_domain::id::{DeliveryId, ItemId, PersonId};
use juzhen_domain::item::Item;
use rusqlite::Connection;

use self::poison::Poison;
use self::readers::Readers;
use self::writer::Writer;
use crate::api::{DeliveryChanger, Follow, ItemChanger, StandingOf, Store};
use crate::error::StoreError;
use crate::values::*;

pub use self::backup::{Backup, Restored, back_up, restore};

/// SQLite in one file: WAL, every commit synced. Dropping it finishes what was begun.
pub struct Sqlite {
    // Dropped in this order: the writer folds its log in last, then the lock is let go.
    readers: Readers,
    writer: Writer,
    poison: Poison,
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
    /// Take a disk of another machine, too (F26).
    pub shared_disk: bool,
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
        Self { environment: None, group: 256, readers: 2, shared_disk: false, at_each_step: Hook::default() }
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
        let SqliteOptions { environment, group, readers, shared_disk, at_each_step } = options;
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
        Ok(Self { readers, writer, poison, opened, _lock: lock, _folder: folder })
    }

    async fn write<T, F>(&self, attempted: &'static str, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Fn(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        self.writer.write(attempted, work).await
    }

    /// Also when the disk is full.
    async fn write_result<T, F>(&self, attempted: &'static str, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Fn(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        self.writer.write_result(attempted, work).await
    }

    async fn read<T, F>(&self, attempted: &'static str, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        self.readers.read(attempted, work).await
    }
}

#[async_trait]
impl Store for Sqlite {
    async fn submit_item(
        &self,
        item: Item,
        audit: Audit,
        once: Option<Once>,
    ) -> Result<Submitted, StoreError> {
        self.write("keep an item", move |c| items::submit(c, &item, &audit, once.as_ref())).await
    }

    async fn change_item(
        &self,
        item: &ItemId,
        change: ItemChanger,
        once: Option<Once>,
    ) -> Result<ItemRecord, StoreError> {
        let item = item.clone();
        self.write("change an item", move |c| items::change(c, &item, &change, once.as_ref())).await
    }

    async fn item(&self, item: &ItemId) -> Result<Option<ItemRecord>, StoreError> {
        let item = item.clone();
        self.read("read an item", move |c| items::record(c, &item)).await
    }

    async fn items(&self, filter: ItemFilter) -> Result<Vec<Item>, StoreError> {
        self.read("list items", move |c| items::list(c, &filter)).await
    }

    async fn claim(&self, request: ClaimRequest) -> Result<ClaimRound, StoreError> {
        self.write("claim deliveries", move |c| claim::claim(c, &request)).await
    }

    async fn settle(&self, settle: Settle) -> Result<Settled, StoreError> {
        self.write_result("settle a delivery", move |c| settle::settle(c, &settle)).await
    }

    async fn change_delivery(
        &self,
        delivery: &DeliveryId,
        change: DeliveryChanger,
        follow: Follow,
        once: Option<Once>,
    ) -> Result<Delivery, StoreError> {
        let delivery = delivery.clone();
        let work = move |c: &Connection| deliveries::change(c, &delivery, &change, &follow, once.as_ref());
        self.write("change a delivery", work).await
    }

    async fn to_look_at(&self, look: Look) -> Result<Vec<Looked>, StoreError> {
        self.read("find deliveries to look at", move |c| deliveries::to_look_at(c, &look)).await
    }

    async fn sweep(&self, now: Timestamp, standing: StandingOf) -> Result<Swept, StoreError> {
        self.write("sweep the deliveries", move |c| sweep::sweep(c, now, &standing)).await
    }

    async fn recover(&self, now: Timestamp) -> Result<Recovered, StoreError> {
        self.write_result("recover the claims of before", move |c| recover::recover(c, now)).await
    }

    async fn delivery(&self, delivery: &DeliveryId) -> Result<Option<DeliveryRecord>, StoreError> {
        let delivery = delivery.clone();
        self.read("read a delivery", move |c| deliveries::record(c, &delivery)).await
    }

    async fn deliveries(&self, filter: DeliveryFilter) -> Result<Vec<Delivery>, StoreError> {
        self.read("list deliveries", move |c| deliveries::list(c, &filter)).await
    }

    async fn attention(&self, filter: AttentionFilter) -> Result<Attention, StoreError> {
        self.read("list what waits", move |c| attention::list(c, &filter)).await
    }

    async fn counts(&self, now: Timestamp) -> Result<Counts, StoreError> {
        self.read("count", move |c| deliveries::counts(c, now)).await
    }

    async fn begin_effect(&self, effect: NewEffect) -> Result<EffectBegun, StoreError> {
        self.write("keep the intent of a request", move |c| effects::begin(c, &effect)).await
    }

    async fn end_effect(&self, effect: i64, answer: EffectAnswer) -> Result<(), StoreError> {
        self.write_result("keep the answer to a request", move |c| effects::end(c, effect, &answer)).await
    }

    async fn keep_settings(&self, kept: KeptSettings, audit: Audit) -> Result<(), StoreError> {
        self.write("keep the settings", move |c| settings::keep(c, &kept, &audit)).await
    }

    async fn last_settings(&self) -> Result<Option<KeptSettings>, StoreError> {
        self.read("read the last settings", settings::last).await
    }

    async fn stop(&self, by: PersonId, reason: String, at: Timestamp) -> Result<Stop, StoreError> {
        self.write_result("stop all", move |c| stop::stop(c, &by, &reason, at)).await
    }

    async fn lift_stop(&self, by: PersonId, at: Timestamp) -> Result<Option<Stop>, StoreError> {
        self.write("lift the stop", move |c| stop::lift(c, &by, at)).await
    }

    async fn stopped(&self) -> Result<Option<Stop>, StoreError> {
        self.read("read the stop", stop::current).await
    }

    async fn value(&self, key: &ValueKey) -> Result<Option<Vec<u8>>, StoreError> {
        let key = key.clone();
        self.read("read a value of an adapter", move |c| values::get(c, &key)).await
    }

    async fn set_value(&self, key: &ValueKey, value: Option<Vec<u8>>) -> Result<(), StoreError> {
        let key = key.clone();
        self.write("keep a value of an adapter", move |c| values::set(c, &key, value.as_deref())).await
    }

    async fn put_blob(&self, blob: Blob) -> Result<(), StoreError> {
        self.write("keep a blob", move |c| values::put_blob(c, &blob)).await
    }

    async fn blob(&self, sha256: &str) -> Result<Option<Blob>, StoreError> {
        let sha256 = sha256.to_owned();
        self.read("read a blob", move |c| values::blob(c, &sha256)).await
    }

    async fn audit(&self, filter: AuditFilter) -> Result<Vec<AuditRow>, StoreError> {
        self.read("list the audit", move |c| audit::list(c, &filter)).await
    }

    async fn note(&self, audit: Audit) -> Result<(), StoreError> {
        self.write("write to the audit", move |c| audit::append(c, &audit)).await
    }

    async fn verify_audit(&self) -> Result<AuditChain, StoreError> {
        self.read("verify the audit", audit::verify).await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        open::same_file(&self.opened, &self.poison)?;
        self.write("ping the database", open::ping).await
    }

    async fn mark(&self) -> Result<Mark, StoreError> {
        open::same_file(&self.opened, &self.poison)?;
        self.read("read how far the history goes", restored::mark).await
    }

    async fn knows(&self, seen: Option<Mark>) -> Result<Known, StoreError> {
        self.read("compare the history", move |c| restored::knows(c, seen.as_ref())).await
    }

    async fn suspect(&self, reason: String, now: Timestamp) -> Result<Restoration, StoreError> {
        self.write_result("hold what may have been sent", move |c| restored::suspect(c, &reason, now)).await
    }

    async fn restorations(&self, most: u32) -> Result<Vec<Restoration>, StoreError> {
        self.read("list restorations", move |c| restored::list(c, most)).await
    }

    async fn room(&self) -> Result<Option<u64>, StoreError> {
        disk::free(&self.opened.path).map(Some)
    }

    async fn check(&self) -> Result<(), StoreError> {
        let (path, poison) = (self.opened.path.clone(), self.poison.clone());
        let checked = tokio::task::spawn_blocking(move || open::whole_check(&path, &poison)).await;
        checked.unwrap_or(Err(StoreError::Closed))
    }

    async fn broken(&self) -> String {
        self.poison.wait().await
    }

    async fn close(&self) -> Result<(), StoreError> {
        self.readers.close();
        self.writer.close().await
    }
}

//! How far the history has gone, kept outside of the database (P19): a small file in the data folder, and memory.
//!
//! A database may come back as it was at an earlier time: a backup was restored, a log was lost, another server took over
//! without the last commits (F25, F27, F31). Its rows do not tell, and it has forgotten what was sent since. So the daemon
//! keeps a *mark*, the newest audit row and effect, and shows it to the store before anything is claimed and every second
//! after. A store that does not know the mark is held: STOP ALL, and what may have been sent is looked for, not sent again.
//!
//! The file is written at most once a second and at the end, so it may be a second old; it is never ahead of what is
//! durable. A database that lost less than that second with its log is known by other means
//! (`core/store/src/sqlite/whole.rs`). A copy of a whole virtual machine that is put back has the file of that time, too:
//! that nobody can tell from inside, so after such a thing the operator says `juzhen stop` before the start.
//!
//! A file that is not there is no proof of anything: it is the first start, or somebody tidied up. A database that is not
//! there beside a file that is, is refused: a new, empty one would forget everything.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use juzhen_domain::clock::LATEST;
use juzhen_store::{Known, Mark, Restoration, Store, StoreError};
use tokio_util::sync::CancellationToken;
use tracing::error;

use crate::Engine;
use crate::service::{self, Round, Service};

/// Name of the file in the data folder.
pub const FILE: &str = "high_water";
/// Between two looks.
const EVERY: Duration = Duration::from_secs(1);

/// The newest mark that was seen.
#[derive(Debug, Default)]
pub(crate) struct HighWater {
    file: Option<PathBuf>,
    newest: Mutex<Option<Mark>>,
}

/// Why the mark cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum MarkError {
    #[error("could not {action} {}: it says how far the history had gone, and has to be readable and writable", file.display())]
    File {
        action: &'static str,
        file: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error(
        "this data folder belongs to environment {folder}, the database to {database}: one of them is of another \
         installation (F28); if that is meant, remove {}", file.display()
    )]
    OtherEnvironment { folder: String, database: String, file: PathBuf },
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl HighWater {
    /// Shows the store what was seen last, and holds everything when it does not know it. Before anything is recovered or
    /// claimed.
    pub(crate) async fn compare(
        file: Option<PathBuf>,
        store: &dyn Store,
        now: Timestamp,
    ) -> Result<Self, MarkError> {
        let seen = file.as_deref().map(read).transpose()?.flatten();
        match (store.knows(seen.clone()).await?, &file) {
            (Known::Yes, _) => {}
            (Known::Cut(why), _) => {
                told(&store.suspect(why, last_seen(seen.as_ref(), now), now).await?);
            }
            (Known::Elsewhere { ours }, Some(file)) => {
                let folder = seen.map(|mark| mark.environment).unwrap_or_default();
                return Err(MarkError::OtherEnvironment { folder, database: ours, file: file.clone() });
            }
            // Without a file there is no mark that could be of elsewhere.
            (Known::Elsewhere { .. }, None) => {}
        }
        let high_water = Self { file, newest: Mutex::default() };
        high_water.keep(store.mark(seen).await?)?;
        Ok(high_water)
    }

    /// Writes the mark when it is another one than before.
    fn keep(&self, mark: Mark) -> Result<(), MarkError> {
        let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        if newest.as_ref() == Some(&mark) {
            return Ok(());
        }
        if let Some(file) = &self.file {
            write(file, &mark)?;
        }
        *newest = Some(mark);
        Ok(())
    }

    fn newest(&self) -> Option<Mark> {
        self.newest.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

pub(crate) async fn run(engine: Engine, stop: CancellationToken) {
    service::run(&engine, Service::MARK, &stop, || round(&engine)).await;
}

async fn round(engine: &Engine) -> Round {
    match look(engine).await {
        Ok(()) => Round::next_in(EVERY),
        Err(error) => Round::failed(&error),
    }
}

/// Looks once more whether the history goes on from where it was, and keeps how far it goes.
pub(crate) async fn look(engine: &Engine) -> Result<(), MarkError> {
    let high_water = engine.high_water();
    let store = engine.store();
    let seen = high_water.newest();
    if let Known::Cut(why) = store.knows(seen.clone()).await? {
        engine.stopped_by_daemon();
        let now = engine.now();
        told(&store.suspect(why, last_seen(seen.as_ref(), now), now).await?);
        engine.wake();
    }
    high_water.keep(store.mark(seen).await?)
}

/// The time of the last thing that is known to have happened: the clock may have been set back since.
fn last_seen(seen: Option<&Mark>, now: Timestamp) -> Timestamp {
    seen.and_then(|mark| mark.at).filter(|at| *at < LATEST).map_or(now, |at| at.max(now))
}

fn told(restoration: &Restoration) {
    error!(
        reason = restoration.reason,
        since = %restoration.since,
        suspects = restoration.deliveries.len(),
        "THE DATABASE IS AN EARLIER ONE: nothing is sent. What may have been sent since is looked for on the accounts; two \
         people lift the stop"
    );
}

fn read(file: &Path) -> Result<Option<Mark>, MarkError> {
    let failed = |source| MarkError::File { action: "read", file: file.to_owned(), source };
    match fs::read(file) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed(error)),
        Ok(bytes) => match serde_json::from_slice(&bytes) {
            Ok(mark) => Ok(Some(mark)),
            // It is written whole or not at all, so somebody else wrote this.
            Err(error) => Err(failed(error.into())),
        },
    }
}

/// The old one or the new one is there after any crash.
fn write(file: &Path, mark: &Mark) -> Result<(), MarkError> {
    let fresh = file.with_extension("new");
    let written = || -> std::io::Result<()> {
        let mut new = File::create(&fresh)?;
        new.write_all(serde_json::to_string(mark)?.as_bytes())?;
        new.sync_all()?;
        fs::rename(&fresh, file)?;
        // The folder's own entry: without it a crash may bring the old file back.
        File::open(file.parent().unwrap_or(Path::new(".")))?.sync_all()
    };
    written().map_err(|source| MarkError::File { action: "write", file: file.to_owned(), source })
}

/// Refuses to make a new database where there was one (F23, F24).
///
/// # Errors
/// When the folder has seen a database and it is gone.
pub fn refuse_missing_database(data: &Path, database: &Path) -> Result<(), MissingDatabase> {
    if database.exists() || !data.join(FILE).exists() {
        return Ok(());
    }
    Err(MissingDatabase { database: database.to_owned(), mark: data.join(FILE) })
}

/// A database that was there and is not.
#[derive(Debug, thiserror::Error)]
#[error(
    "the database {} is gone, and no new one is made in its place: bring back the last backup with `juzhen restore FILE \
     --data DIR`; to begin anew with nothing, remove {}", database.display(), mark.display()
)]
pub struct MissingDatabase {
    database: PathBuf,
    mark: PathBuf,
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use jiff::Timestamp;
    use juzhen_store::{Audit, Sqlite, SqliteOptions};

    use super::*;

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    async fn noted(store: &dyn Store, n: u32) {
        let audit = Audit {
            actor: "off.hg".into(),
            action: "mark.note".into(),
            subject: format!("note:{n}"),
            detail: serde_json::json!({}),
            at: NOW,
            request: None,
        };
        store.note(audit).await.unwrap();
    }

    fn open(path: &Path) -> Arc<dyn Store> {
        Arc::new(Sqlite::open(path, SqliteOptions::default()).unwrap())
    }

    async fn is_held(store: &dyn Store) -> bool {
        store.stopped().await.unwrap().is_some()
    }

    #[tokio::test]
    async fn p19_a_restart_is_no_restoration_and_a_copy_of_before_is() {
        let folder = tempfile::tempdir().unwrap();
        let (path, file) = (folder.path().join("juzhen.db"), folder.path().join(FILE));
        let store = open(&path);
        noted(&*store, 1).await;
        let first = HighWater::compare(Some(file.clone()), &*store, NOW).await.unwrap();
        let before = read(&file).unwrap().unwrap();
        store.close().await.unwrap();
        let copy = fs::read(&path).unwrap();
        drop(store);

        let store = open(&path);
        HighWater::compare(Some(file.clone()), &*store, NOW).await.unwrap();
        assert!(!is_held(&*store).await, "only restarted");
        noted(&*store, 2).await;
        first.keep(store.mark(None).await.unwrap()).unwrap();
        assert!(read(&file).unwrap().unwrap().audit > before.audit);
        store.close().await.unwrap();
        drop(store);

        // Written into the same file, as `cp` does it: only the mark can tell.
        fs::write(&path, copy).unwrap();
        let store = open(&path);
        HighWater::compare(Some(file.clone()), &*store, NOW).await.unwrap();
        assert!(is_held(&*store).await);
        assert_eq!(store.restorations(9).await.unwrap().len(), 1);
        HighWater::compare(Some(file), &*store, NOW).await.unwrap();
        assert_eq!(store.restorations(9).await.unwrap().len(), 1, "looked after once");
    }

    #[tokio::test]
    async fn p19_of_several_daemons_one_looks_after_a_restoration_whenever_the_others_come() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("juzhen.db");
        let file = |n: u32| Some(folder.path().join(format!("mark-of-{n}")));
        let store = open(&path);
        noted(&*store, 1).await;
        store.close().await.unwrap();
        let copy = fs::read(&path).unwrap();
        drop(store);
        let store = open(&path);
        noted(&*store, 2).await;
        noted(&*store, 3).await;
        for node in [1, 2] {
            HighWater::compare(file(node), &*store, NOW).await.unwrap();
        }
        store.close().await.unwrap();
        drop(store);

        fs::write(&path, copy).unwrap();
        let store = open(&path);
        HighWater::compare(file(1), &*store, NOW).await.unwrap();
        assert!(is_held(&*store).await);
        for person in ["off.hg", "off.zr"] {
            store.lift_stop(person.into(), NOW).await.unwrap();
        }
        HighWater::compare(file(2), &*store, NOW).await.unwrap();
        assert!(!is_held(&*store).await, "two people have looked and lifted it");
        assert_eq!(store.restorations(9).await.unwrap().len(), 1);
    }

    #[tokio::test]
    async fn f25_without_its_log_and_as_a_copy_the_file_is_not_believed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("juzhen.db");
        let store = open(&path);
        noted(&*store, 1).await;
        let at_a_crash = |to: &Path, with_log: bool| {
            fs::copy(&path, to).unwrap();
            if with_log {
                fs::copy(path.with_extension("db-wal"), to.with_extension("db-wal")).unwrap();
            }
        };
        for (name, with_log, why) in [("lost.db", false, "copy"), ("copied.db", true, "copy")] {
            let copy = folder.path().join(name);
            at_a_crash(&copy, with_log);
            let copy = open(&copy);
            HighWater::compare(None, &*copy, NOW).await.unwrap();
            assert!(is_held(&*copy).await, "{name}");
            let reason = copy.restorations(1).await.unwrap().remove(0).reason;
            assert!(reason.contains(why), "{name}: {reason}");
        }
    }

    #[tokio::test]
    async fn f28_a_data_folder_of_another_environment_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(FILE);
        for (name, fits) in [("one.db", true), ("other.db", false)] {
            let store = open(&folder.path().join(name));
            let compared = HighWater::compare(Some(file.clone()), &*store, NOW).await;
            assert_eq!(compared.is_ok(), fits, "{compared:?}");
        }
    }

    #[test]
    fn f23_f24_no_new_database_is_made_where_there_was_one() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("juzhen.db");
        refuse_missing_database(folder.path(), &database).unwrap();
        fs::write(folder.path().join(FILE), "{}").unwrap();
        let refused = refuse_missing_database(folder.path(), &database).unwrap_err().to_string();
        assert!(refused.contains("juzhen restore"), "{refused}");
        fs::write(&database, "").unwrap();
        refuse_missing_database(folder.path(), &database).unwrap();
    }

    #[test]
    fn p19_a_mark_that_cannot_be_kept_or_read_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let mark = Mark {
            environment: "e".into(),
            audit: 1,
            hash: "h".into(),
            at: None,
            effects: 0,
            restorations: Some(0),
        };
        let nowhere = folder.path().join("missing").join(FILE);
        assert!(matches!(write(&nowhere, &mark), Err(MarkError::File { action: "write", .. })));
        let file = folder.path().join(FILE);
        write(&file, &mark).unwrap();
        assert_eq!(read(&file).unwrap(), Some(mark));
        fs::write(&file, "{").unwrap();
        assert!(matches!(read(&file), Err(MarkError::File { action: "read", .. })));
    }
}

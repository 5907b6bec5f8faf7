//! What the engine reads from disk: settings and secrets. [`Folder`] is the disk; a simulation keeps both in memory.

use std::collections::{BTreeMap, HashMap};
use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use juzhen_host::Secret;
use juzhen_settings::{Installed, Loader, Report, Settings};
use tokio::sync::{Mutex, mpsc};
use tokio_util::sync::CancellationToken;

/// Files are read again once they have been quiet this long.
const SETTLE: Duration = Duration::from_millis(200);
/// Looked at this often even without an event (F94).
const POLL: Duration = Duration::from_secs(10);

/// The files of one daemon.
#[async_trait]
pub trait Files: Send + Sync + 'static {
    /// Reads and checks the settings: all of them, or every fault of every file.
    async fn settings(&self, installed: Option<Installed>) -> Result<Arc<Settings>, Report>;

    /// Checks a set that the database has kept.
    fn kept(&self, sources: BTreeMap<String, String>) -> Result<Arc<Settings>, Report>;

    /// Sends `()` whenever the settings may be others than the last time, until `stop`.
    async fn watch(&self, look_again: mpsc::Sender<()>, stop: CancellationToken);

    /// The text of a secret's file; `None` when there is no such file.
    async fn secret(&self, folder: &Path, file: &str) -> io::Result<Option<String>>;
}

/// A file that was changed less than this ago is not remembered: its next change may carry the same stamp.
const FRESH: Duration = Duration::from_secs(2);

/// A folder with `district.yaml`, and folders of secrets.
pub struct Folder {
    path: PathBuf,
    loader: Mutex<Option<Loader>>,
    /// Secrets as they were read, so that a send costs a look at the file and not a thread that reads it.
    secrets: std::sync::Mutex<HashMap<PathBuf, (Stamp, Secret)>>,
}

/// What tells whether a file is still the one that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    /// Of the entry: a file put in its place under an old time has a new one.
    changed: (i64, i64),
}

impl Folder {
    pub fn new(path: impl Into<PathBuf>) -> Arc<Self> {
        let path = path.into();
        let loader = Mutex::new(Some(Loader::new(&path)));
        Arc::new(Self { path, loader, secrets: std::sync::Mutex::default() })
    }

    fn remembered(&self, path: &Path, stamp: &Stamp) -> Option<String> {
        let secrets = self.secrets.lock().unwrap_or_else(PoisonError::into_inner);
        secrets.get(path).filter(|(read, _)| read == stamp).map(|(_, text)| text.expose().to_owned())
    }

    fn remember(&self, path: PathBuf, stamp: Stamp, text: &str) {
        let mut secrets = self.secrets.lock().unwrap_or_else(PoisonError::into_inner);
        secrets.insert(path, (stamp, Secret::new(text)));
    }
}

impl Stamp {
    fn of(file: &Metadata) -> Self {
        Self {
            device: file.dev(),
            inode: file.ino(),
            size: file.size(),
            modified: (file.mtime(), file.mtime_nsec()),
            changed: (file.ctime(), file.ctime_nsec()),
        }
    }

    /// Whether a later change certainly has another stamp.
    fn is_old_enough(&self) -> bool {
        let (seconds, _) = self.changed.max(self.modified);
        let changed = Duration::from_secs(u64::try_from(seconds).unwrap_or(0));
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        now.saturating_sub(changed) > FRESH
    }
}

#[async_trait]
impl Files for Folder {
    /// Parsing blocks, so it happens beside the runtime's own threads.
    async fn settings(&self, installed: Option<Installed>) -> Result<Arc<Settings>, Report> {
        let mut slot = self.loader.lock().await;
        let Some(mut loader) = slot.take() else { return Err(Report::default()) };
        let work = tokio::task::spawn_blocking(move || {
            let result = loader.load(installed.as_ref());
            (loader, result)
        });
        match work.await {
            Ok((loader, result)) => {
                *slot = Some(loader);
                result
            }
            Err(panic) => {
                // The next reload starts from nothing instead of finding nothing.
                *slot = Some(Loader::new(&self.path));
                std::panic::resume_unwind(panic.into_panic())
            }
        }
    }

    fn kept(&self, sources: BTreeMap<String, String>) -> Result<Arc<Settings>, Report> {
        Loader::from_sources(sources).load(None)
    }

    async fn watch(&self, look_again: mpsc::Sender<()>, stop: CancellationToken) {
        juzhen_settings::watch(self.path.clone(), SETTLE, POLL, look_again, stop).await;
    }

    async fn secret(&self, folder: &Path, file: &str) -> io::Result<Option<String>> {
        let path = folder.join(file);
        // Looked at before it is read: what is written in between has another stamp than this one.
        let stamp = std::fs::metadata(&path).ok().as_ref().map(Stamp::of);
        if let Some(text) = stamp.as_ref().and_then(|stamp| self.remembered(&path, stamp)) {
            return Ok(Some(text));
        }
        match tokio::fs::read_to_string(&path).await {
            Ok(text) => {
                if let Some(stamp) = stamp.filter(Stamp::is_old_enough) {
                    self.remember(path, stamp, &text);
                }
                Ok(Some(text))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};

    use super::*;

    fn dated(path: &Path, seconds_ago: u64) {
        let then = SystemTime::now() - Duration::from_secs(seconds_ago);
        File::options().write(true).open(path).unwrap().set_modified(then).unwrap();
    }

    #[tokio::test]
    async fn a_secret_is_read_anew_as_soon_as_its_file_is_another_one() {
        let dir = tempfile::tempdir().unwrap();
        let (folder, path) = (Folder::new(dir.path()), dir.path().join("token"));
        let read = async || folder.secret(dir.path(), "token").await.unwrap();
        assert_eq!(read().await, None);
        fs::write(&path, "one").unwrap();
        assert_eq!(read().await.as_deref(), Some("one"));
        fs::write(&path, "two").unwrap();
        assert_eq!(read().await.as_deref(), Some("two"), "of the same size, in the same moment");
        // As a backup program restores it: with its old time, which its entry has not.
        let other = dir.path().join("other");
        fs::write(&other, "six").unwrap();
        dated(&other, 3600);
        fs::rename(&other, &path).unwrap();
        assert_eq!(read().await.as_deref(), Some("six"));
        fs::remove_file(&path).unwrap();
        assert_eq!(read().await, None);
    }

    #[test]
    fn only_the_stamp_of_a_file_at_rest_is_believed() {
        let dir = tempfile::tempdir().unwrap();
        let (folder, path) = (Folder::new(dir.path()), dir.path().join("token"));
        fs::write(&path, "one").unwrap();
        let stamp = Stamp::of(&fs::metadata(&path).unwrap());
        assert!(!stamp.is_old_enough());
        let old = Stamp { modified: (9, 0), changed: (9, 0), ..stamp.clone() };
        assert!(old.is_old_enough());
        folder.remember(path.clone(), old.clone(), "one");
        assert_eq!(folder.remembered(&path, &old).as_deref(), Some("one"));
        for other in [
            Stamp { inode: old.inode + 1, ..old.clone() },
            Stamp { size: old.size + 1, ..old.clone() },
            Stamp { modified: (9, 1), ..old.clone() },
            Stamp { changed: (9, 1), ..old.clone() },
        ] {
            assert_eq!(folder.remembered(&path, &other), None, "{other:?}");
        }
    }
}

//! What the engine reads from disk: settings and secrets. [`Folder`] is the disk; a simulation keeps both in memory.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
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

/// A folder with `district.yaml`, and folders of secrets.
pub struct Folder {
    path: PathBuf,
    loader: Mutex<Option<Loader>>,
}

impl Folder {
    pub fn new(path: impl Into<PathBuf>) -> Arc<Self> {
        let path = path.into();
        Arc::new(Self { loader: Mutex::new(Some(Loader::new(&path))), path })
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
        match tokio::fs::read_to_string(folder.join(file)).await {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}

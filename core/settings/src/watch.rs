//! Says when to look again: file events for speed, a look at the content for truth (F87, F93, F94).

use std::path::{Path, PathBuf};
use std::time::Duration;

use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::source::Source;

/// However often files are written, nobody is told more often.
const AT_MOST_EVERY: Duration = Duration::from_secs(1);

/// Sends `()` into `look_again` once at the start, and whenever the content of the files is another than the last time,
/// until `stop`. Folders are watched, not files: editors, `kubectl` and package managers put a new file in the old one's
/// place. An event only wakes; content decides, after nothing was written for `settle`. Every `poll` it looks without an
/// event, because network file systems send none and the kernel's queue can overflow. A full channel is left alone: who
/// is going to look will see this too.
pub async fn watch(
    folder: PathBuf,
    settle: Duration,
    poll: Duration,
    look_again: mpsc::Sender<()>,
    stop: CancellationToken,
) {
    let (wake, mut woken) = mpsc::channel(1);
    let mut watched = Watched::new(&folder, wake);
    let mut last = None;
    loop {
        // First the watch, then the look: what changes in between wakes us.
        watched.renew();
        let looked = Instant::now();
        let found = fingerprint(folder.clone()).await;
        if found.is_some() && found != last {
            last = found;
            let _ = look_again.try_send(());
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(poll) => {}
            _ = woken.recv() => {
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = quiet(&mut woken, settle) => {}
                }
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = tokio::time::sleep_until(looked + AT_MOST_EVERY.min(poll)) => {}
                }
            }
        }
    }
}

/// Waits until nothing was written for `settle`, or for [`AT_MOST_EVERY`] when somebody never stops writing.
async fn quiet(woken: &mut mpsc::Receiver<()>, settle: Duration) {
    let latest = Instant::now() + AT_MOST_EVERY.max(settle);
    while let Ok(Some(())) = tokio::time::timeout(settle, woken.recv()).await {
        if Instant::now() >= latest {
            return;
        }
    }
}

/// What the files hold now, as a hash; also of what is wrong with reading them, because a file that can be read again
/// is a change. `None` when the blocking pool is gone.
async fn fingerprint(folder: PathBuf) -> Option<[u8; 32]> {
    let look = move || {
        let listing = Source::Folder(folder).read();
        let mut hasher = Sha256::new();
        let mut add = |bytes: &[u8]| {
            hasher.update((bytes.len() as u64).to_be_bytes());
            hasher.update(bytes);
        };
        for file in &listing.files {
            add(file.name.as_bytes());
            match &file.bytes {
                Ok(bytes) => add(bytes),
                Err(finding) => add(format!("{finding:?}").as_bytes()),
            }
        }
        for (file, finding) in &listing.findings {
            add(format!("{file} {finding:?}").as_bytes());
        }
        hasher.finalize().into()
    };
    tokio::task::spawn_blocking(look).await.ok()
}

/// The watches of the folder, and of `units` and `lexicons` in it.
struct Watched {
    folder: PathBuf,
    watcher: Option<RecommendedWatcher>,
}

impl Watched {
    fn new(folder: &Path, wake: mpsc::Sender<()>) -> Self {
        let handler = move |event: notify::Result<notify::Event>| {
            // Reading a file is an event as well; ours would wake us for ever.
            let ours = event.as_ref().is_ok_and(|event| event.kind.is_access());
            if !ours {
                let _ = wake.try_send(());
            }
        };
        let watcher = notify::recommended_watcher(handler)
            .inspect_err(
                |error| tracing::warn!(%error, "Settings are looked at by polling only: no file events"),
            )
            .ok();
        Self { folder: folder.to_owned(), watcher }
    }

    /// Watches what the names lead to now: after a swap of links it is another folder. Watching the same one twice
    /// changes nothing; where it fails, polling sees the change.
    fn renew(&mut self) {
        let Some(watcher) = &mut self.watcher else { return };
        for path in [self.folder.clone(), self.folder.join("units"), self.folder.join("lexicons")] {
            if let Err(error) = watcher.watch(&path, RecursiveMode::NonRecursive) {
                tracing::debug!(path = %path.display(), %error, "No file events for {}", path.display());
            }
        }
    }
}

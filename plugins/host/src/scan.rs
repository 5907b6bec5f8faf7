//! Finds new and changed files in the adapters' folder, and leaves those alone that are still being copied.

use std::collections::BTreeMap;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use crate::registry::{Loaded, Registry};

/// What one look at the folder has brought.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ScanReport {
    /// Names of adapters that are new.
    pub loaded: Vec<String>,
    /// Names of adapters that were replaced by a new file.
    pub swapped: Vec<String>,
    /// Files that were refused in this look, with the reason.
    pub refused: Vec<(PathBuf, String)>,
    /// Files that still change.
    pub pending: Vec<PathBuf>,
    /// Names of adapters that serve although their file is gone.
    pub missing: Vec<String>,
    /// Why the folder could not be read, if so; everything goes on as it was.
    pub unreadable: Option<String>,
}

impl ScanReport {
    fn add(&mut self, path: PathBuf, loaded: Loaded) {
        match loaded {
            Loaded::New(name) => self.loaded.push(name),
            Loaded::Swapped(name) => self.swapped.push(name),
            Loaded::Refused { reason, .. } => self.refused.push((path, reason)),
            Loaded::Same => {}
        }
    }

    /// Adds what a later look has brought.
    pub(crate) fn then(&mut self, later: Self) {
        self.loaded.extend(later.loaded);
        self.swapped.extend(later.swapped);
        self.refused.extend(later.refused);
        self.pending = later.pending;
        self.missing = later.missing;
        self.unreadable = later.unreadable;
    }
}

/// What was seen of each file so far.
#[derive(Default)]
pub(crate) struct Seen {
    files: BTreeMap<PathBuf, File>,
}

struct File {
    stamp: Stamp,
    since: Instant,
    next: Next,
}

/// When a file is to be loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    WhenSettled,
    /// It was refused.
    At(Instant),
    WhenChanged,
}

/// Changes whenever the content may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    modified: Option<SystemTime>,
}

impl Seen {
    /// One look: loads what has settled.
    pub(crate) async fn look(&mut self, registry: &Registry) -> ScanReport {
        let mut report = ScanReport::default();
        let options = registry.options.watch;
        let folder = registry.options.adapters_dir.clone();
        let found = match tokio::task::spawn_blocking(move || adapter_files(&folder)).await {
            Ok(Ok(found)) => found,
            Ok(Err(cause)) => return ScanReport { unreadable: Some(cause.to_string()), ..report },
            Err(broken) => return ScanReport { unreadable: Some(broken.to_string()), ..report },
        };
        self.files.retain(|path, _| found.contains_key(path));
        report.missing = registry.files_present(|path| found.contains_key(path));
        for (path, stamp) in found {
            match self.state(&path, stamp, options.settle) {
                FileState::Done => {}
                FileState::Moving => report.pending.push(path),
                FileState::Settled => {
                    let loaded = registry.load(&path).await;
                    if let Some(file) = self.files.get_mut(&path) {
                        file.next = match loaded {
                            Loaded::Refused { may_pass: true, .. } => {
                                Next::At(Instant::now() + options.retry_refused)
                            }
                            _ => Next::WhenChanged,
                        };
                    }
                    report.add(path, loaded);
                }
            }
        }
        report
    }

    fn state(&mut self, path: &Path, stamp: Stamp, settle: Duration) -> FileState {
        let now = Instant::now();
        let file = self.files.entry(path.to_owned()).or_insert(File::new(stamp, now));
        if file.stamp != stamp {
            *file = File::new(stamp, now);
        }
        match file.next {
            Next::WhenChanged => FileState::Done,
            Next::At(at) if now < at => FileState::Done,
            Next::At(_) => FileState::Settled,
            Next::WhenSettled if now.duration_since(file.since) >= settle || stamp.older_than(settle) => {
                FileState::Settled
            }
            Next::WhenSettled => FileState::Moving,
        }
    }
}

impl File {
    fn new(stamp: Stamp, since: Instant) -> Self {
        Self { stamp, since, next: Next::WhenSettled }
    }
}

enum FileState {
    Done,
    Moving,
    Settled,
}

impl Stamp {
    /// Nobody has written for that long, as far as the clock can be believed.
    fn older_than(self, age: Duration) -> bool {
        self.modified.and_then(|at| at.elapsed().ok()).is_some_and(|elapsed| elapsed >= age)
    }
}

/// The `*.so` entries of the folder, links followed; hidden ones belong to copy tools.
pub(crate) fn adapter_files(folder: &Path) -> io::Result<BTreeMap<PathBuf, Stamp>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        if hidden || path.extension().is_none_or(|extension| extension != "so") {
            continue;
        }
        // A link to nothing, or a file that was removed just now: not there.
        let Ok(meta) = path.metadata() else { continue };
        if meta.is_dir() {
            continue;
        }
        let modified = meta.modified().ok();
        found.insert(path, Stamp { device: meta.dev(), inode: meta.ino(), size: meta.len(), modified });
    }
    Ok(found)
}

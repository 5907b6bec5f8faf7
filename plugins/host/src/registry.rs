//! Which adapters there are: loads files, swaps a new one in beside the old, and remembers what was refused and why.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use futures_util::FutureExt as _;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::capabilities::{Capabilities, LaneCalls};
use crate::journal::lock;
use crate::lane::{Isolation, LaneOptions};
use crate::loader;
use crate::options::HostOptions;
use crate::refused::LoadRefused;
use crate::scope::Scopes;
use crate::sealed::SealedLibrary;
use crate::slot::{Generation, Line, Slot};
use crate::supervise::{self, Keeper, Reopen};

/// All adapters of one host.
pub(crate) struct Registry {
    pub(crate) options: HostOptions,
    pub(crate) capabilities: Arc<Capabilities>,
    slots: Mutex<BTreeMap<String, Arc<Slot>>>,
    refused: Mutex<BTreeMap<PathBuf, Refused>>,
    pub(crate) changed: watch::Sender<u64>,
    /// Supervisors and drains.
    tasks: TaskTracker,
}

/// A file that is not running.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refused {
    /// Of its manifest where that can be read, else of its file.
    pub(crate) name: String,
    pub(crate) reason: String,
    pub(crate) sha256: Option<String>,
}

/// What became of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Loaded {
    New(String),
    Swapped(String),
    /// The same bytes are running already.
    Same,
    Refused {
        reason: String,
        /// Another try may go better and costs nothing that stays.
        may_pass: bool,
    },
}

impl Registry {
    pub(crate) fn new(options: HostOptions, capabilities: Arc<Capabilities>) -> Self {
        Self {
            options,
            capabilities,
            slots: Mutex::default(),
            refused: Mutex::default(),
            changed: watch::Sender::new(0),
            tasks: TaskTracker::new(),
        }
    }

    pub(crate) fn slot(&self, name: &str) -> Option<Arc<Slot>> {
        lock(&self.slots).get(name).cloned()
    }

    pub(crate) fn slots(&self) -> Vec<Arc<Slot>> {
        lock(&self.slots).values().cloned().collect()
    }

    pub(crate) fn refused(&self) -> Vec<(PathBuf, Refused)> {
        lock(&self.refused).iter().map(|(path, refused)| (path.clone(), refused.clone())).collect()
    }

    /// Loads the file at `path`. A refusal changes nothing that runs. Not to be called twice at a time.
    pub(crate) async fn load(&self, path: &Path) -> Loaded {
        let read = {
            let path = path.to_owned();
            tokio::task::spawn_blocking(move || SealedLibrary::read(&path)).await
        };
        let library = match read {
            Ok(Ok(library)) => library,
            Ok(Err(refused)) => return self.refuse(path, None, refused.to_string()),
            Err(broken) => return self.refuse(path, None, format!("could not be read: {broken}")),
        };
        let known = self.slot(&library.manifest().name);
        if let Some(slot) = &known {
            let mut line = lock(&slot.line).clone();
            if line.path != path && !gone(&line.path) {
                let why = format!("adapter `{}` is already served by {}", slot.name, line.path.display());
                return self.refuse(path, Some(&library), why);
            }
            if line.sha256 == library.sha256() {
                line.path = path.to_owned();
                line.file_missing = false;
                *lock(&slot.line) = line;
                self.accept(path);
                return Loaded::Same;
            }
        }
        let reopen = self.reopen(library.clone());
        match reopen().await {
            Ok(generation) => {
                let loaded = self.install(known, path, &library, generation, reopen);
                self.accept(path);
                loaded
            }
            Err(refused) => {
                let mut loaded = self.refuse(path, Some(&library), refused.to_string());
                if let Loaded::Refused { may_pass, .. } = &mut loaded {
                    // Code that was mapped into this process stays in it, so each try would add to that.
                    *may_pass = self.isolation(&library) != Isolation::InProcess;
                }
                loaded
            }
        }
    }

    /// Marks what serves without its file, and forgets refusals of files that are gone. Gives back the names.
    pub(crate) fn files_present(&self, present: impl Fn(&Path) -> bool) -> Vec<String> {
        lock(&self.refused).retain(|path, _| present(path));
        let mut missing = Vec::new();
        for slot in self.slots() {
            let mut line = lock(&slot.line);
            let is_missing = !present(&line.path);
            if is_missing && !line.file_missing {
                tracing::warn!(
                    adapter.name = slot.name,
                    file = %line.path.display(),
                    "The file of adapter {} is gone; it goes on until the daemon stops",
                    slot.name
                );
            }
            if line.file_missing != is_missing {
                line.file_missing = is_missing;
                self.count_change();
            }
            if is_missing {
                missing.push(slot.name.clone());
            }
        }
        missing
    }

    /// Refuses new calls, waits for those inside, and ends every process.
    pub(crate) async fn close(&self, grace: std::time::Duration) {
        let ends = self.slots().into_iter().filter_map(|slot| slot.close()).map(|generation| async move {
            generation.drained(grace).await;
            generation.lane.shutdown(grace).await;
        });
        futures_util::future::join_all(ends).await;
        self.tasks.close();
        self.capabilities.background.close();
        let rest = async { tokio::join!(self.tasks.wait(), self.capabilities.background.wait()) };
        // A request that is still on its way then stays without an answer in the ledger, which says so.
        let _elapsed = tokio::time::timeout(grace, rest).await;
    }

    fn install(
        &self,
        known: Option<Arc<Slot>>,
        path: &Path,
        library: &SealedLibrary,
        generation: Arc<Generation>,
        reopen: Reopen,
    ) -> Loaded {
        let line = Line {
            manifest: Arc::clone(&generation.manifest),
            sha256: library.sha256().to_owned(),
            path: path.to_owned(),
            file_missing: false,
            retired: CancellationToken::new(),
        };
        let retired = line.retired.clone();
        let name = line.manifest.name.clone();
        let version = line.manifest.version.clone();
        let (slot, loaded) = match known {
            Some(slot) => {
                if let Some(old) = slot.swap(line, Arc::clone(&generation)) {
                    self.drain(old);
                }
                (slot, Loaded::Swapped(name.clone()))
            }
            None => {
                let most = self.options.budgets.in_flight;
                let slot = Arc::new(Slot::new(name.clone(), line, Arc::clone(&generation), most));
                lock(&self.slots).insert(name.clone(), Arc::clone(&slot));
                (slot, Loaded::New(name.clone()))
            }
        };
        let missing = generation.lane.isolation().missing();
        tracing::info!(
            adapter.name = name,
            adapter.version = version,
            adapter.sha256 = library.sha256(),
            sandbox.missing = ?missing,
            "Adapter {name} {version} is loaded"
        );
        let keeper = Keeper {
            slot,
            retired,
            reopen,
            supervision: self.options.supervision,
            clock: Arc::clone(&self.capabilities.ports.clock),
            changed: self.changed.clone(),
        };
        self.tasks.spawn(supervise::keep(keeper, generation));
        self.count_change();
        loaded
    }

    /// Takes a scripted adapter in, without a file.
    #[cfg(any(test, feature = "simulation"))]
    pub(crate) fn adopt(&self, scripted: &crate::simulated::Scripted) {
        let HostOptions { budgets, supervision, .. } = &self.options;
        let capabilities = &self.capabilities;
        let (slot, keeper, generation) =
            crate::simulated::place(scripted, capabilities, budgets.in_flight, *supervision, &self.changed);
        lock(&self.slots).insert(slot.name.clone(), slot);
        self.tasks.spawn(supervise::keep(keeper, generation));
    }

    fn drain(&self, old: Arc<Generation>) {
        let supervision = self.options.supervision;
        self.tasks.spawn(async move {
            old.drained(supervision.drain).await;
            old.lane.shutdown(supervision.grace).await;
        });
    }

    fn reopen(&self, library: SealedLibrary) -> Reopen {
        let capabilities = Arc::clone(&self.capabilities);
        let mut options: LaneOptions = self.options.lane.clone();
        options.isolation = self.isolation(&library);
        Arc::new(move || {
            let scopes = Arc::new(Scopes::default());
            let calls = LaneCalls {
                adapter: library.manifest().name.clone(),
                scopes: Arc::clone(&scopes),
                capabilities: Arc::clone(&capabilities),
            };
            let (library, options) = (library.clone(), options.clone());
            async move {
                let lane = loader::open(library, &options, Arc::new(calls)).await?;
                Ok(Arc::new(Generation::new(lane, scopes)))
            }
            .boxed()
        })
    }

    fn isolation(&self, library: &SealedLibrary) -> Isolation {
        let own = self.options.isolation_of.get(&library.manifest().name);
        own.copied().unwrap_or(self.options.lane.isolation)
    }

    /// Says so once, however often the file is tried.
    fn refuse(&self, path: &Path, library: Option<&SealedLibrary>, reason: String) -> Loaded {
        let stem = || path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let name = library.map_or_else(stem, |library| library.manifest().name.clone());
        let sha256 = library.map(|library| library.sha256().to_owned());
        let refused = Refused { name: name.clone(), reason: reason.clone(), sha256 };
        let before = lock(&self.refused).insert(path.to_owned(), refused.clone());
        if before.is_none_or(|before| before != refused) {
            let file = path.display();
            tracing::warn!(adapter.name = name, file = %file, reason, "{file} is not loaded: {reason}");
            self.count_change();
        }
        Loaded::Refused { reason, may_pass: true }
    }

    fn accept(&self, path: &Path) {
        if lock(&self.refused).remove(path).is_some() {
            self.count_change();
        }
    }

    fn count_change(&self) {
        self.changed.send_modify(|count| *count += 1);
    }
}

/// Reads the folder's adapters without running or loading any: for checks of a configuration.
///
/// Names are those of the files; in order. Blocking.
///
/// # Errors
/// When the folder cannot be read. What is wrong with one file stands beside its name.
pub fn peek_directory(folder: &Path) -> std::io::Result<Vec<(String, Result<SealedLibrary, LoadRefused>)>> {
    let files = crate::scan::adapter_files(folder)?;
    let name = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Ok(files.into_keys().map(|path| (name(&path), SealedLibrary::read(&path))).collect())
}

fn gone(path: &Path) -> bool {
    matches!(path.try_exists(), Ok(false))
}

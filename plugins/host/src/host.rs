//! The door of this crate: start a host on a folder of adapters, and call them by name.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use juzhen_abi::message::Manifest;
use tokio::sync::{Mutex, watch};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::call::{Call, Reply};
use crate::capabilities::Capabilities;
use crate::journal::lock;
use crate::options::HostOptions;
use crate::ports::Ports;
use crate::registry::Registry;
use crate::run::Runner;
use crate::scan::{ScanReport, Seen};
use crate::status::{self, AdapterStatus};
use crate::watch as folder;

/// The adapters of a folder, loaded, watched and supervised. Cheap to clone; the last clone stops the watching, and
/// [`Host::shutdown`] ends the adapters in order.
#[derive(Clone)]
pub struct Host {
    inner: Arc<Inner>,
}

struct Inner {
    registry: Arc<Registry>,
    runner: Runner,
    seen: Arc<Mutex<Seen>>,
    stop: CancellationToken,
    _stop_when_dropped: DropGuard,
}

/// Why no host could be started. A refused adapter is no reason; it is listed by [`Host::adapters`].
#[derive(Debug, thiserror::Error)]
pub enum HostStartError {
    #[error("could not read the adapters' folder {}: {reason}", folder.display())]
    Folder { folder: PathBuf, reason: String },
    #[error("could not prepare the HTTP client")]
    Http(#[source] reqwest::Error),
}

impl Host {
    /// Loads every adapter of the folder, then watches it. A file that is still being copied is waited for a few times
    /// [`crate::WatchOptions::settle`].
    ///
    /// # Errors
    /// A folder of adapters that cannot be read or watched, or no HTTP client. An adapter that is refused is none: it is in
    /// [`Host::adapters`].
    pub async fn start(options: HostOptions, ports: Ports) -> Result<Self, HostStartError> {
        #[cfg(any(test, feature = "simulation"))]
        if let Some(simulated) = options.simulated.clone() {
            return Ok(Self::simulate(options, ports, &simulated));
        }
        let mut capabilities = Capabilities::new(ports, &options.egress).map_err(HostStartError::Http)?;
        capabilities.recorder.clone_from(&options.recorder);
        let inner = Inner::new(options, capabilities);
        if let Some(reason) = folder::settle(&inner.registry, &inner.seen).await.unreadable {
            return Err(HostStartError::Folder {
                folder: inner.registry.options.adapters_dir.clone(),
                reason,
            });
        }
        tokio::spawn(folder::run(Arc::clone(&inner.registry), Arc::clone(&inner.seen), inner.stop.clone()));
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The same with adapters that are closures and a network that is a port.
    #[cfg(any(test, feature = "simulation"))]
    fn simulate(options: HostOptions, ports: Ports, simulated: &crate::simulated::Simulated) -> Self {
        let (network, progress) = (Arc::clone(&simulated.network), options.egress.progress.clone());
        let inner = Inner::new(options, crate::simulated::capabilities(ports, network, progress));
        simulated.adapters.iter().for_each(|adapter| inner.registry.adopt(adapter));
        Self { inner: Arc::new(inner) }
    }

    /// Every adapter, then every refused file.
    pub fn adapters(&self) -> Vec<AdapterStatus> {
        status::all(&self.inner.registry)
    }

    /// Names of those that take calls now.
    pub fn serving(&self) -> BTreeSet<String> {
        let slots = self.inner.registry.slots();
        slots.iter().filter(|slot| status::serves(slot)).map(|slot| slot.name.clone()).collect()
    }

    /// Of the adapter that serves under this name.
    pub fn manifest(&self, adapter: &str) -> Option<Arc<Manifest>> {
        let slot = self.inner.registry.slot(adapter)?;
        let manifest = Arc::clone(&lock(&slot.line).manifest);
        Some(manifest)
    }

    /// Runs one operation. Always answers, at the latest a grace after the call's deadline; dropping the future cancels
    /// the operation, while a mutating request that has left still gets its answer into the ledger.
    pub async fn call(&self, call: Call) -> Reply {
        match self.inner.registry.slot(&call.adapter) {
            Some(slot) => self.inner.runner.run(&slot, &call).await,
            None => Reply::not_installed(),
        }
    }

    /// Looks at the folder now, and waits a while for files that still change.
    pub async fn rescan(&self) -> ScanReport {
        folder::settle(&self.inner.registry, &self.inner.seen).await
    }

    /// Counts loads, swaps, refusals, crashes, restarts and quarantines.
    pub fn changed(&self) -> watch::Receiver<u64> {
        self.inner.registry.changed.subscribe()
    }

    /// Takes no more calls, waits up to `grace` for those under way, then ends the adapters.
    pub async fn shutdown(&self, grace: Duration) {
        self.inner.stop.cancel();
        self.inner.registry.close(grace).await;
    }
}

impl Inner {
    fn new(options: HostOptions, capabilities: Capabilities) -> Self {
        let capabilities = Arc::new(capabilities);
        let runner = Runner {
            capabilities: Arc::clone(&capabilities),
            egress: options.egress.clone(),
            budgets: options.budgets,
            grace: options.supervision.grace,
        };
        let registry = Arc::new(Registry::new(options, capabilities));
        let stop = CancellationToken::new();
        let _stop_when_dropped = stop.clone().drop_guard();
        Self { registry, runner, seen: Arc::default(), stop, _stop_when_dropped }
    }
}

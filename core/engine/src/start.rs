//! Starting: settings, adapters, what a crash left behind; in this order, before anything is claimed.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use jiff::Timestamp;
use juzhen_host::{Host, HostOptions, Leaving, Ports, Progress};
use juzhen_settings::{Installed, Report, Settings};
use juzhen_store::{AuditFilter, Store, StoreError};
use tracing::{info, warn};

use crate::clock::{Guard, World};
use crate::failpoint::Failpoints;
use crate::files::Files;
use crate::given::Given;
use crate::high_water::{HighWater, MarkError};
use crate::node::Node;
use crate::ports::StorePorts;
use crate::reload::{self, Proposed, ReloadStatus};
use crate::seal::MasterKey;
use crate::tokens::Tokens;
use crate::vault::Vault;
use crate::{Engine, Parts, running};

/// What an engine is started with.
pub struct EngineOptions {
    /// Folder of `district.yaml`.
    pub config: PathBuf,
    /// Where adapters are when the settings do not say.
    pub adapters: PathBuf,
    /// Where secrets are when the settings do not say.
    pub secrets: PathBuf,
    pub store: Arc<dyn Store>,
    pub world: Arc<dyn World>,
    pub failpoints: Arc<Failpoints>,
    /// Settings and secrets: [`crate::Folder`] reads them from disk.
    pub files: Arc<dyn Files>,
    /// File that says how far the history went, outside of the database (P19); `None` keeps that in memory only.
    pub mark: Option<PathBuf>,
    /// Under which secrets are sealed in the database.
    pub master_key: MasterKey,
    /// How long this daemon counts as there without a sign of life: [`crate::LEASE`].
    pub lease: Duration,
    /// A last word on the host's options, such as the child's program in tests.
    pub tune_host: TuneHost,
}

/// Changes the host's options before it starts.
pub type TuneHost = Arc<dyn Fn(&mut HostOptions) + Send + Sync>;

/// Why it did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// There is no kept set to run on instead.
    #[error("the settings in {} have {} faults; run `juzhen check {}`\n{report}", folder.display(), report.faults.len(), folder.display())]
    Settings { folder: PathBuf, report: Report },
    #[error("could not start the adapters")]
    Host(#[from] juzhen_host::HostStartError),
    #[error("could not read the database")]
    Store(#[from] StoreError),
    #[error("could not compare the database with what was seen of it last")]
    Mark(#[from] MarkError),
}

pub(crate) async fn start(options: EngineOptions) -> Result<Engine, StartError> {
    let EngineOptions { config, files, store, world, .. } = &options;
    let last_good = last_good(store.as_ref(), files.as_ref()).await?;
    // Without the adapters, whose folder the settings name; checked against them below.
    let chosen = choose(files.as_ref(), None, last_good.clone(), config).await?;
    let current = Arc::new(ArcSwap::new(Arc::clone(&chosen.settings)));
    let node = Arc::new(Node::new(options.lease));
    let tokens = tokens(&options, &current, &chosen.settings, &node).await?;
    let host = start_host(&options, &chosen.settings, tokens.clone()).await?;
    let installed = running::installed(&host.adapters());
    let chosen = choose(files.as_ref(), Some(installed), last_good, config).await?;
    current.store(Arc::clone(&chosen.settings));
    // Before this start writes times of its own.
    let newest = newest_time(store.as_ref()).await?;
    let now = world.now();
    // Before `recover`, which believes what the database says, and before this start writes rows of its own: the time that
    // is lost begins with the newest one.
    let high_water = HighWater::compare(options.mark.clone(), store.as_ref(), now).await?;
    if !chosen.is_last_good {
        reload::keep(store.as_ref(), &chosen.settings, now).await?;
    }
    // What is recovered is what nobody who is there holds.
    node.join(store.as_ref(), world).await?;
    let recovered = store.recover(now).await?;
    info!(
        due = recovered.due,
        resumed = recovered.resumed,
        in_doubt = recovered.in_doubt,
        "Looked after what was under way at the last stop"
    );
    tokens.tell_unreadable().await?;
    let stopped = store.stopped().await?.is_some();
    let guard = Guard::new(world.as_ref(), newest);
    let status = status(&chosen, now);
    Ok(Engine::assemble(Parts { options, current, host, status, stopped, high_water, guard, node, tokens }))
}

struct Chosen {
    settings: Arc<Settings>,
    is_last_good: bool,
    faults: Option<Report>,
    proposed: Option<Proposed>,
}

/// The files when they are good, else the last good set; a start does not get around the guard for large changes either.
async fn choose(
    files: &dyn Files,
    installed: Option<Installed>,
    last_good: Option<Arc<Settings>>,
    folder: &Path,
) -> Result<Chosen, StartError> {
    match (files.settings(installed).await, last_good) {
        (Ok(files), None) => {
            Ok(Chosen { settings: files, is_last_good: false, faults: None, proposed: None })
        }
        (Ok(files), Some(kept)) => {
            let changes = juzhen_settings::diff(Some(&kept), &files);
            match reload::proposal(&changes, files.revision.as_str(), None) {
                None => Ok(Chosen { settings: files, is_last_good: false, faults: None, proposed: None }),
                proposed => {
                    warn!(reasons = ?proposed, "The files hold a large change that nobody confirmed: running on the last good settings");
                    Ok(Chosen { settings: kept, is_last_good: true, faults: None, proposed })
                }
            }
        }
        (Err(report), Some(kept)) => {
            warn!(
                faults = report.faults.len(),
                first = reload::first_fault(&report),
                "The files have faults: running on the last good settings"
            );
            Ok(Chosen { settings: kept, is_last_good: true, faults: Some(report), proposed: None })
        }
        (Err(report), None) => Err(StartError::Settings { folder: folder.to_owned(), report }),
    }
}

/// The newest time of the newest rows of the audit: a clock far from it is wrong (F43).
async fn newest_time(store: &dyn Store) -> Result<Option<Timestamp>, StoreError> {
    let newest = AuditFilter { most: 500, ..AuditFilter::default() };
    Ok(juzhen_domain::clock::newest(store.audit(newest).await?.into_iter().rev().map(|row| row.audit.at)))
}

async fn last_good(store: &dyn Store, files: &dyn Files) -> Result<Option<Arc<Settings>>, StartError> {
    let Some(kept) = store.last_settings().await? else { return Ok(None) };
    match files.kept(kept.sources) {
        Ok(settings) => Ok(Some(settings)),
        Err(report) => {
            // Written by another version with other rules; the files decide then.
            warn!(
                revision = kept.revision,
                first = reload::first_fault(&report),
                "The kept settings cannot be used by this version"
            );
            Ok(None)
        }
    }
}

async fn tokens(
    options: &EngineOptions,
    current: &Arc<ArcSwap<Settings>>,
    settings: &Settings,
    node: &Arc<Node>,
) -> Result<Tokens, StartError> {
    let EngineOptions { store, world, failpoints, files, .. } = options;
    let secrets_folder = running::secrets_folder(settings, &options.config, &options.secrets);
    let of_account = Arc::clone(current);
    let references = Box::new(move |account: &juzhen_domain::id::AccountId| {
        of_account.load().accounts.get(account).map(|a| a.secrets.clone()).unwrap_or_default()
    });
    let vault = Vault::open(&options.master_key, Arc::clone(store), Arc::clone(failpoints)).await?;
    let given = Given::new(Arc::clone(files), secrets_folder, references, vault);
    let (store, world, failpoints) = (Arc::clone(store), Arc::clone(world), Arc::clone(failpoints));
    Ok(Tokens::new(given, store, world, Arc::clone(node), failpoints))
}

async fn start_host(
    options: &EngineOptions,
    settings: &Settings,
    tokens: Tokens,
) -> Result<Host, StartError> {
    let store_ports = Arc::new(StorePorts {
        store: Arc::clone(&options.store),
        world: Arc::clone(&options.world),
        failpoints: Arc::clone(&options.failpoints),
    });
    let ports = Ports {
        ledger: store_ports.clone(),
        secrets: Arc::new(tokens),
        values: store_ports.clone(),
        blobs: store_ports.clone(),
        clock: store_ports,
    };
    let folder = running::adapters_folder(settings, &options.config, &options.adapters);
    let mut host_options = running::host_options(settings, folder);
    host_options.egress.progress = progress(&options.failpoints);
    (options.tune_host)(&mut host_options);
    Ok(Host::start(host_options, ports).await?)
}

/// Requests are cut into pieces only where a test wants to stop between them.
fn progress(failpoints: &Arc<Failpoints>) -> Option<Progress> {
    let point = |leaving| match leaving {
        Leaving::Head => "send.after_headers",
        Leaving::Half => "send.mid_body",
        Leaving::Whole => "send.after_body_before_response",
    };
    let watched = [Leaving::Head, Leaving::Half, Leaving::Whole].into_iter();
    let is_watched = watched.map(point).any(|name| failpoints.watches(name));
    let failpoints = Arc::clone(failpoints);
    is_watched.then(|| Progress::new(move |leaving| failpoints.reach(point(leaving))))
}

fn status(chosen: &Chosen, now: Timestamp) -> ReloadStatus {
    ReloadStatus {
        successful: !chosen.is_last_good,
        last_success_at: (!chosen.is_last_good).then_some(now),
        last_try_at: now,
        revision: chosen.settings.revision.to_string(),
        on_last_good: chosen.is_last_good,
        faults: chosen.faults.clone(),
        waiting_for_confirmation: chosen.proposed.clone(),
        restart_needed: Vec::new(),
    }
}

//! Reload: load, check everything, compare, swap at once. Starting is the first reload, so the path that is used at night
//! is the path used at every start. A fault anywhere leaves the running settings as they were (P8); a change by itself
//! publishes, re-times and approves nothing (P9): the running settings are only ever read by the next decision.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use juzhen_settings::{Changes, Locale, Report, Settings};
use juzhen_store::{Audit, KeptSettings, Store, StoreError};
use serde::Serialize;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::service::{self, Round, Service};
use crate::{Engine, running};

/// How the last reload went. The running settings themselves are [`Engine::settings`].
#[derive(Debug, Clone, Serialize)]
pub struct ReloadStatus {
    pub successful: bool,
    pub last_success_at: Option<Timestamp>,
    pub last_try_at: Timestamp,
    /// Of the running settings.
    pub revision: String,
    /// Running on the kept set because the files are not good.
    pub on_last_good: bool,
    /// What is wrong with the files now.
    pub faults: Option<Report>,
    /// A large change that somebody has to confirm, by its revision.
    pub waiting_for_confirmation: Option<Proposed>,
    /// Changed settings that only a restart applies.
    pub restart_needed: Vec<String>,
}

/// A change that a file alone may not make (F95).
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Proposed {
    pub revision: String,
    pub reasons: Vec<String>,
}

/// What a reload came to.
#[derive(Debug, Clone)]
pub enum ReloadOutcome {
    Applied {
        revision: String,
        changes: Box<Changes>,
    },
    Unchanged {
        revision: String,
    },
    /// Nothing changed; every fault of every file.
    Refused(Report),
    /// Nothing changed until somebody confirms this revision.
    NeedsConfirmation(Proposed),
    /// The database could not keep the new set, so it was not applied.
    NotKept {
        problem: String,
    },
}

/// Reloads whenever the files or the adapters change, until `stop`.
pub(crate) async fn run(engine: Engine, stop: CancellationToken) {
    let (look, looks) = mpsc::channel(1);
    let watch = engine.files().watch(look, stop.clone());
    let nudges = nudge(engine.clone(), looks, stop.clone());
    let rounds = service::run(&engine, Service::RELOAD, &stop, || round(&engine));
    tokio::join!(watch, nudges, rounds);
}

/// A change of the files or of the adapters asks for a round.
async fn nudge(engine: Engine, mut looks: mpsc::Receiver<()>, stop: CancellationToken) {
    let mut adapters = engine.host().changed();
    loop {
        tokio::select! {
            biased;
            Some(()) = looks.recv() => engine.ask_reload(),
            Ok(()) = adapters.changed() => { engine.ask_reload(); engine.wake(); }
            () = stop.cancelled() => return,
        }
    }
}

async fn round(engine: &Engine) -> Round {
    if engine.take_reload_request()
        && let ReloadOutcome::NotKept { problem } = engine.reload().await
    {
        // The files are good and nobody will tell us again: try until the database takes them.
        engine.ask_reload_later();
        return Round { next_in: Duration::from_secs(2), problem: Some(problem) };
    }
    Round::next_in(Duration::from_secs(2))
}

/// One reload. `confirmed` names the revision of a large change that somebody confirmed.
pub(crate) async fn reload(engine: &Engine, confirmed: Option<&str>) -> ReloadOutcome {
    let _one_at_a_time = engine.reload_lock().await;
    let installed = running::installed(&engine.host().adapters());
    let current = engine.settings();
    match engine.files().settings(Some(installed)).await {
        Err(report) => {
            warn!(
                faults = report.faults.len(),
                first = first_fault(&report),
                "Settings refused; the running ones go on"
            );
            engine.change_status(|s| {
                s.successful = false;
                s.faults = Some(report.clone());
            });
            ReloadOutcome::Refused(report)
        }
        Ok(wanted) if wanted.revision == current.revision => {
            engine.change_status(|s| settled(s, engine.now()));
            ReloadOutcome::Unchanged { revision: wanted.revision.to_string() }
        }
        Ok(wanted) => apply(engine, &current, wanted, confirmed).await,
    }
}

async fn apply(
    engine: &Engine,
    current: &Settings,
    wanted: Arc<Settings>,
    confirmed: Option<&str>,
) -> ReloadOutcome {
    let changes = juzhen_settings::diff(Some(current), &wanted);
    let revision = wanted.revision.to_string();
    if let Some(proposed) = proposal(&changes, &revision, confirmed) {
        warn!(revision, reasons = ?proposed.reasons, "A large change waits for confirmation");
        engine.change_status(|s| {
            s.successful = false;
            s.faults = None;
            s.waiting_for_confirmation = Some(proposed.clone());
        });
        return ReloadOutcome::NeedsConfirmation(proposed);
    }
    engine.failpoints().reach("config.after_parse");
    if let Err(error) = keep(engine.store().as_ref(), &wanted, engine.now()).await {
        let problem = crate::with_causes(&error);
        warn!(problem, "Settings could not be kept and were not applied");
        engine.change_status(|s| s.successful = false);
        return ReloadOutcome::NotKept { problem };
    }
    engine.failpoints().reach("config.before_swap");
    engine.swap(Arc::clone(&wanted));
    engine.change_status(|s| {
        settled(s, engine.now());
        s.revision.clone_from(&revision);
        s.restart_needed.extend(changes.restart_only.iter().cloned());
        s.restart_needed.sort();
        s.restart_needed.dedup();
    });
    // What lost its account is held now and not only when it is due, so that people see it.
    if engine.clock_doubt().is_none()
        && let Err(error) = engine.store().sweep(engine.now(), engine.standing()).await
    {
        warn!(error = crate::with_causes(&error), "Could not sweep after the reload");
    }
    engine.wake();
    info!(revision, changes = summary(&changes), "Settings applied");
    ReloadOutcome::Applied { revision, changes: Box::new(changes) }
}

/// A change that takes away much is only proposed by the files; a person confirms it by its revision (F95).
pub(crate) fn proposal(changes: &Changes, revision: &str, confirmed: Option<&str>) -> Option<Proposed> {
    if changes.dangerous.is_empty() || confirmed == Some(revision) {
        return None;
    }
    let reasons = changes.dangerous.iter().map(|danger| danger.words(Locale::English)).collect();
    Some(Proposed { revision: revision.to_owned(), reasons })
}

/// The first fault, for one line of log.
pub(crate) fn first_fault(report: &Report) -> String {
    report.faults.first().map(ToString::to_string).unwrap_or_default()
}

fn summary(changes: &Changes) -> String {
    let kinds = [
        ("units", &changes.units),
        ("people", &changes.people),
        ("accounts", &changes.accounts),
        ("columns", &changes.columns),
        ("routes", &changes.routes),
    ];
    let counted = kinds
        .into_iter()
        .filter(|(_, difference)| !difference.is_empty())
        .map(|(what, d)| format!("{what} +{} -{} ~{}", d.added.len(), d.removed.len(), d.changed.len()));
    counted.chain(changes.keys.iter().cloned()).collect::<Vec<_>>().join(", ")
}

fn settled(status: &mut ReloadStatus, now: Timestamp) {
    status.successful = true;
    status.last_success_at = Some(now);
    status.on_last_good = false;
    status.faults = None;
    status.waiting_for_confirmation = None;
}

/// Keeps a set in the database: the last good one after a restart with broken files.
pub(crate) async fn keep(store: &dyn Store, settings: &Settings, at: Timestamp) -> Result<(), StoreError> {
    let sources = settings.sources.iter().map(|(name, text)| (name.clone(), text.to_string())).collect();
    let revision = settings.revision.to_string();
    let audit = Audit {
        actor: "daemon".into(),
        action: "settings.applied".into(),
        subject: format!("settings:{revision}"),
        detail: serde_json::json!({ "units": settings.units.len(), "accounts": settings.accounts.len() }),
        at,
        request: None,
    };
    store.keep_settings(KeptSettings { revision, sources, at }, audit).await
}

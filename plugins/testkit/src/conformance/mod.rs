//! The conformance kit: asks the real `.so` of an adapter everything that the boundary promises, and says what it saw.
//!
//! The adapter runs in a child process under the real isolation; the host behind it is scripted, so that no network, no clock
//! and no secret is involved. Each request that it makes with good answers (from its `conformance.yaml`) is then met by every
//! fault, one at a time. Whatever it does to its process is survived and named. [`CHECKS`] is the table of the questions.

mod bench;
mod binary;
mod capabilities;
mod determinism;
mod ended;
mod faults;
mod lifecycle;
mod network;
mod plan;
mod probe;
mod protocol;
mod reach;
mod report;
mod secrets;
mod semantics;
mod spare;
mod stage;
mod sweep;
mod table;
mod talk;
mod wire;

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use juzhen_host::lane::LaneOptions;
use juzhen_host::sealed::SealedLibrary;

pub use plan::{Plan, PlanError, Rule, Sample};
pub use report::{Finding, Group, Report, Row, Verdict};
pub use table::{CHECKS, Check};
pub(crate) use talk::{Seen, Talk};

use bench::Bench;

/// Becomes the child that the program was started as, if it was: an adapter's process, or one to spare. The first thing that
/// `main` does, before there are threads.
pub fn become_child() {
    match std::env::args_os().nth(1) {
        Some(first) if first == "adapter-host" => juzhen_host::child_main(),
        Some(first) if first == probe::ARGUMENT => spare::probe_main(),
        _ => {}
    }
}

/// How to ask.
#[derive(Debug, Clone)]
pub struct Options {
    pub plan: Plan,
    /// Names of groups or ids of checks; empty: all.
    pub only: Vec<String>,
    /// The binary that becomes the children: one whose `main` begins with [`become_child`].
    pub program: PathBuf,
}

impl Options {
    /// With this very program as the child.
    #[must_use]
    pub fn new(plan: Plan) -> Self {
        Self { plan, only: Vec::new(), program: PathBuf::from("/proc/self/exe") }
    }

    /// What of `only` is neither a group nor a check.
    #[must_use]
    pub fn unknown(&self) -> Option<&str> {
        let known = |name: &str| CHECKS.iter().any(|check| check.id == name || check.group.name() == name);
        self.only.iter().map(String::as_str).find(|name| !known(name))
    }

    fn wants(&self, check: &Check) -> bool {
        self.only.is_empty() || self.only.iter().any(|name| name == check.id || name == check.group.name())
    }
}

/// Runs the checks on a Tokio runtime with more than one thread.
///
/// # Errors
/// A file that cannot be read. One that is no adapter is a report.
pub async fn run(file: &Path, options: &Options) -> std::io::Result<Report> {
    let whole = file.canonicalize()?;
    let bytes = std::fs::read(file)?;
    let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut report = Report {
        ok: false,
        file: file.display().to_string(),
        sha256: None,
        refused: None,
        manifest: None,
        isolation: None,
        checks: Vec::new(),
    };
    let library = match SealedLibrary::from_bytes(name, &bytes) {
        Ok(library) => library,
        Err(refused) => {
            report.refuse(options, &refused.to_string());
            return Ok(report);
        }
    };
    report.sha256 = Some(library.sha256().to_owned());
    report.manifest = Some(library.manifest().clone());
    // So many calls are never under way, not even in the check that makes many at once.
    let lane = LaneOptions {
        program: options.program.clone(),
        start_budget: START_PATIENCE,
        ..LaneOptions::default()
    };
    let bench = Bench::new(whole, library, bytes, options.plan.clone(), lane);
    match bench.lane().await {
        Ok(lane) => report.isolation = Some(lane.isolation().clone()),
        Err(refused) => {
            report.refuse(options, &refused.to_string());
            return Ok(report);
        }
    }
    report.checks = ask(&bench, options).await;
    report.ok = report.count(Verdict::Failed) == 0;
    bench.kill("the conformance kit has ended").await;
    Ok(report)
}

/// A start that takes longer than the daemon's five seconds is a finding; one that takes longer than this is a hang.
const START_PATIENCE: Duration = Duration::from_secs(15);

async fn ask(bench: &Bench, options: &Options) -> Vec<Row> {
    let wanted = || CHECKS.iter().enumerate().filter(|(_, check)| options.wants(check));
    let mut rows = Vec::new();
    for last in [false, true] {
        for (place, check) in wanted().filter(|(_, check)| check.last == last) {
            rows.push((place, row(check, (check.run)(bench).await)));
        }
    }
    rows.sort_by_key(|(place, _)| *place);
    rows.into_iter().map(|(_, row)| row).collect()
}

fn row(check: &Check, Finding { verdict, seen }: Finding) -> Row {
    let advice = (verdict == Verdict::Failed).then_some(check.advice);
    Row { group: check.group, check: check.id, title: check.title, result: verdict, seen, advice }
}

impl Report {
    /// Nothing can be asked of a file that does not start.
    fn refuse(&mut self, options: &Options, why: &str) {
        self.refused = Some(why.to_owned());
        self.checks = CHECKS
            .iter()
            .filter(|check| check.id == STARTS || options.wants(check))
            .map(|check| {
                let finding = if check.id == STARTS {
                    Finding::failed(why)
                } else {
                    Finding::not_applicable("it does not start; see binary.starts")
                };
                row(check, finding)
            })
            .collect();
    }
}

/// The check that fails for whatever does not start.
const STARTS: &str = "binary.starts";

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

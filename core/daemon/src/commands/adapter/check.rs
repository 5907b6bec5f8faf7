//! `juzhen adapter check`: the conformance kit on one file.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::Args;
use juzhen_testkit::conformance::{self, Options, Plan, Report, Verdict};
use tokio::runtime::Builder;

use crate::failure::{Ended, Usage};
use crate::output::Output;
use crate::table::Table;

/// Ask an adapter everything that the boundary promises, and say what came of it
///
/// It runs in a process of its own, under the isolation that it has in the daemon, with a scripted host behind it: nothing is
/// sent, and no secret is needed. Each request that it makes is then met by every fault. Exit code 0: no check failed; 1: one
/// did; 2: asked wrongly. What does not apply says why.
#[derive(Debug, Args)]
pub(crate) struct Check {
    /// The adapter, such as target/release/libmock.so
    file: PathBuf,
    /// What the kit cannot know of the platform: the account's settings, bodies of calls, and what is answered to them (YAML
    /// or JSON; adapters/*/conformance.yaml are examples). Made up from the manifest where it says nothing
    #[arg(long, value_name = "FILE")]
    settings: Option<PathBuf>,
    /// Only this group (binary, protocol, lifecycle, semantics, secrets, determinism, capabilities) or check; again for more
    #[arg(long, value_name = "GROUP|CHECK")]
    only: Vec<String>,
}

impl Check {
    pub(crate) fn run(self, output: Output) -> Result<Ended> {
        if !self.file.is_file() {
            bail!(Usage(format!("{} is no file", self.file.display())));
        }
        let plan = match &self.settings {
            Some(path) => Plan::read(path).map_err(|fault| usage(&fault))?,
            None => Plan::default(),
        };
        let options = Options { only: self.only, ..Options::new(plan) };
        if let Some(unknown) = options.unknown() {
            bail!(Usage(format!("--only {unknown}: there is no such group, and no such check")));
        }
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let runtime = runtime.context("could not start the asynchronous runtime")?;
        let report = runtime.block_on(conformance::run(&self.file, &options));
        let report = report.with_context(|| format!("could not read {}", self.file.display()))?;
        output.answer(&report, words)?;
        Ok(if report.ok { Ended::Fine } else { Ended::Not })
    }
}

fn usage(fault: &conformance::PlanError) -> Usage {
    let cause = std::error::Error::source(fault).map(|cause| format!(": {cause}")).unwrap_or_default();
    Usage(format!("{fault}{cause}"))
}

fn words(report: &Report) -> String {
    let mut table = Table::new(["group", "check", "result", "what was seen"]);
    for row in &report.checks {
        table.row([row.group.name().into(), row.check.into(), row.result.words().into(), row.seen.clone()]);
    }
    let mut text = heading(report) + &table.to_string();
    for row in &report.checks {
        if let Some(advice) = row.advice {
            text.push_str(&format!("\n{} FAILED: {}.\n  to do: {advice}\n", row.check, row.title));
        }
    }
    for mechanism in report.isolation.iter().flat_map(|isolation| &isolation.mechanisms) {
        if let Some(why) = &mechanism.missing {
            text.push_str(&format!("\nisolation: {} is MISSING here: {why}\n", mechanism.name));
        }
    }
    let count = |verdict| report.count(verdict);
    text.push_str(&format!(
        "\n{} passed, {} failed, {} not applicable\n",
        count(Verdict::Passed),
        count(Verdict::Failed),
        count(Verdict::NotApplicable)
    ));
    text
}

fn heading(report: &Report) -> String {
    let Some(manifest) = &report.manifest else { return String::new() };
    let sha256 = report.sha256.as_deref().unwrap_or_default();
    format!(
        "{} {} for {} {}\noperations: {}\nsha256: {sha256}\n\n",
        manifest.name,
        manifest.version,
        manifest.platform,
        manifest.title,
        manifest.operations.join(" ")
    )
}

//! `juzhen procedure`: 审核程序, tried out before a district lives with them.

mod scenario;

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use juzhen_settings::{Loader, Settings};
use serde::Serialize;

use self::scenario::{Scenario, Trial};
use crate::failure::{Ended, Usage};
use crate::output::{Output, printable};
use crate::table::Table;

/// Review procedures
#[derive(Debug, Args)]
pub(crate) struct Procedure {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Play events through the configured procedures, offline; exit code 1 when one ends otherwise than the file expects
    Try {
        /// JSON: [{"id", "procedure", "author", "unit", "steps": [{"event", "actor", "role", …, "state", "error"}]}]
        events: PathBuf,
        /// Folder of district.yaml
        #[arg(long, value_name = "DIR")]
        config: PathBuf,
    },
}

/// What came of one scenario: a contract with scripts outside the project.
#[derive(Debug, Serialize)]
struct Tried<'a> {
    id: &'a str,
    steps: Vec<Trial>,
}

impl Procedure {
    pub(crate) fn run(self, output: Output) -> Result<Ended> {
        let Command::Try { events, config } = self.command;
        let text =
            fs::read_to_string(&events).with_context(|| format!("could not read {}", events.display()))?;
        let scenarios: Vec<Scenario> = serde_json::from_str(&text)
            .map_err(|why| Usage(format!("{} holds no scenarios: {why}", events.display())))?;
        let settings = settings(&config)?;
        let tried: Result<Vec<_>> = scenarios.iter().map(|scenario| attempt(scenario, &settings)).collect();
        let tried = tried?;
        output.answer(&tried, |tried| table(&scenarios, tried))?;
        let as_expected =
            scenarios.iter().zip(&tried).all(|(scenario, tried)| scenario.is_met_by(&tried.steps));
        Ok(if as_expected { Ended::Fine } else { Ended::Not })
    }
}

fn settings(folder: &PathBuf) -> Result<std::sync::Arc<Settings>> {
    let mut loader = Loader::new(folder);
    match loader.load(None) {
        Ok(settings) => Ok(settings),
        Err(_) => bail!(Usage(format!(
            "the settings in {} have faults: `juzhen check {}` lists them",
            folder.display(),
            folder.display()
        ))),
    }
}

fn attempt<'a>(scenario: &'a Scenario, settings: &Settings) -> Result<Tried<'a>> {
    let steps =
        scenario.play(settings).with_context(|| format!("could not play scenario {}", scenario.id))?;
    Ok(Tried { id: &scenario.id, steps })
}

fn table(scenarios: &[Scenario], tried: &[Tried<'_>]) -> Table {
    let mut table = Table::new(["scenario", "step", "event", "by", "as", "state", "refused", "expected"]);
    for (scenario, tried) in scenarios.iter().zip(tried) {
        for (number, (step, trial)) in (1..).zip(scenario.steps.iter().zip(&tried.steps)) {
            let expected = if step.is_met_by(trial) { String::new() } else { step.expectation() };
            table.row([
                printable(&scenario.id),
                format!("{number}"),
                printable(&step.event),
                printable(&step.actor),
                step.role.as_deref().map(printable).unwrap_or_default(),
                format!("{} {}", trial.state, trial.state.chinese()),
                trial.error.unwrap_or_default().to_owned(),
                printable(&expected),
            ]);
        }
    }
    table
}

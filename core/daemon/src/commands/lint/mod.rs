//! `juzhen lint`: the content rules on a text or on the file of an item, offline.

mod file;

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use jiff::Timestamp;
use jiff::civil::Date;
use juzhen_domain::check::{Leave, Part, Rule, Severity, day_in_china};
use juzhen_domain::count::Counter;
use juzhen_server::{FindingList, FindingView};
use juzhen_settings::{Loader, Settings};

use self::file::Drafts;
use crate::demo::sample;
use crate::failure::{Ended, Usage};
use crate::output::Output;
use crate::table::Table;

/// Check a text by the content rules; exit code 0 nothing blocks it, 1 something does
#[derive(Debug, Args)]
pub(crate) struct Lint {
    /// An item: YAML or JSON as the API takes it, Markdown, or plain text
    #[arg(required_unless_present = "text", conflicts_with = "text")]
    file: Option<PathBuf>,
    /// The text itself
    #[arg(long, allow_hyphen_values = true)]
    text: Option<String>,
    #[arg(long, default_value = "", hide_default_value = true, allow_hyphen_values = true)]
    title: String,
    /// Also whether it is too long for this platform
    #[arg(long, value_parser = PossibleValuesParser::new(Counter::ALL.map(Counter::as_str)).try_map(known))]
    platform: Option<Counter>,
    /// Folder of district.yaml; default: the word lists of the sample district
    #[arg(long, value_name = "DIR")]
    config: Option<PathBuf>,
    /// The day it is to appear, for dates without a year; default: today
    #[arg(long, value_name = "YYYY-MM-DD")]
    on: Option<Date>,
}

impl Lint {
    pub(crate) fn run(self, output: Output) -> Result<Ended> {
        let settings = self.settings()?;
        let drafts = match (&self.file, &self.text) {
            (Some(file), _) => Drafts::read(file, &self.title, self.platform)?,
            (None, text) => Drafts::plain(&self.title, text.as_deref().unwrap_or_default(), self.platform),
        };
        let today = self.on.unwrap_or_else(|| day_in_china(Timestamp::now()));
        let list = FindingList { findings: drafts.findings(&settings, today) };
        output.answer(&list, table)?;
        let blocks = list.findings.iter().any(|finding| finding.severity == Severity::Block.as_str());
        Ok(if blocks { Ended::Not } else { Ended::Fine })
    }

    fn settings(&self) -> Result<Arc<Settings>> {
        let Some(folder) = &self.config else {
            let settings = Loader::from_sources(sample::texts()).load(None);
            return settings.context("the sample district in the program has faults");
        };
        match Loader::new(folder).load(None) {
            Ok(settings) => Ok(settings),
            Err(_) => bail!(Usage(format!(
                "the settings in {} have faults: `juzhen check {}` lists them",
                folder.display(),
                folder.display()
            ))),
        }
    }
}

/// Clap has refused other names before, and said which there are.
fn known(platform: String) -> Result<Counter, String> {
    Counter::of(&platform).ok_or(platform)
}

fn table(list: &FindingList) -> String {
    if list.findings.is_empty() {
        return "没有发现问题".to_owned();
    }
    let mut table = Table::new(["处置", "规则", "位置", "说明", "建议", "放行"]);
    for finding in &list.findings {
        table.row(row(finding));
    }
    table.to_string()
}

fn row(finding: &FindingView) -> [String; 6] {
    let severity = Severity::parse(finding.severity).map_or(finding.severity, Severity::chinese);
    let part = Part::parse(finding.part).map_or(finding.part, Part::chinese);
    let platform = finding.platform.as_deref().map(|platform| format!("{platform} ")).unwrap_or_default();
    let rule = Rule::parse(finding.rule).map(Rule::chinese).unwrap_or_default();
    let suggestion = match finding.suggestion.as_deref() {
        Some("") => "删去".to_owned(),
        suggestion => suggestion.unwrap_or_default().to_owned(),
    };
    let leave = Leave::ALL.into_iter().find(|leave| leave.as_str() == finding.leave).map(Leave::chinese);
    [
        severity.to_owned(),
        format!("{} {rule}", finding.rule),
        format!("{platform}{part} 第{}–{}字", finding.start + 1, finding.end),
        finding.message.clone(),
        suggestion,
        leave.unwrap_or_default().to_owned(),
    ]
}

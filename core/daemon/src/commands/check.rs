//! `juzhen check`: the reload without the swap. Every fault of every file, each with its place.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use juzhen_settings::{Fault, Loader, Locale, Report, Severity};
use serde::Serialize;

use crate::failure::Ended;
use crate::installed::AdaptersArgs;
use crate::output::Output;

/// Check a configuration folder, as a reload would; exit code 0 fine, 1 faults, 2 no such folder
#[derive(Debug, Args)]
pub(crate) struct Check {
    /// Folder of district.yaml
    dir: PathBuf,
    #[command(flatten)]
    adapters: AdaptersArgs,
}

/// The JSON form: a contract with scripts outside the project.
#[derive(Debug, Serialize)]
pub(crate) struct Checked<'a> {
    ok: bool,
    faults: Vec<FaultView<'a>>,
    /// What refuses nothing, but somebody should look at; left out when there is none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<FaultView<'a>>,
}

#[derive(Debug, Serialize)]
struct FaultView<'a> {
    file: &'a str,
    line: u32,
    column: u32,
    message: String,
    suggestion: Option<String>,
}

impl Check {
    pub(crate) fn run(self, output: Output) -> Result<Ended> {
        let mut loader = Loader::new(&self.dir);
        let installed = self.adapters.installed(&mut loader, &self.dir)?;
        let loaded = loader.load(installed.as_ref());
        show(loader.report(), installed.is_some(), output)?;
        match loaded {
            Ok(_) => Ok(Ended::Fine),
            Err(_) if !self.dir.is_dir() => Ok(Ended::Usage),
            Err(_) => Ok(Ended::Not),
        }
    }
}

/// Prints a report in the reader's language.
pub(crate) fn show(report: &Report, adapters_known: bool, output: Output) -> Result<()> {
    let locale = Locale::from_environment();
    output.answer(&Checked::of(report, locale), |_| {
        let mut text = format!("{}\n", report.display(locale));
        if !adapters_known {
            text.push_str(match locale {
                Locale::English => "No adapters were found, so platforms and account settings were not checked (--adapters DIR).\n",
                Locale::Chinese => "未找到适配器，平台和账号设置未检查（可用 --adapters 指定目录）。\n",
            });
        }
        text
    })
}

impl<'a> Checked<'a> {
    pub(crate) fn of(report: &'a Report, locale: Locale) -> Self {
        let of = |severity| {
            let faults = report.faults.iter().filter(move |fault| fault.severity == severity);
            faults.map(|fault| FaultView::of(fault, locale)).collect()
        };
        Self { ok: !report.has_errors(), faults: of(Severity::Error), warnings: of(Severity::Warning) }
    }
}

impl<'a> FaultView<'a> {
    fn of(fault: &'a Fault, locale: Locale) -> Self {
        let (message, suggestion) = fault.words(locale);
        Self { file: &fault.file, line: fault.line, column: fault.column, message, suggestion }
    }
}

//! What a run of the kit found: one row a check, and what the file said of itself.

use juzhen_abi::message::Manifest;
use juzhen_host::IsolationReport;
use serde::Serialize;

/// What a check is about, as `--only` names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Group {
    Binary,
    Protocol,
    Lifecycle,
    Semantics,
    Secrets,
    Determinism,
    Capabilities,
}

impl Group {
    /// In the order of the report.
    pub const ALL: [Self; 7] = [
        Self::Binary,
        Self::Protocol,
        Self::Lifecycle,
        Self::Semantics,
        Self::Secrets,
        Self::Determinism,
        Self::Capabilities,
    ];

    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Binary => "binary",
            Self::Protocol => "protocol",
            Self::Lifecycle => "lifecycle",
            Self::Semantics => "semantics",
            Self::Secrets => "secrets",
            Self::Determinism => "determinism",
            Self::Capabilities => "capabilities",
        }
    }
}

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    Passed,
    Failed,
    /// It could not be asked of this adapter; what was seen says why.
    NotApplicable,
}

impl Verdict {
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "FAILED",
            Self::NotApplicable => "not applicable",
        }
    }
}

/// What one check saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub verdict: Verdict,
    pub seen: String,
}

impl Finding {
    pub(crate) fn passed(seen: impl Into<String>) -> Self {
        Self { verdict: Verdict::Passed, seen: seen.into() }
    }

    pub(crate) fn failed(seen: impl Into<String>) -> Self {
        Self { verdict: Verdict::Failed, seen: seen.into() }
    }

    pub(crate) fn not_applicable(why: impl Into<String>) -> Self {
        Self { verdict: Verdict::NotApplicable, seen: why.into() }
    }

    /// Failed with the first few complaints, or passed with `seen`.
    pub(crate) fn of(complaints: &[String], seen: impl Into<String>) -> Self {
        const SHOWN: usize = 3;
        if complaints.is_empty() {
            return Self::passed(seen);
        }
        let shown: Vec<&str> = complaints.iter().take(SHOWN).map(String::as_str).collect();
        let more = complaints.len().saturating_sub(SHOWN);
        let more = if more == 0 { String::new() } else { format!("; and {more} more") };
        Self::failed(format!("{}{more}", shown.join("; ")))
    }
}

/// One line of the report.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    pub group: Group,
    /// Stable: what scripts and `--only` name it by.
    pub check: &'static str,
    pub title: &'static str,
    pub result: Verdict,
    /// Evidence, or why it does not apply.
    pub seen: String,
    /// Only of a check that failed.
    pub advice: Option<&'static str>,
}

/// The whole document.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// No check failed.
    pub ok: bool,
    pub file: String,
    pub sha256: Option<String>,
    /// Why it would not be loaded at all.
    pub refused: Option<String>,
    pub manifest: Option<Manifest>,
    /// What keeps it apart from everything else, and what is missing on this machine.
    pub isolation: Option<IsolationReport>,
    pub checks: Vec<Row>,
}

impl Report {
    /// How many checks ended so.
    #[must_use]
    pub fn count(&self, verdict: Verdict) -> usize {
        self.checks.iter().filter(|row| row.result == verdict).count()
    }

    /// Ids of the checks that failed.
    #[must_use]
    pub fn failed(&self) -> Vec<&'static str> {
        self.checks.iter().filter(|row| row.result == Verdict::Failed).map(|row| row.check).collect()
    }
}

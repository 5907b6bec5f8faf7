//! A fault as people and programs see it: file, line, column, what is wrong, what to do, and the line itself.

use std::fmt;

use serde::Serialize;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::problem::{Locale, Problem};

/// All faults of all files, in the order of file, line and column.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Report {
    pub faults: Vec<Fault>,
    /// How many files were read.
    pub files: usize,
    /// Their sizes added up.
    pub bytes: u64,
}

/// One thing that is wrong. `message` and `suggestion` are English; [`Fault::words`] has both languages.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Fault {
    /// Relative to the configuration folder, with `/`.
    pub file: String,
    /// Counted from 1.
    pub line: u32,
    /// Counted from 1, in characters.
    pub column: u32,
    pub severity: Severity,
    pub message: String,
    pub suggestion: Option<String>,
    /// The line itself with a caret under the place. What looks like a secret is covered by stars.
    pub snippet: Option<String>,
    #[serde(skip)]
    problem: Problem,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The settings are refused.
    Error,
    /// The settings are taken; somebody should look.
    Warning,
}

impl Fault {
    pub(crate) fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

impl Report {
    /// Whether anything in it refuses the settings.
    pub fn has_errors(&self) -> bool {
        self.faults.iter().any(Fault::is_error)
    }

    /// The report in the reader's language, as `check` prints it.
    pub fn display(&self, locale: Locale) -> impl fmt::Display + '_ {
        ReportIn { report: self, locale }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.display(Locale::English).fmt(f)
    }
}

impl std::error::Error for Report {}

impl Fault {
    /// Message and suggestion in the reader's language.
    pub fn words(&self, locale: Locale) -> (String, Option<String>) {
        let texts = self.problem.texts();
        let suggestion = texts.suggestion.map(|words| words.in_locale(locale).to_owned());
        (texts.message.in_locale(locale).to_owned(), suggestion)
    }

    /// `file:line:column`
    pub fn place(&self) -> String {
        format!("{}:{}:{}", self.file, self.line, self.column)
    }

    pub(crate) fn new(file: &str, text: Option<&str>, finding: Finding) -> Self {
        let texts = finding.problem.texts();
        Self {
            file: file.to_owned(),
            line: finding.place.line,
            column: finding.place.column,
            severity: finding.severity,
            message: texts.message.english,
            suggestion: texts.suggestion.map(|words| words.english),
            snippet: text.and_then(|text| snippet(text, finding.place)),
            problem: finding.problem,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}  {}", self.place(), self.message)?;
        if let Some(suggestion) = &self.suggestion {
            write!(f, "; {suggestion}")?;
        }
        Ok(())
    }
}

/// A place in a file and how much of the line it covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) line: u32,
    pub(crate) column: u32,
    /// Characters under the caret, at least 1.
    pub(crate) width: u32,
}

impl Place {
    /// The beginning of a file, for what concerns all of it.
    pub(crate) const START: Self = Self { line: 1, column: 1, width: 1 };
}

/// A fault before it is known which file it is in.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Finding {
    pub(crate) place: Place,
    pub(crate) severity: Severity,
    pub(crate) problem: Problem,
}

impl Finding {
    pub(crate) fn error(place: Place, problem: impl Into<Problem>) -> Self {
        Self { place, severity: Severity::Error, problem: problem.into() }
    }

    pub(crate) fn warning(place: Place, problem: impl Into<Problem>) -> Self {
        Self { place, severity: Severity::Warning, problem: problem.into() }
    }
}

struct ReportIn<'a> {
    report: &'a Report,
    locale: Locale,
}

impl fmt::Display for ReportIn<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for fault in &self.report.faults {
            let (message, suggestion) = fault.words(self.locale);
            let severity = match (fault.severity, self.locale) {
                (Severity::Error, _) => "",
                (Severity::Warning, Locale::English) => "warning: ",
                (Severity::Warning, Locale::Chinese) => "提醒：",
            };
            writeln!(f, "{}  {severity}{message}", fault.place())?;
            if let Some(snippet) = &fault.snippet {
                writeln!(f, "{snippet}")?;
            }
            if let Some(suggestion) = suggestion {
                writeln!(f, "    → {suggestion}")?;
            }
        }
        self.summary(f)
    }
}

impl ReportIn<'_> {
    fn summary(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let errors = self.report.faults.iter().filter(|fault| fault.severity == Severity::Error).count();
        let warnings = self.report.faults.len() - errors;
        let (files, bytes) = (self.report.files, self.report.bytes);
        match self.locale {
            Locale::English => {
                let plural = |n: usize| if n == 1 { "" } else { "s" };
                write!(f, "{errors} fault{} and {warnings} warning{} in ", plural(errors), plural(warnings))?;
                write!(f, "{files} file{} ({bytes} bytes)", plural(files))
            }
            Locale::Chinese => {
                write!(f, "共 {files} 个文件（{bytes} 字节）：{errors} 处错误，{warnings} 处提醒")
            }
        }
    }
}

/// How many columns of a long line are shown.
const SHOWN: usize = 100;

/// The line with a caret below; a long line is cut around the place.
fn snippet(text: &str, place: Place) -> Option<String> {
    let index = usize::try_from(place.line).ok()?.checked_sub(1)?;
    let line = text.split('\n').nth(index)?.trim_end_matches('\r');
    if line.trim().is_empty() {
        return None;
    }
    let shown: Vec<char> = cover_secrets(line).chars().map(crate::form::visible).collect();
    let column = usize::try_from(place.column).ok()?.saturating_sub(1).min(shown.len());
    let start = column.saturating_sub(SHOWN / 2);
    let window: String = shown.iter().skip(start).take(SHOWN).collect();
    let before: usize = shown.iter().skip(start).take(column - start).map(|c| c.width().unwrap_or(0)).sum();
    let under: String = shown.iter().skip(column).take(usize::try_from(place.width).ok()?).collect();
    let width = under.width().clamp(1, SHOWN);
    let number = place.line.to_string();
    let margin = " ".repeat(number.len());
    Some(format!("  {number} | {window}\n  {margin} | {}{}", " ".repeat(before), "^".repeat(width)))
}

/// Longest run of letters and digits that is shown; the tokens of the platforms are longer, ids and addresses are not.
const LONGEST_WORD: usize = 20;

/// Stars over every long run of letters and digits mixed: somebody may have pasted a token, and reports are passed on.
pub(crate) fn cover_secrets(text: &str) -> String {
    let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '+' | '=');
    let mut covered = String::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let length = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
        let (word, after) = rest.split_at(length);
        let mixed = word.bytes().any(|b| b.is_ascii_digit()) && word.bytes().any(|b| b.is_ascii_alphabetic());
        if mixed && word.len() >= LONGEST_WORD {
            covered.extend(std::iter::repeat_n('*', word.len()));
        } else {
            covered.push_str(word);
        }
        let next = after.chars().next().map_or(0, char::len_utf8);
        let (between, following) = after.split_at(next);
        covered.push_str(between);
        rest = following;
    }
    covered
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_caret_stands_under_chinese_text() {
        let place = Place { line: 2, column: 7, width: 2 };
        let shown = snippet("a: 1\nname: 东湖 x\n", place).unwrap();
        assert_eq!(shown, "  2 | name: 东湖 x\n    |       ^^^^");
    }

    #[test]
    fn a_long_line_is_cut_around_the_place() {
        let text = format!("{}X{}", "a".repeat(5000), "b".repeat(5000));
        let shown = snippet(&text, Place { line: 1, column: 5001, width: 1 }).unwrap();
        assert!(shown.len() < 400, "{shown}");
        let (line, caret) = shown.split_once('\n').unwrap();
        assert_eq!(line.chars().nth(caret.find('^').unwrap()), Some('X'));
    }

    #[test]
    fn tokens_are_covered_and_ids_are_not() {
        let line = "access_token: 2.00aBcDeFgHiJkLmNoPqRsTuV # W000 gh_000000000000";
        let covered = cover_secrets(line);
        assert!(!covered.contains("aBcDeF") && covered.contains("gh_000000000000"), "{covered}");
        assert_eq!(covered.chars().count(), line.chars().count());
    }
}

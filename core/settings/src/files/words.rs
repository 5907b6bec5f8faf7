//! `lexicons/*.txt`, `*.tsv`, `*.csv`, `*.dic`: word lists as others hand them out. One word a line, words by commas, or by
//! tabs `word  category  severity` and `wrong  right  severity  note`; `#` begins a remark.
//!
//! A list without categories is of the one that its name begins with (`c2-….txt`), else of c7, and only warns: large lists
//! have everyday words in them (domain reference §4.1). `allow….txt` has words that are allowed.

use juzhen_domain::check::{Category, Sense, Severity, Term};

use crate::fault::{Finding, Place};
use crate::form::is_invisible;
use crate::problem::FileProblem;
use crate::read::Notes;

/// Longest word, in characters.
const MOST_CHARACTERS: usize = 64;

/// What a list says.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct WordList {
    pub(crate) terms: Vec<Term>,
}

impl WordList {
    /// `name` is the file's, with its folder.
    pub(crate) fn read(name: &str, text: &str, notes: &mut Notes) -> Self {
        let usual = usual_sense(name.rsplit('/').next().unwrap_or(name));
        let mut terms = Vec::new();
        for (line, number) in text.lines().zip(1u32..) {
            let line = line.trim_end_matches('\r');
            if line.trim().is_empty() || line.trim_start().starts_with('#') {
                continue;
            }
            let read = if line.contains('\t') { row(line, number) } else { words(line, number, &usual) };
            match read {
                Ok(read) => terms.extend(read),
                Err(finding) => notes.findings.push(finding),
            }
        }
        Self { terms }
    }
}

/// What a word of a plain list means, by the name of the file.
fn usual_sense(name: &str) -> Sense {
    if name.starts_with("allow") {
        return Sense::Allowed;
    }
    let named = name.split(|c: char| !c.is_ascii_alphanumeric()).next().and_then(Category::parse);
    Sense::Prohibited { category: named.unwrap_or(Category::C7), severity: Severity::Warn }
}

fn words(line: &str, number: u32, usual: &Sense) -> Result<Vec<Term>, Finding> {
    let mut column = 1;
    let mut terms = Vec::new();
    for cell in line.split(',') {
        let cell = Cell { text: cell, line: number, column };
        column = cell.after();
        if !cell.text.trim().is_empty() {
            terms.push(Term { text: cell.word()?, sense: usual.clone() });
        }
    }
    Ok(terms)
}

/// A line with tabs: a category second makes it a word of that, anything else is how it is right.
fn row(line: &str, number: u32) -> Result<Vec<Term>, Finding> {
    let mut column = 1;
    let mut cells = Vec::new();
    for text in line.split('\t') {
        let cell = Cell { text, line: number, column };
        column = cell.after();
        cells.push(cell);
    }
    let cell = |index: usize| cells.get(index).filter(|cell| !cell.text.trim().is_empty());
    let (Some(word), Some(second)) = (cell(0), cell(1)) else {
        let place = cells.first().map_or(Place::START, Cell::place);
        return Err(Finding::error(place, FileProblem::WordMissing));
    };
    let text = word.word()?;
    let severity = cell(2).map(Cell::severity).transpose()?.flatten();
    if let Some(category) = second.category()? {
        let severity = severity.unwrap_or_else(|| category.usual_severity());
        return Ok(vec![Term { text, sense: Sense::Prohibited { category, severity } }]);
    }
    let right = second.word()?;
    if right == text {
        return Err(Finding::error(second.place(), FileProblem::WordNotWrong { word: right }));
    }
    let note = cell(3).map(|cell| cell.text.trim().to_owned()).unwrap_or_default();
    let severity = severity.unwrap_or(Severity::Warn);
    Ok(vec![Term { text, sense: Sense::Wrong { right, severity, note } }])
}

/// One entry of a line.
struct Cell<'a> {
    text: &'a str,
    line: u32,
    /// Counted from 1, in characters.
    column: usize,
}

impl Cell<'_> {
    fn after(&self) -> usize {
        self.column + self.text.chars().count() + 1
    }

    fn place(&self) -> Place {
        let small = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let width = small(self.text.chars().count().max(1));
        Place { line: self.line, column: small(self.column), width }
    }

    fn fault(&self, problem: FileProblem) -> Finding {
        Finding::error(self.place(), problem)
    }

    fn word(&self) -> Result<String, Finding> {
        let word = self.text.trim();
        let characters = word.chars().count();
        if characters > MOST_CHARACTERS {
            return Err(self.fault(FileProblem::WordTooLong { characters, limit: MOST_CHARACTERS }));
        }
        match word.chars().find(|c| is_invisible(*c)) {
            Some(c) => Err(self.fault(FileProblem::WordUnseen { code: u32::from(c) })),
            None => Ok(word.to_owned()),
        }
    }

    /// `None`: this is no category.
    fn category(&self) -> Result<Option<Category>, Finding> {
        let word = self.text.trim();
        let digits = word.strip_prefix(['c', 'C']).filter(|rest| !rest.is_empty());
        if !digits.is_some_and(|rest| rest.bytes().all(|b| b.is_ascii_digit())) {
            return Ok(None);
        }
        let unknown = || self.fault(FileProblem::NoCategory { found: word.to_owned() });
        Category::parse(word).map(Some).ok_or_else(unknown)
    }

    /// `None` for a number: lists of frequent slips say there how often one is made.
    fn severity(&self) -> Result<Option<Severity>, Finding> {
        let word = self.text.trim();
        if word.bytes().all(|b| b.is_ascii_digit()) {
            return Ok(None);
        }
        let unknown = || self.fault(FileProblem::NoSeverity { found: word.to_owned() });
        Severity::parse(word).map(Some).ok_or_else(unknown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str, text: &str) -> (Vec<String>, Vec<String>) {
        let mut notes = Notes::default();
        let list = WordList::read(name, text, &mut notes);
        let term = |term: &Term| match &term.sense {
            Sense::Prohibited { category, severity } => {
                format!("{} {} {}", term.text, category.rule().as_str(), severity.as_str())
            }
            Sense::Wrong { right, severity, note } => {
                format!("{}→{right} {} {note}", term.text, severity.as_str())
            }
            sense => format!("{} {sense:?}", term.text),
        };
        let fault = |f: &Finding| {
            format!("{}:{} {}", f.place.line, f.place.column, f.problem.texts().message.english)
        };
        (list.terms.iter().map(term).collect(), notes.findings.iter().map(fault).collect())
    }

    #[test]
    fn every_form_in_which_lists_are_handed_around() {
        let plain = |name, text| read(name, text).0;
        assert_eq!(plain("lexicons/list.txt", "# x\n甲词\r\n\n乙词\n"), ["甲词 c7 warn", "乙词 c7 warn"]);
        assert_eq!(plain("lexicons/c2-a.txt", "甲词, 乙词,\n"), ["甲词 c2 warn", "乙词 c2 warn"]);
        assert_eq!(plain("lexicons/allow.txt", "甲词"), ["甲词 Allowed"]);
        assert_eq!(
            plain("lexicons/a.tsv", "甲词\tc1\n乙词\tC3\tblock\n"),
            ["甲词 c1 block", "乙词 c3 block"]
        );
        let pairs = "布署\t部署\n帐号\t账号\tinfo\t规范\n松驰\t松弛\t42\n";
        assert_eq!(
            plain("lexicons/t.tsv", pairs),
            ["布署→部署 warn ", "帐号→账号 info 规范", "松驰→松弛 warn "]
        );
    }

    #[test]
    fn every_line_that_is_wrong_is_named_with_its_place() {
        let long = "长".repeat(65);
        let text =
            format!("布署\t\n账号\t账号\n甲词\tc9\n乙词\tc1\tstrict\n好,{long}\n丙{}词\n丁词\n", '\u{202e}');
        let (terms, faults) = read("lexicons/a.txt", &text);
        assert_eq!(terms, ["丁词 c7 warn"]);
        assert_eq!(faults.len(), 6, "{faults:?}");
        assert!(
            faults[0].starts_with("1:1 ") && faults[1].starts_with("2:4 ") && faults[2].starts_with("3:4 ")
        );
        assert!(
            faults[3].starts_with("4:7 ") && faults[4].starts_with("5:3 ") && faults[5].starts_with("6:1 ")
        );
    }
}

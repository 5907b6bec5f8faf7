//! YAML text to a tree in which everything knows its place. Takes less than YAML allows: one document, no anchors,
//! aliases, tags, merge keys or directives, and no more depth and values than a person would write (Y01 to Y36, F90).

use std::borrow::Cow;
use std::collections::HashMap;

use granit_parser::{ErrorKind, Event, Options, Parser, ScalarStyle, ScanError, Span};

use crate::fault::{Finding, Place};
use crate::problem::FileProblem;

/// Deepest nesting taken.
pub(crate) const MOST_LEVELS: usize = 24;
/// Most keys and values in one file.
pub(crate) const MOST_NODES: usize = 20_000;

/// A value and where it begins.
#[derive(Debug, Clone)]
pub(crate) struct Node<'t> {
    pub(crate) place: Place,
    pub(crate) value: Value<'t>,
}

#[derive(Debug, Clone)]
pub(crate) enum Value<'t> {
    /// `plain` when it stands without quotes, so that YAML itself would give it a type.
    Scalar {
        text: Cow<'t, str>,
        plain: bool,
    },
    List(Vec<Node<'t>>),
    Map(Vec<Entry<'t>>),
}

#[derive(Debug, Clone)]
pub(crate) struct Entry<'t> {
    pub(crate) key: Cow<'t, str>,
    pub(crate) key_place: Place,
    pub(crate) value: Node<'t>,
}

/// Composes the tree. `None` when there is no tree to look at; `findings` then says why.
pub(crate) fn compose<'t>(text: &'t str, findings: &mut Vec<Finding>) -> Option<Node<'t>> {
    let mut options = Options::default();
    options.disallow_directives = true;
    options.set_emit_comments(false);
    let mut composer = Composer { findings, open: Vec::new(), root: None, nodes: 0, documents: 0 };
    for event in Parser::new_from_str_with_options(text, options) {
        let step = match event {
            Ok((event, span)) => composer.take(event, &span),
            Err(error) => Err(of_scan_error(&error, text)),
        };
        if let Err(finding) = step {
            composer.findings.push(finding);
            return None;
        }
    }
    composer.root
}

impl<'t> Node<'t> {
    /// A map without keys, to read a section that is not there.
    pub(crate) fn nothing() -> Self {
        Self { place: Place::START, value: Value::Map(Vec::new()) }
    }

    /// What is written under a key; `None` too where this has no keys.
    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        let Value::Map(entries) = &self.value else { return None };
        entries.iter().find(|entry| entry.key == key).map(|entry| &entry.value)
    }
}

/// A list or map that is not closed yet.
struct Open<'t> {
    place: Place,
    kind: OpenKind<'t>,
}

enum OpenKind<'t> {
    List(Vec<Node<'t>>),
    Map { entries: Vec<Entry<'t>>, key: Option<(Cow<'t, str>, Place)> },
}

struct Composer<'t, 'f> {
    findings: &'f mut Vec<Finding>,
    open: Vec<Open<'t>>,
    root: Option<Node<'t>>,
    nodes: usize,
    documents: usize,
}

impl<'t> Composer<'t, '_> {
    fn take(&mut self, event: Event<'t>, span: &Span) -> Result<(), Finding> {
        let place = place_of(span);
        match event {
            Event::DocumentStart(marked, _) => {
                self.documents += 1;
                if self.documents > 1 {
                    let problem =
                        if marked { FileProblem::SecondDocument } else { FileProblem::TextAfterEnd };
                    return Err(Finding::error(place, problem));
                }
            }
            Event::Scalar(text, style, anchor, tag) => {
                self.check_plainness(place, anchor, tag.is_some());
                self.count(place)?;
                let plain = style == ScalarStyle::Plain;
                self.add(Node { place, value: Value::Scalar { text, plain } });
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.check_plainness(place, anchor, tag.is_some());
                self.begin(place, OpenKind::List(Vec::new()))?;
            }
            Event::MappingStart(_, anchor, tag) => {
                self.check_plainness(place, anchor, tag.is_some());
                let kind = OpenKind::Map { entries: Vec::new(), key: None };
                self.begin(place, kind)?;
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(),
            Event::Alias(_) => return Err(Finding::error(place, FileProblem::Alias)),
            _ => {}
        }
        Ok(())
    }

    fn check_plainness(&mut self, place: Place, anchor: usize, tagged: bool) {
        if anchor != 0 {
            self.findings.push(Finding::error(place, FileProblem::Anchor));
        }
        if tagged {
            self.findings.push(Finding::error(place, FileProblem::Tag));
        }
    }

    fn count(&mut self, place: Place) -> Result<(), Finding> {
        self.nodes += 1;
        if self.nodes > MOST_NODES {
            return Err(Finding::error(place, FileProblem::TooManyNodes { limit: MOST_NODES }));
        }
        Ok(())
    }

    fn begin(&mut self, place: Place, kind: OpenKind<'t>) -> Result<(), Finding> {
        self.count(place)?;
        if self.open.len() >= MOST_LEVELS {
            return Err(Finding::error(place, FileProblem::TooDeep { limit: MOST_LEVELS }));
        }
        // A list or map where a key should stand: YAML calls it a complex key.
        if let Some(Open { kind: OpenKind::Map { key: None, .. }, .. }) = self.open.last() {
            return Err(Finding::error(place, FileProblem::ComplexKey));
        }
        self.open.push(Open { place, kind });
        Ok(())
    }

    fn end(&mut self) {
        let Some(Open { place, kind }) = self.open.pop() else { return };
        let value = match kind {
            OpenKind::List(nodes) => Value::List(nodes),
            OpenKind::Map { entries, .. } => Value::Map(self.without_duplicates(entries)),
        };
        self.add(Node { place, value });
    }

    /// The first of two equal keys counts, so that the rest of the file is checked as well.
    fn without_duplicates(&mut self, entries: Vec<Entry<'t>>) -> Vec<Entry<'t>> {
        let mut kept: Vec<Entry<'t>> = Vec::with_capacity(entries.len());
        let mut first_lines: HashMap<Cow<'t, str>, u32> = HashMap::with_capacity(entries.len());
        for entry in entries {
            if let Some(first_line) = first_lines.get(&entry.key) {
                let problem =
                    FileProblem::DuplicateKey { key: entry.key.into_owned(), first_line: *first_line };
                self.findings.push(Finding::error(entry.key_place, problem));
            } else {
                first_lines.insert(entry.key.clone(), entry.key_place.line);
                kept.push(entry);
            }
        }
        kept
    }

    fn add(&mut self, node: Node<'t>) {
        let Some(open) = self.open.last_mut() else {
            self.root = Some(node);
            return;
        };
        match &mut open.kind {
            OpenKind::List(nodes) => nodes.push(node),
            OpenKind::Map { entries, key } => match (key.take(), node) {
                (Some((key, key_place)), value) => entries.push(Entry { key, key_place, value }),
                (None, Node { place, value: Value::Scalar { text, plain } }) => {
                    if plain && text == "<<" {
                        self.findings.push(Finding::error(place, FileProblem::MergeKey));
                    }
                    *key = Some((text, place));
                }
                // `begin` refuses anything else as a key.
                (None, _) => {}
            },
        }
    }
}

pub(crate) fn place_of(span: &Span) -> Place {
    let small = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let width = if span.end.line() == span.start.line() {
        span.end.col().saturating_sub(span.start.col())
    } else {
        1
    };
    Place { line: small(span.start.line()), column: small(span.start.col() + 1), width: small(width.max(1)) }
}

fn of_scan_error(error: &ScanError, text: &str) -> Finding {
    let mark = error.marker();
    let small = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let mut place = Place { line: small(mark.line()), column: small(mark.col() + 1), width: 1 };
    let line = text.split('\n').nth(mark.line().saturating_sub(1)).unwrap_or_default();
    let indent = line.get(..line.len() - line.trim_start().len()).unwrap_or_default();
    if let Some(tab) = indent.find('\t') {
        place.column = small(tab + 1);
        return Finding::error(place, FileProblem::TabIndent);
    }
    let problem = match error.kind() {
        ErrorKind::TabNotAllowed | ErrorKind::TabInBlockIndentation | ErrorKind::TabInIndentation => {
            FileProblem::TabIndent
        }
        ErrorKind::DirectiveDisallowed => FileProblem::Directive,
        ErrorKind::UndeclaredTagHandle => FileProblem::Tag,
        ErrorKind::RecursionLimitExceeded => FileProblem::TooDeep { limit: MOST_LEVELS },
        ErrorKind::UnknownAnchor => FileProblem::Alias,
        kind => FileProblem::Syntax { english: error.info(), chinese: in_chinese(kind) },
    };
    Finding::error(place, problem)
}

/// The slips that operators make; the others keep the parser's words.
fn in_chinese(kind: &ErrorKind) -> Option<&'static str> {
    Some(match kind {
        ErrorKind::InvalidTrailingDoubleQuotedScalar | ErrorKind::InvalidTrailingSingleQuotedScalar => {
            "引号之后还有内容：此行或上文可能少了一个引号"
        }
        ErrorKind::UnclosedQuotedScalar | ErrorKind::DocumentIndicatorInQuotedScalar => "引号没有成对",
        ErrorKind::UnclosedFlowCollection { .. }
        | ErrorKind::UnexpectedEofFlowSequence
        | ErrorKind::UnexpectedEofFlowMapping
        | ErrorKind::ExpectedFlowMappingSeparator
        | ErrorKind::ExpectedFlowSequenceSeparator => "括号没有成对，或缺少逗号",
        ErrorKind::MisplacedFlowCollectionEnd | ErrorKind::MismatchedFlowCollectionEnd { .. } => {
            "多余或不配对的括号"
        }
        ErrorKind::SimpleKeyExpected | ErrorKind::InvalidSimpleKey => {
            "此行应为“键: 值”，冒号须是英文冒号，其后要有空格"
        }
        ErrorKind::ExpectedBlockMappingKey | ErrorKind::InvalidIndentation => {
            "缩进与上文不一致，或此行缺少“键: ”"
        }
        ErrorKind::ExpectedBlockSequenceEntry | ErrorKind::BlockSequenceEntryNotAllowed => {
            "列表项的缩进与上文不一致"
        }
        ErrorKind::UnknownQuotedScalarEscape => "双引号中有无法识别的反斜杠写法",
        ErrorKind::CommentNotSeparated => "注释符号 # 之前要有空格",
        _ => return None,
    })
}

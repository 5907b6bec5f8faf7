//! Word lists (§4.1, §4.2): prohibited words by category, wrong wordings with the right ones, and words that are allowed.
//!
//! Searched leftmost-longest, the words that block apart from the milder ones: a long word of an imported list that only
//! warns must not hide a short one that blocks. Allowed words suppress what lies inside them.

use std::collections::{BTreeMap, BTreeSet};

use daachorse::{CharwiseDoubleArrayAhoCorasick, CharwiseDoubleArrayAhoCorasickBuilder, MatchKind};
use serde::Serialize;

use super::finding::{Finding, Part, Rule, Severity};
use super::text::{Source, Span};

/// The seven categories of 办法 四（二）3.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Category {
    C1,
    C2,
    C3,
    C4,
    C5,
    C6,
    C7,
}

/// One entry of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Term {
    pub text: String,
    pub sense: Sense,
}

/// What it means that the words stand in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sense {
    Prohibited {
        category: Category,
        severity: Severity,
    },
    /// Written wrongly, or not as it has to be.
    Wrong {
        right: String,
        severity: Severity,
        note: String,
    },
    /// Never an offence: suppresses what lies inside it.
    Allowed,
    /// A text with these words is none of the category's business: 公开征求意见 for c6.
    Exempts {
        category: Category,
    },
}

/// All lists together, ready to be searched.
#[derive(Debug, Default)]
pub(super) struct Lexicon {
    strict: Words,
    mild: Words,
    wrong: Words,
    allowed: Words,
    exempting: Words,
}

/// Why the lists cannot be searched.
#[derive(Debug, thiserror::Error)]
#[error("could not build the search of {terms} words: {said}")]
pub struct NotBuilt {
    terms: usize,
    said: String,
}

impl Category {
    pub const ALL: [Self; 7] = [Self::C1, Self::C2, Self::C3, Self::C4, Self::C5, Self::C6, Self::C7];

    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|category| category.rule().as_str().eq_ignore_ascii_case(word))
    }

    pub fn rule(self) -> Rule {
        match self {
            Self::C1 => Rule::C1,
            Self::C2 => Rule::C2,
            Self::C3 => Rule::C3,
            Self::C4 => Rule::C4,
            Self::C5 => Rule::C5,
            Self::C6 => Rule::C6,
            Self::C7 => Rule::C7,
        }
    }

    /// Where a list says nothing else.
    pub fn usual_severity(self) -> Severity {
        match self {
            Self::C1 | Self::C2 | Self::C4 | Self::C5 => Severity::Block,
            Self::C3 | Self::C6 | Self::C7 => Severity::Warn,
        }
    }
}

impl Lexicon {
    /// Takes tenths of a second for 50,000 words.
    ///
    /// # Errors
    /// The words are too many for the automaton.
    pub(super) fn build<'a>(terms: impl IntoIterator<Item = &'a Term>) -> Result<Self, NotBuilt> {
        let mut groups: [BTreeMap<String, Sense>; 5] = Default::default();
        let [strict, mild, wrong, allowed, exempting] = &mut groups;
        for term in terms {
            let words = Source::of(&term.text).text;
            let group = match &term.sense {
                Sense::Prohibited { severity: Severity::Block | Severity::Confirm, .. } => &mut *strict,
                Sense::Prohibited { .. } => &mut *mild,
                Sense::Wrong { .. } => &mut *wrong,
                Sense::Allowed => &mut *allowed,
                Sense::Exempts { .. } => &mut *exempting,
            };
            if !words.is_empty() {
                // The same words twice: the stricter counts.
                let stricter = group.get(&words).is_none_or(|known| known.severity() > term.sense.severity());
                if stricter {
                    group.insert(words, term.sense.clone());
                }
            }
        }
        let [strict, mild, wrong, allowed, exempting] = groups;
        Ok(Self {
            strict: Words::of(strict)?,
            mild: Words::of(mild)?,
            wrong: Words::of(wrong)?,
            allowed: Words::of(allowed)?,
            exempting: Words::of(exempting)?,
        })
    }

    /// Categories that a text is exempt from by its own words.
    pub(super) fn exemptions(&self, source: &Source, into: &mut BTreeSet<Category>) {
        for (_, sense) in self.exempting.hits(source) {
            if let Sense::Exempts { category } = sense {
                into.insert(*category);
            }
        }
    }

    pub(super) fn check(
        &self,
        source: &Source,
        part: Part,
        exempt: &BTreeSet<Category>,
        found: &mut Vec<Finding>,
    ) {
        let hits = [&self.strict, &self.mild, &self.wrong].into_iter().flat_map(|words| words.hits(source));
        let mut hits = hits.filter(|(_, sense)| !sense.is_exempt(exempt)).peekable();
        if hits.peek().is_none() {
            return;
        }
        let allowed: Vec<Span> = self.allowed.hits(source).map(|(span, _)| span).collect();
        let is_allowed = |span: &Span| allowed.iter().any(|a| a.start <= span.start && span.end <= a.end);
        for (span, sense) in hits.filter(|(span, _)| !is_allowed(span)) {
            found.extend(finding(source, part, &span, sense));
        }
    }
}

fn finding(source: &Source, part: Part, span: &Span, sense: &Sense) -> Option<Finding> {
    let written = source.written_span(span);
    let text = source.words(&written);
    let (rule, severity, message, suggestion) = match sense {
        Sense::Prohibited { category, severity } => {
            let rule = category.rule();
            (rule, *severity, format!("“{text}”涉及{}", rule.chinese()), None)
        }
        Sense::Wrong { right, severity, note } => {
            let note = if note.is_empty() { String::new() } else { format!("（{note}）") };
            let message = format!("“{text}”应为“{right}”{note}");
            (Rule::Typo, *severity, message, Some(right.clone()))
        }
        Sense::Allowed | Sense::Exempts { .. } => return None,
    };
    let (start, end) = (written.start, written.end);
    Some(Finding { rule, severity, part, start, end, text, message, suggestion })
}

impl Sense {
    fn severity(&self) -> Severity {
        match self {
            Self::Prohibited { severity, .. } | Self::Wrong { severity, .. } => *severity,
            Self::Allowed | Self::Exempts { .. } => Severity::Info,
        }
    }

    fn is_exempt(&self, exempt: &BTreeSet<Category>) -> bool {
        matches!(self, Self::Prohibited { category, .. } if exempt.contains(category))
    }
}

/// Words that are searched together.
#[derive(Default)]
struct Words {
    /// `None` without words, which the automaton does not take.
    automaton: Option<CharwiseDoubleArrayAhoCorasick<u32>>,
    senses: Vec<Sense>,
}

impl Words {
    fn of(words: BTreeMap<String, Sense>) -> Result<Self, NotBuilt> {
        if words.is_empty() {
            return Ok(Self::default());
        }
        let terms = words.len();
        let (texts, senses): (Vec<String>, Vec<Sense>) = words.into_iter().unzip();
        let automaton = CharwiseDoubleArrayAhoCorasickBuilder::new()
            .match_kind(MatchKind::LeftmostLongest)
            .build_with_values(texts.iter().zip(0u32..))
            .map_err(|why| NotBuilt { terms, said: why.to_string() })?;
        Ok(Self { automaton: Some(automaton), senses })
    }

    /// From left to right.
    fn hits<'a>(&'a self, source: &'a Source) -> impl Iterator<Item = (Span, &'a Sense)> {
        let automaton = self.automaton.iter();
        let matches = automaton.flat_map(|automaton| automaton.leftmost_find_iter(&source.text));
        // Hits are few, so characters are counted from one to the next.
        matches
            .scan((0, 0), |(bytes, characters), hit| {
                let start = *characters + source.characters_in(*bytes..hit.start());
                let end = start + source.characters_in(hit.start()..hit.end());
                (*bytes, *characters) = (hit.end(), end);
                let sense = usize::try_from(hit.value()).ok().and_then(|value| self.senses.get(value));
                Some(sense.map(|sense| (start..end, sense)))
            })
            .flatten()
    }
}

impl std::fmt::Debug for Words {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Words({})", self.senses.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn term(text: &str, sense: Sense) -> Term {
        Term { text: text.into(), sense }
    }

    fn prohibited(text: &str, category: Category) -> Term {
        term(text, Sense::Prohibited { category, severity: category.usual_severity() })
    }

    fn found(terms: &[Term], text: &str, exempt: &[Category]) -> Vec<String> {
        let lexicon = Lexicon::build(terms).unwrap();
        let source = Source::of(text);
        let mut exempt: BTreeSet<Category> = exempt.iter().copied().collect();
        lexicon.exemptions(&source, &mut exempt);
        let mut found = Vec::new();
        lexicon.check(&source, Part::Text, &exempt, &mut found);
        let line =
            |f: &Finding| format!("{} {} {}..{}", f.severity.as_str(), f.rule.as_str(), f.start, f.end);
        found.iter().map(line).collect()
    }

    #[test]
    fn an_allowed_word_suppresses_only_what_lies_inside_it() {
        let terms = [
            prohibited("封建迷信", Category::C2),
            prohibited("网络赌博平台", Category::C4),
            term("破除封建迷信", Sense::Allowed),
            term("打击网络赌博", Sense::Allowed),
        ];
        assert_eq!(found(&terms, "破除封建迷信", &[]), Vec::<String>::new());
        assert_eq!(found(&terms, "推广封建迷信，破除封建迷信", &[]), ["block c2 2..6"]);
        assert_eq!(found(&terms, "打击网络赌博平台", &[]), ["block c4 2..8"]);
    }

    #[test]
    fn a_milder_word_around_it_does_not_hide_a_word_that_blocks() {
        let severity = Severity::Warn;
        let longer = term("大师算命改运班", Sense::Prohibited { category: Category::C7, severity });
        let terms = [prohibited("算命改运", Category::C2), longer];
        assert_eq!(found(&terms, "大师算命改运班", &[]), ["block c2 2..6", "warn c7 0..7"]);
    }

    #[test]
    fn a_word_is_found_however_it_is_torn_apart() {
        let terms = [prohibited("vip代办", Category::C7)];
        assert_eq!(found(&terms, "加ＶＩＰ代\u{200b}办吧", &[]), ["warn c7 1..7"]);
    }

    #[test]
    fn c6_rests_where_opinions_are_asked_for() {
        let terms = [
            prohibited("初步方案", Category::C6),
            prohibited("扫码返现", Category::C7),
            term("公开征求意见", Sense::Exempts { category: Category::C6 }),
        ];
        assert_eq!(found(&terms, "据悉，初步方案已定", &[]), ["warn c6 3..7"]);
        assert_eq!(found(&terms, "初步方案公开征求意见，扫码返现", &[]), ["warn c7 11..15"]);
        assert_eq!(found(&terms, "初步方案", &[Category::C6]), Vec::<String>::new());
    }

    #[test]
    fn a_wrong_wording_names_the_right_one_and_the_stricter_of_two_counts() {
        let wrong =
            |severity, note: &str| Sense::Wrong { right: "残疾人".into(), severity, note: note.into() };
        let terms =
            [term("残废人", wrong(Severity::Block, "规范表述")), term("残废人", wrong(Severity::Warn, ""))];
        let lexicon = Lexicon::build(&terms).unwrap();
        let mut all = Vec::new();
        lexicon.check(&Source::of("关爱残废人"), Part::Title, &BTreeSet::new(), &mut all);
        let [finding] = &all[..] else { panic!("{all:?}") };
        assert_eq!(
            (finding.severity, finding.rule, finding.part),
            (Severity::Block, Rule::Typo, Part::Title)
        );
        assert_eq!(finding.message, "“残废人”应为“残疾人”（规范表述）");
        assert_eq!(finding.suggestion.as_deref(), Some("残疾人"));
    }
}

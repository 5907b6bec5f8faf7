//! Names, titles and order of leaders (§4.3), from the office's own table. None is shipped.

use jiff::civil::Date;
use serde::Serialize;

use super::finding::{Finding, Part, Rule, Severity};
use super::text::{Packed, Source, Span, is_han};

/// One person of `leaders.yaml`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Leader {
    pub name: String,
    pub titles: Vec<String>,
    /// The lower comes first.
    pub rank: u32,
    /// Holds the titles from that day on; `None`: has long done so.
    pub from: Option<Date>,
    /// And up to that one; `None`: still does.
    pub to: Option<Date>,
}

impl Leader {
    fn holds(&self, title: &str, on: Date) -> bool {
        let now = self.from.is_none_or(|from| from <= on) && self.to.is_none_or(|to| on <= to);
        now && self.titles.iter().any(|held| held == title)
    }
}

/// So far from a title a misspelt name is looked for.
const NEAR: usize = 10;

pub(super) fn check(source: &Source, part: Part, leaders: &[Leader], on: Date, found: &mut Vec<Finding>) {
    if leaders.is_empty() {
        return;
    }
    let packed = source.packed();
    let desk = Desk { source, packed: &packed, part, leaders, on };
    let titles = desk.titles();
    let names = desk.names();
    desk.misspelt(&titles, &names, found);
    desk.titles_of_others(&titles, &names, found);
    desk.order(&names, found);
    desk.untitled(&titles, &names, found);
    desk.split(&names, found);
}

/// Something of the table, in the packed text.
#[derive(Debug, Clone)]
struct Named<'a, T> {
    what: &'a T,
    span: Span,
}

struct Desk<'a> {
    source: &'a Source,
    packed: &'a Packed,
    part: Part,
    leaders: &'a [Leader],
    on: Date,
}

impl<'a> Desk<'a> {
    /// Every title, the longest at each place.
    fn titles(&self) -> Vec<Named<'a, String>> {
        let mut all: Vec<&String> = self.leaders.iter().flat_map(|leader| &leader.titles).collect();
        all.sort_by_key(|title| (std::cmp::Reverse(title.chars().count()), *title));
        all.dedup();
        self.places(|place| {
            let title = all.iter().find(|title| self.packed.goes_on(place, title))?;
            Some((*title, title.chars().count()))
        })
    }

    fn names(&self) -> Vec<Named<'a, Leader>> {
        self.places(|place| {
            let leader = self.leaders.iter().find(|leader| self.packed.goes_on(place, &leader.name))?;
            Some((leader, leader.name.chars().count()))
        })
    }

    fn places<T>(&self, at: impl Fn(usize) -> Option<(&'a T, usize)>) -> Vec<Named<'a, T>> {
        let mut found = Vec::new();
        let mut place = 0;
        while place < self.packed.chars.len() {
            match at(place) {
                Some((what, length)) => {
                    found.push(Named { what, span: place..place + length });
                    place += length.max(1);
                }
                None => place += 1,
            }
        }
        found
    }

    fn finding(&self, rule: Rule, severity: Severity, span: &Span, message: String) -> Finding {
        let written = self.source.written_span(&self.packed.span(span.start, span.end));
        let (text, part) = (self.source.words(&written), self.part);
        let (start, end) = (written.start, written.end);
        Finding { rule, severity, part, start, end, text, message, suggestion: None }
    }

    /// One character of a name is another one, and a title is near. A name of two characters has to stand right at it.
    fn misspelt(&self, titles: &[Named<'_, String>], names: &[Named<'_, Leader>], found: &mut Vec<Finding>) {
        let mut seen: Vec<Span> = Vec::new();
        for title in titles {
            let window = title.span.start.saturating_sub(NEAR)..title.span.end + NEAR;
            for leader in self.leaders.iter().filter(|leader| leader.titles.contains(title.what)) {
                let name: Vec<char> = leader.name.chars().collect();
                for start in window.clone() {
                    let span = start..start + name.len();
                    let Some(written) = self.packed.chars.get(span.clone()) else { break };
                    let differing = written.iter().zip(&name).filter(|(a, b)| a != b).count();
                    let beside = span.start == title.span.end || span.end == title.span.start;
                    let known = names.iter().any(|named| overlap(&named.span, &span))
                        || titles.iter().any(|other| overlap(&other.span, &span))
                        || seen.iter().any(|other| overlap(other, &span));
                    if differing != 1
                        || known
                        || !written.iter().all(|c| is_han(*c))
                        || (name.len() < 3 && !beside)
                    {
                        continue;
                    }
                    let text: String = written.iter().collect();
                    let message = format!("“{text}”疑为“{}”（{}）之误", leader.name, title.what);
                    seen.push(span.clone());
                    found.push(Finding {
                        suggestion: Some(leader.name.clone()),
                        ..self.finding(Rule::LeaderName, Severity::Block, &span, message)
                    });
                }
            }
        }
    }

    /// A title right at a name whose it is not on that day.
    fn titles_of_others(
        &self,
        titles: &[Named<'_, String>],
        names: &[Named<'_, Leader>],
        found: &mut Vec<Finding>,
    ) {
        for named in names {
            // What stands before a name is its title; one behind it only where none stands before.
            let before = titles.iter().find(|title| title.span.end == named.span.start);
            let beside = before.or_else(|| titles.iter().find(|title| title.span.start == named.span.end));
            let Some(title) = beside else { continue };
            let same_name = self.leaders.iter().filter(|leader| leader.name == named.what.name);
            if !same_name.clone().any(|leader| leader.holds(title.what, self.on)) {
                let span = title.span.start.min(named.span.start)..title.span.end.max(named.span.end);
                let message = format!("按领导名录，{}在该日不任“{}”", named.what.name, title.what);
                found.push(self.finding(Rule::LeaderTitle, Severity::Block, &span, message));
            }
        }
    }

    fn order(&self, names: &[Named<'_, Leader>], found: &mut Vec<Finding>) {
        for (first, second) in names.iter().zip(names.iter().skip(1)) {
            let between = self.packed.chars.get(first.span.end..second.span.start).unwrap_or_default();
            let same_sentence = !between.iter().any(|c| "。!?;".contains(*c));
            if same_sentence && first.what.rank > second.what.rank {
                let message = format!("按排序，{}应在{}之前", second.what.name, first.what.name);
                found.push(self.finding(Rule::LeaderOrder, Severity::Warn, &second.span, message));
            }
        }
    }

    fn untitled(&self, titles: &[Named<'_, String>], names: &[Named<'_, Leader>], found: &mut Vec<Finding>) {
        let mut told: Vec<&str> = Vec::new();
        for named in names.iter().filter(|named| !named.what.titles.is_empty()) {
            if told.contains(&named.what.name.as_str()) {
                continue;
            }
            told.push(&named.what.name);
            let beside = |title: &Named<'_, String>| {
                title.span.end == named.span.start || title.span.start == named.span.end
            };
            if !titles.iter().any(beside) {
                let message = format!("{}首次出现，前面没有职务", named.what.name);
                found.push(self.finding(Rule::LeaderUntitled, Severity::Info, &named.span, message));
            }
        }
    }

    /// A blank or a new line inside a name.
    fn split(&self, names: &[Named<'_, Leader>], found: &mut Vec<Finding>) {
        for named in names {
            let whole = self.packed.span(named.span.start, named.span.end);
            if whole.len() > named.span.len() {
                let message = format!("姓名“{}”中间有空格或换行", named.what.name);
                found.push(self.finding(Rule::LeaderSplit, Severity::Warn, &named.span, message));
            }
        }
    }
}

fn overlap(a: &Span, b: &Span) -> bool {
    a.start < b.end && b.start < a.end
}

#[cfg(test)]
mod tests {
    use jiff::civil;

    use super::*;

    fn leader(name: &str, titles: &[&str], rank: u32) -> Leader {
        let titles = titles.iter().map(|title| (*title).to_owned()).collect();
        Leader { name: name.into(), titles, rank, from: None, to: None }
    }

    fn found(text: &str) -> Vec<String> {
        let former = Leader { to: Some(civil::date(2025, 12, 31)), ..leader("赵前任", &["区长"], 3) };
        let table = [leader("钱学真", &["区委书记", "书记"], 1), leader("孙立", &["区长"], 2), former];
        let mut found = Vec::new();
        check(&Source::of(text), Part::Text, &table, civil::date(2026, 6, 1), &mut found);
        found.iter().map(|f| format!("{} {} {}", f.severity.as_str(), f.rule.as_str(), f.text)).collect()
    }

    #[test]
    fn a_name_with_one_wrong_character_near_a_title() {
        assert_eq!(found("区委书记钱学贞出席"), ["block leader_name 钱学贞"]);
        assert_eq!(found("区长孙力讲话"), ["block leader_name 孙力"]);
        assert_eq!(found("区长在会上说，孙女士的建议"), Vec::<String>::new());
        assert_eq!(found("市民钱学贞"), Vec::<String>::new());
    }

    #[test]
    fn a_title_that_somebody_else_has_or_has_no_more() {
        assert_eq!(found("区委书记孙立出席"), ["block leader_title 区委书记孙立"]);
        assert_eq!(found("区长赵前任出席"), ["block leader_title 区长赵前任"]);
        assert_eq!(found("区委书记钱学真、区长孙立出席"), Vec::<String>::new());
    }

    #[test]
    fn order_first_mention_and_a_name_in_two_pieces() {
        assert_eq!(found("区长孙立、书记钱学真出席"), ["warn leader_order 钱学真"]);
        assert_eq!(found("区长孙立出席。书记钱学真讲话"), Vec::<String>::new());
        assert_eq!(found("孙立出席，孙立讲话"), ["info leader_untitled 孙立"]);
        assert_eq!(found("区长孙 立出席"), ["warn leader_split 孙 立"]);
    }
}

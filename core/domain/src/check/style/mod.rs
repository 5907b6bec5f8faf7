//! Punctuation and style (§4.6, GB/T 15834). Looks at the text as it was written; nothing in a web address counts.

mod pairs;
mod repeats;

use super::finding::{Finding, Part, Rule, Severity};
use super::text::{Source, Span, is_han};

/// `links`: where addresses stand in the written text.
pub(super) fn check(source: &Source, part: Part, links: &[Span], found: &mut Vec<Finding>) {
    let text = &source.written[..];
    let desk = Desk { source, text, part, links };
    for place in 0..text.len() {
        halfwidth(&desk, place, found);
        enumeration(&desk, place, found);
    }
    repeats::check(&desk, found);
    pairs::check(&desk, found);
    if part == Part::Title
        && let Some(last) = text.iter().rposition(|c| !c.is_whitespace())
        && desk.at(last) == Some('。')
    {
        let message = "标题末尾不用句号".to_owned();
        found.extend(desk.finding(Rule::TitleFullStop, Severity::Info, last..last + 1, message, Some("")));
    }
}

/// The text and what of it is an address.
struct Desk<'a> {
    source: &'a Source,
    text: &'a [char],
    part: Part,
    links: &'a [Span],
}

impl Desk<'_> {
    fn at(&self, place: usize) -> Option<char> {
        self.text.get(place).copied()
    }

    fn before(&self, place: usize) -> Option<char> {
        place.checked_sub(1).and_then(|before| self.at(before))
    }

    /// `None` in a web address.
    fn finding(
        &self,
        rule: Rule,
        severity: Severity,
        span: Span,
        message: String,
        suggestion: Option<&str>,
    ) -> Option<Finding> {
        let in_link = self.links.iter().any(|link| link.start < span.end && span.start < link.end);
        let (text, suggestion) = (self.source.words(&span), suggestion.map(str::to_owned));
        let (part, start, end) = (self.part, span.start, span.end);
        (!in_link).then_some(Finding { rule, severity, part, start, end, text, message, suggestion })
    }
}

/// Half-width marks and what they are in Chinese.
const WIDE: &[(char, &str)] = &[(',', "，"), (';', "；"), (':', "："), ('?', "？"), ('!', "！"), ('.', "。")];

/// Right after a Chinese character, and before another one or the end: so times and numbers are left in peace.
fn halfwidth(desk: &Desk<'_>, place: usize, found: &mut Vec<Finding>) {
    let Some((mark, wide)) = WIDE.iter().find(|(mark, _)| desk.at(place) == Some(*mark)) else { return };
    let after =
        desk.text.get(place + 1..).unwrap_or_default().iter().find(|c| !matches!(c, ' ' | '\u{3000}'));
    let ends = after.is_none_or(|c| is_han(*c) || *c == '\n' || *c == '\r' || OPENING.contains(c));
    if desk.before(place).is_some_and(is_han) && ends {
        let message = format!("中文里的半角“{mark}”应为全角“{wide}”");
        found.extend(desk.finding(
            Rule::HalfwidthPunct,
            Severity::Warn,
            place..place + 1,
            message,
            Some(wide),
        ));
    }
}

const OPENING: &[char] = &['“', '《', '（', '【', '〔'];

/// GB/T 15834-2011 4.5.3.5: between marked titles or quotations no 、 is needed.
fn enumeration(desk: &Desk<'_>, place: usize, found: &mut Vec<Finding>) {
    let neighbours = (desk.before(place), desk.at(place), desk.at(place + 1));
    if matches!(neighbours, (Some('》'), Some('、'), Some('《')) | (Some('”'), Some('、'), Some('“')))
    {
        let message = "书名号或引号并列时，中间一般不用顿号".to_owned();
        let span = place..place + 1;
        found.extend(desk.finding(Rule::Gbt15834Enum, Severity::Info, span, message, Some("")));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn found_in(part: Part, text: &str) -> Vec<String> {
        let mut found = Vec::new();
        let source = Source::of(text);
        let links = crate::check::links::spans(&source);
        let links: Vec<Span> = links.iter().map(|link| source.written_span(link)).collect();
        check(&source, part, &links, &mut found);
        found.sort_by_key(|finding| finding.start);
        found.iter().map(|f| format!("{} {}", f.rule.as_str(), f.text)).collect()
    }

    pub(super) fn found(text: &str) -> Vec<String> {
        found_in(Part::Text, text)
    }

    #[test]
    fn half_width_marks_between_chinese_characters_and_nowhere_else() {
        assert_eq!(found("请市民注意,停水时间为8时。"), ["halfwidth_punct ,"]);
        assert_eq!(found("办好了!"), ["halfwidth_punct !"]);
        assert_eq!(found("请注意: “停水”"), ["halfwidth_punct :"]);
        assert_eq!(found("停水了.\n明天"), ["halfwidth_punct ."]);
        for fine in ["上班时间8:30至12:00", "共1,000户", "网址https://a.gov.cn/x?y=1,请查看", "电话：12345"]
        {
            assert_eq!(found(fine), Vec::<String>::new(), "{fine}");
        }
    }

    #[test]
    fn between_titles_and_quotations_and_at_the_end_of_a_headline() {
        assert_eq!(found("学习《条例》、《办法》"), ["gbt15834_enum 、"]);
        assert_eq!(found("“一网通办”、“一窗通办”"), ["gbt15834_enum 、"]);
        assert_eq!(found("学习《条例》、文件"), Vec::<String>::new());
        assert_eq!(found_in(Part::Title, "停水通知。 "), ["title_full_stop 。"]);
        assert_eq!(found("停水通知。"), Vec::<String>::new());
    }
}

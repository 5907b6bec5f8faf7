//! Personal data (§4.5): numbers by which somebody can be found. Hotlines, landlines and 统一社会信用代码 are public.

mod bank_card;
mod email;
mod identity;
mod mobile;
mod plate;

use jiff::civil::Date;

use super::finding::{Finding, Part, Rule, Severity};
use super::text::{Source, Span};

/// `links`: where addresses stand in the normalised text; what looks like an e-mail address in one is none.
pub(super) fn check(source: &Source, part: Part, today: Date, links: &[Span], found: &mut Vec<Finding>) {
    let mut hits = Vec::new();
    for run in runs(source) {
        identity::check(source, &run, today, &mut hits);
    }
    for phrase in phrases(source) {
        let taken = |span: &Span| hits.iter().any(|hit: &Hit| overlap(&hit.span, span));
        let cards = bank_card::find(source, &phrase).filter(|card| !taken(&card.span));
        let mobiles = mobile::find(source, &phrase);
        hits.extend(cards.into_iter().chain(mobiles).collect::<Vec<_>>());
    }
    for (place, c) in source.chars.iter().enumerate() {
        match c {
            '@' => hits
                .extend(email::at(source, place).filter(|hit| !links.iter().any(|l| overlap(l, &hit.span)))),
            c if plate::is_province(*c) => hits.extend(plate::at(source, place)),
            _ => {}
        }
    }
    let masked = masked_numbers(source);
    if hits.is_empty() && masked > 1 && is_list(source) {
        found.push(list(source, part));
    }
    found.extend(hits.into_iter().map(|hit| hit.finding(source, part)));
}

/// Something found in the normalised text.
#[derive(Debug, PartialEq)]
struct Hit {
    rule: Rule,
    severity: Severity,
    span: Span,
    message: &'static str,
}

impl Hit {
    fn finding(self, source: &Source, part: Part) -> Finding {
        let Self { rule, severity, span, message } = self;
        let masked = mask(rule, source.normal(&span));
        let written = source.written_span(&span);
        let (start, end) = (written.start, written.end);
        let message = format!("{message}：{masked}");
        let suggestion = Some(masked.clone()).filter(|_| rule != Rule::Plate && rule != Rule::Email);
        Finding { rule, severity, part, start, end, text: masked, message, suggestion }
    }
}

/// How many characters of a number stay readable at both ends (`masking` of the sample district).
fn mask(rule: Rule, number: &[char]) -> String {
    let (head, tail) = match rule {
        Rule::ResidentId | Rule::ResidentIdSuspect => (4, 2),
        Rule::Mobile => (3, 4),
        Rule::BankCard => (0, 4),
        Rule::Plate => (2, 1),
        _ => (1, 0),
    };
    let plain: Vec<char> = match rule {
        Rule::ResidentId | Rule::ResidentIdSuspect | Rule::BankCard => {
            number.iter().filter(|c| c.is_ascii_alphanumeric()).copied().collect()
        }
        Rule::Mobile => {
            let digits: Vec<char> = number.iter().filter(|c| c.is_ascii_digit()).copied().collect();
            digits.get(digits.len().saturating_sub(11)..).unwrap_or_default().to_vec()
        }
        _ => number.to_vec(),
    };
    let keeps = |place: usize| place < head || place + tail >= plain.len();
    plain
        .iter()
        .enumerate()
        .map(|(place, c)| if keeps(place) { c.to_ascii_uppercase() } else { '*' })
        .collect()
}

/// The longest rows of letters and digits.
fn runs(source: &Source) -> Vec<Span> {
    rows(source, |c| c.is_ascii_alphanumeric())
}

/// The longest rows of characters of a kind.
fn rows(source: &Source, belongs: fn(char) -> bool) -> Vec<Span> {
    let mut found: Vec<Span> = Vec::new();
    for (place, _) in source.chars.iter().enumerate().filter(|(_, c)| belongs(**c)) {
        match found.last_mut() {
            Some(last) if last.end == place => last.end = place + 1,
            _ => found.push(place..place + 1),
        }
    }
    found
}

/// Rows of digits with single blanks or hyphens between them.
fn phrases(source: &Source) -> Vec<Vec<Span>> {
    let mut phrases: Vec<Vec<Span>> = Vec::new();
    for digits in rows(source, |c| c.is_ascii_digit()) {
        let goes_on = phrases.last().and_then(|phrase| phrase.last()).is_some_and(|last| {
            last.end + 1 == digits.start && matches!(source.at(last.end), Some(' ' | '-'))
        });
        match phrases.last_mut() {
            Some(phrase) if goes_on => phrase.push(digits),
            _ => phrases.push(vec![digits]),
        }
    }
    phrases
}

fn overlap(a: &Span, b: &Span) -> bool {
    a.start < b.end && b.start < a.end
}

fn digit(c: char) -> u32 {
    c.to_digit(10).unwrap_or(0)
}

/// Numbers whose middle is covered already: `1101************2X`.
fn masked_numbers(source: &Source) -> usize {
    rows(source, |c| c.is_ascii_digit() || c == '*')
        .into_iter()
        .filter(|row| {
            let (chars, stars) = (source.normal(row), |c: &&char| **c == '*');
            chars.iter().filter(stars).count() >= 4
                && chars.iter().filter(|c| c.is_ascii_digit()).count() >= 2
        })
        .count()
}

/// Words of a list of people, and of its columns.
const LISTS: [&str; 3] = ["公示", "名单", "公布"];
const COLUMNS: [&str; 6] = ["身份证", "证件号", "手机号", "联系电话", "联系方式", "银行卡"];

fn is_list(source: &Source) -> bool {
    LISTS.iter().any(|word| source.text.contains(word))
        && COLUMNS.iter().any(|word| source.text.contains(word))
}

/// Inspectors cite 最少化原则, also where numbers are masked (§2.2).
fn list(source: &Source, part: Part) -> Finding {
    let message = "名单中列有证件号或电话，请按最少化原则确认这些信息确需公开".to_owned();
    let (rule, severity, end) = (Rule::PersonalList, Severity::Confirm, source.written.len());
    Finding { rule, severity, part, start: 0, end, text: String::new(), message, suggestion: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn found(text: &str) -> Vec<String> {
        let mut found = Vec::new();
        check(&Source::of(text), Part::Text, jiff::civil::date(2026, 6, 1), &[], &mut found);
        let place = |f: &Finding| text.chars().skip(f.start).take(f.end - f.start).collect::<String>();
        found.iter().map(|f| format!("{} {} {}", f.severity.as_str(), f.rule.as_str(), place(f))).collect()
    }

    #[test]
    fn c33_findings_never_repeat_the_number() {
        let mut all = Vec::new();
        let text =
            "身份证号11010519491231002X，电话138-0013-8000，卡号6222 0200 0000 0007，豫A12345，a.b@c.cn";
        check(&Source::of(text), Part::Text, jiff::civil::date(2026, 6, 1), &[], &mut all);
        let shown: Vec<&str> = all.iter().map(|f| f.text.as_str()).collect();
        let masked = ["1101************2X", "138****8000", "************0007", "豫A****5", "A*******"];
        assert_eq!(shown.len(), masked.len());
        for text in masked {
            assert!(shown.contains(&text), "{text} in {shown:?}");
        }
        assert!(all.iter().all(|f| f.message.contains(&f.text)));
    }

    #[test]
    fn a_list_of_people_with_masked_numbers_has_to_be_confirmed() {
        let list = "补贴名单公示：张某，身份证号1101************2X；李某，身份证号1101************13。";
        assert_eq!(found(list), [format!("confirm personal_list {list}")]);
        assert_eq!(found("名单公示：张某、李某"), Vec::<String>::new());
    }

    #[test]
    fn public_numbers_are_none_of_ours() {
        for text in [
            "热线12345、110、119、0391-12345678",
            "中标价 6222.02 万元，面积 410811 平方米",
            "统一社会信用代码91350100M000100Y43",
            "2026-06-08 10:20",
            "文号：东湖〔2026〕12号",
        ] {
            assert_eq!(found(text), Vec::<String>::new(), "{text}");
        }
    }
}

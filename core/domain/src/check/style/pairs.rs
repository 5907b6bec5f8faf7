//! Quotation marks and brackets that stand alone, and straight quotation marks around Chinese.

use super::{Desk, Rule, Severity, is_han};
use crate::check::finding::Finding;
use crate::check::text::Span;

const PAIRS: &[(char, char)] = &[('“', '”'), ('《', '》'), ('（', '）'), ('【', '】'), ('〔', '〕')];

pub(super) fn check(desk: &Desk<'_>, found: &mut Vec<Finding>) {
    for (place, mark) in unpaired(desk) {
        let other = PAIRS.iter().find_map(|(open, close)| match mark {
            m if m == *open => Some(*close),
            m if m == *close => Some(*open),
            _ => None,
        });
        let message = format!("“{mark}”没有与之成对的“{}”", other.unwrap_or(mark));
        found.extend(desk.finding(Rule::Unpaired, Severity::Warn, place..place + 1, message, None));
    }
    for span in straight(desk) {
        let message = "中文用弯引号“”，不用直引号".to_owned();
        let inner: String = desk.text.get(span.start + 1..span.end - 1).unwrap_or_default().iter().collect();
        let right = format!("“{inner}”");
        found.extend(desk.finding(Rule::StraightQuote, Severity::Warn, span, message, Some(&right)));
    }
}

/// Each mark that opens or closes alone. One that closes takes the nearest of its kind, and what was opened since stays open.
fn unpaired(desk: &Desk<'_>) -> Vec<(usize, char)> {
    let mut open: Vec<(usize, char)> = Vec::new();
    let mut alone = Vec::new();
    for (place, &mark) in desk.text.iter().enumerate() {
        if PAIRS.iter().any(|(opens, _)| mark == *opens) {
            open.push((place, mark));
        } else if let Some((opens, _)) = PAIRS.iter().find(|(_, closes)| mark == *closes) {
            match open.iter().rposition(|(_, mark)| mark == opens) {
                Some(partner) => drop(open.remove(partner)),
                None if mark == '）' && numbers_a_line(desk, place) => {}
                None => alone.push((place, mark)),
            }
        }
    }
    alone.extend(open);
    alone.sort_unstable();
    alone
}

/// `1）` and `一）` at the beginning of a line.
fn numbers_a_line(desk: &Desk<'_>, place: usize) -> bool {
    let before = desk.text.get(..place).unwrap_or_default();
    let number = |c: &&char| c.is_ascii_alphanumeric() || "一二三四五六七八九十".contains(**c);
    let length = before.iter().rev().take_while(number).count();
    let begins = before.iter().rev().skip(length).find(|c| !matches!(c, ' ' | '\u{3000}'));
    (1..=3).contains(&length) && begins.is_none_or(|c| matches!(c, '\n' | '\r' | '；' | '：' | '。'))
}

/// Pairs on one line with a Chinese character in between.
fn straight(desk: &Desk<'_>) -> Vec<Span> {
    let mut found = Vec::new();
    let mut open: Option<usize> = None;
    for (place, &c) in desk.text.iter().enumerate() {
        match (c, open) {
            ('\n', _) => open = None,
            ('"', None) => open = Some(place),
            ('"', Some(start)) => {
                let inner = desk.text.get(start + 1..place).unwrap_or_default();
                let around = desk.before(start).into_iter().chain(desk.at(place + 1));
                if inner.iter().copied().chain(around).any(is_han) {
                    found.push(start..place + 1);
                }
                open = None;
            }
            _ => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::tests::found;

    #[test]
    fn marks_that_stand_alone() {
        assert_eq!(found("（详见附件"), ["unpaired （"]);
        assert_eq!(found("学习《条例和《办法》"), ["unpaired 《"]);
        assert_eq!(found("他说：”好"), ["unpaired ”"]);
        assert_eq!(found("（详见附件)"), ["unpaired （"], "the other one is half-width");
        for fine in ["《条例》（试行）", "“一网通办”", "1）申请\n2）审核", "〔2026〕12号【通知】", "一）材料"]
        {
            assert_eq!(found(fine), Vec::<String>::new(), "{fine}");
        }
    }

    #[test]
    fn straight_quotes_around_chinese() {
        assert_eq!(found("推进\"一网通办\"改革"), ["straight_quote \"一网通办\""]);
        assert_eq!(found("\"abc\" 5\""), Vec::<String>::new());
    }
}

//! Mobile numbers: eleven digits that begin with 1 and 3 to 9, in one or as 3-4-4, with or without 86.

use super::{Hit, Rule, Severity};
use crate::check::text::{Source, Span};

/// Digits of a number.
const DIGITS: usize = 11;
/// After so many of them a separator may stand.
const SEAMS: [usize; 2] = [3, 7];

/// In one phrase of digits. Nothing before or after a number may be a further digit.
pub(super) fn find(source: &Source, phrase: &[Span]) -> Vec<Hit> {
    let mut hits = Vec::new();
    let mut first = 0;
    while let Some(row) = phrase.get(first) {
        match number_at(source, phrase, first, row) {
            Some((span, rows)) => {
                let message = "手机号码，请确认经本人同意或为对外公布的号码";
                hits.push(Hit { rule: Rule::Mobile, severity: Severity::Warn, span, message });
                first += rows;
            }
            None => first += 1,
        }
    }
    hits
}

/// A number that begins with this row, and how many rows it has.
fn number_at(source: &Source, phrase: &[Span], first: usize, row: &Span) -> Option<(Span, usize)> {
    // 86 stands in the same row or in one before it.
    let digits = source.normal(row);
    let prefix = ["0086", "86"].into_iter().find(|prefix| source.goes_on(row.start, prefix));
    let with_prefix = prefix.and_then(|prefix| {
        let rest = digits.get(prefix.len()..)?;
        if rest.is_empty() {
            let (span, rows) = bare(source, phrase, first + 1, 0)?;
            return Some((row.start..span.end, rows + 1));
        }
        let (span, rows) = bare(source, phrase, first, prefix.len())?;
        Some((row.start..span.end, rows))
    });
    let (span, rows) = with_prefix.or_else(|| bare(source, phrase, first, 0))?;
    let plus = usize::from(source.before(span.start) == Some('+') && source.goes_on(span.start, "86"));
    Some((span.start - plus..span.end, rows))
}

/// The eleven digits alone, after `skip` digits of the first row.
fn bare(source: &Source, phrase: &[Span], first: usize, skip: usize) -> Option<(Span, usize)> {
    let row = phrase.get(first)?;
    let start = row.start + skip;
    match (source.at(start)?, source.at(start + 1)?) {
        ('1', '3'..='9') => {}
        _ => return None,
    }
    let mut taken = 0;
    for (rows, row) in (1..).zip(phrase.get(first..)?) {
        taken += row.len() - if rows == 1 { skip } else { 0 };
        if taken == DIGITS {
            return Some((start..row.end, rows));
        }
        if !SEAMS.contains(&taken) {
            return None;
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::tests::found;

    #[test]
    fn c33_a_mobile_number_in_every_spelling() {
        for (text, number) in [
            ("请拨打13800138000咨询", "13800138000"),
            ("请拨打138-0013-8000", "138-0013-8000"),
            ("请拨打138 00138000", "138 00138000"),
            ("电话+8613800138000", "+8613800138000"),
            ("电话+86 138 0013 8000", "+86 138 0013 8000"),
            ("电话86-13800138000", "86-13800138000"),
            ("电话00861３８００１３８０００", "00861３８００１３８０００"),
            ("共收到13800138000元捐款", "13800138000"),
        ] {
            assert_eq!(found(text), [format!("warn mobile {number}")], "{text}");
        }
        assert_eq!(found("13800138000 13900139000").len(), 2);
    }

    #[test]
    fn other_numbers_are_none() {
        for text in
            ["12800138000", "138001380001", "1-3800138000", "1380-0138-000", "0391-13800138", "8613800"]
        {
            assert_eq!(found(text), Vec::<String>::new(), "{text}");
        }
    }
}

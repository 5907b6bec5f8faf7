//! Bank cards: 15 to 19 digits, also in groups, with a good check digit by Luhn. One random number of ten has one, too, so
//! that only those beside 卡号 and the like block.

use super::{Hit, digit, overlap};
use crate::check::finding::{Rule, Severity};
use crate::check::text::{Source, Span};

const DIGITS: std::ops::RangeInclusive<usize> = 15..=19;
/// Words that say what the number is.
const BESIDE: [&str; 7] = ["卡号", "账号", "帐号", "开户", "账户", "帐户", "银行卡"];
/// So many characters before or after it.
const NEAR: usize = 12;

/// In one phrase of digits.
pub(super) fn find(source: &Source, phrase: &[Span]) -> impl Iterator<Item = Hit> {
    let mut hits: Vec<Hit> = Vec::new();
    for first in 0..phrase.len() {
        // The longest first.
        let card = (first + 1..=phrase.len())
            .rev()
            .filter_map(|end| phrase.get(first..end))
            .find(|groups| is_card(source, groups));
        if let Some(hit) = card.and_then(|groups| hit(source, groups))
            && !hits.iter().any(|earlier| overlap(&earlier.span, &hit.span))
        {
            hits.push(hit);
        }
    }
    hits.into_iter()
}

fn hit(source: &Source, groups: &[Span]) -> Option<Hit> {
    let span = groups.first()?.start..groups.last()?.end;
    let beside = |place: Option<char>| place.is_some_and(|c| c.is_ascii_alphanumeric());
    if beside(source.before(span.start)) || beside(source.at(span.end)) {
        return None;
    }
    let around = span.start.saturating_sub(NEAR)..(span.end + NEAR).min(source.chars.len());
    let around: String = source.normal(&around).iter().collect();
    let named = BESIDE.iter().any(|word| around.contains(word));
    let (severity, message) = if named {
        (Severity::Block, "银行卡号不得公开，须脱敏")
    } else {
        (Severity::Warn, "疑似银行卡号，请核对")
    };
    Some(Hit { rule: Rule::BankCard, severity, span, message })
}

fn is_card(source: &Source, groups: &[Span]) -> bool {
    let digits: Vec<u32> = groups.iter().flat_map(|group| source.normal(group)).map(|c| digit(*c)).collect();
    DIGITS.contains(&digits.len())
        && digits.first().is_some_and(|first| (3..=6).contains(first))
        && is_grouped(groups)
        && luhn(&digits)
}

/// As cards are written: in one, in fours with the rest at the end, as 6 and the rest, or as 4-6-5.
fn is_grouped(groups: &[Span]) -> bool {
    let lengths: Vec<usize> = groups.iter().map(ExactSizeIterator::len).collect();
    match &lengths[..] {
        [_] | [6, _] | [4, 6, 5] => true,
        [fours @ .., last] => fours.iter().all(|length| *length == 4) && *last <= 4,
        [] => false,
    }
}

fn luhn(digits: &[u32]) -> bool {
    let twice = |d: u32| if d > 4 { 2 * d - 9 } else { 2 * d };
    let sum: u32 =
        digits.iter().rev().enumerate().map(|(at, d)| if at % 2 == 1 { twice(*d) } else { *d }).sum();
    sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::super::tests::found;

    #[test]
    fn c33_a_card_blocks_beside_its_word_and_warns_elsewhere() {
        assert_eq!(found("卡号6222020000000007"), ["block bank_card 6222020000000007"]);
        assert_eq!(found("卡号 6222 0200 0000 0007"), ["block bank_card 6222 0200 0000 0007"]);
        assert_eq!(found("622202-0000000007，开户行：甲"), ["block bank_card 622202-0000000007"]);
        assert_eq!(found("编号6222020000000007"), ["warn bank_card 6222020000000007"]);
    }

    #[test]
    fn what_fails_the_check_or_is_too_long_is_none() {
        for text in [
            "卡号6222020000000008",
            "卡号9222020000000004",
            "卡号62220200000000071234",
            "卡号X6222020000000007",
            "卡号622 2020 0000 00007",
        ] {
            assert_eq!(found(text), Vec::<String>::new(), "{text}");
        }
    }
}

//! 居民身份证号码: 18 characters, a date of birth, and a check character by ISO 7064 MOD 11-2 (GB 11643).

use jiff::civil::Date;

use super::{Hit, digit};
use crate::check::finding::{Rule, Severity};
use crate::check::text::{Source, Span};

const LENGTH: usize = 18;
const WEIGHTS: [u32; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
/// By the remainder.
const CHECKS: [char; 11] = ['1', '0', 'x', '9', '8', '7', '6', '5', '4', '3', '2'];
/// Nobody alive was born before.
const FIRST_YEAR: i16 = 1800;

/// `run` is a whole row of letters and digits: what is longer is another number.
pub(super) fn check(source: &Source, run: &Span, today: Date, hits: &mut Vec<Hit>) {
    let number = source.normal(run);
    let Some((last, digits)) = number.split_last() else { return };
    let is_number = number.len() == LENGTH
        && digits.iter().all(char::is_ascii_digit)
        && (last.is_ascii_digit() || *last == 'x');
    if !is_number || !born(digits).is_some_and(|day| day.year() >= FIRST_YEAR && day <= today) {
        return;
    }
    let (rule, severity, message) = if check_character(digits) == Some(*last) {
        (Rule::ResidentId, Severity::Block, "居民身份证号码不得公开，须脱敏")
    } else if is_credit_code(number) {
        return;
    } else {
        (Rule::ResidentIdSuspect, Severity::Warn, "疑似身份证号码（校验位不符），请核对")
    };
    hits.push(Hit { rule, severity, span: run.clone(), message });
}

fn born(digits: &[char]) -> Option<Date> {
    let number = |from: usize, to: usize| {
        digits.get(from..to).map(|part| part.iter().fold(0, |sum, c| sum * 10 + digit(*c)))
    };
    let (year, month, day) = (number(6, 10)?, number(10, 12)?, number(12, 14)?);
    Date::new(i16::try_from(year).ok()?, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()
}

fn check_character(digits: &[char]) -> Option<char> {
    let sum: u32 = digits.iter().zip(WEIGHTS).map(|(c, weight)| digit(*c) * weight).sum();
    CHECKS.get(usize::try_from(sum % 11).ok()?).copied()
}

/// The alphabet of 统一社会信用代码 (GB 32100).
const CREDIT_ALPHABET: &str = "0123456789abcdefghjklmnpqrtuwxy";

/// A public number of organisations, which may look like one of a person.
pub(super) fn is_credit_code(number: &[char]) -> bool {
    let value = |c: &char| CREDIT_ALPHABET.find(*c).and_then(|at| u32::try_from(at).ok());
    let Some((last, body)) = number.split_last().filter(|_| number.len() == LENGTH) else { return false };
    let mut weight = 1;
    let mut sum = 0;
    for c in body {
        let Some(value) = value(c) else { return false };
        sum += value * weight;
        weight = weight * 3 % 31;
    }
    value(last) == Some((31 - sum % 31) % 31)
}

#[cfg(test)]
mod tests {
    use super::super::tests::found;
    use super::*;

    #[test]
    fn c33_a_number_with_a_good_check_character_is_one() {
        assert_eq!(found("身份证号11010519491231002X"), ["block resident_id 11010519491231002X"]);
        assert_eq!(found("证号11010519491231002x。"), ["block resident_id 11010519491231002x"]);
        assert_eq!(found("编号：１１０１０５１９４９１２３１００２Ｘ").len(), 1);
        // Its digits pass the check of a bank card, too.
        assert_eq!(found("440524188001010014"), ["block resident_id 440524188001010014"]);
        assert_eq!(found("身份证号110105194912310021"), ["warn resident_id_suspect 110105194912310021"]);
    }

    #[test]
    fn what_has_no_date_of_birth_or_stands_in_a_longer_row_is_none() {
        for text in [
            "110105199913310021",
            "110105194902300021",
            "110105205012310028",
            "A11010519491231002X",
            "11010519491231002X9",
        ] {
            assert_eq!(found(text), Vec::<String>::new(), "{text}");
        }
    }

    #[test]
    fn the_code_of_an_organisation_is_public() {
        let chars = |text: &str| text.to_ascii_lowercase().chars().collect::<Vec<_>>();
        assert!(is_credit_code(&chars("91350100M000100Y43")));
        assert!(!is_credit_code(&chars("91350100M000100Y44")));
        assert!(!is_credit_code(&chars("91350100M000100O43")), "O is not of its alphabet");
    }
}

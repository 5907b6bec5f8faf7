//! 机动车号牌: the province, a letter, and five characters, or six with D or F for new energy (GA 36).

use super::{Hit, Rule, Severity};
use crate::check::text::Source;

const PROVINCES: &str = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼";
/// What stands last on plates of trailers, driving schools, police, and for Hong Kong and Macao.
const SPECIAL: &str = "挂学警港澳领";
/// Between the letter and the rest.
const DOTS: &str = "·.•-—";

pub(super) fn is_province(c: char) -> bool {
    PROVINCES.contains(c)
}

/// A plate that begins with this province.
pub(super) fn at(source: &Source, place: usize) -> Option<Hit> {
    source.at(place + 1).filter(|c| is_letter(*c))?;
    let dot = source.at(place + 2).is_some_and(|c| DOTS.contains(c) || c == ' ');
    let start = place + 2 + usize::from(dot);
    let rest: Vec<char> = source
        .chars
        .get(start..)
        .unwrap_or_default()
        .iter()
        .take_while(|c| c.is_ascii_alphanumeric())
        .copied()
        .collect();
    let special = source.at(start + rest.len()).is_some_and(|c| SPECIAL.contains(c));
    let end = match rest.len() {
        4 if special && is_serial(&rest) => start + 5,
        5 if is_serial(&rest) => start + 5,
        6 if is_new_energy(&rest) => start + 6,
        _ => return None,
    };
    let (rule, severity, message) = (Rule::Plate, Severity::Warn, "车牌号码，请确认确需公开");
    Some(Hit { rule, severity, span: place..end, message })
}

fn is_letter(c: char) -> bool {
    c.is_ascii_lowercase() && !matches!(c, 'i' | 'o')
}

/// Letters are few on a plate, so that a word in Latin letters is none.
fn is_serial(rest: &[char]) -> bool {
    rest.iter().all(|c| c.is_ascii_digit() || is_letter(*c))
        && rest.iter().filter(|c| c.is_ascii_digit()).count() >= 2
}

/// Small cars have the letter first, large ones last.
fn is_new_energy(rest: &[char]) -> bool {
    let digits = |part: &[char]| part.iter().all(char::is_ascii_digit);
    match rest {
        ['a'..='h' | 'j' | 'k', second, serial @ ..] if digits(serial) => {
            second.is_ascii_digit() || is_letter(*second)
        }
        [serial @ .., 'd' | 'f'] => digits(serial),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::found;

    #[test]
    fn c33_plates_of_every_kind() {
        for (text, plate) in [
            ("肇事车辆豫A12345", "豫A12345"),
            ("新能源车豫A12345D", "豫A12345D"),
            ("新能源车豫AD12345。", "豫AD12345"),
            ("豫AF1234", "豫AF1234"),
            ("豫A·1B34C停在", "豫A·1B34C"),
            ("豫A1234学", "豫A1234学"),
            ("京ａ８８８８８", "京ａ８８８８８"),
        ] {
            assert_eq!(found(text), [format!("warn plate {plate}")], "{text}");
        }
    }

    #[test]
    fn other_words_are_none() {
        for text in ["豫剧A角登台", "豫I12345", "豫A1O345", "豫A1234", "豫A123456", "京ABCDEF", "桂A级景区"]
        {
            assert_eq!(found(text), Vec::<String>::new(), "{text}");
        }
    }
}

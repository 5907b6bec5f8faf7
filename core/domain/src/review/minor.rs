//! 小改: what the office may mend without asking everybody again. At most ten signs, and only such as carry no meaning of
//! their own: punctuation, space and format.

use serde::{Deserialize, Serialize};

use crate::id::Platform;
use crate::item::{Content, Variant};

/// Signs that may be another afterwards.
const MOST_SIGNS: usize = 10;

/// One field that reads otherwise now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    pub platform: Platform,
    /// `title` or `text`.
    pub field: String,
    pub before: String,
    pub after: String,
}

/// What differs between two texts of an item whose approvals shall go on; nothing, when they are the same.
///
/// # Errors
/// A difference that takes a review: of words, of digits, of what stands beside a digit, a negation or an address, of
/// pictures, links and accounts; or one of more than ten signs.
pub fn minor_changes(before: &Content, after: &Content) -> Result<Vec<Change>, NotMinor> {
    let beside_texts = |content: &Content| {
        let bare = |variant: &Variant| Variant { title: None, text: String::new(), ..variant.clone() };
        let variants = content.variants.iter().map(|(platform, variant)| (platform.clone(), bare(variant)));
        Content { variants: variants.collect(), ..content.clone() }
    };
    if beside_texts(before) != beside_texts(after) {
        return Err(NotMinor::NotOnlyTexts);
    }
    let (mut changes, mut signs) = (Vec::new(), 0);
    for ((platform, old), (_, new)) in before.variants.iter().zip(&after.variants) {
        let titles = (old.title.as_deref().unwrap_or_default(), new.title.as_deref().unwrap_or_default());
        for (field, (old, new)) in [("title", titles), ("text", (&old.text, &new.text))] {
            if old != new {
                signs += changed_signs(old, new)?;
                let (before, after) = (old.to_owned(), new.to_owned());
                changes.push(Change { platform: platform.clone(), field: field.into(), before, after });
            }
        }
    }
    if signs > MOST_SIGNS { Err(NotMinor::TooMany { signs }) } else { Ok(changes) }
}

/// How many signs two texts of the same words differ in.
fn changed_signs(old: &str, new: &str) -> Result<usize, NotMinor> {
    let (old, new) = (Gaps::of(old), Gaps::of(new));
    if old.words != new.words {
        return Err(NotMinor::Words);
    }
    let mut signs = 0;
    for (place, (before, after)) in old.between.iter().zip(&new.between).enumerate() {
        if before == after {
            continue;
        }
        let left = place.checked_sub(1).and_then(|place| old.words.get(place));
        let right = old.words.get(place);
        if let Some(beside) = [left, right].into_iter().flatten().find(|c| turns_on_its_neighbours(**c)) {
            return Err(NotMinor::Beside { sign: *beside });
        }
        // A dot or a space between Latin letters makes another word or another address.
        if let (Some(left), Some(right)) = (left, right)
            && left.is_ascii_alphabetic()
            && right.is_ascii_alphabetic()
        {
            return Err(NotMinor::Beside { sign: *right });
        }
        signs += differing(before, after);
    }
    Ok(signs)
}

/// A text as its words, sign by sign, and what stands before, between and after them.
struct Gaps {
    words: Vec<char>,
    /// One more than `words`.
    between: Vec<Vec<char>>,
}

impl Gaps {
    fn of(text: &str) -> Self {
        let (mut words, mut between, mut gap) = (Vec::new(), Vec::new(), Vec::new());
        for sign in text.chars() {
            if is_format(sign) {
                gap.push(sign);
            } else {
                words.push(sign);
                between.push(std::mem::take(&mut gap));
            }
        }
        between.push(gap);
        Self { words, between }
    }
}

/// Without what both begin and end with, the longer rest is what was changed.
fn differing(before: &[char], after: &[char]) -> usize {
    let ahead = before.iter().zip(after).take_while(|(a, b)| a == b).count();
    let (before, after) = (before.get(ahead..).unwrap_or_default(), after.get(ahead..).unwrap_or_default());
    let behind = before.iter().rev().zip(after.iter().rev()).take_while(|(a, b)| a == b).count();
    before.len().max(after.len()).saturating_sub(behind)
}

/// Space and punctuation. What says something of its own (`%`, `+`, `-`, `#`, `@`, `/`, the dot in a name) is none.
fn is_format(sign: char) -> bool {
    const PUNCTUATION: &str = ",.;:!?'\"()[]{}，。、；：！？‘’“”（）［］｛｝《》〈〉「」『』【】〔〕—…～";
    sign.is_whitespace() || matches!(sign, '\u{200b}' | '\u{2060}' | '\u{ad}') || PUNCTUATION.contains(sign)
}

/// A point beside a digit makes another number; a comma beside a negation says what is denied.
fn turns_on_its_neighbours(sign: char) -> bool {
    const NEGATIONS: &str = "不没無无非未别別勿莫毋否禁";
    sign.is_numeric() || "零〇一二三四五六七八九十百千万亿".contains(sign) || NEGATIONS.contains(sign)
}

/// Why a change is more than a minor one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotMinor {
    #[error("pictures, links, accounts and declared facts are not changed by a minor edit")]
    NotOnlyTexts,
    #[error("words are another: a minor edit changes only punctuation, space and format")]
    Words,
    #[error("what stands beside “{sign}” may change the meaning: that is not a minor edit")]
    Beside { sign: char },
    #[error("{signs} signs are another: a minor edit changes 10 at most")]
    TooMany { signs: usize },
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn content(text: &str) -> Content {
        let variant = Variant { text: text.into(), ..Variant::default() };
        Content { variants: BTreeMap::from([("weibo".into(), variant)]), ..Content::default() }
    }

    fn between(before: &str, after: &str) -> Result<usize, NotMinor> {
        minor_changes(&content(before), &content(after)).map(|changes| changes.len())
    }

    #[test]
    fn sm33_punctuation_and_space_are_minor() {
        assert_eq!(between("停水通知,请储水", "停水通知，请储水。"), Ok(1));
        assert_eq!(between("请 储水", "请储水"), Ok(1));
        assert_eq!(between("请储水", "请储水"), Ok(0));
        assert_eq!(between("“节水”周", "《节水》周"), Ok(1));
    }

    #[test]
    fn words_digits_dates_names_and_negations_are_not() {
        let not = |before, after| between(before, after).unwrap_err();
        assert_eq!(not("明天停水", "后天停水"), NotMinor::Words);
        assert_eq!(not("6月1日停水", "6月2日停水"), NotMinor::Words);
        assert_eq!(not("张三主持", "李四主持"), NotMinor::Words);
        assert_eq!(not("不得入内", "得入内"), NotMinor::Words);
        assert_eq!(not("阿依古丽·买买提", "阿依古丽买买提"), NotMinor::Words);
        assert_eq!(not("增长1.5", "增长15"), NotMinor::Beside { sign: '1' });
        assert_eq!(not("三，四人", "三四人"), NotMinor::Beside { sign: '三' });
        assert_eq!(not("不，能去", "不能去"), NotMinor::Beside { sign: '不' });
        assert_eq!(not("见 a.gov 网", "见 agov 网"), NotMinor::Beside { sign: 'g' });
        assert_eq!(not("升50%", "升50"), NotMinor::Words);
    }

    #[test]
    fn ten_signs_are_the_most() {
        let text = |dots: usize| format!("请储水{}", "！".repeat(dots));
        assert_eq!(between("请储水", &text(10)), Ok(1));
        assert_eq!(between("请储水", &text(11)), Err(NotMinor::TooMany { signs: 11 }));
        assert_eq!(between(&text(3), &text(12)), Ok(1), "nine were added");
    }

    #[test]
    fn pictures_and_accounts_are_not_minor() {
        let before = content("好");
        let mut after = before.clone();
        after.targets.push("W000".into());
        assert_eq!(minor_changes(&before, &after), Err(NotMinor::NotOnlyTexts));
        let mut after = before.clone();
        after.variants.values_mut().for_each(|variant| variant.link = Some("http://a.gov.cn".into()));
        assert_eq!(minor_changes(&before, &after), Err(NotMinor::NotOnlyTexts));
    }
}

//! What stands there twice, or in a form that Chinese does not use: marks, 的的, dots for ……, full-width digits.

use super::{Desk, Rule, Severity};
use crate::check::finding::Finding;
use crate::check::text::Span;

/// Marks of which one is enough.
const SINGLE: &[char] = &['，', '。', '、', '；', '：', '！', '？'];
const FULL_WIDTH: [std::ops::RangeInclusive<char>; 3] = ['０'..='９', 'Ａ'..='Ｚ', 'ａ'..='ｚ'];

pub(super) fn check(desk: &Desk<'_>, found: &mut Vec<Finding>) {
    let mut place = 0;
    while let Some(c) = desk.at(place) {
        let length =
            desk.text.get(place..).unwrap_or_default().iter().take_while(|other| **other == c).count();
        match c {
            '.' | '。' if length >= 3 => {
                let message = "省略号应为“……”".to_owned();
                let span = place..place + length;
                found.extend(desk.finding(Rule::Ellipsis, Severity::Warn, span, message, Some("……")));
            }
            _ if SINGLE.contains(&c) && length >= 2 => {
                let message = format!("标点“{c}”重复");
                let (span, right) = (place..place + length, c.to_string());
                found.extend(desk.finding(Rule::DupPunct, Severity::Warn, span, message, Some(&right)));
            }
            '的' | '了' if length >= 2 => found.extend(repeated(desk, c, place..place + length)),
            _ if is_full_width(c) => {
                let span = full_width(desk, place);
                place = span.end;
                found.extend(wide(desk, span));
                continue;
            }
            _ => {}
        }
        place += length;
    }
}

/// Words in which 的的 and 了了 are right: the end of one word and the beginning of the next.
const RIGHT: &[&str] = &[
    "的的确确",
    "目的的",
    "标的的",
    "有的的",
    "的的士",
    "的的卢",
    "不了了之",
    "了了解",
    "了了结",
    "了了然",
    "小时了了",
    "了了分明",
    "了了却",
];

fn repeated(desk: &Desk<'_>, c: char, span: Span) -> Option<Finding> {
    let is_right = |word: &&str| {
        let word: Vec<char> = word.chars().collect();
        let first = span.start.saturating_sub(word.len());
        (first..=span.start + 1).any(|start| {
            let covers = start <= span.start && start + word.len() > span.start + 1;
            covers && desk.text.get(start..).is_some_and(|text| text.starts_with(&word))
        })
    };
    if RIGHT.iter().any(is_right) {
        return None;
    }
    let message = format!("“{c}”字重复");
    desk.finding(Rule::RepeatedChar, Severity::Warn, span, message, Some(&c.to_string()))
}

fn is_full_width(c: char) -> bool {
    FULL_WIDTH.iter().any(|range| range.contains(&c))
}

fn full_width(desk: &Desk<'_>, start: usize) -> Span {
    let text = desk.text.get(start..).unwrap_or_default();
    start..start + text.iter().take_while(|c| is_full_width(**c)).count()
}

fn wide(desk: &Desk<'_>, span: Span) -> Option<Finding> {
    let narrow = |c: &char| u32::from(*c).checked_sub(0xfee0).and_then(char::from_u32).unwrap_or(*c);
    let right: String = desk.text.get(span.clone()).unwrap_or_default().iter().map(narrow).collect();
    let message = format!("数字和字母用半角：“{right}”");
    desk.finding(Rule::FullwidthAlnum, Severity::Warn, span, message, Some(&right))
}

#[cfg(test)]
mod tests {
    use super::super::tests::found;

    #[test]
    fn marks_that_are_there_twice() {
        assert_eq!(found("感谢支持。。"), ["dup_punct 。。"]);
        assert_eq!(found("停水，，请储水！！"), ["dup_punct ，，", "dup_punct ！！"]);
        assert_eq!(found("未完待续……"), Vec::<String>::new());
        assert_eq!(found("真的吗？！"), Vec::<String>::new());
    }

    #[test]
    fn dots_and_full_stops_are_no_ellipsis() {
        assert_eq!(found("未完待续..."), ["ellipsis ..."]);
        assert_eq!(found("未完待续。。。。"), ["ellipsis 。。。。"]);
    }

    #[test]
    fn full_width_digits_and_letters() {
        assert_eq!(found("２０２６年ＡＢＣ"), ["fullwidth_alnum ２０２６", "fullwidth_alnum ＡＢＣ"]);
    }

    #[test]
    fn characters_that_are_there_twice_by_mistake() {
        assert_eq!(found("我们的的工作"), ["repeated_char 的的"]);
        assert_eq!(found("完成了了改造"), ["repeated_char 了了"]);
        for right in ["的的确确如此", "以惠民为目的的活动", "为了了解民意", "不能不了了之", "坐我的的士"]
        {
            assert_eq!(found(right), Vec::<String>::new(), "{right}");
        }
    }
}

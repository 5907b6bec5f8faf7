//! Marks of secrecy (§4.4): 密级★期限, texts that call themselves secret, and internal marks. Blanks do not hide them.

use super::finding::{Finding, Part, Rule, Severity};
use super::text::{Packed, Source};

/// The three levels.
const LEVELS: &[&str] = &["绝密", "机密", "秘密"];
/// What stands for the star between level and period.
const STARS: &[char] = &['★', '☆', '⭐', '*', '✩', '✪', '⭑', '✭'];
/// What a level makes a secret thing of.
const THINGS: &[&str] =
    &["文件", "文稿", "材料", "资料", "电报", "公文", "信函", "件", "会议纪要", "载体", "事项"];
/// Words before 秘密 with which it is none of this text's own: 国家秘密文件 is what a law speaks of.
const OF_OTHERS: &[&str] = &["国家", "商业", "工作", "个人", "军事"];
/// With these a text calls itself secret without naming a thing.
const SELF: &[&str] = &["此件", "本件", "此文件", "本文件", "本通知", "密级:", "密级为", "密级"];
const COPULAS: &[&str] = &["属于", "为", "系", "属", "是", ""];

/// Internal marks: the first words, then one of the others right behind them.
const INTERNAL: &[(&[&str], &[&str])] = &[
    (&["内部"], &["资料", "文件", "刊物", "参阅", "使用", "掌握", "传阅", "明电"]),
    (&["不得", "严禁", "请勿", "禁止"], &["外传", "转发", "公开", "扩散", "对外"]),
    (&["注意"], &["保存"]),
    (&["工作"], &["秘密"]),
    (&["密码"], &["电报"]),
];
/// 仅供…参阅: at most so many characters between.
const BETWEEN: usize = 12;

pub(super) fn check(source: &Source, part: Part, found: &mut Vec<Finding>) {
    let packed = source.packed();
    let mut place = 0;
    while place < packed.chars.len() {
        match mark_at(&packed, place) {
            Some((rule, start, end)) => {
                found.push(finding(source, &packed, part, rule, start..end));
                place = end.max(place + 1);
            }
            None => place += 1,
        }
    }
}

/// A mark of which this is the first character, or the level in it.
fn mark_at(packed: &Packed, place: usize) -> Option<(Rule, usize, usize)> {
    match packed.chars.get(place)? {
        '绝' | '机' | '秘' => level_at(packed, place),
        '内' | '不' | '严' | '请' | '禁' | '注' | '工' | '密' => internal_at(packed, place),
        '仅' => only_for_at(packed, place),
        '份' => copy_number_at(packed, place),
        _ => None,
    }
}

fn level_at(packed: &Packed, place: usize) -> Option<(Rule, usize, usize)> {
    let level = LEVELS.iter().find(|level| packed.goes_on(place, level))?;
    let end = place + level.chars().count();
    if packed.chars.get(end).is_some_and(|c| STARS.contains(c)) {
        return Some((Rule::SecretMark, place, end + 1));
    }
    if OF_OTHERS.iter().any(|owner| packed.comes_after(place, owner)) {
        return None;
    }
    let of_level = end + usize::from(packed.chars.get(end) == Some(&'级'));
    if let Some(thing) = THINGS.iter().find(|thing| packed.goes_on(of_level, thing)) {
        return Some((Rule::SecretWord, place, of_level + thing.chars().count()));
    }
    let calls_itself = SELF.iter().any(|own| {
        COPULAS.iter().any(|copula| {
            let copula_start = place.checked_sub(copula.chars().count());
            packed.comes_after(place, copula) && copula_start.is_some_and(|at| packed.comes_after(at, own))
        })
    });
    calls_itself.then_some((Rule::SecretWord, place, end))
}

fn internal_at(packed: &Packed, place: usize) -> Option<(Rule, usize, usize)> {
    INTERNAL.iter().find_map(|(heads, tails)| {
        let head = heads.iter().find(|head| packed.goes_on(place, head))?;
        let behind = place + head.chars().count();
        let tail = tails.iter().find(|tail| packed.goes_on(behind, tail))?;
        Some((Rule::InternalMark, place, behind + tail.chars().count()))
    })
}

fn only_for_at(packed: &Packed, place: usize) -> Option<(Rule, usize, usize)> {
    let begin = place + 2;
    packed.goes_on(place, "仅供").then_some(())?;
    let ends = |at: &usize| packed.goes_on(*at, "参阅");
    let in_one_sentence =
        |at: &usize| !packed.chars.get(begin..*at).unwrap_or_default().iter().any(|c| "。!?;".contains(*c));
    let at = (begin..=begin + BETWEEN).find(ends).filter(in_one_sentence)?;
    Some((Rule::InternalMark, place, at + 2))
}

/// 份号 with its number, as on the first page of internal documents.
fn copy_number_at(packed: &Packed, place: usize) -> Option<(Rule, usize, usize)> {
    packed.goes_on(place, "份号").then_some(())?;
    let number = place + 2 + usize::from(packed.chars.get(place + 2) == Some(&':'));
    let digits =
        packed.chars.get(number..).unwrap_or_default().iter().take_while(|c| c.is_ascii_digit()).count();
    (digits > 0).then_some((Rule::InternalMark, place, number + digits))
}

fn finding(
    source: &Source,
    packed: &Packed,
    part: Part,
    rule: Rule,
    place: std::ops::Range<usize>,
) -> Finding {
    let written = source.written_span(&packed.span(place.start, place.end));
    let text = source.words(&written);
    let (severity, message) = match rule {
        Rule::SecretMark => (Severity::Block, format!("“{text}”是国家秘密标志，涉密内容不得发布")),
        Rule::SecretWord => (Severity::Warn, format!("“{text}”：文中自称密件，请确认不涉密")),
        _ => (Severity::Block, format!("“{text}”是内部标识，内部材料不得发布")),
    };
    let (start, end) = (written.start, written.end);
    Finding { rule, severity, part, start, end, text, message, suggestion: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<String> {
        let mut found = Vec::new();
        check(&Source::of(text), Part::Text, &mut found);
        found.iter().map(|f| format!("{}:{} {}", f.severity.as_str(), f.rule.as_str(), f.text)).collect()
    }

    #[test]
    fn c36_a_mark_is_found_in_any_dress() {
        assert_eq!(found("机密★1年"), ["block:secret_mark 机密★"]);
        assert_eq!(found("绝 密　＊长期"), ["block:secret_mark 绝 密　＊"]);
        assert_eq!(found("秘\u{200b}密☆启用前"), ["block:secret_mark 秘\u{200b}密☆"]);
        assert_eq!(found("份号：000012"), ["block:internal_mark 份号：000012"]);
        assert_eq!(found("仅供各单位负责同志参阅"), ["block:internal_mark 仅供各单位负责同志参阅"]);
        assert_eq!(
            found("内部资料，注意保存，不得\n外传"),
            [
                "block:internal_mark 内部资料",
                "block:internal_mark 注意保存",
                "block:internal_mark 不得\n外传"
            ]
        );
        assert_eq!(found("属工作秘密"), ["block:internal_mark 工作秘密"]);
    }

    #[test]
    fn a_text_that_calls_itself_secret_is_warned_of_and_one_about_secrets_passes() {
        assert_eq!(found("此件为机密文件"), ["warn:secret_word 机密文件"]);
        assert_eq!(found("绝密级材料"), ["warn:secret_word 绝密级材料"]);
        assert_eq!(found("本件属秘密"), ["warn:secret_word 秘密"]);
        for passes in [
            "国家秘密的密级分为绝密、机密、秘密三级",
            "国家秘密文件的管理",
            "揭开湿地公园的秘密",
            "保护商业秘密",
            "可对外公开，请转发周知",
            "仅供参考。请勿错过参阅室开放日",
        ] {
            assert_eq!(found(passes), Vec::<String>::new(), "{passes}");
        }
    }
}

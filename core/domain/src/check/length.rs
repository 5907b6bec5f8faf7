//! Too long (§5, R-14, R-15): by the district's rule, and by what the platform takes.

use super::finding::{Finding, Part, Rule, Severity};
use crate::count::{Allowance, Counter, Excess, Field, Text};

pub(super) fn check(counter: Counter, text: &Text<'_>, found: &mut Vec<Finding>) {
    let district = counter.over_district(text);
    let platform = counter.over_platform(text, &Allowance::default());
    // A text that is too long for the district need not hear that it is too long for the platform, too.
    let is_news =
        |excess: &Excess| district.is_none() || excess.field.is_some_and(|(field, _)| field != Field::Text);
    let excesses = district.into_iter().chain(platform.into_iter().filter(is_news));
    found.extend(excesses.filter_map(|excess| finding(counter, text, excess)));
}

fn finding(counter: Counter, text: &Text<'_>, excess: Excess) -> Option<Finding> {
    let (rule, part, written) = match (counter, excess.field.map(|(field, _)| field)) {
        (Counter::Weibo, None) => (Rule::WeiboOverLimit, Part::Text, text.body),
        (Counter::Wechat, None) => (Rule::WechatOverLimit, Part::Text, text.body),
        (Counter::Weibo, Some(Field::Text)) => (Rule::WeiboTextLimit, Part::Text, text.body),
        (Counter::Wechat, Some(Field::Title)) => (Rule::WechatTitleLimit, Part::Title, text.title),
        (Counter::Wechat, Some(Field::Text)) => (Rule::WechatTextLimit, Part::Text, text.body),
        (Counter::Wechat, Some(Field::Author)) => (Rule::WechatAuthorLimit, Part::Text, ""),
        (Counter::Wechat, Some(Field::Digest)) => (Rule::WechatDigestLimit, Part::Text, ""),
        (Counter::Weibo, Some(_)) => return None,
    };
    let (count, limit, over) = (excess.length.count, excess.length.limit, excess.over());
    let message = format!("{}：{count}，最多 {limit}，超出 {over}，请删减", rule.chinese());
    let end = written.chars().count();
    let (severity, text) = (Severity::Block, format!("{count}/{limit}"));
    Some(Finding { rule, severity, part, start: 0, end, text, message, suggestion: None })
}

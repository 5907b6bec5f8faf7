//! E-mail addresses.

use super::{Hit, Rule, Severity};
use crate::check::text::Source;

/// An address around this `@`.
pub(super) fn at(source: &Source, place: usize) -> Option<Hit> {
    let is_local = |c: &&char| c.is_ascii_alphanumeric() || "._%+-".contains(**c);
    let before = source.chars.get(..place)?.iter().rev().take_while(is_local).count();
    let is_host = |c: &&char| c.is_ascii_alphanumeric() || ".-".contains(**c);
    let after: String = source.chars.get(place + 1..)?.iter().take_while(is_host).collect();
    // A full stop of the sentence is no part of it.
    let host = after.trim_end_matches(['.', '-']);
    let (name, domain) = host.rsplit_once('.')?;
    let is_domain = domain.len() >= 2 && domain.bytes().all(|b| b.is_ascii_alphabetic());
    if before == 0 || name.is_empty() || !is_domain {
        return None;
    }
    let span = place - before..place + 1 + host.len();
    let message = "电子邮箱，请确认为对外公布的邮箱";
    Some(Hit { rule: Rule::Email, severity: Severity::Warn, span, message })
}

#[cfg(test)]
mod tests {
    use super::super::tests::found;

    #[test]
    fn c33_an_address_is_found_and_a_mention_is_none() {
        assert_eq!(found("联系邮箱zhangsan@example.com"), ["warn email zhangsan@example.com"]);
        assert_eq!(found("写信到a.b-c@x.gov.cn."), ["warn email a.b-c@x.gov.cn"]);
        for text in ["@示范区发布", "a@b", "转发@x.cn", "甲@乙.cn", "a@.cn", "a@b.c1"] {
            assert_eq!(found(text), Vec::<String>::new(), "{text}");
        }
    }
}

//! What Weibo does to a text: short addresses, its weighted length, names and topics in it.

use sha2::{Digest, Sha256};

/// 140 Chinese characters.
pub(crate) const MOST_UNITS: usize = 280;

/// An ASCII character counts 1, others 2, those beyond the first plane (emoji) 4; blanks and zero-width spaces at the ends
/// do not count. `text` is what is shown, with short addresses.
pub(crate) fn units(text: &str) -> usize {
    let weight = |one: char| match u32::from(one) {
        0..=0x7f => 1,
        0x80..=0xffff => 2,
        _ => 4,
    };
    trimmed(text).chars().map(weight).sum()
}

pub(crate) fn trimmed(text: &str) -> &str {
    text.trim_matches(|one: char| one.is_whitespace() || one == '\u{200b}')
}

/// The web addresses in a text, as byte ranges. An address needs its scheme, and ends where ASCII that may stand in one ends.
pub(crate) fn addresses(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(start) = next_scheme(rest) {
        let from = rest.get(start..).unwrap_or_default();
        let length = from.bytes().take_while(|byte| may_stand_in_address(*byte)).count();
        // Scheme and slashes alone are no address.
        let (address, behind) = from.split_at(length);
        if host_of(address).is_some() {
            found.push(address);
        }
        rest = behind;
    }
    found
}

fn next_scheme(text: &str) -> Option<usize> {
    [text.find("http://"), text.find("https://")].into_iter().flatten().min()
}

fn may_stand_in_address(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'()*+,;=%".contains(&byte)
}

/// The host, without user and port.
pub(crate) fn host_of(address: &str) -> Option<&str> {
    let (_, behind) = address.split_once("://")?;
    let authority = behind.split(['/', '?', '#']).next()?;
    let host = authority.rsplit('@').next()?.split(':').next()?;
    Some(host).filter(|host| !host.is_empty())
}

/// The text with every address as `http://t.cn/` and 8 characters, and what each stands for.
pub(crate) fn shortened(text: &str) -> (String, Vec<(String, String)>) {
    let (mut shown, mut links) = (String::with_capacity(text.len()), Vec::new());
    let mut rest = text;
    for address in addresses(text) {
        let Some((before, behind)) = rest.split_once(address) else { continue };
        let short = short_address(address);
        shown.push_str(before);
        shown.push_str(&short);
        links.push((short, address.to_owned()));
        rest = behind;
    }
    shown.push_str(rest);
    (shown, links)
}

/// The same for the same address; one that is short already stays.
pub(crate) fn short_address(address: &str) -> String {
    if host_of(address) == Some("t.cn") {
        return address.to_owned();
    }
    let hash = Sha256::digest(address.as_bytes());
    let code: String = hash.iter().take(6).map(|byte| base62_digit(u64::from(*byte) % 62)).collect();
    format!("http://t.cn/A6{code}")
}

/// Without `#topics#`, which `statuses/share` filters out. An odd sign stays, and so does one in an address.
pub(crate) fn without_topics(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once('#') {
        match behind.split_once('#') {
            Some((topic, after)) if !topic.is_empty() && !topic.contains("://") && !in_address(before) => {
                kept.push_str(before);
                rest = after;
            }
            _ => {
                kept.push_str(before);
                kept.push('#');
                rest = behind;
            }
        }
    }
    kept.push_str(rest);
    kept
}

fn in_address(before: &str) -> bool {
    addresses(before).last().is_some_and(|address| before.ends_with(address))
}

/// The names behind `@`, each once.
pub(crate) fn mentioned(text: &str) -> Vec<&str> {
    let is_name = |one: char| one.is_alphanumeric() || one == '_' || one == '-';
    let mut names: Vec<&str> = Vec::new();
    for behind in text.split('@').skip(1) {
        let end = behind.find(|one| !is_name(one)).unwrap_or(behind.len());
        let name = behind.get(..end).unwrap_or_default();
        if !name.is_empty() && !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// The digits of a post in the form that stands in its address: groups of seven from the right, each in four of `0-9a-zA-Z`.
pub(crate) fn base62_of(mid: u64) -> String {
    let (mut left, mut groups) = (mid, Vec::new());
    loop {
        let (group, before) = (left % 10_000_000, left / 10_000_000);
        groups.push(base62_group(group, before > 0));
        if before == 0 {
            break;
        }
        left = before;
    }
    groups.iter().rev().map(String::as_str).collect()
}

/// The other way round.
pub(crate) fn mid_from_base62(text: &str) -> Option<u64> {
    if text.is_empty() || text.len() > 12 || !text.is_ascii() {
        return None;
    }
    let first = text.len() % 4;
    let (head, tail) = text.split_at(first);
    let mut mid = if head.is_empty() { 0 } else { base62_value(head)? };
    for group in tail.as_bytes().chunks(4) {
        let value = base62_value(std::str::from_utf8(group).ok()?)?;
        mid = mid.checked_mul(10_000_000)?.checked_add(value)?;
    }
    Some(mid)
}

fn base62_group(mut value: u64, padded: bool) -> String {
    let mut digits = Vec::new();
    while value > 0 || digits.is_empty() {
        digits.push(base62_digit(value % 62));
        value /= 62;
    }
    while padded && digits.len() < 4 {
        digits.push('0');
    }
    digits.iter().rev().collect()
}

const BASE62: &[u8; 62] = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

pub(crate) fn base62_digit(value: u64) -> char {
    usize::try_from(value).ok().and_then(|at| BASE62.get(at)).map_or('0', |byte| char::from(*byte))
}

fn base62_value(text: &str) -> Option<u64> {
    text.bytes().try_fold(0_u64, |value, byte| {
        let digit = BASE62.iter().position(|known| *known == byte)?;
        value.checked_mul(62)?.checked_add(u64::try_from(digit).ok()?)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_weighted_length_is_that_of_recorded_posts() {
        let notice = "【停水通知】因管道维修，4月24日9时至17时示例街道部分区域停水，请提前储水。详情 http://t.cn/A6cExAmp \u{200b}";
        assert_eq!(units(notice), 99);
        assert_eq!(units("http://t.cn/RXfIElf"), 19);
        assert_eq!(units("转发微博"), 8);
        assert_eq!(units(" 水😀 "), 6);
    }

    #[test]
    fn addresses_are_shortened_to_twenty_units_and_chinese_ends_them() {
        let (shown, links) = shortened("看 https://gov.example.cn/a?b=1#c，还有http://x.cn 完");
        assert_eq!(links[0].1, "https://gov.example.cn/a?b=1#c");
        assert_eq!(links[1].1, "http://x.cn");
        assert_eq!(shown, format!("看 {}，还有{} 完", links[0].0, links[1].0));
        assert_eq!(units(&links[0].0), 20);
        assert_eq!(shortened("http:// http://t.cn/RXfIElf").0, "http:// http://t.cn/RXfIElf");
    }

    #[test]
    fn hosts_are_compared_without_user_and_port() {
        assert_eq!(host_of("https://a@gov.example.cn:8443/x"), Some("gov.example.cn"));
        assert_eq!(host_of("https:///x"), None);
    }

    #[test]
    fn topics_go_and_single_signs_and_fragments_stay() {
        assert_eq!(without_topics("#停水# 通知 #1 号"), " 通知 #1 号");
        assert_eq!(without_topics("见 http://a.cn/x#y 和#z"), "见 http://a.cn/x#y 和#z");
    }

    #[test]
    fn names_behind_the_sign_are_found() {
        assert_eq!(mentioned("@示例区发布 路口的灯@a_b:坏了@示例区发布"), ["示例区发布", "a_b"]);
    }

    #[test]
    fn the_form_in_addresses_is_weibos() {
        assert_eq!(base62_of(4_409_230_629_430_129), "I3S86DzcR");
        assert_eq!(mid_from_base62("I3S86DzcR"), Some(4_409_230_629_430_129));
        assert_eq!(mid_from_base62(&base62_of(1_790_000_000_000_001)), Some(1_790_000_000_000_001));
        assert_eq!(mid_from_base62("I3S8?"), None);
    }
}

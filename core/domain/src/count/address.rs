//! Web addresses in a running text, as Weibo's editor finds them.

use std::iter;
use std::ops::Range;

/// Where an address lies in the text, and which part of it is the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Address {
    pub(super) whole: Range<usize>,
    pub(super) host: Range<usize>,
}

/// Every address, from left to right. One begins with `http://` or `https://` in any case, wherever that stands; its host
/// has at least two labels of ASCII letters, digits and hyphens; a port, path or query goes on until a character that
/// cannot be in one, such as any Chinese one.
pub(super) fn addresses(text: &str) -> impl Iterator<Item = Address> + '_ {
    let mut from = 0;
    iter::from_fn(move || {
        let found = (from..text.len()).find_map(|start| address_at(text, start))?;
        from = found.whole.end;
        Some(found)
    })
}

/// An address that begins exactly here.
fn address_at(text: &str, start: usize) -> Option<Address> {
    let rest = text.as_bytes().get(start..)?;
    let scheme = ["http://", "https://"].into_iter().find(|scheme| {
        rest.get(..scheme.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(scheme.as_bytes()))
    })?;
    let host = start + scheme.len();
    let host = host..host + host_length(text.as_bytes().get(host..)?)?;
    let tail = run(text.as_bytes().get(host.end..)?, is_of_tail);
    Some(Address { whole: start..host.end + tail, host })
}

/// Length of the labels with which the bytes begin; None with fewer than two. A dot that no label follows is not of them.
fn host_length(bytes: &[u8]) -> Option<usize> {
    let first = run(bytes, is_of_label);
    if first == 0 {
        return None;
    }
    let mut length = first;
    while let Some(b'.') = bytes.get(length) {
        match run(bytes.get(length + 1..).unwrap_or_default(), is_of_label) {
            0 => break,
            label => length += 1 + label,
        }
    }
    (length > first).then_some(length)
}

fn run(bytes: &[u8], belongs: fn(u8) -> bool) -> usize {
    bytes.iter().take_while(|byte| belongs(**byte)).count()
}

fn is_of_label(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-'
}

fn is_of_tail(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-_$.+!*()/,:;@&=?~#%".contains(&byte)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use regex::Regex;

    use super::*;

    fn found(text: &str) -> Vec<(&str, &str)> {
        addresses(text).map(|address| (&text[address.whole], &text[address.host])).collect()
    }

    #[test]
    fn an_address_ends_where_chinese_begins() {
        assert_eq!(found("详见http://a.gov.cn，谢谢"), [("http://a.gov.cn", "a.gov.cn")]);
        assert_eq!(
            found("HTTPS://My-Site.gov.cn:8080/x?y=1#z。http://t.cn/A"),
            [("HTTPS://My-Site.gov.cn:8080/x?y=1#z", "My-Site.gov.cn"), ("http://t.cn/A", "t.cn")]
        );
        assert_eq!(found("xhttp://a.b..c"), [("http://a.b..c", "a.b")]);
        assert_eq!(found("hhttp://a.cnhttp://b.cn"), [("http://a.cnhttp://b.cn", "a.cnhttp")]);
        for none in [
            "ftp://a.gov.cn",
            "http://localhost/x",
            "http://my_site.gov.cn",
            "http://区.cn",
            "http://",
            "a.cn",
        ] {
            assert_eq!(found(none), [], "{none}");
        }
    }

    proptest! {
        /// The grammar as it is written in the rules, read by another engine.
        #[test]
        fn the_same_addresses_as_the_written_grammar(
            text in "(https?|HTTP|ftp|:|:/|://|http://|t\\.cn|\\.|[a-c0-9A-Z-]|[/?=_,#%~ ]|汉|。|\n){0,40}"
        ) {
            let grammar = Regex::new(
                r"(?i-u)https?://([A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+)(?::\d{1,5})?[-A-Za-z0-9_$.+!*()/,:;@&=?~#%]*",
            ).unwrap();
            let expected: Vec<(&str, &str)> = grammar
                .captures_iter(&text)
                .map(|captures| (captures.get(0).unwrap().as_str(), captures.get(1).unwrap().as_str()))
                .collect();
            prop_assert_eq!(found(&text), expected);
        }
    }
}

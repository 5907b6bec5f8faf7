//! What a post becomes on Weibo, how long that is, and when two texts are the same post.

use juzhen_sdk::prelude::Post;

/// 140 Chinese characters (20012 above that).
pub(crate) const MOST_UNITS: usize = 280;
/// `http://t.cn/` and eight characters, whatever the address was.
const SHORT_ADDRESS: usize = 20;

/// Title, text and link as one: the title in 【】 unless it brings them, the link after a blank unless the text has it.
pub(crate) fn compose(post: &Post) -> String {
    let title = post.title.as_deref().unwrap_or_default().trim();
    let mut text = match title {
        "" => String::new(),
        marked if marked.starts_with('【') && marked.ends_with('】') => marked.to_owned(),
        plain => format!("【{plain}】"),
    };
    text.push_str(&post.text);
    if let Some(link) = post.link.as_deref().filter(|link| !link.is_empty() && !post.text.contains(link)) {
        text.push(' ');
        text.push_str(link);
    }
    text
}

/// As Weibo counts: ASCII 1, others 2, those beyond the first plane 4, an address 20; blanks at the ends nothing.
pub(crate) fn units(text: &str) -> usize {
    let weight = |one: char| match u32::from(one) {
        0..=0x7f => 1,
        0x80..=0xffff => 2,
        _ => 4,
    };
    let plain = |part: &str| part.chars().filter(|one| *one != '\u{200b}').map(weight).sum::<usize>();
    let trimmed = text.trim_matches(|one: char| one.is_whitespace() || one == '\u{200b}');
    parts(trimmed).iter().map(|part| if part.address { SHORT_ADDRESS } else { plain(part.text) }).sum()
}

/// Whether the text has an address of exactly this host, in any case.
pub(crate) fn names_host(text: &str, host: &str) -> bool {
    parts(text).iter().filter(|part| part.address).any(|part| {
        let behind = part.text.split_once("://").map_or("", |(_, behind)| behind);
        let named = behind.split(['/', '?', '#']).next().and_then(|name| name.split(':').next());
        named.is_some_and(|named| named.eq_ignore_ascii_case(host))
    })
}

/// Whether there is a `#topic#`, which `statuses/share` takes out without a word.
pub(crate) fn has_topic(text: &str) -> bool {
    let plain: String = parts(text).iter().filter(|part| !part.address).map(|part| part.text).collect();
    let mut between = plain.split('#').skip(1);
    let first = between.by_ref().any(|topic| !topic.is_empty());
    first && plain.matches('#').count() > 1
}

/// In the form in which two are compared: Weibo shortens addresses, joins blanks and adds a zero-width one.
pub(crate) fn normal(text: &str) -> String {
    let joined: String =
        parts(text).iter().map(|part| if part.address { " http:// " } else { part.text }).collect();
    let seen = joined.replace('\u{200b}', " ");
    seen.split_whitespace().collect::<Vec<_>>().join(" ")
}

struct Part<'t> {
    text: &'t str,
    address: bool,
}

/// The text in its addresses and what is between them. An address has its scheme, and ends with the ASCII that may stand in one.
fn parts(text: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some(start) = ["http://", "https://"].iter().filter_map(|scheme| rest.find(scheme)).min() {
        let (before, from) = rest.split_at(start);
        let length = from.bytes().take_while(|byte| in_address(*byte)).count();
        let (whole, behind) = from.split_at(length);
        parts.push(Part { text: before, address: false });
        parts.push(Part { text: whole, address: true });
        rest = behind;
    }
    parts.push(Part { text: rest, address: false });
    parts
}

fn in_address(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'()*+,;=%".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_and_a_link_are_part_of_the_text() {
        let post = |title: &str, text: &str, link: &str| Post {
            title: Some(title.into()),
            text: text.into(),
            link: Some(link.into()),
            ..Post::default()
        };
        assert_eq!(
            compose(&post("停水", "今日停水。", "https://a.cn/1")),
            "【停水】今日停水。 https://a.cn/1"
        );
        assert_eq!(
            compose(&post("【停水】", "见 https://a.cn/1", "https://a.cn/1")),
            "【停水】见 https://a.cn/1"
        );
        assert_eq!(compose(&Post { text: "好".into(), ..Post::default() }), "好");
    }

    #[test]
    fn lengths_are_weibos_own() {
        let cases = [
            ("", 0),
            ("a", 1),
            ("汉", 2),
            (" 汉\u{200b} ", 2),
            ("😀", 4),
            ("看https://www.example.gov.cn/a/b/c?id=1详情", 26),
            ("一 https://a.cn", 23),
        ];
        for (text, expected) in cases {
            assert_eq!(units(text), expected, "{text}");
        }
        assert_eq!(units(&"汉".repeat(140)), MOST_UNITS);
    }

    #[test]
    fn the_safe_domain_has_to_be_the_host_itself() {
        assert!(names_host("见https://Gov.example.cn/a。", "gov.example.cn"));
        assert!(names_host("http://gov.example.cn:80?x", "gov.example.cn"));
        for not in ["https://www.gov.example.cn/", "https://gov.example.cn.evil.com", "gov.example.cn", ""] {
            assert!(!names_host(not, "gov.example.cn"), "{not}");
        }
    }

    #[test]
    fn topics_are_seen_and_addresses_are_none() {
        assert!(has_topic("今日#停水#通知"));
        for not in ["第#3号", "https://a.cn/#x 和 https://a.cn/#y", "##", ""] {
            assert!(!has_topic(not), "{not}");
        }
    }

    #[test]
    fn a_text_is_the_same_whatever_weibo_did_to_it() {
        assert_eq!(
            normal("详情https://a.cn/long?a=1 \n谢谢"),
            normal("详情http://t.cn/A6cExAmp 谢谢 \u{200b}")
        );
        assert_ne!(normal("今日停水"), normal("今日停电"));
    }
}

//! Short texts of people: reasons and addresses, as they may stand on a page, in the audit and in a log.

use axum::http::Uri;

use crate::problem::{Code, Problem};

const MOST_CHARACTERS: usize = 1000;
const MOST_ADDRESS: usize = 2048;

/// A text that somebody gave, or none when it says nothing. `field` is its place in the body.
pub(crate) fn tidy(text: Option<String>, field: &str) -> Result<Option<String>, Problem> {
    let Some(text) = text.map(|t| t.trim().to_owned()).filter(|t| !t.is_empty()) else { return Ok(None) };
    let refuse = |detail: String| Err(Problem::because(Code::InvalidContent, detail).at(field));
    if text.chars().count() > MOST_CHARACTERS {
        return refuse(format!("more than {MOST_CHARACTERS} characters"));
    }
    match text.chars().find(|c| is_hidden(*c)) {
        Some(found) => refuse(format!("holds U+{:04X}, which cannot be seen", u32::from(found))),
        None => Ok(Some(text)),
    }
}

/// An address that a browser opens as a page and nothing else (A32).
pub(crate) fn address(text: &str, field: &str) -> Result<(), Problem> {
    if is_address(text) {
        return Ok(());
    }
    let detail = "it has to be an http:// or https:// address of ASCII characters, without a user name";
    Err(Problem::because(Code::NotAnAddress, detail).at(field))
}

fn is_address(text: &str) -> bool {
    let plain = text.len() <= MOST_ADDRESS && text.bytes().all(|b| b.is_ascii_graphic() && b != b'\\');
    let Ok(uri) = text.parse::<Uri>() else { return false };
    let web = matches!(uri.scheme_str(), Some("http" | "https"));
    let host = uri.authority().is_some_and(|a| !a.as_str().contains('@') && !a.host().is_empty());
    plain && web && host
}

/// Control characters (but line feeds and tabs) and those that reorder what is read.
fn is_hidden(c: char) -> bool {
    (c.is_control() && !matches!(c, '\n' | '\t' | '\r'))
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a13_what_cannot_be_seen_is_no_reason() {
        assert_eq!(tidy(Some(" 数字有误 ".into()), "reason").unwrap().as_deref(), Some("数字有误"));
        assert_eq!(tidy(Some(" \n".into()), "reason").unwrap(), None);
        for bad in ["a\0", "a\u{1b}[31m", "a\u{202e}b", "\u{200b}", &"字".repeat(1001)] {
            assert!(tidy(Some(bad.into()), "reason").is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a32_only_an_address_of_a_page_is_one() {
        for good in ["https://weibo.com/1/N1", "http://127.0.0.1:8080/p/1?x=%E5%8C%BA#a"] {
            assert!(is_address(good), "{good}");
        }
        for bad in [
            "javascript:alert(1)",
            "data:text/html,x",
            "file:///etc/passwd",
            "http://good.cn\\@127.0.0.1",
            "http://a@b.cn/",
            "https:///x",
            "//weibo.com/1",
            "weibo.com/1",
            "https://区.cn/",
            "https://a b/",
            "",
        ] {
            assert!(!is_address(bad), "{bad}");
        }
    }
}

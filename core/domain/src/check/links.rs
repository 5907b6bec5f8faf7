//! Web addresses (§4.8): which kinds are never allowed, which lead to a known site, and which nobody can tell. Nothing is
//! looked up.

use super::finding::{Finding, Part, Rule, Severity};
use super::text::{Source, Span};

/// Sites that an address may lead to: `*.gov.cn` is the name and everything below it, `weibo.com` that name alone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Whitelist(Vec<String>);

impl Whitelist {
    /// Names in any case.
    pub fn new(patterns: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        Self(patterns.into_iter().map(|pattern| pattern.as_ref().to_lowercase()).collect())
    }

    pub fn allows(&self, host: &str) -> bool {
        let host = host.trim_end_matches('.');
        self.0.iter().any(|pattern| match pattern.strip_prefix("*.") {
            Some(site) => host == site || host.strip_suffix(site).is_some_and(|rest| rest.ends_with('.')),
            None => host == pattern || host.strip_prefix("www.") == Some(pattern),
        })
    }
}

/// Addresses that hide another one.
const SHORT: &[&str] = &[
    "t.cn",
    "url.cn",
    "dwz.cn",
    "suo.im",
    "suo.nz",
    "mrw.so",
    "985.so",
    "c7.gg",
    "tb.cn",
    "m.tb.cn",
    "3.cn",
    "u.jd.com",
    "bit.ly",
    "goo.gl",
    "t.co",
    "tinyurl.com",
    "is.gd",
    "w.url.cn",
    "sourl.cn",
    "rrd.me",
    "b23.tv",
    "v.douyin.com",
];
/// Words before a colon that run something, with or without `//`.
const SCRIPTS: &[&str] = &["javascript", "vbscript", "data", "file"];

/// Where addresses stand in the normalised text.
pub(super) fn spans(source: &Source) -> Vec<Span> {
    let mut found: Vec<Span> = Vec::new();
    let mut place = 0;
    while place < source.chars.len() {
        match link_at(source, place) {
            Some(span) if found.last().is_none_or(|last| last.end <= span.start) => {
                place = span.end;
                found.push(span);
            }
            _ => place += 1,
        }
    }
    found
}

pub(super) fn check(
    source: &Source,
    part: Part,
    links: &[Span],
    allowed: &Whitelist,
    found: &mut Vec<Finding>,
) {
    for span in links {
        let link: String = source.normal(span).iter().collect();
        let Some((rule, severity, why)) = judge(&link, allowed) else { continue };
        let written = source.written_span(span);
        let text = source.words(&written);
        let (start, end, message) = (written.start, written.end, format!("“{text}”：{why}"));
        found.push(Finding { rule, severity, part, start, end, text, message, suggestion: None });
    }
}

/// An address whose colon, or `www.`, is here.
fn link_at(source: &Source, place: usize) -> Option<Span> {
    let start = match source.at(place)? {
        ':' => {
            let is_scheme = |c: &&char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
            let length = source.chars.get(..place)?.iter().rev().take_while(is_scheme).count();
            let scheme: String = source.normal(&(place - length..place)).iter().collect();
            let runs = SCRIPTS.contains(&scheme.as_str())
                && source.at(place + 1).is_some_and(|c| c.is_ascii_graphic());
            if length == 0 || !(source.goes_on(place, "://") || runs) {
                return None;
            }
            place - length
        }
        'w' if source.goes_on(place, "www.") && !source.before(place).is_some_and(is_of_address) => place,
        _ => return None,
    };
    let authority = place + if source.goes_on(place, "://") { 3 } else { 1 };
    let rest = source.chars.get(authority..)?;
    let length = rest.iter().take_while(|c| is_of_address(**c)).count();
    // A mark of the sentence is no part of it.
    let marks = rest.get(..length)?.iter().rev().take_while(|c| ",.;:!?)'".contains(**c)).count();
    let end = authority + length - marks;
    (end > authority).then_some(start..end)
}

fn is_of_address(c: char) -> bool {
    c.is_ascii_graphic() && !matches!(c, '"' | '<' | '>' | '\\' | '^' | '`' | '{' | '|' | '}')
}

fn judge(link: &str, allowed: &Whitelist) -> Option<(Rule, Severity, &'static str)> {
    use Severity::{Block, Confirm, Warn};
    let (scheme, rest) = match link.split_once("://") {
        Some((scheme, rest)) => (scheme, rest),
        None if link.starts_with("www.") => ("https", link),
        None => return Some((Rule::LinkScheme, Block, "不允许这种链接")),
    };
    if scheme != "https" && scheme != "http" {
        return Some((Rule::LinkScheme, Block, "只允许 http 和 https 链接"));
    }
    let authority = rest.split(['/', '?', '#', '\\']).next().unwrap_or_default();
    let (userinfo, host) =
        authority.rsplit_once('@').map_or((None, authority), |(user, host)| (Some(user), host));
    if userinfo.is_some() {
        return Some((Rule::LinkUserinfo, Block, "链接中含用户名，真实去向与显示的不同"));
    }
    let name = without_port(host);
    if is_ip(name) {
        return Some((Rule::LinkIpHost, Block, "不得用 IP 地址作链接"));
    }
    if name.split('.').any(|label| label.starts_with("xn--")) || !name.is_ascii() || name.is_empty() {
        return Some((Rule::LinkPunycode, Block, "不得用非英文域名作链接"));
    }
    if SHORT.contains(&name) {
        return Some((Rule::LinkShort, Warn, "短链接看不到去向，请改用完整网址"));
    }
    let unlisted = (Rule::LinkUnlisted, Confirm, "不在允许的网站之列，请确认来源可靠、不是商业推广");
    (!allowed.allows(name)).then_some(unlisted)
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    }
}

/// Also as one number or in hexadecimal, as browsers take them.
fn is_ip(name: &str) -> bool {
    let last = name.trim_end_matches('.').rsplit('.').next().unwrap_or_default();
    let is_hex = last.strip_prefix("0x").is_some_and(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()));
    name.starts_with('[') || is_hex || (!last.is_empty() && last.bytes().all(|b| b.is_ascii_digit()))
}

/// The `link` of a variant, which is an address and nothing else.
pub(super) fn check_field(link: &str, allowed: &Whitelist, found: &mut Vec<Finding>) {
    let source = Source::of(link.trim());
    if source.chars.is_empty() {
        return;
    }
    let whole = 0..source.chars.len();
    check(&source, Part::Link, std::slice::from_ref(&whole), allowed, found);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<String> {
        let allowed = Whitelist::new(["*.gov.cn", "weibo.com", "mp.weixin.qq.com"]);
        let (source, mut found) = (Source::of(text), Vec::new());
        check(&source, Part::Text, &spans(&source), &allowed, &mut found);
        found.iter().map(|f| format!("{} {} {}", f.severity.as_str(), f.rule.as_str(), f.text)).collect()
    }

    #[test]
    fn c34_addresses_that_are_never_allowed() {
        for (text, finding) in [
            ("点javascript:alert(1)", "block link_scheme javascript:alert(1"),
            ("见ftp://a.gov.cn/x", "block link_scheme ftp://a.gov.cn/x"),
            ("http://192.168.0.1/a", "block link_ip_host http://192.168.0.1/a"),
            ("http://[::1]:80/a", "block link_ip_host http://[::1]:80/a"),
            ("http://3232235521/", "block link_ip_host http://3232235521/"),
            ("http://0x7f.0x1/", "block link_ip_host http://0x7f.0x1/"),
            ("https://xn--fiqs8s.cn", "block link_punycode https://xn--fiqs8s.cn"),
            ("https://www.gov.cn@evil.com/a", "block link_userinfo https://www.gov.cn@evil.com/a"),
        ] {
            assert_eq!(found(text), [finding], "{text}");
        }
    }

    #[test]
    fn a_known_site_passes_and_another_one_has_to_be_confirmed() {
        for fine in [
            "详见https://www.x.gov.cn/a?b=1，谢谢",
            "HTTP://GOV.CN",
            "https://weibo.com/u/1",
            "ｗｗｗ．a.gov.cn",
        ] {
            assert_eq!(found(fine), Vec::<String>::new(), "{fine}");
        }
        assert_eq!(
            found("见https://a.gov.cn.evil.com。"),
            ["confirm link_unlisted https://a.gov.cn.evil.com"]
        );
        assert_eq!(found("见www.example.com,谢谢"), ["confirm link_unlisted www.example.com"]);
        assert_eq!(found("https://m.weibo.com/"), ["confirm link_unlisted https://m.weibo.com/"]);
        assert_eq!(found("http://t.cn/A6abc详情"), ["warn link_short http://t.cn/A6abc"]);
        assert_eq!(found("时间：8:30，比分3:2，文件:data"), Vec::<String>::new());
    }

    #[test]
    fn the_link_of_a_text_is_an_address_as_a_whole() {
        let of = |link: &str| {
            let mut found = Vec::new();
            check_field(link, &Whitelist::new(["*.gov.cn"]), &mut found);
            found.iter().map(|f| (f.rule, f.part)).collect::<Vec<_>>()
        };
        assert_eq!(of("https://a.gov.cn/x"), []);
        assert_eq!(of(""), []);
        assert_eq!(of("javascript:alert(1)"), [(Rule::LinkScheme, Part::Link)]);
        assert_eq!(of("http://区政府.cn"), [(Rule::LinkPunycode, Part::Link)]);
    }
}

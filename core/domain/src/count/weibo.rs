//! Weibo: one text that holds title and link, where a half-width character is half a character and an address has a fixed
//! price.

use super::address::{Address, addresses};
use super::{Field, FieldLength, Length, Text, Unit, half_widths, tidy};

/// What an address costs after the platform has made a short one of it, `http://t.cn/` and seven or eight characters.
const SHORT_ADDRESS: usize = 20;

/// From here on an address is counted by its length again.
const LONG_ADDRESS: usize = 140;

/// Up to this length an address of the platform itself stays as it is.
const OWN_ADDRESS: usize = 41;

/// Hosts of the platform itself, compared whole.
const OWN_HOSTS: &[&str] = &["weibo.com", "weibo.cn", "t.sina.com.cn", "t.sina.cn"];

/// Its short addresses, which are not made shorter.
const SHORT_HOST: &str = "t.cn";

/// A blank without width, which the platform hangs on itself and does not count.
const ZERO_WIDTH: char = '\u{200b}';

/// 280 half-width units (20012 above that).
const MOST_HALF_WIDTHS: usize = 280;

/// The post as one text: the title in 【】 unless it brings them itself, the text, and the link after a blank unless the
/// text holds it.
pub(super) fn compose(text: &Text<'_>) -> String {
    let Text { title, body, link, .. } = *text;
    let mut post = match title.trim() {
        "" => String::new(),
        marked if marked.starts_with('【') && marked.ends_with('】') => marked.to_owned(),
        plain => format!("【{plain}】"),
    };
    post.push_str(body);
    if !link.is_empty() && !body.contains(link) {
        post.push(' ');
        post.push_str(link);
    }
    post
}

/// By the district's rule: half-width characters (up to U+00FF) are half a character, others one, those beyond the first
/// plane two; the sum is rounded up. Counted as Sina's own editor did, so that both sides see the same number.
pub(super) fn characters(post: &str) -> usize {
    weigh(&tidy(post), halves, |host, length| {
        if host.eq_ignore_ascii_case(SHORT_HOST) {
            return length;
        }
        let own = OWN_HOSTS.iter().any(|own| host.eq_ignore_ascii_case(own));
        match length {
            ..=OWN_ADDRESS if own => length,
            ..=LONG_ADDRESS => SHORT_ADDRESS,
            _ => length - LONG_ADDRESS + SHORT_ADDRESS,
        }
    })
    .div_ceil(2)
}

/// By the platform's own: everything but ASCII counts twice, and every address as a short one.
pub(super) fn fields(text: &Text<'_>) -> Vec<FieldLength> {
    let post = compose(text);
    let post = post.trim_matches(|c: char| c.is_whitespace() || c == ZERO_WIDTH);
    let seen = |part: &str| half_widths(&part.replace(ZERO_WIDTH, ""));
    let count = weigh(post, seen, |_, _| SHORT_ADDRESS);
    let length = Length { count, limit: MOST_HALF_WIDTHS };
    vec![FieldLength { field: Field::Text, unit: Unit::HalfWidths, length }]
}

/// The sum over a text: `units` of what is no address, `price` of each address by its host and its length.
fn weigh(text: &str, units: fn(&str) -> usize, price: fn(&str, usize) -> usize) -> usize {
    let part = |range| text.get(range).unwrap_or_default();
    let (mut sum, mut after) = (0, 0);
    for Address { whole, host } in addresses(text) {
        sum += units(part(after..whole.start)) + price(part(host), whole.len());
        after = whole.end;
    }
    sum + units(part(after..text.len()))
}

/// One for each UTF-16 unit up to U+00FF, two for others.
fn halves(text: &str) -> usize {
    text.encode_utf16().map(|unit| if unit <= 0xff { 1 } else { 2 }).sum()
}

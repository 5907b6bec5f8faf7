//! Length by the district's rule and by the platforms': cases as text, and what holds for every text.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use juzhen_domain::count::{Counter, Text, tidy};
use proptest::prelude::*;

/// Number of the case in the reference, title, text, Weibo, WeChat. `{x*3}` is `xxx`; escapes are Rust's.
const CASES: &str = include_str!("counting.txt");

fn count(counter: Counter, title: &str, body: &str) -> usize {
    counter.district(&Text { title, body, ..Text::default() }).count
}

fn weibo(body: &str) -> usize {
    count(Counter::Weibo, "", body)
}

/// The platform's own count of one field.
fn own(counter: Counter, text: &Text<'_>, field: &str) -> Option<(usize, bool)> {
    let fields = counter.fields(text);
    let found = fields.iter().find(|length| length.field.as_str() == field);
    found.map(|found| (found.length.count, found.length.is_ok()))
}

/// `{x*3}`, `\n`, `\r`, `\u{e9}` written out.
fn expand(cell: &str) -> String {
    let mut text = String::new();
    let mut rest = cell;
    while let Some(c) = rest.chars().next() {
        let taken = if let Some(escape) = rest.strip_prefix("\\u{") {
            let (code, _) = escape.split_once('}').unwrap();
            text.push(u32::from_str_radix(code, 16).ok().and_then(char::from_u32).unwrap());
            code.len() + 4
        } else if let Some(escape) = rest.strip_prefix('\\') {
            text.push(if escape.starts_with('n') { '\n' } else { '\r' });
            2
        } else if let Some((repeated, _)) =
            rest.strip_prefix('{').and_then(|repeated| repeated.split_once('}'))
        {
            let (what, times) = repeated.rsplit_once('*').unwrap();
            text.push_str(&what.repeat(times.parse().unwrap()));
            repeated.len() + 2
        } else {
            text.push(c);
            c.len_utf8()
        };
        rest = &rest[taken..];
    }
    text
}

#[test]
fn every_case_of_the_reference() {
    let mut cases = 0;
    for line in CASES.lines().filter(|line| !line.starts_with('#')) {
        let cells: Vec<&str> = line.split('|').collect();
        let [id, title, body, on_weibo, on_wechat] = cells[..] else { panic!("{line}") };
        let (title, body) = (expand(title), expand(body));
        let counted = Counter::ALL.map(|counter| count(counter, &title, &body).to_string());
        assert_eq!(counted, [on_weibo, on_wechat], "{id}: {line}");
        cases += 1;
    }
    assert_eq!(cases, 53);
}

#[test]
fn only_more_than_the_limit_is_too_long() {
    for (counter, most) in [(Counter::Weibo, 140), (Counter::Wechat, 680)] {
        for (length, ok) in [(most, true), (most + 1, false)] {
            let body = "汉".repeat(length);
            let counted = counter.district(&Text { body: &body, ..Text::default() });
            assert_eq!((counted.count, counted.limit, counted.is_ok()), (length, most, ok), "{counter}");
        }
    }
}

#[test]
fn a_title_of_blanks_is_none_and_one_in_brackets_gets_no_others() {
    assert_eq!(count(Counter::Weibo, " \u{3000}", "明天停水"), 4);
    assert_eq!(count(Counter::Weibo, " 【停水】\n", "明天"), 6);
    assert_eq!(count(Counter::Weibo, "【停水", "明天"), 7);
}

#[test]
fn the_link_is_counted_where_it_is_part_of_the_text() {
    let link = "https://www.example.gov.cn/notice/2026/06/01.html";
    let text = Text { title: "停水", body: "明天停水", link, ..Text::default() };
    assert_eq!(Counter::Weibo.compose(&text), format!("【停水】明天停水 {link}"));
    // 4 + 4 characters, half a blank, an address.
    assert_eq!(Counter::Weibo.district(&text).count, 19);
    assert_eq!(Counter::Wechat.district(&text).count, 6);
    let within = format!("详见{link}。");
    let text = Text { body: &within, link, ..Text::default() };
    assert_eq!(Counter::Weibo.compose(&text), within);
    assert_eq!(Counter::Weibo.district(&text).count, 13);
}

/// Lengths that Weibo itself has answered for posts of these forms.
#[test]
fn weibo_counts_its_own_way() {
    let of = |body: &str| own(Counter::Weibo, &Text { body, ..Text::default() }, "text");
    assert_eq!(of("http://t.cn/RXfIElf"), Some((20, true)));
    assert_eq!(of(" 停水http://www.example.gov.cn/a \u{200b}"), Some((24, true)));
    assert_eq!(of("http://a.cn\u{200b}abc"), Some((23, true)), "an address ends at what has no width");
    assert_eq!(of("\u{e9}"), Some((2, true)), "beyond ASCII is two, where the district says half");
    assert_eq!(of("😀"), Some((4, true)));
    assert_eq!(of(&"汉".repeat(140)), Some((280, true)));
    assert_eq!(of(&format!("{}a", "汉".repeat(140))), Some((281, false)));
    let (address, most) = (format!("https://a.cn/{}", "x".repeat(500)), "汉".repeat(130));
    assert_eq!(of(&format!("{most}{address}")), Some((280, true)));
}

#[test]
fn wechat_limits_each_field_in_its_own_unit() {
    let text = |characters: usize| "字".repeat(characters);
    let counted = |field: &str, value: &str| {
        let mut all = Text::default();
        match field {
            "title" => all.title = value,
            "author" => all.author = value,
            "digest" => all.digest = value,
            _ => all.body = value,
        }
        own(Counter::Wechat, &all, field)
    };
    for (field, most) in [("title", 32), ("author", 8), ("digest", 120), ("text", 20_000)] {
        assert_eq!(counted(field, &text(most)).map(|(_, ok)| ok), Some(true), "{field}");
        assert_eq!(counted(field, &text(most + 1)).map(|(_, ok)| ok), Some(false), "{field}");
    }
    assert_eq!(counted("author", "Office of D07.."), Some((15, true)));
    assert_eq!(counted("title", "👨\u{200d}👩"), Some((3, true)), "scalar values, not what one sees");
    assert_eq!(counted("title", ""), None);
    assert_eq!(counted("text", ""), Some((0, true)));
}

/// Characters without blanks, marks that join, and anything of which an address is made.
fn plain() -> impl Strategy<Value = String> {
    "[a-z0-9,!？。汉字标题℃Ａ😀]{0,60}"
}

proptest! {
    #[test]
    fn what_is_put_together_is_as_long_as_its_parts(one in plain(), other in plain()) {
        let both = format!("{one}{other}");
        // Each part rounds half a character up.
        prop_assert!(weibo(&both) <= weibo(&one) + weibo(&other));
        prop_assert!(weibo(&both) + 1 >= weibo(&one) + weibo(&other));
        let wechat = |body: &str| count(Counter::Wechat, "", body);
        prop_assert_eq!(wechat(&both), wechat(&one) + wechat(&other));
        prop_assert_eq!(count(Counter::Wechat, &one, &other), wechat(&both));
    }

    #[test]
    fn a_title_costs_itself_and_its_brackets(title in "[汉字a-z]{1,30}", body in plain()) {
        prop_assert_eq!(count(Counter::Weibo, &title, &body), weibo(&format!("汉汉{title}{body}")));
    }

    #[test]
    fn full_width_is_twice_half_width(half in "[!-~]{0,100}") {
        prop_assume!(!half.contains("://"));
        let full: String = half.chars().map(|c| char::from_u32(c as u32 + 0xfee0).unwrap()).collect();
        prop_assert_eq!(weibo(&full), half.len());
        prop_assert_eq!(weibo(&half), half.len().div_ceil(2));
    }

    #[test]
    fn an_address_has_one_price_whatever_it_says(
        before in "[汉字，。]{0,20}", after in "([，。汉][a-z汉字，。]{0,20})?",
        scheme in "https?|HTTPS?", host in "[a-z0-9-]{1,8}(\\.[a-z0-9-]{1,8}){2,3}", path in "(/[a-zA-Z0-9._%?=&#-]{0,90})?",
    ) {
        let with = format!("{before}{scheme}://{host}{path}{after}");
        prop_assume!(!["t.sina.com.cn", "t.sina.cn"].contains(&host.as_str()));
        prop_assert_eq!(weibo(&with), weibo(&format!("{before}http://x.example.cn{after}")));
    }

    #[test]
    fn what_is_not_seen_changes_nothing(text in "\\PC{0,60}", blanks in "[ \t\n\r\u{3000}\u{200b}\u{feff}]{0,5}") {
        let tidied = tidy(&text);
        prop_assert_eq!(&tidy(&tidied), &tidied);
        let dressed = format!("{blanks}{text}{blanks}");
        for counter in Counter::ALL {
            prop_assert_eq!(count(counter, "", &dressed), count(counter, "", &text));
            let lines = text.replace(' ', "\n");
            prop_assert_eq!(count(counter, "", &lines.replace('\n', "\r\n")), count(counter, "", &lines));
        }
    }

    #[test]
    fn no_text_is_too_strange_to_count(title in any::<String>(), body in any::<String>()) {
        for counter in Counter::ALL {
            let text = Text { title: &title, body: &body, link: &title, author: &body, digest: &title };
            let counted = counter.district(&text).count;
            prop_assert!(counted <= 2 * (title.chars().count() + body.chars().count() + title.len()) + 4);
            counter.fields(&text);
        }
    }
}

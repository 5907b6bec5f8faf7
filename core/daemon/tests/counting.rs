//! `juzhen count` as scripts use it: one document, exit codes, and texts that look like options.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod support;

use serde_json::{Value, json};
use support::district::{District, STATED};
use support::{Ran, run};

fn count(arguments: &[&str]) -> Ran {
    run(["count"].iter().chain(arguments).chain(&["--json"]))
}

#[test]
fn the_answer_is_one_document_and_the_exit_code_says_whether_it_fits() {
    let (longest, longer) = ("汉".repeat(136), "汉".repeat(137));
    for (platform, title, body, counted, limit, ok) in [
        ("weibo", "标题", longest.as_str(), 140, 140, true),
        ("weibo", "标题", &longer, 141, 140, false),
        ("wechat", "标题", &longer, 139, 680, true),
        ("weibo", "", "第一行\r\n第二行", 7, 140, true),
        ("wechat", "", "--all", 5, 680, true),
        ("weibo", "-1", "-", 4, 140, true),
    ] {
        let ran = count(&["--platform", platform, "--title", title, "--body", body]);
        let expected = json!({ "platform": platform, "count": counted, "limit": limit, "ok": ok });
        assert_eq!((ran.json(), ran.code), (expected, Some(i32::from(!ok))), "{title} {body}");
    }
    let nothing = count(&["--platform", "weibo"]);
    assert_eq!((nothing.json()["count"].as_u64(), nothing.code), (Some(0), Some(0)), "{nothing:?}");
}

#[test]
fn what_the_platform_limits_is_counted_on_request() {
    let title = "字".repeat(33);
    let of = |all: &[&str]| {
        let text = ["--platform", "wechat", "--title", &title, "--body", "正文"];
        let arguments: Vec<&str> = text.iter().chain(all).copied().collect();
        count(&arguments)
    };
    assert_eq!(of(&[]).code, Some(0));
    let ran = of(&["--all", "--author", "区管委办"]);
    assert_eq!((ran.code, &ran.json()["ok"]), (Some(1), &Value::Bool(true)), "{ran:?}");
    let title = json!({ "field": "title", "unit": "characters", "count": 33, "limit": 32, "ok": false });
    let author = json!({ "field": "author", "unit": "half_widths", "count": 8, "limit": 16, "ok": true });
    assert_eq!(ran.json()["fields"].as_array().unwrap()[..2], [title, author]);
}

#[test]
fn people_read_a_table() {
    let body = "汉".repeat(141);
    let ran = run(["count", "--platform", "weibo", "--all", "--body", &body]);
    assert_eq!(ran.code, Some(1));
    let expected = "rule      field           count  limit  unit         fits\n\
                    district  title and text  141    140    characters   no, 1 too many\n\
                    weibo     text            282    280    half_widths  no, 2 too many\n";
    assert_eq!(ran.stdout, expected);
}

#[test]
fn another_platform_is_refused_with_those_there_are() {
    let ran = run(["count", "--platform", "weibbo", "--body", "a"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""));
    assert!(ran.stderr.contains("weibbo") && ran.stderr.contains("weibo, wechat"), "{ran:?}");
    assert_eq!(run(["count", "--body", "a"]).code, Some(2), "no platform");
    let without_all = run(["count", "--platform", "weibo", "--digest", "a"]);
    assert_eq!(without_all.code, Some(2), "{without_all:?}");
}

/// The arguments that hand in this text.
fn submit(text: &str) -> Vec<&str> {
    [&["item", "submit", "--text", text, "--target", "W015"][..], &STATED].concat()
}

#[test]
fn a_text_that_is_too_long_is_not_handed_in_and_the_shell_says_by_how_much() {
    let district = District::new();
    let daemon = district.start();
    let text = format!("weibo={}", "汉".repeat(141));
    let refused = district.ask(&daemon, "d07.xx", &submit(&text));
    assert_eq!(refused.code, Some(1), "{refused:?}");
    let said = "weibo: title and text: 141 characters, 1 over the 140 of the district's rule";
    assert!(refused.stderr.contains(said), "{refused:?}");
    let problem = &refused.json()["problem"];
    assert_eq!((&problem["code"], &problem["field"]), (&json!("too_long"), &json!("variants.weibo.text")));
    assert_eq!((&problem["faults"][0]["count"], &problem["faults"][0]["over"]), (&json!(141), &json!(1)));
    let fits = format!("weibo={}", "汉".repeat(140));
    district.done(&daemon, "d07.xx", &submit(&fits));
}

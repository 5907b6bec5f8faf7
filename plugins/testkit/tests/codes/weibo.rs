//! Weibo: `error_code` decides, whatever the status and whether it comes as a number or as text.

use std::sync::OnceLock;

use juzhen_testkit::{Adapter, Answer, Library, Outcome, Script, build};
use serde_json::{Value, json};

use super::{said, table, word};

const CODES: &str = include_str!("weibo.txt");

/// What the public sees of, and on which tier.
fn writing() -> Vec<(&'static str, &'static str, Value)> {
    let post = json!({"text": "见 https://gov.cn/1"});
    let origin = json!({"account_name": "区发布", "uid": "5", "id": "77", "url": "https://weibo.com/5/a"});
    let comment = json!({
        "kind": "comment", "id": "61", "post": "9", "text": "几点来水？", "at_unix_ms": Script::START_UNIX_MS,
        "author": {"uid": "777", "name": "市民"},
    });
    vec![
        ("open", "publish", post.clone()),
        ("granted", "publish", post.clone()),
        ("biz", "publish", post),
        ("biz", "repost", json!({"origin": origin})),
        ("biz", "reply", json!({"to": comment, "text": "预计 17 时。"})),
        ("biz", "retract", json!({"id": "7"})),
        ("biz", "moderate", json!({"action": "delete", "comment": "5"})),
    ]
}

fn reading() -> Vec<(&'static str, &'static str, Value)> {
    let window = json!({"post": {"text": "a"}, "since_unix_ms": 0, "until_unix_ms": 1});
    vec![
        ("granted", "find_published", window),
        ("biz", "check", json!({})),
        ("biz", "poll_messages", json!({})),
        ("biz", "measure", json!({"posts": ["1"]})),
    ]
}

/// What says no and is none: what was to be taken away is gone, and a forward without the permission becomes a post.
fn is_fine(operation: &str, code: i64) -> bool {
    matches!((operation, code), ("retract", 20101) | ("moderate", 20201) | ("repost", 10014))
}

#[test]
fn f52_f53_f55_f56_f57_f59_f60_f61_every_code_of_weibo_lands_in_its_class_by_every_operation() {
    let table = table(CODES);
    assert!(table.len() > 200, "{}", table.len());
    let (adapter, script) = start();
    for (code, row) in table {
        let seen = writing().into_iter().map(|one| (one, &row.seen));
        for ((tier, operation, body), expected) in
            seen.chain(reading().into_iter().map(|one| (one, &row.unseen)))
        {
            if is_fine(operation, code) {
                continue;
            }
            // How it is written is looked at once: one function reads them all.
            let written = if operation == "publish" { 3 } else { 1 };
            for answer in forms(code).into_iter().take(written) {
                script.answer(answer);
                let before = script.requests().len();
                let outcome = call(&adapter, tier, operation, &body);
                assert_eq!(&word(&outcome), expected, "{code} by {operation} on {tier}: {outcome:?}");
                let words = said(&outcome);
                assert!(words.contains(&code.to_string()) && !words.contains("未知"), "{words}");
                assert_eq!(
                    script.requests().len(),
                    before + 1,
                    "{code} by {operation}: nothing is sent again"
                );
            }
        }
    }
}

/// Also each that the adapter knows is in the manuals.
#[test]
fn f55_f68_a_code_that_nobody_wrote_down_is_in_doubt_for_a_post_and_asked_again_for_a_list() {
    let table = table(CODES);
    let (adapter, script) = start();
    let near = (9_990..10_050)
        .chain(19_990..20_150)
        .chain(20_200..20_410)
        .chain(20_500..20_530)
        .chain(21_300..21_345);
    for code in near.chain([i64::MIN, -1, 0, 1, 200, 404, 29_999, 40_001, i64::MAX]) {
        if table.contains_key(&code) {
            continue;
        }
        let mut ends = Vec::new();
        for (tier, operation, body) in [&writing()[2], &reading()[0]] {
            script.answer(forms(code).swap_remove(0));
            let outcome = call(&adapter, tier, operation, body);
            assert!(said(&outcome).contains("未知"), "{code} is in no manual: {outcome:?}");
            ends.push(word(&outcome));
        }
        assert_eq!(ends, ["in_doubt", "retryable"], "{code}");
    }
}

/// The same code as Weibo and what stands before it write it.
fn forms(code: i64) -> Vec<Answer> {
    let body = |code: Value| json!({"error": "no", "error_code": code, "request": "/2/x.json"});
    vec![
        Answer::json(400, &body(json!(code))),
        Answer::json(403, &body(json!(code.to_string()))),
        Answer::json(200, &body(json!(code))),
    ]
}

fn call(adapter: &Adapter, tier: &str, operation: &str, body: &Value) -> Outcome {
    let settings = json!({"base_url": "http://wb/", "tier": tier, "safe_domain": "gov.cn"});
    let meta = json!({"uid": "5000000001", "idempotency_key": "key-1", "settings": settings});
    adapter.call(operation, &meta, body).unwrap()
}

fn start() -> (Adapter, Script) {
    static LIBRARY: OnceLock<Library> = OnceLock::new();
    let library =
        LIBRARY.get_or_init(|| Library::load(&build::adapter("juzhen-adapter-weibo").unwrap()).unwrap());
    let script = Script::default();
    (library.start(&script, &json!({})).unwrap(), script)
}

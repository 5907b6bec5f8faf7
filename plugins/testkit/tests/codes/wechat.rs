//! WeChat: HTTP 200 with `errcode`, which decides by what the request leaves behind.

use std::sync::OnceLock;

use juzhen_testkit::{Adapter, Answer, Library, Outcome, Script, build};
use serde_json::{Value, json};

use super::{Row, said, table, word};

const CODES: &str = include_str!("wechat.txt");
const DRAFT: &str = "R7_draft";

/// One operation, up to the request that is refused.
struct Act {
    name: &'static str,
    operation: &'static str,
    mode: &'static str,
    body: Value,
    /// Answers of the requests before.
    before: Vec<Value>,
    /// The public sees what the refused request does.
    seen: bool,
}

fn act(name: &'static str, operation: &'static str, body: Value, seen: bool) -> Act {
    Act { name, operation, mode: "freepublish", body, before: Vec::new(), seen }
}

fn acts() -> Vec<Act> {
    let post = json!({"title": "停水通知", "text": "今日停水。"});
    let message = |kind: &str, id: &str| {
        let author = json!({"uid": "o1", "name": "市民"});
        let at = Script::START_UNIX_MS;
        json!({"kind": kind, "id": id, "text": "几点来水？", "at_unix_ms": at, "author": author})
    };
    let reply = |to| json!({"to": to, "text": "预计 17 时。"});
    let window = json!({"post": post, "since_unix_ms": 0, "until_unix_ms": i64::MAX});
    let drafted = || vec![json!({"media_id": DRAFT})];
    vec![
        Act { before: drafted(), ..act("submit", "publish", post.clone(), true) },
        Act { before: drafted(), mode: "mass", ..act("sendall", "publish", post.clone(), true) },
        act("draft", "publish", post, false),
        act("retract", "retract", json!({"id": "A"}), true),
        act("comment", "reply", reply(message("comment", "100-7")), true),
        act("private", "reply", reply(message("private", "1")), true),
        act("list", "find_published", window, false),
    ]
}

/// What says no and is none: what became of it is asked for under the key, and an answer that is there is looked at.
fn is_followed(name: &str, code: i64) -> bool {
    matches!((name, code), ("sendall", 89_504 | 89_505) | ("comment", 88_005))
}

#[test]
fn f52_f55_f56_f57_f58_f60_f61_f70_every_code_of_wechat_lands_in_its_class_by_every_operation() {
    let table = table(CODES);
    assert!(table.len() > 150, "{}", table.len());
    for (code, row) in &table {
        for act in acts().iter().filter(|act| !is_followed(act.name, *code)) {
            let outcome = refused(act, *code);
            let expected = if act.seen { &row.seen } else { &row.unseen };
            assert_eq!(&word(&outcome), expected, "{code} by {}: {outcome:?}", act.name);
            let words = said(&outcome);
            assert!(words.contains(&code.to_string()) && !words.contains("未知"), "{words}");
        }
    }
}

/// Asking what became of a post waits where the platform cannot be asked, and says what it is where it can.
#[test]
fn f55_f56_every_code_of_wechat_when_a_post_is_asked_for() {
    let ticket = format!("free:100000001::{}:{DRAFT}", Script::START_UNIX_MS - 60_000);
    for (code, Row { unseen, .. }) in table(CODES) {
        let outcome = refused(&act("track", "track", json!({"ticket": ticket}), false), code);
        if unseen.starts_with("retryable") || unseen.starts_with("quota") {
            let pending = Outcome::Answer(json!({"state": "pending", "after_ms": null}));
            assert_eq!(outcome, pending, "{code}: only a clear word ends the waiting");
        } else {
            assert_eq!(word(&outcome), unseen, "{code}");
        }
    }
}

/// The endpoint that sells tokens says what is wrong with the account itself.
#[test]
fn f61_f70_every_code_of_wechat_where_a_token_is_bought() {
    for (code, Row { unseen, .. }) in table(CODES) {
        let (adapter, script) = start();
        script.answer(no(42_001));
        script.answer(no(code));
        let outcome = call(&adapter, "freepublish", "retract", &json!({"id": "A"}));
        // Where it is sold, a wrong secret is for somebody to give anew.
        let expected = if code == 40_125 { "auth_expired" } else { &unseen };
        assert_eq!(word(&outcome), expected, "{code}: {outcome:?}");
        assert_eq!(script.requests().len(), 2, "{code}: the refused request is not sent again");
    }
}

/// Also each that the adapter knows is in the manuals, or is left over from interfaces that the platform has taken away.
#[test]
fn f55_f68_a_code_that_nobody_wrote_down_is_in_doubt() {
    let table = table(CODES);
    let near =
        [40_000..40_300, 41_000..41_060, 42_000..42_010, 43_000..43_030, 44_000..44_010, 45_000..45_200];
    let further =
        [46_000..46_010, 47_000..47_010, 48_000..48_030, 50_000..50_010, 53_400..53_610, 61_000..61_030];
    let last =
        [65_390..65_420, 70_000..70_010, 76_000..76_030, 87_000..87_020, 88_000..88_020, 89_500..89_510];
    let (acts, mut unlisted) = (acts(), Vec::new());
    for code in near.into_iter().chain(further).chain(last).flatten().chain([-2, 1, 99_999, i64::MAX]) {
        if table.contains_key(&code) {
            continue;
        }
        let outcome = refused(&acts[0], code);
        if said(&outcome).contains("未知") {
            assert_eq!(
                (word(&outcome), word(&refused(&acts[2], code))),
                ("in_doubt".into(), "in_doubt".into())
            );
        } else {
            unlisted.push(code);
        }
    }
    assert_eq!(unlisted, UNLISTED, "the adapter knows codes that no manual names any more");
}

/// Beside the list of global errors, from the pages of single interfaces.
const UNLISTED: &[i64] =
    &[40_060, 40_201, 40_202, 40_203, 45_072, 45_080, 45_081, 45_083, 45_084, 61_005, 61_006];

/// What comes of the operation when the platform answers this code, with a new token, too.
fn refused(act: &Act, code: i64) -> Outcome {
    let (adapter, script) = start();
    act.before.iter().for_each(|answer| script.answer(Answer::json(200, answer)));
    let token = json!({"access_token": "***", "expires_in": 7_200});
    for _try in 0..2 {
        script.answer(no(code));
        if matches!(code, 40_001 | 40_014 | 42_001) {
            script.answer(Answer::json(200, &token));
        } else {
            break;
        }
    }
    // A token that is refused again; else what is cleaned up.
    let last = if matches!(code, 40_001 | 40_014 | 42_001) { no(code) } else { no(0) };
    script.answer(last);
    call(&adapter, act.mode, act.operation, &act.body)
}

fn no(code: i64) -> Answer {
    Answer::json(200, &json!({"errcode": code, "errmsg": "no rid: 6170"}))
}

fn call(adapter: &Adapter, mode: &str, operation: &str, body: &Value) -> Outcome {
    let settings = json!({"appid": "wx1", "base_url": "http://wx/", "mode": mode, "cover_media_id": "M1"});
    let meta = json!({
        "account": "X018", "uid": "gh_1", "idempotency_key": "d-1", "settings": settings,
        "deadline_unix_ms": Script::START_UNIX_MS + 60_000,
    });
    adapter.call(operation, &meta, body).unwrap()
}

fn start() -> (Adapter, Script) {
    static LIBRARY: OnceLock<Library> = OnceLock::new();
    let library =
        LIBRARY.get_or_init(|| Library::load(&build::adapter("juzhen-adapter-wechat").unwrap()).unwrap());
    let script = Script::default();
    (library.start(&script, &json!({})).unwrap(), script)
}

//! Comments and private messages: read, answered, chosen, removed.

use juzhen_abi::message::{Effect, ErrorKind, HostErrorKind, RejectedBy};
use juzhen_testkit::{Adapter, Answer, Outcome, Script};
use serde_json::{Value, json};

use super::{answer, body, call, error_kind, no, ok, paths, start, yes};

/// An account whose post `A1` is out, so that its comments can be listed.
fn with_article() -> (Adapter, Script) {
    let (adapter, script) = start();
    let ticket = format!("free:1:2247483101:{}:D", Script::START_UNIX_MS - 60_000);
    script.answer(yes(&json!({"publish_status": 0, "article_id": "A1"})));
    answer(call(&adapter, "track", &json!({"ticket": ticket})));
    (adapter, script)
}

fn comment(id: u64, text: &str, reply: &Value) -> Value {
    json!({
        "user_comment_id": id, "openid": "oA", "create_time": 1_767_225_700 + id, "content": text, "comment_type": 0,
        "reply": reply,
    })
}

#[test]
fn comments_are_listed_49_at_a_time_until_all_are_read() {
    let (adapter, script) = with_article();
    let page = |from: u64, count: u64| {
        let comments: Vec<_> =
            (from..from + count).map(|id| comment(id, "几点来水？", &Value::Null)).collect();
        yes(&json!({"errcode": 0, "errmsg": "ok", "total": 60, "comment": comments}))
    };
    script.answer(page(1, 49));
    script.answer(page(50, 11));
    let poll = json!({"posts": ["A1", "unknown"], "since_unix_ms": 1_767_225_702_000_i64});
    let got = answer(call(&adapter, "poll_messages", &poll));
    let messages = got["messages"].as_array().unwrap();
    assert_eq!(messages.len(), 59, "the first one is older");
    let first = &messages[0];
    assert_eq!(
        (&first["kind"], &first["id"], &first["post"], &first["author"]["uid"], &first["at_unix_ms"]),
        (
            &json!("comment"),
            &json!("2247483101-2"),
            &json!("A1"),
            &json!("oA"),
            &json!(1_767_225_702_000_i64)
        )
    );
    assert_eq!(got["gaps"], json!(["文章 unknown 的留言编号不明，无法读取留言"]));
    let bodies: Vec<_> = script.requests().iter().skip(1).map(body).collect();
    let asked =
        |begin| json!({"msg_data_id": 2_247_483_101_u64, "index": 0, "begin": begin, "count": 49, "type": 0});
    assert_eq!(bodies, [asked(0), asked(49)]);
    assert!(script.requests().iter().all(|request| request.head.effect == Effect::Safe));
}

fn reply(text: &str, look_only: bool) -> Value {
    json!({"to": {"kind": "comment", "id": "7-5", "post": "A1"}, "text": text, "look_only": look_only})
}

#[test]
fn a_comment_is_answered_once() {
    let (adapter, script) = start();
    script.answer(ok());
    let sent = json!({"state": "sent", "id": null, "at_unix_ms": null});
    assert_eq!(call(&adapter, "reply", &reply("17 时。", false)), Outcome::Answer(sent));
    let request = &script.requests()[0];
    let expected = json!({"msg_data_id": 7, "index": 0, "user_comment_id": 5, "content": "17 时。"});
    assert_eq!((body(request), &request.head.effect), (expected, &Effect::Mutating));
    for (lost, kind) in
        [(Answer::Fails(HostErrorKind::NoAnswer), ErrorKind::InDoubt), (no(-1), ErrorKind::InDoubt)]
    {
        script.answer(lost);
        assert_eq!(error_kind(call(&adapter, "reply", &reply("17 时。", false))), kind);
    }
    script.answer(no(88007));
    let by = RejectedBy::Content;
    assert_eq!(
        error_kind(call(&adapter, "reply", &reply("17 时。", false))),
        ErrorKind::Rejected { code: Some("88007".into()), by }
    );
    let before = script.requests().len();
    for text in [String::new(), "字".repeat(141)] {
        assert!(matches!(
            error_kind(call(&adapter, "reply", &reply(&text, false))),
            ErrorKind::Rejected { .. }
        ));
    }
    assert_eq!(script.requests().len(), before, "refused before anything is sent");
}

#[test]
fn f57_a_comment_that_is_answered_already_is_ours_when_the_text_is() {
    for (there, ours) in [("17 时。", true), ("别人的回复", false)] {
        for reply_object in
            [json!({"content": there, "create_time": 9}), json!([{"content": there, "create_time": 9}])]
        {
            let (adapter, script) = start();
            script.answer(no(88005));
            let listed = comment(5, "几点？", &reply_object);
            script.answer(yes(&json!({"errcode": 0, "total": 1, "comment": [listed]})));
            let outcome = call(&adapter, "reply", &reply("17 时。", false));
            match ours {
                true => assert_eq!(answer(outcome), json!({"state": "sent", "id": null, "at_unix_ms": 9000})),
                false => assert_eq!(error_kind(outcome), ErrorKind::InDoubt),
            }
        }
    }
    let (adapter, script) = start();
    script.answer(yes(&json!({"errcode": 0, "total": 1, "comment": [comment(5, "几点？", &Value::Null)]})));
    let not_seen = json!({"state": "not_seen", "complete": true});
    assert_eq!(call(&adapter, "reply", &reply("17 时。", true)), Outcome::Answer(not_seen));
    assert_eq!(script.requests().len(), 1, "looking sends nothing");
}

#[test]
fn comments_are_chosen_removed_opened_and_closed() {
    let (adapter, script) = with_article();
    for (action, path) in [
        ("delete", "delete"),
        ("elect", "markelect"),
        ("unelect", "unmarkelect"),
        ("delete_reply", "reply/delete"),
        ("open_comments", "open"),
        ("close_comments", "close"),
    ] {
        script.answer(ok());
        let moderate = json!({"action": action, "post": "A1", "comment": "2247483101-5"});
        assert_eq!(call(&adapter, "moderate", &moderate), Outcome::Answer(json!({})));
        assert!(paths(&script).last().unwrap().starts_with(&format!("/cgi-bin/comment/{path}?")), "{action}");
    }
    for (action, code, fine) in [
        ("delete", 88008, true),
        ("delete", 88004, true),
        ("delete_reply", 88009, true),
        ("elect", 88008, false),
    ] {
        script.answer(no(code));
        let outcome = call(&adapter, "moderate", &json!({"action": action, "comment": "7-5"}));
        assert_eq!(matches!(outcome, Outcome::Answer(_)), fine, "{action} {code}");
    }
    let hide = call(&adapter, "moderate", &json!({"action": "hide", "comment": "7-5"}));
    assert!(matches!(error_kind(hide), ErrorKind::Unsupported { .. }));
}

fn private(text: &str, hours_ago: i64) -> Value {
    let at = Script::START_UNIX_MS - hours_ago * 3_600_000;
    json!({"to": {"kind": "private", "id": "24", "author": {"uid": "oA"}, "at_unix_ms": at}, "text": text})
}

#[test]
fn five_answers_within_48_hours_and_no_more() {
    let (adapter, script) = start();
    for _answer in 0..5 {
        script.answer(ok());
        answer(call(&adapter, "reply", &private("您好", 47)));
    }
    let sent = json!({"touser": "oA", "msgtype": "text", "text": {"content": "您好"}});
    assert_eq!((body(&script.requests()[0]), &script.requests()[0].head.effect), (sent, &Effect::Mutating));
    let refused = |code: &str| ErrorKind::Rejected { code: Some(code.into()), by: RejectedBy::Policy };
    assert_eq!(error_kind(call(&adapter, "reply", &private("您好", 47))), refused("45047"));
    assert_eq!(error_kind(call(&adapter, "reply", &private("您好", 49))), refused("45015"));
    // The reader wrote again.
    script.answer(ok());
    answer(call(&adapter, "reply", &private("您好", 1)));
    assert_eq!(script.requests().len(), 6);
}

#[test]
fn a_private_answer_is_at_most_680_characters_and_an_unclear_one_in_doubt() {
    let (adapter, script) = start();
    script.answer(ok());
    answer(call(&adapter, "reply", &private(&"字".repeat(680), 1)));
    for long in ["字".repeat(681), "𠮷".repeat(600)] {
        assert!(matches!(
            error_kind(call(&adapter, "reply", &private(&long, 1))),
            ErrorKind::Rejected { .. }
        ));
    }
    assert_eq!(script.requests().len(), 1);
    script.answer(Answer::Fails(HostErrorKind::NoAnswer));
    assert_eq!(error_kind(call(&adapter, "reply", &private("您好", 1))), ErrorKind::InDoubt);
    script.answer(no(45015));
    assert!(matches!(
        error_kind(call(&adapter, "reply", &private("您好", 1))),
        ErrorKind::Rejected { by: RejectedBy::Policy, .. }
    ));
    let mut look = private("您好", 1);
    look["look_only"] = json!(true);
    assert_eq!(answer(call(&adapter, "reply", &look)), json!({"state": "not_seen", "complete": false}));
}

//! Posts and taking them away: one event under one transaction id, whatever becomes of its answers.

use juzhen_sdk::message::{Effect, ErrorKind, HostErrorKind, RejectedBy, Scope};
use juzhen_testkit::{Answer, Held, Script};
use serde_json::json;

use super::{ROOM_URL, answer, body, call, call_as, error, header, limited, no, sent, start};

#[test]
fn a_post_is_one_event_under_the_deliverys_own_transaction_id() {
    let (adapter, script) = start();
    script.answer(sent("$1/x"));
    let post = json!({"title": "停水通知", "text": "今日 14 时停水。", "link": "https://gov.cn/1"});
    let published = answer(call(&adapter, "publish", &post));
    assert_eq!((&published["state"], &published["id"]), (&json!("published"), &json!("$1/x")));
    let link = "https://matrix.to/#/%21gonggao%3Agov.example/%241%2Fx?via=gov.example";
    assert_eq!(published["url"], link);
    let request = &script.requests()[0];
    assert_eq!(request.head.url, format!("{ROOM_URL}/send/m.room.message/key-1"));
    assert_eq!(
        (request.head.method.as_str(), &request.head.effect),
        ("PUT", &Effect::Idempotent("key-1".into()))
    );
    assert_eq!(header(request, "authorization"), "Bearer {{secret:access_token}}");
    let content = body(request);
    assert_eq!((&content["msgtype"], &content["juzhen.delivery"]), (&json!("m.text"), &json!("key-1")));
    assert_eq!(content["body"], "停水通知\n\n今日 14 时停水。\n\nhttps://gov.cn/1");
    assert_eq!(content["m.mentions"], json!({}), "nobody is called by what the text reads like");
    assert_eq!(adapter.stop(), Held { hosts: 0, futures: 0 });
}

#[test]
fn a_picture_goes_up_by_handle_and_carries_the_text() {
    let (adapter, script) = start();
    script.answer(Answer::json(200, &json!({"content_uri": "mxc://gov.example/abc"})));
    script.answer(sent("$2"));
    let picture = json!({"blob": "aa", "mime": "image/png", "bytes": 3});
    answer(call(&adapter, "publish", &json!({"text": "停水区域", "media": [picture]})));
    let requests = script.requests();
    assert_eq!(requests[0].head.url, "http://hs/_matrix/media/v3/upload?filename=1.png");
    assert_eq!(
        (&requests[0].head.effect, requests[0].head.body_blob.as_deref()),
        (&Effect::Safe, Some("aa"))
    );
    let content = body(&requests[1]);
    assert_eq!((&content["msgtype"], &content["url"]), (&json!("m.image"), &json!("mxc://gov.example/abc")));
    assert_eq!((&content["body"], &content["filename"]), (&json!("停水区域"), &json!("1.png")));
}

#[test]
fn what_would_not_be_one_event_does_not_leave() {
    let picture = json!({"blob": "aa", "mime": "image/png", "bytes": 1});
    for (post, says) in [
        (json!({"text": "图", "media": [picture, picture]}), "只能带 1 张图片"),
        (json!({"text": "汉".repeat(11_000), "media": [picture]}), "超过一条消息的上限"),
        (json!({"text": " "}), "内容为空"),
    ] {
        let (adapter, script) = start();
        let said = error(call(&adapter, "publish", &post));
        assert!(matches!(said.kind, ErrorKind::Rejected { by: RejectedBy::Content, .. }), "{said:?}");
        assert!(said.message.contains(says), "{}", said.message);
        assert!(script.requests().is_empty());
    }
}

#[test]
fn p01_f50_f51_a_lost_answer_is_asked_for_again_with_the_same_transaction_id() {
    for lost in [Answer::Fails(HostErrorKind::NoAnswer), Answer::bytes(502, b"<html>"), no(500, "M_UNKNOWN")]
    {
        let (adapter, script) = start();
        script.answer(lost.clone());
        script.answer(lost);
        script.answer(sent("$3"));
        assert_eq!(answer(call(&adapter, "publish", &json!({"text": "a"})))["id"], "$3");
        let requests = script.requests();
        assert_eq!(requests.len(), 3);
        assert!(requests.iter().all(|request| *request == requests[0]), "the very same request");
    }
}

#[test]
fn p01_f51_after_a_lost_answer_only_a_success_is_a_clear_word() {
    // A server refuses for the token and for the rate before it looks whether it knows the transaction id.
    for refused in [no(401, "M_UNKNOWN_TOKEN"), limited(), no(403, "M_FORBIDDEN"), no(400, "M_BAD_JSON")] {
        for sign_in in ["by_hand", "password"] {
            let (adapter, script) = start();
            script.answer(Answer::Fails(HostErrorKind::NoAnswer));
            script.answer(refused.clone());
            let said =
                error(call_as(&adapter, &json!({"sign_in": sign_in}), "publish", &json!({"text": "a"})));
            assert_eq!(said.kind, ErrorKind::InDoubt, "{refused:?} {said:?}");
            assert_eq!(script.requests().len(), 2, "{refused:?}: nobody signs in in between");
        }
    }
    // Nothing but losses: the daemon knows from its own record what may have left.
    let (adapter, script) = start();
    (0..3).for_each(|_| script.answer(Answer::Fails(HostErrorKind::NoAnswer)));
    assert_eq!(error(call(&adapter, "publish", &json!({"text": "a"}))).kind.name(), "retryable");
    assert_eq!(script.requests().len(), 3);
}

#[test]
fn f52_f55_f69_what_is_no_answer_of_a_matrix_server_is_in_doubt() {
    for (unclear, requests) in [
        (Answer::json(200, &json!({})), 1),
        (Answer::bytes(200, b"<html>"), 1),
        (no(400, "M_FROM_THE_FUTURE"), 3),
        (Answer::bytes(403, b"<html>"), 3),
        (Answer::bytes(302, b""), 3),
    ] {
        let (adapter, script) = start();
        (0..requests).for_each(|_| script.answer(unclear.clone()));
        let said = error(call(&adapter, "publish", &json!({"text": "a"})));
        assert_eq!((said.kind, script.requests().len()), (ErrorKind::InDoubt, requests), "{unclear:?}");
    }
}

#[test]
fn f56_f60_f61_a_clear_no_is_what_it_is() {
    for (refused, kind) in [
        (no(403, "M_FORBIDDEN"), "rejected"),
        (no(401, "M_UNKNOWN_TOKEN"), "auth_expired"),
        (no(413, "M_TOO_LARGE"), "rejected"),
    ] {
        let (adapter, script) = start();
        script.answer(refused);
        assert_eq!(error(call(&adapter, "publish", &json!({"text": "a"}))).kind.name(), kind);
        assert_eq!(script.requests().len(), 1);
    }
    let until = |answer| {
        let (adapter, script) = start();
        script.answer(answer);
        error(call(&adapter, "publish", &json!({"text": "a"}))).kind
    };
    let at = |ms| ErrorKind::Quota { until_unix_ms: Some(Script::START_UNIX_MS + ms), scope: Scope::Account };
    assert_eq!(until(limited()), at(2500));
    assert_eq!(
        until(limited().header("retry-after", "7")),
        at(7000),
        "the header says it where there is one"
    );
}

#[test]
fn what_is_gone_already_is_taken_away() {
    let (adapter, script) = start();
    for (operation, asked, path) in [
        ("retract", json!({"id": "$7"}), "/redact/%247/key-1-redact"),
        ("moderate", json!({"action": "delete", "comment": "$7"}), "/redact/%247/key-1-delete"),
    ] {
        for reply in [sent("$8"), no(404, "M_NOT_FOUND")] {
            script.answer(reply);
            assert_eq!(answer(call(&adapter, operation, &asked)), json!({}));
            let request = script.requests().pop().unwrap();
            assert_eq!(request.head.url, format!("{ROOM_URL}{path}"));
        }
        script.answer(no(403, "M_FORBIDDEN"));
        assert_eq!(error(call(&adapter, operation, &asked)).kind.name(), "rejected");
    }
    let close = json!({"action": "close_comments", "post": "$1"});
    assert_eq!(error(call(&adapter, "moderate", &close)).kind.name(), "unsupported");
}

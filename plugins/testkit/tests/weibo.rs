//! The Weibo adapter as its real `.so`: what it sends for each operation, and what it makes of each answer.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // Helpers of tests.

use std::sync::OnceLock;

use juzhen_abi::message::{AdapterError, Effect, ErrorKind, HostErrorKind, Part, RejectedBy};
use juzhen_testkit::{Adapter, Answer, Held, Library, Outcome, Script, build};
use serde_json::{Value, json};

const POSTED: &str = "Thu Jan 01 08:00:00 +0800 2026";

#[test]
fn each_tier_posts_by_its_own_interface_with_its_own_marker() {
    for (tier, text, path, marked) in [
        ("open", "见 https://gov.cn/1", "/2/statuses/share.json", false),
        ("granted", "今日停水", "/2/statuses/update.json", true),
        ("biz", "今日停水", "/c/2/statuses/update/biz.json", true),
    ] {
        let (adapter, script) = start();
        script.answer(Answer::json(200, &status("4409230629430129", text)));
        let published = call(&adapter, tier, "publish", &json!({"title": "通知", "text": text}));
        let url = "https://weibo.com/5000000001/I3S86DzcR";
        assert_eq!(
            answer(published),
            json!({"state": "published", "id": "4409230629430129", "url": url, "at_unix_ms": Script::START_UNIX_MS})
        );
        let request = &script.requests()[0];
        assert_eq!(request.head.url, format!("http://wb{path}"));
        assert_eq!(request.head.effect, Effect::ByMethod, "a post is never sent twice");
        let form = String::from_utf8(request.body.clone()).unwrap();
        assert_eq!(form.contains("annotations="), marked, "{tier}: {form}");
        assert!(
            form.starts_with("access_token=%7B%7Bsecret%3Aaccess_token%7D%7D&status=%E3%80%90"),
            "{form}"
        );
        assert_eq!(adapter.stop(), Held { hosts: 0, futures: 0 });
    }
}

#[test]
fn what_weibo_would_refuse_or_change_does_not_leave() {
    let long = "汉".repeat(141);
    let link = "https://gov.cn/1";
    let fits_alone = format!("{} ", "汉".repeat(135));
    let picture = json!({"blob": "aa", "mime": "image/png", "bytes": 1});
    for (tier, post, says) in [
        ("granted", json!({"text": long}), "超过微博 140 字的限制 1 字"),
        ("open", json!({"text": fits_alone, "link": link}), "超过微博 140 字的限制"),
        ("open", json!({"text": "今日停水"}), "gov.cn 的网址"),
        ("open", json!({"text": "见 https://www.gov.cn/"}), "gov.cn 的网址"),
        ("open", json!({"text": "#停水# https://gov.cn/1"}), "#话题#"),
        ("biz", json!({"text": " "}), "内容为空"),
        ("granted", json!({"text": "图", "media": [picture, picture]}), "只能发 1 张图片"),
        (
            "biz",
            json!({"text": "图", "media": [{"blob": "a", "mime": "image/webp", "bytes": 1}]}),
            "image/webp",
        ),
        (
            "biz",
            json!({"text": "图", "media": [{"blob": "a", "mime": "image/png", "bytes": 5_242_880}]}),
            "5 MB",
        ),
    ] {
        let (adapter, script) = start();
        let said = error(call(&adapter, tier, "publish", &post));
        assert!(matches!(said.kind, ErrorKind::Rejected { by: RejectedBy::Content, .. }), "{post}: {said:?}");
        assert!(said.message.contains(says), "{post}: {}", said.message);
        assert!(script.requests().is_empty(), "{post}");
    }
}

#[test]
fn pictures_go_by_handle_as_the_tier_takes_them() {
    let picture = |blob| json!({"blob": blob, "mime": "image/png", "bytes": 3});
    let (adapter, script) = start();
    script.answer(Answer::json(200, &status("1", "x")));
    let one = json!({"text": "见 https://gov.cn/1", "media": [picture("aa")]});
    answer(call(&adapter, "open", "publish", &one));
    let parts = &script.requests()[0].head.parts;
    assert!(
        parts.iter().any(|p| matches!(p, Part::Blob { name, blob, .. } if name == "pic" && blob == "aa"))
    );
    let (adapter, script) = start();
    for id in ["p1", "p2"] {
        script.answer(Answer::json(200, &json!({"pic_id": id})));
    }
    script.answer(Answer::json(200, &status("2", "x")));
    let two = json!({"text": "图", "media": [picture("aa"), picture("bb")]});
    answer(call(&adapter, "biz", "publish", &two));
    let requests = script.requests();
    assert_eq!((&requests[0].head.effect, &requests[2].head.effect), (&Effect::Safe, &Effect::ByMethod));
    assert!(String::from_utf8(requests[2].body.clone()).unwrap().ends_with("pic_id=p1%2Cp2"));
}

#[test]
fn f50_f51_f52_f55_f69_without_a_clear_answer_a_post_is_in_doubt() {
    for unclear in [
        Answer::json(503, &json!({"error": "busy", "error_code": 10009})),
        Answer::json(400, &json!({"error": "released", "error_code": 20053})),
        Answer::json(400, &json!({"error": "slow", "error_code": "20032"})),
        Answer::json(400, &json!({"error": "new", "error_code": 29999})),
        Answer::bytes(502, b"<html>"),
        Answer::bytes(403, b"<html>"),
        Answer::bytes(302, b""),
        Answer::bytes(200, b"<html>"),
        Answer::json(200, &json!({})),
        Answer::Fails(HostErrorKind::NoAnswer),
    ] {
        let (adapter, script) = start();
        let shown = format!("{unclear:?}");
        script.answer(unclear);
        assert_eq!(
            error(call(&adapter, "biz", "publish", &json!({"text": "a"}))).kind,
            ErrorKind::InDoubt,
            "{shown}"
        );
        assert_eq!(script.requests().len(), 1, "{shown}: nothing is sent again");
    }
}

#[test]
fn f56_f57_f61_a_clear_no_is_what_it_is() {
    for (code, kind) in [
        (20019, "duplicate"),
        (21327, "auth_expired"),
        (10023, "quota"),
        (20021, "rejected"),
        (20031, "rejected"),
    ] {
        let (adapter, script) = start();
        script.answer(no(code));
        assert_eq!(
            error(call(&adapter, "biz", "publish", &json!({"text": "a"}))).kind.name(),
            kind,
            "{code}"
        );
    }
}

#[test]
fn a_forward_without_the_permission_becomes_a_post_that_says_so() {
    let repost =
        json!({"origin": {"account_name": "区发布", "uid": "5", "id": "77", "url": "https://weibo.com/5/a"}});
    let (adapter, script) = start();
    script.answer(no(10014));
    script.answer(Answer::json(200, &status("9", "x")));
    let settings = json!({"share_link": "https://gov.cn/w/{key}"});
    answer(call_with(&adapter, "granted", &settings, "repost", &repost));
    let requests = script.requests();
    assert!(requests[0].head.url.ends_with("/2/statuses/repost.json"));
    assert!(requests[1].head.url.ends_with("/2/statuses/share.json"));
    let form = String::from_utf8(requests[1].body.clone()).unwrap();
    assert!(form.contains("https%3A%2F%2Fgov.cn%2Fw%2Fkey-1"), "{form}");
    assert!(form.contains("%E8%BD%AC%E8%87%AA"), "it says 转自: {form}");
    assert_eq!(script.logs().len(), 1, "and the log says so, too");
    // Any other refusal is one.
    let (adapter, script) = start();
    script.answer(no(20101));
    assert_eq!(error(call(&adapter, "granted", "repost", &repost)).kind.name(), "rejected");
    assert_eq!(script.requests().len(), 1);
}

#[test]
fn f66_f67_a_post_is_known_by_its_annotation_else_by_its_text_as_weibo_shows_it() {
    let shown = "【停水】详情 http://t.cn/A6cExAmp \u{200b}";
    let marked = |id, key| {
        let mut status = status(id, shown);
        status["annotations"] = json!([{"juzhen": key}, {"mapi_request": true}]);
        status
    };
    let post = json!({"title": "停水", "text": "详情 https://gov.cn/1"});
    let start_ms = Script::START_UNIX_MS;
    let find = json!({"post": post, "since_unix_ms": start_ms - 5000, "until_unix_ms": start_ms + 5000});
    let listed = json!([status("4", "别的"), marked("3", "key-2"), marked("2", "key-1"), status("1", shown)]);
    for (total, complete) in [(4, true), (9, false)] {
        let (adapter, script) = start();
        script.answer(Answer::json(200, &json!({"statuses": listed, "total_number": total})));
        let found = answer(call(&adapter, "granted", "find_published", &find));
        let ids: Vec<_> =
            found["matches"].as_array().unwrap().iter().map(|m| m["id"].as_str().unwrap()).collect();
        assert_eq!((ids, found["complete"].as_bool()), (vec!["1", "2"], Some(complete)));
    }
}

#[test]
fn p27_asked_for_no_post_in_particular_it_lists_every_one_of_the_window_page_by_page() {
    let start_ms = Script::START_UNIX_MS;
    let find = json!({"since_unix_ms": start_ms, "until_unix_ms": start_ms + 5000});
    let mut old = status("1", "旧");
    old["created_at"] = json!("Wed Dec 31 08:00:00 +0800 2025");
    let gone = json!({"idstr": "2", "deleted": "1", "text": "此微博已被原作者删除。", "created_at": POSTED});
    let (adapter, script) = start();
    script.answer(Answer::json(200, &json!({"statuses": [status("4", "四"), gone], "total_number": 90})));
    script.answer(Answer::json(200, &json!({"statuses": [status("3", "三"), old], "total_number": 90})));
    let found = answer(call(&adapter, "biz", "find_published", &find));
    let texts: Vec<_> =
        found["matches"].as_array().unwrap().iter().map(|m| m["text"].as_str().unwrap()).collect();
    assert_eq!((texts, found["complete"].as_bool()), (vec!["三", "四"], Some(true)));
    assert!(script.requests()[1].head.url.contains("&page=2"));
}

#[test]
fn what_is_gone_already_is_taken_away() {
    let (adapter, script) = start();
    script.answer(no(20101));
    assert_eq!(answer(call(&adapter, "biz", "retract", &json!({"id": "7"}))), json!({}));
    script.answer(no(20102));
    assert_eq!(error(call(&adapter, "biz", "retract", &json!({"id": "7"}))).kind.name(), "rejected");
    script.answer(no(20201));
    let delete = json!({"action": "delete", "comment": "5"});
    assert_eq!(answer(call(&adapter, "biz", "moderate", &delete)), json!({}));
    for (operation, body) in [("retract", json!({"id": "7"})), ("moderate", delete)] {
        assert_eq!(error(call(&adapter, "open", operation, &body)).kind.name(), "unsupported");
    }
}

#[test]
fn readers_are_heard_within_the_budget_and_answered() {
    let (adapter, script) = start();
    let unread = |n| Answer::json(200, &json!({"cmt": n, "mention_status": 0, "mention_cmt": 0}));
    let user = |id: &str| json!({"idstr": id, "screen_name": "市民"});
    let comment = json!({"idstr": "61", "text": "几点来水？", "created_at": "Thu Jan 01 07:00:00 +0800 2026",
        "user": user("777"), "status": {"idstr": "9"}});
    let own = json!({"idstr": "62", "text": "谢谢", "created_at": POSTED, "user": user("5000000001")});
    script.answer(unread(1));
    script.answer(Answer::json(200, &json!({"comments": [own, comment]})));
    script.answer(Answer::json(200, &json!({"statuses": []})));
    script.answer(Answer::json(200, &json!({"comments": []})));
    let got = answer(call(&adapter, "biz", "poll_messages", &json!({})));
    let message = &got["messages"][0];
    assert_eq!((got["messages"].as_array().unwrap().len(), &message["id"]), (1, &json!("61")));
    assert_eq!((&message["post"], &message["kind"]), (&json!("9"), &json!("comment")));
    // Nothing new: one call and no more.
    script.answer(unread(0));
    let again = answer(call(&adapter, "biz", "poll_messages", &json!({"cursor": got["cursor"]})));
    assert_eq!((again["messages"].as_array().unwrap().len(), script.requests().len()), (0, 5));
    script.answer(Answer::json(200, &json!({"idstr": "63", "created_at": POSTED})));
    let reply = json!({"to": message, "text": "预计 17 时。"});
    assert_eq!(answer(call(&adapter, "biz", "reply", &reply))["id"], "63");
    let form = String::from_utf8(script.requests()[5].body.clone()).unwrap();
    assert!(form.contains("id=9&") && form.contains("cid=61"), "{form}");
    let ours = json!({"idstr": "63", "text": "回复@市民:预计 17 时。 \u{200b}", "created_at": POSTED,
        "user": user("5000000001"), "reply_comment": {"idstr": "61"}});
    script.answer(Answer::json(200, &json!({"comments": [ours]})));
    let look = json!({"to": message, "text": "预计 17 时。", "look_only": true});
    assert_eq!(answer(call(&adapter, "biz", "reply", &look))["state"], "sent");
}

#[test]
fn signing_in_captures_the_token_and_gives_back_another_accounts() {
    let (adapter, script) = start();
    let begin = json!({"step": "begin", "redirect_uri": "https://gov.cn/back", "state": "s&1"});
    let url = answer(call(&adapter, "open", "authorize", &begin))["url"].as_str().unwrap().to_owned();
    assert!(url.starts_with(
        "http://wb/oauth2/authorize?client_id=1352222456&redirect_uri=https%3A%2F%2Fgov.cn%2Fback"
    ));
    assert!(url.contains("state=s%261") && url.contains("forcelogin=true"), "{url}");
    let code = json!({"step": "code", "code": "c", "redirect_uri": "https://gov.cn/back"});
    let bought = |uid| Answer::json(200, &json!({"access_token": "***", "expires_in": 60, "uid": uid}));
    script.answer(bought("5000000001"));
    let granted =
        json!({"state": "granted", "uid": "5000000001", "until_unix_ms": Script::START_UNIX_MS + 60_000});
    assert_eq!(answer(call(&adapter, "open", "authorize", &code)), granted);
    let capture = &script.requests()[0].head.capture[0];
    assert_eq!((capture.pointer.as_str(), capture.ttl.as_deref()), ("/access_token", Some("/expires_in")));
    script.answer(bought("5000000002"));
    script.answer(Answer::json(200, &json!({"result": "true"})));
    let wrong = error(call(&adapter, "open", "authorize", &code));
    assert!(wrong.message.contains("授权的是账号 5000000002"), "{}", wrong.message);
    assert!(script.requests()[2].head.url.ends_with("/oauth2/revokeoauth2"));
}

#[test]
fn a_check_says_how_long_the_token_lasts_and_whose_it_is() {
    let (adapter, script) = start();
    let left = Answer::json(200, &json!({"remaining_user_hits": 0}));
    script.answer(Answer::json(200, &json!({"uid": 5_000_000_001_i64, "expire_in": 3 * 86_400 + 5})));
    script.answer(left);
    let info = answer(call(&adapter, "biz", "check", &json!({})));
    assert_eq!(info["notes"][0], "授权还有 3 天到期，须在此之前重新授权");
    assert_eq!(info["notes"].as_array().unwrap().len(), 2, "and that the quota is used up: {info}");
    script.answer(Answer::json(200, &json!({"uid": 5, "expire_in": 60})));
    assert_eq!(error(call(&adapter, "biz", "check", &json!({}))).kind.name(), "rejected");
}

#[test]
fn cancelled_at_every_request_it_holds_nothing() {
    let picture = |blob| json!({"blob": blob, "mime": "image/png", "bytes": 3});
    for answered in 0..3 {
        let (adapter, script) = start();
        for id in 0..answered {
            script.answer(Answer::json(200, &json!({"pic_id": id.to_string()})));
        }
        script.answer(Answer::Never);
        let post = json!({"text": "图", "media": [picture("aa"), picture("bb")]});
        assert_eq!(call(&adapter, "biz", "publish", &post), Outcome::Cancelled);
        assert_eq!(adapter.stop(), Held { hosts: 0, futures: 0 }, "after {answered} answers");
    }
}

fn library() -> &'static Library {
    static LIBRARY: OnceLock<Library> = OnceLock::new();
    LIBRARY.get_or_init(|| Library::load(&build::adapter("juzhen-adapter-weibo").unwrap()).unwrap())
}

fn start() -> (Adapter, Script) {
    let script = Script::default();
    (library().start(&script, &json!({})).unwrap(), script)
}

fn call(adapter: &Adapter, tier: &str, operation: &str, body: &Value) -> Outcome {
    call_with(adapter, tier, &json!({}), operation, body)
}

fn call_with(adapter: &Adapter, tier: &str, changed: &Value, operation: &str, body: &Value) -> Outcome {
    let mut settings =
        json!({"base_url": "http://wb/", "tier": tier, "safe_domain": "gov.cn", "app_key": "1352222456"});
    for (name, value) in changed.as_object().into_iter().flatten() {
        settings[name] = value.clone();
    }
    let meta = json!({"uid": "5000000001", "idempotency_key": "key-1", "settings": settings});
    adapter.call(operation, &meta, body).unwrap()
}

fn status(id: &str, text: &str) -> Value {
    json!({"id": 1, "idstr": id, "created_at": POSTED, "text": text, "user": {"idstr": "5000000001"}})
}

fn no(code: i64) -> Answer {
    Answer::json(400, &json!({"error": "no", "error_code": code, "request": "/2/x.json"}))
}

fn answer(outcome: Outcome) -> Value {
    match outcome {
        Outcome::Answer(answer) => answer,
        other => panic!("no answer: {other:?}"),
    }
}

fn error(outcome: Outcome) -> AdapterError {
    match outcome {
        Outcome::Error(error) => error,
        other => panic!("not an error: {other:?}"),
    }
}

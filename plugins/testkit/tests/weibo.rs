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
        ("open", json!({"text": "图 https://gov.cn/1", "media": [picture, picture]}), "只能发 1 张图片"),
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
fn several_pictures_go_before_a_granted_post_and_nothing_is_out_where_the_app_may_not() {
    let picture = |blob| json!({"blob": blob, "mime": "image/png", "bytes": 3});
    let two = json!({"text": "图", "media": [picture("aa"), picture("bb")]});
    let (adapter, script) = start();
    for id in ["p1", "p2"] {
        script.answer(Answer::json(200, &json!({"pic_id": id})));
    }
    script.answer(Answer::json(200, &status("2", "x")));
    answer(call(&adapter, "granted", "publish", &two));
    let asked: Vec<String> = script.requests().iter().map(|request| request.head.url.clone()).collect();
    let upload = "http://wb/2/statuses/upload_pic.json";
    assert_eq!(asked, [upload, upload, "http://wb/2/statuses/upload_url_text.json"]);
    let (adapter, script) = start();
    script.answer(no(10014));
    let said = error(call(&adapter, "granted", "publish", &two));
    assert!(matches!(said.kind, ErrorKind::Rejected { by: RejectedBy::Permission, .. }), "{said:?}");
    assert_eq!(script.requests().len(), 1, "no post without its pictures");
}

#[test]
fn a_long_post_says_that_it_is_one_where_the_account_has_them() {
    let picture = json!({"blob": "aa", "mime": "image/png", "bytes": 3});
    let long = json!({"long_posts": true});
    let of = |characters: usize, pictures: usize| json!({"text": "汉".repeat(characters), "media": vec![picture.clone(); pictures]});
    for (tier, post, path) in [
        ("granted", of(141, 0), "/2/statuses/update.json"),
        ("granted", of(2000, 1), "/2/statuses/upload.json"),
        ("biz", of(141, 0), "/c/2/statuses/update/biz.json"),
        ("biz", of(141, 1), "/c/2/statuses/upload_url_text/biz.json"),
    ] {
        let (adapter, script) = start();
        if path.contains("upload_url_text") {
            script.answer(Answer::json(200, &json!({"pic_id": "p1"})));
        }
        script.answer(Answer::json(200, &status("1", "x")));
        answer(call_with(&adapter, tier, &long, "publish", &post));
        let requests = script.requests();
        let sent = requests.last().unwrap();
        assert_eq!(sent.head.url, format!("http://wb{path}"));
        let in_form = String::from_utf8_lossy(&sent.body).contains("is_longtext=1");
        let in_parts =
            sent.head.parts.iter().any(
                |part| matches!(part, Part::Text { name, value } if name == "is_longtext" && value == "1"),
            );
        assert!(in_form || in_parts, "{tier} {path}");
    }
    for (tier, settings, post, says) in [
        ("biz", json!({}), of(141, 0), "超过微博 140 字"),
        (
            "open",
            long.clone(),
            json!({"text": "汉".repeat(140), "link": "https://gov.cn/1"}),
            "超过微博 140 字",
        ),
        ("biz", long.clone(), of(2001, 0), "2000 字的限制"),
        ("granted", long.clone(), of(141, 2), "只留一张图片"),
    ] {
        let (adapter, script) = start();
        let said = error(call_with(&adapter, tier, &settings, "publish", &post));
        assert!(said.message.contains(says), "{tier}: {}", said.message);
        assert!(script.requests().is_empty());
    }
    let (adapter, script) = start();
    let repost =
        json!({"origin": {"id": "9", "account_name": "某区", "uid": "1"}, "comment": "汉".repeat(141)});
    assert!(error(call_with(&adapter, "biz", &long, "repost", &repost)).message.contains("140 字"));
    assert!(script.requests().is_empty(), "a forward is never long");
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
fn f66_an_open_post_is_known_by_the_address_that_its_delivery_alone_has() {
    let shown = "今日停水 http://t.cn/A6cExAmp \u{200b}";
    let linked = |id, key: &str| {
        let mut status = status(id, shown);
        let long = format!("https://gov.cn/w/{key}");
        status["url_objects"] = json!([{"url_ori": "http://t.cn/A6cExAmp", "info": {"url_long": long}}]);
        status
    };
    let start_ms = Script::START_UNIX_MS;
    let find = json!({"post": {"text": "今日停水"}, "since_unix_ms": start_ms - 5000, "until_unix_ms": start_ms + 5000});
    for (form, expected) in [
        // Weibo did not say what the first one's address stands for, so that its text decides.
        ("https://gov.cn/w/{key}", vec!["1", "3"]),
        // Every post ends with the same address: it marks none.
        ("https://gov.cn/w", vec!["1", "2", "3"]),
    ] {
        let (adapter, script) = start();
        let listed = json!([linked("3", "key-1"), linked("2", "key-2"), status("1", shown)]);
        script.answer(Answer::json(200, &json!({"statuses": listed, "total_number": 3})));
        let link = json!({"share_link": form});
        let found = answer(call_with(&adapter, "open", &link, "find_published", &find));
        let ids: Vec<_> =
            found["matches"].as_array().unwrap().iter().map(|m| m["id"].as_str().unwrap()).collect();
        assert_eq!(ids, expected, "{form}");
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
fn signing_in_captures_the_token_and_refuses_another_accounts() {
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
    let wrong = error(call(&adapter, "open", "authorize", &code));
    assert!(wrong.message.contains("授权的是账号 5000000002"), "{}", wrong.message);
    assert_eq!(script.requests().len(), 2, "giving it back would end that account's own tokens");
    // Where the app has registered another address than the daemon's, and where there is none at all.
    let own = json!({"redirect_uri": "https://gov.cn/"});
    let url =
        answer(call_with(&adapter, "open", &own, "authorize", &begin))["url"].as_str().unwrap().to_owned();
    assert!(url.contains("redirect_uri=https%3A%2F%2Fgov.cn%2F&"), "{url}");
    let nowhere = json!({"step": "begin", "redirect_uri": "", "state": "s"});
    let error = error(call(&adapter, "open", "authorize", &nowhere));
    assert!(error.message.contains("public_url") && error.kind.name() == "misconfigured", "{error:?}");
}

#[test]
fn a_check_says_how_long_the_token_lasts_and_whose_it_is() {
    let (adapter, script) = start();
    let token = || Answer::json(200, &json!({"uid": 5_000_000_001_i64, "expire_in": 60}));
    let left = |hits: u32| Answer::json(200, &json!({"remaining_user_hits": hits}));
    [token(), left(0)].into_iter().for_each(|answer| script.answer(answer));
    let info = answer(call(&adapter, "biz", "check", &json!({})));
    assert_eq!(info["signed_in_until_unix_ms"], Script::START_UNIX_MS + 60_000);
    assert_eq!(info["lacks"][0]["what"], "quota", "{info}");
    // An empty request of each interface that the tier promises: one is not granted.
    [token(), left(9), no(20008), no(10014), no(10016)].into_iter().for_each(|answer| script.answer(answer));
    let info = answer(call(&adapter, "biz", "check", &json!({})));
    let [lack] = &info["lacks"].as_array().unwrap()[..] else { panic!("{info}") };
    assert_eq!((&lack["what"], &lack["code"]), (&json!("permission"), &json!("10014")));
    assert!(lack["text"].as_str().unwrap().starts_with("转发："), "{lack}");
    for sent in script.requests().iter().skip(4) {
        assert_eq!(sent.head.effect, Effect::Safe);
        assert_eq!(String::from_utf8_lossy(&sent.body).split('&').count(), 1, "nothing but the token");
    }
    script.answer(Answer::json(200, &json!({"uid": 5, "expire_in": 60})));
    assert_eq!(error(call(&adapter, "biz", "check", &json!({}))).kind.name(), "rejected");
}

/// The kit signs in a way that a test can read: the hexadecimal of what was signed.
fn pushed(method: &str, nonce: &str, more: &[(&str, &str)], body: &Value) -> Value {
    let timestamp = Script::START_UNIX_MS.to_string();
    let signed = ["{{secret:app_secret}}", &timestamp, nonce].concat();
    let signature: String = signed.bytes().map(|byte| format!("{byte:02x}")).collect();
    let mut query = vec![("signature", signature.as_str()), ("timestamp", &timestamp), ("nonce", nonce)];
    query.extend(more);
    json!({"method": method, "query": query, "headers": [], "body": if body.is_null() { String::new() } else { body.to_string() }})
}

#[test]
fn what_people_write_in_private_is_pushed_and_told_and_answered_with_nothing() {
    let body = json!({"type": "text", "receiver_id": 5_000_000_001_u64, "sender_id": 5_000_000_777_u64,
        "created_at": POSTED, "text": "几点来水？", "data": {}});
    let (adapter, script) = start();
    let received = answer(call(&adapter, "open", "receive", &pushed("POST", "15", &[], &body)));
    assert_eq!((&received["status"], &received["body"]), (&json!(200), &json!("")));
    let message = &received["told"][0]["message"];
    assert_eq!((&message["kind"], &message["text"]), (&json!("private"), &json!("几点来水？")));
    assert_eq!(message["author"]["uid"], "5000000777");
    assert_eq!(message["reply_until_unix_ms"], json!(Script::START_UNIX_MS + 48 * 3_600_000));
    assert_eq!(received["once"]["key"], json!(format!("{} 15", Script::START_UNIX_MS)));
    let mut event = body.clone();
    event["type"] = json!("event");
    event["data"] = json!({"subtype": "follow"});
    let received = answer(call(&adapter, "open", "receive", &pushed("POST", "16", &[], &event)));
    assert_eq!(
        (&received["status"], &received["told"]),
        (&json!(200), &json!([])),
        "a new follower is no message"
    );
    let echo =
        answer(call(&adapter, "open", "receive", &pushed("GET", "17", &[("echostr", "wx-1")], &Value::Null)));
    assert_eq!((&echo["status"], &echo["body"]), (&json!(200), &json!("wx-1")));
    assert!(script.requests().is_empty(), "nothing is sent from here");
    assert_eq!(adapter.stop(), Held { hosts: 0, futures: 0 });
}

#[test]
fn c31_a_push_that_is_not_weibos_or_not_for_this_account_tells_nothing() {
    let body = json!({"type": "text", "receiver_id": 5_000_000_001_u64, "sender_id": 1, "created_at": POSTED, "text": "x"});
    let good = pushed("POST", "15", &[], &body);
    let changed = |change: fn(&mut Value)| {
        let mut request = good.clone();
        change(&mut request);
        request
    };
    for (request, status) in [
        (changed(|r| r["query"][0][1] = json!("00")), 401),
        (changed(|r| r["query"] = json!([])), 401),
        (changed(|r| r["query"][1][1] = json!((Script::START_UNIX_MS - 300_001).to_string())), 401),
        (changed(|r| r["method"] = json!("PUT")), 405),
        (changed(|r| r["body"] = json!("{")), 400),
        (changed(|r| r["body"] = json!("x".repeat(65_537))), 413),
        (
            changed(|r| r["body"] = json!(r["body"].as_str().unwrap().replace("5000000001", "5000000002"))),
            400,
        ),
        (pushed("GET", "15", &[], &Value::Null), 400),
    ] {
        let (adapter, _) = start();
        let received = answer(call(&adapter, "open", "receive", &request));
        assert_eq!((&received["status"], &received["told"]), (&json!(status), &json!([])), "{request}");
        assert_eq!(received["once"], Value::Null, "{request}");
    }
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

//! A post on its way: pictures, draft, the one request that counts, what became of it, and taking it away.

use juzhen_abi::message::{Effect, ErrorKind, HostErrorKind, RejectedBy};
use juzhen_testkit::{Answer, Outcome, Script};
use serde_json::{Value, json};

use super::{answer, body, call, error, error_kind, meta, no, ok, paths, signed, start, stop, yes};

const DRAFT: &str = "R7_draft";

fn post() -> Value {
    let picture = |blob: &str, alt: &str| json!({"blob": blob, "mime": "image/png", "bytes": 3, "alt": alt});
    json!({
        "title": "停水通知", "text": "今日停水 <4 小时>。\n敬请谅解。", "link": "https://a.gov.cn/1",
        "media": [picture("aa", "区域图"), picture("bb", "")],
    })
}

/// Everything that comes before the request that counts.
fn prepared(script: &Script) {
    for answer in [
        yes(&json!({"url": "http://mmbiz.qpic.cn/1"})),
        yes(&json!({"url": "http://mmbiz.qpic.cn/2"})),
        yes(&json!({"media_id": "M1", "url": "http://mmbiz.qpic.cn/c", "item": []})),
        yes(&json!({"media_id": DRAFT})),
    ] {
        script.answer(answer);
    }
}

#[test]
fn an_article_is_pictures_a_draft_and_one_request_that_counts() {
    let (adapter, script) = start();
    prepared(&script);
    script.answer(yes(
        &json!({"errcode": 0, "errmsg": "ok", "publish_id": "100000001", "msg_data_id": 2_247_483_101_u64}),
    ));
    let published = answer(call(&adapter, "publish", &post()));
    let ticket = format!("free:100000001:2247483101:{}:{DRAFT}", Script::START_UNIX_MS);
    assert_eq!(published, json!({"state": "accepted", "ticket": ticket}));
    let upload = "/cgi-bin/media/uploadimg";
    assert_eq!(
        paths(&script),
        [
            signed(upload),
            signed(upload),
            "/cgi-bin/material/add_material?type=image&access_token={{secret:access_token}}".to_owned(),
            signed("/cgi-bin/draft/add"),
            signed("/cgi-bin/freepublish/submit"),
        ]
    );
    let requests = script.requests();
    for preparing in &requests[..4] {
        assert_eq!(preparing.head.effect, Effect::Safe, "may be done again");
    }
    let submit = &requests[4];
    assert_eq!((body(submit), &submit.head.effect), (json!({"media_id": DRAFT}), &Effect::Mutating));
    let content = "<p>今日停水 &lt;4 小时&gt;。</p><p>敬请谅解。</p>\
        <p><img src=\"http://mmbiz.qpic.cn/1\" alt=\"区域图\"/></p><p><img src=\"http://mmbiz.qpic.cn/2\" alt=\"\"/></p>";
    let article = json!({
        "article_type": "news", "title": "停水通知", "digest": "今日停水 <4 小时>。敬请谅解。", "content": content,
        "content_source_url": "https://a.gov.cn/1", "thumb_media_id": "M1", "need_open_comment": 0,
        "only_fans_can_comment": 0,
    });
    assert_eq!(body(&requests[3]), json!({"articles": [article]}));
    let raw = String::from_utf8(requests[3].body.clone()).unwrap();
    assert!(
        raw.contains("停水通知") && !raw.contains("\\u"),
        "raw UTF-8: escapes would be stored as they stand"
    );
    // The same pictures again are not uploaded again.
    script.answer(yes(&json!({"media_id": DRAFT})));
    script.answer(yes(&json!({"errcode": 0, "publish_id": 100_000_002})));
    answer(call(&adapter, "publish", &post()));
    assert_eq!(script.requests().len(), 7);
    stop(adapter);
}

#[test]
fn a_cover_that_somebody_deleted_is_uploaded_again() {
    let (adapter, script) = start();
    prepared(&script);
    script.answer(yes(&json!({"errcode": 0, "publish_id": "1"})));
    answer(call(&adapter, "publish", &post()));
    let before = script.requests().len();
    for answer in [
        no(40007),
        yes(&json!({"media_id": "M2"})),
        yes(&json!({"media_id": DRAFT})),
        yes(&json!({"errcode": 0, "publish_id": "2"})),
    ] {
        script.answer(answer);
    }
    answer(call(&adapter, "publish", &post()));
    assert_eq!(body(&script.requests()[before + 2])["articles"][0]["thumb_media_id"], "M2");
}

#[test]
fn f50_f51_f52_a_lost_answer_is_in_doubt_and_one_of_what_comes_before_is_tried_again() {
    for lost in [
        Answer::Fails(HostErrorKind::NoAnswer),
        Answer::bytes(502, b"<html>"),
        Answer::bytes(200, b"<html>login</html>"),
        yes(&json!({"errcode": 0, "errmsg": "ok"})),
        no(-1),
        no(40007),
        no(99999),
    ] {
        let (adapter, script) = start();
        prepared(&script);
        let said = format!("{lost:?}");
        script.answer(lost);
        assert_eq!(error_kind(call(&adapter, "publish", &post())), ErrorKind::InDoubt, "{said}");
        assert_eq!(script.requests().len(), 5, "and the draft is left alone: {said}");
    }
    for lost in [Answer::Fails(HostErrorKind::NoAnswer), Answer::bytes(502, b""), no(-1)] {
        let (adapter, script) = start();
        script.answer(lost);
        let kind = error_kind(call(&adapter, "publish", &post()));
        assert!(matches!(kind, ErrorKind::Retryable { .. }), "{kind:?}");
    }
}

#[test]
fn f56_a_refused_publication_says_why_in_chinese_and_its_draft_is_cleaned_up() {
    let (adapter, script) = start();
    prepared(&script);
    script.answer(no(53503));
    script.answer(ok());
    let refused = error(call(&adapter, "publish", &post()));
    assert_eq!(refused.kind, ErrorKind::Rejected { code: Some("53503".into()), by: RejectedBy::Content });
    assert!(
        refused.message.starts_with("草稿没有通过发布检查") && refused.message.contains("rid:"),
        "{}",
        refused.message
    );
    let last = script.requests().pop().unwrap();
    assert!(last.head.url.contains("/cgi-bin/draft/delete") && last.head.effect == Effect::Safe);
    assert_eq!(body(&last), json!({"media_id": DRAFT}));
}

#[test]
fn what_the_platform_would_refuse_is_refused_before_anything_is_sent() {
    let (adapter, script) = start();
    for (name, value, code) in [
        ("title", json!("字".repeat(33)), "title_too_long"),
        ("text", json!("字".repeat(20_000)), "text_too_long"),
        ("media", json!([{"blob": "aa", "mime": "image/png", "bytes": 1 << 20}]), "picture_size"),
        ("media", json!([]), "no_cover"),
    ] {
        let mut post = post();
        post[name] = value;
        let kind = error_kind(call(&adapter, "publish", &post));
        assert_eq!(kind, ErrorKind::Rejected { code: Some(code.into()), by: RejectedBy::Content });
    }
    assert!(script.requests().is_empty());
}

fn mass(adapter: &juzhen_testkit::Adapter, seconds: i64) -> Outcome {
    let mut meta = meta(&json!({"mode": "mass"}));
    meta["deadline_unix_ms"] = json!(Script::START_UNIX_MS + seconds * 1000);
    adapter.call("publish", &meta, &post()).unwrap()
}

#[test]
fn a_mass_send_has_a_key_of_its_delivery_and_is_the_platforms_to_do_once() {
    let mut keys = Vec::new();
    for _try in 0..2 {
        let (adapter, script) = start();
        prepared(&script);
        script.answer(yes(&json!({"errcode": 0, "errmsg": "send job submission success", "msg_id": 3_147_494_522_u64, "msg_data_id": 206_227_730})));
        let published = answer(mass(&adapter, 60));
        let ticket = format!("mass:3147494522:206227730:{}:{DRAFT}", Script::START_UNIX_MS);
        assert_eq!(published, json!({"state": "accepted", "ticket": ticket}));
        let requests = script.requests();
        let sent = body(&requests[4]);
        let key = sent["clientmsgid"].as_str().unwrap().to_owned();
        assert!(key.len() == 32 && key.bytes().all(|one| one.is_ascii_hexdigit()), "{key}");
        assert_eq!(
            sent,
            json!({
                "filter": {"is_to_all": true}, "mpnews": {"media_id": DRAFT}, "msgtype": "mpnews",
                "send_ignore_reprint": 0, "clientmsgid": key,
            })
        );
        assert_eq!(requests[4].head.effect, Effect::Idempotent(key.clone()));
        keys.push(key);
    }
    assert_eq!(keys[0], keys[1]);
}

#[test]
fn f57_f64_a_key_that_is_known_is_this_delivery_and_an_administrator_is_waited_for() {
    let now = Script::START_UNIX_MS;
    for (said, ticket) in [
        (
            json!({"errcode": 45065, "errmsg": "clientmsgid exist", "msg_id": 123_456}),
            format!("mass:123456::{now}:{DRAFT}"),
        ),
        (json!({"errcode": 89505, "errmsg": "confirm", "msg_id": 7}), format!("mass:7::{now}:{DRAFT}")),
        (json!({"errcode": 89504, "errmsg": "confirming"}), format!("mass:::{now}:{DRAFT}")),
    ] {
        let (adapter, script) = start();
        prepared(&script);
        script.answer(yes(&said));
        assert_eq!(answer(mass(&adapter, 60)), json!({"state": "accepted", "ticket": ticket}), "{said}");
        assert_eq!(script.requests().len(), 5, "nothing is cleaned up or sent again");
    }
}

#[test]
fn f58_a_key_used_a_moment_ago_is_asked_for_again_after_a_minute_where_the_call_has_one() {
    for lost in [no(45066), Answer::Fails(HostErrorKind::NoAnswer), Answer::bytes(502, b""), no(-1)] {
        let (adapter, script) = start();
        prepared(&script);
        script.answer(lost.clone());
        assert_eq!(error_kind(mass(&adapter, 60)), ErrorKind::InDoubt, "{lost:?}");
        let (adapter, script) = start();
        prepared(&script);
        script.answer(lost);
        script.answer(yes(&json!({"errcode": 45065, "errmsg": "clientmsgid exist", "msg_id": 9})));
        let published = answer(mass(&adapter, 180));
        assert!(published["ticket"].as_str().unwrap().starts_with("mass:9::"), "{published}");
        let requests = script.requests();
        assert_eq!((&requests[4].body, &requests[4].head), (&requests[5].body, &requests[5].head));
    }
}

#[test]
fn a_used_up_mass_send_waits_until_the_next_day_of_beijing() {
    let (adapter, script) = start();
    prepared(&script);
    script.answer(no(45028));
    script.answer(ok());
    // The script's clock stands at 08:00 in Beijing.
    let tomorrow = Script::START_UNIX_MS + 16 * 3_600_000;
    assert!(
        matches!(error_kind(mass(&adapter, 60)), ErrorKind::Quota { until_unix_ms: Some(at), .. } if at == tomorrow)
    );
}

fn track(adapter: &juzhen_testkit::Adapter, ticket: &str) -> Outcome {
    call(adapter, "track", &json!({"ticket": ticket}))
}

/// A ticket of so many seconds ago.
fn ticket(mode: &str, seconds: i64) -> String {
    format!("{mode}:100000001::{}:{DRAFT}", Script::START_UNIX_MS - seconds * 1000)
}

#[test]
fn f63_a_publication_is_asked_for_seldom_and_what_became_of_it_is_told() {
    let (adapter, script) = start();
    let pending = Outcome::Answer(json!({"state": "pending", "after_ms": null}));
    assert_eq!(track(&adapter, &ticket("free", 2)), pending, "too early to ask");
    assert!(script.requests().is_empty());
    script.answer(yes(&json!({"publish_id": 100_000_001, "publish_status": 1, "fail_idx": [1]})));
    assert_eq!(track(&adapter, &ticket("free", 11)), pending);
    assert_eq!(track(&adapter, &ticket("free", 12)), pending, "asked a moment ago");
    assert_eq!(script.requests().len(), 1);
    let url = "http://mp.weixin.qq.com/s?__biz=M&mid=2247483655&idx=1";
    script.answer(yes(&json!({
        "publish_id": "100000001", "publish_status": 0, "article_id": "A1",
        "article_detail": {"count": 1, "item": [{"idx": 1, "article_url": url}]}, "fail_idx": [],
    })));
    let published = json!({"state": "published", "id": "A1", "url": url, "at_unix_ms": null});
    assert_eq!(track(&adapter, &ticket("free", 40)), Outcome::Answer(published));
    assert_eq!(script.kv("comments:A1").unwrap(), b"2247483655");
    // Days later the platform has taken it down.
    script.answer(yes(&json!({"publish_id": "100000001", "publish_status": 6})));
    script.answer(ok());
    let removed = json!({"state": "refused", "reason": "发布成功后，文章被平台封禁"});
    assert_eq!(track(&adapter, &ticket("free", 86_400)), Outcome::Answer(removed));
}

#[test]
fn f63_a_refused_publication_is_told_and_its_draft_cleaned_up() {
    let (adapter, script) = start();
    script.answer(yes(&json!({"publish_id": "100000001", "publish_status": 4, "fail_idx": [1]})));
    script.answer(ok());
    let refused = json!({"state": "refused", "reason": "平台审核没有通过"});
    assert_eq!(track(&adapter, &ticket("free", 60)), Outcome::Answer(refused));
    assert!(paths(&script)[1].contains("draft/delete"));
}

#[test]
fn a_mass_send_is_asked_for_by_its_number_and_a_used_up_quota_ends_no_waiting() {
    for (status, state) in [("SEND_SUCCESS", "published"), ("SENDING", "pending"), ("SEND_FAIL", "refused")] {
        let (adapter, script) = start();
        script.answer(yes(&json!({"msg_id": 100_000_001, "msg_status": status})));
        script.answer(ok());
        assert_eq!(answer(track(&adapter, &ticket("mass", 60)))["state"], state);
    }
    let (adapter, script) = start();
    script.answer(no(45009));
    assert_eq!(answer(track(&adapter, &ticket("mass", 60)))["state"], "pending");
    assert_eq!(answer(track(&adapter, &ticket("mass", 61)))["state"], "pending");
    assert_eq!(script.requests().len(), 1, "and it costs no further requests");
    let (adapter, script) = start();
    script.answer(yes(&json!({"publish_id": "1", "publish_status": 9})));
    assert_eq!(error_kind(track(&adapter, &ticket("free", 60))), ErrorKind::InDoubt, "a status nobody knows");
}

fn listed(id: &str, title: &str, link: &str, seconds: i64) -> Value {
    let news = json!({"title": title, "content_source_url": link, "url": format!("http://mp/{id}"), "is_deleted": false});
    json!({"article_id": id, "content": {"news_item": [news]}, "update_time": Script::START_UNIX_MS / 1000 + seconds})
}

#[test]
fn f66_what_is_found_has_the_same_title_link_and_whole_text() {
    let (adapter, script) = start();
    let link = "https://a.gov.cn/1";
    let mut gone = listed("G", "停水通知", link, 6);
    gone["content"]["news_item"][0]["is_deleted"] = json!(true);
    let items = json!([
        gone,
        listed("A", "停水通知", link, 5),
        listed("B", "停水通知", link, 4),
        listed("C", "停水通知", "", 3),
        listed("D", "别的通知", link, 2),
        listed("E", "停水通知", link, -600),
    ]);
    script.answer(yes(&json!({"total_count": 40, "item_count": 6, "item": items})));
    let text = |text: &str| {
        yes(&json!({"news_item": [{"title": "停水通知", "content": text, "is_deleted": false}]}))
    };
    script.answer(text("<p>今日停水。</p>"));
    script.answer(text(
        "<p style=\"x\">今日停水 &lt;4&nbsp;小时&gt;。</p><p>敬请谅解。</p><p><img data-src=\"u\"/></p>",
    ));
    let now = Script::START_UNIX_MS;
    let find = json!({"post": post(), "since_unix_ms": now, "until_unix_ms": now + 60_000});
    let found = answer(call(&adapter, "find_published", &find));
    let expected = json!([{"id": "A", "url": "http://mp/A", "at_unix_ms": now + 5000, "text": "停水通知"}]);
    assert_eq!(found, json!({"matches": expected, "complete": true}), "read to beyond the window");
    assert!(script.requests().iter().all(|request| request.head.effect == Effect::Safe));
}

#[test]
fn mass_sends_have_no_list_and_others_are_watched_only_when_asked_for() {
    let (adapter, script) = start();
    let all = json!({"since_unix_ms": 0, "until_unix_ms": i64::MAX});
    let mass =
        adapter.call("find_published", &meta(&json!({"mode": "mass"})), &json!({"post": post()})).unwrap();
    for unsupported in [mass, call(&adapter, "find_published", &all)] {
        assert!(matches!(error_kind(unsupported), ErrorKind::Unsupported { .. }));
    }
    for page in 0..5 {
        let items: Vec<_> =
            (0..20).map(|n| listed(&format!("{page}-{n}"), "题", "", -page * 20 - n)).collect();
        script.answer(yes(&json!({"total_count": 243, "item": items})));
    }
    let found = answer(adapter.call("find_published", &meta(&json!({"watch": true})), &all).unwrap());
    assert_eq!((found["matches"].as_array().unwrap().len(), &found["complete"]), (100, &json!(false)));
}

#[test]
fn an_article_and_a_mass_send_are_taken_away_each_by_its_own_interface() {
    let (adapter, script) = start();
    for id in ["b5O2OUs25H", "3147494522"] {
        script.answer(ok());
        assert_eq!(call(&adapter, "retract", &json!({"id": id})), Outcome::Answer(json!({})));
    }
    let bodies: Vec<_> = script.requests().iter().map(body).collect();
    assert_eq!(bodies[0], json!({"article_id": "b5O2OUs25H", "index": 0}));
    assert_eq!(bodies[1], json!({"msg_id": 3_147_494_522_u64, "article_idx": 0}));
    script.answer(no(53600));
    assert!(matches!(error_kind(call(&adapter, "retract", &json!({"id": "x"}))), ErrorKind::Rejected { .. }));
}

#[test]
fn cancelled_at_every_request_it_holds_nothing() {
    for answered in 0..5 {
        let (adapter, script) = start();
        let answers =
            [json!({"url": "u"}), json!({"url": "u"}), json!({"media_id": "m"}), json!({"media_id": "d"})];
        answers.iter().take(answered).for_each(|answer| script.answer(yes(answer)));
        script.answer(Answer::Never);
        assert_eq!(call(&adapter, "publish", &post()), Outcome::Cancelled);
        assert_eq!(script.requests().len(), answered + 1);
        stop(adapter);
    }
}

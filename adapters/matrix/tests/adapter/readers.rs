//! What the room shows: posts that are looked for, what people write, and answers to them.

use juzhen_sdk::message::Effect;
use juzhen_testkit::{Answer, Script};
use serde_json::{Value, json};

use super::{ME, answer, body, call, error, event, sent, start};

#[test]
fn f66_f67_a_post_is_known_by_its_delivery_and_by_nothing_else() {
    let same_text = event("$2", 2000, &json!({"body": "今日停水"}));
    let others = event("$3", 3000, &json!({"body": "今日停水", "juzhen.delivery": "key-2"}));
    let ours = event("$1", 1000, &json!({"body": "今日停水", "juzhen.delivery": "key-1"}));
    let redacted = event("$4", 4000, &json!({}));
    let strange = json!({"event_id": 7, "origin_server_ts": "x", "content": {"body": 5, "m.relates_to": []}});
    for (pages, complete) in [(1, true), (2, true)] {
        let (adapter, script) = start();
        let mut first = json!({"chunk": [redacted, others, same_text], "start": "a"});
        if pages == 2 {
            first["end"] = json!("b");
        } else {
            first["chunk"].as_array_mut().unwrap().push(ours.clone());
        }
        script.answer(Answer::json(200, &first));
        let older = event("$0", -60_000, &json!({"body": "旧"}));
        script.answer(Answer::json(200, &json!({"chunk": [ours, strange, older], "end": "c"})));
        let found = answer(call(&adapter, "find_published", &find(true)));
        let ids: Vec<_> = found["matches"].as_array().unwrap().iter().map(|one| &one["id"]).collect();
        assert_eq!((ids, found["complete"].as_bool()), (vec![&json!("$1")], Some(complete)));
        assert_eq!(script.requests().len(), pages);
    }
    // A room that never ends is read in part.
    let (adapter, script) = start();
    (0..20).for_each(|_| script.answer(Answer::json(200, &json!({"chunk": [], "end": "more"}))));
    assert_eq!(answer(call(&adapter, "find_published", &find(true)))["complete"], false);
}

#[test]
fn p27_every_word_of_the_account_is_listed_also_another_version_but_no_answer_to_a_reader() {
    let (adapter, script) = start();
    let edit = json!({"body": "* 改", "m.relates_to": {"rel_type": "m.replace", "event_id": "$1"}});
    let thread = json!({"body": "谢谢", "m.relates_to": {"rel_type": "m.thread", "event_id": "$1"}});
    let reply =
        json!({"body": "好", "juzhen.answer": "k", "m.relates_to": {"m.in_reply_to": {"event_id": "$9"}}});
    let chunk = json!([
        event("$5", 5000, &reply),
        event("$4", 4000, &thread),
        event("$3", 3000, &edit),
        event("$2", 2000, &json!({"body": "手工发的"})),
        event("$1", 1000, &json!({"body": "我们的", "juzhen.delivery": "key-1"})),
    ]);
    script.answer(Answer::json(200, &json!({"chunk": chunk})));
    let found = answer(call(&adapter, "find_published", &find(false)));
    let texts: Vec<_> =
        found["matches"].as_array().unwrap().iter().map(|one| one["text"].as_str().unwrap()).collect();
    assert_eq!((texts, found["complete"].as_bool()), (vec!["我们的", "手工发的", "* 改"], Some(true)));
    let filter = format!("senders%22%3A%5B%22{}", "%40qu%3Agov.example");
    assert!(script.requests()[0].head.url.contains(&filter), "{}", script.requests()[0].head.url);
}

#[test]
fn readers_are_heard_from_where_the_last_look_ended() {
    let (adapter, script) = start();
    let member = json!({"type": "m.room.member", "state_key": "@min:x", "content": {"displayname": "市民"}});
    let answer_to = json!({"body": "> <@qu:gov.example> 停水\n\n几点来水？", "m.relates_to": {"m.in_reply_to": {"event_id": "$p"}}});
    let in_thread = json!({"body": "同问", "m.relates_to": {"rel_type": "m.thread", "event_id": "$p", "is_falling_back": true,
        "m.in_reply_to": {"event_id": "$c1"}}});
    let calls = json!({"body": "在吗", "m.mentions": {"user_ids": [ME]}});
    let by = |id, at, content| {
        let mut event = event(id, at, &content);
        event["sender"] = json!("@min:x");
        event
    };
    let newest_first = json!([
        by("$c4", 4000, json!({"body": "闲聊"})),
        by("$c3", 3000, calls),
        by("$c2", 2000, in_thread),
        // Its server says that it is old; that alone does not end the look.
        by("$c0", -9000, json!({"body": "旧"})),
        by("$c1", 1000, answer_to),
    ]);
    script.answer(Answer::json(
        200,
        &json!({"chunk": newest_first, "state": [member], "start": "now", "end": "old"}),
    ));
    let old = json!([by("$b", -9500, json!({"body": "更旧"}))]);
    script.answer(Answer::json(200, &json!({"chunk": old, "end": "older"})));
    let first = answer(call(
        &adapter,
        "poll_messages",
        &json!({"since_unix_ms": Script::START_UNIX_MS, "posts": ["$p"]}),
    ));
    let seen: Vec<_> = first["messages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["kind"].as_str().unwrap(), one["id"].as_str().unwrap(), one["post"].as_str()))
        .collect();
    assert_eq!(
        seen,
        [
            ("comment", "$c1", Some("$p")),
            ("comment", "$c2", Some("$p")),
            ("mention", "$c3", None),
            ("other", "$c4", None)
        ]
    );
    let message = &first["messages"][0];
    assert_eq!((&message["text"], &message["author"]["name"]), (&json!("几点来水？"), &json!("市民")));
    assert_eq!((&first["cursor"], &first["more"]), (&json!("now"), &json!(false)));
    // On from there, forwards, and no further than asked for.
    script.answer(Answer::json(
        200,
        &json!({"chunk": [by("$c5", 5000, json!({"body": "五"}))], "end": "later"}),
    ));
    let next = answer(call(&adapter, "poll_messages", &json!({"cursor": "now", "most": 1})));
    assert_eq!((&next["cursor"], &next["more"]), (&json!("later"), &json!(true)));
    let url = script.requests()[2].head.url.clone();
    assert!(url.contains("dir=f") && url.contains("from=now") && url.contains("limit=1&"), "{url}");
    // Nothing new: a server names no further place then, and the cursor stays.
    script.answer(Answer::json(200, &json!({"chunk": [], "start": "later"})));
    let none = answer(call(&adapter, "poll_messages", &json!({"cursor": "later"})));
    assert_eq!((&none["cursor"], none["messages"].as_array().unwrap().len()), (&Value::Null, 0));
}

#[test]
fn an_answer_goes_into_the_thread_once_and_is_found_by_its_key() {
    let (adapter, script) = start();
    let thread = json!({"rel_type": "m.thread", "event_id": "$p"});
    let mut comment = event("$c", 0, &json!({"body": "几点？", "m.relates_to": thread}));
    comment["sender"] = json!("@min:x");
    script.answer(Answer::json(200, &comment));
    script.answer(sent("$r"));
    let reply = json!({"to": {"kind": "comment", "id": "$c", "at_unix_ms": Script::START_UNIX_MS}, "text": "17 时。"});
    let replied = answer(call(&adapter, "reply", &reply));
    assert_eq!((&replied["state"], &replied["id"]), (&json!("sent"), &json!("$r")));
    let request = &script.requests()[1];
    assert_eq!(request.head.effect, Effect::Idempotent("key-1".into()));
    let content = body(request);
    let relation = json!({"rel_type": "m.thread", "event_id": "$p", "is_falling_back": false, "m.in_reply_to": {"event_id": "$c"}});
    assert_eq!(
        (&content["m.relates_to"], &content["m.mentions"]),
        (&relation, &json!({"user_ids": ["@min:x"]}))
    );
    // A message that was taken away is not answered.
    script.answer(Answer::json(200, &event("$c", 0, &json!({}))));
    assert_eq!(error(call(&adapter, "reply", &reply)).kind.name(), "rejected");
    let mut look = reply;
    look["look_only"] = json!(true);
    script.answer(Answer::json(200, &json!({"chunk": [event("$r", 10, &content)]})));
    assert_eq!(answer(call(&adapter, "reply", &look))["id"], "$r");
    script.answer(Answer::json(200, &json!({"chunk": []})));
    assert_eq!(answer(call(&adapter, "reply", &look)), json!({"state": "not_seen", "complete": true}));
}

fn find(post: bool) -> Value {
    let post = if post { json!({"text": "今日停水"}) } else { Value::Null };
    let start = Script::START_UNIX_MS;
    json!({"post": post, "since_unix_ms": start, "until_unix_ms": start + 60_000})
}

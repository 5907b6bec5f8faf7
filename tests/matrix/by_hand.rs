//! Operations that the daemon does not ask for by itself yet, and those that read: through the host, against the same server.

use std::time::Duration;

use juzhen_host::memory::Memory;
use juzhen_host::{AccountContext, Call, EffectPolicy, Failure, Host, HostOptions, Reply, pack};
use juzhen_tests::{User, client, synapse};
use serde_json::{Value, json};

/// The account's id in the settings.
const ACCOUNT: &str = "M-1";

/// The adapter in a host of its own, for one account in one room.
struct Hand {
    host: Host,
    memory: Memory,
    user: User,
    room: String,
    _folder: tempfile::TempDir,
}

impl Hand {
    async fn new(user: &User, room: &str) -> Self {
        drop(client()); // TLS, which the host shares with it.
        let folder = tempfile::tempdir().unwrap();
        std::fs::copy(juzhen_tests::adapter("matrix"), folder.path().join("libmatrix.so")).unwrap();
        let mut options = HostOptions::new(folder.path()).in_process();
        options.egress.allow_private = true;
        let memory = Memory::default();
        memory.secrets.put(ACCOUNT, "access_token", &user.token);
        let host = Host::start(options, memory.ports()).await.unwrap();
        Self { host, memory, user: user.clone(), room: room.to_owned(), _folder: folder }
    }

    /// One operation under this key.
    async fn call(&self, operation: &str, key: &str, body: Value) -> Reply {
        let settings = json!({"base_url": synapse().await.url(), "room": self.room});
        let account = AccountContext {
            id: ACCOUNT.to_owned(),
            uid: self.user.id.clone(),
            settings: settings.as_object().unwrap().clone(),
        };
        let call = Call {
            adapter: "matrix".to_owned(),
            id: format!("{operation} {key}"),
            operation: operation.to_owned(),
            account,
            idempotency_key: key.to_owned(),
            attempt: 1,
            deadline: Duration::from_secs(60),
            body,
            effects: EffectPolicy::Journal,
        };
        self.host.call(call).await
    }

    async fn answer(&self, operation: &str, key: &str, body: Value) -> Value {
        let reply = self.call(operation, key, body).await;
        let bytes = reply.result.unwrap_or_else(|failure| panic!("{operation}: {failure}"));
        pack::unpack(&bytes).unwrap().0
    }

    async fn publish(&self, key: &str, text: &str) -> String {
        let published = self.answer("publish", key, json!({"text": text})).await;
        published["id"].as_str().unwrap().to_owned()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_post_is_found_by_its_delivery_and_taken_back_without_a_trace() {
    let server = synapse().await;
    let user = server.user("retract").await;
    let room = server.room(&user).await;
    let hand = Hand::new(&user, &room).await;
    let post = hand.publish("d-1", "今日停水").await;
    // The same text once more, by hand and without us.
    let others = server.send(&user, &room, json!({"msgtype": "m.text", "body": "今日停水"})).await;
    let window = |post: Value| json!({"post": post, "since_unix_ms": 0, "until_unix_ms": i64::MAX});
    let found = hand.answer("find_published", "d-1", window(json!({"text": "今日停水"}))).await;
    assert_eq!((found["matches"].as_array().unwrap().len(), &found["matches"][0]["id"]), (1, &json!(post)));
    assert_eq!(found["complete"], true);
    let all = hand.answer("find_published", "", window(Value::Null)).await;
    let ids: Vec<_> =
        all["matches"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap()).collect();
    assert_eq!(ids, [post.as_str(), others.as_str()], "oldest first");
    // Twice, under two keys, and another time what never was there.
    for (key, id) in [("r-1", post.as_str()), ("r-2", &post), ("r-3", "$of_nobody")] {
        assert_eq!(hand.answer("retract", key, json!({"id": id})).await, json!({}), "{key}");
    }
    let read = server.messages(&user, &room).await;
    let redacted = read.iter().find(|event| event["event_id"] == *post).unwrap();
    assert_eq!(redacted["content"], json!({}), "no key of ours is left either");
    let found = hand.answer("find_published", "d-1", window(json!({"text": "今日停水"}))).await;
    assert_eq!(found["matches"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_people_write_is_heard_answered_in_its_place_and_taken_away() {
    let server = synapse().await;
    let (user, citizen) = (server.user("talk").await, server.user("citizen").await);
    let room = server.room(&user).await;
    server.done(&citizen, "POST", &format!("/_matrix/client/v3/join/{room}"), Some(json!({}))).await;
    let hand = Hand::new(&user, &room).await;
    let post = hand.publish("d-1", "今日停水").await;
    let poll = |cursor: &Value| json!({"cursor": cursor, "since_unix_ms": 0, "posts": [post]});
    let none = hand.answer("poll_messages", "", poll(&Value::Null)).await;
    assert_eq!((none["messages"].as_array().unwrap().len(), none["gaps"].clone()), (0, json!([])));
    let text =
        |body: &str, relation: Value| json!({"msgtype": "m.text", "body": body, "m.relates_to": relation});
    let thread = json!({"rel_type": "m.thread", "event_id": post, "is_falling_back": true,
        "m.in_reply_to": {"event_id": post}});
    let first = server.send(&citizen, &room, text("几点来水？", thread)).await;
    let answers = json!({"m.in_reply_to": {"event_id": post}});
    let second = server.send(&citizen, &room, text("影响哪些小区呢？", answers)).await;
    let heard = hand.answer("poll_messages", "", poll(&none["cursor"])).await;
    let seen: Vec<_> = heard["messages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| {
            (one["kind"].as_str().unwrap(), one["id"].as_str().unwrap(), one["post"].as_str().unwrap())
        })
        .collect();
    assert_eq!(
        seen,
        [("comment", first.as_str(), post.as_str()), ("comment", second.as_str(), post.as_str())]
    );
    let author = &heard["messages"][0]["author"];
    assert_eq!((&author["uid"], &author["name"]), (&json!(citizen.id), &json!("citizen")));
    let again = hand.answer("poll_messages", "", poll(&heard["cursor"])).await;
    assert_eq!(again["messages"], json!([]), "nothing is told twice");
    // The same answer twice, as after a crash: it is there once.
    let reply = json!({"to": heard["messages"][0], "text": "预计 17 时。"});
    let mut look = reply.clone();
    look["look_only"] = json!(true);
    assert_eq!(hand.answer("reply", "a-1", look.clone()).await["state"], "not_seen");
    let sent = hand.answer("reply", "a-1", reply.clone()).await;
    hand.memory.ledger.forget_answers();
    assert_eq!(hand.answer("reply", "a-1", reply).await["id"], sent["id"]);
    assert_eq!(hand.answer("reply", "a-1", look).await["id"], sent["id"]);
    let read = server.messages(&citizen, &room).await;
    let ours: Vec<_> = read.iter().filter(|event| event["content"]["body"] == "预计 17 时。").collect();
    assert_eq!((ours.len(), &ours[0]["content"]["m.relates_to"]["event_id"]), (1, &json!(post)));
    let delete = json!({"action": "delete", "post": post, "comment": second});
    hand.answer("moderate", "m-1", delete).await;
    let gone = server.messages(&citizen, &room).await;
    assert_eq!(gone.iter().find(|event| event["event_id"] == *second).unwrap()["content"], json!({}));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_says_what_is_missing() {
    let server = synapse().await;
    let (user, other) = (server.user("check").await, server.user("other").await);
    let (own, others) = (server.room(&user).await, server.room(&other).await);
    let hand = Hand::new(&user, &own).await;
    let info = hand.answer("check", "", json!({})).await;
    assert_eq!((&info["uid"], &info["name"], &info["lacks"]), (&json!(user.id), &json!("check"), &json!([])));
    let hand = Hand::new(&user, &others).await;
    let says = async |hand: &Hand| hand.answer("check", "", json!({})).await["lacks"][0]["text"].clone();
    assert!(says(&hand).await.as_str().unwrap().contains("不在此房间"));
    server.done(&user, "POST", &format!("/_matrix/client/v3/join/{others}"), Some(json!({}))).await;
    // Levels that name nobody: whoever made the room may have none of their own to give.
    let levels = json!({"events_default": 50});
    let path = format!("/_matrix/client/v3/rooms/{others}/state/m.room.power_levels");
    server.done(&other, "PUT", &path, Some(levels)).await;
    let quiet = Hand::new(&user, &others).await;
    assert!(says(&quiet).await.as_str().unwrap().contains("发言权限"));
    quiet.memory.secrets.put(ACCOUNT, "access_token", &other.token);
    match quiet.call("check", "again", json!({})).await.result {
        Err(Failure::Adapter(error)) => assert!(error.message.contains("令牌属于账号"), "{}", error.message),
        answered => panic!("{answered:?}"),
    }
}

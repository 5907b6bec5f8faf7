//! Announcements in a room of a real Matrix server, through the real daemon and the real adapter: each is there once, whatever
//! becomes of answers, tokens and the daemon; and what people write in the room.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod by_hand;
mod proxy;
mod scene;

use juzhen_tests::{Daemon, eventually, synapse};
use serde_json::{Value, json};

use self::proxy::Answers;
use self::scene::Scene;

#[tokio::test(flavor = "multi_thread")]
async fn a_post_and_its_picture_are_read_in_the_room() {
    let scene = Scene::new("picture", "").await;
    let daemon = Daemon::start(&scene.district);
    let picture = picture(&daemon).await;
    let content = json!({"title": "停水通知", "text": "今日 14 时停水。", "link": "https://gov.example/1", "media": [picture]});
    let item = scene.publish(&daemon, content).await;
    daemon.until(&item, &["published"]).await;
    let read = scene.read().await;
    assert_eq!(read.len(), 1, "{read:#?}");
    let content = &read[0]["content"];
    assert_eq!(content["body"], "停水通知\n\n今日 14 时停水。\n\nhttps://gov.example/1");
    assert_eq!((&content["msgtype"], &content["info"]["mimetype"]), (&json!("m.image"), &json!("image/png")));
    assert_eq!(read[0]["sender"], scene.user.id);
    let receipt = &scene.delivery(&daemon, &item).await["receipt"];
    assert_eq!(receipt["platform_id"], read[0]["event_id"], "{receipt}");
    // The bytes that the citizen's program fetches are those that were approved.
    let media = content["url"].as_str().unwrap().strip_prefix("mxc://").unwrap();
    let url = format!("{}/_matrix/client/v1/media/download/{media}", synapse().await.url());
    let fetched = juzhen_tests::client().get(url).bearer_auth(&scene.citizen.token).send().await.unwrap();
    assert_eq!((fetched.status().as_u16(), fetched.bytes().await.unwrap().as_ref()), (200, PNG));
}

#[tokio::test(flavor = "multi_thread")]
async fn p01_p05_f06_killed_between_the_request_and_its_answer_it_is_there_once_and_found() {
    let scene = Scene::new("killed", "").await;
    let mut daemon = Daemon::start(&scene.district);
    scene.proxy.answers(Answers::Hold);
    let item = scene.publish(&daemon, json!({"text": "今日停水，持续一天"})).await;
    eventually("the server has it", async || !scene.proxy.statuses().is_empty()).await;
    daemon.kill();
    scene.proxy.answers(Answers::Pass);
    let daemon = Daemon::start(&scene.district);
    daemon.until(&item, &["published"]).await;
    let delivery = scene.delivery(&daemon, &item).await;
    let seen = scene.with("持续一天").await;
    assert_eq!((seen.len(), &delivery["receipt"]["by"]), (1, &json!("evidence")), "{delivery:#}");
    assert_eq!(delivery["receipt"]["platform_id"], seen[0]["event_id"]);
    assert_eq!(scene.proxy.statuses(), [200], "it was not even sent again");
}

#[tokio::test(flavor = "multi_thread")]
async fn p01_f51_a_lost_answer_is_asked_for_again_and_the_server_knows_its_transaction() {
    let scene = Scene::new("lost", "").await;
    let daemon = Daemon::start(&scene.district);
    scene.proxy.answers(Answers::LoseOne);
    let item = scene.publish(&daemon, json!({"text": "只此一条"})).await;
    daemon.until(&item, &["published"]).await;
    assert_eq!(scene.proxy.statuses(), [200, 200], "{}", daemon.log());
    let seen = scene.with("只此一条").await;
    assert_eq!(seen.len(), 1, "{seen:#?}");
    let receipt = scene.delivery(&daemon, &item).await["receipt"].clone();
    assert_eq!(
        (&receipt["platform_id"], &receipt["by"]),
        (&seen[0]["event_id"], &json!("answer")),
        "{receipt}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_people_write_under_a_post_comes_to_the_office_once() {
    let scene = Scene::new("heard", "").await;
    scene.district.write_district("http://127.0.0.1:9", "\x20 intake_seconds: 1\n");
    let daemon = Daemon::start(&scene.district);
    let item = scene.publish(&daemon, json!({"text": "今日停水"})).await;
    daemon.until(&item, &["published"]).await;
    let post = &scene.read().await[0]["event_id"];
    let thread = json!({"rel_type": "m.thread", "event_id": post, "is_falling_back": true,
        "m.in_reply_to": {"event_id": post}});
    for text in ["几点来水？", "谢谢告知"] {
        let content = json!({"msgtype": "m.text", "body": text, "m.relates_to": thread});
        synapse().await.send(&scene.citizen, &scene.room, content).await;
        let heard = async || daemon.get("/api/v1/messages").await.to_string().contains(text);
        eventually(text, heard).await;
    }
    let listed = daemon.get("/api/v1/messages?account=M-1").await;
    let told: Vec<_> =
        listed["messages"].as_array().unwrap().iter().map(|one| (&one["text"], &one["kind"])).collect();
    let comment = json!("comment");
    assert_eq!(told, [(&json!("谢谢告知"), &comment), (&json!("几点来水？"), &comment)], "{listed:#}");
    let delivery = &scene.delivery(&daemon, &item).await["id"];
    assert!(
        listed["messages"].as_array().unwrap().iter().all(|one| one["delivery"] == *delivery),
        "{listed:#}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn f56_too_fast_for_the_server_they_wait_and_each_goes_out_once() {
    let scene = Scene::new("fast", "").await;
    synapse().await.limit(&scene.user, 1, 1).await;
    let daemon = Daemon::start(&scene.district);
    let mut items = Vec::new();
    for number in ["甲", "乙", "丙"] {
        items.push(scene.publish(&daemon, json!({"text": format!("第{number}号通知")})).await);
    }
    for item in &items {
        daemon.until(item, &["published"]).await;
    }
    let statuses = scene.proxy.statuses();
    assert!(statuses.contains(&429), "nothing was too fast: {statuses:?}");
    for number in ["甲", "乙", "丙"] {
        assert_eq!(scene.with(&format!("第{number}号")).await.len(), 1, "{number}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f61_a_token_that_is_not_the_accounts_holds_it_until_a_person_gives_another() {
    let scene = Scene::new("by-hand", "").await;
    scene.secret("token", "syt_not_a_token");
    let daemon = Daemon::start(&scene.district);
    let item = scene.publish(&daemon, json!({"text": "换令牌后发出"})).await;
    scene.until(&daemon, &item, "held", "auth_expired").await;
    assert!(scene.read().await.is_empty());
    scene.secret("token", &scene.user.token);
    daemon.until(&item, &["published"]).await;
    assert_eq!(scene.with("换令牌后发出").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn f61_a_token_that_ended_is_replaced_by_the_password_and_the_device_stays() {
    let scene = Scene::new("password", ", sign_in: password").await;
    let daemon = Daemon::start(&scene.district);
    let first = scene.publish(&daemon, json!({"text": "第一条"})).await;
    daemon.until(&first, &["published"]).await;
    // Somebody signs the account out everywhere.
    synapse().await.done(&scene.user, "POST", "/_matrix/client/v3/logout", Some(json!({}))).await;
    let second = scene.publish(&daemon, json!({"text": "第二条"})).await;
    daemon.until(&second, &["published"]).await;
    assert_eq!(scene.with("条").await.len(), 2);
    assert_eq!(scene.proxy.statuses(), [200, 401, 200], "{}", daemon.log());
    assert!(!daemon.log().contains(&scene.user.password));
}

#[tokio::test(flavor = "multi_thread")]
async fn f60_a_room_that_lets_the_account_write_nothing_pauses_it() {
    let scene = Scene::new("silent", "").await;
    let server = synapse().await;
    let others = server.room(&scene.citizen).await;
    scene.account(&others, "");
    let daemon = Daemon::start(&scene.district);
    let item = scene.publish(&daemon, json!({"text": "不在房间里"})).await;
    scene.until(&daemon, &item, "held", "没有这项权限").await;
    assert!(server.messages(&scene.citizen, &others).await.is_empty());
}

const PNG: &[u8] = &[
    0x89, b'P', b'N', b'G', 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 0x0d, b'I', b'H', b'D', b'R', 0, 0, 0, 1, 0, 0,
    0, 1, 8, 0, 0, 0, 0, 0x3a, 0x7e, 0x9b, 0x55, 0, 0, 0, 0x0a, b'I', b'D', b'A', b'T', 0x78, 0x9c, 0x63,
    0x60, 0, 0, 0, 2, 0, 1, 0x48, 0xaf, 0xa4, 0x71, 0, 0, 0, 0, b'I', b'E', b'N', b'D', 0xae, 0x42, 0x60,
    0x82,
];

/// The smallest PNG there is, kept by the daemon.
async fn picture(daemon: &Daemon) -> Value {
    let request = juzhen_tests::client().post(format!("{}/api/v1/media", daemon.url()));
    let request = request.bearer_auth(daemon.token("m01.xx")).header("content-type", "image/png");
    let answer = request.body(PNG).send().await.unwrap();
    assert!(answer.status().is_success(), "{}", answer.status());
    let stored: Value = answer.json().await.unwrap();
    json!({"sha256": stored["sha256"], "alt": "停水区域图"})
}

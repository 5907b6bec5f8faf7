//! What readers write, from the stand-in platforms into the real daemon: pushed, encrypted and signed, however often and in
//! whatever order; forged, old, replayed, cut and too long; and asked for where platforms do not tell it.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod relay;
mod scene;
mod weibo;

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use juzhen_sandbox::Fault;
use juzhen_tests::{Daemon, Run, client, eventually};
use serde_json::{Value, json};

use scene::{APPID, Scene, Sent, article};

#[tokio::test(flavor = "multi_thread")]
async fn p22_f99_a_message_that_comes_again_reordered_and_after_a_restart_is_one_record_and_each_time_success()
 {
    let mut scene = Scene::start("").await;
    assert_eq!(scene.control("wechat/verify", json!({ "appid": APPID })).await, json!({ "verified": true }));
    // The first two answers are lost on their way, and in between the daemon is killed: the platform tries three times.
    scene.relay.lose(2);
    scene.write("几点来水？");
    eventually("the first try came", async || scene.relay.seen().len() > 1).await;
    scene.restart();
    eventually("the third try came", async || scene.relay.seen().len() > 3).await;
    scene.write("谢谢");
    eventually("the next message came", async || scene.messages().await.len() > 1).await;
    let seen = scene.relay.seen();
    let tries: Vec<_> = seen[1..].iter().map(|one| (one.status, one.answer.as_str())).collect();
    assert_eq!(tries, vec![(200, "success"); tries.len()], "the first is the address that was tried out");
    // The first message once more, after the second one: it was on its way for long.
    let late = Sent::of(&seen[1]).signed(0, "515151");
    assert_eq!(late.to(&scene.api.url(), "X-a").await, (200, "success".to_owned()));
    let messages = scene.messages().await;
    let texts: Vec<_> = messages.iter().map(|message| message["text"].as_str().unwrap()).collect();
    assert_eq!(texts, ["谢谢", "几点来水？"]);
    let message = &messages[1];
    assert_eq!(
        (&message["account"], &message["kind"], &message["via"]),
        (&json!("X-a"), &json!("private"), &json!("push"))
    );
    assert_eq!((&message["author"]["id"], &message["replies_left"]), (&json!("o-reader"), &json!(5)));
    assert!(!scene.api.log().contains("canary"), "a secret is in the log");
    assert!(!scene.api.log().contains("o-reader"), "who writes is nobody's business in a log (C50)");
}

#[tokio::test(flavor = "multi_thread")]
async fn p22_while_the_database_is_busy_a_platform_is_told_in_time_to_come_again_and_then_its_message_is_kept()
 {
    // The one writer stands still inside the transaction of a decision, for longer than a platform waits.
    let point = "approve.before_commit";
    let scene = Scene::start_with("", &Run::failing(&format!("{point}=sleep(9000)"))).await;
    let item = scene.api.submit("off.xx", "今日停水", &["W000"]).await;
    let api = scene.api.clone();
    let approving = tokio::spawn(async move { api.approve(&item, Duration::ZERO).await });
    let reached = format!("juzhen_failpoint_reached_total{{failpoint=\"{point}\"}} 1");
    eventually("the writer stands still", async || {
        let page = client().get(format!("{}/metrics", scene.api.url())).send().await.unwrap();
        page.text().await.unwrap().contains(&reached)
    })
    .await;
    scene.callback(60_000);
    scene.write("几点来水？");
    eventually("the platform was answered", async || !scene.relay.seen().is_empty()).await;
    let first = scene.relay.seen()[0].clone();
    assert_eq!((first.status, first.answer.as_str()), (503, ""));
    assert!(approving.await.unwrap().unwrap().0.is_success());
    assert!(scene.messages().await.is_empty(), "what was not answered well was not kept either");
    // The platform comes again; whether it signs that anew is its affair.
    let again = Sent::of(&first);
    assert_eq!(again.to(&scene.api.url(), "X-a").await, (200, "success".to_owned()));
    assert_eq!(scene.messages().await.len(), 1);
}

/// A thousand at a time, and something to publish meanwhile.
const HOSTILE: usize = 1000;

#[tokio::test(flavor = "multi_thread")]
async fn p22_f98_f99_nothing_of_a_thousand_forged_replayed_old_cut_and_oversized_requests_is_kept() {
    let scene = Scene::start("").await;
    scene.write("几点来水？");
    eventually("the message came", async || scene.messages().await.len() == 1).await;
    let real = Sent::of(&scene.relay.seen()[0]);
    let url = scene.api.url();
    let officer = "off.xx";
    let mut items = Vec::new();
    for number in 0..20 {
        let delay = Duration::from_millis(100 * number);
        items.push(scene.api.publish(officer, &format!("通知 {number}"), &["W000"], delay).await);
    }
    let hostile = stream::iter(0..HOSTILE).map(|number| {
        let (what, account, sent) = hostile(&real, number);
        let url = url.clone();
        async move { (what, sent.to(&url, account).await.0) }
    });
    let answered: Vec<(&str, u16)> = hostile.buffer_unordered(16).collect().await;
    let mut counts: BTreeMap<(&str, u16), usize> = BTreeMap::new();
    for one in answered {
        *counts.entry(one).or_default() += 1;
    }
    for ((what, status), count) in &counts {
        let expected = match *what {
            "forged" | "old" | "ahead" | "another nonce" => *status == 401,
            // As the platform itself would try it again: two, of which nothing is kept either.
            "replayed" => *status == 401 || (*status == 200 && *count <= 2),
            "cut" => matches!(status, 400 | 401),
            "oversized" => *status == 413,
            "nowhere" => *status == 404,
            other => panic!("{other}"),
        };
        assert!(expected || *status == 503, "{what}: {status} {count} times, of {counts:?}");
    }
    assert_eq!(scene.messages().await.len(), 1);
    let subject = format!("message:{}", scene.messages().await[0]["id"].as_str().unwrap());
    let (_, audit) = scene.api.call("off.zr", "GET", &format!("/api/v1/audit?subject={subject}"), None).await;
    assert_eq!(audit["rows"].as_array().unwrap().len(), 1, "{audit:#}");
    for item in items {
        scene.daemon.until(&item, &["published"]).await;
    }
    scene.stage.assert_clean();
    let intake = scene.api.get("/api/v1/intake").await;
    assert_eq!(intake["accounts"][0]["account"], "X-a");
    // And the real one still is taken.
    let fresh = real.signed(0, "616161");
    assert_eq!(fresh.to(&url, "X-a").await, (200, "success".to_owned()));
    assert_eq!(scene.messages().await.len(), 1);
}

/// What it is, for which account, and the request.
fn hostile(real: &Sent, number: usize) -> (&'static str, &'static str, Sent) {
    let nonce = format!("7{number}");
    let cut = real.body.len() * (number % 97) / 97;
    match number % 8 {
        0 => ("forged", "X-a", real.signed(0, &nonce).with("msg_signature", &format!("{number:040x}"))),
        1 => ("replayed", "X-a", real.clone()),
        2 => ("old", "X-a", real.signed(-301, &nonce)),
        3 => ("ahead", "X-a", real.signed(310, &nonce)),
        4 => ("cut", "X-a", real.signed(0, &nonce).with_body(&real.body[..cut])),
        5 => ("oversized", "X-a", real.signed(0, &nonce).with_body("x".repeat((64 << 10) + 1 + number))),
        6 => ("another nonce", "X-a", real.with("nonce", &nonce)),
        _ => ("nowhere", "X-none", real.signed(0, &nonce)),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f63_f64_an_event_tells_what_became_of_an_article_where_asking_comes_to_nothing() {
    let scene = Scene::start("").await;
    let broken = Fault::PlatformError { code: -1, message: None, applied: false, late_ms: None };
    scene.stage.fault("POST", "freepublish/get", None, broken);
    let item = article(&scene.api, "停水通知").await;
    scene.daemon.until(&item, &["published"]).await;
    let delivery = scene.api.get(&format!("/api/v1/deliveries?item={item}")).await["deliveries"][0].clone();
    assert!(delivery["receipt"]["platform_id"].is_string(), "{delivery:#}");
    let pushes = scene.stage.handle.wechat_pushes(APPID);
    assert_eq!(pushes[0].what, "PUBLISHJOBFINISH");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_comment_under_an_article_is_asked_for_and_known_as_one_under_our_delivery() {
    let mut scene = Scene::start("\x20 intake_seconds: 0\n").await;
    let item = article(&scene.api, "停水通知").await;
    scene.daemon.until(&item, &["published"]).await;
    let delivery = scene.api.get(&format!("/api/v1/deliveries?item={item}")).await["deliveries"][0].clone();
    let posted = scene.stage.handle.wechat_comment(&juzhen_sandbox::wechat::WechatComment {
        appid: APPID.into(),
        msg_data_id: data_id(&delivery),
        openid: Some("o-reader".into()),
        content: "几点来水？".into(),
        ..Default::default()
    });
    assert!(posted.is_some());
    assert!(scene.messages().await.is_empty(), "nothing is asked for yet");
    scene.district.write_district(&scene.stage.mock_url(), "\x20 intake_seconds: 1\n");
    scene.daemon.kill();
    scene.daemon = Daemon::start_as(&scene.api, &scene.district, &Run::default());
    eventually("the comment was read", async || !scene.messages().await.is_empty()).await;
    let [comment] = &scene.messages().await[..] else { panic!("one comment") };
    assert_eq!((&comment["kind"], &comment["via"]), (&json!("comment"), &json!("poll")));
    assert_eq!(comment["delivery"], delivery["id"], "{comment:#}");
    let intake = scene.api.get("/api/v1/intake").await;
    let account: &Value = &intake["accounts"][0];
    assert_eq!((&account["failures"], &account["problem"]), (&json!(0), &Value::Null), "{intake:#}");
}

/// By which the platform lists the comments of an article: it stands in its address.
fn data_id(delivery: &Value) -> u64 {
    let url = delivery["receipt"]["url"].as_str().unwrap_or_else(|| panic!("{delivery:#}"));
    url.split(['?', '&']).find_map(|pair| pair.strip_prefix("mid=")).unwrap().parse().unwrap()
}

//! Whole calls through a host with the real mock adapter in a child process.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod host;

use std::io::Write;
use std::sync::{Arc, Mutex};

use host::{CANARY, District, answer_of, hostile, mock, status};
use juzhen_host::{EffectPolicy, Effects, Failure};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn a_post_is_published_and_its_picture_never_crosses() {
    let district = District::new().await;
    district.install(mock(), "mock.so");
    let host = district.host(district.options()).await;
    let picture = district.memory.blobs.put(&vec![7; 5 << 20]);
    let mut call = district.publish("mock", 1, "正文");
    call.body =
        json!({ "text": "正文", "media": [{ "blob": picture, "mime": "image/png", "bytes": 5 << 20 }] });
    let reply = host.call(call).await;
    assert_eq!(answer_of(&reply)["state"], "published");
    assert_eq!(reply.effects, Effects { began: 2, waiting: 0, unclear: 0, done: 2, declined_last: false });
    assert_eq!(reply.adapter.unwrap().file_name, "mock.so");
    let seen = district.platform.seen();
    assert_eq!((seen.len(), seen[0].1.len()), (2, 5 << 20));
    assert!(seen[1].1.contains("m0"), "{}", seen[1].1);
    let status = status(&host, "mock");
    assert!(status.pid.is_some() && status.isolation.unwrap().is_active("process"));
    assert_eq!((status.calls, status.crashes, status.in_flight), (1, 0, 0));
    assert_eq!(host.manifest("mock").unwrap().title, "模拟平台");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_adapter_and_a_forbidden_effect_are_normal_answers() {
    let district = District::new().await;
    district.install(mock(), "mock.so");
    let host = district.host(district.options().in_process()).await;
    let nobody = host.call(district.publish("weibbo", 1, "x")).await;
    assert_eq!((nobody.result, nobody.effects), (Err(Failure::NotInstalled), Effects::default()));
    let mut call = district.publish("mock", 1, "x");
    call.effects = EffectPolicy::Forbid;
    assert!(matches!(host.call(call).await.result, Err(Failure::Adapter(_))));
    assert!(district.platform.seen().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn f73_a_five_step_publish_that_crashes_after_step_three_makes_five_real_requests() {
    let district = District::new().await;
    district.install(hostile(), "hostile.so");
    let host = district.host(district.options()).await;
    let reply = host.call(district.publish("hostile", 1, "sin:crash_after_step_3_once 五步")).await;
    assert_eq!(answer_of(&reply)["state"], "published");
    assert_eq!(reply.effects, Effects { began: 5, waiting: 0, unclear: 0, done: 5, declined_last: false });
    let paths: Vec<String> = district.platform.seen().into_iter().map(|(path, _)| path).collect();
    let media = "POST /v1/media";
    assert_eq!(paths, [media, media, media, media, "POST /v1/accounts/1/posts"]);
    let last = district.platform.seen().remove(4).1;
    assert!(["m0", "m1", "m2", "m3"].iter().all(|id| last.contains(id)), "{last}");
    assert_eq!(status(&host, "hostile").crashes, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn after_shutdown_calls_are_put_off_and_the_child_is_gone() {
    let district = District::new().await;
    district.install(mock(), "mock.so");
    let host = district.host(district.options()).await;
    let pid = status(&host, "mock").pid.unwrap();
    assert!(std::path::Path::new(&format!("/proc/{pid}")).exists());
    host.shutdown(std::time::Duration::from_secs(5)).await;
    let reply = host.call(district.publish("mock", 1, "x")).await;
    assert!(matches!(reply.result, Err(Failure::NotNow { .. })), "{:?}", reply.result);
    host::until("gone", || !std::path::Path::new(&format!("/proc/{pid}")).exists()).await;
}

/// Everything that is logged, by anybody, at the finest level.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn p11_a_token_is_in_no_answer_log_or_ledger_row() {
    let log = Log::default();
    let written = log.clone();
    tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
        .with_writer(move || written.clone())
        .init();
    let district = District::new().await;
    district.install(mock(), "mock.so");
    district.install(hostile(), "hostile.so");
    let host = district.host(district.options()).await;
    let mut shown = String::new();
    for (adapter, text) in [
        ("mock", "正文"),
        ("hostile", "sin:panic_after_post"),
        ("hostile", "sin:undeclared_host"),
        ("hostile", "sin:abort_after_post"),
        ("hostile", "sin:read_environment"),
        ("mock", "{{secret:access_token}}"),
    ] {
        let reply = host.call(district.publish(adapter, 1, text)).await;
        shown.push_str(&match &reply.result {
            Ok(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            Err(failure) => format!("{failure:?} {failure}"),
        });
    }
    for row in district.memory.ledger.rows() {
        shown.push_str(&format!("{row:?}"));
        shown.push_str(&String::from_utf8_lossy(&row.answer.unwrap_or_default().body));
    }
    let logged = String::from_utf8_lossy(&log.0.lock().unwrap()).into_owned();
    assert!(logged.contains("is loaded") && logged.contains("crashed"), "the log is really captured");
    assert!(shown.contains(r#""echo":"***""#), "the platform did echo it: {shown}");
    for (place, text) in [("answers and rows", &shown), ("logs", &logged)] {
        let at = text.find(CANARY);
        assert!(at.is_none(), "in {place}: {}", &text[at.unwrap_or(0).saturating_sub(300)..][..400]);
    }
    let delivered = district.platform.posts(1, "正文");
    assert_eq!(delivered, 1);
}

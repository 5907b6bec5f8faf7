//! What goes wrong on the network, and what the host says about it (F48–F56).

use std::time::Duration;

use juzhen_abi::message::{HostErrorKind, HttpRequest};
use serde_json::json;

use super::platform::{Do, Platform, answer, bytes_of};
use super::{Bench, answer_of, call, ok, script, told};
use crate::call::{Effects, Reply};
use crate::options::{Budgets, EgressOptions};
use crate::outcome::Failure;

/// Posts once and reports what it was told.
fn poster() -> super::Script {
    script(|cx| async move {
        match cx.post("/posts", r#"{"text":"正文"}"#).await {
            Ok((head, body)) => ok(&json!({ "status": head.status, "body": String::from_utf8_lossy(&body) })),
            Err(refused) => told(&refused),
        }
    })
}

fn impatient() -> EgressOptions {
    let total = Duration::from_millis(600);
    EgressOptions {
        allow_private: true,
        total,
        connect: Duration::from_millis(400),
        ..EgressOptions::default()
    }
}

async fn posted(act: impl Fn(&super::platform::Seen) -> Do + Send + Sync + 'static) -> (Reply, Bench, usize) {
    let platform = Platform::start(act).await;
    let bench = Bench::with(poster(), impatient(), Budgets::default());
    let reply = bench.call(call(&platform.url)).await;
    (reply, bench, platform.seen().len())
}

fn message(reply: &Reply) -> &str {
    match reply.result.as_ref().unwrap_err() {
        Failure::Adapter(said) => &said.message,
        other => panic!("{other}"),
    }
}

const UNCLEAR: Effects = Effects { began: 1, waiting: 0, unclear: 1, done: 0, declined_last: false };
const DECLINED: Effects = Effects { began: 1, waiting: 0, unclear: 0, done: 0, declined_last: true };
const ACCEPTED: Effects = Effects { began: 1, waiting: 0, unclear: 0, done: 1, declined_last: false };

/// An address at which nobody listens.
async fn closed() -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

#[tokio::test]
async fn f48_an_adapter_that_ignores_a_refused_connection_proves_nothing() {
    let bench = Bench::new(script(|cx| async move {
        let _ignored = cx.post("/posts", "{}").await;
        ok(&json!({ "state": "published", "id": "1" }))
    }));
    let reply = bench.call(call(&closed().await)).await;
    assert_eq!(answer_of(&reply)["state"], "published");
    assert_eq!(reply.effects, Effects::default(), "so nobody has to believe it");
}

#[tokio::test]
async fn f48_connection_refused_means_that_nothing_has_left() {
    let base = closed().await;
    let bench = Bench::new(poster());
    let reply = bench.call(call(&base)).await;
    assert!(message(&reply).starts_with("Unreachable"), "{}", message(&reply));
    assert_eq!(reply.effects, Effects::default());
    let rows = bench.memory.ledger.rows();
    assert!(rows[0].answer.as_ref().unwrap().nothing_left());
}

#[tokio::test]
async fn f50_no_answer_in_time_is_unclear() {
    let (reply, bench, _) = posted(|_| Do::Hang).await;
    assert!(message(&reply).starts_with("NoAnswer"), "{}", message(&reply));
    assert_eq!(reply.effects, UNCLEAR);
    assert!(bench.memory.ledger.rows()[0].answer.as_ref().unwrap().unclear());
}

#[tokio::test]
async fn f51_a_reset_after_sending_is_unclear_and_nothing_is_sent_again() {
    let (reply, _, requests) = posted(|_| Do::Reset).await;
    assert!(message(&reply).starts_with("NoAnswer"), "{}", message(&reply));
    assert_eq!((reply.effects, requests), (UNCLEAR, 1));
}

#[tokio::test]
async fn f52_a_5xx_on_a_write_is_unclear_and_a_4xx_is_not() {
    for (status, effects) in
        [(500, UNCLEAR), (503, UNCLEAR), (302, UNCLEAR), (400, DECLINED), (201, ACCEPTED)]
    {
        let (reply, ..) = posted(move |_| answer(status, "{}")).await;
        assert_eq!(answer_of(&reply)["status"], status);
        assert_eq!(reply.effects, effects, "{status}");
    }
}

#[tokio::test]
async fn f53_a_5xx_on_a_read_has_no_effect() {
    let platform = Platform::start(|_| answer(503, "{}")).await;
    let read = script(|cx| async move { ok(&json!(cx.get("/me").await.unwrap().0.status)) });
    let bench = Bench::new(read);
    let reply = bench.call(call(&platform.url)).await;
    assert_eq!(answer_of(&reply), 503);
    assert_eq!(reply.effects, Effects::default());
    assert!(bench.memory.ledger.rows().is_empty());
}

#[tokio::test]
async fn f54_a_dripping_answer_ends_at_the_total_deadline() {
    let slow = bytes_of(200, b"{\"id\":1}", "");
    let (reply, ..) = posted(move |_| Do::Drip(slow.clone(), Duration::from_millis(50))).await;
    assert!(message(&reply).starts_with("NoAnswer"), "{}", message(&reply));
    assert_eq!(reply.effects, UNCLEAR);
}

#[tokio::test]
async fn f55_a_cut_body_is_unclear() {
    let (reply, ..) = posted(|_| {
        let mut cut = bytes_of(200, b"{\"id\":\"1234567890\"}", "");
        cut.truncate(cut.len() - 5);
        Do::Raw(cut)
    })
    .await;
    assert!(message(&reply).starts_with("NoAnswer"), "{}", message(&reply));
    assert_eq!(reply.effects, UNCLEAR);
}

#[tokio::test]
async fn f55_an_over_long_body_is_unclear_and_not_kept() {
    let (reply, bench, _) = posted(|_| answer(200, &"x".repeat((1 << 20) + 1))).await;
    assert!(message(&reply).starts_with("TooLarge"), "{}", message(&reply));
    assert_eq!(reply.effects, UNCLEAR);
    assert!(bench.memory.ledger.rows()[0].answer.as_ref().unwrap().body.is_empty());
}

#[tokio::test]
async fn f55_a_compressed_body_is_not_unpacked() {
    // What a bomb starts with; unpacked it would be an error or something else.
    let packed = b"\x1f\x8b\x08\x00not really".to_vec();
    let sent = packed.clone();
    let (reply, ..) = posted(move |_| Do::Raw(bytes_of(200, &sent, "content-encoding: gzip\r\n"))).await;
    assert_eq!(answer_of(&reply)["body"], String::from_utf8_lossy(&packed).into_owned());
}

#[tokio::test]
async fn i9_a_redirect_is_not_followed() {
    let platform = Platform::start(|seen| match seen.path() {
        "/posts" => Do::Raw(bytes_of(307, b"", "location: /elsewhere\r\n")),
        _ => answer(200, "{}"),
    })
    .await;
    let bench = Bench::new(poster());
    let reply = bench.call(call(&platform.url)).await;
    assert_eq!(answer_of(&reply)["status"], 307);
    assert_eq!(platform.paths(), ["/posts"]);
    assert_eq!(reply.effects, UNCLEAR);
}

#[tokio::test]
async fn f56_a_429_is_an_answer() {
    let (reply, ..) = posted(|_| Do::Raw(bytes_of(429, b"{}", "retry-after: 5\r\n"))).await;
    assert_eq!(answer_of(&reply)["status"], 429);
    assert_eq!(reply.effects, DECLINED);
}

#[tokio::test]
async fn c29_what_the_manifest_does_not_name_is_denied_before_anything_is_written() {
    let platform = Platform::start(|_| answer(200, "{}")).await;
    let port = platform.url.rsplit(':').next().unwrap().to_owned();
    for (url, why) in [
        (format!("http://localhost:{port}/"), "not in the adapter's manifest"),
        ("http://127.0.0.1:1/".to_owned(), "not in the adapter's manifest"),
        ("https://example.com/".to_owned(), "not in the adapter's manifest"),
        (format!("http://user:pass@127.0.0.1:{port}/"), "no user name"),
        (format!("ftp://127.0.0.1:{port}/"), "`ftp` is not allowed"),
    ] {
        let bench = Bench::new(script(move |cx| {
            let request = HttpRequest { method: "POST".into(), url: url.clone(), ..HttpRequest::default() };
            async move { told(&cx.http(request, b"").await.unwrap_err()) }
        }));
        let reply = bench.call(call(&platform.url)).await;
        assert!(
            message(&reply).starts_with("Denied") && message(&reply).contains(why),
            "{}",
            message(&reply)
        );
        assert!(bench.memory.ledger.rows().is_empty());
    }
    assert!(platform.seen().is_empty());
}

#[tokio::test]
async fn c29_loopback_and_plain_http_are_denied_by_default() {
    let platform = Platform::start(|_| answer(200, "{}")).await;
    let bench = Bench::with(poster(), EgressOptions::default(), Budgets::default());
    let reply = bench.call(call(&platform.url)).await;
    assert!(message(&reply).contains("`http` is not allowed"), "{}", message(&reply));
    let reply = bench.call(call(&platform.url.replace("http:", "https:"))).await;
    assert!(message(&reply).contains("not a public address"), "{}", message(&reply));
    // A name is only known to be private once it is resolved; by then a row exists that says nothing has left.
    let reply = bench.call(call("https://localhost:1")).await;
    assert!(message(&reply).contains("no public address"), "{}", message(&reply));
    assert_eq!(reply.effects, Effects::default());
    assert!(platform.seen().is_empty());
}

#[tokio::test]
async fn headers_of_the_connection_are_the_hosts() {
    let platform = Platform::start(|_| answer(200, "{}")).await;
    for (name, value) in
        [("Host", "evil.example"), ("Transfer-Encoding", "chunked"), ("x y", ""), ("x", "a\r\nb: c")]
    {
        let bench = Bench::new(script(move |cx| async move {
            let headers = vec![(name.to_owned(), value.to_owned())];
            let url = cx.url("/");
            let request = HttpRequest { method: "GET".into(), url, headers, ..HttpRequest::default() };
            let refused = cx.http(request, b"").await.unwrap_err();
            assert_eq!(refused.kind, HostErrorKind::BadRequest, "{name}");
            ok(&json!({}))
        }));
        assert!(bench.call(call(&platform.url)).await.result.is_ok());
    }
    assert!(platform.seen().is_empty());
}

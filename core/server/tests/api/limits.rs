//! What the server does with too much, too slow, and broken.

use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{Api, Request, exchange, fresh, in_seconds, new_item};

fn head(lines: &[&str]) -> String {
    let lines: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
    format!(
        "POST /api/v1/items HTTP/1.1\r\nHost: test\r\nConnection: close\r\nAuthorization: Bearer token-of-d07.xx\r\n\
         Content-Type: application/json\r\n{lines}\r\n"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a05_a_body_that_is_too_large_is_refused_before_it_is_read() {
    let api = Api::start().await;
    let told = exchange(api.address, head(&["Content-Length: 10485760"]).as_bytes()).await;
    assert_eq!(told.problem(), "413 body_too_large");
    let size = (1 << 20) + 1;
    let chunked = format!("{}{size:x}\r\n{}\r\n", head(&["Transfer-Encoding: chunked"]), "x".repeat(size));
    assert_eq!(exchange(api.address, chunked.as_bytes()).await.problem(), "413 body_too_large");
}

#[tokio::test(flavor = "multi_thread")]
async fn a06_and_a08_a_body_that_does_not_come_is_not_waited_for() {
    let api = Api::with(|options| options.body_timeout = Duration::from_millis(200), "").await;
    let endless = format!("{}5\r\n{{\"var\r\n", head(&["Transfer-Encoding: chunked"]));
    assert_eq!(exchange(api.address, endless.as_bytes()).await.problem(), "408 body_timeout");
    let short = format!("{}{{\"var", head(&["Content-Length: 100"]));
    assert_eq!(exchange(api.address, short.as_bytes()).await.problem(), "408 body_timeout");
    assert_eq!(api.get("d07.xx", "/api/v1/items").await.json()["items"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a07_two_lengths_never_make_two_requests() {
    let api = Api::start().await;
    let smuggled = "GET /api/v1/stop HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer token-of-off.hg\r\n\r\n";
    for lines in [
        ["Content-Length: 4", "Transfer-Encoding: chunked"],
        ["Transfer-Encoding: chunked", "Content-Length: 4"],
    ] {
        let bytes = format!("{}0\r\n\r\n{smuggled}", head(&lines));
        let answer = exchange(api.address, bytes.as_bytes()).await;
        assert_eq!(answer.status, 400, "{lines:?} {answer:?}");
        assert_eq!(answer.text().matches("HTTP/1.1").count(), 0, "{lines:?}: a second answer");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a36_heads_are_bounded() {
    let api = Api::start().await;
    let many: Vec<String> = (0..10_000).map(|n| format!("X-{n}: y")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert_eq!(exchange(api.address, head(&many).as_bytes()).await.status, 431);
    let long = format!("X-Long: {}", "y".repeat(64 << 10));
    assert_eq!(exchange(api.address, head(&[&long]).as_bytes()).await.status, 431);
    assert_eq!(api.get("off.hg", "/api/v1/stop").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_request_too_many_is_told_to_come_back_and_the_watch_still_sees() {
    let api = Api::with(|options| options.requests = 1, "").await;
    let start = std::time::Instant::now();
    let _busy = loop {
        // It may come just after our own request below and be refused itself; then once more.
        let mut busy = TcpStream::connect(api.address).await.unwrap();
        busy.write_all(head(&["Content-Length: 1000"]).as_bytes()).await.unwrap();
        tokio::time::sleep(Duration::from_millis(100)).await;
        let answer = api.get("off.hg", "/api/v1/stop").await;
        if answer.status == 503 {
            assert_eq!(answer.problem(), "503 overloaded");
            assert_eq!(answer.header("retry-after"), Some("1"));
            break busy;
        }
        assert!(start.elapsed() < Duration::from_secs(60), "never refused");
    };
    assert_eq!(api.send(Request::new("GET", "/healthz")).await.status, 200);
    assert_eq!(api.send(Request::new("GET", "/metrics")).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_costs_its_own_request_only() {
    let api = Api::start().await;
    let request = Request::new("GET", "/api/v1/items").header("Authorization", "Bearer token-that-panics");
    let answer = api.send(request).await;
    assert_eq!(answer.problem(), "500 internal");
    assert!(!answer.text().contains("asked for it"), "c53: {}", answer.text());
    assert_eq!(api.get("off.hg", "/api/v1/items").await.status, 200);
}

/// The writing thread stands still inside a claim, so that whatever comes next has to wait.
async fn busy(api: &Api) -> impl Drop + use<> {
    let item = api.submitted("先发").await;
    let running = api.run_engine();
    api.decide("off.hg", &item, json!({ "publish_at": in_seconds(0) })).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    running
}

/// An upload writes twice: the bytes, and then who sent them.
#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_finished_although_the_client_hangs_up() {
    let api = Api::with(|_| {}, "claim.before_commit=1*sleep(1500)").await;
    let _running = busy(&api).await;
    let mut stream = TcpStream::connect(api.address).await.unwrap();
    let request = Request::new("POST", "/api/v1/media").of("d07.xx").bytes_of("image/gif", b"GIF89a");
    stream.write_all(&request.bytes()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    drop(stream);
    let start = std::time::Instant::now();
    loop {
        let rows = api.get("aud", "/api/v1/audit").await.json();
        if rows["rows"].as_array().unwrap().iter().any(|row| row["action"] == "media.stored") {
            break;
        }
        assert!(start.elapsed() < Duration::from_secs(60), "only half of it was done: {rows}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn p21_after_an_answer_that_took_too_long_the_same_key_tells_what_came_of_it() {
    let tune = |options: &mut juzhen_server::ServerOptions| options.request_timeout = Duration::from_secs(1);
    let api = Api::with(tune, "claim.before_commit=1*sleep(3000)").await;
    let _running = busy(&api).await;
    let key = fresh("key");
    let request = || {
        let request = Request::new("POST", "/api/v1/items").of("d07.xx").header("Idempotency-Key", &key);
        request.json(&new_item("后来"))
    };
    assert_eq!(api.send(request()).await.problem(), "503 timed_out");
    let start = std::time::Instant::now();
    let answer = loop {
        let answer = api.send(request()).await;
        if answer.status != 503 {
            break answer;
        }
        assert!(start.elapsed() < Duration::from_secs(60), "{answer:?}");
    };
    assert_eq!((answer.status, answer.header("idempotency-replayed")), (201, Some("true")));
    let listed = api.get("off.hg", "/api/v1/items").await.json();
    assert_eq!(listed["items"].as_array().unwrap().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_serves_one_request_after_the_other() {
    let api = Api::start().await;
    let mut stream = TcpStream::connect(api.address).await.unwrap();
    for _ in 0..3 {
        stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: test\r\n\r\n").await.unwrap();
        let mut bytes = vec![0; 4096];
        let read = stream.read(&mut bytes).await.unwrap();
        assert!(String::from_utf8_lossy(&bytes[..read]).contains("\"alive\""));
    }
}

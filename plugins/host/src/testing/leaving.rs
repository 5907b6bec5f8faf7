//! What the progress of a request says is true on the platform's side of the connection.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::{Bench, call, ok, script};
use crate::journal::lock;
use crate::options::{Budgets, EgressOptions, Leaving, Progress};

/// Loopback needs far less; a test that reads too early would fail, not pass.
const ARRIVES: Duration = Duration::from_millis(100);

#[tokio::test(flavor = "multi_thread")]
async fn f05_head_half_and_whole_of_a_request_have_arrived_when_it_is_told() {
    let body = "正文".repeat(50);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let arrived = Arc::new(Mutex::new(Vec::new()));
    let platform = tokio::spawn(serve(listener, Arc::clone(&arrived), body.len()));
    let told = Arc::new(Mutex::new(Vec::new()));
    let (seen, tell) = (Arc::clone(&arrived), Arc::clone(&told));
    let answered = Arc::new(AtomicUsize::new(0));
    let progress = Progress::new(move |leaving| {
        std::thread::sleep(ARRIVES);
        let bytes = lock(&seen).clone();
        let head = bytes.windows(4).position(|w| w == b"\r\n\r\n").map(|end| end + 4);
        lock(&tell).push((leaving, head.map(|head| bytes.len() - head)));
    });
    let egress = EgressOptions { allow_private: true, progress: Some(progress), ..EgressOptions::default() };
    let (text, after) = (body.clone(), Arc::clone(&answered));
    let post = script(move |cx| {
        let (text, after) = (text.clone(), Arc::clone(&after));
        async move {
            let (head, _) = cx.post("/posts", &text).await.unwrap();
            after.store(usize::from(head.status), Ordering::SeqCst);
            ok(&serde_json::json!({}))
        }
    });
    let reply = Bench::with(post, egress, Budgets::default()).call(call(&url)).await;
    assert!(reply.result.is_ok(), "{reply:?}");
    assert_eq!(answered.load(Ordering::SeqCst), 200);
    let half = body.len() / 2;
    let expected =
        [(Leaving::Head, Some(0)), (Leaving::Half, Some(half)), (Leaving::Whole, Some(body.len()))];
    assert_eq!(*lock(&told), expected);
    platform.abort();
}

/// Keeps what arrives, byte by byte, and answers once the whole body is there.
async fn serve(listener: TcpListener, arrived: Arc<Mutex<Vec<u8>>>, body: usize) {
    let (mut stream, _) = listener.accept().await.unwrap();
    loop {
        let mut buffer = [0; 64];
        let read = stream.read(&mut buffer).await.unwrap();
        lock(&arrived).extend_from_slice(&buffer[..read]);
        let bytes = lock(&arrived).clone();
        let head = bytes.windows(4).position(|w| w == b"\r\n\r\n");
        if read == 0 || head.is_some_and(|head| bytes.len() == head + 4 + body) {
            break;
        }
    }
    stream.write_all(b"HTTP/1.1 200 X\r\ncontent-length: 0\r\n\r\n").await.unwrap();
}

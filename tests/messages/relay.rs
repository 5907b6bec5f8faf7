//! Stands between a platform and the daemon, as the office's proxy would: hands every request on, remembers it, and loses
//! answers when it is told to.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use juzhen_tests::{Api, client};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::{CancellationToken, DropGuard};

/// A request of the platform, and what the daemon answered.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    /// Path and query.
    pub(crate) target: String,
    pub(crate) body: String,
    pub(crate) status: u16,
    pub(crate) answer: String,
}

pub(crate) struct Relay {
    port: u16,
    seen: Arc<Mutex<Vec<Seen>>>,
    losing: Arc<AtomicUsize>,
    _stop: DropGuard,
}

impl Relay {
    /// To wherever the daemon of this API listens at the time.
    pub(crate) async fn start(api: Api) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (seen, losing) = (Arc::<Mutex<Vec<Seen>>>::default(), Arc::<AtomicUsize>::default());
        let stop = CancellationToken::new();
        let (kept, lost, stopped) = (seen.clone(), losing.clone(), stop.clone());
        tokio::spawn(async move {
            while let Some(Ok((stream, _))) = stopped.run_until_cancelled(listener.accept()).await {
                tokio::spawn(hand_on(stream, api.clone(), kept.clone(), lost.clone()));
            }
        });
        Self { port, seen, losing, _stop: stop.drop_guard() }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// The next so many answers do not arrive.
    pub(crate) fn lose(&self, answers: usize) {
        self.losing.store(answers, Ordering::SeqCst);
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

async fn hand_on(mut stream: TcpStream, api: Api, kept: Arc<Mutex<Vec<Seen>>>, losing: Arc<AtomicUsize>) {
    let Some((method, target, body)) = read(&mut stream).await else { return };
    let (status, answer) = loop {
        let url = format!("{}{target}", api.url());
        let request = if method == "GET" { client().get(url) } else { client().post(url).body(body.clone()) };
        // While the daemon is started anew nobody is there.
        if let Ok(answered) = request.header("content-type", "text/xml").send().await {
            break (answered.status().as_u16(), answered.text().await.unwrap_or_default());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    kept.lock().unwrap().push(Seen { target, body, status, answer: answer.clone() });
    let lost = losing.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
    if lost.is_err() {
        let head =
            format!("HTTP/1.1 {status} x\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", answer.len());
        drop(stream.write_all(format!("{head}{answer}").as_bytes()).await);
    }
}

/// Method, path with query, and body.
async fn read(stream: &mut TcpStream) -> Option<(String, String, String)> {
    let (mut bytes, mut buffer) = (Vec::new(), [0; 4096]);
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
            });
            if body.len() >= length.unwrap_or(0) {
                let mut words = head.split(' ');
                let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
                return Some((method, target, body.to_owned()));
            }
        }
        match stream.read(&mut buffer).await {
            Ok(read) if read > 0 => bytes.extend_from_slice(&buffer[..read]),
            _ => return None,
        }
    }
}

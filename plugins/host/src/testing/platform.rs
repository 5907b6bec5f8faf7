//! A platform over real TCP on loopback that answers, hangs, resets and drips as a test says.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::journal::lock;

pub(crate) struct Platform {
    pub(crate) url: String,
    seen: Arc<Mutex<Vec<Seen>>>,
    task: tokio::task::JoinHandle<()>,
}

/// One request as it came in.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    /// Request line and headers.
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

/// What to do with a request.
pub(crate) enum Do {
    /// These bytes as they stand, then close.
    Raw(Vec<u8>),
    /// Nothing at all.
    Hang,
    /// Close the connection with a reset.
    Reset,
    /// One byte after the other, this far apart.
    Drip(Vec<u8>, Duration),
    /// Wait, then as `Raw`.
    After(Duration, Vec<u8>),
}

impl Platform {
    pub(crate) async fn start(act: impl Fn(&Seen) -> Do + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (act, noted) = (Arc::new(act), Arc::clone(&seen));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (act, noted) = (Arc::clone(&act), Arc::clone(&noted));
                tokio::spawn(async move { serve(stream, &*act, &noted).await });
            }
        });
        Self { url, seen, task }
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        lock(&self.seen).clone()
    }

    /// The paths of all requests, in order.
    pub(crate) fn paths(&self) -> Vec<String> {
        self.seen().iter().map(|seen| seen.path().to_owned()).collect()
    }
}

impl Drop for Platform {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Seen {
    pub(crate) fn path(&self) -> &str {
        self.head.split(' ').nth(1).unwrap()
    }

    pub(crate) fn body_text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// A whole answer with this status and JSON body.
pub(crate) fn answer(status: u16, body: &str) -> Do {
    Do::Raw(bytes_of(status, body.as_bytes(), ""))
}

pub(crate) fn bytes_of(status: u16, body: &[u8], headers: &str) -> Vec<u8> {
    let mut bytes = format!(
        "HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n{headers}\r\n",
        body.len()
    )
    .into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

async fn serve(mut stream: TcpStream, act: &(dyn Fn(&Seen) -> Do + Send + Sync), noted: &Mutex<Vec<Seen>>) {
    let Some(seen) = read(&mut stream).await else { return };
    lock(noted).push(seen.clone());
    match act(&seen) {
        Do::Raw(bytes) => {
            let _closed_early = stream.write_all(&bytes).await;
            let _closed_early = stream.shutdown().await;
        }
        Do::After(wait, bytes) => {
            tokio::time::sleep(wait).await;
            let _closed_early = stream.write_all(&bytes).await;
        }
        Do::Hang => std::future::pending().await,
        Do::Reset => {
            stream.set_zero_linger().unwrap();
        }
        Do::Drip(bytes, pause) => {
            for byte in bytes {
                if stream.write_all(&[byte]).await.is_err() {
                    return;
                }
                tokio::time::sleep(pause).await;
            }
        }
    }
}

async fn read(stream: &mut TcpStream) -> Option<Seen> {
    let mut bytes = Vec::new();
    loop {
        let mut buffer = [0; 4096];
        let n = stream.read(&mut buffer).await.ok().filter(|&n| n > 0)?;
        bytes.extend_from_slice(&buffer[..n]);
        let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let length =
            head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
        let length: usize = length.unwrap_or(0);
        if bytes.len() >= end + 4 + length {
            return Some(Seen { head, body: bytes[end + 4..end + 4 + length].to_vec() });
        }
    }
}

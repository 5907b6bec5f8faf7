//! A receiver of webhooks over plain TCP, as somebody else would write it: it keeps what came and answers as it is told.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use serde_json::Value;

/// One message as it came.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Message {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        let found = self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        found.unwrap_or_else(|| panic!("no {name} in {}", self.head))
    }

    /// Whether who knows the secret has sent it; computed by another program than ours.
    pub(crate) fn is_signed_by(&self, secret: &str) -> bool {
        let mut openssl = Command::new("openssl");
        openssl.args(["dgst", "-sha256", "-hmac", secret, "-r"]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = openssl.spawn().unwrap();
        let text = format!("{}.{}", self.header("x-juzhen-timestamp"), self.body);
        child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        let said = String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap();
        let digest = said.split(' ').next().unwrap();
        self.header("x-juzhen-signature") == format!("sha256={digest}")
    }
}

/// Listens until the test's process ends.
pub(crate) struct Receiver {
    pub(crate) got: Arc<Mutex<Vec<Message>>>,
}

impl Receiver {
    /// `answers`: status of each message by its number.
    pub(crate) fn at(address: SocketAddr, answers: impl Fn(usize) -> u16 + Send + 'static) -> Self {
        let listener = TcpListener::bind(address).unwrap();
        let got: Arc<Mutex<Vec<Message>>> = Arc::default();
        let kept = Arc::clone(&got);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                let (mut head, mut length) = (String::new(), 0);
                loop {
                    let mut line = String::new();
                    if reader.read_line(&mut line).unwrap_or(0) <= 2 {
                        break;
                    }
                    if let Some(text) = line.to_ascii_lowercase().strip_prefix("content-length: ") {
                        length = text.trim().parse().unwrap();
                    }
                    head.push_str(&line.replace('\r', ""));
                }
                let mut body = vec![0; length];
                if head.is_empty() || reader.read_exact(&mut body).is_err() {
                    continue;
                }
                let body = String::from_utf8(body).unwrap();
                let number = kept.lock().unwrap().len();
                kept.lock().unwrap().push(Message { head, body });
                let status = answers(number);
                let _closed =
                    write!(&stream, "HTTP/1.1 {status} X\r\ncontent-length: 0\r\nlocation: /other\r\n\r\n");
            }
        });
        Self { got }
    }

    pub(crate) fn got(&self) -> Vec<Message> {
        self.got.lock().unwrap().clone()
    }
}

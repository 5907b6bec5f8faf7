//! A platform that repeats every credential it is sent, in each form that it could find for it.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};

/// Ends with the test's process.
pub(crate) struct Echo {
    pub(crate) url: String,
    said: Arc<Mutex<Vec<String>>>,
}

/// The token that it hands out.
pub(crate) const NEW_TOKEN: &str = "canary-new+token/9c41-of-the-platform";

impl Echo {
    /// The first token is expired; the app's secret buys another one.
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let said = Arc::new(Mutex::new(Vec::new()));
        let (noted, renewed) = (Arc::clone(&said), AtomicBool::new(false));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                answer(stream.unwrap(), &renewed, &noted);
            }
        });
        Self { url, said }
    }

    /// Every form of a credential that it has sent back.
    pub(crate) fn said(&self) -> Vec<String> {
        self.said.lock().unwrap().clone()
    }
}

fn answer(mut stream: TcpStream, renewed: &AtomicBool, noted: &Mutex<Vec<String>>) {
    let head = read(&mut stream);
    let credential = head.lines().find_map(|line| line.strip_prefix("authorization: Bearer ")).unwrap();
    let mut forms = forms(credential);
    let is_token = head.starts_with("POST");
    if is_token {
        renewed.store(true, Ordering::SeqCst);
        forms.extend(self::forms(NEW_TOKEN));
    }
    let repeated = forms.join(" ").replace('\\', "\\\\").replace('"', "\\\"");
    let (status, body) = if is_token {
        (200, format!(r#"{{"access_token":"{NEW_TOKEN}","expires_in":60,"note":"{repeated}"}}"#))
    } else if renewed.load(Ordering::SeqCst) {
        (200, format!(r#"{{"uid":"1001","name":"{repeated}"}}"#))
    } else {
        (401, format!(r#"{{"error":{{"code":"token_expired","message":"{repeated}"}}}}"#))
    };
    noted.lock().unwrap().extend(forms);
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status} X\r\ncontent-length: {length}\r\nx-said: {credential}\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(format!("{head}{body}").as_bytes()).unwrap();
}

fn read(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    while !bytes.windows(4).any(|window| window == b"\r\n\r\n") {
        let mut buffer = [0; 4096];
        let n = stream.read(&mut buffer).unwrap();
        assert!(n > 0, "a request was cut");
        bytes.extend_from_slice(&buffer[..n]);
    }
    String::from_utf8(bytes).unwrap()
}

/// Plain, in an address, in hexadecimal and in base64, alone and after other words.
fn forms(credential: &str) -> Vec<String> {
    let bytes = || credential.bytes();
    let mut forms = vec![
        credential.to_owned(),
        bytes()
            .map(|b| {
                if b.is_ascii_alphanumeric() || b == b'-' {
                    char::from(b).to_string()
                } else {
                    format!("%{b:02X}")
                }
            })
            .collect(),
        bytes().map(|b| format!("{b:02x}")).collect(),
        bytes().map(|b| format!("{b:02X}")).collect(),
    ];
    for before in ["", "user:", "a:", "ab:"] {
        let text = format!("{before}{credential}");
        forms.extend([STANDARD.encode(&text), URL_SAFE.encode(&text)]);
    }
    forms
}

//! Stands between the adapter and the server, counts what is sent into rooms, and keeps answers back.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What becomes of the server's answers to messages that are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answers {
    Pass,
    /// This one is lost with its connection, those after it pass.
    LoseOne,
    /// None comes through.
    Hold,
}

/// A clone is the same one.
#[derive(Clone)]
pub(crate) struct Proxy {
    pub(crate) url: String,
    state: Arc<Mutex<State>>,
}

struct State {
    answers: Answers,
    /// Status of each answer to a sent message, passed on or not.
    statuses: Vec<u16>,
}

impl Proxy {
    pub(crate) async fn before(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(Mutex::new(State { answers: Answers::Pass, statuses: Vec::new() }));
        let proxy = Self { url, state };
        let accepting = proxy.clone();
        tokio::spawn(async move {
            while let Ok((from, _)) = listener.accept().await {
                let proxy = accepting.clone();
                tokio::spawn(async move { proxy.carry(from, port).await });
            }
        });
        proxy
    }

    pub(crate) fn answers(&self, answers: Answers) {
        self.state.lock().unwrap().answers = answers;
    }

    pub(crate) fn statuses(&self) -> Vec<u16> {
        self.state.lock().unwrap().statuses.clone()
    }

    /// One connection, a request after another.
    async fn carry(&self, mut from: TcpStream, port: u16) {
        let mut to = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        let (mut asked, mut answered) = (vec![0; 1 << 16], vec![0; 1 << 16]);
        let mut is_sending = false;
        loop {
            tokio::select! {
                read = from.read(&mut asked) => match read {
                    Ok(length) if length > 0 => {
                        let head = String::from_utf8_lossy(&asked[..length]);
                        if head.starts_with("GET ") || head.starts_with("POST ") || head.starts_with("PUT ") {
                            is_sending = head.starts_with("PUT ") && head.contains("/send/m.room.message/");
                        }
                        if to.write_all(&asked[..length]).await.is_err() { return }
                    }
                    _ => return,
                },
                read = to.read(&mut answered) => match read {
                    Ok(length) if length > 0 => {
                        if is_sending && !self.passes(&answered[..length]) {
                            if self.state.lock().unwrap().answers != Answers::Hold { return }
                            // Until the other side has had enough of waiting.
                            let _ = from.read(&mut asked).await;
                            return;
                        }
                        if from.write_all(&answered[..length]).await.is_err() { return }
                    }
                    _ => return,
                },
            }
        }
    }

    /// Counts the answer, and says whether it goes on.
    fn passes(&self, answer: &[u8]) -> bool {
        let mut state = self.state.lock().unwrap();
        let head = String::from_utf8_lossy(answer);
        let status = head
            .strip_prefix("HTTP/1.1 ")
            .and_then(|rest| rest.get(..3))
            .and_then(|code| code.parse::<u16>().ok());
        state.statuses.extend(status);
        let passes = state.answers == Answers::Pass;
        if state.answers == Answers::LoseOne {
            state.answers = Answers::Pass;
        }
        passes
    }
}

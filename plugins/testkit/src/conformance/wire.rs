//! A platform over real TCP on this machine: answers as the plan says, and breaks the connection where it is told to.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use juzhen_abi::message::{HttpRequest, HttpResponse, capability};
use juzhen_abi::pack;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::lock;
use super::plan::path_of;
use super::talk::Talk;

/// How a connection ends in place of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Break {
    /// Closed with a reset, the request read.
    Reset,
    /// Closed, the request read.
    Closed,
    /// Half of the body, then closed.
    Cut,
    /// The answer comes, byte by byte, and takes longer than the call has.
    Drips,
    /// The adapter's process is killed, and the answer comes.
    Killed,
}

/// Listens until it is dropped.
pub(crate) struct Platform {
    pub(crate) url: String,
    stage: Arc<Mutex<Stage>>,
    task: JoinHandle<()>,
}

/// What the next call gets.
struct Stage {
    talk: Option<Talk>,
    /// Scheme and host that the plan was written for.
    origin: String,
    /// The number of the request, and what is done to it.
    breaks: Option<(usize, Break)>,
    /// `METHOD /path` of every request.
    arrived: Vec<String>,
    /// Ends the adapter's process.
    kill: Arc<dyn Fn() + Send + Sync>,
}

impl Platform {
    pub(crate) async fn start() -> std::io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let stage = Stage {
            talk: None,
            origin: String::new(),
            breaks: None,
            arrived: Vec::new(),
            kill: Arc::new(|| ()),
        };
        let stage = Arc::new(Mutex::new(stage));
        let served = Arc::clone(&stage);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&served)));
            }
        });
        Ok(Self { url, stage, task })
    }

    /// From now on this is answered, and that is broken; forgets what has arrived.
    pub(crate) fn play(
        &self,
        talk: Talk,
        origin: &str,
        breaks: (usize, Break),
        kill: impl Fn() + Send + Sync + 'static,
    ) {
        *lock(&self.stage) = Stage {
            talk: Some(talk),
            origin: origin.to_owned(),
            breaks: Some(breaks),
            arrived: Vec::new(),
            kill: Arc::new(kill),
        };
    }

    pub(crate) fn arrived(&self) -> Vec<String> {
        lock(&self.stage).arrived.clone()
    }
}

impl Drop for Platform {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// One request of one connection. What breaks on the way is what it is for.
async fn serve(mut stream: TcpStream, stage: Arc<Mutex<Stage>>) {
    let Some((method, target)) = read(&mut stream).await else { return };
    let (answer, breaks, kill) = {
        let mut stage = lock(&stage);
        let number = stage.arrived.len();
        stage.arrived.push(shown(&method, &target));
        let breaks = stage.breaks.filter(|(at, _)| *at == number).map(|(_, breaks)| breaks);
        let url = format!("{}{target}", stage.origin);
        (stage.talk.as_mut().and_then(|talk| answer(talk, &method, &url)), breaks, Arc::clone(&stage.kill))
    };
    let Some(bytes) = answer else { return };
    let half = bytes.get(..bytes.len().saturating_sub(5)).unwrap_or_default();
    let _broken = match breaks {
        None => stream.write_all(&bytes).await,
        Some(Break::Killed) => {
            kill();
            stream.write_all(&bytes).await
        }
        Some(Break::Closed) => Ok(()),
        Some(Break::Reset) => stream.set_zero_linger(),
        Some(Break::Cut) => stream.write_all(half).await,
        Some(Break::Drips) => drip(&mut stream, &bytes).await,
    };
    let _gone = stream.flush().await;
}

/// A request as it is counted: method and path.
pub(crate) fn shown(method: &str, url: &str) -> String {
    format!("{method} {}", path_of(url).split('?').next().unwrap_or_default())
}

fn answer(talk: &mut Talk, method: &str, url: &str) -> Option<Vec<u8>> {
    let head = HttpRequest { method: method.to_owned(), url: url.to_owned(), ..HttpRequest::default() };
    let asked = pack::pack(&head, b"").ok()?;
    let answer = talk.ask(capability::HTTP_SEND, &asked)?.ok()?;
    let (HttpResponse { status, headers }, body) = pack::unpack(&answer).ok()?;
    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let length = body.len();
    let head =
        format!("HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n");
    Some([head.as_bytes(), body].concat())
}

async fn drip(stream: &mut TcpStream, bytes: &[u8]) -> std::io::Result<()> {
    for byte in bytes {
        stream.write_all(&[*byte]).await?;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Ok(())
}

/// Method and target, once the whole request is there.
async fn read(stream: &mut TcpStream) -> Option<(String, String)> {
    let mut bytes = Vec::new();
    loop {
        let mut buffer = [0; 8192];
        let count = stream.read(&mut buffer).await.ok().filter(|&count| count > 0)?;
        bytes.extend_from_slice(buffer.get(..count)?);
        let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(bytes.get(..end)?).to_ascii_lowercase();
        let field =
            |name: &str| head.lines().find_map(|line| Some(line.strip_prefix(name)?.trim().to_owned()));
        let length = field("content-length:").and_then(|length| length.parse().ok()).unwrap_or(0);
        let body = bytes.get(end + 4..)?;
        let whole = match field("transfer-encoding:") {
            Some(_) => body.ends_with(b"0\r\n\r\n"),
            None => body.len() >= length,
        };
        if whole {
            let line = String::from_utf8_lossy(bytes.get(..end)?).lines().next()?.to_owned();
            let mut words = line.split(' ');
            return Some((words.next()?.to_owned(), words.next()?.to_owned()));
        }
    }
}

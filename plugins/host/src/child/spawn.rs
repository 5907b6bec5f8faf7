//! Starts a child and brings it to READY.

use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd as _, OwnedFd};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use juzhen_abi::pack;
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;

use super::lane::{ProcessLane, ended};
use super::output::{LastWords, drain};
use crate::lane::{HostCalls, Lane, LaneOptions};
use crate::refused::LoadRefused;
use crate::sealed::SealedLibrary;
use crate::wire::frame::Splitter;
use crate::wire::{Hello, Ready, ToChild, ToParent, build_id};

/// A child that has been started.
pub(super) struct Started {
    pub(super) process: Child,
    pub(super) socket: UnixStream,
    pub(super) splitter: Splitter,
    pub(super) last_words: LastWords,
    /// Ends when the child has closed its standard error.
    pub(super) stderr: JoinHandle<()>,
}

/// Opens an adapter in a child process.
pub(crate) async fn open(
    library: SealedLibrary,
    options: &LaneOptions,
    calls: Arc<dyn HostCalls>,
) -> Result<Arc<dyn Lane>, LoadRefused> {
    let mut started = spawn(&library, options)?;
    let handshake = tokio::time::timeout(options.start_budget, shake_hands(&mut started, &library, options));
    let ready = match handshake.await {
        Ok(Ok(ready)) => ready,
        Ok(Err(Fault::Refused(why))) => return Err(why),
        Ok(Err(Fault::Closed)) => return Err(LoadRefused::Crashed(ended(&mut started, None).await)),
        Err(_) => {
            // Dropping the handle kills it.
            let after_ms = u64::try_from(options.start_budget.as_millis()).unwrap_or(u64::MAX);
            return Err(LoadRefused::Hung { after_ms, during: "linking or `create`".into() });
        }
    };
    Ok(ProcessLane::run(started, &library, ready, options.in_flight, calls))
}

fn spawn(library: &SealedLibrary, options: &LaneOptions) -> Result<Started, LoadRefused> {
    let failed = |e: io::Error| LoadRefused::Spawn(format!("{}: {e}", options.program.display()));
    let (ours, theirs) = std::os::unix::net::UnixStream::pair().map_err(failed)?;
    ours.set_nonblocking(true).map_err(failed)?;
    let mut process = Command::new(&options.program)
        .arg0("juzhen")
        .arg("adapter-host")
        // Only for people who look at a list of processes.
        .arg(library.file_name())
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::from(OwnedFd::from(theirs)))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // A ^C in the terminal is for the daemon, which then drains its adapters.
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .map_err(failed)?;
    let name = library.manifest().name.clone();
    let last_words = LastWords::default();
    if let Some(stdout) = process.stdout.take() {
        tokio::spawn(drain(stdout, "stdout", name.clone(), None));
    }
    let stderr = match process.stderr.take() {
        Some(stderr) => tokio::spawn(drain(stderr, "stderr", name, Some(last_words.clone()))),
        None => tokio::spawn(async {}),
    };
    let socket = UnixStream::from_std(ours).map_err(failed)?;
    Ok(Started { process, socket, splitter: Splitter::default(), last_words, stderr })
}

enum Fault {
    Refused(LoadRefused),
    /// The child has closed the connection.
    Closed,
}

async fn shake_hands(
    started: &mut Started,
    library: &SealedLibrary,
    options: &LaneOptions,
) -> Result<Ready, Fault> {
    let protocol = |why: String| Fault::Refused(LoadRefused::Protocol(why));
    let hello = Hello {
        build: build_id(),
        sandbox: options.sandbox,
        limits: options.limits,
        needed: library.needed().to_vec(),
        manifest: String::from_utf8_lossy(library.manifest_text()).into_owned(),
    };
    let packed = pack::pack(&hello, &options.config).map_err(|e| protocol(e.to_string()))?;
    let mut frame = Vec::new();
    if !ToChild::Hello(packed).encode(&mut frame) {
        return Err(protocol("the configuration does not fit a frame".into()));
    }
    // A child that has ended by now closes the connection, which is found below.
    let sent = send_with_library(&started.socket, &frame, library).await.unwrap_or(frame.len());
    let _ = started.socket.write_all(frame.get(sent..).unwrap_or_default()).await;
    let mut chunk = vec![0; 16 << 10];
    loop {
        let read = started.socket.read(&mut chunk).await.unwrap_or(0);
        if read == 0 {
            return Err(Fault::Closed);
        }
        started.splitter.feed(chunk.get(..read).unwrap_or_default());
        while let Some(raw) = started.splitter.next_frame().map_err(|e| protocol(e.to_string()))? {
            match ToParent::decode(&raw).map_err(|e| protocol(e.to_string()))? {
                ToParent::Ready(json) => {
                    return serde_json::from_slice(&json).map_err(|e| protocol(e.to_string()));
                }
                ToParent::Failed(json) => {
                    let why = serde_json::from_slice(&json);
                    return Err(Fault::Refused(why.unwrap_or_else(|e| LoadRefused::Protocol(e.to_string()))));
                }
                // `create` may say something before it is ready.
                ToParent::Log { message, .. } => {
                    let message = String::from_utf8_lossy(&message).chars().take(500).collect::<String>();
                    tracing::info!(adapter = library.file_name(), "Adapter said while starting: {message}");
                }
                ToParent::HostCancel { .. } => {}
                other => return Err(protocol(format!("unexpected while starting: {other:?}"))),
            }
        }
    }
}

/// Sends the first piece with the library's descriptor attached; returns how much went.
async fn send_with_library(socket: &UnixStream, bytes: &[u8], library: &SealedLibrary) -> io::Result<usize> {
    loop {
        socket.writable().await?;
        let sent = socket.try_io(tokio::io::Interest::WRITABLE, || {
            let descriptors = [library.memory().as_fd()];
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
            let mut attached = SendAncillaryBuffer::new(&mut space);
            attached.push(SendAncillaryMessage::ScmRights(&descriptors));
            let flags = SendFlags::NOSIGNAL;
            Ok(rustix::net::sendmsg(socket, &[IoSlice::new(bytes)], &mut attached, flags)?)
        });
        match sent {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            other => return other,
        }
    }
}

/// After an unexpected end: how long its last words may take to arrive.
pub(super) const LAST_WORDS: Duration = Duration::from_millis(200);

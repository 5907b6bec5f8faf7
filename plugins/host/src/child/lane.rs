//! A child as a [`Lane`], and the task that owns its process until the end.

use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use juzhen_abi::message::Manifest;
use tokio::sync::{Notify, Semaphore, watch};
use tokio::task::JoinHandle;

use super::link::{self, Link};
use super::spawn::{LAST_WORDS, Started};
use crate::boundary::lock;
use crate::lane::{HostCalls, Identity, IsolationReport, Lane, LaneAnswer, LaneHealth, ScopeSeed};
use crate::sealed::SealedLibrary;
use crate::wire::{Ready, ToChild};

const PING_EVERY: Duration = Duration::from_millis(500);
/// Four pings without an answer.
const SILENCE_ALLOWED: Duration = Duration::from_secs(2);
/// For `destroy`, after SHUTDOWN.
const DESTROY_BUDGET: Duration = Duration::from_secs(1);

pub(super) struct ProcessLane {
    manifest: Manifest,
    identity: Identity,
    isolation: IsolationReport,
    pid: Option<u32>,
    link: Arc<Link>,
    permits: Arc<Semaphore>,
    gone: watch::Receiver<Option<String>>,
    end: Arc<End>,
}

/// How the rest of the daemon asks the owning task to end the process.
#[derive(Default)]
struct End {
    why: Mutex<Option<String>>,
    asked: Notify,
}

impl End {
    /// The first reason counts.
    fn ask(&self, why: &str) {
        lock(&self.why).get_or_insert_with(|| why.to_owned());
        self.asked.notify_one();
    }

    fn why(&self) -> Option<String> {
        lock(&self.why).clone()
    }
}

impl ProcessLane {
    pub(super) fn run(
        started: Started,
        library: &SealedLibrary,
        ready: Ready,
        in_flight: usize,
        calls: Arc<dyn HostCalls>,
    ) -> Arc<dyn Lane> {
        let link = Link::new(calls);
        let end = Arc::<End>::default();
        let (gone_sender, gone) = watch::channel(None);
        let pid = started.process.id();
        tokio::spawn(own(started, Arc::clone(&link), Arc::clone(&end), gone_sender));
        Arc::new(Self {
            manifest: library.manifest().clone(),
            identity: library.identity(ready.flags, ready.build_info),
            isolation: ready.isolation,
            pid,
            link,
            permits: Arc::new(Semaphore::new(in_flight)),
            gone,
            end,
        })
    }
}

#[async_trait]
impl Lane for ProcessLane {
    fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    fn identity(&self) -> &Identity {
        &self.identity
    }

    fn isolation(&self) -> &IsolationReport {
        &self.isolation
    }

    async fn call(&self, scope: u64, operation: &str, request: Vec<u8>, replay: ScopeSeed) -> LaneAnswer {
        let Ok(permit) = Arc::clone(&self.permits).acquire_owned().await else {
            let why = self.gone.borrow().clone();
            return LaneAnswer::Gone(why.unwrap_or_else(|| "it is shutting down".into()));
        };
        let (id, answer) = match self.link.begin(scope, permit) {
            Ok(begun) => begun,
            Err(answer) => return answer,
        };
        let mut cancel = CancelOnDrop { link: &self.link, id, armed: true };
        let frame = ToChild::Call { id, scope, operation: operation.to_owned(), replay, request };
        if !self.link.send(&frame).await {
            cancel.armed = false;
            self.link.never_sent(id);
            return LaneAnswer::Malformed("the request is longer than may cross".into());
        }
        let answer = answer.await;
        cancel.armed = false;
        answer.unwrap_or_else(|_| LaneAnswer::Gone("the daemon is stopping".into()))
    }

    fn health(&self) -> LaneHealth {
        let (rss_bytes, stuck_ms) = self.link.pulse(SILENCE_ALLOWED);
        let alive = !self.link.is_closed() && !self.permits.is_closed();
        LaneHealth { alive, stuck_ms, in_flight: self.link.in_flight(), rss_bytes, pid: self.pid }
    }

    async fn gone(&self) -> String {
        let mut gone = self.gone.clone();
        match gone.wait_for(Option::is_some).await {
            Ok(why) => why.clone().unwrap_or_default(),
            Err(_) => "the daemon is stopping".into(),
        }
    }

    async fn shutdown(&self, grace: Duration) {
        self.permits.close();
        let drained = async {
            while self.link.in_flight() > 0 && !self.link.is_closed() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let in_time = tokio::time::timeout(grace, drained).await.is_ok();
        lock(&self.end.why).get_or_insert_with(|| "it was shut down".into());
        self.link.push(&ToChild::Shutdown);
        if !in_time || tokio::time::timeout(DESTROY_BUDGET, self.gone()).await.is_err() {
            self.end.ask("it was shut down");
        }
        self.gone().await;
    }

    fn kill(&self, why: &str) {
        self.end.ask(why);
    }
}

impl Drop for ProcessLane {
    fn drop(&mut self) {
        self.end.ask("it is not used any more");
    }
}

/// Turns the drop of a caller's future into a cancellation.
struct CancelOnDrop<'a> {
    link: &'a Link,
    id: u64,
    armed: bool,
}

impl Drop for CancelOnDrop<'_> {
    fn drop(&mut self) {
        if self.armed {
            self.link.cancel(self.id);
        }
    }
}

/// Owns the process from READY to the end: nobody else can signal it, so nobody signals a number that was reused.
async fn own(started: Started, link: Arc<Link>, end: Arc<End>, gone: watch::Sender<Option<String>>) {
    let Started { mut process, socket, splitter, last_words, stderr } = started;
    let (reading, writing) = socket.into_split();
    link.pulse_starts();
    let writer = tokio::spawn(link::write(Arc::clone(&link), writing));
    let pinger = tokio::spawn(ping(Arc::clone(&link)));
    let mut reader = tokio::spawn(link::read(Arc::clone(&link), reading, splitter));
    let mut read_to_end = false;
    let status = tokio::select! {
        status = process.wait() => status,
        () = end.asked.notified() => kill(&mut process).await,
        read = &mut reader => {
            read_to_end = true;
            match read {
                Ok(Err(why)) => end.ask(&format!("it broke the protocol: {why}")),
                // It has closed the connection: a moment to end by itself, so that its own reason is the one told.
                _ => match tokio::time::timeout(LAST_WORDS, process.wait()).await {
                    Ok(_) => {}
                    Err(_) => end.ask("it closed its connection"),
                },
            }
            kill(&mut process).await
        }
    };
    // Answers that it wrote before its end count.
    if !read_to_end {
        let _ = tokio::time::timeout(LAST_WORDS, &mut reader).await;
    }
    let why = reason(status.ok(), end.why(), &last_words_of(stderr, &last_words).await);
    for task in [writer.abort_handle(), pinger.abort_handle(), reader.abort_handle()] {
        task.abort();
    }
    link.close(&why);
    gone.send_replace(Some(why));
}

async fn kill(process: &mut tokio::process::Child) -> std::io::Result<ExitStatus> {
    // An error means that it has ended already, which `wait` then tells.
    let _ = process.start_kill();
    process.wait().await
}

async fn ping(link: Arc<Link>) {
    let mut beat = tokio::time::interval(PING_EVERY);
    beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    for id in 1_u64.. {
        beat.tick().await;
        link.push(&ToChild::Ping { id });
    }
}

/// Why a child that never got ready is gone.
pub(super) async fn ended(started: &mut Started, asked: Option<String>) -> String {
    let status = match tokio::time::timeout(LAST_WORDS, started.process.wait()).await {
        Ok(status) => status,
        Err(_) => kill(&mut started.process).await,
    };
    let stderr = std::mem::replace(&mut started.stderr, tokio::spawn(async {}));
    let words = last_words_of(stderr, &started.last_words).await;
    reason(status.ok(), asked, &words)
}

async fn last_words_of(mut stderr: JoinHandle<()>, words: &super::output::LastWords) -> String {
    let _ = tokio::time::timeout(LAST_WORDS, &mut stderr).await;
    stderr.abort();
    words.joined()
}

fn reason(status: Option<ExitStatus>, asked: Option<String>, last_words: &str) -> String {
    let end = match (asked, status) {
        (Some(why), _) => why,
        (None, Some(status)) => match (status.signal(), status.code()) {
            (Some(signal), _) => format!("its process was ended by {}", signal_name(signal)),
            (None, Some(0)) => "its process ended by itself with exit code 0".to_owned(),
            (None, code) => format!("its process ended with exit code {}", code.unwrap_or(-1)),
        },
        (None, None) => "its process is gone".to_owned(),
    };
    if last_words.is_empty() { end } else { format!("{end}; it said: {last_words}") }
}

fn signal_name(signal: i32) -> String {
    let name = match signal {
        libc::SIGABRT => "SIGABRT (abort)",
        libc::SIGSEGV => "SIGSEGV (bad memory access)",
        libc::SIGBUS => "SIGBUS (bad memory access)",
        libc::SIGILL => "SIGILL (illegal instruction)",
        libc::SIGFPE => "SIGFPE (arithmetic)",
        libc::SIGKILL => "SIGKILL (killed from outside, perhaps out of memory)",
        libc::SIGTERM => "SIGTERM (terminated from outside)",
        libc::SIGXFSZ => "SIGXFSZ (wrote a file)",
        libc::SIGSYS => "SIGSYS (forbidden system call)",
        other => return format!("signal {other}"),
    };
    name.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f74_exit_code_0_is_an_end_like_any_other() {
        let zero = reason(Some(ExitStatus::from_raw(0)), None, "");
        assert_eq!(zero, "its process ended by itself with exit code 0");
        let abort = reason(Some(ExitStatus::from_raw(libc::SIGABRT)), None, "oh no");
        assert_eq!(abort, "its process was ended by SIGABRT (abort); it said: oh no");
    }
}

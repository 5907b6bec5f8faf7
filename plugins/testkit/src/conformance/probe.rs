//! A process to spare: checks that have to see polls, wakers and drops load the adapter in it, without any isolation.

use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::Command;

use super::bench::Bench;
use super::ended::short;
use super::plan::Plan;
use super::report::{Finding, Verdict};

/// First argument of the program that becomes the process to spare.
pub(crate) const ARGUMENT: &str = "adapter-probe";
/// Hang protection: whoever is stuck in the spare process is told of by its own watchdog first.
const PATIENCE: Duration = Duration::from_secs(90);
/// More of what it prints is not read.
const MOST_PRINTED: u64 = 64 << 10;

/// What the spare process is told, as one line of JSON.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Task {
    pub(crate) scenario: String,
    pub(crate) file: std::path::PathBuf,
    /// Complete, so that nothing is made up twice.
    pub(crate) plan: Plan,
}

/// What it says in the end.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Said {
    pub(crate) passed: Option<bool>,
    pub(crate) seen: String,
}

impl From<Finding> for Said {
    fn from(Finding { verdict, seen }: Finding) -> Self {
        let passed = match verdict {
            Verdict::Passed => Some(true),
            Verdict::Failed => Some(false),
            Verdict::NotApplicable => None,
        };
        Self { passed, seen }
    }
}

impl From<Said> for Finding {
    fn from(Said { passed, seen }: Said) -> Self {
        match passed {
            Some(true) => Self::passed(seen),
            Some(false) => Self::failed(seen),
            None => Self::not_applicable(seen),
        }
    }
}

/// Runs a scenario, and survives whatever becomes of its process.
pub(crate) fn ask<'b>(bench: &'b Bench, scenario: &'static str) -> BoxFuture<'b, Finding> {
    Box::pin(async move {
        match spare(bench, scenario).await {
            Ok(Spared { said: Some(said), .. }) => said.into(),
            Ok(Spared { said: None, ended, printed }) => {
                Finding::failed(format!("its process {}{}", end(ended), words(&printed)))
            }
            Err(cause) => Finding::not_applicable(format!("no process to spare could be started: {cause}")),
        }
    })
}

/// Runs every call of the plan and looks at what the process printed.
pub(crate) fn quiet(bench: &Bench) -> BoxFuture<'_, Finding> {
    Box::pin(async move {
        match spare(bench, "quiet").await {
            Ok(Spared { printed, .. }) if !printed.is_empty() => {
                Finding::failed(format!("it printed: {}", short(printed.trim())))
            }
            Ok(Spared { said: Some(said), .. }) => said.into(),
            Ok(Spared { ended, .. }) => Finding::failed(format!("its process {}", end(ended))),
            Err(cause) => Finding::not_applicable(format!("no process to spare could be started: {cause}")),
        }
    })
}

/// A spare process after its end.
struct Spared {
    said: Option<Said>,
    /// `None`: it had to be killed.
    ended: Option<ExitStatus>,
    /// On both outputs.
    printed: String,
}

async fn spare(bench: &Bench, scenario: &'static str) -> std::io::Result<Spared> {
    let (ours, theirs) = UnixStream::pair()?;
    ours.set_nonblocking(true)?;
    let mut child = Command::new(&bench.options.program)
        .arg(ARGUMENT)
        .env_clear()
        .stdin(Stdio::from(OwnedFd::from(theirs)))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let task = Task { scenario: scenario.to_owned(), file: bench.file.clone(), plan: bench.plan.clone() };
    let mut ours = tokio::net::UnixStream::from_std(ours)?;
    let talk = async {
        let mut line = serde_json::to_vec(&task).unwrap_or_default();
        line.push(b'\n');
        // A process that is gone already is told of by its status.
        let _gone = ours.write_all(&line).await;
        let mut said = Vec::new();
        let _gone = ours.read_to_end(&mut said).await;
        said
    };
    let all = async { tokio::join!(talk, printed(stdout), printed(stderr), child.wait()) };
    let (said, stdout, stderr, ended) = match tokio::time::timeout(PATIENCE, all).await {
        Ok(all) => all,
        Err(_) => return Ok(Spared { said: None, ended: None, printed: String::new() }),
    };
    Ok(Spared { said: serde_json::from_slice(&said).ok(), ended: ended.ok(), printed: stdout + &stderr })
}

async fn printed(pipe: Option<impl AsyncRead + Unpin>) -> String {
    let Some(pipe) = pipe else { return String::new() };
    let (mut bytes, mut pipe) = (Vec::new(), pipe.take(MOST_PRINTED));
    let _cut = pipe.read_to_end(&mut bytes).await;
    // Read on without keeping it, so that nobody waits for room in the pipe.
    let _gone = tokio::io::copy(&mut pipe.into_inner(), &mut tokio::io::sink()).await;
    String::from_utf8_lossy(&bytes).into_owned()
}

fn end(status: Option<ExitStatus>) -> String {
    match status {
        Some(status) => format!("ended without a word: {status}"),
        None => "did not end and was killed".to_owned(),
    }
}

fn words(printed: &str) -> String {
    if printed.is_empty() { String::new() } else { format!("; it printed: {}", short(printed.trim())) }
}

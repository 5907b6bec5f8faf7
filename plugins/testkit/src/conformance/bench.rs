//! The adapter under test, in a child process under the real isolation, with a scripted host behind it.
//!
//! A call may take the process down: that is noted, and the next call gets a new one.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;
use juzhen_abi::message::{AdapterError, ErrorKind, Manifest, Meta, Panicked, Request};
use juzhen_abi::pack;
use juzhen_host::lane::{HostCalls, Lane, LaneAnswer, LaneOptions, ScopeSeed};
use juzhen_host::refused::LoadRefused;
use juzhen_host::sealed::SealedLibrary;
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use super::plan::{Plan, Rule, Sample};
use super::sweep::Struck;
use super::talk::{MOST_CALLS, Seen, Talk};
use crate::script::{Answer, Script};

/// Every question is answered at once, so an operation that asks nothing for so long waits for nothing. Generous, because
/// machines are busy.
const IDLE: Duration = Duration::from_secs(10);
/// The time that operations have by their own clock, which stands still.
pub(crate) const PATIENCE_MS: i64 = 120_000;
/// Clock readings that are given out before the real clock is: no honest operation needs more.
const READINGS: usize = 256;

/// What is under test.
pub(crate) struct Bench {
    /// Its whole path.
    pub(crate) file: PathBuf,
    pub(crate) library: SealedLibrary,
    pub(crate) bytes: Vec<u8>,
    pub(crate) manifest: Arc<Manifest>,
    pub(crate) plan: Plan,
    pub(crate) options: LaneOptions,
    pub(crate) stage: Arc<Stage>,
    lane: tokio::sync::Mutex<Option<Arc<dyn Lane>>>,
    next_scope: AtomicU64,
    incidents: Mutex<Vec<Incident>>,
    rehearsed: OnceCell<Vec<Rehearsed>>,
    struck: OnceCell<Vec<Struck>>,
}

/// A call of the plan, and how it went with good answers.
pub(crate) struct Rehearsed {
    pub(crate) sample: Sample,
    pub(crate) run: Run,
}

/// One operation from begin to end.
#[derive(Debug, Clone)]
pub(crate) struct Run {
    pub(crate) ended: Ended,
    pub(crate) seen: Seen,
}

/// How an operation ended, as far as the carrier can tell.
#[derive(Debug, Clone)]
pub(crate) enum Ended {
    Answer(Value),
    Error(AdapterError),
    Panicked(Panicked),
    Malformed(String),
    /// The process is gone.
    Gone(String),
    /// It asked nothing more and did not end.
    Hung(String),
}

/// Something that no adapter may do, whatever it was asked.
#[derive(Debug, Clone)]
pub(crate) struct Incident {
    pub(crate) what: Sin,
    pub(crate) said: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sin {
    Panicked,
    Malformed,
    UnknownKind,
    Gone,
    Hung,
    StrangeHost,
    MisusedSecret,
    UnreadableCall,
}

/// A call that is about to be made.
#[derive(Clone)]
pub(crate) struct Call {
    pub(crate) operation: String,
    pub(crate) meta: Meta,
    pub(crate) body: Value,
    pub(crate) rules: Vec<Rule>,
    pub(crate) kept: BTreeMap<String, String>,
    /// What single requests get instead, by their number from 0.
    pub(crate) faults: Vec<(usize, Answer)>,
    /// Instead of `meta` and `body`: any bytes.
    pub(crate) packed: Option<Vec<u8>>,
}

impl Bench {
    pub(crate) fn new(
        file: PathBuf,
        library: SealedLibrary,
        bytes: Vec<u8>,
        plan: Plan,
        options: LaneOptions,
    ) -> Self {
        let manifest = Arc::new(library.manifest().clone());
        let plan = plan.completed(&manifest);
        let config = pack::pack(&json!({ "settings": plan.adapter }), &[]);
        let options = LaneOptions { config: config.unwrap_or_default(), ..options };
        Self {
            file,
            library,
            bytes,
            manifest,
            plan,
            options,
            stage: Arc::default(),
            lane: tokio::sync::Mutex::default(),
            next_scope: AtomicU64::new(0x5c09),
            incidents: Mutex::default(),
            rehearsed: OnceCell::new(),
            struck: OnceCell::new(),
        }
    }

    /// The running adapter; a new process when the last one is gone.
    pub(crate) async fn lane(&self) -> Result<Arc<dyn Lane>, LoadRefused> {
        let mut lane = self.lane.lock().await;
        if let Some(running) = lane.as_ref().filter(|lane| lane.health().alive) {
            return Ok(Arc::clone(running));
        }
        let stage = Arc::clone(&self.stage) as Arc<dyn HostCalls>;
        let opened = juzhen_host::open(self.library.clone(), &self.options, stage).await?;
        *lane = Some(Arc::clone(&opened));
        Ok(opened)
    }

    /// Ends the process; the next call gets a new one.
    pub(crate) async fn kill(&self, why: &str) {
        if let Some(lane) = self.lane.lock().await.take() {
            lane.kill(why);
            lane.gone().await;
        }
    }

    /// Every call of the plan with good answers, once.
    pub(crate) async fn rehearsed(&self) -> &[Rehearsed] {
        let all = self.rehearsed.get_or_init(|| async {
            let mut all = Vec::new();
            for sample in &self.plan.calls {
                let run = self.run(self.call(sample)).await;
                all.push(Rehearsed { sample: sample.clone(), run });
            }
            all
        });
        all.await
    }

    /// Those that ended well: what faults can be generated from.
    pub(crate) async fn good(&self) -> Vec<&Rehearsed> {
        self.rehearsed().await.iter().filter(|one| matches!(one.run.ended, Ended::Answer(_))).collect()
    }

    pub(crate) async fn struck(&self) -> &[Struck] {
        self.struck.get_or_init(|| super::sweep::sweep(self)).await
    }

    /// The call of a sample with its own answers.
    pub(crate) fn call(&self, sample: &Sample) -> Call {
        let mut settings = self.plan.settings.clone();
        settings.extend(sample.settings.clone());
        let meta = Meta {
            call: "kit-1".to_owned(),
            account: "kit".to_owned(),
            uid: self.plan.uid.clone().unwrap_or_default(),
            idempotency_key: "d-kit-1".to_owned(),
            attempt: 1,
            deadline_unix_ms: Script::START_UNIX_MS + PATIENCE_MS,
            settings,
        };
        Call {
            operation: sample.operation.clone(),
            meta,
            body: sample.body.clone().unwrap_or_default(),
            rules: [sample.answers.as_slice(), &self.plan.answers].concat(),
            kept: sample.kept.clone(),
            faults: Vec::new(),
            packed: None,
        }
    }

    /// Runs it. Whatever it does is survived; what no adapter may do is noted.
    pub(crate) async fn run(&self, call: Call) -> Run {
        let shown = call.operation.clone();
        let run = self.run_quietly(call).await;
        self.note(&shown, &run);
        run
    }

    async fn run_quietly(&self, call: Call) -> Run {
        let lane = match self.lane().await {
            Ok(lane) => lane,
            Err(refused) => return Run { ended: Ended::Gone(refused.to_string()), seen: Seen::default() },
        };
        let scope = self.next_scope.fetch_add(1, Ordering::Relaxed);
        let talk = self.stage.enter(scope, self.talk(&call));
        let Call { operation, meta, body, packed, .. } = call;
        let request = packed.or_else(|| pack::pack(&Request { meta, body }, &[]).ok()).unwrap_or_default();
        let mut answer = Box::pin(lane.call(scope, &operation, request, seed()));
        let mut calls = 0;
        let ended = loop {
            if let Ok(answer) = tokio::time::timeout(IDLE, &mut answer).await {
                break ended(answer, &self.incidents, &operation);
            }
            let now = lock(&talk).seen.calls;
            if now == calls {
                let health = lane.health();
                break Ended::Hung(hung(health.stuck_ms, now));
            }
            calls = now;
        };
        drop(answer);
        if matches!(ended, Ended::Hung(_)) {
            // What is stuck in a poll cannot be cancelled.
            self.kill("it did not end").await;
        }
        self.stage.leave(scope);
        let seen = lock(&talk).seen.clone();
        Run { ended, seen }
    }

    /// Runs it up to the request that is never answered, and leaves it there.
    pub(crate) async fn run_until_silent(&self, call: Call) {
        const LOOK_AGAIN: Duration = Duration::from_millis(5);
        let Ok(lane) = self.lane().await else { return };
        let scope = self.next_scope.fetch_add(1, Ordering::Relaxed);
        let talk = self.stage.enter(scope, self.talk(&call));
        let Call { operation, meta, body, .. } = call;
        let request = pack::pack(&Request { meta, body }, &[]).unwrap_or_default();
        let mut answer = Box::pin(lane.call(scope, &operation, request, seed()));
        let silent = || lock(&talk).seen.asked.iter().any(|asked| matches!(asked.answer, Answer::Never));
        let waits =
            async { while tokio::time::timeout(LOOK_AGAIN, &mut answer).await.is_err() && !silent() {} };
        // One that never gets there is ended all the same.
        let _arrived = tokio::time::timeout(IDLE, waits).await;
        self.stage.leave(scope);
    }

    pub(crate) fn talk(&self, call: &Call) -> Talk {
        let Meta { settings, uid, .. } = &call.meta;
        let mut talk =
            Talk::new(Arc::clone(&self.manifest), settings.clone(), uid.clone(), call.rules.clone());
        talk.faults = call.faults.iter().cloned().collect();
        let kept = call.kept.iter().map(|(key, value)| (key.clone(), value.clone().into_bytes()));
        talk.seen.kept = kept.collect();
        talk
    }

    /// Incidents of this kind so far, each with the operation it happened in, without repetitions.
    pub(crate) fn incidents(&self, what: Sin) -> Vec<String> {
        let mut said: Vec<String> =
            lock(&self.incidents).iter().filter(|one| one.what == what).map(|one| one.said.clone()).collect();
        said.sort();
        said.dedup();
        said
    }

    fn note(&self, operation: &str, run: &Run) {
        let mut incidents = lock(&self.incidents);
        let mut add =
            |what, said: &str| incidents.push(Incident { what, said: format!("{operation}: {said}") });
        match &run.ended {
            Ended::Panicked(Panicked { message, location }) => {
                add(Sin::Panicked, &format!("panicked with {message:?} at {location}"));
            }
            Ended::Malformed(why) => add(Sin::Malformed, why),
            Ended::Gone(why) => add(Sin::Gone, why),
            Ended::Hung(why) => add(Sin::Hung, why),
            Ended::Answer(_) | Ended::Error(_) => {}
        }
        run.seen.strange_hosts.iter().for_each(|host| add(Sin::StrangeHost, host));
        run.seen.misused_secrets.iter().for_each(|what| add(Sin::MisusedSecret, what));
        run.seen.unreadable.iter().for_each(|what| add(Sin::UnreadableCall, what));
    }
}

/// A clock that stands still, and known randomness.
fn seed() -> ScopeSeed {
    ScopeSeed { now_unix_ms: vec![Script::START_UNIX_MS; READINGS], random: [7; 32] }
}

impl Ended {
    /// For people: `answered`, or what happened instead.
    pub(crate) fn shown(&self) -> String {
        match self {
            Self::Answer(answer) => format!("answered {}", short(&answer.to_string())),
            Self::Error(error) => format!("ended with {}: {}", error.kind.name(), short(&error.message)),
            Self::Panicked(Panicked { message, .. }) => format!("panicked: {}", short(message)),
            Self::Malformed(why) => format!("answered with something that is no answer: {why}"),
            Self::Gone(why) => format!("took its process down: {why}"),
            Self::Hung(why) => why.clone(),
        }
    }
}

fn ended(answer: LaneAnswer, incidents: &Mutex<Vec<Incident>>, operation: &str) -> Ended {
    match answer {
        LaneAnswer::Ok(bytes) => read(&bytes).map_or_else(Ended::Malformed, Ended::Answer),
        LaneAnswer::Error(bytes) => {
            if let Some(kind) = unknown_kind(&bytes) {
                let said = format!("{operation}: {kind}");
                lock(incidents).push(Incident { what: Sin::UnknownKind, said });
            }
            read(&bytes).map_or_else(Ended::Malformed, Ended::Error)
        }
        LaneAnswer::Panicked(bytes) => read(&bytes).map_or_else(Ended::Malformed, Ended::Panicked),
        LaneAnswer::Gone(why) => Ended::Gone(why),
        LaneAnswer::Malformed(why) => Ended::Malformed(why),
    }
}

/// A kind of error that reads as a bug only because nobody knows it.
fn unknown_kind(bytes: &[u8]) -> Option<String> {
    let head: Value = read(bytes).ok()?;
    let said = head.get("kind").map_or_else(|| "none".to_owned(), ToString::to_string);
    let error: AdapterError = read(bytes).ok()?;
    (error.kind == ErrorKind::Bug && said != "\"bug\"").then_some(said)
}

fn read<T: serde::de::DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    pack::unpack(bytes).map(|(head, _)| head).map_err(|e| e.to_string())
}

fn hung(stuck_ms: u64, calls: usize) -> String {
    if stuck_ms > 1000 {
        return format!("did not come back from a poll for {stuck_ms} ms, after {calls} calls of the host");
    }
    if calls > MOST_CALLS {
        return format!("asked the host {calls} times and did not come to an end");
    }
    format!("waits for nothing: every one of its {calls} calls of the host was answered")
}

pub(crate) fn short(text: &str) -> String {
    const LONGEST: usize = 160;
    let cut: String = text.chars().take(LONGEST).collect();
    if cut.len() < text.len() { format!("{cut}…") } else { cut }
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The capabilities behind all live operations.
#[derive(Default)]
pub(crate) struct Stage {
    talks: Mutex<HashMap<u64, Arc<Mutex<Talk>>>>,
    /// Lines that belong to no operation.
    stray_logs: Mutex<Vec<String>>,
    /// Calls with a scope that is no live operation's.
    foreign: Mutex<Vec<String>>,
}

impl Stage {
    pub(crate) fn enter(&self, scope: u64, talk: Talk) -> Arc<Mutex<Talk>> {
        let talk = Arc::new(Mutex::new(talk));
        lock(&self.talks).insert(scope, Arc::clone(&talk));
        talk
    }

    pub(crate) fn leave(&self, scope: u64) {
        lock(&self.talks).remove(&scope);
    }

    pub(crate) fn stray_logs(&self) -> Vec<String> {
        lock(&self.stray_logs).clone()
    }

    pub(crate) fn foreign(&self) -> Vec<String> {
        lock(&self.foreign).clone()
    }

    fn talk(&self, scope: u64) -> Option<Arc<Mutex<Talk>>> {
        lock(&self.talks).get(&scope).cloned()
    }
}

impl HostCalls for Stage {
    fn call(
        &self,
        scope: u64,
        operation: String,
        request: Vec<u8>,
    ) -> BoxFuture<'static, Result<Vec<u8>, Vec<u8>>> {
        let Some(talk) = self.talk(scope) else {
            lock(&self.foreign).push(format!("{operation} in the name of {scope:#x}, which is no live call"));
            return Box::pin(std::future::pending());
        };
        let answer = lock(&talk).ask(&operation, &request);
        Box::pin(async move {
            // Never ready at once, so that every adapter has to wait properly.
            tokio::task::yield_now().await;
            match answer {
                Some(answer) => answer,
                None => std::future::pending().await,
            }
        })
    }

    fn log(&self, scope: u64, _level: u32, message: Vec<u8>) {
        let line = String::from_utf8_lossy(&message).into_owned();
        match self.talk(scope) {
            Some(talk) => lock(&talk).seen.logs.push(line),
            None => lock(&self.stray_logs).push(line),
        }
    }

    fn clock_read(&self, _scope: u64, _unix_ms: i64) {}
}

//! The adapter under test, in a child process under the real isolation, with a scripted host behind it.
//!
//! A call may take the process down: that is noted, and the next call gets a new one.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use juzhen_abi::message::{Manifest, Meta, Panicked, Request};
use juzhen_abi::pack;
use juzhen_host::lane::{HostCalls, Lane, LaneOptions, ScopeSeed};
use juzhen_host::refused::LoadRefused;
use juzhen_host::sealed::SealedLibrary;
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use super::ended::{Ended, Incident, Run, Sin, ended, hung};
use super::lock;
use super::plan::{Plan, Rule, Sample};
use super::stage::Stage;
use super::sweep::Struck;
use super::talk::{Seen, Talk};
use crate::script::{Answer, Script};

/// Every question is answered at once, so an operation that asks nothing for so long waits for nothing. Generous, because
/// machines are busy.
const IDLE: Duration = Duration::from_secs(10);
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
        Call {
            operation: sample.operation.clone(),
            meta: self.plan.meta(sample),
            body: sample.body.clone().unwrap_or_default(),
            rules: self.plan.rules(sample),
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

//! An adapter inside the daemon's own process: for tests, and for operators who opted in.
//!
//! Code of the adapter (polls, drops, its wakers, `create`, `destroy`) runs only on threads of the lane's own small
//! runtime, so an adapter that blocks loses those and not the daemon's. Capability calls run only on the daemon's
//! runtime; the adapter's future holds nothing but the place where the answer will be.

mod polls;
mod uplink;

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use juzhen_abi::FLAG_UNWINDS;
use juzhen_abi::message::Manifest;
use tokio::runtime::Runtime;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;

use self::polls::Polls;
use self::uplink::LocalUplink;
use crate::answer::believe;
use crate::boundary::entry::{self, ForeignInstance};
use crate::boundary::future::Outcome;
use crate::boundary::host::HostObject;
use crate::boundary::lock;
use crate::boundary::scope::Scopes;
use crate::isolation;
use crate::lane::{
    HostCalls, Identity, IsolationReport, Lane, LaneAnswer, LaneHealth, LaneOptions, Sandbox, ScopeSeed,
};
use crate::refused::LoadRefused;
use crate::sealed::SealedLibrary;
use crate::wire::Answer;

/// Polls of one adapter at a time.
const THREADS: usize = 2;
const DESTROY_BUDGET: Duration = Duration::from_secs(1);

/// Opens an adapter in this process.
pub(crate) async fn open(
    library: SealedLibrary,
    options: &LaneOptions,
    calls: Arc<dyn HostCalls>,
) -> Result<Arc<dyn Lane>, LoadRefused> {
    let isolation = isolation::none();
    if options.sandbox == Sandbox::Required {
        return Err(LoadRefused::SandboxMissing(isolation.missing().join(", ")));
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(THREADS)
        .thread_name(format!("lane-{}", library.manifest().name))
        .build()
        .map_err(|e| LoadRefused::Spawn(e.to_string()))?;
    let uplink = LocalUplink::start(calls, runtime.handle().clone());
    let scopes = Arc::<Scopes>::default();
    let host = HostObject::new(Arc::clone(&uplink) as _, Arc::clone(&scopes));

    let (sealed, config) = (library.clone(), options.config.clone());
    let creating = runtime.spawn_blocking(move || create(&sealed, &host, &config));
    let created = tokio::time::timeout(options.start_budget, creating).await;
    let (instance, identity) = match created {
        Ok(Ok(Ok(created))) => created,
        Ok(Ok(Err(why))) => return refuse(runtime, why),
        Ok(Err(stopped)) => return refuse(runtime, LoadRefused::Crashed(stopped.to_string())),
        Err(_) => {
            let after_ms = u64::try_from(options.start_budget.as_millis()).unwrap_or(u64::MAX);
            let during = "linking or `create`; its thread is lost".to_owned();
            return refuse(runtime, LoadRefused::Hung { after_ms, during });
        }
    };
    Ok(Arc::new(InProcessLane {
        manifest: library.manifest().clone(),
        identity,
        isolation,
        alive: Mutex::new(Some(Alive { instance: Arc::new(instance), runtime })),
        scopes,
        uplink,
        polls: Arc::default(),
        in_flight: Arc::default(),
        permits: Arc::new(Semaphore::new(options.in_flight)),
        gone: watch::channel(None).0,
    }))
}

/// A runtime may not be dropped where this runs, and its threads may be lost.
fn refuse(runtime: Runtime, why: LoadRefused) -> Result<Arc<dyn Lane>, LoadRefused> {
    runtime.shutdown_background();
    Err(why)
}

fn create(
    library: &SealedLibrary,
    host: &Arc<HostObject>,
    config: &[u8],
) -> Result<(ForeignInstance, Identity), LoadRefused> {
    use std::os::fd::AsFd as _;
    // Kept for good, as the mapping is: the linker must not meet another library under this descriptor's number.
    let library: &SealedLibrary = Box::leak(Box::new(library.clone()));
    let linked = entry::link(library.memory().as_fd(), library.manifest_text())?;
    if linked.flags & FLAG_UNWINDS == 0 {
        return Err(LoadRefused::NeedsUnwinding);
    }
    let instance = linked.create(host, config)?;
    Ok((instance, library.identity(linked.flags, linked.build_info.clone())))
}

struct InProcessLane {
    manifest: Manifest,
    identity: Identity,
    isolation: IsolationReport,
    /// `None` once it was shut down.
    alive: Mutex<Option<Alive>>,
    scopes: Arc<Scopes>,
    uplink: Arc<LocalUplink>,
    polls: Arc<Polls>,
    in_flight: Arc<AtomicU32>,
    permits: Arc<Semaphore>,
    gone: watch::Sender<Option<String>>,
}

struct Alive {
    instance: Arc<ForeignInstance>,
    runtime: Runtime,
}

#[async_trait]
impl Lane for InProcessLane {
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
        let Ok(_permit) = self.permits.acquire().await else {
            return LaneAnswer::Gone(
                self.gone.borrow().clone().unwrap_or_else(|| "it is shutting down".into()),
            );
        };
        let Some(mut task) = self.start(scope, operation, request, replay) else {
            return LaneAnswer::Malformed(format!("scope {scope} is still in use"));
        };
        tokio::select! {
            answer = &mut task.0 => answer.unwrap_or_else(|e| LaneAnswer::Gone(e.to_string())),
            why = self.gone() => LaneAnswer::Gone(why),
        }
    }

    fn health(&self) -> LaneHealth {
        LaneHealth {
            alive: !self.permits.is_closed(),
            stuck_ms: self.polls.longest_ms(),
            in_flight: self.in_flight.load(Ordering::Relaxed),
            rss_bytes: 0,
            pid: None,
        }
    }

    async fn gone(&self) -> String {
        match self.gone.subscribe().wait_for(Option::is_some).await {
            Ok(why) => why.clone().unwrap_or_default(),
            Err(_) => "the daemon is stopping".into(),
        }
    }

    async fn shutdown(&self, grace: Duration) {
        self.permits.close();
        self.wait_until_idle(grace).await;
        self.kill("it was shut down");
        // Cancelled now; a future that does not let go keeps the instance alive.
        self.wait_until_idle(DESTROY_BUDGET).await;
        let alive = lock(&self.alive).take();
        if let Some(alive) = alive {
            alive.end();
        }
    }

    fn kill(&self, why: &str) {
        self.permits.close();
        self.gone.send_if_modified(|gone| {
            let first = gone.is_none();
            gone.get_or_insert_with(|| why.to_owned());
            first
        });
    }
}

impl InProcessLane {
    /// `None` when the scope is in use.
    fn start(&self, scope: u64, operation: &str, request: Vec<u8>, replay: ScopeSeed) -> Option<AbortOnDrop> {
        let alive = lock(&self.alive);
        let Some(Alive { instance, runtime }) = alive.as_ref() else {
            return Some(AbortOnDrop(tokio::spawn(async { LaneAnswer::Gone("it was shut down".into()) })));
        };
        if !self.scopes.begin(scope, replay) {
            return None;
        }
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        let ends = EndScope {
            scope,
            scopes: Arc::clone(&self.scopes),
            uplink: Arc::clone(&self.uplink),
            in_flight: Arc::clone(&self.in_flight),
        };
        let (instance, polls) = (Arc::clone(instance), Arc::clone(&self.polls));
        let operation = operation.to_owned();
        Some(AbortOnDrop(runtime.spawn(async move {
            // Dropped last: the scope is free when the adapter's future is gone.
            let _ends = ends;
            let started = polls.watch(|| instance.call(scope, &operation, &request));
            drop((instance, request));
            match started {
                Ok(future) => believe(answer(polls::watched(future, polls).await)),
                Err(why) => LaneAnswer::Malformed(why),
            }
        })))
    }

    async fn wait_until_idle(&self, most: Duration) {
        let idle = async {
            while self.in_flight.load(Ordering::Relaxed) > 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let _ = tokio::time::timeout(most, idle).await;
    }
}

impl Drop for InProcessLane {
    fn drop(&mut self) {
        let alive = lock(&self.alive).take();
        if let Some(alive) = alive {
            alive.end();
        }
    }
}

impl Alive {
    /// `destroy` is code of the adapter and may block: on a thread of its own, and nobody waits for it.
    fn end(self) {
        let Self { instance, runtime } = self;
        let ended = std::thread::Builder::new().name("lane-destroy".into()).spawn(move || {
            drop(instance);
            runtime.shutdown_background();
        });
        if let Err(error) = ended {
            tracing::warn!(%error, "An adapter could not be destroyed: no thread for it");
        }
    }
}

fn answer(outcome: Outcome) -> Answer {
    match outcome {
        Outcome::Ok(bytes) => Answer::Ok(bytes),
        Outcome::Error(bytes) => Answer::Error(bytes),
        Outcome::Panicked(bytes) => Answer::Panicked(bytes),
        Outcome::Malformed(why) => Answer::Malformed(why),
    }
}

struct EndScope {
    scope: u64,
    scopes: Arc<Scopes>,
    uplink: Arc<LocalUplink>,
    in_flight: Arc<AtomicU32>,
}

impl Drop for EndScope {
    fn drop(&mut self) {
        self.scopes.end(self.scope);
        self.uplink.scope_ended(self.scope);
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Turns the drop of a caller's future into a cancellation: the task is dropped on its own runtime.
struct AbortOnDrop(JoinHandle<LaneAnswer>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

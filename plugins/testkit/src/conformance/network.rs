//! The same over real connections: the daemon's own host and its ledger, a platform on this machine that breaks off.

use std::time::Duration;

use futures_util::future::BoxFuture;
use juzhen_abi::message::operation;
use juzhen_host::memory::Memory;
use juzhen_host::{AccountContext, Call, EffectPolicy, Failure, Host, HostOptions, Reply};
use serde_json::{Value, json};

use super::bench::{Bench, Rehearsed};
use super::plan::path_of;
use super::report::Finding;
use super::semantics::nothing_good;
use super::talk::Leaves;
use super::wire::{Break, Platform, shown};

/// Not in the adapter's hands, so it can come out nowhere.
const SECRET: &str = "canary-of-the-account-51c0";
/// What a call has. A broken connection is told at once; only one that drips takes all of it.
const DEADLINE: Duration = Duration::from_secs(20);
const SHORT: Duration = Duration::from_millis(1500);

const BREAKS: &[Break] = &[Break::Reset, Break::Closed, Break::Cut, Break::Killed];

/// Each request of each post, over a connection that breaks off and under a process that is killed.
pub(crate) fn network(bench: &Bench) -> BoxFuture<'_, Finding> {
    Box::pin(async move {
        let Some(setting) = bench.manifest.egress.iter().find_map(|host| host.strip_prefix("setting:"))
        else {
            return Finding::not_applicable(
                "the manifest names fixed hosts, for which nobody here can stand in",
            );
        };
        let posts = bench.good().await.into_iter().filter(|one| one.sample.operation == operation::PUBLISH);
        let posts: Vec<_> = posts.filter(|one| !one.run.seen.asked.is_empty()).collect();
        if posts.is_empty() {
            return nothing_good(operation::PUBLISH);
        }
        match Scene::start(bench, setting).await {
            Ok(scene) => scene.play(bench, &posts).await,
            Err(why) => Finding::not_applicable(format!("no host could be started here: {why}")),
        }
    })
}

/// A real host with this adapter, and its platform.
struct Scene<'b> {
    host: Host,
    memory: Memory,
    platform: Platform,
    setting: &'b str,
    _folder: tempfile::TempDir,
}

impl<'b> Scene<'b> {
    async fn start(bench: &Bench, setting: &'b str) -> Result<Self, String> {
        let platform = Platform::start().await.map_err(|e| e.to_string())?;
        let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
        std::fs::write(folder.path().join("adapter.so"), &bench.bytes).map_err(|e| e.to_string())?;
        let mut options = HostOptions::new(folder.path());
        options.lane = bench.options.clone();
        options.egress.allow_private = true;
        options.supervision.restart_first = Duration::from_millis(5);
        options.supervision.crashes = usize::MAX;
        options.watch.settle = Duration::from_millis(50);
        let memory = Memory::default();
        let host = Host::start(options, memory.ports()).await.map_err(|e| e.to_string())?;
        Ok(Self { host, memory, platform, setting, _folder: folder })
    }

    async fn play(&self, bench: &Bench, posts: &[&Rehearsed]) -> Finding {
        let (mut wrong, mut broken, mut number) = (Vec::new(), 0, 0);
        for post in posts {
            for at in 0..post.run.seen.asked.len() {
                let drips = [Break::Drips].into_iter().filter(|_| at + 1 == post.run.seen.asked.len());
                for breaks in BREAKS.iter().copied().chain(drips) {
                    (broken, number) = (broken + 1, number + 1);
                    let reply = self.call(bench, post, at, breaks, number).await;
                    wrong.extend(complaint(post, at, breaks, &reply, &self.platform.arrived()));
                }
            }
        }
        self.host.shutdown(Duration::from_secs(1)).await;
        Finding::of(
            &wrong,
            format!("{broken} connections broken off or processes killed, and nothing sent twice"),
        )
    }

    async fn call(&self, bench: &Bench, post: &Rehearsed, at: usize, breaks: Break, number: usize) -> Reply {
        let mut call = bench.call(&post.sample);
        let address = call.meta.settings.get(self.setting).and_then(Value::as_str).unwrap_or_default();
        let path = path_of(address).trim_end_matches('/').to_owned();
        // The rules are asked with the address that they were written for.
        let origin = address.trim_end_matches('/').strip_suffix(&path).unwrap_or_default().to_owned();
        self.platform.play(bench.talk(&call), &origin, (at, breaks), self.killer());
        call.meta.settings.insert(self.setting.to_owned(), json!(format!("{}{path}", self.platform.url)));
        self.lend_pictures(&mut call.body);
        // An account of its own for each: what an earlier one has kept would shorten the way.
        call.meta.account = format!("kit-{number}");
        for secret in &bench.manifest.secrets {
            self.memory.secrets.put(&call.meta.account, &secret.name, SECRET);
        }
        let call = Call {
            adapter: bench.manifest.name.clone(),
            id: format!("kit-{number}"),
            operation: call.operation,
            account: AccountContext {
                id: call.meta.account,
                uid: call.meta.uid,
                settings: call.meta.settings,
            },
            idempotency_key: format!("d-kit-{number}"),
            attempt: 1,
            deadline: if breaks == Break::Drips { SHORT } else { DEADLINE },
            body: call.body,
            effects: EffectPolicy::Journal,
        };
        self.host.call(call).await
    }

    /// Ends the adapter's process as the kernel would.
    fn killer(&self) -> impl Fn() + Send + Sync + 'static {
        let host = self.host.clone();
        move || {
            let pids = host.adapters().into_iter().filter_map(|adapter| adapter.pid);
            for pid in pids.filter_map(|pid| rustix::process::Pid::from_raw(i32::try_from(pid).ok()?)) {
                let _gone_already = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
            }
        }
    }

    /// The pictures of the plan are of nobody; here the host has them.
    fn lend_pictures(&self, body: &mut Value) {
        for picture in body.pointer_mut("/media").and_then(Value::as_array_mut).into_iter().flatten() {
            let bytes = picture.get("blob").map(Value::to_string).unwrap_or_default();
            let handle = self.memory.blobs.put(bytes.as_bytes());
            if let Some(fields) = picture.as_object_mut() {
                fields.insert("blob".to_owned(), json!(handle));
            }
        }
    }
}

/// What is wrong with how the call ended, or with what arrived.
fn complaint(
    post: &Rehearsed,
    at: usize,
    breaks: Break,
    reply: &Reply,
    arrived: &[String],
) -> Option<String> {
    let asked = &post.run.seen.asked;
    let broken = asked.get(at)?;
    let told = |what: String| Some(format!("request {} ({}), {breaks:?}: {what}", at + 1, broken.shown()));
    for one in asked.iter().filter(|one| one.leaves() == Leaves::Effect) {
        let name = shown(&one.head.method, &one.head.url);
        let count = |all: &mut dyn Iterator<Item = String>| all.filter(|other| *other == name).count();
        let most = count(&mut asked.iter().map(|other| shown(&other.head.method, &other.head.url)));
        let times = count(&mut arrived.iter().cloned());
        if times > most {
            return told(format!("{name} arrived {times} times, with good answers {most} times"));
        }
    }
    let said = match &reply.result {
        Ok(answer) => String::from_utf8_lossy(answer).into_owned(),
        Err(failure) => format!("{failure:?}"),
    };
    if said.contains(SECRET) {
        return told("its answer has a secret of the account".to_owned());
    }
    match &reply.result {
        Ok(_) if breaks != Break::Killed && broken.leaves() == Leaves::Effect => {
            told("it says that all went well".to_owned())
        }
        Err(Failure::Adapter(error)) if says_no(error.kind.name()) => {
            told(format!("it says {}: {}", error.kind.name(), error.message))
        }
        _ => None,
    }
}

/// A final word that nothing in a broken connection gives reason for.
fn says_no(kind: &str) -> bool {
    ["rejected", "duplicate", "misconfigured", "unsupported"].contains(&kind)
}

//! In the process to spare: the adapter behind the kit's own boundary, where every poll, waker and drop is seen.

mod lives;
mod speaks;

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use juzhen_abi::message::{Manifest, Request};
use juzhen_abi::pack;
use serde_json::json;

use super::lock;
use super::plan::{Plan, Sample};
use super::probe::{Said, Task};
use super::report::Finding;
use super::talk::{Seen, Talk};
use crate::boundary::{Drive, Tables, limit_address_space};
use crate::{Adapter, Error, Held, Library, Outcome, Script};

/// Twice what an adapter has in the daemon.
const ADDRESS_SPACE: u64 = 512 << 20;
/// A poll that does not come back for so long ends the process, with the finding that it did not.
const BLOCKED: Duration = Duration::from_secs(5);

/// Reads its task from standard input, which is a socket, and answers there. Never returns.
pub(super) fn probe_main() -> ! {
    let code = match connection().and_then(|socket| serve(&socket)) {
        Ok(()) => 0,
        Err(_) => 1,
    };
    std::process::exit(code)
}

fn connection() -> std::io::Result<UnixStream> {
    Ok(UnixStream::from(std::io::stdin().as_fd().try_clone_to_owned()?))
}

fn serve(socket: &UnixStream) -> std::io::Result<()> {
    let mut line = String::new();
    BufReader::new(socket.try_clone()?).read_line(&mut line)?;
    let task: Task = serde_json::from_str(&line)?;
    limit_address_space(ADDRESS_SPACE);
    let drive =
        Drive { stuck: BLOCKED, settle: Duration::from_millis(5), most_polls: 100_000, ..Drive::default() };
    watch(socket.try_clone()?, Arc::clone(&drive.polled_since));
    let finding = Spare::new(&task, drive).and_then(|spare| spare.run(&task.scenario));
    answer(socket, finding.unwrap_or_else(|why| Finding::failed(why.to_string())))
}

fn answer(mut socket: &UnixStream, finding: Finding) -> std::io::Result<()> {
    socket.write_all(&serde_json::to_vec(&Said::from(finding))?)
}

/// Tells of a poll that does not come back, and ends the process: the thread in it cannot be stopped.
fn watch(socket: UnixStream, polled_since: Arc<Mutex<Option<Instant>>>) {
    std::thread::spawn(move || {
        loop {
            std::thread::sleep(Duration::from_millis(50));
            let since = *lock(&polled_since);
            if since.is_some_and(|since| since.elapsed() > BLOCKED) {
                let said = Finding::failed(format!("a poll has not come back for {} s", BLOCKED.as_secs()));
                let _gone = answer(&socket, said);
                std::process::exit(0);
            }
        }
    });
}

/// One adapter and what is asked of it.
struct Spare {
    library: Library,
    manifest: Arc<Manifest>,
    plan: Plan,
    drive: Drive,
}

/// One operation in the spare process.
struct Ran {
    outcome: Outcome,
    seen: Seen,
    drive: Drive,
}

impl Spare {
    fn new(task: &Task, drive: Drive) -> Result<Self, Error> {
        let library = Library::load(&task.file)?;
        let manifest = Arc::new(library.manifest()?);
        Ok(Self { library, manifest, plan: task.plan.clone(), drive })
    }

    fn run(&self, scenario: &str) -> Result<Finding, Error> {
        match scenario {
            "cancel" => self.cancel(),
            "wakers" => self.wakers(),
            "polls" => self.polls(),
            "threads" => self.threads(),
            "memory" => self.memory(),
            "quiet" => self.quiet(),
            "scopes" => self.scopes(),
            "instances" => self.instances(),
            "tables" => self.tables(),
            "create" => Ok(self.create()),
            "alone" => self.alone(),
            "process" => self.process(),
            other => Ok(Finding::not_applicable(format!("this program has no scenario {other}"))),
        }
    }

    fn start(&self, script: &Script) -> Result<Adapter, Error> {
        self.library.start_beside(script, Tables::Own, &self.config())
    }

    fn config(&self) -> Vec<u8> {
        pack::pack(&json!({ "settings": self.plan.adapter }), &[]).unwrap_or_default()
    }

    /// One call of the plan, of which the capability call `silent_at` is never answered.
    fn call(&self, adapter: &Adapter, script: &Script, sample: &Sample, silent_at: Option<usize>) -> Ran {
        adapter.drop_kept_wakers();
        let meta = self.plan.meta(sample);
        let rules = self.plan.rules(sample);
        let mut talk = Talk::new(Arc::clone(&self.manifest), meta.settings.clone(), meta.uid.clone(), rules);
        talk.silent_at = silent_at;
        let kept = sample.kept.iter().map(|(key, value)| (key.clone(), value.clone().into_bytes()));
        talk.seen.kept = kept.collect();
        script.hand_to(talk);
        let body = sample.body.clone().unwrap_or_default();
        let request = pack::pack(&Request { meta, body }, &[]).unwrap_or_default();
        let mut drive = self.drive.clone();
        let outcome = adapter.call_driven(&sample.operation, &request, &mut drive);
        Ran { outcome, seen: script.seen(), drive }
    }

    /// The first call of the plan that ends well.
    fn good(&self, adapter: &Adapter, script: &Script) -> Option<&Sample> {
        let well =
            |sample: &&Sample| matches!(self.call(adapter, script, sample, None).outcome, Outcome::Answer(_));
        self.plan.calls.iter().find(well)
    }
}

const NOTHING: Held = Held { hosts: 0, futures: 0 };

fn told(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Answer(_) => "ended well although it was cancelled".to_owned(),
        Outcome::Error(error) => format!("ended with {}: {}", error.kind.name(), error.message),
        Outcome::Panic(panicked) => format!("panicked: {} at {}", panicked.message, panicked.location),
        Outcome::Cancelled => "waits".to_owned(),
        Outcome::Stuck => "waits for nothing".to_owned(),
        Outcome::Broken(why) => format!("answered with something that is no answer: {why}"),
    }
}

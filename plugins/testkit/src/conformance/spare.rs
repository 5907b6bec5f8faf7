//! In the process to spare: the adapter behind the kit's own boundary, where every poll, waker and drop is seen.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use juzhen_abi::message::{Manifest, Meta, Request};
use juzhen_abi::{FLAG_OWN_THREADS, pack};
use serde_json::json;

use super::plan::{Plan, Sample};
use super::probe::{Said, Task};
use super::report::Finding;
use super::talk::{Seen, Talk};
use super::{PATIENCE_MS, lock};
use crate::boundary::{Drive, Tables, allocated_bytes, limit_address_space, outside};
use crate::{Adapter, Error, Held, Library, Outcome, Script};

/// Twice what an adapter has in the daemon.
const ADDRESS_SPACE: u64 = 512 << 20;
/// A poll that does not come back for so long ends the process, with the finding that it did not.
const BLOCKED: Duration = Duration::from_secs(5);
/// An adapter has so long for what it does between two waits.
const LONGEST_POLL: Duration = Duration::from_millis(100);
/// An operation that is polled more often for each of its questions is awake for nothing.
const POLLS_PER_CALL: usize = 50;

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
        Drive { stuck: BLOCKED, settle: Duration::from_millis(30), most_polls: 100_000, ..Drive::default() };
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
        let mut settings = self.plan.settings.clone();
        settings.extend(sample.settings.clone());
        let uid = self.plan.uid.clone().unwrap_or_default();
        let rules = [sample.answers.as_slice(), &self.plan.answers].concat();
        let mut talk = Talk::new(Arc::clone(&self.manifest), settings.clone(), uid.clone(), rules);
        talk.silent_at = silent_at;
        let kept = sample.kept.iter().map(|(key, value)| (key.clone(), value.clone().into_bytes()));
        talk.seen.kept = kept.collect();
        script.hand_to(talk);
        let meta = Meta {
            call: "kit-1".to_owned(),
            account: "kit".to_owned(),
            uid,
            idempotency_key: "d-kit-1".to_owned(),
            attempt: 1,
            deadline_unix_ms: Script::START_UNIX_MS + PATIENCE_MS,
            settings,
        };
        let body = sample.body.clone().unwrap_or_default();
        let request = pack::pack(&Request { meta, body }, &[]).unwrap_or_default();
        let mut drive = self.drive.clone();
        let outcome = adapter.call_driven(&sample.operation, &request, &mut drive);
        Ran { outcome, seen: script.seen(), drive }
    }

    /// Each call of the plan is cancelled while it waits for each of its answers.
    fn cancel(&self) -> Result<Finding, Error> {
        let script = Script::default();
        let adapter = self.start(&script)?;
        let resting = adapter.held();
        let (mut wrong, mut cancelled) = (Vec::new(), 0);
        for sample in &self.plan.calls {
            let questions = self.call(&adapter, &script, sample, None).seen.calls;
            for at in 0..questions {
                let ran = self.call(&adapter, &script, sample, Some(at));
                cancelled += 1;
                let place = format!("{}, cancelled at call {} of the host", sample.operation, at + 1);
                if ran.outcome != Outcome::Cancelled {
                    wrong.push(format!("{place}: {}", told(&ran.outcome)));
                }
                let held = adapter.held();
                if held != resting {
                    wrong.push(format!("{place}: it still holds {held:?}, before it held {resting:?}"));
                }
            }
        }
        let left = adapter.stop();
        if left != NOTHING {
            wrong.push(format!("destroyed, it still holds {left:?}"));
        }
        if cancelled == 0 {
            return Ok(Finding::not_applicable("no operation asks the host anything"));
        }
        Ok(Finding::of(&wrong, format!("cancelled {cancelled} times, and nothing was left")))
    }

    /// Destroyed while the host still has its wakers, which are then woken.
    fn wakers(&self) -> Result<Finding, Error> {
        let mut woken = 0;
        for sample in &self.plan.calls {
            let script = Script::default();
            let adapter = self.start(&script)?;
            self.call(&adapter, &script, sample, Some(0));
            let (count, held) = adapter.stop_before_wakers();
            woken += count;
            if held != NOTHING {
                return Ok(Finding::failed(format!(
                    "{}: destroyed, it still holds {held:?}",
                    sample.operation
                )));
            }
        }
        if woken == 0 {
            return Ok(Finding::not_applicable("no operation waits for anything"));
        }
        Ok(Finding::passed(format!("{woken} wakers woken after the adapter was destroyed")))
    }

    fn polls(&self) -> Result<Finding, Error> {
        let script = Script::default();
        let adapter = self.start(&script)?;
        let (mut wrong, mut longest) = (Vec::new(), Duration::ZERO);
        for sample in &self.plan.calls {
            // Of three, the shortest: a busy machine makes any poll look long now and then.
            let runs: Vec<Ran> = (0..3).map(|_| self.call(&adapter, &script, sample, None)).collect();
            let shortest = runs.iter().map(|ran| ran.drive.longest).min().unwrap_or_default();
            longest = longest.max(shortest);
            if shortest > LONGEST_POLL {
                wrong.push(format!("{}: a poll takes {} ms", sample.operation, shortest.as_millis()));
            }
            for Ran { outcome, seen, drive } in runs {
                if drive.polls > POLLS_PER_CALL * (seen.calls + 1) {
                    let (polls, calls) = (drive.polls, seen.calls);
                    wrong.push(format!(
                        "{}: {polls} polls for {calls} calls of the host: it wakes itself",
                        sample.operation
                    ));
                } else if outcome == Outcome::Stuck {
                    wrong.push(format!("{}: it waits, and nothing will wake it", sample.operation));
                }
            }
        }
        Ok(Finding::of(&wrong, format!("the longest poll took {} ms", longest.as_millis())))
    }

    fn threads(&self) -> Result<Finding, Error> {
        if self.library.flags() & FLAG_OWN_THREADS != 0 {
            return Ok(Finding::not_applicable("it says that it starts threads of its own"));
        }
        let before = threads();
        let script = Script::default();
        let adapter = self.start(&script)?;
        for sample in &self.plan.calls {
            self.call(&adapter, &script, sample, None);
        }
        // The kit wakes from threads that end at once.
        let until = Instant::now() + Duration::from_secs(2);
        while threads() > before && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(10));
        }
        let more = threads().saturating_sub(before);
        let seen = format!("{} calls, and no thread besides", self.plan.calls.len());
        Ok(if more > 0 { Finding::failed(format!("{more} threads are left")) } else { Finding::passed(seen) })
    }

    /// What is allocated after many calls, against what was after some. What grows once has found its size; what grows every
    /// time goes on growing.
    fn memory(&self) -> Result<Finding, Error> {
        const WARM: usize = 50;
        const CALLS: usize = 100;
        const ROUNDS: usize = 4;
        /// The C library keeps what it was given for a while.
        const SLACK: usize = 8 << 10;
        let script = Script::default();
        let adapter = self.start(&script)?;
        let mut wrong = Vec::new();
        for sample in &self.plan.calls {
            let calls =
                |count: usize| (0..count).for_each(|_| drop(self.call(&adapter, &script, sample, None)));
            if !matches!(self.call(&adapter, &script, sample, None).outcome, Outcome::Answer(_)) {
                continue;
            }
            calls(WARM);
            let grows = || {
                let before = settled();
                calls(CALLS);
                settled().saturating_sub(before) > SLACK
            };
            if (0..ROUNDS).all(|_| grows()) {
                wrong.push(format!("{}: grows with each {CALLS} calls", sample.operation));
            }
        }
        Ok(Finding::of(&wrong, "many calls of each operation take no more memory than some"))
    }

    /// Everything once, cancelled once, destroyed; who called this looks at what was printed.
    fn quiet(&self) -> Result<Finding, Error> {
        let script = Script::default();
        let adapter = self.start(&script)?;
        for sample in &self.plan.calls {
            self.call(&adapter, &script, sample, None);
            self.call(&adapter, &script, sample, Some(0));
        }
        drop(adapter);
        Ok(Finding::passed(format!("{} calls, and not a byte printed", self.plan.calls.len())))
    }

    fn scopes(&self) -> Result<Finding, Error> {
        let script = Script::default();
        let adapter = self.start(&script)?;
        for sample in &self.plan.calls {
            self.call(&adapter, &script, sample, None);
        }
        Ok(match adapter.foreign_scopes() {
            0 => Finding::passed("every call of the host was made in the name of its own operation"),
            count => Finding::failed(format!("{count} calls of the host in the name of another operation")),
        })
    }

    /// Two of one library: the end of one is nothing to the other.
    fn instances(&self) -> Result<Finding, Error> {
        let (one_script, other_script) = (Script::default(), Script::default());
        let (one, other) = (self.start(&one_script)?, self.start(&other_script)?);
        let Some(sample) = self.good(&one, &one_script) else {
            return Ok(Finding::not_applicable("no operation has ended well; see semantics.answers"));
        };
        let alone = self.call(&one, &one_script, sample, None);
        let left = one.stop();
        let beside = self.call(&other, &other_script, sample, None);
        let same = alone.outcome == beside.outcome && alone.seen.asked.len() == beside.seen.asked.len();
        let mut wrong = Vec::new();
        if left != NOTHING {
            wrong.push(format!("the first one, destroyed, still holds {left:?}"));
        }
        if !same {
            wrong.push(format!("after the first one's end the second one {}", told(&beside.outcome)));
        }
        Ok(Finding::of(
            &wrong,
            format!("two at once, one destroyed, {} of the other as before", sample.operation),
        ))
    }

    /// A host of a later minor version, and one that has less than it ought to.
    fn tables(&self) -> Result<Finding, Error> {
        let script = Script::default();
        let larger = self.library.start_beside(&script, Tables::Larger, &self.config())?;
        let own = self.start(&script)?;
        let good = self.good(&own, &script);
        let mut wrong = Vec::new();
        if let Some(sample) = good {
            let later = self.call(&larger, &script, sample, None).outcome;
            if !matches!(later, Outcome::Answer(_)) {
                wrong.push(format!("on a host of a later version {} {}", sample.operation, told(&later)));
            }
        }
        let smaller = match self.library.start_beside(&script, Tables::Smaller, &self.config()) {
            Ok(_) => "starts on",
            Err(Error::Start(outcome)) if matches!(*outcome, Outcome::Error(_)) => "refuses",
            Err(other) => {
                wrong.push(format!("on a host with less than version 1.0: {other}"));
                "breaks on"
            }
        };
        Ok(Finding::of(
            &wrong,
            format!("works on a later host, and {smaller} one with less than version 1.0"),
        ))
    }

    /// Settings that are none are an error.
    fn create(&self) -> Finding {
        let mut wrong = Vec::new();
        for config in [&b""[..], b"\xff\xff\xff\xff", b"\x02\0\0\0[]", b"\x03\0\0\0{\"a"] {
            match self.library.start_beside(&Script::default(), Tables::Own, config) {
                Err(Error::Start(outcome)) if matches!(*outcome, Outcome::Error(_)) => {}
                Err(other) => wrong.push(format!("{config:?}: {other}")),
                Ok(adapter) => {
                    let left = adapter.stop();
                    if left != NOTHING {
                        wrong.push(format!("{config:?}: started, and destroyed it still holds {left:?}"));
                    }
                }
            }
        }
        Finding::of(&wrong, "bytes that are no settings are refused or passed over")
    }

    /// Every call of the plan, on a thread whose ways past the host are watched.
    fn alone(&self) -> Result<Finding, Error> {
        let watched = || -> Result<Result<(), std::io::Error>, Error> {
            if let Err(cause) = outside::watch() {
                return Ok(Err(cause));
            }
            let script = Script::default();
            let adapter = self.start(&script)?;
            for sample in &self.plan.calls {
                self.call(&adapter, &script, sample, None);
            }
            Ok(Ok(()))
        };
        let watched = std::thread::scope(|scope| scope.spawn(watched).join());
        Ok(match (watched, outside::noted()) {
            (Ok(Ok(Err(cause))), _) => Finding::not_applicable(format!("this system cannot watch: {cause}")),
            (_, Some((first, count))) => {
                Finding::failed(format!("{count} system calls past the host; the first was {first}"))
            }
            (Ok(Err(error)), None) => return Err(error),
            (Ok(Ok(Ok(()))), None) => Finding::passed("no file, no socket, no process but by the host"),
            (Err(_), None) => Finding::failed("the thread that ran it panicked"),
        })
    }

    /// What belongs to the whole process is after every call as it was before.
    fn process(&self) -> Result<Finding, Error> {
        let script = Script::default();
        let adapter = self.start(&script)?;
        let before = process_state();
        for sample in &self.plan.calls {
            self.call(&adapter, &script, sample, None);
        }
        let changed = |(before, after): (&String, String)| {
            (*before != after).then(|| format!("{before} became {after}"))
        };
        let wrong: Vec<String> = before.iter().zip(process_state()).filter_map(changed).collect();
        Ok(Finding::of(&wrong, "folder, file mask, signals and open files as before"))
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

/// What every library of a process shares, each with its name.
fn process_state() -> Vec<String> {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let shared = ["Umask:", "SigBlk:", "SigIgn:", "SigCgt:"];
    let lines = status.lines().filter(|line| shared.iter().any(|name| line.starts_with(name)));
    let mut state: Vec<String> = lines.map(|line| line.replace(['\t', ':'], " ")).collect();
    let folder = std::env::current_dir().map(|folder| folder.display().to_string());
    state.push(format!("the folder {}", folder.unwrap_or_default()));
    let files = std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
    state.push(format!("{files} open files"));
    state
}

fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").map_or(0, Iterator::count)
}

/// What is allocated once the threads that wake have ended.
fn settled() -> usize {
    let mut least = usize::MAX;
    for _look in 0..20 {
        std::thread::sleep(Duration::from_millis(2));
        least = least.min(allocated_bytes());
    }
    least
}

//! Cancellation, wakers, polls, threads, memory, and what belongs to the whole process.

use std::time::{Duration, Instant};

use juzhen_abi::FLAG_OWN_THREADS;

use super::{NOTHING, Ran, Spare, told};
use crate::boundary::{allocated_bytes, outside};
use crate::conformance::report::Finding;
use crate::{Error, Outcome, Script};

/// An adapter has so long for what it does between two waits.
const LONGEST_POLL: Duration = Duration::from_millis(100);
/// An operation that is polled more often for each of its questions is awake for nothing.
const POLLS_PER_CALL: usize = 50;

impl Spare {
    /// Each call of the plan is cancelled while it waits for each of its answers.
    pub(super) fn cancel(&self) -> Result<Finding, Error> {
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
    pub(super) fn wakers(&self) -> Result<Finding, Error> {
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

    pub(super) fn polls(&self) -> Result<Finding, Error> {
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

    pub(super) fn threads(&self) -> Result<Finding, Error> {
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

    /// What is allocated after many calls, ended and cancelled, against what was after some.
    pub(super) fn memory(&self) -> Result<Finding, Error> {
        let script = Script::default();
        let adapter = self.start(&script)?;
        let mut wrong = Vec::new();
        for sample in &self.plan.calls {
            let first = self.call(&adapter, &script, sample, None);
            if first.outcome == Outcome::Stuck {
                continue;
            }
            let questions = first.seen.calls;
            let call = |silent_at| drop(self.call(&adapter, &script, sample, silent_at));
            if grows(100, || call(None)) {
                wrong.push(format!("{}: grows with each call", sample.operation));
            }
            if questions > 0 && grows(25, || call(Some(questions - 1))) {
                wrong.push(format!("{}: grows with each call that is cancelled", sample.operation));
            }
        }
        Ok(Finding::of(
            &wrong,
            "many calls of each operation, ended or cancelled, take no more memory than some",
        ))
    }

    /// Everything once, cancelled once, destroyed; who called this looks at what was printed.
    pub(super) fn quiet(&self) -> Result<Finding, Error> {
        let script = Script::default();
        let adapter = self.start(&script)?;
        for sample in &self.plan.calls {
            self.call(&adapter, &script, sample, None);
            self.call(&adapter, &script, sample, Some(0));
        }
        drop(adapter);
        Ok(Finding::passed(format!("{} calls, and not a byte printed", self.plan.calls.len())))
    }

    /// Every call of the plan, on a thread whose ways past the host are watched.
    pub(super) fn alone(&self) -> Result<Finding, Error> {
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
    pub(super) fn process(&self) -> Result<Finding, Error> {
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

/// Whether each round of calls takes more memory. What grows once has found its size; what grows every time goes on growing.
fn grows(calls: usize, call: impl Fn()) -> bool {
    const ROUNDS: usize = 4;
    /// The C library keeps what it was given for a while.
    const SLACK: usize = 8 << 10;
    let round = || {
        let before = settled();
        (0..calls).for_each(|_| call());
        settled().saturating_sub(before) > SLACK
    };
    (0..ROUNDS).all(|_| round())
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

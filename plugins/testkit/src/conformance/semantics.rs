//! What an adapter makes of what a platform says: good answers, refusals, silence.

use futures_util::future::BoxFuture;
use juzhen_abi::message::{
    AccountInfo, Authorized, Found, Measured, Messages, Published, Received, Replied, Tracked, operation,
};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::bench::{Bench, Call, Rehearsed};
use super::ended::{Ended, Run};
use super::faults::Proves;
use super::report::Finding;
use super::sweep::Struck;
use super::talk::{Asked, Leaves};
use crate::script::{Answer, Script};

/// A call of the plan ends well, with an answer of its operation's shape.
pub(crate) fn answers(bench: &Bench) -> BoxFuture<'_, Finding> {
    Box::pin(async move {
        let (mut wrong, mut unknown, mut good) = (Vec::new(), Vec::new(), 0);
        for Rehearsed { sample, run } in bench.rehearsed().await {
            let name = &sample.operation;
            match &run.ended {
                Ended::Answer(answer) => match misshapen(name, answer) {
                    None => good += 1,
                    Some(why) => wrong.push(format!("{name}: its answer has another shape: {why}")),
                },
                Ended::Error(_) if sample.is_made_up(&bench.plan) => unknown.push(name.as_str()),
                other => wrong.push(format!("{name} {}", other.shown())),
            }
        }
        if !wrong.is_empty() || unknown.is_empty() {
            return Finding::of(&wrong, format!("{good} calls ended well"));
        }
        Finding::not_applicable(format!(
            "{good} calls ended well; the kit does not know what this platform answers to {}: write it into a file for --settings",
            unknown.join(", ")
        ))
    })
}

/// One text is one request that anybody sees.
pub(crate) fn one_commit(bench: &Bench) -> BoxFuture<'_, Finding> {
    Box::pin(async move {
        let commits = [operation::PUBLISH, operation::REPOST, operation::REPLY];
        let good = bench.good().await;
        let (mut wrong, mut looked) = (Vec::new(), 0);
        for one in good.iter().filter(|one| commits.contains(&one.sample.operation.as_str())) {
            looked += 1;
            let media =
                one.sample.body.as_ref().and_then(|body| body.pointer("/media")?.as_array().map(Vec::len));
            let serious = serious(&one.run).filter(|asked| asked.was_accepted()).count();
            // An upload that was not marked as safe is allowed; what comes after is one.
            if serious == 0 || serious > media.unwrap_or(0) + 1 {
                let paths = serious_paths(&one.run);
                wrong.push(format!(
                    "{}: {serious} requests that may leave something were taken ({})",
                    one.sample.operation,
                    paths.join(", ")
                ));
            }
        }
        if looked == 0 {
            return nothing_good("publish");
        }
        Finding::of(&wrong, format!("{looked} calls, each with one request that leaves something"))
    })
}

pub(crate) fn refusals(bench: &Bench) -> BoxFuture<'_, Finding> {
    judged(bench, &[Proves::Refused], Struck::complaint)
}

pub(crate) fn silence(bench: &Bench) -> BoxFuture<'_, Finding> {
    judged(bench, &[Proves::Nothing, Proves::NothingLeft], Struck::complaint)
}

pub(crate) fn unreadable(bench: &Bench) -> BoxFuture<'_, Finding> {
    judged(bench, &[Proves::Happened], Struck::complaint)
}

pub(crate) fn stops(bench: &Bench) -> BoxFuture<'_, Finding> {
    judged(bench, &[Proves::Nothing, Proves::Happened], Struck::went_on)
}

fn judged<'b>(
    bench: &'b Bench,
    which: &'static [Proves],
    complaint: fn(&Struck) -> Option<String>,
) -> BoxFuture<'b, Finding> {
    Box::pin(async move {
        let struck: Vec<_> =
            bench.struck().await.iter().filter(|one| which.contains(&one.fault.proves)).collect();
        if struck.is_empty() {
            return nothing_good("any operation with a request");
        }
        let wrong: Vec<_> = struck.iter().filter_map(|one| complaint(one)).collect();
        Finding::of(&wrong, format!("{} faults, one by one", struck.len()))
    })
}

/// After the platform has taken everything, no error says that nothing happened.
pub(crate) fn honest(bench: &Bench) -> BoxFuture<'_, Finding> {
    Box::pin(async move {
        let (mut wrong, mut looked) = (Vec::new(), 0);
        for Rehearsed { sample, run } in bench.rehearsed().await {
            let mut serious = serious(run).peekable();
            if serious.peek().is_none() || !run.seen.asked.iter().all(Asked::was_accepted) {
                continue;
            }
            looked += 1;
            match &run.ended {
                Ended::Error(error) if error.kind.name() != "in_doubt" => wrong.push(format!(
                    "{}: the platform took everything, and it says {}: {}",
                    sample.operation,
                    error.kind.name(),
                    error.message
                )),
                _ => {}
            }
        }
        if looked == 0 {
            return nothing_good("an operation that leaves something");
        }
        Finding::of(&wrong, format!("{looked} calls that the platform took"))
    })
}

/// Times that an adapter tells are the platform's, near the time of the call.
pub(crate) fn times(bench: &Bench) -> BoxFuture<'_, Finding> {
    const DAY_MS: i64 = 86_400_000;
    Box::pin(async move {
        let (mut wrong, mut looked) = (Vec::new(), 0);
        for one in bench.good().await {
            let Ended::Answer(answer) = &one.run.ended else { continue };
            for at in times_in(answer) {
                looked += 1;
                if !(Script::START_UNIX_MS - 365 * DAY_MS..=Script::START_UNIX_MS + DAY_MS).contains(&at) {
                    let (name, clock) = (&one.sample.operation, Script::START_UNIX_MS);
                    wrong.push(format!("{name}: at_unix_ms is {at}, the clock of the call stood at {clock}"));
                }
            }
        }
        if looked == 0 {
            return Finding::not_applicable("no answer has a time");
        }
        Finding::of(&wrong, format!("{looked} times, none of them in the future"))
    })
}

/// A second attempt under the same key asks the same of the platform.
pub(crate) fn keys(bench: &Bench) -> BoxFuture<'_, Finding> {
    Box::pin(async move {
        let (mut wrong, mut keyed) = (Vec::new(), 0);
        for one in bench.good().await {
            let mut call: Call = bench.call(&one.sample);
            call.meta.attempt = 2;
            call.meta.call = "kit-2".to_owned();
            let again = bench.run(call).await;
            let (first, second) = (keys_of(&one.run), keys_of(&again));
            keyed += first.len();
            if first != second {
                wrong.push(format!("{}: {first:?}, then {second:?}", one.sample.operation));
            }
        }
        if keyed == 0 && wrong.is_empty() {
            return Finding::not_applicable("no request carries an idempotency key");
        }
        Finding::of(&wrong, format!("{keyed} keys, the same in the second attempt"))
    })
}

/// A call that is told to wait does not wait past its deadline.
pub(crate) fn deadline(bench: &Bench) -> BoxFuture<'_, Finding> {
    const LEFT_MS: u64 = 5000;
    Box::pin(async move {
        let (mut wrong, mut looked) = (Vec::new(), 0);
        for one in bench.good().await {
            for at in 0..one.run.seen.asked.len() {
                let busy = Answer::bytes(503, b"").header("retry-after", "3600");
                let refused = Answer::bytes(429, b"").header("retry-after", "3600");
                for answer in [busy, refused] {
                    let mut call = bench.call(&one.sample);
                    call.meta.deadline_unix_ms =
                        Script::START_UNIX_MS + i64::try_from(LEFT_MS).unwrap_or_default();
                    call.faults = vec![(at, answer)];
                    let slept = bench.run(call).await.seen.slept_ms;
                    looked += 1;
                    if slept > LEFT_MS {
                        wrong.push(format!(
                            "{}: waits {slept} ms after request {}, {LEFT_MS} ms are left",
                            one.sample.operation,
                            at + 1
                        ));
                    }
                }
            }
        }
        if looked == 0 {
            return nothing_good("any operation with a request");
        }
        Finding::of(
            &wrong,
            format!("{looked} calls with {LEFT_MS} ms left and a platform that says: in an hour"),
        )
    })
}

/// Killed at each of its requests and run again in a new process, it asks the same.
pub(crate) fn replay(bench: &Bench) -> BoxFuture<'_, Finding> {
    Box::pin(async move {
        let (mut wrong, mut kills) = (Vec::new(), 0);
        let serious_ones = bench.good().await.into_iter().filter(|one| serious(&one.run).next().is_some());
        for one in serious_ones {
            for at in 0..one.run.seen.asked.len() {
                killed_at(bench, &one.sample, at).await;
                kills += 1;
                let mut call = bench.call(&one.sample);
                call.meta.attempt = 2;
                let again = bench.run(call).await;
                if let Some(difference) = super::determinism::difference(&one.run, &again) {
                    wrong.push(format!(
                        "{}, killed at request {}: {difference}",
                        one.sample.operation,
                        at + 1
                    ));
                }
            }
        }
        if kills == 0 {
            return nothing_good("an operation that leaves something");
        }
        Finding::of(&wrong, format!("killed {kills} times, and each time the same requests again"))
    })
}

/// Runs the call up to this request, and ends the process while it waits.
async fn killed_at(bench: &Bench, sample: &super::plan::Sample, at: usize) {
    let mut call = bench.call(sample);
    call.faults = vec![(at, Answer::Never)];
    bench.run_until_silent(call).await;
    bench.kill("killed by the conformance kit").await;
}

/// Every `at_unix_ms` of an answer.
fn times_in(answer: &Value) -> Vec<i64> {
    match answer {
        Value::Object(fields) => {
            let own = fields.get("at_unix_ms").and_then(Value::as_i64);
            own.into_iter().chain(fields.values().flat_map(times_in)).collect()
        }
        Value::Array(items) => items.iter().flat_map(times_in).collect(),
        _ => Vec::new(),
    }
}

pub(crate) fn nothing_good(what: &str) -> Finding {
    Finding::not_applicable(format!(
        "{what} has not ended well with the answers that the kit has; see semantics.answers"
    ))
}

fn serious(run: &Run) -> impl Iterator<Item = &Asked> {
    run.seen.asked.iter().filter(|asked| asked.leaves() != Leaves::Nothing)
}

fn serious_paths(run: &Run) -> Vec<String> {
    serious(run).map(Asked::shown).collect()
}

/// Of each request: the key it is declared to have, and the one in its headers.
fn keys_of(run: &Run) -> Vec<String> {
    let declared = run.seen.asked.iter().filter_map(|asked| match asked.leaves() {
        Leaves::Keyed(key) => Some(key),
        _ => None,
    });
    let headers = run.seen.asked.iter().flat_map(|asked| &asked.head.headers);
    let headers = headers.filter(|(name, _)| name.to_ascii_lowercase().contains("idempotency"));
    declared.chain(headers.map(|(_, value)| value.clone())).collect()
}

/// Why an answer is not of its operation's shape.
fn misshapen(name: &str, answer: &Value) -> Option<String> {
    fn read<T: DeserializeOwned>(answer: &Value) -> Option<String> {
        T::deserialize(answer).err().map(|e| e.to_string())
    }
    match name {
        operation::CHECK => read::<AccountInfo>(answer),
        operation::PUBLISH | operation::REPOST => read::<Published>(answer).or_else(|| empty_id(answer)),
        operation::FIND_PUBLISHED => read::<Found>(answer),
        operation::TRACK => read::<Tracked>(answer),
        operation::POLL_MESSAGES => read::<Messages>(answer),
        operation::RECEIVE => read::<Received>(answer),
        operation::REPLY => read::<Replied>(answer),
        operation::AUTHORIZE => read::<Authorized>(answer),
        operation::MEASURE => read::<Measured>(answer),
        _ => None,
    }
}

fn empty_id(answer: &Value) -> Option<String> {
    let empty = ["id", "ticket"].iter().any(|name| answer.get(name) == Some(&Value::String(String::new())));
    empty.then(|| "it is out, and its id is empty".to_owned())
}

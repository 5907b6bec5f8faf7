//! Where requests and secrets go, and that what a platform hands out comes out nowhere.

use futures_util::future::BoxFuture;

use super::bench::Bench;
use super::ended::{Ended, Run, Sin};
use super::protocol::incidents;
use super::report::Finding;
use super::semantics::nothing_good;
use super::talk::CANARY;

pub(crate) fn hosts(bench: &Bench) -> BoxFuture<'_, Finding> {
    incidents(bench, Sin::StrangeHost, "every request went to a host of the manifest")
}

pub(crate) fn bound(bench: &Bench) -> BoxFuture<'_, Finding> {
    incidents(bench, Sin::MisusedSecret, "every secret is declared and went where it is bound")
}

/// Tokens in answers are canaries: unless a request captures them, the adapter sees them, and must keep them to itself.
pub(crate) fn canaries(bench: &Bench) -> BoxFuture<'_, Finding> {
    Box::pin(async move {
        let mut wrong = Vec::new();
        for one in bench.rehearsed().await {
            wrong.extend(
                leaks(&one.run).into_iter().map(|place| format!("{}: {place}", one.sample.operation)),
            );
        }
        for one in bench.struck().await {
            wrong.extend(leaks(&one.run).into_iter().map(|place| format!("{}: {place}", one.operation)));
        }
        if bench.stage.stray_logs().iter().any(|line| line.contains(CANARY)) {
            wrong.push("a log line outside of any call has it".to_owned());
        }
        if bench.rehearsed().await.iter().all(|one| one.run.seen.asked.is_empty()) {
            return nothing_good("any operation with a request");
        }
        wrong.sort();
        wrong.dedup();
        Finding::of(&wrong, "no token came out in requests, errors, answers, logs or values")
    })
}

/// Where a canary came out.
fn leaks(run: &Run) -> Vec<String> {
    let has = |bytes: &[u8]| bytes.windows(CANARY.len()).any(|window| window == CANARY.as_bytes());
    let mut places = Vec::new();
    for asked in &run.seen.asked {
        let head = serde_json::to_vec(&asked.head).unwrap_or_default();
        if has(&head) || has(&asked.body) {
            places.push(format!(
                "{} carries a token that was in an answer; capture it, and name it",
                asked.shown()
            ));
        }
    }
    if run.seen.logs.iter().any(|line| has(line.as_bytes())) {
        places.push("a log line has a token that was in an answer".to_owned());
    }
    for (key, value) in &run.seen.kept {
        if has(value) || has(key.as_bytes()) {
            places.push(format!("the value {key} keeps a token that was in an answer"));
        }
    }
    let said = match &run.ended {
        Ended::Answer(answer) => answer.to_string(),
        Ended::Error(error) => format!("{error:?}"),
        other => other.shown(),
    };
    if has(said.as_bytes()) {
        places.push("its answer has a token that was in the platform's".to_owned());
    }
    places
}

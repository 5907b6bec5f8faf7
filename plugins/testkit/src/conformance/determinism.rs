//! Whether the same call asks the same: what makes a crash harmless, because recorded answers then fit.

use std::time::Duration;

use futures_util::future::BoxFuture;

use super::bench::Bench;
use super::ended::Run;
use super::report::Finding;
use super::semantics::nothing_good;
use super::talk::Asked;

/// So much later by the machine's own clock, which an adapter must not look at.
const LATER: Duration = Duration::from_millis(1100);

pub(crate) fn same(bench: &Bench) -> BoxFuture<'_, Finding> {
    Box::pin(async move {
        let good = bench.good().await;
        if good.is_empty() {
            return nothing_good("any operation");
        }
        tokio::time::sleep(LATER).await;
        let (mut wrong, mut requests) = (Vec::new(), 0);
        for one in &good {
            let again = bench.run(bench.call(&one.sample)).await;
            requests += again.seen.asked.len();
            if let Some(difference) = difference(&one.run, &again) {
                wrong.push(format!("{}: {difference}", one.sample.operation));
            }
        }
        Finding::of(&wrong, format!("{requests} requests, the same a second time"))
    })
}

/// The first request in which two runs differ.
pub(crate) fn difference(first: &Run, second: &Run) -> Option<String> {
    let (first, second) = (&first.seen.asked, &second.seen.asked);
    let differs = first.iter().zip(second).position(|(one, other)| !equal(one, other));
    if let Some((at, one, other)) = differs.and_then(|at| Some((at, first.get(at)?, second.get(at)?))) {
        return Some(format!("request {} was {}, and now {}", at + 1, told(one), told(other)));
    }
    (first.len() != second.len()).then(|| format!("{} requests, and now {}", first.len(), second.len()))
}

fn equal(one: &Asked, other: &Asked) -> bool {
    one.head == other.head && one.body == other.body
}

fn told(asked: &Asked) -> String {
    format!(
        "{} {} {}",
        asked.head.method,
        asked.head.url,
        super::ended::short(&String::from_utf8_lossy(&asked.body))
    )
}

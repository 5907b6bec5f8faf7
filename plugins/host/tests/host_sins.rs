//! Each sin of an adapter costs its own call and nothing else (P10, plugin boundary column "process").
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod host;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use host::{District, answer_of, hostile, mock, status};
use juzhen_host::{Effects, Failure, Reply};

const NOTHING: Effects = Effects { began: 0, waiting: 0, unclear: 0, done: 0, declined_last: false };
const POSTED: Effects = Effects { began: 1, waiting: 0, unclear: 0, done: 1, declined_last: false };

/// What the engine gets to see of a sin.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Seen {
    Published,
    Panicked,
    TimedOut,
    CrashedTwice,
    BadAnswer,
    /// The adapter tried, and reports that it was stopped.
    Contained,
    /// Any failure that is not a panic of the daemon.
    Failed,
}

const SINS: &[(&str, Seen, Effects)] = &[
    ("panic_in_call", Seen::Panicked, NOTHING),
    ("panic_after_post", Seen::Panicked, POSTED),
    ("panic_in_drop", Seen::TimedOut, NOTHING),
    ("panic_in_thread", Seen::Published, POSTED),
    ("await_forever", Seen::TimedOut, NOTHING),
    ("hang_after_post", Seen::TimedOut, POSTED),
    ("busy_pending", Seen::TimedOut, NOTHING),
    ("infinite_loop", Seen::TimedOut, NOTHING),
    ("blocking_sleep", Seen::TimedOut, NOTHING),
    ("segfault", Seen::CrashedTwice, NOTHING),
    ("stack_overflow", Seen::CrashedTwice, NOTHING),
    ("abort", Seen::CrashedTwice, NOTHING),
    ("abort_after_post", Seen::CrashedTwice, POSTED),
    ("exit_zero", Seen::CrashedTwice, NOTHING),
    ("leak_memory", Seen::CrashedTwice, NOTHING),
    ("threads_1000", Seen::Contained, NOTHING),
    ("fds_1000", Seen::Contained, NOTHING),
    ("write_stdout", Seen::Published, POSTED),
    ("answer_invalid_utf8", Seen::BadAnswer, NOTHING),
    ("answer_not_json", Seen::BadAnswer, NOTHING),
    ("answer_cut", Seen::BadAnswer, NOTHING),
    ("answer_huge", Seen::Failed, NOTHING),
    ("answer_dangling", Seen::Failed, NOTHING),
    ("answer_unknown_status", Seen::BadAnswer, NOTHING),
    ("no_future", Seen::BadAnswer, NOTHING),
    ("other_scope", Seen::Contained, NOTHING),
    ("undeclared_host", Seen::Contained, NOTHING),
    ("claims_refused", Seen::Failed, POSTED),
    ("clock_lies", Seen::Published, POSTED),
];

fn seen(reply: &Reply) -> Seen {
    match &reply.result {
        Ok(_) => Seen::Published,
        Err(Failure::Panicked { .. }) => Seen::Panicked,
        Err(Failure::TimedOut) => Seen::TimedOut,
        Err(Failure::Crashed { times: 2, .. }) => Seen::CrashedTwice,
        Err(Failure::BadAnswer { .. }) => Seen::BadAnswer,
        Err(Failure::Adapter(said)) if format!("{said:?}").contains("\"contained\"") => Seen::Contained,
        Err(_) => Seen::Failed,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn p10_every_sin_costs_its_own_delivery_and_the_good_adapter_goes_on() {
    let district = Arc::new(District::new().await);
    district.install(mock(), "mock.so");
    district.install(hostile(), "hostile.so");
    let mut options = district.options();
    options.supervision.crashes = 1000;
    options.supervision.restart_most = Duration::from_millis(50);
    options.supervision.stuck_kill = Duration::from_millis(500);
    options.supervision.poll_every = Duration::from_millis(50);
    let host = district.host(options).await;
    let (good_pid, me) = (status(&host, "mock").pid, std::process::id());

    let done = Arc::new(AtomicBool::new(false));
    let good = {
        let (host, district, done) = (host.clone(), Arc::clone(&district), Arc::clone(&done));
        tokio::spawn(async move {
            let mut published = 0;
            while !done.load(Ordering::SeqCst) || published < 100 {
                let reply = host.call(district.publish("mock", 2, "好")).await;
                assert_eq!(answer_of(&reply)["state"], "published");
                published += 1;
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            published
        })
    };
    let mut wrong = Vec::new();
    for &(sin, expected, effects) in SINS {
        let mut call = district.publish("hostile", 1, &format!("sin:{sin} {sin}"));
        // Those that never end need not be waited for long.
        let short = matches!(expected, Seen::TimedOut);
        call.deadline = if short { Duration::from_millis(400) } else { Duration::from_secs(20) };
        let reply = host.call(call).await;
        let fits = expected == Seen::Failed && seen(&reply) != Seen::Published || seen(&reply) == expected;
        if !fits || reply.effects != effects {
            wrong.push(format!("{sin}: expected {expected:?} {effects:?}, got {reply:?}"));
        }
        // Whatever it did, the next honest call of the same adapter works, and nothing was posted twice.
        let next = host.call(district.publish("hostile", 3, &format!("after {sin}."))).await;
        if next.result.is_err() {
            wrong.push(format!("after {sin}: {next:?}"));
        }
        assert!(district.platform.posts(1, sin) <= 1, "{sin} was posted twice");
        let after = district.platform.posts(3, &format!("after {sin}."));
        if after != 1 {
            wrong.push(format!("after {sin}: {after} posts"));
        }
    }
    done.store(true, Ordering::SeqCst);
    let published = good.await.unwrap();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(published >= 100);
    assert_eq!(district.platform.posts(2, "好"), published);
    assert_eq!((status(&host, "mock").pid, status(&host, "mock").crashes), (good_pid, 0));
    assert_eq!(std::process::id(), me);
}

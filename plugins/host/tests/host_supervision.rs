//! Restart, quarantine, probe: what a host does with an adapter that keeps crashing.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod host;

use std::time::Duration;

use host::{District, answer_of, hostile, mock, status, until};
use juzhen_host::{AdapterState, Failure};

#[tokio::test(flavor = "multi_thread")]
async fn f73_calls_during_a_restart_wait_and_are_answered() {
    let district = District::new().await;
    district.install(hostile(), "hostile.so");
    let mut options = district.options();
    options.supervision.restart_first = Duration::from_millis(400);
    let host = district.host(options).await;
    let first = status(&host, "hostile").pid;
    let crashing = host.call(district.publish("hostile", 1, "sin:abort"));
    let (crashed, waited) = tokio::join!(crashing, async {
        until("restarting", || matches!(status(&host, "hostile").state, AdapterState::Restarting { .. }))
            .await;
        host.call(district.publish("hostile", 2, "wartet")).await
    });
    assert!(matches!(crashed.result, Err(Failure::Crashed { times: 2, .. })), "{:?}", crashed.result);
    assert_eq!(answer_of(&waited)["state"], "published");
    assert_eq!(district.platform.posts(2, "wartet"), 1);
    assert_ne!(status(&host, "hostile").pid, first);
}

#[tokio::test(flavor = "multi_thread")]
async fn f73_too_many_crashes_put_it_to_rest_and_one_probe_wakes_it() {
    let district = District::new().await;
    district.install(hostile(), "hostile.so");
    district.install(mock(), "mock.so");
    let mut options = district.options();
    options.supervision.crashes = 3;
    options.supervision.crash_window = Duration::from_secs(2);
    // Longer than the window: the probe is judged by itself.
    options.supervision.quarantine = Duration::from_secs(3);
    let host = district.host(options).await;
    let resting = || matches!(status(&host, "hostile").state, AdapterState::Quarantined { .. });
    for _ in 0..10 {
        if !resting() {
            let _crashes = host.call(district.publish("hostile", 1, "sin:segfault")).await;
        }
    }
    let reply = host.call(district.publish("hostile", 1, "x")).await;
    let Err(Failure::Quarantined { until: rests_until }) = reply.result else { panic!("{reply:?}") };
    assert_eq!(status(&host, "hostile").state, AdapterState::Quarantined { until: rests_until });
    assert_eq!(answer_of(&host.call(district.publish("mock", 2, "y")).await)["state"], "published");

    // The probe crashes: it rests again, twice as long, after one crash.
    let serving = || status(&host, "hostile").state == AdapterState::Serving;
    until("awake", serving).await;
    let crashes = status(&host, "hostile").crashes;
    let probe = host.call(district.publish("hostile", 1, "sin:segfault")).await;
    assert!(matches!(probe.result, Err(Failure::Quarantined { .. } | Failure::Crashed { .. })), "{probe:?}");
    assert_eq!(status(&host, "hostile").crashes, crashes + 1);
    assert!(matches!(status(&host, "hostile").state, AdapterState::Quarantined { .. }));

    until("awake again", serving).await;
    assert_eq!(answer_of(&host.call(district.publish("hostile", 1, "geht")).await)["state"], "published");
    assert_eq!(status(&host, "hostile").state, AdapterState::Serving);
}

#[tokio::test(flavor = "multi_thread")]
async fn f72_a_stuck_adapter_is_killed_and_serves_again() {
    let district = District::new().await;
    district.install(hostile(), "hostile.so");
    let mut options = district.options();
    options.supervision.stuck_kill = Duration::from_millis(600);
    options.supervision.poll_every = Duration::from_millis(50);
    let host = district.host(options).await;
    let first = status(&host, "hostile").pid;
    let mut call = district.publish("hostile", 1, "sin:infinite_loop");
    call.deadline = Duration::from_millis(300);
    assert_eq!(host.call(call).await.result, Err(Failure::TimedOut));
    until("killed and restarted", || {
        let now = status(&host, "hostile");
        now.state == AdapterState::Serving && now.pid != first
    })
    .await;
    assert_eq!(answer_of(&host.call(district.publish("hostile", 1, "geht")).await)["state"], "published");
    assert_eq!(status(&host, "hostile").timeouts, 1);
}

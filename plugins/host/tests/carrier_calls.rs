//! Calls through both carriers: answers, capabilities, cancellation, replayed time and chance.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod carrier;

use std::sync::atomic::Ordering;
use std::time::Duration;

use carrier::{BOTH, PATIENCE, call, gone, next_scope, open};
use juzhen_host::lane::{LaneAnswer, ScopeSeed};
use juzhen_host::pack;

#[tokio::test(flavor = "multi_thread")]
async fn a_c_adapter_written_from_the_header_answers_in_both_modes() {
    for mode in BOTH {
        let (lane, _) = open(mode, &[]).await.unwrap();
        let request = pack::pack(&"矩阵", b"\0tail\xff").unwrap();
        let answer = lane.call(next_scope(), "echo", request.clone(), ScopeSeed::default()).await;
        assert_eq!(answer, LaneAnswer::Ok(request), "{mode:?}");
        assert!(matches!(call(&*lane, "refuse", "").await, LaneAnswer::Error(_)));
        assert!(matches!(call(&*lane, "panic", "").await, LaneAnswer::Panicked(_)));
        assert_eq!((lane.manifest().name.as_str(), lane.identity().build_info.as_str()), ("sins", "cc"));
        assert_eq!(lane.identity().sha256.len(), 64);
        let health = lane.health();
        assert!(health.alive && health.in_flight == 0, "{health:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_calls_at_once_each_get_their_own_answer() {
    for mode in BOTH {
        let (lane, _) = open(mode, &[]).await.unwrap();
        let calls = (0..2_000).map(|n| {
            let lane = std::sync::Arc::clone(&lane);
            tokio::spawn(async move {
                let operation = if n % 2 == 0 { "echo" } else { "ask" };
                (n, call(&*lane, operation, &n.to_string()).await)
            })
        });
        for task in calls.collect::<Vec<_>>() {
            let (n, answer) = task.await.unwrap();
            let LaneAnswer::Ok(bytes) = answer else { panic!("{mode:?} {n}: {answer:?}") };
            assert_eq!(pack::unpack::<String>(&bytes).unwrap().0, n.to_string());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn big_messages_cross_and_too_big_ones_are_named() {
    for mode in BOTH {
        let (lane, _) = open(mode, &[]).await.unwrap();
        let big = pack::pack(&"big", &vec![7; 10 << 20]).unwrap();
        let answer = lane.call(next_scope(), "echo", big.clone(), ScopeSeed::default()).await;
        assert!(answer == LaneAnswer::Ok(big), "{mode:?}");
        let huge = pack::pack(&"huge", &vec![7; 17 << 20]).unwrap();
        let answer = lane.call(next_scope(), "echo", huge, ScopeSeed::default()).await;
        let LaneAnswer::Malformed(why) = answer else { panic!("{mode:?}") };
        assert!(why.contains("more than may cross") || why.contains("longer than may cross"), "{why}");
        assert!(matches!(call(&*lane, "echo", "still").await, LaneAnswer::Ok(_)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_call_drops_the_adapters_future_and_its_capability_calls() {
    for mode in BOTH {
        let (lane, notes) = open(mode, &[]).await.unwrap();
        let request = pack::pack(&"", &[]).unwrap();
        let forever = lane.call(next_scope(), "forever", request, ScopeSeed::default());
        assert!(tokio::time::timeout(Duration::from_millis(50), forever).await.is_err());
        notes.wait_for("forever was dropped").await;

        let request = pack::pack(&"wait", &[]).unwrap();
        let waiting = lane.call(next_scope(), "ask", request, ScopeSeed::default());
        assert!(tokio::time::timeout(Duration::from_millis(50), waiting).await.is_err());
        let dropped = async {
            while notes.dropped.load(Ordering::SeqCst) == 0 || lane.health().in_flight > 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(PATIENCE, dropped).await.unwrap_or_else(|_| panic!("{mode:?}: still open"));
        assert!(matches!(call(&*lane, "echo", "after").await, LaneAnswer::Ok(_)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn time_and_chance_are_the_same_in_a_second_run() {
    for mode in BOTH {
        let (lane, notes) = open(mode, &[]).await.unwrap();
        let request = pack::pack(&"", &[]).unwrap();
        let seed = ScopeSeed { now_unix_ms: vec![1_000], random: [5; 32] };
        let scope = next_scope();
        let LaneAnswer::Ok(bytes) = lane.call(scope, "now", request.clone(), seed.clone()).await else {
            panic!("{mode:?}")
        };
        let (read, _) = pack::unpack::<[i64; 2]>(&bytes).unwrap();
        assert_eq!(read[0], 1_000, "the recorded reading first");
        assert!(read[1] > 1_600_000_000_000, "then the clock");
        notes.wait_for(&format!("clock {scope} {}", read[1])).await;
        assert_eq!(notes.seen().iter().filter(|line| line.starts_with("clock")).count(), 1);

        let first = lane.call(next_scope(), "random", request.clone(), seed.clone()).await;
        assert_eq!(first, lane.call(next_scope(), "random", request.clone(), seed).await);
        assert_ne!(first, lane.call(next_scope(), "random", request, ScopeSeed::default()).await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn shutdown_lets_running_calls_end_then_destroys_the_instance() {
    for mode in BOTH {
        let (lane, notes) = open(mode, &[]).await.unwrap();
        let running = {
            let lane = std::sync::Arc::clone(&lane);
            tokio::spawn(async move { call(&*lane, "ask", "slow").await })
        };
        notes.wait_for("slow").await;
        lane.shutdown(PATIENCE).await;
        assert!(matches!(running.await.unwrap(), LaneAnswer::Ok(_)), "{mode:?}");
        notes.wait_for("destroyed").await;
        assert_eq!(gone(&*lane).await, "it was shut down", "{mode:?}");
        assert!(!lane.health().alive);
        assert!(matches!(call(&*lane, "echo", "late").await, LaneAnswer::Gone(_)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scope_is_used_by_one_call_at_a_time() {
    for mode in BOTH {
        let (lane, _) = open(mode, &[]).await.unwrap();
        let (request, scope) = (pack::pack(&"wait", &[]).unwrap(), next_scope());
        let first = lane.call(scope, "ask", request.clone(), ScopeSeed::default());
        tokio::pin!(first);
        assert!(tokio::time::timeout(Duration::from_millis(20), &mut first).await.is_err());
        let second = lane.call(scope, "echo", request, ScopeSeed::default()).await;
        assert!(matches!(second, LaneAnswer::Malformed(_)), "{mode:?}: {second:?}");
    }
}

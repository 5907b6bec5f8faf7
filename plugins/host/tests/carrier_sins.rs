//! What a bad adapter does to its process, and that it ends there. (F71–F79; the sins of the plug-in reference)
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod carrier;

use std::sync::Arc;
use std::time::Duration;

use carrier::{BOTH, PATIENCE, call, gone, next_scope, number, open};
use juzhen_host::lane::{Isolation, Lane, LaneAnswer, ScopeSeed};
use juzhen_host::pack;

const EACCES: i64 = 13;
const EPERM: i64 = 1;
const ENETUNREACH: i64 = 101;

const MECHANISMS: [&str; 17] = [
    "process",
    "environment",
    "descriptors",
    "address_space",
    "open_files",
    "stack",
    "core_dumps",
    "file_size",
    "memory_hidden",
    "no_new_privileges",
    "network_namespace",
    "threads",
    "no_capabilities",
    "landlock_files",
    "landlock_tcp",
    "landlock_signals",
    "system_calls",
];

async fn child() -> Arc<dyn Lane> {
    open(Isolation::Process, &[]).await.unwrap().0
}

#[tokio::test(flavor = "multi_thread")]
async fn f73_f74_f75_an_end_of_any_kind_is_the_childs_own_and_told_with_its_reason() {
    for (sin, wanted) in [
        ("abort", "SIGABRT (abort); it said: sins: giving up"),
        ("segfault", "SIGSEGV"),
        ("overflow", "SIG"),
        ("exit", "ended by itself with exit code 0"),
        ("hog", "SIGABRT (abort); it said: sins: no memory"),
    ] {
        let lane = child().await;
        let LaneAnswer::Gone(why) = call(&*lane, sin, "").await else { panic!("{sin} was survived") };
        assert!(why.contains(wanted), "{sin}: {why}");
        assert_eq!(gone(&*lane).await, why, "{sin}");
        assert!(!lane.health().alive);
        assert!(matches!(call(&*lane, "echo", "").await, LaneAnswer::Gone(_)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f72_a_spinning_adapter_is_seen_still_answers_pings_and_can_be_killed() {
    let lane = child().await;
    let spinning = {
        let lane = Arc::clone(&lane);
        tokio::spawn(async move { call(&*lane, "spin", "").await })
    };
    let beside = {
        let lane = Arc::clone(&lane);
        tokio::spawn(async move { call(&*lane, "echo", "beside").await })
    };
    let seen = async {
        while lane.health().stuck_ms < 700 || lane.health().rss_bytes == 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, seen).await.unwrap();
    assert!(lane.health().alive && lane.health().in_flight >= 1);
    lane.kill("it was stuck for too long");
    let why = gone(&*lane).await;
    assert_eq!(why, "it was stuck for too long");
    assert_eq!(spinning.await.unwrap(), LaneAnswer::Gone(why.clone()));
    // The one beside it was either answered before the spin began, or ends with the same reason.
    let beside = beside.await.unwrap();
    assert!(matches!(&beside, LaneAnswer::Ok(_)) || beside == LaneAnswer::Gone(why), "{beside:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_blocking_adapter_in_process_is_seen_and_does_not_stall_the_daemon() {
    let (lane, _) = open(Isolation::InProcess, &[]).await.unwrap();
    let blocking: Vec<_> = (0..2)
        .map(|_| {
            let lane = Arc::clone(&lane);
            tokio::spawn(async move { call(&*lane, "block", "").await })
        })
        .collect();
    let seen = async {
        while lane.health().stuck_ms < 100 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, seen).await.unwrap();
    // Its threads are lost, ours are not: this is the daemon's runtime, and it answers.
    lane.kill("stuck");
    for task in blocking {
        assert_eq!(task.await.unwrap(), LaneAnswer::Gone("stuck".into()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f78_answers_that_are_none_are_named_and_the_next_call_works() {
    for mode in BOTH {
        let (lane, _) = open(mode, &[]).await.unwrap();
        for sin in [
            "null_future",
            "null_table",
            "short_table",
            "null_answer",
            "no_free",
            "huge_answer",
            "bad_status",
            "unpacked",
            "not_utf8",
        ] {
            let answer = call(&*lane, sin, "").await;
            assert!(matches!(answer, LaneAnswer::Malformed(_)), "{mode:?} {sin}: {answer:?}");
        }
        assert!(matches!(call(&*lane, "echo", "after").await, LaneAnswer::Ok(_)), "{mode:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f77_printing_and_closing_the_standard_descriptors_disturb_nothing() {
    let lane = child().await;
    assert_eq!(number(&*lane, "print", "").await, 0);
    assert_eq!(number(&*lane, "close_standard", "").await, 0);
    assert!(matches!(call(&*lane, "ask", "still here").await, LaneAnswer::Ok(_)));
    // Closing everything closes the connection: that is an end.
    let answer = call(&*lane, "close_all", "").await;
    assert!(matches!(answer, LaneAnswer::Gone(_)), "{answer:?}");
    gone(&*lane).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f78_forged_frames_end_the_child_and_not_the_daemon() {
    let lane = child().await;
    let answer = call(&*lane, "forge", "").await;
    assert!(matches!(answer, LaneAnswer::Gone(_) | LaneAnswer::Ok(_)), "{answer:?}");
    let why = gone(&*lane).await;
    assert!(why.contains("broke the protocol"), "{why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn f76_threads_and_descriptors_are_limited() {
    let lane = child().await;
    assert!(number(&*lane, "files", "").await < 64);
    let threads = number(&*lane, "threads", "").await;
    if lane.isolation().is_active("threads") {
        assert!(threads < 64, "{threads}");
    } else {
        eprintln!("threads are not limited here: {:?}", lane.isolation().missing());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s17_a_child_reaches_no_file_no_network_and_nobody_else() {
    let lane = child().await;
    assert_eq!(number(&*lane, "environment", "").await, 0);
    let report = lane.isolation();
    eprintln!("missing here: {:?}", report.missing());
    // Each mechanism is told of, active or missing: what is not on the list was forgotten.
    let named: Vec<&str> =
        report.mechanisms.iter().map(|m| m.name.as_str()).filter(|n| *n != "not_root").collect();
    assert_eq!(named, MECHANISMS);
    if report.is_active("landlock_files") {
        assert_eq!(number(&*lane, "constructor", "").await, EACCES, "code that ran at load time");
        for path in ["/etc/passwd", "/proc/self/environ", "/", "/dev/null"] {
            assert_eq!(number(&*lane, "open", path).await, EACCES, "{path}");
        }
        let parent = format!("/proc/{}/mem", std::process::id());
        assert_eq!(number(&*lane, "open", &parent).await, EACCES);
        assert_eq!(number(&*lane, "execute", "").await, EACCES);
    }
    if report.is_active("landlock_signals") {
        assert_eq!(number(&*lane, "signal_parent", "").await, EPERM);
    }
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    if report.is_active("landlock_tcp") || report.is_active("network_namespace") {
        let refused = number(&*lane, "connect", &port).await;
        assert!([EACCES, ENETUNREACH].contains(&refused), "{refused}");
    }
    if report.is_active("network_namespace") || report.is_active("system_calls") {
        let refused = number(&*lane, "send_udp", "").await;
        assert!([EACCES, ENETUNREACH].contains(&refused), "{refused}");
    }
    if report.is_active("system_calls") {
        assert_eq!(number(&*lane, "fork", "").await, EACCES, "a process that would outlive the child");
        assert_eq!(number(&*lane, "unix_socket", "").await, EACCES);
    }
    if rustix::process::geteuid().is_root() {
        assert_ne!(number(&*lane, "uid", "").await, 0, "root's child is not root");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f75_memory_files_cannot_grow_past_the_limit_of_the_address_space() {
    let lane = child().await;
    let request = pack::pack(&"", &[]).unwrap();
    // Refused with an error, or with the signal that goes with it.
    let answer = lane.call(next_scope(), "hog_memfd", request, ScopeSeed::default()).await;
    match answer {
        LaneAnswer::Gone(why) => assert!(why.contains("SIGXFSZ"), "{why}"),
        LaneAnswer::Ok(bytes) => assert_ne!(pack::unpack::<i64>(&bytes).unwrap().0, 0),
        other => panic!("{other:?}"),
    }
}

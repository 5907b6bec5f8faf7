//! The sins that end a process really do, each in a process of its own: what the host is tested against is no sham.
#![allow(clippy::unwrap_used, clippy::print_stdout)] // Helpers of tests.

use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use juzhen_testkit::{Answer, Library, Script, build};
use serde_json::json;

const SIN: &str = "HOSTILE_SIN";
const LIBRARY: &str = "HOSTILE_LIBRARY";
const SURVIVED: &str = "the process survived";

const SIGABRT: i32 = 6;
const SIGSEGV: i32 = 11;

#[test]
fn f73_f74_f75_each_deadly_sin_ends_its_process_in_its_own_way() {
    let library = build::adapter("juzhen-adapter-hostile").unwrap();
    let cases = [
        ("abort", Some(SIGABRT)),
        ("abort_after_post", Some(SIGABRT)),
        ("crash_after_step_3_once", Some(SIGABRT)),
        ("segfault", Some(SIGSEGV)),
        ("stack_overflow", Some(SIGABRT)),
        ("answer_dangling", Some(SIGSEGV)),
        ("leak_memory", Some(SIGABRT)),
        ("exit_zero", None),
    ];
    for (sin, signal) in cases {
        let (status, printed) = commit(sin, library.to_str().unwrap()).expect(sin);
        assert_eq!(status.signal(), signal, "{sin}: {status} {printed}");
        assert!(signal.is_some() || status.success(), "{sin}: {status}");
        assert!(!printed.contains(SURVIVED), "{sin}: {printed}");
    }
    let (status, printed) = commit("ok", library.to_str().unwrap()).unwrap();
    assert!(status.success() && printed.contains(SURVIVED), "the honest one does not end it: {printed}");
}

#[test]
fn f72_each_hanging_sin_has_to_be_killed() {
    let library = build::adapter("juzhen-adapter-hostile").unwrap();
    for sin in ["infinite_loop", "blocking_sleep", "busy_pending"] {
        assert!(commit(sin, library.to_str().unwrap()).is_none(), "{sin} ended by itself");
    }
}

/// Not a test of its own: what the tests above start once more, as a process to spare.
#[test]
fn commits_the_sin_it_is_started_for() {
    let (Ok(sin), Ok(library)) = (std::env::var(SIN), std::env::var(LIBRARY)) else { return };
    let script = Script::default();
    for n in 0..4 {
        script.answer(Answer::json(201, &json!({"id": "7", "media_id": n.to_string()})));
    }
    let adapter = Library::load(library.as_ref()).unwrap().start(&script, &json!({})).unwrap();
    let meta = json!({"uid": "d07", "attempt": 1, "settings": {"base_url": "http://m", "sin": sin}});
    let outcome = adapter.call("publish", &meta, &json!({"text": "a"})).unwrap();
    println!("{SURVIVED}: {outcome:?}");
}

/// How the process ended and what it printed; `None` when it was still busy and had to be killed.
fn commit(sin: &str, library: &str) -> Option<(ExitStatus, String)> {
    // A hang is certain after a while; anything else ends by itself, however slow the machine is.
    let hangs = ["infinite_loop", "blocking_sleep", "busy_pending"].contains(&sin);
    let patience = Duration::from_secs(if hangs { 3 } else { 120 });
    // The limits that the host sets: the sin may take neither the machine's memory nor its disk.
    let mut child = Command::new("sh")
        .args(["-c", "ulimit -v 524288; ulimit -c 0; exec \"$0\" --exact commits_the_sin_it_is_started_for --nocapture"])
        .arg(std::env::current_exe().unwrap())
        .env(SIN, sin)
        .env(LIBRARY, library)
        .env("RUST_BACKTRACE", "0")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let until = Instant::now() + patience;
    while child.try_wait().unwrap().is_none() {
        if Instant::now() > until {
            child.kill().unwrap();
            child.wait().unwrap();
            return None;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let output = child.wait_with_output().unwrap();
    Some((output.status, String::from_utf8_lossy(&output.stdout).into_owned()))
}

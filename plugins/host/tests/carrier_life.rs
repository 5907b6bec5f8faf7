//! Lives and deaths of children: many of them leave nothing behind, and none outlives the daemon.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod carrier;

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use carrier::{Notes, PATIENCE, call, compile, gone, open, options};
use juzhen_host::lane::{Isolation, LaneAnswer};
use juzhen_host::sealed::SealedLibrary;

/// Set for the process that plays the daemon: which operation its adapter is busy with.
const PLAYED: &str = "JUZHEN_TEST_DAEMON_BUSY_WITH";

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_crashes_and_restarts_leave_no_descriptor_and_no_process() {
    let (_folder, path) = compile(&[]);
    let library = SealedLibrary::read(&path).unwrap();
    let (mut before, mut pids) = (0, Vec::new());
    for round in 0..101 {
        let lane = juzhen_host::open(library.clone(), &options(Isolation::Process), Arc::<Notes>::default())
            .await
            .unwrap();
        pids.extend(lane.health().pid);
        assert!(matches!(call(&*lane, "echo", "alive").await, LaneAnswer::Ok(_)));
        match round % 3 {
            0 => assert!(matches!(call(&*lane, "abort", "").await, LaneAnswer::Gone(_))),
            1 => lane.kill("enough"),
            _ => lane.shutdown(PATIENCE).await,
        }
        gone(&*lane).await;
        drop(lane);
        if round == 0 {
            before = settled_descriptors().await;
        }
    }
    let after = settled_descriptors().await;
    // The tests beside this one open some as well; a leak would be a hundred.
    assert!(after < before + 30, "{before} descriptors before, {after} after");
    for pid in pids {
        assert!(!is_a_child_of_ours(pid), "process {pid} is still there");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lane_that_is_dropped_takes_its_process_along() {
    let (lane, _) = open(Isolation::Process, &[]).await.unwrap();
    let pid = lane.health().pid.unwrap();
    assert!(is_a_child_of_ours(pid));
    drop(lane);
    wait_until("the child ends", || !is_a_child_of_ours(pid)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_child_outlives_the_thread_that_started_it() {
    let (sender, receiver) = std::sync::mpsc::channel();
    let handle = tokio::runtime::Handle::current();
    std::thread::spawn(move || sender.send(handle.block_on(open(Isolation::Process, &[]))).unwrap());
    let (lane, _) = tokio::task::spawn_blocking(move || receiver.recv().unwrap()).await.unwrap().unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(matches!(call(&*lane, "echo", "alive").await, LaneAnswer::Ok(_)));
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_daemon_is_killed_its_children_end_even_while_they_spin() {
    for busy_with in ["nothing", "forever", "spin"] {
        let mut daemon = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "plays_the_daemon", "--ignored", "--nocapture", "--test-threads=1"])
            .env(PLAYED, busy_with)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(daemon.stdout.take().unwrap()).lines();
        let pid: u32 = tokio::task::spawn_blocking(move || {
            lines.find_map(|line| {
                line.unwrap().split_once("child ").map(|(_, pid)| pid.trim().parse().unwrap())
            })
        })
        .await
        .unwrap()
        .unwrap_or_else(|| panic!("{busy_with}: the daemon said nothing"));
        assert!(is_alive(pid), "{busy_with}");
        daemon.kill().unwrap();
        daemon.wait().unwrap();
        wait_until(busy_with, || !is_alive(pid)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "the other process of `when_the_daemon_is_killed_…`"]
async fn plays_the_daemon() {
    let Ok(busy_with) = std::env::var(PLAYED) else { return };
    let (lane, notes) = open(Isolation::Process, &[]).await.unwrap();
    let pid = lane.health().pid.unwrap();
    if busy_with == "nothing" {
        assert!(matches!(call(&*lane, "echo", "").await, LaneAnswer::Ok(_)));
    } else {
        let lane = Arc::clone(&lane);
        tokio::spawn(async move { call(&*lane, &busy_with, "").await });
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    println!("child {pid}");
    // Killed before this ends; a bound in case that nobody does.
    tokio::time::sleep(PATIENCE).await;
    drop((lane, notes));
}

/// The number of open descriptors, once it stands still.
async fn settled_descriptors() -> usize {
    let count = || std::fs::read_dir("/proc/self/fd").unwrap().count();
    let mut last = count();
    loop {
        tokio::time::sleep(Duration::from_millis(300)).await;
        let now = count();
        if now >= last {
            return now.min(last);
        }
        last = now;
    }
}

fn is_alive(pid: u32) -> bool {
    // A zombie has ended; somebody else has to collect it.
    std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| !stat.rsplit(')').next().unwrap_or_default().trim_start().starts_with('Z'))
}

fn is_a_child_of_ours(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| {
        let parent = stat.rsplit(')').next().unwrap_or_default().split_whitespace().nth(1);
        parent == Some(std::process::id().to_string().as_str())
    })
}

async fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let since = Instant::now();
    while !done() {
        assert!(since.elapsed() < PATIENCE, "{what}: not after {PATIENCE:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

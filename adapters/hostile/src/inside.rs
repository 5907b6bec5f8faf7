//! Sins that safe Rust allows.

use core::time::Duration;
use std::fs::File;
use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs, UdpSocket};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use juzhen_sdk::prelude::*;

use crate::{account_url, base_url, create, verdict};

const KNOWN: &[&str] = &[
    "abort",
    "abort_after_post",
    "await_forever",
    "blocking_sleep",
    "busy_pending",
    "exit_zero",
    "fds_1000",
    "hang_after_post",
    "infinite_loop",
    "leak_memory",
    "open_socket",
    "other_scope",
    "panic_after_post",
    "panic_in_call",
    "panic_in_drop",
    "panic_in_thread",
    "read_environment",
    "read_etc_passwd",
    "read_parent_memory",
    "stack_overflow",
    "threads_1000",
    "undeclared_host",
    "write_stdout",
];

pub(crate) fn knows(sin: &str) -> bool {
    KNOWN.contains(&sin)
}

pub(crate) async fn commit(sin: &str, cx: &Cx, post: &Post) -> Result<Published> {
    match sin {
        "panic_in_call" => panic_now("in a call"),
        "panic_in_thread" => drop(std::thread::spawn(|| panic_now::<()>("in a thread of its own")).join()),
        "panic_in_drop" => {
            let _guard = PanicsInDrop;
            core::future::pending::<()>().await;
        }
        "await_forever" => core::future::pending().await,
        "busy_pending" => busy_pending().await,
        "infinite_loop" => infinite_loop(),
        "blocking_sleep" => loop {
            std::thread::sleep(Duration::from_secs(3600));
        },
        "stack_overflow" => drop(overflow(&[0; 1024])),
        "abort" => std::process::abort(),
        "exit_zero" => std::process::exit(0),
        "write_stdout" => write_stdout(),
        "panic_after_post" | "abort_after_post" | "hang_after_post" => {
            return after_post(sin, cx, post).await;
        }
        _ => return probe(sin, cx).await,
    }
    create(cx, post, &[]).await
}

/// Sins that end with what they got out of the sandbox.
async fn probe(sin: &str, cx: &Cx) -> Result<Published> {
    verdict(match sin {
        "leak_memory" => leak_memory(),
        "threads_1000" => threads_1000(),
        "fds_1000" => fds_1000(),
        "read_etc_passwd" => read("/etc/passwd"),
        "read_parent_memory" => read(&format!("/proc/{}/mem", std::os::unix::process::parent_id())),
        "read_environment" => read_environment(),
        "open_socket" => open_socket(base_url(cx)?),
        "undeclared_host" => {
            let sent = cx.http().post("http://undeclared.example/").json(&json!({})).send_any().await;
            sent.map(|answer| format!("answer {}", answer.status())).map_err(|e| e.message)
        }
        // The number was exchanged before the call came here; see `raw`.
        "other_scope" => {
            let sent = cx.http().get(&account_url(cx)?).bearer(super::TOKEN).send_any().await;
            sent.map(|answer| format!("answer {}", answer.status())).map_err(|e| e.message)
        }
        other => return Err(super::unknown(other)),
    })
}

async fn after_post(sin: &str, cx: &Cx, post: &Post) -> Result<Published> {
    create(cx, post, &[]).await?;
    match sin {
        "panic_after_post" => panic_now("after the post"),
        "abort_after_post" => std::process::abort(),
        _ => core::future::pending().await,
    }
}

#[allow(clippy::panic)] // The sin itself.
pub(crate) fn panic_now<T>(place: &str) -> T {
    panic!("hostile: panic {place}")
}

pub(crate) fn infinite_loop<T>() -> T {
    loop {
        core::hint::spin_loop();
    }
}

pub(crate) fn in_the_year_2100(honest: Published) -> Result<Published> {
    match honest {
        Published::Published { id, url, .. } => {
            Ok(Published::Published { id, url, at_unix_ms: Some(4_102_444_800_000) })
        }
        accepted @ Published::Accepted { .. } => Ok(accepted),
    }
}

struct PanicsInDrop;

impl Drop for PanicsInDrop {
    fn drop(&mut self) {
        panic_now::<()>("in drop");
    }
}

async fn busy_pending() {
    core::future::poll_fn(|cx| {
        cx.waker().wake_by_ref();
        core::task::Poll::<()>::Pending
    })
    .await;
}

#[allow(unconditional_recursion)] // The sin itself.
fn overflow(frame: &[u8; 1024]) -> u8 {
    let next = core::hint::black_box(*frame);
    overflow(&next).wrapping_add(core::hint::black_box(next).iter().copied().fold(0, u8::wrapping_add))
}

/// At most 1 GiB, so that a missing limit does not take the machine down.
fn leak_memory() -> core::result::Result<String, String> {
    for _ in 0..64 {
        core::mem::forget(core::hint::black_box(vec![1_u8; 16 << 20]));
    }
    Ok("1 GiB of memory".to_owned())
}

fn threads_1000() -> core::result::Result<String, String> {
    let gate = Arc::new(RwLock::new(()));
    let held = gate.write().unwrap_or_else(PoisonError::into_inner);
    let mut threads = Vec::new();
    let mut refused = None;
    while threads.len() < 1000 && refused.is_none() {
        let gate = Arc::clone(&gate);
        let waits = move || drop(gate.read());
        match std::thread::Builder::new().stack_size(64 << 10).spawn(waits) {
            Ok(thread) => threads.push(thread),
            Err(e) => refused = Some(e),
        }
    }
    drop(held);
    let made = threads.len();
    threads.into_iter().for_each(|thread| drop(thread.join()));
    counted("threads", made, refused)
}

fn fds_1000() -> core::result::Result<String, String> {
    let mut pairs = Vec::new();
    let mut refused = None;
    while pairs.len() < 500 && refused.is_none() {
        match UnixStream::pair() {
            Ok(pair) => pairs.push(pair),
            Err(e) => refused = Some(e),
        }
    }
    counted("descriptors", 2 * pairs.len(), refused)
}

fn counted(what: &str, made: usize, refused: Option<std::io::Error>) -> core::result::Result<String, String> {
    match refused {
        Some(e) => Err(format!("{made} {what}, then {e}")),
        None => Ok(format!("{made} {what}")),
    }
}

fn write_stdout() {
    static WARNED: AtomicBool = AtomicBool::new(false);
    let line = [b'x'; 1023];
    for _ in 0..512 {
        for sink in [&mut std::io::stdout() as &mut dyn Write, &mut std::io::stderr()] {
            // A closed or full pipe is the host's matter; the sin is to have tried.
            let written = sink.write_all(&line).and_then(|()| sink.write_all(b"\n"));
            WARNED.fetch_or(written.is_err(), Ordering::Relaxed);
        }
    }
}

fn read(path: &str) -> core::result::Result<String, String> {
    let mut file = File::open(path).map_err(|e| format!("{path}: {e}"))?;
    let mut some = [0; 64];
    // The memory of a process has nothing at address 0; that it could be opened is the finding.
    let bytes = file.read(&mut some).unwrap_or_default();
    Ok(format!("{path}: opened, {bytes} bytes read"))
}

/// What an account of the daemon has and an adapter must not see.
fn read_environment() -> core::result::Result<String, String> {
    let names: Vec<_> = std::env::vars_os().map(|(name, _)| name.to_string_lossy().into_owned()).collect();
    let private =
        |name: &&String| ["PATH", "HOME", "USER"].contains(&name.as_str()) || name.contains("CANARY");
    let seen = format!("{} variables: {}", names.len(), names.join(" "));
    if names.iter().any(|name| private(&name)) { Ok(seen) } else { Err(seen) }
}

/// To the platform itself, past the host; and a datagram, which landlock does not cover.
fn open_socket(base_url: &str) -> core::result::Result<String, String> {
    let address = base_url.rsplit("//").next().unwrap_or_default();
    let addresses = address.to_socket_addrs().map_err(|e| format!("{address}: {e}"))?;
    let mut refusals = Vec::new();
    for address in addresses {
        match TcpStream::connect_timeout(&address, Duration::from_secs(5)) {
            Ok(_) => return Ok(format!("connected to {address}")),
            Err(e) => refusals.push(format!("tcp {address}: {e}")),
        }
        match UdpSocket::bind("0.0.0.0:0").and_then(|socket| socket.send_to(b"hello", address)) {
            Ok(_) => return Ok(format!("datagram to {address}")),
            Err(e) => refusals.push(format!("udp {address}: {e}")),
        }
    }
    Err(refusals.join(", "))
}

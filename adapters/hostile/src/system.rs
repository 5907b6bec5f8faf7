//! Sins against the process, which take more than safe Rust.

#![allow(unsafe_code)] // The sins themselves.

use core::time::Duration;

use juzhen_sdk::prelude::*;

use crate::{create, verdict};

pub(crate) fn knows(sin: &str) -> bool {
    ["segfault", "close_fds", "process_state", "fork"].contains(&sin)
}

pub(crate) async fn commit(sin: &str, cx: &Cx, post: &Post) -> Result<Published> {
    match sin {
        "segfault" => segfault(),
        "close_fds" => close_fds(),
        "process_state" => change_process_state(),
        _ => return verdict(fork()),
    }
    create(cx, post, &[]).await
}

/// A write to a page that may not be written: a real fault, not one that a check of the compiler turns into a panic.
pub(crate) fn segfault<T>() -> T {
    // SAFETY: a fresh anonymous mapping; that writing to it kills the process is the point.
    unsafe {
        let page = libc::mmap(
            core::ptr::null_mut(),
            4096,
            libc::PROT_NONE,
            libc::MAP_PRIVATE | libc::MAP_ANON,
            -1,
            0,
        );
        page.cast::<u8>().write_volatile(1);
    }
    std::process::abort()
}

fn close_fds() {
    for fd in 0..256 {
        // SAFETY: closing is always allowed; that others still use the descriptors is the sin.
        unsafe { libc::close(fd) };
    }
}

fn change_process_state() {
    // SAFETY: each of these is allowed at any time; that they belong to the whole process is the sin.
    unsafe {
        libc::signal(libc::SIGTERM, libc::SIG_IGN);
        libc::umask(0);
        libc::chdir(c"/".as_ptr());
        libc::setlocale(libc::LC_ALL, c"C".as_ptr());
    }
}

/// A process that would outlive its parent; it ends by itself after a minute.
fn fork() -> core::result::Result<String, String> {
    // SAFETY: the child only sleeps and leaves, which is allowed after a fork of a threaded process.
    match unsafe { libc::fork() } {
        -1 => Err(format!("fork: {}", std::io::Error::last_os_error())),
        0 => {
            std::thread::sleep(Duration::from_secs(60));
            // SAFETY: leaves without running anything of the parent's.
            unsafe { libc::_exit(0) }
        }
        child => Ok(format!("process {child}")),
    }
}

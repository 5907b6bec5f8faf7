//! System calls that no adapter needs, refused by the kernel: new programs and processes, sockets, other processes'
//! memory, and ways around the limits.
//!
//! A list of what is forbidden, not of what is allowed: adapters bring their own C library, of any age.
#![allow(unsafe_code, reason = "a seccomp filter is handed over by pointer")]

use std::io;

use libc::{c_long, sock_filter};

/// Each answers `EACCES`.
const FORBIDDEN: &[c_long] = &[
    // Programs, and looking into other processes.
    libc::SYS_execve,
    libc::SYS_execveat,
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_pidfd_getfd,
    // Landlock knows TCP ports; this covers every other kind of socket, those with a path among them.
    libc::SYS_socket,
    // A second way to do everything above.
    libc::SYS_io_uring_setup,
    // Memory that no limit of this process counts.
    libc::SYS_shmget,
    libc::SYS_msgget,
    libc::SYS_semget,
    libc::SYS_mq_open,
    // Nothing but attack surface here.
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_keyctl,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_chroot,
    libc::SYS_pivot_root,
    libc::SYS_open_by_handle_at,
    // Processes; threads are `clone` with a flag.
    #[cfg(target_arch = "x86_64")]
    libc::SYS_fork,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_vfork,
];

#[cfg(target_arch = "x86_64")]
const ARCHITECTURE: Option<u32> = Some(0xc000_003e);
#[cfg(target_arch = "aarch64")]
const ARCHITECTURE: Option<u32> = Some(0xc000_00b7);
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
const ARCHITECTURE: Option<u32> = None;

/// Offsets in `struct seccomp_data`; the low half of the first argument on a little endian machine.
const NUMBER: u32 = 0;
const ARCH: u32 = 4;
const FIRST_ARGUMENT: u32 = 16;

/// Numbers of the x32 calls of x86-64 have this bit.
const OTHER_ABI: u32 = 0x4000_0000;

/// Applies to this thread and all it will start. Needs no_new_privs.
pub(crate) fn forbid() -> io::Result<()> {
    let architecture = ARCHITECTURE.ok_or_else(|| io::Error::other("not written for this machine"))?;
    let mut filter = program(architecture)?;
    let program = libc::sock_fprog {
        len: u16::try_from(filter.len()).map_err(io::Error::other)?,
        filter: filter.as_mut_ptr(),
    };
    // SAFETY: `program` and the instructions behind it live past the call, which copies them.
    let done = unsafe { libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program) };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

fn program(architecture: u32) -> io::Result<Vec<sock_filter>> {
    let number = |call: c_long| u32::try_from(call).map_err(io::Error::other);
    let mut code = vec![
        load(ARCH),
        unless_equal(architecture, 1),
        answer(libc::EACCES),
        load(NUMBER),
        when_bits(OTHER_ABI, 1),
        answer(libc::EACCES),
    ];
    for &call in FORBIDDEN {
        code.extend([when_equal(number(call)?, 1), answer(libc::EACCES)]);
    }
    // The C library falls back to `clone`, whose flags can be looked at.
    code.extend([when_equal(number(libc::SYS_clone3)?, 1), answer(libc::ENOSYS)]);
    let thread = u32::try_from(libc::CLONE_THREAD).map_err(io::Error::other)?;
    code.extend([
        when_equal(number(libc::SYS_clone)?, 3),
        load(FIRST_ARGUMENT),
        unless_bits(thread, 1),
        answer(libc::EACCES),
        give(libc::SECCOMP_RET_ALLOW),
    ]);
    Ok(code)
}

fn load(offset: u32) -> sock_filter {
    instruction(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, offset)
}

/// Runs the next `count` instructions only when the loaded value is equal.
fn when_equal(value: u32, count: u8) -> sock_filter {
    instruction(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 0, count, value)
}

/// Runs the next `count` instructions only when the loaded value differs.
fn unless_equal(value: u32, count: u8) -> sock_filter {
    instruction(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, count, 0, value)
}

/// Runs the next `count` instructions only when one of the bits is set.
fn when_bits(bits: u32, count: u8) -> sock_filter {
    instruction(libc::BPF_JMP | libc::BPF_JSET | libc::BPF_K, 0, count, bits)
}

/// Runs the next `count` instructions only when none of the bits is set.
fn unless_bits(bits: u32, count: u8) -> sock_filter {
    instruction(libc::BPF_JMP | libc::BPF_JSET | libc::BPF_K, count, 0, bits)
}

fn answer(error: i32) -> sock_filter {
    give(libc::SECCOMP_RET_ERRNO | (error.unsigned_abs() & libc::SECCOMP_RET_DATA))
}

fn give(verdict: u32) -> sock_filter {
    instruction(libc::BPF_RET | libc::BPF_K, 0, 0, verdict)
}

fn instruction(code: u32, jump_true: u8, jump_false: u8, value: u32) -> sock_filter {
    // Every code above fits the 16 bits.
    sock_filter { code: u16::try_from(code).unwrap_or_default(), jt: jump_true, jf: jump_false, k: value }
}

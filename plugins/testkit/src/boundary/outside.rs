//! Ways past the host: system calls that an adapter has no need of, noted and refused for one thread of this process.

use core::sync::atomic::{AtomicI32, AtomicUsize, Ordering};
use std::io;

use libc::{c_int, c_long, c_void, sock_filter};

/// What lets a library reach files, sockets, processes, or what belongs to the whole process.
const WATCHED: &[(c_long, &str)] = &[
    (libc::SYS_openat, "openat"),
    (libc::SYS_openat2, "openat2"),
    (libc::SYS_unlinkat, "unlinkat"),
    (libc::SYS_mkdirat, "mkdirat"),
    (libc::SYS_renameat2, "renameat2"),
    (libc::SYS_memfd_create, "memfd_create"),
    (libc::SYS_pipe2, "pipe2"),
    (libc::SYS_socket, "socket"),
    (libc::SYS_socketpair, "socketpair"),
    (libc::SYS_connect, "connect"),
    (libc::SYS_bind, "bind"),
    (libc::SYS_execve, "execve"),
    (libc::SYS_execveat, "execveat"),
    (libc::SYS_kill, "kill"),
    (libc::SYS_ptrace, "ptrace"),
    (libc::SYS_process_vm_readv, "process_vm_readv"),
    (libc::SYS_process_vm_writev, "process_vm_writev"),
    (libc::SYS_chdir, "chdir"),
    (libc::SYS_fchdir, "fchdir"),
    (libc::SYS_umask, "umask"),
    (libc::SYS_setrlimit, "setrlimit"),
    (libc::SYS_rt_sigaction, "rt_sigaction"),
    (libc::SYS_shmget, "shmget"),
    (libc::SYS_io_uring_setup, "io_uring_setup"),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_open, "open"),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_creat, "creat"),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_fork, "fork"),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_vfork, "vfork"),
];

/// The number of the first one that was made, and how many were.
static FIRST: AtomicI32 = AtomicI32::new(-1);
static COUNT: AtomicUsize = AtomicUsize::new(0);

/// The first of them that was made since [`watch`], by name, and how many were.
pub(crate) fn noted() -> Option<(&'static str, usize)> {
    let count = COUNT.load(Ordering::SeqCst);
    let first = c_long::from(FIRST.load(Ordering::SeqCst));
    let known = WATCHED.iter().find(|(number, _)| *number == first).map(|(_, name)| *name);
    (count > 0).then(|| (known.unwrap_or("clone"), count))
}

/// From now on each of them that this thread makes, or one that it starts, is noted and answered with `EACCES`.
///
/// # Errors
/// A system or a machine that has no such filter.
pub(crate) fn watch() -> io::Result<()> {
    if !cfg!(target_arch = "x86_64") {
        return Err(io::Error::other("written for x86-64 only"));
    }
    // SAFETY: all zero is a valid `sigaction`, whose fields are set below.
    let mut action: libc::sigaction = unsafe { core::mem::zeroed() };
    action.sa_sigaction = note as *const () as usize;
    action.sa_flags = libc::SA_SIGINFO;
    // SAFETY: the handler touches atomics and its own arguments only.
    let handled = unsafe { libc::sigaction(libc::SIGSYS, &raw const action, core::ptr::null_mut()) };
    // SAFETY: takes numbers.
    let no_more = unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) };
    if handled != 0 || no_more != 0 {
        return Err(io::Error::last_os_error());
    }
    let mut filter = filter()?;
    let length = u16::try_from(filter.len()).map_err(io::Error::other)?;
    let program = libc::sock_fprog { len: length, filter: filter.as_mut_ptr() };
    // SAFETY: the program and its instructions live past the call, which copies them.
    let done = unsafe { libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program) };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Traps what is watched, and `clone` without the flag of a thread. `clone3` is not there, so that `clone` is used.
fn filter() -> io::Result<Vec<sock_filter>> {
    const FIRST_ARGUMENT: u32 = 16;
    let number = |call: c_long| u32::try_from(call).map_err(io::Error::other);
    let load = |offset| instruction(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, offset);
    let give = |verdict| instruction(libc::BPF_RET | libc::BPF_K, 0, 0, verdict);
    let when = |value, others| instruction(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 0, others, value);
    let mut code = vec![load(0)];
    for (call, _) in WATCHED {
        code.extend([when(number(*call)?, 1), give(libc::SECCOMP_RET_TRAP)]);
    }
    let absent = libc::SECCOMP_RET_ERRNO | libc::ENOSYS.unsigned_abs();
    code.extend([when(number(libc::SYS_clone3)?, 1), give(absent)]);
    let thread = u32::try_from(libc::CLONE_THREAD).map_err(io::Error::other)?;
    code.extend([
        when(number(libc::SYS_clone)?, 3),
        load(FIRST_ARGUMENT),
        instruction(libc::BPF_JMP | libc::BPF_JSET | libc::BPF_K, 1, 0, thread),
        give(libc::SECCOMP_RET_TRAP),
        give(libc::SECCOMP_RET_ALLOW),
    ]);
    Ok(code)
}

fn instruction(code: u32, jump_true: u8, jump_false: u8, value: u32) -> sock_filter {
    // Every code above fits the 16 bits.
    sock_filter { code: u16::try_from(code).unwrap_or_default(), jt: jump_true, jf: jump_false, k: value }
}

/// Runs in place of the system call.
unsafe extern "C" fn note(_signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    /// Of `si_syscall` in the `siginfo_t` of SIGSYS, behind three numbers and an address.
    const NUMBER_AT: usize = 24;
    // SAFETY: the kernel has filled both for this signal.
    let number = unsafe { info.cast::<u8>().add(NUMBER_AT).cast::<c_int>().read_unaligned() };
    _ = FIRST.compare_exchange(-1, number, Ordering::SeqCst, Ordering::SeqCst);
    COUNT.fetch_add(1, Ordering::SeqCst);
    // SAFETY: as above; what the thread goes on with is its own copy.
    unsafe { refuse(context.cast()) };
}

/// The call has answered `EACCES`.
#[cfg(target_arch = "x86_64")]
unsafe fn refuse(context: *mut libc::ucontext_t) {
    // SAFETY: promised by the caller; the register is where x86-64 has the answer of a system call.
    let registers = unsafe { &mut (*context).uc_mcontext.gregs };
    if let Some(answer) = registers.get_mut(libc::REG_RAX as usize) {
        *answer = -i64::from(libc::EACCES);
    }
}

#[cfg(not(target_arch = "x86_64"))]
unsafe fn refuse(_context: *mut libc::ucontext_t) {}

//! The memory of this process: how much of it was given out, by the C library's own account, and how much there may be.

/// Bytes that were allocated and not freed, of every thread. Adapters that bring their own allocator are not seen.
pub(crate) fn allocated_bytes() -> usize {
    // SAFETY: takes nothing and returns plain numbers.
    let account = unsafe { libc::mallinfo2() };
    account.uordblks.saturating_add(account.hblkhd)
}

/// Gives this process no more address space than this: what it runs may try to take the machine's.
pub(crate) fn limit_address_space(bytes: u64) {
    let limit = libc::rlimit { rlim_cur: bytes, rlim_max: bytes };
    // SAFETY: the limit is read during the call. Where it cannot be set, the process runs without.
    _ = unsafe { libc::setrlimit(libc::RLIMIT_AS, &raw const limit) };
}

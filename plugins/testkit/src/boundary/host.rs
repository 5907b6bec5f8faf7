//! The host object that an adapter is given, following a [`Script`].

use core::ffi::c_void;
use core::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use juzhen_abi as abi;
use serde_json::Value;

use super::buffer::{copy, give};
use crate::script::{LogLine, Script};

/// What an adapter still holds of its host. All zero once nothing is under way and the adapter is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    /// Counts of the host object besides the kit's own.
    pub hosts: usize,
    /// Futures of capabilities that were not dropped.
    pub futures: usize,
}

/// The number that stands for every operation of the kit: it runs one at a time.
pub(super) const SCOPE: u64 = 0x5c09;

/// Which version of the boundary the host shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(not(feature = "conformance"), allow(dead_code, reason = "only the conformance kit shows others"))]
pub(crate) enum Tables {
    Own,
    /// With functions that only a later one has.
    Larger,
    /// Without the last one of version 1.0.
    Smaller,
}

/// Its first field is the C struct, so its address is that of a host.
#[repr(C)]
pub(super) struct ScriptedHost {
    header: abi::Host,
    script: Script,
    futures: Arc<AtomicUsize>,
    foreign_scopes: AtomicUsize,
    /// Clones of the wakers of its futures, where somebody wants to wake too late.
    kept: Arc<Mutex<Vec<Kept>>>,
}

// SAFETY: the header points to a constant; the rest is synchronised.
unsafe impl Send for ScriptedHost {}
// SAFETY: as above.
unsafe impl Sync for ScriptedHost {}

impl ScriptedHost {
    pub(super) fn new(script: Script, tables: Tables) -> Arc<Self> {
        let vt: *const abi::HostVt = match tables {
            Tables::Own => &raw const TABLE,
            Tables::Larger => (&raw const LARGER).cast(),
            Tables::Smaller => &raw const SMALLER,
        };
        Arc::new(Self {
            header: abi::Host { vt },
            script,
            futures: Arc::default(),
            foreign_scopes: AtomicUsize::new(0),
            kept: Arc::default(),
        })
    }

    /// Calls and log lines in the name of an operation that is not the one under way.
    #[cfg(feature = "conformance")]
    pub(super) fn foreign_scopes(&self) -> usize {
        self.foreign_scopes.load(Ordering::SeqCst)
    }

    #[cfg(feature = "conformance")]
    pub(super) fn drop_kept_wakers(&self) {
        drop(core::mem::take(&mut *self.kept.lock().unwrap_or_else(PoisonError::into_inner)));
    }

    /// Wakes and drops every waker that is kept, and says how many those were.
    #[cfg(feature = "conformance")]
    pub(super) fn wake_what_is_kept(&self) -> usize {
        let kept = core::mem::take(&mut *self.kept.lock().unwrap_or_else(PoisonError::into_inner));
        let count = kept.len();
        kept.into_iter().for_each(Kept::wake);
        count
    }

    pub(super) fn lend(self: &Arc<Self>) -> *const abi::Host {
        Arc::as_ptr(self).cast()
    }

    pub(super) fn script(&self) -> &Script {
        &self.script
    }

    pub(super) fn held(self: &Arc<Self>) -> Held {
        Held { hosts: Arc::strong_count(self) - 1, futures: self.futures.load(Ordering::SeqCst) }
    }
}

static TABLE: abi::HostVt = table(size_of::<abi::HostVt>(), abi::ABI_MINOR);
static SMALLER: abi::HostVt = table(size_of::<abi::HostVt>() - size_of::<usize>(), abi::ABI_MINOR);
static LARGER: Larger =
    Larger { own: table(size_of::<Larger>(), abi::ABI_MINOR + 1), _later: [usize::MAX; 4] };

/// A table with places that this version does not know.
#[repr(C)]
struct Larger {
    own: abi::HostVt,
    _later: [usize; 4],
}

#[allow(clippy::cast_possible_truncation)] // The size of a small table.
const fn table(size: usize, abi_minor: u16) -> abi::HostVt {
    abi::HostVt {
        size: size as u32,
        abi_minor,
        reserved: 0,
        retain,
        release,
        call,
        log,
        now_unix_ms,
        random,
        get_extension,
    }
}

// SAFETY of all below: `this` is the header, and so the address, of a live `ScriptedHost` in an `Arc`.

unsafe fn host<'a>(this: *const abi::Host) -> &'a ScriptedHost {
    // SAFETY: see above; the caller holds a count during the call.
    unsafe { &*this.cast::<ScriptedHost>() }
}

unsafe extern "C" fn retain(this: *const abi::Host) -> *const abi::Host {
    // SAFETY: see above.
    unsafe { Arc::increment_strong_count(this.cast::<ScriptedHost>()) };
    this
}

unsafe extern "C" fn release(this: *const abi::Host) {
    // SAFETY: see above; the caller gives up its count.
    unsafe { Arc::decrement_strong_count(this.cast::<ScriptedHost>()) };
}

unsafe extern "C" fn call(
    this: *const abi::Host,
    scope: u64,
    operation: abi::Slice,
    request: abi::Slice,
) -> *mut abi::Future {
    // SAFETY: see above; both slices are readable during the call.
    let (host, operation, request) = unsafe { (host(this), copy(operation), copy(request)) };
    host.foreign_scopes.fetch_add(usize::from(scope != SCOPE), Ordering::SeqCst);
    let answer = host.script.ask(&String::from_utf8_lossy(&operation), &request);
    host.futures.fetch_add(1, Ordering::SeqCst);
    let futures = Arc::clone(&host.futures);
    let kept = Arc::clone(&host.kept);
    let future = Answering { header: abi::Future { vt: &ANSWERING }, answer, waited: false, futures, kept };
    Box::into_raw(Box::new(future)).cast()
}

unsafe extern "C" fn log(this: *const abi::Host, scope: u64, level: u32, message: abi::Slice) {
    // SAFETY: see above; the slice is readable during the call.
    let (host, message) = unsafe { (host(this), copy(message)) };
    let fields = serde_json::from_slice(&message).unwrap_or(Value::Null);
    host.script.log(LogLine { scope, level, fields });
}

unsafe extern "C" fn now_unix_ms(this: *const abi::Host, _scope: u64) -> i64 {
    // SAFETY: see above.
    unsafe { host(this) }.script.now_unix_ms()
}

unsafe extern "C" fn random(this: *const abi::Host, _scope: u64, out: *mut u8, len: usize) {
    if out.is_null() || len == 0 {
        return;
    }
    // SAFETY: see above; `out` is writable for `len` bytes.
    let (host, out) = unsafe { (host(this), core::slice::from_raw_parts_mut(out, len)) };
    host.script.fill(out);
}

unsafe extern "C" fn get_extension(_this: *const abi::Host, _id: abi::Slice) -> *const c_void {
    core::ptr::null()
}

/// The future of one capability call: never ready at once, so that every adapter has to wait properly.
#[repr(C)]
struct Answering {
    header: abi::Future,
    answer: Option<(i32, Vec<u8>)>,
    waited: bool,
    futures: Arc<AtomicUsize>,
    kept: Arc<Mutex<Vec<Kept>>>,
}

#[allow(clippy::cast_possible_truncation)] // The size of a small table.
static ANSWERING: abi::FutureVt = abi::FutureVt {
    size: size_of::<abi::FutureVt>() as u32,
    reserved: 0,
    poll: poll_answering,
    drop: drop_answering,
};

unsafe extern "C" fn poll_answering(
    this: *mut abi::Future,
    waker: *const abi::Waker,
    out: *mut abi::Buf,
) -> i32 {
    // SAFETY: `this` is the header of a live `Answering`, polled by one thread at a time.
    let future = unsafe { &mut *this.cast::<Answering>() };
    if future.answer.is_none() {
        // SAFETY: the waker is live during the call; the clone is woken once, perhaps after all else is gone.
        let kept = Kept(unsafe { ((*(*waker).vt).clone)(waker) });
        future.kept.lock().unwrap_or_else(PoisonError::into_inner).push(kept);
        return abi::PENDING;
    }
    if !future.waited {
        future.waited = true;
        // SAFETY: the waker is live during the call; the clone is kept by the thread below.
        let kept = Kept(unsafe { ((*(*waker).vt).clone)(waker) });
        // From another thread, as the daemon does it.
        std::thread::spawn(move || kept.wake());
        return abi::PENDING;
    }
    let Some((status, answer)) = future.answer.take() else { return abi::PENDING };
    // SAFETY: `out` is writable; the adapter frees what is put there.
    unsafe { out.write(give(answer)) };
    status
}

unsafe extern "C" fn drop_answering(this: *mut abi::Future) {
    // SAFETY: made by `call` from a box of this type, dropped once.
    let future = unsafe { Box::from_raw(this.cast::<Answering>()) };
    future.futures.fetch_sub(1, Ordering::SeqCst);
}

/// A clone of an adapter's waker, on its way to another thread.
struct Kept(*const abi::Waker);

// SAFETY: the header promises that wakers may be used from any thread.
unsafe impl Send for Kept {}

impl Kept {
    fn wake(self) {
        // SAFETY: a live clone, consumed here and not dropped again.
        unsafe { ((*(*self.0).vt).wake)(self.0) }
        core::mem::forget(self);
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        // SAFETY: a live clone that nobody has woken, given up once.
        unsafe { ((*(*self.0).vt).drop)(self.0) }
    }
}

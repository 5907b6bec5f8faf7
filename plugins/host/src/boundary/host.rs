//! The host object and its futures, as the adapter sees them.
//!
//! Nothing here waits: a call is handed to the [`Uplink`] and its answer is collected from a [`ReplySlot`], so an
//! adapter with a runtime of its own can poll our futures on its threads without touching ours.
#![allow(unsafe_code, reason = "counted objects behind C function tables")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use juzhen_abi as abi;
use juzhen_abi::message::HostErrorKind;

use super::bytes;
use super::reply::{HostAnswer, ReplySlot, refusal};
use super::scope::Scopes;
use super::waker::{ForeignWaker, table_size};

/// The way to the daemon: a socket in the child, a channel in process. Its functions are called on threads of the
/// adapter; they do not block and do not panic.
pub(crate) trait Uplink: Send + Sync + 'static {
    /// Passes a capability call on; its answer goes to `slot`. `id` is new in this adapter.
    fn ask(&self, id: u64, scope: u64, operation: &str, request: Vec<u8>, slot: &Arc<ReplySlot>);
    /// Nobody waits for this call any more.
    fn withdraw(&self, id: u64);
    fn log(&self, scope: u64, level: u32, message: Vec<u8>);
    fn clock_read(&self, scope: u64, unix_ms: i64);
}

/// What an adapter's `create` is given.
#[repr(C)]
pub(crate) struct HostObject {
    /// First, so that a pointer to it is a pointer to the whole.
    _header: abi::Host,
    uplink: Arc<dyn Uplink>,
    scopes: Arc<Scopes>,
    next_id: AtomicU64,
}

// SAFETY: the header points to a constant table; the rest is Send and Sync by itself.
unsafe impl Send for HostObject {}
// SAFETY: as above.
unsafe impl Sync for HostObject {}

impl HostObject {
    pub(crate) fn new(uplink: Arc<dyn Uplink>, scopes: Arc<Scopes>) -> Arc<Self> {
        let _header = abi::Host { vt: &raw const HOST_TABLE };
        Arc::new(Self { _header, uplink, scopes, next_id: AtomicU64::new(1) })
    }

    /// Readable as long as `self` is; the adapter retains it to keep it.
    pub(crate) fn as_header(self: &Arc<Self>) -> *const abi::Host {
        Arc::as_ptr(self).cast()
    }

    fn ask(self: &Arc<Self>, scope: u64, operation: Vec<u8>, request: Vec<u8>) -> HostFuture {
        let refused = |why: &str| HostFuture::settled(refusal(HostErrorKind::BadRequest, why));
        let Ok(operation) = String::from_utf8(operation) else { return refused("operation is not UTF-8") };
        if operation.len() > 255 {
            return refused("operation name is longer than 255 bytes");
        }
        if !self.scopes.is_live(scope) {
            return HostFuture::settled(refusal(HostErrorKind::Cancelled, "this operation has ended"));
        }
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let slot = ReplySlot::new();
        self.uplink.ask(id, scope, &operation, request, &slot);
        HostFuture::new(slot, Some((Arc::clone(self), id)))
    }
}

static HOST_TABLE: abi::HostVt = abi::HostVt {
    size: table_size::<abi::HostVt>(),
    abi_minor: abi::ABI_MINOR,
    reserved: 0,
    retain: host_retain,
    release: host_release,
    call: host_call,
    log: host_log,
    now_unix_ms: host_now,
    random: host_random,
    get_extension: host_extension,
};

/// Borrows the object behind a pointer that the adapter was given.
///
/// # Safety
/// `this` came from [`HostObject::as_header`] and is still counted.
unsafe fn borrowed(this: *const abi::Host) -> std::mem::ManuallyDrop<Arc<HostObject>> {
    // SAFETY: made from an `Arc<HostObject>`; the count is left as it is.
    std::mem::ManuallyDrop::new(unsafe { Arc::from_raw(this.cast::<HostObject>()) })
}

unsafe extern "C" fn host_retain(this: *const abi::Host) -> *const abi::Host {
    // SAFETY: a counted object of ours.
    unsafe { Arc::increment_strong_count(this.cast::<HostObject>()) };
    this
}

unsafe extern "C" fn host_release(this: *const abi::Host) {
    // SAFETY: gives one `retain` back.
    unsafe { Arc::decrement_strong_count(this.cast::<HostObject>()) };
}

unsafe extern "C" fn host_call(
    this: *const abi::Host,
    scope: u64,
    operation: abi::Slice,
    request: abi::Slice,
) -> *mut abi::Future {
    // SAFETY: the adapter holds the object and lends both slices for this call.
    let (host, operation, request) =
        unsafe { (borrowed(this), bytes::copy(operation, "operation"), bytes::copy(request, "request")) };
    let future = match (operation, request) {
        (Ok(operation), Ok(request)) => host.ask(scope, operation, request),
        (Err(why), _) | (_, Err(why)) => HostFuture::settled(refusal(HostErrorKind::TooLarge, &why)),
    };
    Box::into_raw(Box::new(future)).cast()
}

unsafe extern "C" fn host_log(this: *const abi::Host, scope: u64, level: u32, message: abi::Slice) {
    // SAFETY: as in `host_call`.
    let (host, message) = unsafe { (borrowed(this), bytes::copy(message, "log message")) };
    if let Ok(message) = message {
        let scope = if host.scopes.is_live(scope) { scope } else { 0 };
        host.uplink.log(scope, level, message);
    }
}

unsafe extern "C" fn host_now(this: *const abi::Host, scope: u64) -> i64 {
    // SAFETY: the adapter holds the object.
    let host = unsafe { borrowed(this) };
    host.scopes.now(scope, |unix_ms| host.uplink.clock_read(scope, unix_ms))
}

unsafe extern "C" fn host_random(this: *const abi::Host, scope: u64, out: *mut u8, len: usize) {
    if out.is_null() || len == 0 {
        return;
    }
    // SAFETY: the adapter holds the object, and `len` bytes at `out` are its own to write.
    let (host, out) = unsafe {
        // Initialised first: a `&mut [u8]` to memory that was never written would not be sound.
        out.write_bytes(0, len);
        (borrowed(this), std::slice::from_raw_parts_mut(out, len))
    };
    host.scopes.random(scope, out);
}

unsafe extern "C" fn host_extension(_: *const abi::Host, _: abi::Slice) -> *const core::ffi::c_void {
    // Version 1.0 has none.
    std::ptr::null()
}

/// A future of ours in the adapter's hands.
#[repr(C)]
struct HostFuture {
    /// First, so that a pointer to it is a pointer to the whole.
    _header: abi::Future,
    slot: Arc<ReplySlot>,
    /// Whom to tell when it is dropped unanswered.
    asked: Option<(Arc<HostObject>, u64)>,
}

impl HostFuture {
    fn new(slot: Arc<ReplySlot>, asked: Option<(Arc<HostObject>, u64)>) -> Self {
        Self { _header: abi::Future { vt: &raw const FUTURE_TABLE }, slot, asked }
    }

    fn settled(answer: HostAnswer) -> Self {
        Self::new(ReplySlot::ready(answer), None)
    }
}

impl Drop for HostFuture {
    fn drop(&mut self) {
        if let Some((host, id)) = self.asked.take()
            && !self.slot.is_settled()
        {
            host.uplink.withdraw(id);
        }
    }
}

static FUTURE_TABLE: abi::FutureVt =
    abi::FutureVt { size: table_size::<abi::FutureVt>(), reserved: 0, poll: future_poll, drop: future_drop };

unsafe extern "C" fn future_poll(
    this: *mut abi::Future,
    waker: *const abi::Waker,
    out: *mut abi::Buf,
) -> i32 {
    // SAFETY: `this` is a `Box<HostFuture>` that the adapter owns and polls from one thread at a time. Only the slot
    // is borrowed, and shared.
    let slot = unsafe { &(*this.cast::<HostFuture>()).slot };
    // SAFETY: the waker is valid for this call.
    let waker = unsafe { ForeignWaker::keep(waker) };
    let Some(answer) = slot.take_or_wait(waker) else { return abi::PENDING };
    let (status, answer) = match answer {
        Ok(answer) => (abi::OK, answer),
        Err(error) => (abi::ERR, error),
    };
    if !out.is_null() {
        // SAFETY: the adapter passes a buffer to be overwritten; what was in it is not ours to free.
        unsafe { out.write(bytes::give(answer)) };
    }
    status
}

unsafe extern "C" fn future_drop(this: *mut abi::Future) {
    if !this.is_null() {
        // SAFETY: made by `host_call` with `Box::into_raw`, dropped once.
        drop(unsafe { Box::from_raw(this.cast::<HostFuture>()) });
    }
}

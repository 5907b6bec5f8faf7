//! The daemon as an adapter sees it: a counted handle, and futures of its capabilities.

use core::pin::Pin;
use core::task::{Context, Poll};
use std::sync::Arc;

use juzhen_abi as abi;

use super::buffer::{borrow, empty, take};
use super::wakers::SharedWaker;

/// The daemon. Outside a call it only takes log lines; everything else goes through [`Cx`](crate::Cx).
pub struct Host {
    raw: *const abi::Host,
}

// SAFETY: the header promises that the functions of a host may be called from any thread, several at once.
unsafe impl Send for Host {}
// SAFETY: as above.
unsafe impl Sync for Host {}

impl Host {
    /// Takes a count of its own. `None` when the daemon's table is older than version 1.0.
    ///
    /// # Safety
    /// `raw` is a live host.
    pub(super) unsafe fn retain(raw: *const abi::Host) -> Option<Self> {
        if raw.is_null() {
            return None;
        }
        // SAFETY: a live host has a table, and its first field is the table's size.
        let table = unsafe { (*raw).vt };
        // SAFETY: only `size` is read before it is known to be large enough.
        let size = unsafe { core::ptr::addr_of!((*table).size).read() };
        if usize::try_from(size).is_ok_and(|size| size < size_of::<abi::HostVt>()) {
            return None;
        }
        // SAFETY: the table is whole.
        let raw = unsafe { ((*table).retain)(raw) };
        Some(Self { raw })
    }

    /// Asks a capability. Dropping the future cancels it.
    pub(crate) fn call(&self, scope: u64, name: &str, request: &[u8]) -> Asked {
        // SAFETY: the slices are readable until the function returns, and it copies what it keeps.
        let future =
            unsafe { (self.table().call)(self.raw, scope, borrow(name.as_bytes()), borrow(request)) };
        Asked { future, waker: None }
    }

    pub(crate) fn now_unix_ms(&self, scope: u64) -> i64 {
        // SAFETY: a plain call on a live host.
        unsafe { (self.table().now_unix_ms)(self.raw, scope) }
    }

    pub(crate) fn random<const N: usize>(&self, scope: u64) -> [u8; N] {
        let mut out = [0; N];
        // SAFETY: `out` is writable for `N` bytes.
        unsafe { (self.table().random)(self.raw, scope, out.as_mut_ptr(), N) };
        out
    }

    /// `json`: an object with the field `message`.
    pub(crate) fn log_json(&self, scope: u64, level: u32, json: &str) {
        // SAFETY: the slice is readable until the function returns.
        unsafe { (self.table().log)(self.raw, scope, level, borrow(json.as_bytes())) }
    }

    fn table(&self) -> &abi::HostVt {
        // SAFETY: `raw` is live while this handle holds a count, and its table is whole (see `retain`).
        unsafe { &*(*self.raw).vt }
    }
}

impl Clone for Host {
    fn clone(&self) -> Self {
        // SAFETY: a plain call on a live host.
        Self { raw: unsafe { (self.table().retain)(self.raw) } }
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // SAFETY: gives up the count of this handle, once.
        unsafe { (self.table().release)(self.raw) }
    }
}

/// A capability's answer on its way: the status and the packed message.
pub(crate) struct Asked {
    future: *mut abi::Future,
    /// Kept between polls: the task is nearly always the same.
    waker: Option<Arc<SharedWaker>>,
}

// SAFETY: the header promises that a future may move between threads; it is polled through `&mut`.
unsafe impl Send for Asked {}

impl Future for Asked {
    type Output = (i32, Vec<u8>);

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<(i32, Vec<u8>)> {
        if self.future.is_null() {
            // Never polled again once ready, so this is a daemon that gave no future at all.
            return Poll::Ready((abi::ERR, Vec::new()));
        }
        let waker = match self.waker.take() {
            Some(kept) if kept.will_wake(cx.waker()) => kept,
            _ => SharedWaker::new(cx.waker().clone()),
        };
        let mut out = empty();
        // SAFETY: the future is live, polled by one thread through `&mut self`, and never again once it was ready.
        let status = unsafe { ((*(*self.future).vt).poll)(self.future, waker.lend(), &raw mut out) };
        if status == abi::PENDING {
            self.waker = Some(waker);
            return Poll::Pending;
        }
        self.release();
        // SAFETY: a future that is ready has filled its buffer.
        Poll::Ready((status, unsafe { take(&out) }))
    }
}

impl Asked {
    fn release(&mut self) {
        let future = core::mem::replace(&mut self.future, core::ptr::null_mut());
        if !future.is_null() {
            // SAFETY: dropped exactly once, because the pointer is gone afterwards.
            unsafe { ((*(*future).vt).drop)(future) };
        }
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        self.release();
    }
}

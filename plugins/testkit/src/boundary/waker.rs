//! The waker that the kit lends to adapters: counted, and it knows whether anybody still holds it.

use core::time::Duration;
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use juzhen_abi as abi;

/// Its first field is the C struct, so its address is that of a waker.
#[repr(C)]
pub(super) struct Signal {
    header: abi::Waker,
    woken: Mutex<bool>,
    changed: Condvar,
}

// SAFETY: the header points to a constant; the rest is synchronised.
unsafe impl Send for Signal {}
// SAFETY: as above.
unsafe impl Sync for Signal {}

impl Signal {
    pub(super) fn new() -> Arc<Self> {
        let header = abi::Waker { vt: &TABLE };
        Arc::new(Self { header, woken: Mutex::new(false), changed: Condvar::new() })
    }

    pub(super) fn lend(self: &Arc<Self>) -> *const abi::Waker {
        Arc::as_ptr(self).cast()
    }

    /// Waits until somebody wakes, and forgets it; `false` when nobody did for so long.
    pub(super) fn wait(&self, most: Duration) -> bool {
        let woken = self.woken.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut woken, _) = self
            .changed
            .wait_timeout_while(woken, most, |woken| !*woken)
            .unwrap_or_else(PoisonError::into_inner);
        core::mem::take(&mut woken)
    }

    fn wake(&self) {
        *self.woken.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.changed.notify_all();
    }
}

#[allow(clippy::cast_possible_truncation)] // The size of a small table.
static TABLE: abi::WakerVt = abi::WakerVt {
    size: size_of::<abi::WakerVt>() as u32,
    reserved: 0,
    clone: clone_signal,
    wake: wake_signal,
    wake_by_ref: wake_by_ref_signal,
    drop: drop_signal,
};

unsafe extern "C" fn clone_signal(this: *const abi::Waker) -> *const abi::Waker {
    // SAFETY: `this` is the header of a live `Signal` in an `Arc`.
    unsafe { Arc::increment_strong_count(this.cast::<Signal>()) };
    this
}

unsafe extern "C" fn wake_signal(this: *const abi::Waker) {
    // SAFETY: as above; the caller gives up its count.
    unsafe { Arc::from_raw(this.cast::<Signal>()) }.wake();
}

unsafe extern "C" fn wake_by_ref_signal(this: *const abi::Waker) {
    // SAFETY: as above; the caller keeps its count.
    unsafe { &*this.cast::<Signal>() }.wake();
}

unsafe extern "C" fn drop_signal(this: *const abi::Waker) {
    // SAFETY: as above; the caller gives up its count.
    drop(unsafe { Arc::from_raw(this.cast::<Signal>()) });
}

//! Wakers in both directions: the daemon's as a Rust waker, and a Rust waker as the daemon's.

use core::mem::ManuallyDrop;
use core::ops::Deref;
use core::task::{RawWaker, RawWakerVTable, Waker};
use std::sync::Arc;

use juzhen_abi as abi;

use super::entry::size_of_table;
use super::panics;

/// A waker of the daemon, borrowed for one poll; a clone of it may be kept.
pub(super) struct BorrowedWaker(ManuallyDrop<Waker>);

impl BorrowedWaker {
    /// # Safety
    /// `waker` is live for as long as this value, and its table keeps to the header.
    pub(super) unsafe fn new(waker: *const abi::Waker) -> Self {
        // SAFETY: the table below forwards to the daemon's; the count is not touched because nothing is dropped.
        Self(ManuallyDrop::new(unsafe { Waker::from_raw(RawWaker::new(waker.cast(), &FROM_HOST)) }))
    }
}

impl Deref for BorrowedWaker {
    type Target = Waker;

    fn deref(&self) -> &Waker {
        &self.0
    }
}

// SAFETY of all four: the data pointer is a live `abi::Waker` that this Rust waker owns one count of.
static FROM_HOST: RawWakerVTable = RawWakerVTable::new(
    |data| {
        let waker: *const abi::Waker = data.cast();
        // SAFETY: see above; a clone owns its own count.
        RawWaker::new(unsafe { ((*(*waker).vt).clone)(waker) }.cast(), &FROM_HOST)
    },
    |data| {
        let waker: *const abi::Waker = data.cast();
        // SAFETY: see above; `wake` consumes the count.
        unsafe { ((*(*waker).vt).wake)(waker) }
    },
    |data| {
        let waker: *const abi::Waker = data.cast();
        // SAFETY: see above.
        unsafe { ((*(*waker).vt).wake_by_ref)(waker) }
    },
    |data| {
        let waker: *const abi::Waker = data.cast();
        // SAFETY: see above; the count ends here.
        unsafe { ((*(*waker).vt).drop)(waker) }
    },
);

/// A Rust waker that the daemon can hold. Counted as an `Arc`, so that its clones need no allocation.
#[repr(C)]
pub(super) struct SharedWaker {
    header: abi::Waker,
    waker: Waker,
}

// SAFETY: the header points to a constant; the waker inside is `Send` and `Sync` itself.
unsafe impl Send for SharedWaker {}
// SAFETY: as above.
unsafe impl Sync for SharedWaker {}

impl SharedWaker {
    pub(super) fn new(waker: Waker) -> Arc<Self> {
        Arc::new(Self { header: abi::Waker { vt: &TO_HOST }, waker })
    }

    /// Whether it stands for the same task as `waker`.
    pub(super) fn will_wake(&self, waker: &Waker) -> bool {
        self.waker.will_wake(waker)
    }

    /// The pointer to lend for one poll.
    pub(super) fn lend(self: &Arc<Self>) -> *const abi::Waker {
        Arc::as_ptr(self).cast()
    }
}

static TO_HOST: abi::WakerVt = abi::WakerVt {
    size: size_of_table::<abi::WakerVt>(),
    reserved: 0,
    clone: clone_shared,
    wake: wake_shared,
    wake_by_ref: wake_shared_by_ref,
    drop: drop_shared,
};

unsafe extern "C" fn clone_shared(this: *const abi::Waker) -> *const abi::Waker {
    // SAFETY: `this` is the header, and so the address, of a live `SharedWaker` in an `Arc`.
    unsafe { Arc::increment_strong_count(this.cast::<SharedWaker>()) };
    this
}

unsafe extern "C" fn wake_shared(this: *const abi::Waker) {
    // SAFETY: as in `clone_shared`; the caller gives up one count.
    let shared = unsafe { Arc::from_raw(this.cast::<SharedWaker>()) };
    _ = panics::guard(move || {
        shared.waker.wake_by_ref();
        drop(shared);
    });
}

unsafe extern "C" fn wake_shared_by_ref(this: *const abi::Waker) {
    // SAFETY: as in `clone_shared`; the caller keeps its count during the call.
    let shared = unsafe { &*this.cast::<SharedWaker>() };
    _ = panics::guard(|| shared.waker.wake_by_ref());
}

unsafe extern "C" fn drop_shared(this: *const abi::Waker) {
    // SAFETY: as in `clone_shared`; the caller gives up one count.
    let shared = unsafe { Arc::from_raw(this.cast::<SharedWaker>()) };
    _ = panics::guard(move || drop(shared));
}

#[cfg(test)]
mod tests {
    use core::sync::atomic::{AtomicU32, Ordering};
    use std::task::Wake;

    use super::*;

    #[derive(Default)]
    struct Count(AtomicU32);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// There and back again: a Rust waker lent as the daemon's, and that one borrowed as a Rust waker.
    #[test]
    fn a_waker_wakes_through_both_bridges_from_any_thread_and_outlives_its_future() {
        let count = Arc::new(Count::default());
        let shared = SharedWaker::new(Waker::from(count.clone()));
        // SAFETY: `shared` lives until the end of this block.
        let kept = unsafe { BorrowedWaker::new(shared.lend()) }.clone();
        assert_eq!(Arc::strong_count(&shared), 2);
        drop(shared);
        let other = kept.clone();
        std::thread::spawn(move || other.wake()).join().unwrap();
        kept.wake_by_ref();
        drop(kept);
        assert_eq!(count.0.load(Ordering::SeqCst), 2);
        assert_eq!(Arc::strong_count(&count), 1, "no count was lost");
    }
}

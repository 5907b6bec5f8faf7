//! Wakers in both directions: ours as the adapter sees them, and the adapter's as we hold them.
#![allow(unsafe_code, reason = "counted objects behind C function tables")]

use std::sync::Arc;
use std::task;

use juzhen_abi::{Waker, WakerVt};

/// A waker of ours, made presentable once and lent for many polls.
#[repr(C)]
pub(crate) struct LentWaker {
    /// First, so that a pointer to it is a pointer to the whole.
    _header: Waker,
    waker: task::Waker,
}

// SAFETY: the header points to a constant table; the rest is Send and Sync by itself.
unsafe impl Send for LentWaker {}
// SAFETY: as above.
unsafe impl Sync for LentWaker {}

impl LentWaker {
    pub(crate) fn new(waker: &task::Waker) -> Arc<Self> {
        Arc::new(Self { _header: Waker { vt: &raw const LENT_TABLE }, waker: waker.clone() })
    }

    /// Whether it wakes the same task.
    pub(crate) fn is_for(&self, waker: &task::Waker) -> bool {
        self.waker.will_wake(waker)
    }

    /// Readable as long as `self` is; the other side clones it to keep it.
    pub(crate) fn as_header(self: &Arc<Self>) -> *const Waker {
        // Derived from the whole, so that the functions below may go back to the whole.
        Arc::as_ptr(self).cast()
    }
}

static LENT_TABLE: WakerVt = WakerVt {
    size: table_size::<WakerVt>(),
    reserved: 0,
    clone: lent_clone,
    wake: lent_wake,
    wake_by_ref: lent_wake_by_ref,
    drop: lent_drop,
};

unsafe extern "C" fn lent_clone(this: *const Waker) -> *const Waker {
    // SAFETY: `this` came from `as_header` or an earlier clone, so it is a live `Arc<LentWaker>`.
    unsafe { Arc::increment_strong_count(this.cast::<LentWaker>()) };
    this
}

unsafe extern "C" fn lent_wake(this: *const Waker) {
    // SAFETY: as above; this takes over the count of the clone.
    let lent = unsafe { Arc::from_raw(this.cast::<LentWaker>()) };
    lent.waker.wake_by_ref();
}

unsafe extern "C" fn lent_wake_by_ref(this: *const Waker) {
    // SAFETY: as above, only borrowed.
    let lent = unsafe { &*this.cast::<LentWaker>() };
    lent.waker.wake_by_ref();
}

unsafe extern "C" fn lent_drop(this: *const Waker) {
    // SAFETY: as above; this gives the count of the clone back.
    unsafe { Arc::decrement_strong_count(this.cast::<LentWaker>()) };
}

/// An adapter's waker that we keep until what it waits for is there.
pub(crate) struct ForeignWaker {
    waker: *const Waker,
}

// SAFETY: the header says that wakers may be used from any thread.
unsafe impl Send for ForeignWaker {}

impl ForeignWaker {
    /// Clones a borrowed waker; `None` when it is not one.
    ///
    /// # Safety
    /// `waker` is null or points to a waker that is valid for this call.
    pub(crate) unsafe fn keep(waker: *const Waker) -> Option<Self> {
        if waker.is_null() || !waker.is_aligned() {
            return None;
        }
        // SAFETY: not null; the caller vouches for it.
        let table = unsafe { (*waker).vt };
        if table.is_null() || !table.is_aligned() {
            return None;
        }
        // SAFETY: a table begins with its size; its functions are read as numbers, so that a null is no wrong value.
        let whole = unsafe {
            (*table).size >= table_size::<WakerVt>()
                && (&raw const (*table).clone).cast::<usize>().read() != 0
                && (&raw const (*table).wake).cast::<usize>().read() != 0
                && (&raw const (*table).drop).cast::<usize>().read() != 0
        };
        if !whole {
            return None;
        }
        // SAFETY: checked above.
        let kept = unsafe { ((*table).clone)(waker) };
        (!kept.is_null()).then_some(Self { waker: kept })
    }

    /// Runs code of the adapter, so never on a thread that anything else waits for.
    pub(crate) fn wake(self) {
        let waker = std::mem::ManuallyDrop::new(self).waker;
        // SAFETY: a clone made by `keep`; `wake` consumes it, and `drop` is not run.
        unsafe { ((*(*waker).vt).wake)(waker) };
    }
}

impl Drop for ForeignWaker {
    fn drop(&mut self) {
        // SAFETY: a clone made by `keep`, given back once.
        unsafe { ((*(*self.waker).vt).drop)(self.waker) };
    }
}

/// Size of a table as its `size` field holds it.
pub(crate) const fn table_size<T>() -> u32 {
    // Every table of the header is a few dozen bytes.
    #[expect(clippy::cast_possible_truncation, reason = "a few dozen bytes")]
    let size = size_of::<T>() as u32;
    size
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    struct Count(AtomicUsize);
    impl task::Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    #[test]
    fn a_kept_waker_wakes_from_another_thread_after_the_lent_one_is_gone() {
        let count = Arc::new(Count(AtomicUsize::new(0)));
        let lent = LentWaker::new(&task::Waker::from(Arc::clone(&count)));
        // SAFETY: `lent` is alive.
        let (kept, unused) = unsafe {
            (ForeignWaker::keep(lent.as_header()).unwrap(), ForeignWaker::keep(lent.as_header()).unwrap())
        };
        drop((lent, unused));
        std::thread::spawn(move || kept.wake()).join().unwrap();
        assert_eq!(count.0.load(Ordering::SeqCst), 1);
        assert_eq!(Arc::strong_count(&count), 1, "every clone was given back");
    }

    #[test]
    fn f78_what_is_not_a_waker_is_not_kept() {
        let no_table = Waker { vt: std::ptr::null() };
        // SAFETY: null, and a waker without a table.
        unsafe {
            assert!(ForeignWaker::keep(std::ptr::null()).is_none());
            assert!(ForeignWaker::keep(&raw const no_table).is_none());
        }
    }
}

//! The C boundary as safe Rust: an adapter's futures become `Future`s, ours become its futures.
//!
//! Used twice, unchanged: inside the child process, and in the daemon for `isolation: in_process`. Whatever comes
//! from the adapter is checked before it is believed: null pointers, tables that are too small, lengths that cannot
//! be. A pointer that is merely wrong cannot be recognised; in a child it costs the child.

pub(crate) mod bytes;
pub(crate) mod entry;
pub(crate) mod future;
pub(crate) mod host;
pub(crate) mod reply;
pub(crate) mod scope;
pub(crate) mod waker;

use std::sync::{Mutex, MutexGuard, PoisonError};

/// The longest message that may cross, either way.
pub(crate) const LONGEST_MESSAGE: usize = (16 << 20) - (64 << 10);

/// Locks; a panic elsewhere while it was held is no reason for a second one here.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

//! Panics of an adapter, caught on its own side, with their message and place.

use core::cell::{Cell, RefCell};
use core::panic::AssertUnwindSafe;
use std::panic::{PanicHookInfo, catch_unwind, set_hook, take_hook};
use std::sync::Once;

use juzhen_abi::message::Panicked;

thread_local! {
    /// How many guards this thread is inside of.
    static DEPTH: Cell<u32> = const { Cell::new(0) };
    static LAST: RefCell<Option<Panicked>> = const { RefCell::new(None) };
}

/// Runs `f`; a panic in it becomes a value.
pub(super) fn guard<T>(f: impl FnOnce() -> T) -> Result<T, Panicked> {
    DEPTH.with(|depth| depth.set(depth.get().saturating_add(1)));
    let result = catch_unwind(AssertUnwindSafe(f));
    DEPTH.with(|depth| depth.set(depth.get().saturating_sub(1)));
    result.map_err(|payload| {
        // Leaked on purpose: dropping what somebody panicked with may panic again.
        core::mem::forget(payload);
        LAST.try_with(RefCell::take).ok().flatten().unwrap_or_default()
    })
}

/// Remembers message and place of a guarded panic. Any other (a thread of the adapter's own) is reported as always,
/// on standard error, which the daemon collects.
pub(super) fn install_hook() {
    // Once a library: every adapter contains its own copy of `std`, and so its own hook.
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let previous = take_hook();
        set_hook(Box::new(move |info| {
            let guarded = DEPTH.with(Cell::get) > 0;
            if guarded {
                remember(info);
            }
            // Without unwinding nobody will read what was remembered.
            if !guarded || cfg!(panic = "abort") {
                previous(info);
            }
        }));
    });
}

fn remember(info: &PanicHookInfo<'_>) {
    let message = info.payload_as_str().unwrap_or("a panic without a text").to_owned();
    let location = info.location().map(ToString::to_string).unwrap_or_default();
    // Never panics itself, also when the thread is already taking its locals down.
    _ = LAST.try_with(|last| {
        if let Ok(mut last) = last.try_borrow_mut() {
            *last = Some(Panicked { message, location });
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_its_message_and_place() {
        install_hook();
        let caught = guard(|| panic!("broken {}", 7)).unwrap_err();
        assert_eq!(caught.message, "broken 7");
        assert!(caught.location.contains("panics.rs:"), "{}", caught.location);
        assert_eq!(guard(|| 5).unwrap(), 5);
    }
}

//! Torture of the real binary over real HTTP. The sandbox's ledger is the only judge: nothing twice, nothing unapproved,
//! nothing on the wrong account, early, late, out of order or lost.
//!
//! Each file is one kind of cruelty; `load.rs` is what they are all done to. The long forms run with `JUZHEN_LONG=1`.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test fails by panicking and prints its figures"
)]

mod failpoints;
mod load;

/// Whether the long forms were asked for.
fn long() -> bool {
    std::env::var_os("JUZHEN_LONG").is_some()
}

//! The real binary and its database file: a full or failing disk, a second daemon, hands that take the file away, a backup
//! that was put in its place.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a test fails by panicking, and says what cannot be tested here"
)]

mod disk;
mod file;
mod restore;

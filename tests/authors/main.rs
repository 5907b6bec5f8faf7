//! What authors of adapters are promised: a new one that works, a tutorial that is true, cassettes that replay and tell no
//! secret.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test fails by panicking and prints its figures"
)]

mod cassettes;
mod echo;
mod new;
mod page;
mod program;
mod shell;
mod tutorial;

//! Canaries: secrets that are planted in a whole run, on the stand-ins of three platforms, and then looked for wherever
//! somebody could look (P11).
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test fails by panicking and prints its figures"
)]

mod places;
mod run;
mod search;

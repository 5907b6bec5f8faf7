//! Several real daemons on one PostgreSQL database (P18, F31, F34, F35, F37, F38). The sandbox's ledger is the only judge,
//! as in `tests/torture`; the long form runs with `JUZHEN_LONG=1`.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test fails by panicking and prints its figures"
)]

mod chaos;
mod failover;
mod fleet;
mod gone;
#[allow(dead_code, reason = "made for the torture of one daemon")]
#[path = "../torture/load.rs"]
mod load;
mod people;
mod together;

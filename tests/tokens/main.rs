//! Tokens that expire, before the real daemons: one renewal whoever needs it, nothing lost when the daemon dies in it, and
//! never in clear on a disk (F10, F39, F61, P11).
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod account;
mod key;
mod renewing;

//! Accounts sign in through the real daemon, and are looked at live: a person's browser against the stand-in of Weibo, what
//! each cause reads like, and the warnings before a sign-in ends (F10, F61, C19).
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod browser;
mod checking;
mod ending;
mod scene;

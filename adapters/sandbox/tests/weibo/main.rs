//! Weibo as its clients see it: forms and queries, tokens as parameters, errors by number.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)] // A test stops at the first surprise.

#[path = "../common/mod.rs"]
mod common;

mod answers;
mod client;
mod comments;
mod faults;
mod interfaces;
mod order;
mod publishing;
mod pushing;
mod seeding;
mod signing_in;
mod timelines;

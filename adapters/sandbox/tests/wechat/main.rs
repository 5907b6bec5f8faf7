//! The WeChat stand-in as its clients see it, over real HTTP.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)] // A test stops at the first surprise.

#[path = "../common/mod.rs"]
mod common;

mod callbacks;
mod client;
mod codes;
mod comments;
mod faults;
mod interfaces;
mod mass;
mod media;
mod publishing;
mod seeding;
mod shapes;
mod tokens;

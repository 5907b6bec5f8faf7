//! The API over real HTTP: a real server, engine, database and adapter; only the platform is missing, for nothing is sent
//! here. Numbers such as A09 are those of the reliability catalogue §6.1.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod access;
mod attention;
mod authority;
mod configuration;
mod counts;
mod deliveries;
mod document;
mod items;
mod lengths;
mod limits;
mod linting;
mod media;
mod messages;
mod office;
mod pausing;
mod repeats;
mod resolving;
mod restoring;
mod reviewing;
mod secrets;
mod separation;
mod strictness;
mod support;
mod watched;
mod words;

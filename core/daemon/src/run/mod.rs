//! The life of the daemon: one data folder, one engine, one server, and the signals that end or refresh them.

pub(crate) mod data;
pub(crate) mod signals;

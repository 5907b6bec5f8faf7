//! Both directions of the C boundary, and the only unsafe code an adapter contains.
//!
//! [`inward`](self::inward): the daemon as the adapter sees it. [`outward`](self::outward): the adapter as the daemon
//! sees it. Nothing unwinds across: every function that the daemon calls runs under [`panics::guard`].

#![allow(unsafe_code)] // Raw tables and pointers are what the boundary consists of.

mod buffer;
mod entry;
mod inward;
mod outward;
mod panics;
mod wakers;

pub use entry::{Create, StaticEntry, entry, mark, marked_length};
pub use inward::Host;
pub use outward::create;

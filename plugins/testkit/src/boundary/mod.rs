//! The daemon's side of the C boundary in its simplest form: load, create, call, drive to the end.

#![allow(unsafe_code)] // Raw tables and pointers are what the boundary consists of.

mod buffer;
mod host;
mod library;
mod running;
mod waker;

pub use host::Held;
pub use library::{Adapter, Library};

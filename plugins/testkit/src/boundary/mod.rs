//! The daemon's side of the C boundary in its simplest form: load, create, call, drive to the end.

#![allow(unsafe_code)] // Raw tables and pointers are what the boundary consists of.

mod buffer;
#[cfg(feature = "conformance")]
mod heap;
mod host;
mod library;
#[cfg(feature = "conformance")]
pub(crate) mod outside;
mod running;
mod waker;

pub use host::Held;
pub use library::{Adapter, Library};
#[cfg(feature = "conformance")]
pub(crate) use {heap::allocated_bytes, heap::limit_address_space, host::Tables, running::Drive};

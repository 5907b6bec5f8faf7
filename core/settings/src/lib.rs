//! YAML files to checked settings: all faults of all files in one report, each with its place and what to do about it.
//!
//! Starting is the first reload, and `juzhen check` is the same without the swap:
//!
//! 1. [`Loader::load`] reads the folder with distrust, parses the files that changed, in threads, and checks everything
//!    against everything. It answers with [`Settings`] or with a [`Report`].
//! 2. [`diff`] says what changes, and what of it should not happen by accident, as plain values.
//! 3. [`watch`] says when to look again.
//!
//! A file becomes a tree in which everything knows its place (`tree`), the tree becomes sections (`files`, by the forms
//! of `form`), and `check` looks at what they say of each other. None of them stops at the first fault.

#![forbid(unsafe_code)]

mod check;
mod diff;
mod encoding;
mod fault;
mod files;
mod form;
mod load;
mod problem;
mod read;
mod schema;
mod settings;
mod source;
mod tree;
mod watch;

pub use diff::{Changed, Changes, Danger, Difference, diff};
pub use fault::{Fault, Report, Severity};
pub use load::Loader;
pub use problem::Locale;
pub use schema::{schema, schemas};
pub use settings::*;
pub use watch::watch;

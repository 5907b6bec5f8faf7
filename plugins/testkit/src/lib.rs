//! A scripted host for adapter authors: loads the real `.so`, answers its requests from a script, and shows what it
//! asked for. No network, a fixed clock, known randomness.
//!
//! ```no_run
//! use juzhen_testkit::{Answer, Library, Outcome, Script, build};
//! use serde_json::json;
//!
//! let library = Library::load(&build::adapter("juzhen-adapter-mock")?)?;
//! let script = Script::default();
//! let adapter = library.start(&script, &json!({}))?;
//! script.answer(Answer::json(201, &json!({ "id": "7" })));
//! let meta = json!({ "uid": "d07", "settings": { "base_url": "http://mock.test" } });
//! let outcome = adapter.call("publish", &meta, &json!({ "text": "通知" }))?;
//! assert_eq!(outcome, Outcome::Answer(json!({ "state": "published", "id": "7", "url": null, "at_unix_ms": null })));
//! assert_eq!(script.requests().len(), 1);
//! # Ok::<(), juzhen_testkit::Error>(())
//! ```

mod boundary;
pub mod build;
pub mod cassette;
#[cfg(feature = "conformance")]
pub mod conformance;
mod script;

use std::path::PathBuf;

use juzhen_abi::message::{AdapterError, Panicked};
use serde_json::Value;

pub use boundary::{Adapter, Held, Library};
pub use script::{Answer, LogLine, Request, Script};

/// How an operation ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    Answer(Value),
    Error(AdapterError),
    Panic(Panicked),
    /// It waited for a request that the script never answers, and was cancelled.
    Cancelled,
    /// Nothing woke it for this long: it was cancelled too.
    Stuck,
    /// A status or a message that the boundary does not know.
    Broken(String),
}

/// Why the kit itself could not go on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("could not load {path} as a library")]
    Load {
        path: PathBuf,
        #[source]
        source: libloading::Error,
    },
    #[error("{path} is not an adapter: {why}")]
    NotAnAdapter { path: PathBuf, why: String },
    #[error("the adapter did not start: {0:?}")]
    Start(Box<Outcome>),
    #[error("a message could not be packed")]
    Pack(#[from] juzhen_abi::pack::PackError),
    #[error("could not run {command}: {why}")]
    Command { command: String, why: String },
}

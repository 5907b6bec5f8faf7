//! Why an adapter was not loaded: one variant, and one sentence, for each reason.

use juzhen_abi::ABI_MAJOR;
use serde::{Deserialize, Serialize};

/// An adapter that was not loaded. Whatever ran before keeps running. (F80–F82, S01–S14.)
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LoadRefused {
    // The file.
    #[error("could not read the file: {0}")]
    Unreadable(String),
    #[error("not a regular file but {0}")]
    NotAFile(String),
    #[error("{size} bytes is more than an adapter may have ({limit})")]
    TooBig { size: u64, limit: u64 },
    #[error("{0}; anyone who can write it can run code here: fix owner and mode, then try again")]
    Unprotected(String),
    #[error("not a shared object (no ELF header)")]
    NotElf,
    #[error("not for this machine: it is {found}, this is {wanted}")]
    OtherMachine { found: String, wanted: String },
    #[error("incomplete: {0}; is it still being copied?")]
    Truncated(String),
    #[error("needs the library {0}, which adapters may not use; link it statically")]
    NeedsLibrary(String),
    #[error("does not export `{0}`; is it an adapter?")]
    MissingSymbol(String),

    // What it says of itself.
    #[error("has no manifest between the marks; is it an adapter?")]
    NoManifest,
    #[error("manifest of {size} bytes is longer than {limit}")]
    ManifestTooBig { size: u64, limit: u64 },
    #[error("manifest is not the expected JSON: {0}")]
    ManifestNotJson(String),
    #[error("manifest: {0}")]
    ManifestInvalid(String),
    #[error("requires {0}, which this daemon does not offer")]
    RequiresMissing(String),

    // Its entry.
    #[error("wrong magic {found:#018x} in `adp_entry_v1`")]
    WrongMagic { found: u64 },
    #[error("speaks ABI major {0}, this daemon speaks {ABI_MAJOR}")]
    AbiMajor(u16),
    #[error("entry of {found} bytes is smaller than version 1.0's {wanted}")]
    EntryTooSmall { found: u32, wanted: u32 },
    #[error("unknown codec {0}")]
    UnknownCodec(u32),
    #[error("built without unwinding: a panic would end the daemon; use `isolation: process`")]
    NeedsUnwinding,
    #[error("manifest of the running code differs from the one in the file")]
    ManifestDiffers,
    #[error("malformed {0}")]
    Malformed(String),

    // Its start.
    #[error("could not be linked: {0}")]
    Link(String),
    #[error("`create` failed: {0}")]
    CreateFailed(String),
    #[error("not ready after {after_ms} ms (while: {during})")]
    Hung { after_ms: u64, during: String },
    #[error("its process ended while starting: {0}")]
    Crashed(String),
    #[error("sandbox is required, but missing: {0}")]
    SandboxMissing(String),
    #[error("could not start a process for it: {0}")]
    Spawn(String),
    #[error("the started program is another build ({child}, this is {parent})")]
    OtherBuild { parent: String, child: String },
    #[error("protocol error while starting: {0}")]
    Protocol(String),
}

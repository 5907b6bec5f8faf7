//! Builds adapters, so that a test of one needs no step before it.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::Error;

/// Builds the package as the tests themselves are built, and returns its `.so`.
pub fn build(package: &str) -> Result<PathBuf, Error> {
    build_with(package, &[])
}

/// As [`build`], with more arguments for cargo, such as `--features` or `--target-dir`.
pub fn build_with(package: &str, arguments: &[&str]) -> Result<PathBuf, Error> {
    let command = format!("cargo build -p {package} {}", arguments.join(" "));
    let failed = |why: String| Error::Command { command: command.trim().to_owned(), why };
    let output = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--message-format", "json", "--manifest-path"])
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../Cargo.toml"))
        .args(["-p", package])
        .args(arguments)
        .output()
        .map_err(|e| failed(e.to_string()))?;
    if !output.status.success() {
        return Err(failed(String::from_utf8_lossy(&output.stderr).into_owned()));
    }
    let messages = String::from_utf8_lossy(&output.stdout);
    library_of(package, &messages).ok_or_else(|| failed("it made no shared library".to_owned()))
}

/// The shared library that cargo's messages name for this package.
fn library_of(package: &str, messages: &str) -> Option<PathBuf> {
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|message| message["reason"] == "compiler-artifact")
        .filter(|message| message["package_id"].as_str().is_some_and(|id| id.contains(package)))
        .filter_map(|message| message.get("filenames")?.as_array().cloned())
        .flatten()
        .filter_map(|name| name.as_str().map(PathBuf::from))
        .find(|path| path.extension().is_some_and(|end| end == std::env::consts::DLL_EXTENSION))
}

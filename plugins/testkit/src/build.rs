//! Builds adapters, so that a test of one needs no step before it.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::Error;

/// Builds the package as the tests themselves are built, and returns its `.so`.
///
/// # Errors
/// When cargo fails, with what it said, or the package makes no shared library.
pub fn adapter(package: &str) -> Result<PathBuf, Error> {
    adapter_with(package, &[])
}

/// As [`adapter`], with more arguments for cargo, such as `--features` or `--target-dir`.
///
/// # Errors
/// As [`adapter`].
pub fn adapter_with(package: &str, arguments: &[&str]) -> Result<PathBuf, Error> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../Cargo.toml");
    let arguments: Vec<&str> = ["-p", package].into_iter().chain(arguments.iter().copied()).collect();
    let is_it = |artifact: &Value| artifact["package_id"].as_str().is_some_and(|id| id.contains(package));
    cargo_build(&workspace, &arguments, is_it)
}

/// Builds the crate in `folder`, wherever it is: `of_crate(env!("CARGO_MANIFEST_DIR"))` in its own tests.
///
/// # Errors
/// As [`adapter`].
pub fn of_crate(folder: impl AsRef<Path>) -> Result<PathBuf, Error> {
    let manifest = folder.as_ref().join("Cargo.toml");
    let is_it =
        |artifact: &Value| artifact["manifest_path"].as_str().is_some_and(|path| Path::new(path) == manifest);
    cargo_build(&manifest, &[], is_it)
}

/// The shared library that a build makes, of the package whose artifact it is.
fn cargo_build(
    manifest: &Path,
    arguments: &[&str],
    is_it: impl Fn(&Value) -> bool,
) -> Result<PathBuf, Error> {
    let command = format!("cargo build --manifest-path {} {}", manifest.display(), arguments.join(" "));
    let failed = |why: String| Error::Command { command: command.trim().to_owned(), why };
    let output = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--message-format", "json-render-diagnostics", "--manifest-path"])
        .arg(manifest)
        .args(arguments)
        .output()
        .map_err(|e| failed(e.to_string()))?;
    if !output.status.success() {
        return Err(failed(String::from_utf8_lossy(&output.stderr).into_owned()));
    }
    let messages = String::from_utf8_lossy(&output.stdout);
    library_of(&messages, is_it).ok_or_else(|| failed("it made no shared library".to_owned()))
}

/// Compiles one C file with `cc`, from the header alone, into `folder`.
///
/// # Errors
/// When the compiler fails, with what it said.
pub fn c_adapter(source: &Path, folder: &Path) -> Result<PathBuf, Error> {
    let name = source.file_stem().unwrap_or_default().to_string_lossy();
    let library = folder.join(format!("lib{name}.{}", std::env::consts::DLL_EXTENSION));
    let failed = |why: String| Error::Command { command: format!("cc {}", source.display()), why };
    let output = Command::new("cc")
        .args([
            "-std=c11",
            "-O2",
            "-Wall",
            "-Wextra",
            "-Werror",
            "-shared",
            "-fPIC",
            "-fvisibility=hidden",
            "-I",
        ])
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("../abi/include"))
        .arg(source)
        .arg("-o")
        .arg(&library)
        .output()
        .map_err(|e| failed(e.to_string()))?;
    if !output.status.success() {
        return Err(failed(String::from_utf8_lossy(&output.stderr).into_owned()));
    }
    Ok(library)
}

/// The shared library that cargo's messages name for that package.
fn library_of(messages: &str, is_it: impl Fn(&Value) -> bool) -> Option<PathBuf> {
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|message| message["reason"] == "compiler-artifact")
        .filter(|message| is_it(message))
        .filter_map(|message| message.get("filenames")?.as_array().cloned())
        .flatten()
        .filter_map(|name| name.as_str().map(PathBuf::from))
        .find(|path| path.extension().is_some_and(|end| end == std::env::consts::DLL_EXTENSION))
}

//! Puts the sample district (`config/`) into the binary, so that `juzhen demo` works wherever the binary is.

use std::error::Error;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() -> Result<(), Box<dyn Error>> {
    let here = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?);
    let config = here.join("../../config").canonicalize()?;
    println!("cargo::rerun-if-changed={}", config.display());
    let mut files = Vec::new();
    collect(&config, &mut files)?;
    files.sort();
    let mut list = String::from("&[\n");
    for file in &files {
        let name = file.strip_prefix(&config)?;
        writeln!(list, "    ({name:?}, include_bytes!({file:?})),")?;
    }
    list.push(']');
    let out = PathBuf::from(env::var("OUT_DIR")?).join("sample_district.rs");
    Ok(fs::write(out, list)?)
}

/// Every file that is not hidden; the directories are watched too, so that a new file is seen.
fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), Box<dyn Error>> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with('.') {
            continue;
        }
        if entry.file_type()?.is_dir() {
            println!("cargo::rerun-if-changed={}", entry.path().display());
            collect(&entry.path(), files)?;
        } else {
            files.push(entry.path());
        }
    }
    Ok(())
}

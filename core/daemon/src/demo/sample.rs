//! The sample district inside the binary, and the adapter beside it.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

/// File name, relative to `config/`, and content.
const FILES: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/sample_district.rs"));

/// Copies the sample to a folder that is not there yet. One that is there belongs to somebody who may have edited it.
pub(super) fn copy_to(folder: &Path) -> Result<()> {
    if folder.exists() {
        return Ok(());
    }
    for (name, content) in FILES {
        let file = folder.join(name);
        let attempted = || format!("could not write {}", file.display());
        fs::create_dir_all(file.parent().unwrap_or(folder)).with_context(attempted)?;
        fs::write(&file, content).with_context(attempted)?;
    }
    Ok(())
}

/// The sample's settings as texts.
pub(crate) fn texts() -> BTreeMap<String, String> {
    let text = |(name, content): &(&str, &[u8])| {
        Some(((*name).to_owned(), String::from_utf8(content.to_vec()).ok()?))
    };
    FILES.iter().filter(|(name, _)| !name.starts_with("schema/")).filter_map(text).collect()
}

/// Puts the mock adapter into a folder, unless the same one is there already.
pub(super) fn copy_adapter_to(folder: &Path) -> Result<()> {
    let from = find_adapter()?;
    let to = folder.join("libmock.so");
    let read = |path: &Path| fs::read(path).with_context(|| format!("could not read {}", path.display()));
    let bytes = read(&from)?;
    if to.exists() && read(&to)? == bytes {
        return Ok(());
    }
    let attempted = || format!("could not write {}", to.display());
    fs::create_dir_all(folder).with_context(attempted)?;
    // Beside, then in its place: whoever watches the folder never sees half of it.
    let beside = folder.join(".libmock.so.new");
    fs::write(&beside, bytes).with_context(attempted)?;
    fs::rename(&beside, &to).with_context(attempted)
}

fn find_adapter() -> Result<PathBuf> {
    let program = env::current_exe().context("could not find out where this program is")?;
    let beside = program.parent().unwrap_or(Path::new("."));
    let places = [
        beside.join("libmock.so"),
        beside.join("../lib/juzhen/adapters/libmock.so"),
        PathBuf::from("/usr/lib/juzhen/adapters/libmock.so"),
    ];
    if let Some(found) = places.iter().find(|place| place.is_file()) {
        return Ok(found.clone());
    }
    let places = places.map(|place| place.display().to_string()).join(", ");
    let profile = if beside.ends_with("release") { " --release" } else { "" };
    bail!("the mock adapter is not there ({places}): build it with `cargo build{profile}`")
}

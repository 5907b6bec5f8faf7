//! Seeds that failed once, in `seeds.txt`: a line is a seed, and after `#` the commit and what it found. Every run begins with
//! them; whoever runs says whether those that fail are added to a file.

use std::collections::BTreeSet;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;
use std::process::Command;

/// Those of the repository.
pub const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/seeds.txt");

/// Each once, in order. None where the source is not at hand.
pub(crate) fn seeds() -> BTreeSet<u64> {
    read(Path::new(FILE))
}

/// Adds the seeds that are new to `file`.
pub(crate) fn keep(file: &Path, failed: &[(u64, Vec<String>)]) -> io::Result<()> {
    let known = read(file);
    let new = failed.iter().filter(|(seed, _)| !known.contains(seed));
    let commit = commit();
    let line = |(seed, why): &(u64, Vec<String>)| {
        format!("{seed} # {commit} {}\n", why.first().map_or("", String::as_str))
    };
    let lines: String = new.map(line).collect();
    if lines.is_empty() {
        return Ok(());
    }
    OpenOptions::new().create(true).append(true).open(file)?.write_all(lines.as_bytes())
}

fn read(file: &Path) -> BTreeSet<u64> {
    let text = fs::read_to_string(file).unwrap_or_default();
    text.lines().filter_map(|line| line.split('#').next()?.trim().parse().ok()).collect()
}

fn commit() -> String {
    let asked =
        Command::new("git").args(["-C", env!("CARGO_MANIFEST_DIR"), "rev-parse", "--short", "HEAD"]).output();
    asked.map(|said| String::from_utf8_lossy(&said.stdout).trim().to_owned()).unwrap_or_default()
}

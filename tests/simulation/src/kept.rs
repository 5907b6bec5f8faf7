//! Seeds that failed once, in `seeds.txt`: a line is a seed, and after `#` the commit and what it found. Every run begins with
//! them, and adds to them.

use std::collections::BTreeSet;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::process::Command;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/seeds.txt");

/// Each once, in order. None where the source is not at hand.
pub(crate) fn seeds() -> BTreeSet<u64> {
    let text = fs::read_to_string(FILE).unwrap_or_default();
    text.lines().filter_map(|line| line.split('#').next()?.trim().parse().ok()).collect()
}

/// Adds the seeds that are new.
pub(crate) fn keep(failed: &[(u64, Vec<String>)]) {
    let known = seeds();
    let new = failed.iter().filter(|(seed, _)| !known.contains(seed));
    let commit = commit();
    let line = |(seed, why): &(u64, Vec<String>)| {
        format!("{seed} # {commit} {}\n", why.first().map_or("", String::as_str))
    };
    let lines: String = new.map(line).collect();
    if lines.is_empty() {
        return;
    }
    let written =
        OpenOptions::new().append(true).open(FILE).and_then(|mut file| file.write_all(lines.as_bytes()));
    if let Err(error) = written {
        tracing::error!(%error, lines, "Failing seeds could not be kept");
    }
}

fn commit() -> String {
    let asked =
        Command::new("git").args(["-C", env!("CARGO_MANIFEST_DIR"), "rev-parse", "--short", "HEAD"]).output();
    asked.map(|said| String::from_utf8_lossy(&said.stdout).trim().to_owned()).unwrap_or_default()
}

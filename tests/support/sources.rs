//! The source files of the repository, for tests that hold its shape.

use std::path::{Path, PathBuf};

use crate::root;

/// Every Rust file, with its text.
pub fn sources() -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for folder in ["core", "plugins", "adapters", "tests"] {
        walk(&root().join(folder), &mut found);
    }
    assert!(found.len() > 50, "the walk found too little: {}", found.len());
    found
}

fn walk(folder: &Path, found: &mut Vec<(PathBuf, String)>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("target") {
            walk(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            found.push((path, text));
        }
    }
}

//! Every machine word that the code can say has its Chinese: the sources are read, so that none is forgotten.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use juzhen_domain::reason::{Ended, Why};

/// Literals of this shape that are no reason of a delivery.
const OTHERS: &[&str] = &["item_hash", "payload_hash"];

/// `"not_approved: the item is …"`, wherever domain, store and engine write one by hand.
#[test]
fn every_machine_word_of_a_reason_has_its_chinese() {
    let mut found = BTreeMap::new();
    for (file, code) in code_of(&["domain", "store", "engine"]) {
        for text in literals(&code) {
            let Some((word, _)) = text.split_once(": ") else { continue };
            if is_machine_word(word) {
                found.entry(word.to_owned()).or_insert_with(|| file.clone());
            }
        }
    }
    found.retain(|word, _| !OTHERS.contains(&word.as_str()) && Why::parse(word).is_none());
    assert!(found.is_empty(), "give them a sentence in core/domain/src/reason.rs: {found:?}");
}

/// What `interpret::word`, `send`, `look` and the store write as the outcome of an attempt.
#[test]
fn every_outcome_of_an_attempt_has_its_chinese() {
    let mut seen = 0;
    for (file, code) in code_of(&["store", "engine"]) {
        let marks = ["Ending { outcome: \"", "&looked, \"", "&doubt, \"", "&one, \"", "}, \""];
        for mark in marks {
            for after in code.split(mark).skip(1) {
                let word = after.split('"').next().unwrap_or_default();
                if word.is_empty() || !word.bytes().all(|b| b.is_ascii_lowercase() || b == b'_') {
                    continue;
                }
                seen += 1;
                assert!(Ended::parse(word).is_some(), "{word} in {} has no Chinese", file.display());
            }
        }
    }
    assert!(seen >= 4, "only {seen} outcomes were found: the marks no longer fit the code");
}

/// The programs of these crates without comments and tests.
fn code_of(crates: &[&str]) -> Vec<(PathBuf, String)> {
    let core = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut folders: Vec<PathBuf> = crates.iter().map(|name| core.join(name).join("src")).collect();
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") && !path.ends_with("tests.rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                let code = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default().to_owned();
                let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
                found.push((path, lines.collect::<Vec<_>>().join("\n")));
            }
        }
    }
    found
}

fn literals(code: &str) -> impl Iterator<Item = &str> {
    code.lines().flat_map(|line| line.split('"').skip(1).step_by(2))
}

/// Two words joined, as prose never has them; single ones are only made by `Why` itself.
fn is_machine_word(text: &str) -> bool {
    text.contains('_') && text.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
}

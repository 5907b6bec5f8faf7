//! Every code that the platforms' manuals name, through the real `.so` and each operation: what it comes to is stated beside
//! the adapters' own tables, in `codes/*.txt`, and a code that no manual names is in doubt.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // Helpers of tests.

#[path = "codes/wechat.rs"]
mod wechat;
#[path = "codes/weibo.rs"]
mod weibo;

use std::collections::BTreeMap;

use juzhen_abi::message::{ErrorKind, RejectedBy};
use juzhen_testkit::{Outcome, Script};

/// A row of a table: what a request comes to that the public sees, what one comes to that nobody sees.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Row {
    seen: String,
    unseen: String,
}

/// Code → what it comes to. A line is `SEEN UNSEEN CODES…`, a code may be a range `20501-20513`, `#` begins a remark.
fn table(text: &str) -> BTreeMap<i64, Row> {
    let mut table = BTreeMap::new();
    for line in text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        let mut words = line.split_whitespace().map(str::to_owned);
        let row = Row { seen: words.next().unwrap(), unseen: words.next().unwrap() };
        for code in words.flat_map(|word| codes(&word)) {
            assert_eq!(table.insert(code, row.clone()), None, "{code} is there twice");
        }
    }
    table
}

fn codes(word: &str) -> Vec<i64> {
    // A sign is no range.
    match word.split_once('-').filter(|(first, _)| !first.is_empty()) {
        Some((first, last)) => (first.parse().unwrap()..=last.parse().unwrap()).collect(),
        None => vec![word.parse().unwrap()],
    }
}

/// What an operation came to, in a word of the tables.
fn word(outcome: &Outcome) -> String {
    let Outcome::Error(error) = outcome else { return format!("{outcome:?}") };
    match &error.kind {
        ErrorKind::Retryable { after_ms: Some(ms), .. } => format!("retryable:{}s", ms / 1_000),
        ErrorKind::Rejected { by: RejectedBy::Content, .. } => "content".to_owned(),
        ErrorKind::Rejected { by: RejectedBy::Policy, .. } => "policy".to_owned(),
        ErrorKind::Rejected { by: RejectedBy::Permission, .. } => "permission".to_owned(),
        // Hours from the start of the script: 08:00 in Beijing on the first of January.
        ErrorKind::Quota { until_unix_ms: Some(until), .. } => {
            format!("quota:{}h", (until - Script::START_UNIX_MS) / 3_600_000)
        }
        other => other.name().to_owned(),
    }
}

/// What people read.
fn said(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Error(error) => error.message.clone(),
        other => format!("{other:?}"),
    }
}

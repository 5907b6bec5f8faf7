//! `messages.md` is honest: each example parses as the type it names, loses nothing, and no message is missing.
#![allow(clippy::unwrap_used, clippy::panic)] // Helpers of tests.

use std::collections::BTreeSet;

use juzhen_abi::message::*;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

const MESSAGES: &str = include_str!("../messages.md");

/// The types whose shape an author in another language has to know, and how an example of each is checked.
macro_rules! types {
    ($($name:ident),*) => {
        const NAMES: &[&str] = &[$(stringify!($name)),*];

        fn check(name: &str, example: &str) {
            match name {
                $(stringify!($name) => survives::<$name>(example),)*
                unknown => panic!("messages.md: unknown message {unknown}"),
            }
        }
    };
}

types!(
    Manifest,
    Create,
    Request,
    Post,
    Published,
    Repost,
    Find,
    Found,
    Track,
    Tracked,
    Retract,
    AccountInfo,
    Poll,
    Messages,
    Reply,
    Replied,
    Moderate,
    Authorize,
    Authorized,
    Measure,
    Measured,
    AdapterError,
    Panicked,
    HttpRequest,
    HttpResponse,
    Sleep,
    Kv,
    KvAnswer,
    BlobRead,
    Sign,
    Signature,
    Decrypt,
    Receive,
    Received,
    HostError
);

#[test]
fn every_example_parses_as_its_type_and_loses_nothing() {
    for (name, example) in examples() {
        check(name, example);
    }
}

#[test]
fn every_message_has_an_example() {
    let shown: BTreeSet<_> = examples().into_iter().map(|(name, _)| name).collect();
    assert_eq!(shown, NAMES.iter().copied().collect());
}

#[test]
fn every_kind_operation_and_capability_is_named() {
    let source = include_str!("../src/message/names.rs");
    let constants = source.lines().filter_map(|line| {
        let (_, value) = line.trim().strip_prefix("pub const ")?.split_once(": &str = \"")?;
        value.strip_suffix("\";")
    });
    let kinds = "retryable auth_expired rejected quota duplicate in_doubt misconfigured unsupported bug \
        denied bad_request unreachable no_answer cancelled too_large replay_mismatch failed";
    let constants: Vec<_> = constants.collect();
    assert_eq!(constants.len(), 20, "twelve operations and eight capabilities: {constants:?}");
    for word in
        constants.into_iter().chain(kinds.split_whitespace()).chain(capability::OFFERED.iter().copied())
    {
        assert!(MESSAGES.contains(&format!("`{word}`")), "messages.md does not name `{word}`");
    }
}

/// Code blocks marked `json TYPE`.
fn examples() -> Vec<(&'static str, &'static str)> {
    let blocks = MESSAGES.split("\n```json ").skip(1);
    blocks.map(|block| block.split_once("\n```").unwrap().0.split_once('\n').unwrap()).collect()
}

fn survives<T: Serialize + DeserializeOwned>(example: &str) {
    let written: Value = serde_json::from_str(example).unwrap_or_else(|e| panic!("{e} in {example}"));
    let parsed: T = serde_json::from_str(example).unwrap_or_else(|e| panic!("{e} in {example}"));
    let again = serde_json::to_value(&parsed).unwrap();
    assert!(within(&written, &again), "{written} became {again}");
}

/// Whether everything in `part` is in `whole` with the same value: a field that no type knows would be lost.
fn within(part: &Value, whole: &Value) -> bool {
    match (part, whole) {
        (Value::Object(part), Value::Object(whole)) => {
            part.iter().all(|(key, value)| whole.get(key).is_some_and(|other| within(value, other)))
        }
        (Value::Array(part), Value::Array(whole)) => {
            part.len() == whole.len() && part.iter().zip(whole).all(|(a, b)| within(a, b))
        }
        _ => part == whole,
    }
}

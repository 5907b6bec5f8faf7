//! Strict JSON (C35): what a client sent is taken as it is written, or refused with the place. Nothing is ignored,
//! guessed or decided by order.

mod tree;
mod typed;

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;

use crate::problem::{Code, Problem};

/// Reads a request. Types say `deny_unknown_fields`, so that an unknown field is refused here with its name.
pub(crate) fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, JsonFault> {
    T::deserialize(tree::read(bytes)?)
}

/// Reads named texts, such as the parameters of a query, by the same rules.
pub(crate) fn read_texts<T: DeserializeOwned>(texts: BTreeMap<String, String>) -> Result<T, JsonFault> {
    let fields = texts.into_iter().map(|(name, text)| (name, tree::Node::Text(text)));
    T::deserialize(tree::Node::Object(fields.collect()))
}

/// Why the JSON was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub(crate) struct JsonFault {
    code: Code,
    message: String,
    suggestion: Option<String>,
    /// Innermost first.
    path: Vec<String>,
}

impl JsonFault {
    fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), suggestion: None, path: Vec::new() }
    }

    fn suggest(mut self, suggestion: Option<String>) -> Self {
        self.suggestion = suggestion;
        self
    }

    fn inside(mut self, step: &str) -> Self {
        self.path.push(step.to_owned());
        self
    }

    /// `variants.weibo.media[0].sha256`
    fn place(&self) -> Option<String> {
        let mut steps = self.path.iter().rev();
        let first = steps.next()?.clone();
        Some(steps.fold(first, |place, step| match step.starts_with('[') {
            true => place + step,
            false => place + "." + step,
        }))
    }
}

impl From<JsonFault> for Problem {
    fn from(fault: JsonFault) -> Self {
        let place = fault.place();
        let problem = Problem::because(fault.code, fault.message).suggest(fault.suggestion);
        match place {
            Some(place) => problem.at(place),
            None => problem,
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Sample {
        text: String,
        #[serde(default)]
        count: Option<u32>,
        #[serde(default)]
        list: Vec<Inner>,
        #[serde(default)]
        map: BTreeMap<String, Inner>,
        #[serde(default)]
        at: Option<Timestamp>,
        #[serde(default)]
        verdict: Option<Word>,
    }

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Inner {
        title: String,
    }

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(rename_all = "snake_case")]
    enum Word {
        Approve,
        Return,
    }

    /// `code place suggestion`
    fn fault(json: &[u8]) -> String {
        let fault = read::<Sample>(json).unwrap_err();
        let place = fault.place().unwrap_or_default();
        format!("{} {place} {}", fault.code.as_str(), fault.suggestion.unwrap_or_default()).trim().to_owned()
    }

    #[test]
    fn a_whole_value_is_read() {
        let json = r#"{"text":"好","count":3,"list":[{"title":"a"}],"map":{"weibo":{"title":"b"}},
            "at":"2026-06-01T09:00:00+08:00","verdict":"return"}"#;
        let sample: Sample = read(json.as_bytes()).unwrap();
        assert_eq!((sample.text.as_str(), sample.count), ("好", Some(3)));
        assert_eq!(sample.at, Some("2026-06-01T01:00:00Z".parse().unwrap()));
        assert_eq!(sample.map["weibo"], Inner { title: "b".into() });
    }

    #[test]
    fn a01_to_a03_nothing_null_or_a_list_is_no_object() {
        assert_eq!(fault(b""), "malformed_json");
        assert_eq!(fault(b"null"), "wrong_type");
        assert_eq!(fault(b"[]"), "wrong_type");
        assert_eq!(fault(br#"["a"]"#), "wrong_type");
        assert_eq!(fault(b"{}"), "missing_field text");
        assert_eq!(fault(br#"{"text":"a"} x"#), "malformed_json");
    }

    #[test]
    fn a04_depth_is_bounded_long_before_the_stack_is() {
        assert_eq!(fault("[".repeat(100_000).as_bytes()), "too_deep");
        let nested = format!(r#"{{"text":{}1{}}}"#, "[".repeat(40), "]".repeat(40));
        assert_eq!(fault(nested.as_bytes()), "too_deep");
    }

    #[test]
    fn a09_a_key_that_is_there_twice_is_refused_on_every_level() {
        assert_eq!(fault(br#"{"text":"a","text":"b"}"#), "duplicate_key");
        assert_eq!(fault(br#"{"text":"a","map":{"w":{"title":"a"},"w":{"title":"b"}}}"#), "duplicate_key");
        assert_eq!(fault(br#"{"text":"a","t\u0065xt":"b"}"#), "duplicate_key");
    }

    #[test]
    fn a10_a_field_that_is_not_known_is_refused_with_what_was_meant() {
        assert_eq!(fault(br#"{"text":"a","cuont":1}"#), "unknown_field cuont count");
        assert_eq!(
            fault(br#"{"text":"a","list":[{"title":"a"},{"titel":"a"}]}"#),
            "unknown_field list[1].titel title"
        );
        assert_eq!(fault(br#"{"text":"a","state":"published"}"#), "unknown_field state");
    }

    #[test]
    fn a12_text_that_is_not_unicode_is_refused() {
        assert_eq!(fault(b"{\"text\":\"\xff\"}"), "malformed_json");
        assert_eq!(fault(br#"{"text":"\ud800"}"#), "malformed_json");
        assert_eq!(fault(b"{\"text\":\"a\0b\"}"), "malformed_json");
    }

    #[test]
    fn a17_numbers_are_what_they_look_like() {
        for wrong in ["\"1\"", "1.0", "-1", "-0", "true", "4294967296", "[]"] {
            let found = fault(format!(r#"{{"text":"a","count":{wrong}}}"#).as_bytes());
            assert!(found == "wrong_type count" || found == "invalid_value count", "{wrong}: {found}");
        }
        assert_eq!(fault(br#"{"text":"a","count":1e400}"#), "malformed_json");
        assert_eq!(fault(br#"{"text":1}"#), "wrong_type text");
    }

    #[test]
    fn a18_a_time_needs_a_day_that_exists_and_a_zone() {
        for wrong in [
            "2026-06-01T09:00:00",
            "2026-02-30T09:00:00Z",
            "2026-06-01T24:00:00Z",
            "2026-06-01T09:00:00+26:00",
            "tomorrow",
            "",
        ] {
            assert_eq!(fault(format!(r#"{{"text":"a","at":"{wrong}"}}"#).as_bytes()), "invalid_value at");
        }
        assert_eq!(fault(br#"{"text":"a","at":1780275600}"#), "wrong_type at");
    }

    #[test]
    fn words_are_taken_from_the_list() {
        assert_eq!(fault(br#"{"text":"a","verdict":"aprove"}"#), "invalid_value verdict approve");
        assert_eq!(fault(br#"{"text":"a","verdict":{"approve":1}}"#), "wrong_type verdict");
    }
}

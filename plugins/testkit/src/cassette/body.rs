//! Bytes in a cassette: as JSON or text where people can read them, and exactly as they were in any case.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// At most one of the three.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Body {
    /// An object or a list, to the letter: its spaces and the order of its fields count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    json: Option<Box<RawValue>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    base64: Option<String>,
}

impl Body {
    pub fn of(bytes: &[u8]) -> Self {
        if bytes.is_empty() {
            return Self::default();
        }
        let Ok(text) = core::str::from_utf8(bytes) else {
            return Self { base64: Some(STANDARD.encode(bytes)), ..Self::default() };
        };
        let json =
            text.starts_with(['{', '[']).then(|| RawValue::from_string(text.to_owned()).ok()).flatten();
        // What follows the value, such as a line feed, is no part of it.
        match json.filter(|json| json.get() == text) {
            Some(json) => Self { json: Some(json), ..Self::default() },
            None => Self { text: Some(text.to_owned()), ..Self::default() },
        }
    }

    /// The bytes; what is no base64 stands for itself and so differs from everything.
    pub fn bytes(&self) -> Vec<u8> {
        match (&self.json, &self.text, &self.base64) {
            (Some(json), ..) => json.get().as_bytes().to_vec(),
            (None, Some(text), _) => text.as_bytes().to_vec(),
            (None, None, Some(encoded)) => {
                STANDARD.decode(encoded).unwrap_or_else(|_| encoded.as_bytes().to_vec())
            }
            (None, None, None) => Vec::new(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.json.is_none() && self.text.is_none() && self.base64.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_body_comes_back_to_the_letter_and_reads_as_well_as_it_can() {
        for (bytes, shown) in [
            (&b"{\"b\": 1,\n \"a\":\"\xe5\x81\x9c\"}"[..], "{\"json\":{\"b\": 1,\n \"a\":\"停\"}}"),
            (b"{\"a\":1}\n", r#"{"text":"{\"a\":1}\n"}"#),
            (b"<html>", r#"{"text":"<html>"}"#),
            (b"17", r#"{"text":"17"}"#),
            (b"\xff\0", r#"{"base64":"/wA="}"#),
            (b"", "{}"),
        ] {
            let body = Body::of(bytes);
            let text = serde_json::to_string(&body).unwrap();
            assert_eq!(text, shown);
            let again: Body = serde_json::from_str(&text).unwrap();
            assert_eq!(again.bytes(), bytes, "{shown}");
        }
    }
}

//! What a command prints on stdout: text for people, or with `--json` exactly one document.

use std::fmt::Display;
use std::io::{self, Write};

use anyhow::{Context, Result};
use serde::Serialize;
use serde_json::Value;

/// Where a command's answer goes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    json: bool,
}

impl Output {
    pub(crate) fn new(json: bool) -> Self {
        Self { json }
    }

    pub(crate) fn is_json(self) -> bool {
        self.json
    }

    /// The answer in both forms: the document with `--json`, else what `human` makes of it.
    pub(crate) fn answer<T: Serialize, H: Display>(
        self,
        document: &T,
        human: impl FnOnce(&T) -> H,
    ) -> Result<()> {
        if self.json { self.document(document) } else { self.text(human(document)) }
    }

    /// One JSON document and a line feed.
    pub(crate) fn document(self, document: &impl Serialize) -> Result<()> {
        let text = serde_json::to_string(document).context("could not write the answer as JSON")?;
        self.text(text)
    }

    /// A text, flushed, so that a reader on a pipe has it at once.
    pub(crate) fn text(self, text: impl Display) -> Result<()> {
        let text = text.to_string();
        let mut stdout = io::stdout().lock();
        stdout.write_all(text.as_bytes())?;
        if !text.ends_with('\n') {
            stdout.write_all(b"\n")?;
        }
        Ok(stdout.flush()?)
    }
}

/// Text from elsewhere, safe for a terminal: control characters (escape sequences) become visible.
pub(crate) fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// A field of an API answer as a person reads it: nothing for null, text without quotes, the rest as JSON.
pub(crate) fn field(value: &Value, pointer: &str) -> String {
    match value.pointer(pointer) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => printable(text),
        Some(other) => printable(&other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_reads_as_a_person_would_write_it() {
        let value = serde_json::json!({"a": "停水", "b": null, "c": {"d": 3}, "e": "x\u{1b}[2J"});
        assert_eq!(field(&value, "/a"), "停水");
        assert_eq!(field(&value, "/b"), "");
        assert_eq!(field(&value, "/none"), "");
        assert_eq!(field(&value, "/c/d"), "3");
        assert_eq!(field(&value, "/e"), "x\u{fffd}[2J");
    }
}

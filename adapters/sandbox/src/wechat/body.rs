//! What a request says: its query, its JSON, its uploads; and the forms in which clients write numbers and flags.

use serde_json::Value;

use super::dialect::error;
use crate::exchange::Refusal;
use crate::fields::Fields;

/// A request whose caller is known and may call.
pub(crate) struct Ask {
    pub(crate) appid: String,
    /// Query, and of an upload its parts.
    pub(crate) fields: Fields,
    /// Null where a path takes no JSON.
    pub(crate) json: Value,
}

/// What a path reads of the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reads {
    Nothing,
    Json,
    /// The same, or nothing where the query says it all.
    JsonIfAny,
    /// JSON in whose strings `\uXXXX` stands for itself: six characters, as the draft box keeps it.
    DraftJson,
    Upload,
}

/// Reads a JSON body: 44002 if there is none, 47001 if it is none.
pub(crate) fn json(body: &[u8], reads: Reads) -> Result<Value, Refusal> {
    if body.is_empty() {
        return if reads == Reads::JsonIfAny { Ok(Value::Null) } else { Err(error(44002)) };
    }
    let body = std::str::from_utf8(body).map_err(|_| error(47001))?;
    let read = match reads {
        Reads::DraftJson => serde_json::from_str(&literal_escapes(body)),
        _ => serde_json::from_str(body),
    };
    read.ok().filter(Value::is_object).ok_or_else(|| error(47001))
}

/// Writes `\uXXXX` so that a JSON reader takes it for six characters.
fn literal_escapes(body: &str) -> String {
    let mut literal = String::with_capacity(body.len());
    let mut rest = body;
    while let Some(at) = rest.find('\\') {
        let (before, escape) = rest.split_at(at);
        literal.push_str(before);
        let length = 1 + escape.chars().nth(1).map_or(0, char::len_utf8);
        let (escape, after) = escape.split_at(length);
        if escape == "\\u" {
            literal.push('\\');
        }
        literal.push_str(escape);
        rest = after;
    }
    literal + rest
}

impl Ask {
    /// A string of the JSON; one that is empty is as good as absent.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        text(&self.json, name)
    }

    /// `media_id`, without which 40007 is the answer.
    pub(crate) fn media_id(&self) -> Result<String, Refusal> {
        self.text("media_id").map(str::to_owned).ok_or_else(|| error(40007))
    }

    /// A number of the JSON, written as one or as a string.
    pub(crate) fn number(&self, name: &str) -> Option<i64> {
        number(self.json.get(name)?)
    }
}

pub(crate) fn text<'a>(value: &'a Value, name: &str) -> Option<&'a str> {
    value.get(name)?.as_str().filter(|text| !text.is_empty())
}

/// Clients send ids and flags as numbers, strings and booleans; the platform takes all of them.
pub(crate) fn number(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.trim().parse().ok(),
        Value::Bool(flag) => Some(i64::from(*flag)),
        _ => None,
    }
}

pub(crate) fn flag(value: &Value, name: &str) -> bool {
    value.get(name).and_then(number) == Some(1)
}

/// `offset`, `count` and `no_content` of a list. 40035 for a count that is not 1 to 20.
pub(crate) struct Window {
    pub(crate) offset: usize,
    pub(crate) count: usize,
    pub(crate) with_content: bool,
}

impl Window {
    pub(crate) fn read(ask: &Ask) -> Result<Self, Refusal> {
        let read = |name, default| {
            let found = ask.json.get(name).map_or(Some(default), number);
            found.and_then(|number| usize::try_from(number).ok()).ok_or_else(|| error(40035))
        };
        let (offset, count) = (read("offset", 0)?, read("count", 0)?);
        if !(1..=20).contains(&count) {
            return Err(error(40035));
        }
        Ok(Self { offset, count, with_content: !flag(&ask.json, "no_content") })
    }

    pub(crate) fn of<'a, T>(&self, all: &'a [T]) -> impl Iterator<Item = &'a T> {
        all.iter().skip(self.offset).take(self.count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_escaped_character_stays_six_characters_in_a_draft_and_nowhere_else() {
        let body = br#"{"a":"\u516c\\u\n\"\ud83d\ude00","b":"\\"}"#;
        let draft = json(body, Reads::DraftJson).unwrap();
        assert_eq!(draft["a"], "\\u516c\\u\n\"\\ud83d\\ude00");
        assert_eq!(draft["b"], "\\");
        assert_eq!(json(body, Reads::Json).unwrap()["a"], "公\\u\n\"😀");
    }

    #[test]
    fn what_is_no_json_object_is_refused() {
        let code = |body: &[u8]| json(body, Reads::Json).unwrap_err().code;
        assert_eq!(code(b""), "44002");
        for bad in [&b"{"[..], b"[]", b"\xef\xbb\xbf{}", b"{\"a\":\"\x01\"}", b"\xff", b"{\"a\":\"\\"] {
            assert_eq!(code(bad), "47001", "{bad:?}");
        }
        assert_eq!(json(b"{\"a\":\"\\", Reads::DraftJson).unwrap_err().code, "47001");
    }
}

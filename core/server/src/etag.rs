//! Versions on the wire: `ETag` of what was read, `If-Match` of what is to be changed.

use axum::http::header::{ETAG, IF_MATCH};
use axum::http::{HeaderMap, HeaderValue};

use crate::problem::{Code, Problem};

/// The row version a client has seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Version(pub(crate) i64);

impl Version {
    /// `ETag: "7"`
    pub(crate) fn header(self) -> [(axum::http::HeaderName, HeaderValue); 1] {
        let value = HeaderValue::from_str(&format!("\"{}\"", self.0));
        [(ETAG, value.unwrap_or(HeaderValue::from_static("\"0\"")))]
    }

    /// From `If-Match`. One strong tag of ours; `*` and lists say less than which version was seen.
    pub(crate) fn of(headers: &HeaderMap) -> Result<Option<Self>, Problem> {
        let mut values = headers.get_all(IF_MATCH).iter();
        let Some(value) = values.next() else { return Ok(None) };
        let number = value.to_str().ok().and_then(|v| v.strip_prefix('"')?.strip_suffix('"')?.parse().ok());
        match (number, values.next()) {
            (Some(number), None) => Ok(Some(Self(number))),
            _ => {
                let detail = "If-Match has to be one ETag as it was given out, such as \"7\"";
                Err(Problem::because(Code::InvalidHeader, detail))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(value: &'static str) -> Result<Option<Version>, Code> {
        let mut headers = HeaderMap::new();
        headers.insert(IF_MATCH, HeaderValue::from_static(value));
        Version::of(&headers).map_err(|problem| problem.code())
    }

    #[test]
    fn only_a_tag_that_was_given_out_is_taken() {
        assert_eq!(of("\"7\""), Ok(Some(Version(7))));
        assert_eq!(Version::of(&HeaderMap::new()).unwrap(), None);
        for bad in ["7", "*", "W/\"7\"", "\"7\", \"8\"", "\"x\"", "\""] {
            assert_eq!(of(bad), Err(Code::InvalidHeader), "{bad}");
        }
        assert_eq!(Version(7).header()[0].1, "\"7\"");
    }
}

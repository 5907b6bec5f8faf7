//! Times in a request: an instant, exactly as it was written, or a refusal (F46).

use jiff::Timestamp;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

/// Reads RFC 3339 with an offset. What a lenient reader would quietly change, such as a leap second, is refused.
pub(crate) fn optional<'de, D: Deserializer<'de>>(source: D) -> Result<Option<Timestamp>, D::Error> {
    let Some(text) = Option::<String>::deserialize(source)? else { return Ok(None) };
    if names_a_leap_second(&text) {
        return Err(D::Error::custom(format!("{text:?} is a leap second; write the second after it")));
    }
    text.parse().map(Some).map_err(D::Error::custom)
}

/// `…T23:59:60…`: the library reads it as the second before.
fn names_a_leap_second(text: &str) -> bool {
    let time = text.split(['T', 't', ' ']).nth(1).unwrap_or_default();
    time.get(5..8) == Some(":60") || time.get(4..6) == Some("60")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<i64> {
        let value = serde_json::Value::from(text);
        optional(value).ok().flatten().map(Timestamp::as_second)
    }

    #[test]
    fn f46_a_time_is_taken_exactly_or_not_at_all() {
        assert_eq!(read("2028-02-29T12:00:00+08:00"), Some(1_835_409_600));
        assert_eq!(read("2038-01-19T03:14:08Z"), Some(2_147_483_648), "after the 32-bit second");
        assert_eq!(read("2099-12-31T23:59:59Z"), Some(4_102_444_799));
        for bad in [
            "2026-06-30T24:00:00Z",
            "2026-06-30T23:59:60Z",
            "20260630T235960Z",
            "2026-06-30T23:59:61Z",
            "2027-02-29T12:00:00+08:00",
            "2026-06-31T12:00:00Z",
            "2026-06-30T12:00:00",
            "2026-06-30",
            "10000-01-01T00:00:00Z",
        ] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}

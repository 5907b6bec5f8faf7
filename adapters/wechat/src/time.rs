//! Days and months of Beijing: quotas begin anew with them.

use jiff::tz::{Offset, TimeZone};
use jiff::{Timestamp, ToSpan as _, Zoned};

/// When the next day begins, in milliseconds since 1970.
pub(crate) fn next_day(now_unix_ms: i64) -> Option<i64> {
    let day = beijing(now_unix_ms)?.start_of_day().ok()?;
    Some(day.checked_add(1.day()).ok()?.timestamp().as_millisecond())
}

/// When the next month begins.
pub(crate) fn next_month(now_unix_ms: i64) -> Option<i64> {
    let first = beijing(now_unix_ms)?.first_of_month().ok()?.start_of_day().ok()?;
    Some(first.checked_add(1.month()).ok()?.timestamp().as_millisecond())
}

fn beijing(unix_ms: i64) -> Option<Zoned> {
    let zone = TimeZone::fixed(Offset::from_seconds(8 * 3600).ok()?);
    Some(Timestamp::from_millisecond(unix_ms).ok()?.to_zoned(zone))
}

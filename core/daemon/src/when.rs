//! Times as people type them, `now`, `+2h`, or a date and time with its offset; and as they read them.

use jiff::fmt::temporal::Pieces;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, Zoned};

use crate::failure::Usage;

/// A time on the command line. Nothing here guesses a zone: the shell's may be another than the district's.
pub(crate) fn parse(text: &str, now: Timestamp) -> Result<Timestamp, Usage> {
    let wrong = || {
        Usage(format!(
            "{text:?} is no time: write `now`, `+90s`, `+2h`, or a date and time with its offset such as \
             2026-06-01T09:00:00+08:00"
        ))
    };
    if text == "now" {
        return Ok(now);
    }
    if let Some(later) = text.strip_prefix('+') {
        let later: SignedDuration = later.parse().map_err(|_| wrong())?;
        return now.checked_add(later).map_err(|_| wrong());
    }
    exactly(text).ok_or_else(wrong)
}

/// A date and time with an offset, with an offset and a zone that agree (F45), or with a zone in which it happens. A time
/// that a clock shows twice is the first one, one that it leaps over the same distance behind the leap (F44); a leap second
/// is no time of ours (F46).
fn exactly(text: &str) -> Option<Timestamp> {
    let pieces = Pieces::parse(text).ok()?;
    let leap_second = text.split(['T', 't', ' ']).nth(1).and_then(|time| time.get(5..8)) == Some(":60");
    let time = pieces.time().filter(|_| !leap_second)?;
    match (pieces.offset(), pieces.to_time_zone().ok()?) {
        (Some(_), None) => text.parse().ok(),
        (Some(_), Some(_)) => text.parse::<Zoned>().ok().map(|zoned| zoned.timestamp()),
        (None, Some(zone)) => pieces.date().to_datetime(time).to_zoned(zone).ok().map(|z| z.timestamp()),
        (None, None) => None,
    }
}

/// A time of the API on this machine's clock, with its offset; anything else as it is.
pub(crate) fn clock(text: &str) -> String {
    let Ok(time) = text.parse::<Timestamp>() else { return text.to_owned() };
    time.to_zoned(TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S%:z").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instant(text: &str) -> Option<String> {
        parse(text, Timestamp::UNIX_EPOCH).ok().map(|time| time.to_string())
    }

    #[test]
    fn f44_a_time_that_is_leapt_over_or_comes_twice_is_one_instant() {
        let berlin = |text: &str| instant(&format!("{text}[Europe/Berlin]"));
        // 02:00 to 03:00 does not happen: as far behind the leap as it was meant behind 02:00.
        assert_eq!(berlin("2027-03-28T02:30:00").as_deref(), Some("2027-03-28T01:30:00Z"));
        // 02:00 to 03:00 happens twice: the first time.
        assert_eq!(berlin("2027-10-31T02:30:00").as_deref(), Some("2027-10-31T00:30:00Z"));
        assert_eq!(instant("2026-06-01T09:00[Asia/Shanghai]").as_deref(), Some("2026-06-01T01:00:00Z"));
    }

    #[test]
    fn f45_an_offset_that_is_not_the_zones_is_refused_and_not_guessed() {
        assert!(instant("2026-06-01T09:00+08:00[Asia/Shanghai]").is_some());
        assert_eq!(instant("2026-06-01T09:00+09:00[Asia/Shanghai]"), None);
    }

    #[test]
    fn f46_what_is_no_time_is_refused_and_the_rest_is_exact() {
        assert_eq!(instant("2038-01-19T03:14:08Z").as_deref(), Some("2038-01-19T03:14:08Z"));
        assert_eq!(instant("2028-02-29T00:00+08:00").as_deref(), Some("2028-02-28T16:00:00Z"));
        for bad in ["2026-06-30T24:00:00Z", "2026-06-30T23:59:60Z", "2027-02-29T00:00Z", "2026-06-31T00:00Z"]
        {
            assert_eq!(instant(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_time_says_its_offset_or_is_relative() {
        let now = Timestamp::from_second(1_000_000).unwrap();
        let seconds = |text: &str| parse(text, now).ok().map(Timestamp::as_second);
        assert_eq!(seconds("now"), Some(1_000_000));
        assert_eq!(seconds("+90s"), Some(1_000_090));
        assert_eq!(seconds("+2h"), Some(1_007_200));
        assert_eq!(seconds("+1h 30m"), Some(1_005_400));
        assert_eq!(seconds("1970-01-01T08:00:00+08:00"), Some(0));
        assert_eq!(seconds("1970-01-01 00:00:00Z"), Some(0));
        for bad in ["", "tomorrow", "2026-06-01 09:00", "2026-06-01T09:00:00", "9:00", "+", "+9", "24:00"] {
            assert_eq!(seconds(bad), None, "{bad:?}");
        }
    }
}

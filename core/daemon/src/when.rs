//! Times as people type them, `now`, `+2h`, or a date and time with its offset; and as they read them.

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
    // With an offset, or with an offset and a zone that agree.
    text.parse::<Timestamp>()
        .or_else(|_| text.parse::<Zoned>().map(|zoned| zoned.timestamp()))
        .map_err(|_| wrong())
}

/// A time of the API on this machine's clock, with its offset; anything else as it is.
pub(crate) fn clock(text: &str) -> String {
    let Ok(time) = text.parse::<Timestamp>() else { return text.to_owned() };
    time.to_zoned(TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S%:z").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

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

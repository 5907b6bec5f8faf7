//! How often each path may be called, and was.

use std::collections::HashMap;

const DAY_MS: i64 = 86_400_000;
const MINUTE_MS: i64 = 60_000;
/// China time, by whose midnight counters start again.
const ZONE_MS: i64 = 8 * 3_600_000;

/// The number of the day in China.
pub(crate) fn day_of(now: i64) -> i64 {
    now.saturating_add(ZONE_MS).div_euclid(DAY_MS)
}

/// The year and month in China, as one number.
pub(crate) fn month_of(now: i64) -> i64 {
    let date = jiff::Timestamp::from_millisecond(now.saturating_add(ZONE_MS))
        .map_or(jiff::civil::Date::MIN, |at| at.to_zoned(jiff::tz::TimeZone::UTC).date());
    i64::from(date.year()) * 12 + i64::from(date.month())
}

/// What one account has called.
#[derive(Clone, Debug, Default)]
pub(crate) struct Usage {
    days: HashMap<&'static str, Count>,
    minutes: HashMap<&'static str, Count>,
    /// Clears of counters: of all by month, of single ones by month.
    clears: Count,
    single_clears: Count,
}

#[derive(Clone, Copy, Debug, Default)]
struct Count {
    /// The day, minute or month that it is about.
    period: i64,
    calls: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Over {
    Minute,
    Day,
}

impl Usage {
    /// Counts a call unless it is one too many.
    pub(crate) fn take(
        &mut self,
        path: &'static str,
        per_day: u64,
        per_minute: Option<u64>,
        now: i64,
    ) -> Result<(), Over> {
        let minute = self.minutes.entry(path).or_default().at(now.div_euclid(MINUTE_MS));
        if per_minute.is_some_and(|most| minute.calls >= most) {
            return Err(Over::Minute);
        }
        let day = self.days.entry(path).or_default().at(day_of(now));
        if day.calls >= per_day {
            return Err(Over::Day);
        }
        day.calls += 1;
        minute.calls += 1;
        Ok(())
    }

    pub(crate) fn used(&self, path: &str, now: i64) -> u64 {
        self.days.get(path).filter(|count| count.period == day_of(now)).map_or(0, |count| count.calls)
    }

    /// Starts all counters again; false: too often this month.
    pub(crate) fn clear(&mut self, most: u64, now: i64) -> bool {
        let allowed = self.clears.at(month_of(now)).take(most);
        if allowed {
            self.days.clear();
        }
        allowed
    }

    pub(crate) fn clear_one(&mut self, path: &str, most: u64, now: i64) -> bool {
        let allowed = self.single_clears.at(month_of(now)).take(most);
        if allowed {
            self.days.remove(path);
        }
        allowed
    }
}

impl Count {
    /// The count of this period, from 0 when another one is over.
    fn at(&mut self, period: i64) -> &mut Self {
        if self.period != period {
            *self = Self { period, calls: 0 };
        }
        self
    }

    fn take(&mut self, most: u64) -> bool {
        let allowed = self.calls < most;
        self.calls += u64::from(allowed);
        allowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_months_turn_at_midnight_in_china() {
        // 2026-11-30 23:59:59.999 in China.
        let before = 1_796_054_399_999;
        assert_eq!(day_of(before) + 1, day_of(before + 1));
        assert_eq!(month_of(before) + 1, month_of(before + 1));
    }

    #[test]
    fn a_call_too_many_is_not_counted_and_the_next_period_starts_from_nothing() {
        let mut usage = Usage::default();
        assert_eq!(usage.take("/x", 2, Some(1), 0), Ok(()));
        assert_eq!(usage.take("/x", 2, Some(1), 1), Err(Over::Minute));
        assert_eq!(usage.take("/x", 2, Some(1), MINUTE_MS), Ok(()));
        assert_eq!(usage.take("/x", 2, None, MINUTE_MS), Err(Over::Day));
        assert_eq!(usage.used("/x", MINUTE_MS), 2);
        assert_eq!(usage.take("/x", 2, None, DAY_MS), Ok(()));
        assert!(usage.clear(1, 0) && !usage.clear(1, 1), "one a month");
    }
}

//! Caps: a mistake of ours cannot storm an account (promise P20).

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

/// Limits of one account, from the settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Caps {
    /// Attempts of one delivery.
    pub per_delivery: u32,
    /// Attempts on one account within an hour.
    pub per_account_hour: u32,
    /// Between two sends on one account.
    pub gap: SignedDuration,
}

/// What an account has used, counted in the same transaction as the claim.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Used {
    /// Attempts begun in the last hour.
    pub in_last_hour: u32,
    /// When the oldest of those began: an hour later one more may begin.
    pub oldest_in_hour: Option<Timestamp>,
    pub last_at: Option<Timestamp>,
    /// A delivery of this account is claimed or being sent: order is kept by waiting for it.
    pub busy: bool,
}

/// Whether one more may begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Room {
    Yes,
    /// Not before this time.
    From(Timestamp),
    /// After the delivery that is under way.
    AfterTheOther,
}

impl Caps {
    pub fn room(&self, used: &Used, now: Timestamp) -> Room {
        if used.busy {
            return Room::AfterTheOther;
        }
        let hour = SignedDuration::from_hours(1);
        if used.in_last_hour >= self.per_account_hour {
            return Room::From(later(used.oldest_in_hour.unwrap_or(now), hour));
        }
        match used.last_at.map(|last| later(last, self.gap)) {
            Some(free) if free > now => Room::From(free),
            _ => Room::Yes,
        }
    }
}

/// `time + by`, at the end of time at most.
pub fn later(time: Timestamp, by: SignedDuration) -> Timestamp {
    time.checked_add(by).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    const CAPS: Caps = Caps { per_delivery: 3, per_account_hour: 2, gap: SignedDuration::from_secs(10) };

    #[test]
    fn p20_the_hour_the_gap_and_the_other_delivery_are_kept() {
        assert_eq!(CAPS.room(&Used::default(), at(0)), Room::Yes);
        assert_eq!(CAPS.room(&Used { busy: true, ..Used::default() }, at(0)), Room::AfterTheOther);
        let gap = Used { in_last_hour: 1, last_at: Some(at(100)), ..Used::default() };
        assert_eq!(CAPS.room(&gap, at(105)), Room::From(at(110)));
        assert_eq!(CAPS.room(&gap, at(110)), Room::Yes);
        let full =
            Used { in_last_hour: 2, oldest_in_hour: Some(at(100)), last_at: Some(at(200)), busy: false };
        assert_eq!(CAPS.room(&full, at(300)), Room::From(at(3700)));
    }
}

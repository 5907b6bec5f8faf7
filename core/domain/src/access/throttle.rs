//! How long somebody waits after a wrong password or code: twice as long each time, then a quarter of an hour, never for
//! ever (C09). Counted for a name, whether anybody has it or not, and for an address.

use jiff::{SignedDuration, Timestamp};

/// Wrong tries under one name or from one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Throttle {
    pub failures: u32,
    pub last_at: Timestamp,
    /// Nothing is looked at before.
    pub until: Timestamp,
}

/// When waiting begins and when it is longest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// Wrong tries that cost no waiting.
    pub free: u32,
    /// With so many wrong tries it is [`LONGEST`].
    pub lock: u32,
}

/// Under one name.
pub const OF_PERSON: Rule = Rule { free: 1, lock: 5 };
/// From one address, behind which a whole office may sit.
pub const OF_ADDRESS: Rule = Rule { free: 20, lock: 30 };
/// After the most wrong tries; then the count begins anew.
pub const LONGEST: SignedDuration = SignedDuration::from_mins(15);

/// How long it still takes; `None`: one may try.
pub fn waits(throttle: Option<&Throttle>, now: Timestamp) -> Option<SignedDuration> {
    let left = throttle?.until.duration_since(now);
    left.is_positive().then_some(left)
}

/// One more wrong try.
pub fn after_failure(rule: Rule, before: Option<&Throttle>, now: Timestamp) -> Throttle {
    let counted = before.filter(|before| {
        let is_served = before.failures >= rule.lock && before.until <= now;
        !is_served && now.duration_since(before.last_at) < LONGEST
    });
    let failures = counted.map_or(0, |before| before.failures).saturating_add(1);
    let wait = match failures {
        few if few <= rule.free => SignedDuration::ZERO,
        many if many >= rule.lock => LONGEST,
        some => {
            let doubled = 1_i64.checked_shl(some - rule.free - 1).unwrap_or(i64::MAX);
            SignedDuration::from_secs(doubled).min(LONGEST)
        }
    };
    Throttle { failures, last_at: now, until: now + wait }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::tests::after;

    fn wait(rule: Rule, failures: u32) -> i64 {
        let mut throttle = None;
        let mut now = after(0);
        for _ in 0..failures {
            now = throttle.map_or(now, |t: Throttle| t.until);
            throttle = Some(after_failure(rule, throttle.as_ref(), now));
        }
        waits(throttle.as_ref(), now).map_or(0, |wait| wait.as_secs())
    }

    #[test]
    fn c09_each_wrong_try_waits_longer_and_the_fifth_a_quarter_of_an_hour() {
        let waits: Vec<_> = (1..=7).map(|failures| wait(OF_PERSON, failures)).collect();
        // Nobody is locked out for ever: after the quarter of an hour the count begins anew.
        assert_eq!(waits, [0, 1, 2, 4, 900, 0, 1]);
        assert_eq!([wait(OF_ADDRESS, 20), wait(OF_ADDRESS, 21), wait(OF_ADDRESS, 30)], [0, 1, 900]);
    }

    #[test]
    fn c09_what_was_long_ago_is_forgotten() {
        let twice = Throttle { failures: 4, last_at: after(0), until: after(4) };
        assert_eq!(after_failure(OF_PERSON, Some(&twice), after(5)).failures, 5);
        assert_eq!(after_failure(OF_PERSON, Some(&twice), after(900)).failures, 1);
    }
}

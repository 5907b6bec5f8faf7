//! The end of a sign-in that is known beforehand: people are told 14, 7, 3 and 1 day before it, each once (F61).
//!
//! Platforms say how many seconds are left, so the same end comes out a little different with each answer. What people were
//! told last is kept with the end it was about; an end near that one is the same end.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::notice::Draft;

/// Days before the end at which people are told: an office needs some to find who holds the account.
pub const WARN_DAYS: [u32; 4] = [14, 7, 3, 1];
/// Two ends that are no further apart are one.
const SAME_END: SignedDuration = SignedDuration::from_hours(1);
/// Seconds of a day.
const DAY: i64 = 86_400;

/// What people were told last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warned {
    pub until: Timestamp,
    /// One of [`WARN_DAYS`].
    pub days: u32,
}

/// What is to be told now of a sign-in that ends at `until`; `None`: nothing yet, nothing new, or it has ended, which is
/// told elsewhere (`sign_in`). Who was away for some time is told the nearest day alone.
pub fn due(until: Timestamp, warned: Option<Warned>, now: Timestamp) -> Option<Warned> {
    if until <= now {
        return None;
    }
    let days = WARN_DAYS.into_iter().filter(|days| before(until, *days) <= now).min()?;
    match warned.filter(|warned| warned.until.duration_since(until).abs() <= SAME_END) {
        Some(warned) if warned.days <= days => None,
        Some(warned) => Some(Warned { days, ..warned }),
        None => Some(Warned { until, days }),
    }
}

/// When there is something to tell, or the sign-in ends, next after `now`; `None`: it has ended.
pub fn next(until: Timestamp, now: Timestamp) -> Option<Timestamp> {
    let days = WARN_DAYS.into_iter().map(|days| before(until, days));
    days.chain([until]).filter(|time| *time > now).min()
}

/// How many days are left, begun ones counted.
pub fn days_left(until: Timestamp, now: Timestamp) -> i64 {
    let seconds = until.duration_since(now).as_secs().max(0);
    seconds / DAY + i64::from(seconds % DAY > 0)
}

/// What people are told. `when`: the end as their clocks show it. `how`: what they do to sign in.
pub fn notice(account: &str, warned: Warned, left: i64, when: &str, how: &str) -> Draft {
    Draft {
        id: format!("account:{account}:sign_in_ends:{}:{}", warned.until.as_second(), warned.days),
        kind: "sign_in_ends",
        subject: format!("account:{account}"),
        text: format!(
            "账号 {account} 的授权将于 {when} 到期，还有不到 {left} 天：{how}。到期后该账号的发布任务暂缓"
        ),
    }
}

fn before(until: Timestamp, days: u32) -> Timestamp {
    until.checked_sub(SignedDuration::from_secs(DAY * i64::from(days))).unwrap_or(Timestamp::MIN)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::caps::later;

    const HOUR: i64 = 3_600;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    /// What is told in the 40 days before an end and the day after it, by somebody who looks every `every` seconds and is
    /// answered an end that is off by up to half a minute; as (days that are left, threshold).
    fn told(every: i64) -> Vec<(i64, u32)> {
        let (end, mut warned, mut told) = (at(40 * DAY), None, Vec::new());
        for look in (0..41 * DAY).step_by(usize::try_from(every).unwrap()) {
            let off = SignedDuration::from_secs(-(look % 31));
            if let Some(news) = due(later(end, off), warned, at(look)) {
                told.push((days_left(end, at(look)), news.days));
                warned = Some(news);
            }
        }
        told
    }

    #[test]
    fn f61_each_day_of_warning_is_told_once_however_often_one_looks() {
        for every in [600, HOUR, 6 * HOUR] {
            assert_eq!(told(every), [(14, 14), (7, 7), (3, 3), (1, 1)], "{every}");
        }
        // Looks that are days apart tell the nearest threshold, not all that were missed.
        assert_eq!(told(10 * DAY), [(10, 14)]);
        assert_eq!(told(13 * DAY), [(14, 14), (1, 1)]);
    }

    #[test]
    fn f61_a_new_sign_in_is_warned_of_anew_and_an_ended_one_no_more() {
        let warned = due(at(3 * DAY), None, at(0)).unwrap();
        assert_eq!((warned.days, due(at(3 * DAY + 20), Some(warned), at(0))), (3, None));
        let renewed = due(at(33 * DAY), Some(warned), at(30 * DAY)).unwrap();
        assert_eq!(renewed, Warned { until: at(33 * DAY), days: 3 });
        assert_eq!((due(at(DAY), None, at(DAY)), due(at(DAY), None, at(2 * DAY))), (None, None));
        assert_eq!(due(at(15 * DAY), None, at(0)), None, "that is long enough");
    }

    #[test]
    fn f61_the_next_look_comes_with_the_next_thing_to_tell() {
        let end = at(40 * DAY);
        let mut now = at(0);
        let mut days = Vec::new();
        while let Some(look) = next(end, now) {
            days.push(days_left(end, look));
            now = look;
        }
        assert_eq!(days, [14, 7, 3, 1, 0]);
        assert_eq!(next(Timestamp::MIN, at(0)), None);
    }

    #[test]
    fn f61_a_warning_says_when_and_what_to_do_and_is_the_same_for_the_same_end() {
        let warned = Warned { until: at(7 * DAY), days: 7 };
        let told = notice("W015", warned, 7, "2026-12-01 09:00", "请重新授权");
        for words in ["W015", "2026-12-01 09:00", "不到 7 天", "请重新授权", "暂缓"] {
            assert!(told.text.contains(words), "{}", told.text);
        }
        let later_that_day = notice("W015", warned, 6, "x", "y");
        assert_eq!(told.id, later_that_day.id);
        assert_ne!(told.id, notice("W015", Warned { days: 3, ..warned }, 3, "x", "y").id);
    }
}

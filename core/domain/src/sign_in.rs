//! An account whose sign-in fails: nothing of it leaves meanwhile, it is tried again with growing pauses, and a person is
//! told when only a person can help (F10, F61).

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::backoff::Backoff;
use crate::caps::later;
use crate::notice::Draft;
use crate::reason::Why;

/// How the sign-in of an account stands while it is in doubt. An account whose sign-in works has none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SignIn {
    /// In a row.
    pub failures: u32,
    /// Nothing leaves and no token is asked for before.
    pub retry_at: Timestamp,
    /// Somebody has to sign in, since then. What is due is held.
    pub needed_since: Option<Timestamp>,
    /// With a machine word before the colon.
    pub reason: String,
}

/// What went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// No new token was handed out; the platform may do so the next time.
    NoToken,
    /// The platform accepts neither the token nor what buys one, or there is nothing that buys one.
    SignedOut,
}

/// So many failures in a row are for a person to look at.
pub const MOST_FAILURES: u32 = 3;

const BACKOFF: Backoff =
    Backoff { first: SignedDuration::from_secs(5), longest: SignedDuration::from_hours(1) };
/// A sign-in that was not in doubt for so long has a clean slate.
const FORGOTTEN_AFTER: SignedDuration = SignedDuration::from_hours(1);

/// The sign-in after one more failure. Several calls that fail for the same reason at the same time are one failure.
pub fn after(before: Option<&SignIn>, failure: Failure, said: &str, now: Timestamp) -> SignIn {
    let counted = before.filter(|before| now < before.retry_at);
    let failures = match (counted, before) {
        (Some(before), _) => before.failures,
        (None, before) => before.map_or(0, |before| before.failures).saturating_add(1),
    };
    let is_needed = failure == Failure::SignedOut || failures >= MOST_FAILURES;
    let needed_since = before.and_then(|before| before.needed_since).or(is_needed.then_some(now));
    let retry_at = counted.map_or_else(|| later(now, BACKOFF.pause(failures)), |before| before.retry_at);
    SignIn { failures, retry_at, needed_since, reason: Why::AuthExpired.because(said) }
}

impl SignIn {
    /// The platform lets the account in again. The failures stay counted for a while, so that one that is let in and turned
    /// away in turns is asked less and less often.
    pub fn works(&self, now: Timestamp) -> Self {
        Self { needed_since: None, retry_at: now, ..self.clone() }
    }

    pub fn is_forgotten(&self, now: Timestamp) -> bool {
        self.needed_since.is_none() && later(self.retry_at, FORGOTTEN_AFTER) <= now
    }
}

/// What is told when somebody has to sign in: once for the account and the hour, however many deliveries wait for it.
pub fn notice(account: &str, sign_in: &SignIn) -> Option<Draft> {
    let hour = sign_in.needed_since?.as_second().div_euclid(3600);
    let why = crate::reason::explain(&sign_in.reason).chinese;
    Some(Draft {
        id: format!("account:{account}:auth_needed:{hour}"),
        kind: "auth_needed",
        subject: format!("account:{account}"),
        text: format!("账号 {account}：{why}。在此之前该账号的发布任务暂缓"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn failed(before: Option<&SignIn>, failure: Failure, second: i64) -> SignIn {
        after(before, failure, "x", at(second))
    }

    #[test]
    fn f10_three_failures_or_a_clear_word_are_for_a_person() {
        let first = failed(None, Failure::NoToken, 100);
        assert_eq!((first.failures, first.retry_at, first.needed_since), (1, at(105), None));
        let second = failed(Some(&first), Failure::NoToken, 105);
        assert_eq!((second.failures, second.retry_at, second.needed_since), (2, at(115), None));
        let third = failed(Some(&second), Failure::NoToken, 115);
        assert_eq!((third.failures, third.retry_at, third.needed_since), (3, at(135), Some(at(115))));
        let fourth = failed(Some(&third), Failure::NoToken, 135);
        assert_eq!((fourth.needed_since, fourth.retry_at), (Some(at(115)), at(175)));
        assert_eq!(failed(None, Failure::SignedOut, 100).needed_since, Some(at(100)));
        assert_eq!(failed(Some(&first), Failure::SignedOut, 101).needed_since, Some(at(101)));
    }

    #[test]
    fn f39_failures_at_the_same_time_are_one() {
        let first = failed(None, Failure::NoToken, 100);
        let same = failed(Some(&first), Failure::NoToken, 104);
        assert_eq!((same.failures, same.retry_at), (1, at(105)));
    }

    #[test]
    fn p20_the_pause_grows_to_an_hour_also_when_the_account_is_let_in_in_between() {
        let mut sign_in = failed(None, Failure::SignedOut, 0);
        for _ in 0..40 {
            let now = sign_in.retry_at;
            sign_in = after(Some(&sign_in.works(now)), Failure::SignedOut, "x", now);
        }
        assert_eq!(sign_in.retry_at.duration_since(sign_in.needed_since.unwrap()), BACKOFF.longest);
        let works = sign_in.works(at(9));
        assert!(
            !works.is_forgotten(at(3608))
                && works.is_forgotten(at(3609))
                && !sign_in.is_forgotten(at(i64::from(u32::MAX)))
        );
    }

    #[test]
    fn p20_one_notice_for_an_account_and_an_hour() {
        let told = |second| notice("W000", &failed(None, Failure::SignedOut, second)).unwrap();
        assert_eq!(told(7200).id, told(10_799).id);
        assert_ne!(told(7200).id, told(10_800).id);
        assert!(told(0).text.contains("重新授权"), "{}", told(0).text);
        assert_eq!(notice("W000", &failed(None, Failure::NoToken, 0)), None);
    }
}

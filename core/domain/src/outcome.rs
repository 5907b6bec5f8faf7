//! What an outcome means for a delivery: the whole retry policy as one pure function. Whatever is not a clear answer is
//! in doubt, and what is in doubt is never sent again by itself (promise P1; rules R1 to R10 of the send protocol).

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::backoff::Backoff;
use crate::caps::later;
use crate::delivery::{Receipt, ReceiptBy};
use crate::pause;
use crate::reason::Why;

/// How a call ended, as far as the delivery is concerned.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    Published {
        id: String,
        url: Option<String>,
        at: Option<Timestamp>,
    },
    /// The platform decides later.
    Accepted {
        ticket: String,
    },
    /// A clear no; nothing is out.
    Refused {
        reason: String,
    },
    /// A clear no to the account, whatever it posts: a captcha, risk control, a freeze; nothing is out (F60).
    Barred {
        reason: String,
    },
    /// The platform could not prove who it is; nothing was said to it (F49).
    Insecure {
        reason: String,
    },
    /// A clear "not now"; nothing is out.
    Busy {
        wait: Option<SignedDuration>,
        reason: String,
    },
    /// Every request that left was answered and then the call broke off: the same call goes on where it stopped, and
    /// its answered requests are not sent again. `began` when there were any.
    Interrupted {
        began: bool,
        reason: String,
    },
    /// Nothing is out until somebody signs in again.
    AuthExpired {
        reason: String,
    },
    /// Nothing is out until the quota is renewed.
    Quota {
        until: Option<Timestamp>,
        reason: String,
    },
    /// Nothing left because it may not: STOP ALL, a lost fence.
    Stopped {
        reason: String,
    },
    /// It may be out.
    Unsure {
        reason: String,
    },
}

/// The policy, from the settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Retry {
    /// Attempts of one delivery, the first included.
    pub most: u32,
    pub first_pause: SignedDuration,
    pub longest_pause: SignedDuration,
}

/// What happens next.
#[derive(Debug, Clone, PartialEq)]
pub enum Next {
    Published(Receipt),
    Accepted {
        ticket: String,
        look_at: Timestamp,
    },
    /// Due again.
    Again {
        at: Timestamp,
        reason: String,
        resume: bool,
    },
    Waiting {
        until: Timestamp,
        reason: String,
    },
    Refused {
        reason: String,
    },
    Held {
        reason: String,
    },
    InDoubt {
        look_at: Timestamp,
        reason: String,
    },
    NeedsPerson {
        reason: String,
    },
    /// The platform took down what it had published (F63).
    Removed {
        reason: String,
    },
}

/// How long an account without a sign-in waits before it is looked at again.
pub const AUTH_LOOK: SignedDuration = SignedDuration::from_secs(60);
/// A used-up quota without a time: look again after this.
pub const QUOTA_LOOK: SignedDuration = SignedDuration::from_secs(300);
/// The first look at an asynchronous platform.
pub const FIRST_LOOK: SignedDuration = SignedDuration::from_secs(2);

impl Retry {
    /// The pause after try number `tries` (1 is the first): doubled each time.
    pub fn pause(&self, tries: u32) -> SignedDuration {
        Backoff { first: self.first_pause, longest: self.longest_pause }.pause(tries)
    }
}

/// Decides, and says why in a word that people get translated. `tries` counts the attempt that just ended; `lag` is how far the platform's own list may be behind.
pub fn after(outcome: Outcome, tries: u32, retry: &Retry, lag: SignedDuration, now: Timestamp) -> Next {
    let again = |at, reason: String, resume| {
        if tries < retry.most {
            Next::Again { at, reason, resume }
        } else {
            let said = format!("{reason} (after {tries} attempts)");
            Next::Held { reason: Why::TriedTooOften.because(said) }
        }
    };
    match outcome {
        Outcome::Published { id, url, at } => {
            let published_at = at.unwrap_or(now);
            Next::Published(Receipt { platform_id: Some(id), url, published_at, by: ReceiptBy::Answer })
        }
        Outcome::Accepted { ticket } => Next::Accepted { ticket, look_at: later(now, FIRST_LOOK) },
        Outcome::Refused { reason } => Next::Refused { reason: Why::PlatformRefused.because(reason) },
        Outcome::Barred { reason } => Next::Held { reason: pause::held_for(&Why::Barred.because(reason)) },
        // Trying again would ask the same stranger again.
        Outcome::Insecure { reason } => Next::Held { reason: Why::Insecure.because(reason) },
        Outcome::Busy { wait, reason } => {
            let pause = retry.pause(tries).max(wait.unwrap_or(SignedDuration::ZERO));
            again(later(now, pause), Why::Busy.because(reason), false)
        }
        Outcome::Interrupted { began: true, reason } if tries >= retry.most => {
            Next::InDoubt { look_at: later(now, lag), reason: Why::Unclear.because(reason) }
        }
        Outcome::Interrupted { reason, began } => {
            again(later(now, retry.pause(tries)), Why::Interrupted.because(reason), began)
        }
        Outcome::AuthExpired { reason } => {
            Next::Waiting { until: later(now, AUTH_LOOK), reason: Why::AuthExpired.because(reason) }
        }
        Outcome::Quota { until, reason } => {
            let until = until.filter(|t| *t > now).unwrap_or_else(|| later(now, QUOTA_LOOK));
            Next::Waiting { until, reason: Why::Quota.because(reason) }
        }
        // The ledger and the settings say why in a word of their own.
        Outcome::Stopped { reason } => Next::Held { reason },
        // It may be out there: look before anything else.
        Outcome::Unsure { reason } => {
            Next::InDoubt { look_at: later(now, lag), reason: Why::Unclear.because(reason) }
        }
    }
}

/// After the platform has published something it is asked so long afterwards whether it still stands by that: reviews come
/// after minutes, complaints after days.
pub const RECHECKS: [SignedDuration; 6] = [
    SignedDuration::from_mins(10),
    SignedDuration::from_hours(1),
    SignedDuration::from_hours(6),
    SignedDuration::from_hours(24),
    SignedDuration::from_hours(3 * 24),
    SignedDuration::from_hours(7 * 24),
];

/// When to ask next whether something published at that time still stands; `None` when that was often enough.
pub fn recheck_after(published_at: Timestamp, now: Timestamp) -> Option<Timestamp> {
    RECHECKS.iter().map(|pause| later(published_at, *pause)).find(|time| *time > now)
}

/// What a look at the account says about a delivery in doubt.
#[derive(Debug, Clone, PartialEq)]
pub enum Evidence {
    /// Exactly one post matches.
    Found { id: String, url: Option<String>, at: Option<Timestamp> },
    /// More than one does: which is ours is for a person to say (F67).
    Ambiguous { matches: usize },
    /// None was seen, which proves nothing.
    NotSeen,
    /// None was seen in the part of the list that could be read, which says even less (F66).
    PartSeen,
    /// The account could not be read (F65).
    Unreadable { reason: String },
    /// The adapter cannot look.
    CannotLook,
}

/// Closes a doubt, or keeps it open until the window has passed. Absence is never proof (R6).
pub fn weigh(evidence: Evidence, window_ends: Timestamp, retry: &Retry, looks: u32, now: Timestamp) -> Next {
    let person = |why: Why, said: &str| Next::NeedsPerson { reason: why.because(said) };
    match evidence {
        Evidence::Found { id, url, at } => {
            let published_at = at.unwrap_or(now);
            Next::Published(Receipt { platform_id: Some(id), url, published_at, by: ReceiptBy::Evidence })
        }
        Evidence::Ambiguous { matches } => {
            person(Why::SeveralMatch, &format!("{matches} posts on the account match"))
        }
        Evidence::CannotLook => person(Why::CannotLook, "the adapter cannot search the platform"),
        Evidence::NotSeen | Evidence::PartSeen | Evidence::Unreadable { .. } if now < window_ends => {
            let reason = match &evidence {
                Evidence::Unreadable { reason } => Why::UnreadableYet.because(reason),
                Evidence::PartSeen => {
                    Why::NotSeenYet.because(Why::PartSeen.because(format_args!("looked {looks} times")))
                }
                _ => Why::NotSeenYet.because(format_args!("looked {looks} times")),
            };
            Next::InDoubt { look_at: later(now, retry.pause(looks.max(1))).min(window_ends), reason }
        }
        Evidence::NotSeen => person(Why::NotSeen, &format!("looked {looks} times")),
        Evidence::PartSeen => person(Why::PartSeen, &format!("looked {looks} times")),
        Evidence::Unreadable { reason } => person(Why::Unreadable, &reason),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RETRY: Retry = Retry {
        most: 3,
        first_pause: SignedDuration::from_secs(5),
        longest_pause: SignedDuration::from_secs(60),
    };
    const LAG: SignedDuration = SignedDuration::from_secs(120);

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn next(outcome: Outcome, tries: u32) -> Next {
        after(outcome, tries, &RETRY, LAG, at(1000))
    }

    fn why() -> String {
        "x".into()
    }

    #[test]
    fn pauses_double_up_to_the_longest() {
        let seconds: Vec<i64> = (1..=6).map(|n| RETRY.pause(n).as_secs()).collect();
        assert_eq!(seconds, [5, 10, 20, 40, 60, 60]);
        assert_eq!(RETRY.pause(u32::MAX).as_secs(), 60);
    }

    #[test]
    fn p01_an_unclear_outcome_is_never_tried_again() {
        for tries in 0..5 {
            let next = next(Outcome::Unsure { reason: why() }, tries);
            assert_eq!(next, Next::InDoubt { look_at: at(1120), reason: "unclear: x".into() });
        }
    }

    #[test]
    fn a_clear_not_now_is_tried_again_a_bounded_number_of_times() {
        let busy = |wait| Outcome::Busy { wait, reason: why() };
        let later = |second| Next::Again { at: at(second), reason: "busy: x".into(), resume: false };
        assert_eq!(next(busy(None), 1), later(1005));
        let long = Some(SignedDuration::from_secs(30));
        assert_eq!(next(busy(long), 2), later(1030));
        let gave_up = "tried_too_often: busy: x (after 3 attempts)".to_owned();
        assert_eq!(next(busy(None), 3), Next::Held { reason: gave_up });
        let interrupted = |began| Outcome::Interrupted { began, reason: why() };
        let broken_off = |resume| Next::Again { at: at(1005), reason: "interrupted: x".into(), resume };
        assert_eq!(next(interrupted(true), 1), broken_off(true));
        assert_eq!(next(interrupted(false), 1), broken_off(false));
        assert!(matches!(next(interrupted(false), 3), Next::Held { .. }));
        assert!(matches!(next(interrupted(true), 3), Next::InDoubt { .. }), "something may be out");
    }

    #[test]
    fn f60_f49_a_barred_account_and_a_platform_without_proof_wait_for_a_person_and_are_not_tried_again() {
        let barred = Outcome::Barred { reason: "20031: 请输入验证码".into() };
        let reason = "account_paused: barred: 20031: 请输入验证码".to_owned();
        assert_eq!(next(barred, 1), Next::Held { reason });
        let insecure = Outcome::Insecure { reason: "UnknownIssuer".into() };
        assert_eq!(next(insecure, 1), Next::Held { reason: "insecure: UnknownIssuer".into() });
    }

    #[test]
    fn a_quota_waits_for_its_time_and_a_past_time_is_not_believed() {
        let quota = |until| Outcome::Quota { until, reason: why() };
        let waits = |until| Next::Waiting { until: at(until), reason: "quota: x".into() };
        assert_eq!(next(quota(Some(at(2000))), 1), waits(2000));
        assert_eq!(next(quota(Some(at(10))), 1), waits(1300));
    }

    #[test]
    fn f63_what_is_out_is_asked_about_less_and_less_often_and_in_the_end_no_more() {
        let mut asked = Vec::new();
        let mut now = at(0);
        while let Some(next) = recheck_after(at(0), now) {
            asked.push(next.as_second());
            now = next;
        }
        assert_eq!(asked, [600, 3600, 21_600, 86_400, 259_200, 604_800]);
        assert_eq!(recheck_after(at(0), at(50_000)), Some(at(86_400)), "a daemon that was down asks once");
    }

    #[test]
    fn f66_absence_proves_nothing_and_least_of_all_from_a_part_of_a_list() {
        let weigh = |evidence, now| weigh(evidence, at(1100), &RETRY, 1, at(now));
        assert!(matches!(weigh(Evidence::NotSeen, 1000), Next::InDoubt { .. }));
        assert!(matches!(weigh(Evidence::NotSeen, 1100), Next::NeedsPerson { .. }));
        assert!(matches!(weigh(Evidence::Ambiguous { matches: 2 }, 1000), Next::NeedsPerson { .. }));
        let part = Next::NeedsPerson { reason: "part_seen: looked 1 times".into() };
        assert!(matches!(weigh(Evidence::PartSeen, 1000), Next::InDoubt { .. }));
        assert_eq!(weigh(Evidence::PartSeen, 1100), part);
        assert!(matches!(weigh(Evidence::CannotLook, 1000), Next::NeedsPerson { .. }));
        assert!(matches!(weigh(Evidence::Unreadable { reason: why() }, 1000), Next::InDoubt { .. }));
        let found = Evidence::Found { id: "7".into(), url: None, at: None };
        assert!(matches!(weigh(found, 1100), Next::Published(r) if r.by == ReceiptBy::Evidence));
    }
}

//! When an account pauses itself (P20, F60, F68): a mistake of ours, of an adapter or of a platform costs a few deliveries,
//! never a storm, and tells somebody once.
//!
//! What ends badly is counted by delivery, not by try, and only as long as nothing ends well in between: one bad day of a
//! platform is not the same as three bad days of three accounts. What waits for its time, a sign-in, a quota or a person's
//! word says nothing about the account. A platform that does not let the account publish at all is believed at once.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::delivery::Delivery;
use crate::id::DeliveryId;
use crate::reason::{self, Why};
use crate::state::DeliveryState;

/// A delivery that ended badly, as it is kept with its account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ending {
    pub delivery: DeliveryId,
    pub state: DeliveryState,
    pub reason: String,
    pub at: Timestamp,
}

/// What a delivery's new state says about its account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sign {
    /// The account publishes.
    Good,
    Bad,
    /// The platform does not let the account publish.
    Barred,
    Nothing,
}

/// How an account stands after an ending.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// The bad ends since the last good one, oldest first.
    pub endings: Vec<Ending>,
    /// Why the account pauses now, if it does.
    pub pause: Option<String>,
}

/// Bad ends that are kept as evidence.
const MOST_KEPT: usize = 20;

/// What the daemon's latest move of a delivery says about its account.
pub fn sign(from: DeliveryState, delivery: &Delivery) -> Sign {
    use DeliveryState as S;
    let words = delivery.reason.as_deref().map(|said| reason::explain(said).words).unwrap_or_default();
    match (delivery.state, words.as_slice()) {
        (state, _) if state == from => Sign::Nothing,
        (S::Published, _) => Sign::Good,
        (S::Held, [Why::AccountPaused, Why::Barred, ..]) => Sign::Barred,
        (S::Refused | S::NeedsPerson, _) => Sign::Bad,
        // Our own code broke, or the database is an older one: the account can do nothing about it.
        (S::InDoubt, [Why::DaemonBroke | Why::EndsTheDaemon | Why::Forgotten, ..]) => Sign::Nothing,
        (S::InDoubt, _) => Sign::Bad,
        (
            S::Held,
            [
                Why::TriedTooOften
                | Why::Misconfigured
                | Why::BadAnswer
                | Why::ReplayMismatch
                | Why::Insecure,
                ..,
            ],
        ) => Sign::Bad,
        _ => Sign::Nothing,
    }
}

/// The account after one more ending. `most` bad ends in a row pause it; 0: none do.
pub fn after(before: &[Ending], sign: Sign, delivery: &Delivery, most: u32, now: Timestamp) -> Trouble {
    let mut endings = before.to_vec();
    let known = endings.iter().position(|ending| ending.delivery == delivery.id);
    match (sign, known) {
        (Sign::Nothing, _) => return Trouble { endings, pause: None },
        // It was in doubt, and is out after all: that clears what came before it, and nothing of what came later.
        (Sign::Good, Some(known)) => drop(endings.drain(..=known)),
        (Sign::Good, None) => endings.clear(),
        (Sign::Bad | Sign::Barred, known) => {
            let (state, reason) = (delivery.state, delivery.reason.clone().unwrap_or_default());
            let ending = Ending { delivery: delivery.id.clone(), state, reason, at: now };
            match known.and_then(|known| endings.get_mut(known)) {
                Some(known) => *known = ending,
                None => endings.push(ending),
            }
            endings.drain(..endings.len().saturating_sub(MOST_KEPT));
        }
    }
    let in_a_row = endings.len();
    let too_many = sign == Sign::Bad && most > 0 && u32::try_from(in_a_row).is_ok_and(|bad| bad >= most);
    let pause = match sign {
        Sign::Barred => Some(why_barred(delivery)),
        _ if too_many => Some(Why::EndedBadly.because(format_args!("{in_a_row} deliveries in a row"))),
        _ => None,
    };
    Trouble { endings, pause }
}

/// The reason of a delivery that waits because its account is paused for this reason.
pub fn held_for(pause: &str) -> String {
    Why::AccountPaused.because(pause)
}

/// The platform's words, without the one that says that they pause the account.
fn why_barred(delivery: &Delivery) -> String {
    let said = delivery.reason.as_deref().unwrap_or_default();
    let of_the_account = said.split_once(": ").map_or(said, |(_, rest)| rest);
    of_the_account.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::approval::tests::approved;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn ended(id: &str, state: DeliveryState, reason: &str) -> Delivery {
        let (_, _, mut delivery) = approved();
        delivery.id = id.into();
        (delivery.state, delivery.reason) = (state, Some(reason.to_owned()).filter(|said| !said.is_empty()));
        delivery
    }

    /// Goes through endings, each from `sending`; the kept ones, and after which of them the account was paused.
    fn through(endings: &[(&str, DeliveryState, &str)], most: u32) -> (Vec<String>, Option<usize>) {
        let (mut kept, mut paused) = (Vec::new(), None);
        for (number, (id, state, reason)) in endings.iter().enumerate() {
            let delivery = ended(id, *state, reason);
            let sign = sign(DeliveryState::Sending, &delivery);
            let trouble = after(&kept, sign, &delivery, most, at(1));
            kept = trouble.endings;
            paused = paused.or(trouble.pause.map(|_| number));
        }
        (kept.into_iter().map(|ending| ending.delivery.to_string()).collect(), paused)
    }

    #[test]
    fn p20_bad_ends_in_a_row_pause_an_account_whatever_each_of_them_is() {
        use DeliveryState as S;
        let bad = [
            ("a", S::InDoubt, "unclear: success_unseen: x"),
            ("b", S::Refused, "platform_refused: x"),
            ("c", S::Held, "tried_too_often: busy: x"),
        ];
        assert_eq!(through(&bad, 3).1, Some(2));
        assert_eq!(through(&bad, 4).1, None);
        assert_eq!(through(&bad, 0).1, None, "0: never");
    }

    #[test]
    fn p20_one_delivery_counts_once_and_a_good_end_clears_what_came_before() {
        use DeliveryState as S;
        let doubt = "unclear: timed_out: x";
        let same = [("a", S::InDoubt, doubt), ("a", S::NeedsPerson, "not_seen: x"), ("b", S::InDoubt, doubt)];
        assert_eq!(through(&same, 3), (vec!["a".to_owned(), "b".to_owned()], None));
        let found = [("a", S::InDoubt, doubt), ("b", S::InDoubt, doubt), ("a", S::Published, "")];
        assert_eq!(through(&found, 3).0, ["b"], "a was out all the time, b is in doubt");
        let fresh = [("a", S::InDoubt, doubt), ("b", S::InDoubt, doubt), ("c", S::Published, "")];
        assert_eq!(through(&fresh, 3).0.len(), 0);
    }

    #[test]
    fn p20_what_says_nothing_about_the_account_does_not_count() {
        use DeliveryState as S;
        for (state, reason) in [
            (S::Waiting, "quota: x"),
            (S::Waiting, "auth_expired: x"),
            (S::Due, "busy: x"),
            (S::Missed, "missed: x"),
            (S::Held, "stopped: x"),
            (S::Held, "operator: x"),
            (S::Held, "lost_claim: x"),
            (S::Held, "account_paused: ended_badly: 3 deliveries in a row"),
            (S::InDoubt, "daemon_broke: x"),
            (S::InDoubt, "ends_the_daemon: earlier_began: x"),
            (S::Accepted, ""),
        ] {
            assert_eq!(sign(S::Sending, &ended("a", state, reason)), Sign::Nothing, "{state} {reason}");
        }
        let looked_again = ended("a", S::InDoubt, "not_seen_yet: looked 2 times");
        assert_eq!(sign(S::InDoubt, &looked_again), Sign::Nothing);
    }

    #[test]
    fn f60_a_platform_that_does_not_let_the_account_publish_is_believed_at_once() {
        let barred = ended("a", DeliveryState::Held, "account_paused: barred: 20031: 请输入验证码");
        let sign = sign(DeliveryState::Sending, &barred);
        assert_eq!(sign, Sign::Barred);
        let trouble = after(&[], sign, &barred, 0, at(1));
        assert_eq!(trouble.pause.as_deref(), Some("barred: 20031: 请输入验证码"));
        assert_eq!(held_for("barred: x"), "account_paused: barred: x");
    }

    #[test]
    fn p20_the_evidence_is_bounded() {
        let delivery = |n: usize| ended(&format!("d{n}"), DeliveryState::Refused, "platform_refused: x");
        let kept =
            (0..50).fold(Vec::new(), |kept, n| after(&kept, Sign::Bad, &delivery(n), 0, at(1)).endings);
        assert_eq!((kept.len(), kept.last().unwrap().delivery.as_str()), (MOST_KEPT, "d49"));
    }
}

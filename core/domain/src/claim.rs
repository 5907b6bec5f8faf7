//! May this delivery be sent now? Asked in the same transaction that claims it, with everything that could say no.

use jiff::Timestamp;

use crate::approval::{Authorised, NotApproved, authorise};
use crate::caps::{Caps, Room, Used};
use crate::crash::{self, Ends};
use crate::delivery::Delivery;
use crate::id::Platform;
use crate::item::Item;
use crate::matrix::AccountStatus;
use crate::reason::Why;
use crate::review::Decision;
use crate::sign_in::SignIn;

/// Everything the answer depends on.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    pub delivery: &'a Delivery,
    pub item: &'a Item,
    pub decisions: &'a [Decision],
    /// Platform of the delivery that is forwarded.
    pub origin: Option<&'a Platform>,
    /// `None` when the settings no longer have the account.
    pub account: Option<Standing>,
    pub used: Used,
    /// STOP ALL is on.
    pub stopped: bool,
    /// The account is paused (P20).
    pub paused: bool,
    /// `None` while nobody doubts that the account is signed in.
    pub sign_in: Option<&'a SignIn>,
    pub ends: Ends,
    pub now: Timestamp,
}

/// How an account stands in the running settings.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Standing {
    pub status: AccountStatus,
    /// An adapter for it is loaded and serving.
    pub adapter_ready: bool,
    pub caps: Caps,
}

/// The answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Ruling {
    Send(Box<Authorised>),
    /// Put aside until the reason is gone.
    Hold(HoldReason),
    /// Not sent again, though something of it may be out: it is looked for on the account.
    Doubt {
        reason: String,
    },
    /// Stays due; look again then.
    Later(Timestamp),
    /// Stays due; when the other delivery of this account is done.
    AfterTheOther,
    /// Too late.
    Missed,
}

/// Why a delivery is held. [`std::fmt::Display`] is what people read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HoldReason {
    Stopped,
    AccountGone,
    AccountNotActive(AccountStatus),
    AccountPaused,
    SignedOut,
    NotApproved(NotApproved),
    /// The durable cap of attempts is used up.
    TriedTooOften {
        tries: u32,
    },
    /// The daemon ended each time that it was in hand (F12).
    EndsTheDaemon {
        ends: u32,
    },
}

impl HoldReason {
    /// The word of the database and the API: `engine::sweep` releases by it.
    pub fn code(self) -> &'static str {
        self.why().as_str()
    }

    fn why(self) -> Why {
        match self {
            Self::Stopped => Why::Stopped,
            Self::AccountGone => Why::AccountGone,
            Self::AccountNotActive(_) => Why::AccountNotActive,
            Self::AccountPaused => Why::AccountPaused,
            Self::SignedOut => Why::AuthExpired,
            Self::NotApproved(_) => Why::NotApproved,
            Self::TriedTooOften { .. } => Why::TriedTooOften,
            Self::EndsTheDaemon { .. } => Why::EndsTheDaemon,
        }
    }
}

impl std::fmt::Display for HoldReason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: ", self.code())?;
        match self {
            Self::Stopped => f.write_str("STOP ALL is on"),
            Self::AccountGone => f.write_str("the settings no longer have this account"),
            Self::AccountNotActive(status) => write!(f, "the account is {status:?} in the settings"),
            Self::AccountPaused => f.write_str("the account is paused"),
            Self::SignedOut => f.write_str("the account has to sign in"),
            Self::NotApproved(why) => write!(f, "{why}"),
            Self::TriedTooOften { tries } => write!(f, "{tries} attempts are the most for one delivery"),
            Self::EndsTheDaemon { ends } => write!(f, "the daemon ended {ends} times with it in hand"),
        }
    }
}

/// Decides. An adapter that is not ready is no reason to hold: the delivery waits as due until it is missed.
pub fn rule(facts: &Facts<'_>) -> Ruling {
    let delivery = facts.delivery;
    // What was broken off goes on: the ledger lets it send nothing new after its time.
    let valid_until = facts.item.content.filing.valid_until;
    let is_over = facts.now > delivery.latest_at || valid_until.is_some_and(|until| facts.now > until);
    if is_over && !delivery.resumes {
        return Ruling::Missed;
    }
    if delivery.next_at > facts.now {
        return Ruling::Later(delivery.next_at);
    }
    if facts.stopped {
        return Ruling::Hold(HoldReason::Stopped);
    }
    let Some(account) = facts.account else {
        return Ruling::Hold(HoldReason::AccountGone);
    };
    if account.status != AccountStatus::Active {
        return Ruling::Hold(HoldReason::AccountNotActive(account.status));
    }
    if facts.paused {
        return Ruling::Hold(HoldReason::AccountPaused);
    }
    match facts.sign_in {
        Some(sign_in) if sign_in.needed_since.is_some() => return Ruling::Hold(HoldReason::SignedOut),
        Some(sign_in) if facts.now < sign_in.retry_at => return Ruling::Later(sign_in.retry_at),
        _ => {}
    }
    let leave = match authorise(facts.item, facts.decisions, delivery, facts.origin) {
        Ok(leave) => leave,
        Err(why) => return Ruling::Hold(HoldReason::NotApproved(why)),
    };
    if let Some(ruling) = crash::rule(facts.ends, delivery.resumes, facts.now) {
        return ruling;
    }
    // What broke off after answered requests may be out: it goes on from there, which is no further try.
    if delivery.tries >= account.caps.per_delivery && !delivery.resumes {
        return Ruling::Hold(HoldReason::TriedTooOften { tries: delivery.tries });
    }
    if !account.adapter_ready {
        return Ruling::Later(crate::caps::later(facts.now, jiff::SignedDuration::from_secs(1)));
    }
    match account.caps.room(&facts.used, facts.now) {
        Room::Yes => Ruling::Send(Box::new(leave)),
        Room::From(time) => Ruling::Later(time),
        Room::AfterTheOther => Ruling::AfterTheOther,
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;
    use crate::approval::tests::approved;
    use crate::state::ItemState;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    struct World {
        item: Item,
        decisions: Vec<Decision>,
        delivery: Delivery,
        account: Option<Standing>,
        used: Used,
        stopped: bool,
        paused: bool,
        sign_in: Option<SignIn>,
        now: Timestamp,
    }

    fn rule_after(change: impl FnOnce(&mut World)) -> Ruling {
        let (item, decisions, delivery) = approved();
        let caps = Caps { per_delivery: 3, per_account_hour: 10, gap: SignedDuration::ZERO };
        let account = Some(Standing { status: AccountStatus::Active, adapter_ready: true, caps });
        let used = Used::default();
        let (stopped, paused, now) = (false, false, at(10));
        let sign_in = None;
        let mut world = World { item, decisions, delivery, account, used, stopped, paused, sign_in, now };
        change(&mut world);
        rule(&Facts {
            delivery: &world.delivery,
            item: &world.item,
            decisions: &world.decisions,
            origin: None,
            account: world.account,
            used: world.used,
            stopped: world.stopped,
            ends: Ends::default(),
            paused: world.paused,
            sign_in: world.sign_in.as_ref(),
            now: world.now,
        })
    }

    #[test]
    fn what_is_approved_and_due_is_sent() {
        assert!(matches!(rule_after(|_| ()), Ruling::Send(_)));
    }

    #[test]
    fn p06_never_early_p07_never_late() {
        assert_eq!(rule_after(|w| w.delivery.next_at = at(11)), Ruling::Later(at(11)));
        assert_eq!(rule_after(|w| w.now = at(901)), Ruling::Missed);
        assert!(matches!(rule_after(|w| w.now = at(900)), Ruling::Send(_)));
        let broken_off = |w: &mut World| (w.now, w.delivery.resumes) = (at(901), true);
        assert!(matches!(rule_after(broken_off), Ruling::Send(_)), "it may be out: not missed");
    }

    #[test]
    fn p26_stop_holds_and_so_do_settings_that_lost_the_account() {
        assert_eq!(rule_after(|w| w.stopped = true), Ruling::Hold(HoldReason::Stopped));
        assert_eq!(rule_after(|w| w.account = None), Ruling::Hold(HoldReason::AccountGone));
        let suspend = |w: &mut World| w.account.iter_mut().for_each(|a| a.status = AccountStatus::Suspended);
        assert!(matches!(rule_after(suspend), Ruling::Hold(HoldReason::AccountNotActive(_))));
    }

    #[test]
    fn p02_an_approval_that_is_gone_holds() {
        assert!(matches!(rule_after(|w| w.decisions.clear()), Ruling::Hold(HoldReason::NotApproved(_))));
        assert!(matches!(
            rule_after(|w| w.item.state = ItemState::Returned),
            Ruling::Hold(HoldReason::NotApproved(NotApproved::ItemNotReleased(_)))
        ));
    }

    #[test]
    fn p20_f60_a_paused_account_sends_nothing_and_is_late_like_any_other() {
        assert_eq!(rule_after(|w| w.paused = true), Ruling::Hold(HoldReason::AccountPaused));
        assert_eq!(rule_after(|w| (w.paused, w.now) = (true, at(901))), Ruling::Missed);
    }

    #[test]
    fn f10_f61_an_account_that_cannot_sign_in_waits_and_one_that_needs_a_person_is_held() {
        let doubted = |needed_since| {
            let reason = "auth_expired: x".to_owned();
            Some(SignIn { failures: 1, retry_at: at(20), needed_since, reason })
        };
        assert_eq!(rule_after(|w| w.sign_in = doubted(None)), Ruling::Later(at(20)));
        assert!(matches!(rule_after(|w| (w.sign_in, w.now) = (doubted(None), at(20))), Ruling::Send(_)));
        assert_eq!(rule_after(|w| w.sign_in = doubted(Some(at(5)))), Ruling::Hold(HoldReason::SignedOut));
        assert_eq!(rule_after(|w| (w.sign_in, w.now) = (doubted(Some(at(5))), at(901))), Ruling::Missed);
    }

    #[test]
    fn p20_caps_and_order() {
        let tried = Ruling::Hold(HoldReason::TriedTooOften { tries: 3 });
        assert_eq!(rule_after(|w| w.delivery.tries = 3), tried);
        let broken_off = rule_after(|w| (w.delivery.tries, w.delivery.resumes) = (3, true));
        assert!(!matches!(broken_off, Ruling::Hold(_)), "it may be out: {broken_off:?}");
        assert_eq!(rule_after(|w| w.used.busy = true), Ruling::AfterTheOther);
        let not_ready = |w: &mut World| w.account.iter_mut().for_each(|a| a.adapter_ready = false);
        assert_eq!(rule_after(not_ready), Ruling::Later(at(11)));
    }
}

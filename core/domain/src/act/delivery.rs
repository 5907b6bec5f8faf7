//! 发布任务: put aside, let go on, given up, given another time, and what a person saw on the account.

use jiff::Timestamp;

use super::{ActRefusal, Move, OFFICE, allowed};
use crate::delivery::{Delivery, Receipt, ReceiptBy};
use crate::matrix::{Person, Role};
use crate::reason::Why;
use crate::state::DeliveryState;

/// What a person saw on the account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resolution {
    /// It is there: at this address, or under this id of the platform, or both.
    Published { url: Option<String>, platform_id: Option<String> },
    /// It is not there and shall not go out.
    NotPublished,
    /// It is not there and shall be sent again, now. Who says so takes it on themselves, and says why.
    Retry { latest_at: Timestamp, reason: String },
}

impl Resolution {
    /// Says that nothing is on the account, which the daemon can look up once more before it believes it.
    pub fn denies(&self) -> bool {
        matches!(self, Self::NotPublished | Self::Retry { .. })
    }
}

/// People who look after accounts may close a doubt and hold; only the office lets something out again.
const OFFICE_OR_ADMIN: &[Role] = &[Role::OfficeEditor, Role::OfficeDirector, Role::AccountAdmin];

/// 暂缓: put aside what is not out yet.
///
/// # Errors
/// A role that may not, no reason, or a state other than due and waiting.
pub fn hold(delivery: &Delivery, by: &Person, reason: &str) -> Result<Move, ActRefusal> {
    allowed(by, OFFICE_OR_ADMIN)?;
    let reason = reason.trim();
    if reason.is_empty() {
        return Err(ActRefusal::ReasonRequired);
    }
    if !matches!(delivery.state, DeliveryState::Due | DeliveryState::Waiting) {
        return Err(ActRefusal::BadState { state: delivery.state });
    }
    let mut to = Move::to("delivery.held", DeliveryState::Held);
    to.reason = Some(Why::Operator.because(reason));
    Ok(to)
}

/// Lets a held delivery go on. One whose time has passed has to be scheduled anew instead (P7).
///
/// # Errors
/// A role that may not, a delivery that is not held, or one whose `latest_at` has passed.
pub fn release(delivery: &Delivery, by: &Person, now: Timestamp) -> Result<Move, ActRefusal> {
    allowed(by, OFFICE)?;
    if delivery.state != DeliveryState::Held {
        return Err(ActRefusal::BadState { state: delivery.state });
    }
    // What was broken off may go on at any time: the ledger lets nothing new of it leave late.
    if now > delivery.latest_at && !delivery.resumes {
        return Err(ActRefusal::TooLate { latest_at: delivery.latest_at });
    }
    let mut to = Move::to("delivery.released", DeliveryState::Due);
    to.next_at = Some(delivery.due_at.max(now));
    to.forget_tries = true;
    Ok(to)
}

/// 撤销: it shall not go out at all.
///
/// # Errors
/// A role that may not, no reason, a state that cannot be cancelled, or one that may be out.
pub fn cancel(delivery: &Delivery, by: &Person, reason: &str) -> Result<Move, ActRefusal> {
    allowed(by, OFFICE)?;
    let reason = reason.trim();
    if reason.is_empty() {
        return Err(ActRefusal::ReasonRequired);
    }
    if !delivery.state.may_become(DeliveryState::Cancelled) || delivery.state == DeliveryState::NeedsPerson {
        return Err(ActRefusal::BadState { state: delivery.state });
    }
    if delivery.may_be_out() {
        return Err(ActRefusal::MayBeOut);
    }
    let mut to = Move::to("delivery.cancelled", DeliveryState::Cancelled);
    to.reason = Some(Why::Operator.because(reason));
    Ok(to)
}

/// A new time for what is not out: due, held, waiting, missed or refused.
///
/// # Errors
/// A role that may not, another state, one that may be out, or `latest_at` before `due_at`.
pub fn reschedule(
    delivery: &Delivery,
    by: &Person,
    due_at: Timestamp,
    latest_at: Timestamp,
    now: Timestamp,
) -> Result<Move, ActRefusal> {
    use DeliveryState as S;
    allowed(by, OFFICE)?;
    if !matches!(delivery.state, S::Due | S::Held | S::Waiting | S::Missed | S::Refused) {
        return Err(ActRefusal::BadState { state: delivery.state });
    }
    if delivery.may_be_out() {
        return Err(ActRefusal::MayBeOut);
    }
    let due_at = due_at.max(now);
    if latest_at < due_at {
        return Err(ActRefusal::LatestBeforeDue { due_at, latest_at });
    }
    let mut to = Move::to("delivery.rescheduled", DeliveryState::Due);
    (to.due_at, to.next_at, to.latest_at) = (Some(due_at), Some(due_at), Some(latest_at));
    to.forget_tries = true;
    Ok(to)
}

/// Closes a doubt: a person has looked at the account.
///
/// # Errors
/// A role that may not, a delivery that is not in doubt, or an address that is none. That nothing is there is not taken
/// while the daemon still looks; to send again takes the office, a reason and a `latest_at` to come.
pub fn resolve(
    delivery: &Delivery,
    by: &Person,
    resolution: &Resolution,
    now: Timestamp,
) -> Result<Move, ActRefusal> {
    allowed(by, OFFICE_OR_ADMIN)?;
    if !matches!(delivery.state, DeliveryState::NeedsPerson | DeliveryState::InDoubt) {
        return Err(ActRefusal::BadState { state: delivery.state });
    }
    match resolution {
        Resolution::Published { url, platform_id } => {
            let is_address = |url: &str| url.starts_with("https://") || url.starts_with("http://");
            match (url, platform_id) {
                (None, None) => return Err(ActRefusal::NotAnAddress { url: String::new() }),
                (Some(url), _) if !is_address(url) => {
                    return Err(ActRefusal::NotAnAddress { url: url.clone() });
                }
                _ => {}
            }
            let mut to = Move::to("delivery.seen_published", DeliveryState::Published);
            let (platform_id, url) = (platform_id.clone(), url.clone());
            to.receipt = Some(Receipt { platform_id, url, published_at: now, by: ReceiptBy::Person });
            Ok(to)
        }
        Resolution::NotPublished => {
            if delivery.state == DeliveryState::InDoubt {
                return Err(ActRefusal::StillLooking);
            }
            let mut to = Move::to("delivery.seen_absent", DeliveryState::Cancelled);
            to.reason = Some(Why::SeenAbsent.because(&by.id));
            Ok(to)
        }
        Resolution::Retry { latest_at, reason } => {
            allowed(by, OFFICE)?;
            if reason.trim().is_empty() {
                return Err(ActRefusal::ReasonRequired);
            }
            if delivery.state == DeliveryState::InDoubt {
                return Err(ActRefusal::StillLooking);
            }
            if *latest_at < now {
                return Err(ActRefusal::LatestBeforeDue { due_at: now, latest_at: *latest_at });
            }
            let mut to = Move::to("delivery.retried", DeliveryState::Due);
            // What was suspected under a wrong clock may still have its time before it; a time that lies beyond the last one was
            // written by such a clock.
            let due_at = if delivery.due_at <= *latest_at { delivery.due_at } else { now };
            (to.due_at, to.next_at) = (Some(due_at), Some(due_at.max(now)));
            (to.latest_at, to.forget_tries) = (Some(*latest_at), true);
            to.reason = Some(Why::SentAgain.because(format_args!("{}: {}", by.id, reason.trim())));
            Ok(to)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{in_state, person};
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    /// Whatever an act does, the delivery may become it; and the acts that send again refuse what may be out.
    #[test]
    fn acts_only_make_moves_that_the_states_allow() {
        let office = person("off.hg", Role::OfficeEditor);
        let retry = Resolution::Retry { latest_at: at(1000), reason: "已查看".into() };
        let seen = Resolution::Published { url: Some("https://x/1".into()), platform_id: None };
        for state in DeliveryState::ALL.iter().copied() {
            let d = in_state(state);
            let moves = [
                hold(&d, &office, "风控"),
                release(&d, &office, at(5)),
                cancel(&d, &office, "改期"),
                reschedule(&d, &office, at(10), at(20), at(5)),
                resolve(&d, &office, &seen, at(5)),
                resolve(&d, &office, &Resolution::NotPublished, at(5)),
                resolve(&d, &office, &retry, at(5)),
            ];
            for to in moves.into_iter().flatten() {
                let same = to.state == state && to.action == "delivery.rescheduled";
                assert!(same || state.may_become(to.state), "{state} -> {} by {}", to.state, to.action);
                if to.state == DeliveryState::Due && state.may_be_out() {
                    assert_eq!((state, to.action), (DeliveryState::NeedsPerson, "delivery.retried"));
                }
            }
        }
    }

    #[test]
    fn roles_reasons_and_times_are_looked_at() {
        let office = person("off.hg", Role::OfficeEditor);
        let admin = person("off.gl1", Role::AccountAdmin);
        let officer = person("d07.xx", Role::InfoOfficer);
        let due = in_state(DeliveryState::Due);
        assert_eq!(hold(&due, &officer, "x").unwrap_err().code(), "forbidden");
        assert_eq!(hold(&due, &admin, " ").unwrap_err().code(), "reason_required");
        let held = in_state(DeliveryState::Held);
        assert_eq!(release(&held, &admin, at(5)).unwrap_err().code(), "forbidden");
        assert_eq!(release(&held, &office, at(901)).unwrap_err().code(), "too_late");
        let doubt = in_state(DeliveryState::InDoubt);
        let again = |reason: &str| Resolution::Retry { latest_at: at(1000), reason: reason.into() };
        let retry = again("已查看");
        assert_eq!(resolve(&doubt, &office, &retry, at(5)).unwrap_err(), ActRefusal::StillLooking);
        let unfounded = resolve(&in_state(DeliveryState::NeedsPerson), &office, &again(" "), at(5));
        assert_eq!(unfounded.unwrap_err(), ActRefusal::ReasonRequired);
        let person = in_state(DeliveryState::NeedsPerson);
        assert_eq!(resolve(&person, &admin, &retry, at(5)).unwrap_err().code(), "forbidden");
        for bad in [Some("javascript:alert(1)".to_owned()), None] {
            let bad = Resolution::Published { url: bad, platform_id: None };
            assert_eq!(resolve(&person, &admin, &bad, at(5)).unwrap_err().code(), "not_an_address");
        }
        let by_id = Resolution::Published { url: None, platform_id: Some("N1".into()) };
        let receipt = resolve(&person, &admin, &by_id, at(5)).unwrap().receipt.unwrap();
        assert_eq!((receipt.platform_id.as_deref(), receipt.by), (Some("N1"), ReceiptBy::Person));
    }
    #[test]
    fn p06_what_is_sent_again_still_waits_for_its_time() {
        let office = person("off.hg", Role::OfficeEditor);
        let retry = Resolution::Retry { latest_at: at(1000), reason: "已查看".into() };
        let at_what_time = |due| {
            let waiting = Delivery { due_at: at(due), ..in_state(DeliveryState::NeedsPerson) };
            let to = resolve(&waiting, &office, &retry, at(500)).unwrap();
            (to.due_at.unwrap(), to.next_at.unwrap())
        };
        assert_eq!(at_what_time(300), (at(300), at(500)));
        assert_eq!(at_what_time(700), (at(700), at(700)));
        // Further ahead than it may be sent, its time was written by a clock that ran ahead.
        assert_eq!(at_what_time(5000), (at(500), at(500)));
    }
}

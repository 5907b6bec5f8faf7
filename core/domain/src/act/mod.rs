//! What people may do to an item and its deliveries once it is approved, as pure functions: who, what, and what follows.

mod delivery;
mod item;
mod office;

use jiff::Timestamp;

use crate::delivery::{Delivery, Receipt};
use crate::id::{DeliveryId, PersonId};
use crate::matrix::{Person, Procedure, Role};
use crate::review::{self, NotMinor, NotTheirs};
use crate::state::{DeliveryState, ItemState};

pub use delivery::{Resolution, cancel, hold, release, reschedule, resolve};
pub use item::{Rewritten, Withdrawal, hand_in, is_editable, rewrite, save, withdraw};
pub use office::{CopyEdit, copy_edit, merge, reclassify, refer_up, retract, unschedule};
/// Of a whole item; those of one delivery have the plain names.
pub use office::{hold as hold_item, release as release_item};

/// What an act writes to a delivery. `None` leaves it as it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Move {
    /// Word of the audit row: `delivery.held` …
    pub action: &'static str,
    pub state: DeliveryState,
    pub reason: Option<String>,
    pub due_at: Option<Timestamp>,
    pub latest_at: Option<Timestamp>,
    pub next_at: Option<Timestamp>,
    pub receipt: Option<Receipt>,
    /// A person takes it on themselves: attempts are counted anew.
    pub forget_tries: bool,
}

impl Move {
    fn to(action: &'static str, state: DeliveryState) -> Self {
        Self {
            action,
            state,
            reason: None,
            due_at: None,
            latest_at: None,
            next_at: None,
            receipt: None,
            forget_tries: false,
        }
    }
}

/// Why an act is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ActRefusal {
    #[error("{person} has none of the roles for this: {}", roles.iter().map(|r| r.as_str()).collect::<Vec<_>>().join(", "))]
    Forbidden { person: PersonId, roles: &'static [Role] },
    #[error("only its author {author} may write it anew")]
    NotTheAuthor { author: PersonId },
    #[error("the delivery is {state} ({}): this cannot be done now", state.chinese())]
    BadState { state: DeliveryState },
    #[error("the item is {state} ({}): this cannot be done now", state.chinese())]
    BadItemState { state: ItemState },
    #[error("a reason is required, of two characters at least")]
    ReasonRequired,
    #[error("its latest time {latest_at} has passed: schedule it anew")]
    TooLate { latest_at: Timestamp },
    #[error("the latest time {latest_at} lies before the time it is due, {due_at}")]
    LatestBeforeDue { due_at: Timestamp, latest_at: Timestamp },
    #[error("{url:?} is not the address of a post: it has to start with https:// or http://")]
    NotAnAddress { url: String },
    #[error(
        "the daemon still looks for it on the account: it may yet appear, so wait until it asks for a person"
    )]
    StillLooking,
    #[error("something of it may be out already: wait until the daemon knows")]
    MayBeOut,
    #[error("the item is {state} ({}): what is approved is not edited", state.chinese())]
    LockedAfterApproval { state: ItemState },
    #[error("the texts are the same as before")]
    NothingChanged,
    #[error(transparent)]
    NotMinor(#[from] NotMinor),
    #[error("items of {procedure} are drafted elsewhere")]
    OriginMismatch { procedure: Procedure },
    #[error("name another item that is not closed, into which this one is merged")]
    NoTarget,
    #[error(transparent)]
    Review(#[from] review::Refusal),
    #[error(transparent)]
    HandIn(#[from] NotTheirs),
}

impl ActRefusal {
    /// The word of the API.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Forbidden { .. } | Self::NotTheAuthor { .. } => "forbidden",
            Self::BadState { .. } | Self::BadItemState { .. } => "bad_state",
            Self::StillLooking => "still_looking",
            Self::MayBeOut => "may_be_out",
            Self::ReasonRequired => "reason_required",
            Self::TooLate { .. } => "too_late",
            Self::LatestBeforeDue { .. } => "latest_before_due",
            Self::NotAnAddress { .. } => "not_an_address",
            Self::LockedAfterApproval { .. } => "locked_after_approval",
            Self::NothingChanged => "nothing_changed",
            Self::NotMinor(_) => "not_minor",
            Self::OriginMismatch { .. } => "origin_mismatch",
            Self::NoTarget => "no_target",
            Self::Review(why) => why.code(),
            Self::HandIn(why) => why.code(),
        }
    }
}

const OFFICE: &[Role] = &[Role::OfficeEditor, Role::OfficeDirector];

fn allowed(by: &Person, roles: &'static [Role]) -> Result<(), ActRefusal> {
    if roles.iter().any(|role| by.has(*role)) {
        Ok(())
    } else {
        Err(ActRefusal::Forbidden { person: by.id.clone(), roles })
    }
}

/// Cancels what is not out; what may be out stops it.
fn take_off(deliveries: &[Delivery], why: &str) -> Result<Vec<(DeliveryId, Move)>, ActRefusal> {
    let mut cancel = Vec::new();
    for delivery in deliveries.iter().filter(|d| d.state != DeliveryState::Cancelled) {
        if delivery.may_be_out() {
            return Err(ActRefusal::MayBeOut);
        }
        if !delivery.state.may_become(DeliveryState::Cancelled) {
            return Err(ActRefusal::BadState { state: delivery.state });
        }
        let mut to = Move::to("delivery.cancelled", DeliveryState::Cancelled);
        to.reason = Some(why.to_owned());
        cancel.push((delivery.id.clone(), to));
    }
    Ok(cancel)
}

#[cfg(test)]
mod fixture {
    use crate::approval::tests::approved;
    use crate::delivery::Delivery;
    use crate::matrix::{Person, Role};
    use crate::state::DeliveryState;

    pub(super) fn person(id: &str, role: Role) -> Person {
        Person { id: id.into(), name: id.into(), unit: "OFFICE".into(), roles: vec![role], active: true }
    }

    pub(super) fn in_state(state: DeliveryState) -> Delivery {
        let (_, _, mut delivery) = approved();
        delivery.state = state;
        delivery
    }
}

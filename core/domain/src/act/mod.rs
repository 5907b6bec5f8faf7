//! What people may do to an item and its deliveries once it is approved, as pure functions: who, what, and what follows.

mod delivery;
mod item;

use jiff::Timestamp;

use crate::delivery::Receipt;
use crate::id::PersonId;
use crate::matrix::{Person, Role};
use crate::state::{DeliveryState, ItemState};

pub use delivery::{Resolution, cancel, hold, release, reschedule, resolve};
pub use item::{Rewritten, Withdrawal, is_editable, rewrite, withdraw};

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

//! 阶段性信息: an event is told in stages, and none before the one that it goes on from.

use jiff::Timestamp;

use crate::id::ItemId;
use crate::state::ItemState;

/// An earlier stage of the same event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stage {
    pub item: ItemId,
    pub number: u32,
    pub state: ItemState,
    /// Of its last delivery; `None` while nobody has planned it.
    pub due_at: Option<Timestamp>,
}

/// Whether the next stage may be planned for this time.
///
/// # Errors
/// The first stage that is not planned yet, or is due later.
pub fn may_follow(earlier: &[Stage], due_at: Timestamp) -> Result<(), TooSoon> {
    use ItemState as S;
    let is_before = |stage: &Stage| match stage.state {
        S::Published | S::Retracted => true,
        S::Scheduled | S::Publishing => stage.due_at.is_some_and(|due| due <= due_at),
        _ => false,
    };
    match earlier.iter().find(|stage| !is_before(stage)) {
        None => Ok(()),
        Some(stage) => Err(TooSoon {
            number: stage.number,
            item: stage.item.clone(),
            state: stage.state,
            due_at: stage.due_at,
        }),
    }
}

/// An earlier stage is not told before this one would be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("stage {number} of this event comes first: item {item} is {state}{}", due_at.map(|due| format!(", due at {due}")).unwrap_or_default())]
pub struct TooSoon {
    pub number: u32,
    pub item: ItemId,
    pub state: ItemState,
    pub due_at: Option<Timestamp>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r42_a_stage_is_told_after_the_one_before_it() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let stage = |number, state, due: Option<i64>| Stage {
            item: format!("i{number}").as_str().into(),
            number,
            state,
            due_at: due.map(at),
        };
        let told = stage(1, ItemState::Published, Some(10));
        assert_eq!(may_follow(&[], at(0)), Ok(()));
        assert_eq!(may_follow(&[told.clone(), stage(2, ItemState::Scheduled, Some(20))], at(20)), Ok(()));
        let early =
            may_follow(&[told.clone(), stage(2, ItemState::Scheduled, Some(20))], at(19)).unwrap_err();
        assert_eq!((early.number, early.due_at), (2, Some(at(20))));
        for state in [ItemState::Draft, ItemState::PendingLeader, ItemState::Approved, ItemState::Held] {
            assert_eq!(
                may_follow(&[told.clone(), stage(2, state, None)], at(99)).unwrap_err().number,
                2,
                "{state}"
            );
        }
    }
}

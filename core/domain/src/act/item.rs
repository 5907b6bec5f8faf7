//! 稿件: written anew, and taken back with what is not out of it.

use super::{ActRefusal, Move, OFFICE, take_off};
use crate::delivery::Delivery;
use crate::hash::ContentHash;
use crate::id::DeliveryId;
use crate::item::{Content, Item};
use crate::matrix::Person;
use crate::reason::Why;
use crate::review::{self, Decision};
use crate::state::ItemState;

/// 修改: the author of a draft or a returned item writes it anew and hands it in again. What was approved of other bytes does
/// not count any more; when every step has approved these very bytes before, nobody has to again.
///
/// # Errors
/// Somebody else than the author, or an item that is neither draft nor returned.
pub fn rewrite(
    item: &Item,
    decisions: &[Decision],
    by: &Person,
    content: Content,
) -> Result<Rewritten, ActRefusal> {
    of_its_author(item, by)?;
    let hash = content.hash();
    let rewritten = Item { hash: hash.clone(), content, ..item.clone() };
    let state = review::state_after(&rewritten, decisions);
    Ok(Rewritten { content: rewritten.content, hash, state })
}

/// 暂存: the author keeps another text of a draft or a returned item, and does not hand it in yet.
///
/// # Errors
/// As in [`rewrite`].
pub fn save(item: &Item, by: &Person, content: Content) -> Result<Rewritten, ActRefusal> {
    of_its_author(item, by)?;
    let hash = content.hash();
    Ok(Rewritten { content, hash, state: item.state })
}

/// 报送 as it stands: the state that it is then in.
///
/// # Errors
/// As in [`rewrite`].
pub fn hand_in(item: &Item, decisions: &[Decision], by: &Person) -> Result<ItemState, ActRefusal> {
    if !is_editable(item.state) {
        return Err(ActRefusal::BadItemState { state: item.state });
    }
    of_its_author(item, by)?;
    Ok(review::state_after(item, decisions))
}

fn of_its_author(item: &Item, by: &Person) -> Result<(), ActRefusal> {
    if is_locked(item.state) {
        return Err(ActRefusal::LockedAfterApproval { state: item.state });
    }
    if !is_editable(item.state) {
        return Err(ActRefusal::BadItemState { state: item.state });
    }
    if !by.active || by.id != item.author {
        return Err(ActRefusal::NotTheAuthor { author: item.author.clone() });
    }
    Ok(())
}

/// Its author may write it anew.
pub fn is_editable(state: ItemState) -> bool {
    matches!(state, ItemState::Draft | ItemState::Returned)
}

/// Approved and not over: what was agreed to is what goes out.
pub(super) fn is_locked(state: ItemState) -> bool {
    use ItemState as S;
    matches!(
        state,
        S::Approved | S::Scheduled | S::Held | S::Publishing | S::Published | S::PublishFailed | S::Expired
    )
}

/// New bytes of an item, and its state with them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rewritten {
    pub content: Content,
    pub hash: ContentHash,
    pub state: ItemState,
}

/// 撤回: the author takes the item back. Deliveries that are not out are cancelled with it; one that may be out stops it.
///
/// # Errors
/// Neither the author nor the office, a state that cannot be withdrawn, no reason for what was approved already, or a
/// delivery that may be out.
pub fn withdraw(
    item: &Item,
    deliveries: &[Delivery],
    by: &Person,
    reason: &str,
) -> Result<Withdrawal, ActRefusal> {
    let office = OFFICE.iter().any(|role| by.has(*role));
    if !by.active || (by.id != item.author && !office) {
        return Err(ActRefusal::Forbidden { person: by.id.clone(), roles: OFFICE });
    }
    if !item.state.may_become(ItemState::Withdrawn) {
        return Err(ActRefusal::BadItemState { state: item.state });
    }
    let reason = reason.trim();
    let needs_reason = matches!(item.state, ItemState::Approved | ItemState::Scheduled | ItemState::Held);
    if needs_reason && !review::is_reason(reason) {
        return Err(ActRefusal::ReasonRequired);
    }
    let cancel = take_off(deliveries, &Why::Withdrawn.because(reason))?;
    Ok(Withdrawal { cancel })
}

/// What follows from a withdrawal.
#[derive(Debug, Clone, PartialEq)]
pub struct Withdrawal {
    pub cancel: Vec<(DeliveryId, Move)>,
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{in_state, person};
    use super::*;
    use crate::approval::tests::approved;
    use crate::matrix::Role;
    use crate::state::DeliveryState;

    #[test]
    fn withdrawing_cancels_what_is_not_out_and_refuses_when_something_may_be() {
        let (item, _, due) = approved();
        let mut author = person("d07.xx", Role::InfoOfficer);
        let done = withdraw(&item, std::slice::from_ref(&due), &author, "改期").unwrap();
        assert_eq!(done.cancel.len(), 1);
        assert_eq!(withdraw(&item, &[due], &author, "").unwrap_err().code(), "reason_required");
        let mut broken_off = in_state(DeliveryState::Due);
        broken_off.resumes = true;
        assert_eq!(withdraw(&item, &[broken_off], &author, "改期").unwrap_err(), ActRefusal::MayBeOut);
        let sending = in_state(DeliveryState::Sending);
        assert_eq!(withdraw(&item, &[sending], &author, "改期").unwrap_err().code(), "may_be_out");
        author.id = "d08.xx".into();
        assert_eq!(withdraw(&item, &[], &author, "改期").unwrap_err().code(), "forbidden");
    }
}

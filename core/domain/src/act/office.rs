//! 办公室: what the office does with an item that is under review, planned or out (domain reference §1.5).

use jiff::Timestamp;

use super::{ActRefusal, Move, OFFICE, allowed, delivery, take_off};
use crate::delivery::Delivery;
use crate::hash::ContentHash;
use crate::id::DeliveryId;
use crate::item::{Content, Item};
use crate::matrix::{Person, Procedure};
use crate::reason::Why;
use crate::review::{self, Chain, Change, Decision, Next, Record};
use crate::state::{DeliveryState, ItemState};

/// 核稿修改. A minor one takes the approvals of the text before along; any other one goes back to the first step.
///
/// # Errors
/// A role that may not, an item that is not with the office, texts that are the same, or changes that are more than minor.
pub fn copy_edit(
    item: &Item,
    decisions: &[Decision],
    by: &Person,
    content: Content,
    minor: bool,
) -> Result<CopyEdit, ActRefusal> {
    if super::item::is_locked(item.state) {
        return Err(ActRefusal::LockedAfterApproval { state: item.state });
    }
    if !matches!(item.state, ItemState::PendingOffice | ItemState::PendingDecision) {
        return Err(ActRefusal::BadItemState { state: item.state });
    }
    allowed(by, OFFICE)?;
    let hash = content.hash();
    if hash == item.hash {
        return Err(ActRefusal::NothingChanged);
    }
    let mut edit = CopyEdit { content, hash, state: item.state, carried: Vec::new(), changes: Vec::new() };
    if minor {
        edit.changes = review::minor_changes(&item.content, &edit.content)?;
        edit.carried = carried(item, decisions, &edit.hash);
    }
    let edited = Item { hash: edit.hash.clone(), content: edit.content.clone(), ..item.clone() };
    edit.state = review::state_after(&edited, &edit.carried);
    Ok(edit)
}

/// What was said of the bytes before, for those after.
fn carried(item: &Item, decisions: &[Decision], hash: &ContentHash) -> Vec<Decision> {
    let of_before = decisions.iter().filter(|decision| decision.hash == item.hash && approves(decision));
    let carry = |decision: &Decision| {
        let seen = decision.record.carried_from.clone().unwrap_or_else(|| decision.hash.clone());
        let record = Record { carried_from: Some(seen), ..decision.record.clone() };
        Decision { hash: hash.clone(), record, ..decision.clone() }
    };
    of_before.map(carry).collect()
}

fn approves(decision: &Decision) -> bool {
    decision.verdict == review::Verdict::Approve
}

/// An item as the office has mended it.
#[derive(Debug, Clone, PartialEq)]
pub struct CopyEdit {
    pub content: Content,
    pub hash: ContentHash,
    pub state: ItemState,
    /// Approvals that go along with a minor edit.
    pub carried: Vec<Decision>,
    /// What a minor edit changed.
    pub changes: Vec<Change>,
}

/// 改划程序: the same item under another procedure of the same origin; what was approved counts as far as that asks for it,
/// and a higher approval that is missing is the next step. The state that it is then in.
///
/// # Errors
/// A role that may not, an item that is not with the office, or a procedure that is drafted elsewhere.
pub fn reclassify(
    item: &Item,
    decisions: &[Decision],
    by: &Person,
    to: Procedure,
    chain: &Chain,
    same_origin: bool,
) -> Result<ItemState, ActRefusal> {
    require(item, by, ItemState::PendingOffice)?;
    if !same_origin {
        return Err(ActRefusal::OriginMismatch { procedure: to });
    }
    let moved = Item { procedure: to, chain: chain.clone(), ..item.clone() };
    Ok(review::state_after(&moved, decisions))
}

/// 并稿: another item says it already. `into`: that item, if there is one.
///
/// # Errors
/// A role that may not, an item that is not with the office, no other item, or one that is not there any more.
pub fn merge(item: &Item, by: &Person, into: Option<&Item>) -> Result<(), ActRefusal> {
    require(item, by, ItemState::PendingOffice)?;
    match into {
        Some(into) if into.id != item.id && !into.state.next().is_empty() => Ok(()),
        _ => Err(ActRefusal::NoTarget),
    }
}

/// 取消排期: nothing of it goes out, and it may be planned anew.
///
/// # Errors
/// A role that may not, an item that is not scheduled, or a delivery that may be out.
pub fn unschedule(
    item: &Item,
    deliveries: &[Delivery],
    by: &Person,
) -> Result<Vec<(DeliveryId, Move)>, ActRefusal> {
    require(item, by, ItemState::Scheduled)?;
    take_off(deliveries, &Why::Operator.because("取消排期"))
}

/// 暂缓: every delivery that is not out is put aside.
///
/// # Errors
/// A role that may not, an item that is not scheduled, or no reason.
pub fn hold(
    item: &Item,
    deliveries: &[Delivery],
    by: &Person,
    reason: &str,
) -> Result<Vec<(DeliveryId, Move)>, ActRefusal> {
    require(item, by, ItemState::Scheduled)?;
    with_reason(reason)?;
    let open = deliveries.iter().filter(|d| matches!(d.state, DeliveryState::Due | DeliveryState::Waiting));
    open.map(|open| Ok((open.id.clone(), delivery::hold(open, by, reason)?))).collect()
}

/// 恢复: what is put aside goes on.
///
/// # Errors
/// A role that may not, an item that is not held, or a delivery whose time has passed: it is given another one first.
pub fn release(
    item: &Item,
    deliveries: &[Delivery],
    by: &Person,
    now: Timestamp,
) -> Result<Vec<(DeliveryId, Move)>, ActRefusal> {
    require(item, by, ItemState::Held)?;
    let held = deliveries.iter().filter(|delivery| delivery.state == DeliveryState::Held);
    held.map(|held| Ok((held.id.clone(), delivery::release(held, by, now)?))).collect()
}

/// 撤稿: it is out and should not be. The accounts are cleared by people; nothing is deleted by this.
///
/// # Errors
/// A role that may not, an item that is not published, or no reason.
pub fn retract(item: &Item, by: &Person, reason: &str) -> Result<(), ActRefusal> {
    require(item, by, ItemState::Published)?;
    with_reason(reason)
}

/// 提请上级认定: the secrecy reviewer is not sure. The item stays where it is.
///
/// # Errors
/// An item that does not wait for this person's secrecy review, or no reason.
pub fn refer_up(item: &Item, decisions: &[Decision], by: &Person, reason: &str) -> Result<(), ActRefusal> {
    let Next::Waiting(step) = review::next(item, decisions) else {
        return Err(ActRefusal::BadItemState { state: item.state });
    };
    if item.state != ItemState::PendingSecrecy {
        return Err(ActRefusal::BadItemState { state: item.state });
    }
    step.role_of(by, item).map_err(|why| review::Refusal::of(why, by, step))?;
    with_reason(reason)
}

fn require(item: &Item, by: &Person, state: ItemState) -> Result<(), ActRefusal> {
    if item.state != state {
        return Err(ActRefusal::BadItemState { state: item.state });
    }
    allowed(by, OFFICE)
}

fn with_reason(reason: &str) -> Result<(), ActRefusal> {
    if review::is_reason(reason) { Ok(()) } else { Err(ActRefusal::ReasonRequired) }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{in_state, person};
    use super::*;
    use crate::approval::tests::approved;
    use crate::matrix::Role;

    /// Waits for the office; `unit_approval` was given.
    fn with_the_office() -> (Item, Vec<Decision>) {
        let (mut item, mut decisions, _) = approved();
        item.state = ItemState::PendingOffice;
        let mut unit = item.chain.steps()[0].clone();
        (unit.id, unit.state, unit.roles) =
            ("unit_approval".into(), ItemState::PendingUnit, vec![Role::DeputyHead, Role::UnitHead]);
        item.chain = Chain::try_from(vec![unit, item.chain.steps()[0].clone()]).unwrap();
        decisions[0].step = "unit_approval".into();
        decisions[0].role = Some(Role::DeputyHead);
        (item, decisions)
    }

    fn written(item: &Item, text: &str) -> Content {
        let mut content = item.content.clone();
        content.variants.values_mut().for_each(|variant| variant.text = text.into());
        content
    }

    #[test]
    fn p02_sm33_a_minor_edit_takes_approvals_along_and_any_other_goes_back_to_the_first_step() {
        let (item, decisions) = with_the_office();
        let editor = person("off.hg", Role::OfficeEditor);
        let minor = copy_edit(&item, &decisions, &editor, written(&item, "通知。"), true).unwrap();
        assert_eq!((minor.state, minor.carried.len()), (ItemState::PendingOffice, 1));
        assert_eq!(minor.carried[0].record.carried_from.as_ref(), Some(&item.hash));
        assert_eq!((minor.changes[0].before.as_str(), minor.changes[0].after.as_str()), ("通知", "通知。"));
        let other = copy_edit(&item, &decisions, &editor, written(&item, "通告"), false).unwrap();
        assert_eq!((other.state, other.carried.len()), (ItemState::PendingUnit, 0));
        let lie = copy_edit(&item, &decisions, &editor, written(&item, "通告"), true).unwrap_err();
        assert_eq!(lie.code(), "not_minor");
        let same = copy_edit(&item, &decisions, &editor, item.content.clone(), true).unwrap_err();
        assert_eq!(same, ActRefusal::NothingChanged);
        let author = person("d07.xx", Role::InfoOfficer);
        assert_eq!(
            copy_edit(&item, &decisions, &author, written(&item, "。"), true).unwrap_err().code(),
            "forbidden"
        );
        let scheduled = Item { state: ItemState::Scheduled, ..item.clone() };
        let late = copy_edit(&scheduled, &decisions, &editor, written(&item, "通知。"), true).unwrap_err();
        assert_eq!(late.code(), "locked_after_approval");
    }

    #[test]
    fn sm30_a_procedure_that_asks_for_more_goes_back_to_what_is_missing() {
        let (item, decisions) = with_the_office();
        let editor = person("off.hg", Role::OfficeEditor);
        let mut steps = item.chain.steps().to_vec();
        let to = |chain: &Chain, same| reclassify(&item, &decisions, &editor, Procedure::P4, chain, same);
        assert_eq!(to(&item.chain, true), Ok(ItemState::PendingOffice));
        steps[0].roles = vec![Role::UnitHead];
        let stricter = Chain::try_from(steps).unwrap();
        assert_eq!(to(&stricter, true), Ok(ItemState::PendingUnit));
        assert_eq!(to(&stricter, false).unwrap_err().code(), "origin_mismatch");
    }

    #[test]
    fn an_item_is_merged_into_another_one_that_goes_on() {
        let (item, _) = with_the_office();
        let editor = person("off.hg", Role::OfficeEditor);
        let mut other = Item { id: "i2".into(), ..item.clone() };
        assert_eq!(merge(&item, &editor, Some(&other)), Ok(()));
        assert_eq!(merge(&item, &editor, Some(&item)), Err(ActRefusal::NoTarget));
        assert_eq!(merge(&item, &editor, None), Err(ActRefusal::NoTarget));
        other.state = ItemState::Merged;
        assert_eq!(merge(&item, &editor, Some(&other)), Err(ActRefusal::NoTarget));
    }

    #[test]
    fn what_is_planned_is_put_aside_let_go_on_and_taken_off_the_plan() {
        let (item, _, due) = approved();
        let editor = person("off.hg", Role::OfficeEditor);
        let held = hold(&item, std::slice::from_ref(&due), &editor, "待核实").unwrap();
        assert_eq!((held.len(), held[0].1.state), (1, DeliveryState::Held));
        assert_eq!(hold(&item, &[], &editor, "x").unwrap_err(), ActRefusal::ReasonRequired);
        let aside = Item { state: ItemState::Held, ..item.clone() };
        let on = release(&aside, &[in_state(DeliveryState::Held)], &editor, due.due_at).unwrap();
        assert_eq!(on[0].1.state, DeliveryState::Due);
        assert_eq!(release(&item, &[], &editor, due.due_at).unwrap_err().code(), "bad_state");
        let off = unschedule(&item, &[due, in_state(DeliveryState::Cancelled)], &editor).unwrap();
        assert_eq!((off.len(), off[0].1.state), (1, DeliveryState::Cancelled));
        let sending = in_state(DeliveryState::Sending);
        assert_eq!(unschedule(&item, &[sending], &editor).unwrap_err(), ActRefusal::MayBeOut);
        let admin = person("off.gl", Role::AccountAdmin);
        assert_eq!(unschedule(&item, &[], &admin).unwrap_err().code(), "forbidden");
    }

    #[test]
    fn what_is_out_is_retracted_with_a_reason() {
        let (item, _, _) = approved();
        let editor = person("off.hg", Role::OfficeEditor);
        assert_eq!(retract(&item, &editor, "有误").unwrap_err().code(), "bad_state");
        let out = Item { state: ItemState::Published, ..item };
        assert_eq!(retract(&out, &editor, " "), Err(ActRefusal::ReasonRequired));
        assert_eq!(retract(&out, &editor, "内容有误"), Ok(()));
        assert_eq!(
            retract(&out, &person("d07.xx", Role::InfoOfficer), "有误").unwrap_err().code(),
            "forbidden"
        );
    }
}

//! Who reviews next, and whether what was decided is enough. Here: one step by another person than the author. The five
//! procedures will say more steps; whoever asks uses [`next`] and need not change.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::hash::ContentHash;
use crate::id::PersonId;
use crate::item::Item;
use crate::matrix::{Person, Role};
use crate::state::ItemState;

/// A reviewer's word on one version of an item.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Decision {
    pub person: PersonId,
    pub step: Step,
    pub verdict: Verdict,
    /// The bytes that were looked at.
    pub hash: ContentHash,
    pub reason: Option<String>,
    pub at: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    Approve,
    /// 退回修改
    Return,
    /// 不予采用
    Reject,
}

/// A step of a procedure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// 审核备案
    OfficeReview,
}

/// Whose turn it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// One of these roles decides this step.
    Waiting { step: Step, state: ItemState, roles: &'static [Role] },
    /// Every step was approved for these bytes.
    Approved,
}

const OFFICE_REVIEWERS: &[Role] = &[Role::OfficeEditor, Role::OfficeDirector];

/// Whose turn it is for the item's present bytes. Decisions on other bytes do not count.
pub fn next(item: &Item, decisions: &[Decision]) -> Next {
    let approved = decisions.iter().any(|d| {
        d.verdict == Verdict::Approve
            && d.step == Step::OfficeReview
            && d.hash == item.hash
            && d.person != item.author
    });
    if approved {
        Next::Approved
    } else {
        Next::Waiting { step: Step::OfficeReview, state: ItemState::PendingOffice, roles: OFFICE_REVIEWERS }
    }
}

/// Where an item stands when it is handed in: whoever is next decides, and nobody when every step has approved these very
/// bytes.
pub fn state_after(item: &Item, decisions: &[Decision]) -> ItemState {
    match next(item, decisions) {
        Next::Waiting { state, .. } => state,
        Next::Approved => ItemState::Approved,
    }
}

/// What a person wants to decide.
#[derive(Debug, Clone)]
pub struct Proposal<'a> {
    pub person: &'a Person,
    pub verdict: Verdict,
    /// The hash of what they saw.
    pub hash: &'a ContentHash,
    pub reason: Option<&'a str>,
    pub at: Timestamp,
}

/// A decision that counts, and the item's state after it.
#[derive(Debug, Clone, PartialEq)]
pub struct Decided {
    pub decision: Decision,
    pub state: ItemState,
}

/// Whether a person may decide this, and what follows. Error words are those of domain reference §1.5.
///
/// # Errors
/// An item that waits for no decision, a person who may not take this step or who wrote the item, other bytes than were
/// seen, or a no without a reason.
pub fn decide(item: &Item, decisions: &[Decision], proposal: &Proposal<'_>) -> Result<Decided, Refusal> {
    if !item.state.is_pending() {
        return Err(Refusal::BadState { state: item.state });
    }
    let Next::Waiting { step, roles, .. } = next(item, decisions) else {
        return Err(Refusal::BadState { state: item.state });
    };
    let person = proposal.person;
    if !roles.iter().any(|role| person.has(*role)) {
        return Err(Refusal::Forbidden { person: person.id.clone(), roles });
    }
    if person.id == item.author {
        return Err(Refusal::SelfApproval { person: person.id.clone() });
    }
    if *proposal.hash != item.hash {
        return Err(Refusal::StaleVersion { version: item.version });
    }
    let reason = proposal.reason.map(str::trim).filter(|r| !r.is_empty());
    if proposal.verdict != Verdict::Approve && reason.is_none() {
        return Err(Refusal::ReasonRequired);
    }
    let decision = Decision {
        person: person.id.clone(),
        step,
        verdict: proposal.verdict,
        hash: item.hash.clone(),
        reason: reason.map(str::to_owned),
        at: proposal.at,
    };
    let state = match proposal.verdict {
        Verdict::Return => ItemState::Returned,
        Verdict::Reject => ItemState::Rejected,
        Verdict::Approve => {
            let mut all = decisions.to_vec();
            all.push(decision.clone());
            state_after(item, &all)
        }
    };
    Ok(Decided { decision, state })
}

/// Why a decision does not count.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("the item is {state}: there is nothing to decide now")]
    BadState { state: ItemState },
    #[error("{person} has none of the roles that decide this step: {}", roles.iter().map(|r| r.as_str()).collect::<Vec<_>>().join(", "))]
    Forbidden { person: PersonId, roles: &'static [Role] },
    #[error("{person} wrote this item and cannot decide on it: another person has to")]
    SelfApproval { person: PersonId },
    #[error("the item has changed since you opened it (now version {version}): read it again")]
    StaleVersion { version: u32 },
    #[error("returning or rejecting needs a reason")]
    ReasonRequired,
}

impl Refusal {
    /// The word of the API (domain reference §1.5).
    pub fn code(&self) -> &'static str {
        match self {
            Self::BadState { .. } => "bad_state",
            Self::Forbidden { .. } => "forbidden",
            Self::SelfApproval { .. } => "self_approval",
            Self::StaleVersion { .. } => "stale_version",
            Self::ReasonRequired => "reason_required",
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::item::{Content, Variant};
    use crate::matrix::Procedure;

    pub(crate) fn item() -> Item {
        let variant = Variant { text: "通知".into(), ..Variant::default() };
        let content = Content { variants: BTreeMap::from([("weibo".into(), variant)]), targets: vec![] };
        Item {
            id: "i1".into(),
            unit: "D07".into(),
            author: "d07.xx".into(),
            column: None,
            procedure: Procedure::P4,
            hash: content.hash(),
            content,
            version: 1,
            state: ItemState::PendingOffice,
            submitted_at: Timestamp::UNIX_EPOCH,
        }
    }

    fn person(id: &str, role: Role) -> Person {
        Person { id: id.into(), name: id.into(), unit: "OFFICE".into(), roles: vec![role], active: true }
    }

    fn propose(
        item: &Item,
        person: &Person,
        verdict: Verdict,
        reason: Option<&str>,
    ) -> Result<ItemState, &'static str> {
        let proposal = Proposal { person, verdict, hash: &item.hash, reason, at: Timestamp::UNIX_EPOCH };
        decide(item, &[], &proposal).map(|d| d.state).map_err(|r| r.code())
    }

    #[test]
    fn another_person_of_the_office_decides() {
        let item = item();
        let editor = person("off.hg", Role::OfficeEditor);
        assert_eq!(propose(&item, &editor, Verdict::Approve, None), Ok(ItemState::Approved));
        assert_eq!(propose(&item, &editor, Verdict::Return, None), Err("reason_required"));
        assert_eq!(propose(&item, &editor, Verdict::Return, Some(" 数字有误 ")), Ok(ItemState::Returned));
        assert_eq!(propose(&item, &editor, Verdict::Reject, Some("重复")), Ok(ItemState::Rejected));
    }

    #[test]
    fn p13_nobody_approves_their_own_item_nor_without_the_role() {
        let item = item();
        let author = person("d07.xx", Role::OfficeEditor);
        assert_eq!(propose(&item, &author, Verdict::Approve, None), Err("self_approval"));
        for role in Role::ALL.iter().filter(|r| !OFFICE_REVIEWERS.contains(r)) {
            let other = person("someone", *role);
            assert_eq!(propose(&item, &other, Verdict::Approve, None), Err("forbidden"), "{role}");
        }
        let mut left = person("off.hg", Role::OfficeEditor);
        left.active = false;
        assert_eq!(propose(&item, &left, Verdict::Approve, None), Err("forbidden"));
    }

    #[test]
    fn an_approval_of_other_bytes_does_not_count() {
        let mut item = item();
        let editor = person("off.hg", Role::OfficeEditor);
        let seen = item.hash.clone();
        item.content.variants.values_mut().for_each(|v| v.text.push('。'));
        item.hash = item.content.hash();
        let proposal = Proposal {
            person: &editor,
            verdict: Verdict::Approve,
            hash: &seen,
            reason: None,
            at: Timestamp::UNIX_EPOCH,
        };
        assert_eq!(decide(&item, &[], &proposal).unwrap_err().code(), "stale_version");
    }

    #[test]
    fn only_a_pending_item_is_decided() {
        let mut item = item();
        let editor = person("off.hg", Role::OfficeEditor);
        for state in ItemState::ALL.iter().copied().filter(|s| !s.is_pending()) {
            item.state = state;
            assert_eq!(propose(&item, &editor, Verdict::Approve, None), Err("bad_state"), "{state}");
        }
    }
}

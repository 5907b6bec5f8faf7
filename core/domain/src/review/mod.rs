//! Who reviews next, and whether what was decided is enough. Each item carries the steps of its procedure (R-27, R-40 to
//! R-45); an approval counts for one step and for exactly the bytes that were looked at.

mod chain;
mod delegation;
mod hand_in;
mod minor;
pub mod play;
mod record;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::hash::ContentHash;
use crate::id::{PersonId, StepId, UnitCode};
use crate::item::Item;
use crate::matrix::{Person, Role};
use crate::state::ItemState;

pub use chain::{Chain, ChainStep, NoReview, Origin, Outsider, Scope, StepRule};
pub use delegation::{Behalf, Delegation, Mandate, NotDelegable, People, mandates};
pub use hand_in::{NotTheirs, may_hand_in};
pub use minor::{Change, NotMinor, minor_changes};
pub use record::{Conclusion, Formalities, Incomplete, Mode, Record, SecrecyReview};

/// A reviewer's word on one version of an item.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Decision {
    pub person: PersonId,
    pub step: StepId,
    /// As what they decided; `None` where that was not written down yet.
    pub role: Option<Role>,
    /// 代: for whom, when not by themselves.
    pub behalf: Option<Behalf>,
    pub verdict: Verdict,
    /// The bytes that were looked at.
    pub hash: ContentHash,
    pub reason: Option<String>,
    /// How it was given, and what was declared with it.
    pub record: Record,
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

/// Whose turn it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next<'a> {
    /// One person with one of its roles decides this step.
    Waiting(&'a ChainStep),
    /// Every step was approved for these bytes.
    Approved,
}

/// Whose turn it is for the item's present bytes: the first step that nobody has approved for them. Decisions on other bytes
/// do not count.
pub fn next<'a>(item: &'a Item, decisions: &[Decision]) -> Next<'a> {
    let waiting = item.chain.steps().iter().find(|step| !is_approved(step, item, decisions));
    waiting.map_or(Next::Approved, Next::Waiting)
}

/// Approved as this step asks for it: after a change of the procedure an approval of the same name by a lesser role is none.
fn is_approved(step: &ChainStep, item: &Item, decisions: &[Decision]) -> bool {
    decisions.iter().any(|d| {
        d.verdict == Verdict::Approve
            && d.step == step.id
            && d.hash == item.hash
            && !is_by_the_author(d, item)
            && d.role.is_none_or(|role| step.roles.contains(&role))
    })
}

/// In person or by somebody who stands in for them.
fn is_by_the_author(decision: &Decision, item: &Item) -> bool {
    let behalf = decision.behalf.as_ref().and_then(|behalf| behalf.of.as_ref());
    decision.person == item.author || behalf == Some(&item.author)
}

/// Where an item stands when it is handed in: whoever is next decides, and nobody when every step has approved these very
/// bytes.
pub fn state_after(item: &Item, decisions: &[Decision]) -> ItemState {
    match next(item, decisions) {
        Next::Waiting(step) => step.state,
        Next::Approved => ItemState::Approved,
    }
}

/// What a person wants to decide.
#[derive(Debug, Clone)]
pub struct Proposal<'a> {
    pub person: &'a Person,
    /// What they may decide for others at this moment.
    pub mandates: &'a [Mandate],
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
/// An item that waits for no decision, a person who wrote the item or may not take this step, other bytes than were seen, or
/// a no without a reason.
pub fn decide(item: &Item, decisions: &[Decision], proposal: &Proposal<'_>) -> Result<Decided, Refusal> {
    if !item.state.is_pending() {
        return Err(Refusal::BadState { state: item.state });
    }
    let Next::Waiting(step) = next(item, decisions) else {
        return Err(Refusal::BadState { state: item.state });
    };
    let person = proposal.person;
    let refused = |why| Refusal::of(why, person, step);
    let (role, behalf) = step.role_with(person, proposal.mandates, item).map_err(refused)?;
    if takes_two(item, decisions, person, behalf.is_some()) {
        return Err(Refusal::SamePerson { person: person.id.clone() });
    }
    if *proposal.hash != item.hash {
        return Err(Refusal::StaleVersion { version: item.version });
    }
    let reason = proposal.reason.map(str::trim).filter(|r| !r.is_empty());
    if proposal.verdict != Verdict::Approve && !reason.is_some_and(is_reason) {
        return Err(Refusal::ReasonRequired);
    }
    let decision = Decision {
        person: person.id.clone(),
        step: step.id.clone(),
        role: Some(role),
        behalf,
        verdict: proposal.verdict,
        hash: item.hash.clone(),
        reason: reason.map(str::to_owned),
        record: Record::default(),
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

/// Whoever stands in for another is not also one of the others: of two approvals of the same bytes, one of them on
/// somebody's behalf, each is another person's.
fn takes_two(item: &Item, decisions: &[Decision], person: &Person, on_behalf: bool) -> bool {
    let theirs =
        |d: &&Decision| d.person == person.id && d.verdict == Verdict::Approve && d.hash == item.hash;
    decisions.iter().filter(theirs).any(|d| on_behalf || d.behalf.is_some())
}

/// Two characters at least.
pub(crate) fn is_reason(text: &str) -> bool {
    text.trim().chars().count() >= 2
}

/// Why a decision does not count.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("the item is {state}: there is nothing to decide now")]
    BadState { state: ItemState },
    #[error("{person} has none of the roles that decide this step: {}", roles.iter().map(|r| r.as_str()).collect::<Vec<_>>().join(", "))]
    Forbidden { person: PersonId, roles: Vec<Role> },
    #[error("{person} belongs to unit {is}; this step is decided in unit {wanted}")]
    ForbiddenUnit { person: PersonId, is: UnitCode, wanted: UnitCode },
    #[error("{person} wrote this item and cannot decide on it: another person has to")]
    SelfApproval { person: PersonId },
    #[error(
        "{person} has approved another step of this item, and one of the two is on somebody's behalf: another person has to"
    )]
    SamePerson { person: PersonId },
    #[error("the item has changed since you opened it (now version {version}): read it again")]
    StaleVersion { version: u32 },
    #[error("returning or rejecting needs a reason of at least two characters")]
    ReasonRequired,
}

impl Refusal {
    pub(crate) fn of(why: Outsider, person: &Person, step: &ChainStep) -> Self {
        let id = person.id.clone();
        match (why, &step.unit) {
            (Outsider::Author, _) => Self::SelfApproval { person: id },
            (Outsider::OtherUnit, Some(wanted)) => {
                Self::ForbiddenUnit { person: id, is: person.unit.clone(), wanted: wanted.clone() }
            }
            _ => Self::Forbidden { person: id, roles: step.roles.clone() },
        }
    }

    /// The word of the API (domain reference §1.5).
    pub fn code(&self) -> &'static str {
        match self {
            Self::BadState { .. } => "bad_state",
            Self::Forbidden { .. } => "forbidden",
            Self::ForbiddenUnit { .. } => "forbidden_unit",
            Self::SelfApproval { .. } => "self_approval",
            Self::SamePerson { .. } => "same_person",
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

    const OFFICE_REVIEWERS: [Role; 2] = [Role::OfficeEditor, Role::OfficeDirector];

    fn step(id: &str, actor: Role, scope: Scope) -> StepRule<'_> {
        StepRule { id, actor, scope, is_office_decision: false }
    }

    fn chain(steps: &[StepRule<'_>]) -> Chain {
        Chain::of(steps.iter().copied(), &"D07".into(), &"OFFICE".into()).unwrap()
    }

    fn office_review() -> Chain {
        chain(&[step("office_review", Role::OfficeEditor, Scope::Office)])
    }

    /// Of P4: 保密审查, 主要负责人审定, 审核备案.
    fn three_steps() -> Chain {
        chain(&[
            step("secrecy", Role::SecrecyReviewer, Scope::Unit),
            step("unit_approval", Role::UnitHead, Scope::Unit),
            step("office_review", Role::OfficeEditor, Scope::Office),
            step("schedule", Role::OfficeEditor, Scope::Office),
            step("publish", Role::AccountAdmin, Scope::Office),
        ])
    }

    pub(crate) fn item() -> Item {
        let variant = Variant { text: "通知".into(), ..Variant::default() };
        let content = Content { variants: BTreeMap::from([("weibo".into(), variant)]), ..Content::default() };
        Item {
            id: "i1".into(),
            unit: "D07".into(),
            author: "d07.xx".into(),
            column: None,
            procedure: Procedure::P4,
            chain: office_review(),
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
        let proposal =
            Proposal { person, mandates: &[], verdict, hash: &item.hash, reason, at: Timestamp::UNIX_EPOCH };
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
            mandates: &[],
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

    fn of_unit(id: &str, unit: &str, role: Role) -> Person {
        Person { unit: unit.into(), ..person(id, role) }
    }

    /// Plays approvals one after another; the states and refusals they lead to.
    fn play(item: &mut Item, by: &[&Person]) -> Vec<Result<ItemState, &'static str>> {
        let mut decisions = Vec::new();
        item.state = state_after(item, &decisions);
        let mut states = Vec::new();
        for person in by {
            let (hash, at) = (item.hash.clone(), Timestamp::UNIX_EPOCH);
            let proposal =
                Proposal { person, mandates: &[], verdict: Verdict::Approve, hash: &hash, reason: None, at };
            states.push(decide(item, &decisions, &proposal).map_err(|refusal| refusal.code()).map(
                |decided| {
                    decisions.push(decided.decision);
                    item.state = decided.state;
                    decided.state
                },
            ));
        }
        states
    }

    #[test]
    fn p13_steps_are_done_in_their_order_each_by_its_role_in_its_own_unit() {
        let mut item = Item { chain: three_steps(), ..item() };
        let secrecy = of_unit("d07.bm", "D07", Role::SecrecyReviewer);
        let head = of_unit("d07.zy", "D07", Role::UnitHead);
        let (deputy, elsewhere) =
            (of_unit("d07.fg", "D07", Role::DeputyHead), of_unit("d08.zy", "D08", Role::UnitHead));
        let editor = person("off.hg", Role::OfficeEditor);
        let played =
            play(&mut item, &[&editor, &head, &secrecy, &deputy, &elsewhere, &head, &secrecy, &editor]);
        let expected = [
            Err("forbidden"),
            Err("forbidden"),
            Ok(ItemState::PendingUnit),
            Err("forbidden"),
            Err("forbidden_unit"),
            Ok(ItemState::PendingOffice),
            Err("forbidden"),
            Ok(ItemState::Approved),
        ];
        assert_eq!(played, expected);
    }

    #[test]
    fn the_head_signs_for_the_deputy_and_not_the_other_way_round() {
        let of = |role| {
            let chain = chain(&[step("unit_approval", role, Scope::Unit)]);
            move |by: Role| {
                let mut item = Item { chain: chain.clone(), ..item() };
                play(&mut item, &[&of_unit("d07.a", "D07", by)])[0]
            }
        };
        let (deputy, head) = (of(Role::DeputyHead), of(Role::UnitHead));
        assert_eq!(deputy(Role::UnitHead), Ok(ItemState::Approved));
        assert_eq!(head(Role::DeputyHead), Err("forbidden"));
        // The director of the office is a head only for what the office itself hands in.
        assert_eq!(head(Role::OfficeDirector), Err("forbidden"));
        let rules = [step("unit_approval", Role::UnitHead, Scope::Unit)];
        let own = Chain::of(rules, &"OFFICE".into(), &"OFFICE".into()).unwrap();
        let mut item = Item { chain: own, unit: "OFFICE".into(), author: "off.lx".into(), ..item() };
        assert_eq!(play(&mut item, &[&person("off.zr", Role::OfficeDirector)]), [Ok(ItemState::Approved)]);
    }

    #[test]
    fn p13_leaders_of_the_district_are_two_steps_and_nobody_takes_both() {
        let mut item = Item {
            chain: chain(&[
                step("leader_review", Role::SupervisingLeader, Scope::District),
                step("principal_consent", Role::PrincipalLeader, Scope::District),
            ]),
            ..item()
        };
        let supervising = of_unit("ld.zg", "OFFICE", Role::SupervisingLeader);
        let principal = of_unit("ld.zy", "ELSEWHERE", Role::PrincipalLeader);
        let played = play(&mut item, &[&principal, &supervising, &supervising, &principal]);
        let expected =
            [Err("forbidden"), Ok(ItemState::PendingPrincipal), Err("forbidden"), Ok(ItemState::Approved)];
        assert_eq!(played, expected);
    }

    #[test]
    fn p13_whoever_stands_in_for_another_is_not_also_one_of_the_others_nor_the_authors_hand() {
        let chain = chain(&[
            step("unit_approval", Role::UnitHead, Scope::Unit),
            step("office_review", Role::OfficeEditor, Scope::Office),
        ]);
        let mut item = Item { chain, state: ItemState::PendingUnit, ..item() };
        let deputy = of_unit("d07.fg", "D07", Role::DeputyHead);
        let mandate = |role, unit: &str, of: &str| Mandate {
            role,
            unit: unit.into(),
            behalf: Behalf { delegation: "g1".into(), of: Some(of.into()) },
        };
        let propose = |item: &Item, decisions: &[Decision], mandates: &[Mandate]| {
            let (hash, at) = (&item.hash, Timestamp::UNIX_EPOCH);
            let proposal =
                Proposal { person: &deputy, mandates, verdict: Verdict::Approve, hash, reason: None, at };
            decide(item, decisions, &proposal).map_err(|refusal| refusal.code())
        };
        assert_eq!(propose(&item, &[], &[]), Err("forbidden"));
        assert_eq!(propose(&item, &[], &[mandate(Role::UnitHead, "D08", "d08.zy")]), Err("forbidden"));
        let of_author = mandate(Role::UnitHead, "D07", item.author.as_str());
        assert_eq!(propose(&item, &[], &[of_author]), Err("self_approval"));
        let first = propose(&item, &[], &[mandate(Role::UnitHead, "D07", "d07.zy")]).unwrap();
        assert_eq!((first.state, first.decision.behalf.is_some()), (ItemState::PendingOffice, true));
        item.state = first.state;
        let second = mandate(Role::OfficeEditor, "OFFICE", "off.hg");
        assert_eq!(propose(&item, &[first.decision], &[second]), Err("same_person"));
    }

    #[test]
    fn p02_a_procedure_without_review_approves_nothing_because_there_is_no_such_chain() {
        let rules = [step("publish", Role::AccountAdmin, Scope::Office)];
        assert_eq!(Chain::of(rules, &"D07".into(), &"OFFICE".into()), Err(NoReview));
        assert!(serde_json::from_str::<Chain>("[]").is_err());
        let kept = serde_json::to_string(&three_steps()).unwrap();
        assert_eq!(serde_json::from_str::<Chain>(&kept).unwrap(), three_steps());
    }

    #[test]
    fn p13_an_approval_by_a_lesser_role_is_none_once_the_procedure_asks_for_a_higher_one() {
        let mut item =
            Item { chain: chain(&[step("unit_approval", Role::DeputyHead, Scope::Unit)]), ..item() };
        let approval = |role| Decision {
            person: "d07.fg".into(),
            step: StepId::new("unit_approval"),
            role: Some(role),
            behalf: None,
            verdict: Verdict::Approve,
            hash: item.hash.clone(),
            reason: None,
            record: Record::default(),
            at: Timestamp::UNIX_EPOCH,
        };
        let (by_deputy, by_head) = (approval(Role::DeputyHead), approval(Role::UnitHead));
        assert_eq!(next(&item, std::slice::from_ref(&by_deputy)), Next::Approved);
        assert_eq!(next(&item, std::slice::from_ref(&by_head)), Next::Approved);
        item.chain = chain(&[step("unit_approval", Role::UnitHead, Scope::Unit)]);
        assert!(matches!(next(&item, &[by_deputy]), Next::Waiting(_)));
        assert_eq!(next(&item, &[by_head]), Next::Approved);
    }
}

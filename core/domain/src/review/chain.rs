//! 审核程序 as an item takes it along: which steps, in which order, and who decides each.
//!
//! The settings write the steps of a procedure; an item keeps its own copy from the moment it is handed in. So a change of
//! the settings approves nothing by itself, and takes nobody out of the way of what waits for them.

use serde::{Deserialize, Serialize};

use super::delegation::{Behalf, Mandate};
use crate::id::{StepId, UnitCode};
use crate::item::Item;
use crate::matrix::{Person, Role};
use crate::state::ItemState;

/// The steps of one item, in the order in which they are done; none can be skipped. There is at least one: without a
/// review nothing is approved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<ChainStep>")]
pub struct Chain(Vec<ChainStep>);

/// One step of one item: who decides it, and what the item is called while it waits for them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChainStep {
    pub id: StepId,
    pub state: ItemState,
    /// Any one of these. The first is the one of the procedure, those after it stand in for it.
    pub roles: Vec<Role>,
    /// Where that person has to belong; `None`: leaders of the district, wherever they are.
    pub unit: Option<UnitCode>,
}

/// A step as the settings write it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StepRule<'a> {
    pub id: &'a str,
    pub actor: Role,
    pub scope: Scope,
    /// 审定: the office decides alone whether there will be a publication (P5), instead of 审核备案.
    pub is_office_decision: bool,
}

/// Whose person acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Of the unit that submits.
    Unit,
    /// Of the office.
    Office,
    /// A leader of the district.
    District,
}

/// Who drafts the items of a procedure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    Unit,
    Office,
}

impl Chain {
    /// The review of an item of `unit` under a procedure with these steps.
    ///
    /// # Errors
    /// None of the steps is one of review.
    pub fn of<'a>(
        steps: impl IntoIterator<Item = StepRule<'a>>,
        unit: &UnitCode,
        office: &UnitCode,
    ) -> Result<Self, NoReview> {
        let review = steps.into_iter().filter(StepRule::is_review);
        review.map(|rule| ChainStep::of(rule, unit, office)).collect::<Vec<_>>().try_into()
    }

    pub fn steps(&self) -> &[ChainStep] {
        &self.0
    }
}

impl From<ChainStep> for Chain {
    fn from(only: ChainStep) -> Self {
        Self(vec![only])
    }
}

impl TryFrom<Vec<ChainStep>> for Chain {
    type Error = NoReview;

    fn try_from(steps: Vec<ChainStep>) -> Result<Self, NoReview> {
        if steps.is_empty() { Err(NoReview) } else { Ok(Self(steps)) }
    }
}

/// A procedure without a step of review.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the procedure has no step of review")]
pub struct NoReview;

impl StepRule<'_> {
    /// Planning and sending carry out what others decided, and who publishes never approves.
    pub fn is_review(&self) -> bool {
        !matches!(self.id, "schedule" | "publish") && self.actor != Role::AccountAdmin
    }

    /// Who decides this step for an item of the office itself (`of_office`) or of a unit: the role of the procedure, then
    /// those that stand in for it.
    pub fn deciders(&self, of_office: bool) -> Vec<Role> {
        let mut roles = vec![self.actor];
        roles.extend(stand_ins(self.actor));
        // The office hands in items of its own: its director is its head (domain reference §1.10, case 16).
        if of_office && self.scope == Scope::Unit && roles.contains(&Role::UnitHead) {
            roles.push(Role::OfficeDirector);
        }
        roles
    }
}

impl ChainStep {
    fn of(rule: StepRule<'_>, unit: &UnitCode, office: &UnitCode) -> Self {
        let roles = rule.deciders(unit == office);
        let unit = match rule.scope {
            Scope::Unit => Some(unit.clone()),
            Scope::Office => Some(office.clone()),
            Scope::District => None,
        };
        Self { id: StepId::new(rule.id), state: waits_in(rule), roles, unit }
    }

    /// As what this person decides here.
    ///
    /// # Errors
    /// They wrote the item, none of their roles decides this step, or they belong elsewhere.
    pub fn role_of(&self, person: &Person, item: &Item) -> Result<Role, Outsider> {
        if person.id == item.author {
            return Err(Outsider::Author);
        }
        let held = self.roles.iter().copied().find(|role| person.has(*role));
        let role = held.ok_or(Outsider::NoRole)?;
        let belongs = self.unit.as_ref().is_none_or(|unit| *unit == person.unit);
        if belongs { Ok(role) } else { Err(Outsider::OtherUnit) }
    }
}

impl ChainStep {
    /// As what this person decides here, and for whom if not by themselves: their own role comes first.
    ///
    /// # Errors
    /// As [`ChainStep::role_of`], when nobody's mandate helps.
    pub fn role_with(
        &self,
        person: &Person,
        mandates: &[Mandate],
        item: &Item,
    ) -> Result<(Role, Option<Behalf>), Outsider> {
        let why = match self.role_of(person, item) {
            Ok(role) => return Ok((role, None)),
            Err(why) => why,
        };
        let fits = |m: &&Mandate| {
            self.roles.contains(&m.role) && self.unit.as_ref().is_none_or(|unit| *unit == m.unit)
        };
        let mandate = mandates.iter().find(fits).filter(|_| person.active).ok_or(why)?;
        // Nobody approves what they wrote by having somebody stand in.
        if why == Outsider::Author || mandate.behalf.of.as_ref() == Some(&item.author) {
            return Err(Outsider::Author);
        }
        Ok((mandate.role, Some(mandate.behalf.clone())))
    }
}

/// Why somebody has no say in a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outsider {
    /// Nobody reviews what they wrote.
    Author,
    NoRole,
    OtherUnit,
}

/// Who may sign for whom. Only upward: the head for the deputy, never the other way round. The two leaders of
/// the district are two steps of one procedure, so neither stands in for the other.
fn stand_ins(role: Role) -> &'static [Role] {
    match role {
        Role::DeputyHead => &[Role::UnitHead],
        Role::OfficeEditor => &[Role::OfficeDirector],
        _ => &[],
    }
}

/// What an item is called while it waits for this step (domain reference §1.5).
fn waits_in(rule: StepRule<'_>) -> ItemState {
    match (rule.actor, rule.scope) {
        (Role::SecrecyReviewer, _) => ItemState::PendingSecrecy,
        (Role::PrincipalLeader, _) => ItemState::PendingPrincipal,
        (_, Scope::Unit) => ItemState::PendingUnit,
        (_, Scope::District) => ItemState::PendingLeader,
        (_, Scope::Office) if rule.is_office_decision => ItemState::PendingDecision,
        (_, Scope::Office) => ItemState::PendingOffice,
    }
}

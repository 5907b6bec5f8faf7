//! Procedures: every step has somebody who can do it, and who is not the author (Y40, R-33).

use std::collections::{BTreeMap, BTreeSet};

use juzhen_domain::id::{PersonId, UnitCode};
use juzhen_domain::matrix::{Person, Procedure, Role};

use super::Desk;
use crate::fault::Place;
use crate::files::{Origin, ProcedureSettings, ProceduresFile, Scope, StepSettings};
use crate::problem::MatterProblem;

pub(crate) fn build(
    desk: &mut Desk<'_>,
    file: usize,
    found: &ProceduresFile,
    people: &BTreeMap<PersonId, Person>,
    office: Option<&UnitCode>,
) -> BTreeMap<Procedure, ProcedureSettings> {
    let mut procedures = BTreeMap::new();
    let staff = Staff { people, office };
    for (key, settings) in &found.procedures {
        let Ok(procedure) = key.value.parse::<Procedure>() else {
            desk.error(file, key.place, MatterProblem::NoSuchProcedure { name: key.value.clone() });
            continue;
        };
        let review = Review { file, place: key.place, procedure, settings, staff: &staff };
        if settings.steps.is_empty() {
            desk.error(file, key.place, MatterProblem::NoSteps { procedure: procedure.to_string() });
        }
        // People of a file that could not be read would all seem to be missing.
        if !desk.may_be_defined_elsewhere(crate::problem::Thing::Person) {
            review.check(desk);
        }
        procedures.insert(procedure, settings.clone());
    }
    procedures
}

struct Staff<'a> {
    people: &'a BTreeMap<PersonId, Person>,
    office: Option<&'a UnitCode>,
}

impl<'a> Staff<'a> {
    /// Who may do a step for an item of `unit`. The head may sign for the deputy, not the other way round.
    fn of_step(&self, step: &StepSettings, unit: &UnitCode) -> BTreeSet<&'a PersonId> {
        let unit = match step.scope {
            Scope::Unit => Some(unit),
            Scope::Office => self.office,
            Scope::District => None,
        };
        let can = |p: &&Person| {
            let role = p.has(step.actor) || (step.actor == Role::DeputyHead && p.has(Role::UnitHead));
            role && unit.is_none_or(|unit| p.unit == *unit)
        };
        self.people.values().filter(can).map(|p| &p.id).collect()
    }

    fn authors(&self, origin: Origin, unit: &UnitCode) -> BTreeSet<&'a PersonId> {
        let drafts = |p: &&Person| match origin {
            Origin::Unit => p.has(Role::InfoOfficer) && p.unit == *unit,
            Origin::Office => p.has(Role::OfficeContact) && Some(&p.unit) == self.office,
        };
        self.people.values().filter(drafts).map(|p| &p.id).collect()
    }
}

struct Review<'a> {
    file: usize,
    place: Place,
    procedure: Procedure,
    settings: &'a ProcedureSettings,
    staff: &'a Staff<'a>,
}

impl Review<'_> {
    fn check(&self, desk: &mut Desk<'_>) {
        for step in self.settings.steps.iter().filter(|step| step.scope != Scope::Unit) {
            let anywhere = UnitCode::new("");
            if self.staff.of_step(step, &anywhere).is_empty() {
                let problem = MatterProblem::NobodyFor {
                    step: step.id.clone(),
                    procedure: self.procedure.to_string(),
                    role: step.actor.as_str(),
                };
                desk.error(self.file, self.place, problem);
            }
        }
        self.check_units(desk);
        self.check_publisher(desk);
    }

    /// In each unit that has authors, somebody else must be able to do each step of the unit.
    fn check_units(&self, desk: &mut Desk<'_>) {
        let units: BTreeSet<&UnitCode> = match self.settings.origin {
            Origin::Unit => self.staff.people.values().map(|p| &p.unit).collect(),
            Origin::Office => self.staff.office.into_iter().collect(),
        };
        for unit in units {
            let authors = self.staff.authors(self.settings.origin, unit);
            for step in self.settings.steps.iter().filter(|_| !authors.is_empty()) {
                let able = self.staff.of_step(step, unit);
                if able.is_empty() && step.scope == Scope::Unit {
                    self.note_nobody(desk, step, unit);
                } else if able.len() == 1 && able == authors && is_decision(step) {
                    let person = able.first().map(ToString::to_string).unwrap_or_default();
                    let problem = MatterProblem::OnlyTheAuthor {
                        step: step.id.clone(),
                        procedure: self.procedure.to_string(),
                        person,
                    };
                    desk.error(self.file, self.place, problem);
                }
            }
        }
    }

    /// A unit may be without a deputy for a while; the rest of the district goes on.
    fn note_nobody(&self, desk: &mut Desk<'_>, step: &StepSettings, unit: &UnitCode) {
        let problem = MatterProblem::NobodyInUnit {
            step: step.id.clone(),
            procedure: self.procedure.to_string(),
            role: step.actor.as_str(),
            unit: unit.to_string(),
        };
        desk.warning(self.file, self.place, problem);
    }

    /// Who publishes is not who approved last.
    fn check_publisher(&self, desk: &mut Desk<'_>) {
        let nobody = UnitCode::new("");
        let last =
            self.settings.steps.iter().rev().find(|step| is_decision(step) && step.scope != Scope::Unit);
        let publish = self.settings.steps.iter().find(|step| step.actor == Role::AccountAdmin);
        let (Some(last), Some(publish)) = (last, publish) else { return };
        let (approve, publish) = (self.staff.of_step(last, &nobody), self.staff.of_step(publish, &nobody));
        if approve.len() == 1 && approve == publish {
            let person = approve.first().map(ToString::to_string).unwrap_or_default();
            let procedure = self.procedure.to_string();
            desk.error(self.file, self.place, MatterProblem::PublisherApproves { procedure, person });
        }
    }
}

/// Scheduling and publishing carry out what others decided.
fn is_decision(step: &StepSettings) -> bool {
    step.actor != Role::AccountAdmin && step.id != "schedule"
}

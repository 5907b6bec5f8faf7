//! Procedures: every step has somebody who can do it, and who is not the author (Y40, R-33).

use std::collections::BTreeMap;

use juzhen_domain::id::{PersonId, UnitCode};
use juzhen_domain::matrix::{Person, Procedure, Role};
use juzhen_domain::review::{Origin, Scope};

use super::Desk;
use crate::fault::Place;
use crate::files::{ProcedureSettings, ProceduresFile, StepSettings};
use crate::problem::MatterProblem;

pub(crate) fn build(
    desk: &mut Desk<'_>,
    file: usize,
    found: &ProceduresFile,
    people: &BTreeMap<PersonId, Person>,
    office: Option<&UnitCode>,
) -> BTreeMap<Procedure, ProcedureSettings> {
    let mut procedures = BTreeMap::new();
    let staff = Staff::of(people, office);
    for (key, settings) in &found.procedures {
        let Ok(procedure) = key.value.parse::<Procedure>() else {
            desk.error(file, key.place, MatterProblem::NoSuchProcedure { name: key.value.clone() });
            continue;
        };
        let review = Review { file, place: key.place, procedure, settings, staff: &staff };
        if !settings.steps.iter().any(|step| step.rule().is_review()) {
            desk.error(file, key.place, MatterProblem::NoSteps { procedure: procedure.to_string() });
        }
        check_order(desk, (file, key.place), procedure, settings);
        // People of a file that could not be read would all seem to be missing.
        if !desk.may_be_defined_elsewhere(crate::problem::Thing::Person) {
            review.check(desk);
        }
        procedures.insert(procedure, settings.clone());
    }
    procedures
}

/// Each step has a name of its own, as decisions are kept by it, and stands where it is reached.
fn check_order(
    desk: &mut Desk<'_>,
    (file, place): (usize, Place),
    procedure: Procedure,
    settings: &ProcedureSettings,
) {
    for (number, step) in settings.steps.iter().enumerate() {
        let (id, procedure) = (step.id.clone(), procedure.to_string());
        let before = settings.steps.get(..number).unwrap_or_default();
        if before.iter().any(|earlier| earlier.id == step.id) {
            desk.error(file, place, MatterProblem::StepTwice { step: id, procedure });
        } else if step.rule().is_review() && before.iter().any(|earlier| !earlier.rule().is_review()) {
            desk.error(file, place, MatterProblem::StepTooLate { step: id, procedure });
        }
    }
}

/// People by unit: looked at for every step of every procedure in every unit.
struct Staff<'a> {
    by_unit: BTreeMap<&'a UnitCode, Vec<&'a Person>>,
    office: Option<&'a UnitCode>,
}

impl<'a> Staff<'a> {
    fn of(people: &'a BTreeMap<PersonId, Person>, office: Option<&'a UnitCode>) -> Self {
        let mut by_unit: BTreeMap<&UnitCode, Vec<&Person>> = BTreeMap::new();
        for person in people.values() {
            by_unit.entry(&person.unit).or_default().push(person);
        }
        Self { by_unit, office }
    }

    fn people_of(&self, unit: Option<&UnitCode>) -> impl Iterator<Item = &'a Person> {
        unit.and_then(|unit| self.by_unit.get(unit)).into_iter().flatten().copied()
    }

    /// Who of a unit may do a step.
    fn of_unit(&self, step: &StepSettings, unit: Option<&UnitCode>) -> Able<'a> {
        let of_office = unit.is_some() && unit == self.office;
        self.people_of(unit)
            .filter(|person| may_do(person, step, of_office))
            .map(|person| &person.id)
            .collect::<Able<'a>>()
    }

    /// Who may do a step that is the same for every unit.
    fn of_district(&self, step: &StepSettings) -> Able<'a> {
        if step.scope == Scope::Office {
            return self.of_unit(step, self.office);
        }
        let everybody = self.by_unit.values().flatten();
        everybody.filter(|person| may_do(person, step, false)).map(|person| &person.id).collect::<Able<'a>>()
    }

    fn authors(&self, origin: Origin, unit: &UnitCode) -> Able<'a> {
        let role = match origin {
            Origin::Unit => Role::InfoOfficer,
            Origin::Office => Role::OfficeContact,
        };
        self.people_of(Some(unit)).filter(|person| person.has(role)).map(|person| &person.id).collect()
    }
}

/// Who may do something, as far as it matters: nobody, one person, or several.
#[derive(Debug, Clone, Copy, Default)]
struct Able<'a> {
    first: Option<&'a PersonId>,
    more: bool,
}

impl<'a> Able<'a> {
    fn only(self) -> Option<&'a PersonId> {
        self.first.filter(|_| !self.more)
    }
}

impl<'a> FromIterator<&'a PersonId> for Able<'a> {
    fn from_iter<I: IntoIterator<Item = &'a PersonId>>(people: I) -> Self {
        let mut people = people.into_iter();
        Self { first: people.next(), more: people.next().is_some() }
    }
}

fn may_do(person: &Person, step: &StepSettings, of_office: bool) -> bool {
    step.rule().deciders(of_office).into_iter().any(|role| person.has(role))
}

struct Review<'a> {
    file: usize,
    place: Place,
    procedure: Procedure,
    settings: &'a ProcedureSettings,
    staff: &'a Staff<'a>,
}

impl<'a> Review<'a> {
    fn check(&self, desk: &mut Desk<'_>) {
        let common: Vec<_> = self.settings.steps.iter().filter(|step| step.scope != Scope::Unit).collect();
        let common: Vec<_> = common.into_iter().map(|step| (step, self.staff.of_district(step))).collect();
        for (step, _) in common.iter().filter(|(_, able)| able.first.is_none()) {
            let problem = MatterProblem::NobodyFor {
                step: step.id.clone(),
                procedure: self.procedure.to_string(),
                role: step.actor.as_str(),
            };
            desk.error(self.file, self.place, problem);
        }
        self.check_publisher(desk, &common);
        let units: Vec<&UnitCode> = match self.settings.origin {
            Origin::Unit => self.staff.by_unit.keys().copied().collect(),
            Origin::Office => self.staff.office.into_iter().collect(),
        };
        for unit in units {
            self.check_unit(desk, unit, &common);
        }
    }

    /// In each unit that has authors, somebody else must be able to do each step.
    fn check_unit(&self, desk: &mut Desk<'_>, unit: &UnitCode, common: &[(&StepSettings, Able<'_>)]) {
        let authors = self.staff.authors(self.settings.origin, unit);
        if authors.first.is_none() {
            return;
        }
        for step in self.settings.steps.iter().filter(|step| step.scope == Scope::Unit) {
            let able = self.staff.of_unit(step, Some(unit));
            if able.first.is_none() {
                self.note_nobody(desk, step, unit);
            }
            self.check_author(desk, step, able, authors);
        }
        for (step, able) in common {
            self.check_author(desk, step, *able, authors);
        }
    }

    fn check_author(&self, desk: &mut Desk<'_>, step: &StepSettings, able: Able<'_>, authors: Able<'_>) {
        if let Some(person) = able.only()
            && authors.only() == Some(person)
            && step.rule().is_review()
        {
            let person = person.to_string();
            let (step, procedure) = (step.id.clone(), self.procedure.to_string());
            desk.error(self.file, self.place, MatterProblem::OnlyTheAuthor { step, procedure, person });
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
    fn check_publisher(&self, desk: &mut Desk<'_>, common: &[(&'a StepSettings, Able<'_>)]) {
        let last = common.iter().rev().find(|(step, _)| step.rule().is_review());
        let publish = common.iter().find(|(step, _)| step.actor == Role::AccountAdmin);
        let (Some((_, approve)), Some((_, publish))) = (last, publish) else { return };
        if let Some(person) = approve.only()
            && publish.only() == Some(person)
        {
            let person = person.to_string();
            let procedure = self.procedure.to_string();
            desk.error(self.file, self.place, MatterProblem::PublisherApproves { procedure, person });
        }
    }
}

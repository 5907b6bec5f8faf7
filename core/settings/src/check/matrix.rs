//! Units, people and columns.

use std::collections::BTreeMap;

use juzhen_domain::id::{ColumnId, PersonId, UnitCode};
use juzhen_domain::matrix::{Column, Person, Role, Unit, UnitCategory};

use super::{Desk, In, accounts};
use crate::files::{ColumnSection, ColumnsFile, DistrictFile, PersonSection, QuotaSettings, UnitFile};
use crate::problem::{MatterProblem, Thing};
use crate::settings::AdapterSettings;

pub(crate) struct Built {
    pub(crate) units: BTreeMap<UnitCode, Unit>,
    pub(crate) quotas: BTreeMap<UnitCode, QuotaSettings>,
    pub(crate) people: BTreeMap<PersonId, Person>,
}

/// Exactly one unit is the office, and it is the one that `district.yaml` names.
pub(crate) fn check_office(
    desk: &mut Desk<'_>,
    district: Option<In<'_, DistrictFile>>,
    units: &[In<'_, UnitFile>],
) -> Option<UnitCode> {
    let categories = units.iter().filter_map(|(file, unit)| Some((*file, unit.category.as_ref()?)));
    let mut offices = categories.filter(|(_, category)| category.value == UnitCategory::Office);
    if let Some((first_file, first)) = offices.next() {
        let first = desk.place_text(first_file, first.place);
        for (file, category) in offices {
            desk.error(file, category.place, MatterProblem::SecondOffice { first: first.clone() });
        }
    }
    let (file, district) = district?;
    let wanted = &district.district.as_ref()?.office_unit;
    if desk.refer(file, Thing::Unit, wanted) {
        let named = units.iter().find(|(_, unit)| unit.code.value == wanted.value);
        let category = named.and_then(|(_, unit)| unit.category.as_ref());
        if category.is_some_and(|category| category.value != UnitCategory::Office) {
            let unit = wanted.value.to_string();
            desk.error(file, wanted.place, MatterProblem::NotTheOffice { unit });
        }
    }
    Some(wanted.value.clone())
}

pub(crate) fn build(desk: &mut Desk<'_>, units: &[In<'_, UnitFile>]) -> Built {
    let mut built = Built { units: BTreeMap::new(), quotas: BTreeMap::new(), people: BTreeMap::new() };
    for (file, section) in units {
        let code = &section.code.value;
        if let Some(unit) = plain_unit(section) {
            built.units.insert(code.clone(), unit);
        }
        if let Some(quota) = &section.quota {
            built.quotas.insert(code.clone(), quota.clone());
        }
        for found in &section.people {
            check_administrations(desk, *file, found);
            let person = Person {
                id: found.id.value.clone(),
                name: found.name.clone(),
                unit: code.clone(),
                roles: found.roles.clone(),
                active: found.active,
            };
            built.people.insert(person.id.clone(), person);
        }
        let writes = section.people.iter().any(|p| p.active && p.roles.contains(&Role::InfoOfficer));
        // The office drafts by its own procedure; a unit whose category is not known may be the office.
        let is_unit =
            section.category.as_ref().is_some_and(|category| category.value != UnitCategory::Office);
        if is_unit && !writes {
            desk.warning(*file, section.code.place, MatterProblem::NoInfoOfficer { unit: code.to_string() });
        }
    }
    built
}

/// 三员分立: settings, people and the audit are looked after by three (C03).
fn check_administrations(desk: &mut Desk<'_>, file: usize, person: &PersonSection) {
    const THREE: [Role; 3] = [Role::Sysadmin, Role::SecurityAdmin, Role::Auditor];
    let held: Vec<Role> = THREE.into_iter().filter(|role| person.roles.contains(role)).collect();
    if let [one, other, ..] = held[..] {
        let person_id = person.id.value.to_string();
        let problem = MatterProblem::TwoAdministrations { person: person_id, one, other };
        desk.error(file, person.id.place, problem);
    }
}

fn plain_unit(section: &UnitFile) -> Option<Unit> {
    Some(Unit {
        code: section.code.value.clone(),
        name: section.name.clone()?,
        short_name: section.short_name.clone()?,
        category: section.category.as_ref()?.value,
    })
}

pub(crate) fn columns(
    desk: &mut Desk<'_>,
    file: usize,
    found: &ColumnsFile,
    adapters: Option<&AdapterSettings>,
) -> BTreeMap<ColumnId, Column> {
    let mut columns = BTreeMap::new();
    for section in &found.columns {
        if let Some(owner) = &section.owner {
            desk.refer(file, Thing::Unit, owner);
        }
        for platform in section.platforms.iter().flatten() {
            accounts::check_platform(desk, file, platform, adapters);
        }
        if let Some(column) = plain_column(section) {
            columns.insert(column.id.clone(), column);
        }
    }
    columns
}

fn plain_column(section: &ColumnSection) -> Option<Column> {
    Some(Column {
        id: section.id.value.clone(),
        name: section.name.clone()?,
        platforms: section.platforms.as_ref()?.iter().map(|p| p.value.clone()).collect(),
        procedures: section.procedures.clone()?,
        owner: section.owner.as_ref()?.value.clone(),
        enabled: section.enabled?,
        exempt_category6: section.exempt_category6?,
    })
}

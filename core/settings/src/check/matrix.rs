//! Units, people and columns.

use std::collections::BTreeMap;

use juzhen_domain::id::{ColumnId, PersonId, UnitCode};
use juzhen_domain::matrix::{Column, Person, Unit, UnitCategory};

use super::{Desk, In, accounts};
use crate::files::{ColumnsFile, DistrictFile, QuotaSettings, UnitFile};
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
    let mut offices = units.iter().filter(|(_, unit)| unit.category.value == UnitCategory::Office);
    let first = offices.next();
    if let Some((first_file, first)) = first {
        let first = desk.place_text(*first_file, first.category.place);
        for (file, unit) in offices {
            desk.error(*file, unit.category.place, MatterProblem::SecondOffice { first: first.clone() });
        }
    }
    let (file, district) = district?;
    let wanted = &district.district.office_unit;
    if desk.refer(file, Thing::Unit, wanted) {
        let named = units.iter().find(|(_, unit)| unit.code.value == wanted.value);
        if named.is_some_and(|(_, unit)| unit.category.value != UnitCategory::Office) {
            let unit = wanted.value.to_string();
            desk.error(file, wanted.place, MatterProblem::NotTheOffice { unit });
        }
    }
    Some(wanted.value.clone())
}

pub(crate) fn build(desk: &mut Desk<'_>, units: &[In<'_, UnitFile>], office: Option<&UnitCode>) -> Built {
    let mut built = Built { units: BTreeMap::new(), quotas: BTreeMap::new(), people: BTreeMap::new() };
    for (file, section) in units {
        let code = &section.code.value;
        let unit = Unit {
            code: code.clone(),
            name: section.name.clone(),
            short_name: section.short_name.clone(),
            category: section.category.value,
        };
        built.units.insert(code.clone(), unit);
        built.quotas.insert(code.clone(), section.quota.clone());
        for found in &section.people {
            let person = Person {
                id: found.id.value.clone(),
                name: found.name.clone(),
                unit: code.clone(),
                roles: found.roles.clone(),
                active: found.active,
            };
            built.people.insert(person.id.clone(), person);
        }
        let writes = section.people.iter().any(|p| p.active && p.roles.contains(&juzhen_domain::matrix::Role::InfoOfficer));
        if !writes && office != Some(code) {
            desk.warning(*file, section.code.place, MatterProblem::NoInfoOfficer { unit: code.to_string() });
        }
    }
    built
}

pub(crate) fn columns(
    desk: &mut Desk<'_>,
    file: usize,
    found: &ColumnsFile,
    adapters: Option<&AdapterSettings>,
) -> BTreeMap<ColumnId, Column> {
    let mut columns = BTreeMap::new();
    for section in &found.columns {
        desk.refer(file, Thing::Unit, &section.owner);
        for platform in &section.platforms {
            accounts::check_platform(desk, file, platform, adapters);
        }
        let column = Column {
            id: section.id.value.clone(),
            name: section.name.clone(),
            platforms: section.platforms.iter().map(|p| p.value.clone()).collect(),
            procedures: section.procedures.iter().map(|p| p.value).collect(),
            owner: section.owner.value.clone(),
            enabled: section.enabled,
        };
        columns.insert(column.id.clone(), column);
    }
    columns
}

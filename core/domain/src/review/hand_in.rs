//! Who may hand in an item of which unit under which procedure.

use super::Origin;
use crate::id::{PersonId, UnitCode};
use crate::matrix::{Person, Role};

/// Writes for a unit.
const OF_UNIT: &[Role] = &[Role::InfoOfficer];
/// Writes for the office: it drafts what units may not, and hands in items of its own.
const OF_OFFICE: &[Role] =
    &[Role::OfficeEditor, Role::OfficeDirector, Role::OfficeContact, Role::InfoOfficer];

/// Whether a person may hand in an item of `unit`.
///
/// # Errors
/// They write for nobody, for another unit, or the procedure begins in the office.
pub fn may_hand_in(
    person: &Person,
    unit: &UnitCode,
    office: &UnitCode,
    origin: Origin,
) -> Result<(), NotTheirs> {
    let roles = if person.unit == *office { OF_OFFICE } else { OF_UNIT };
    if !roles.iter().any(|role| person.has(*role)) {
        return Err(NotTheirs::NoRole { person: person.id.clone(), roles });
    }
    if person.unit != *unit {
        let (person, is) = (person.id.clone(), person.unit.clone());
        return Err(NotTheirs::OtherUnit { person, is, wanted: unit.clone() });
    }
    if origin == Origin::Office && unit != office {
        return Err(NotTheirs::OfTheOffice);
    }
    Ok(())
}

/// Why somebody may not hand this in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotTheirs {
    #[error("{person} has none of the roles that hand in items: {}", roles.iter().map(|r| r.as_str()).collect::<Vec<_>>().join(", "))]
    NoRole { person: PersonId, roles: &'static [Role] },
    #[error("{person} belongs to unit {is}, the item to unit {wanted}")]
    OtherUnit { person: PersonId, is: UnitCode, wanted: UnitCode },
    #[error("this procedure is drafted by the office; a unit can only supply facts")]
    OfTheOffice,
}

impl NotTheirs {
    /// The word of the API (domain reference §1.5).
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoRole { .. } | Self::OfTheOffice => "forbidden",
            Self::OtherUnit { .. } => "forbidden_unit",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_hands_in_its_own_and_the_office_what_units_may_not() {
        let code = |role, of: &str, unit: &str, origin| {
            let (id, of) = (PersonId::new("p"), UnitCode::new(of));
            let person = Person { id, name: "p".into(), unit: of, roles: vec![role], active: true };
            may_hand_in(&person, &unit.into(), &"OFFICE".into(), origin).map_err(|why| why.code())
        };
        assert_eq!(code(Role::InfoOfficer, "D07", "D07", Origin::Unit), Ok(()));
        assert_eq!(code(Role::InfoOfficer, "D07", "D08", Origin::Unit), Err("forbidden_unit"));
        assert_eq!(code(Role::UnitHead, "D07", "D07", Origin::Unit), Err("forbidden"));
        // An editor who sits in a unit edits nothing there.
        assert_eq!(code(Role::OfficeEditor, "D07", "D07", Origin::Unit), Err("forbidden"));
        // SM24: P3 does not begin in a unit.
        assert_eq!(code(Role::InfoOfficer, "D07", "D07", Origin::Office), Err("forbidden"));
        assert_eq!(code(Role::OfficeEditor, "OFFICE", "OFFICE", Origin::Office), Ok(()));
        assert_eq!(code(Role::OfficeEditor, "OFFICE", "D07", Origin::Unit), Err("forbidden_unit"));
        assert_eq!(code(Role::AccountAdmin, "OFFICE", "OFFICE", Origin::Office), Err("forbidden"));
    }
}

//! 授权代行: a role holder has somebody else decide for some days, and the director of the office names somebody where a post
//! is vacant (R-36, domain reference §1.10, case 1). What holds is asked at the moment of each decision.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::id::{PersonId, UnitCode};
use crate::matrix::{Person, Role};

/// As the settings have them.
pub type People = BTreeMap<PersonId, Person>;

/// One role of one unit, in other hands for a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delegation {
    pub id: String,
    pub role: Role,
    pub unit: UnitCode,
    /// Whose role it is; `None`: the post is vacant.
    pub from: Option<PersonId>,
    pub to: PersonId,
    pub begins: Timestamp,
    /// The first moment at which it does not hold any more.
    pub ends: Timestamp,
    pub reason: Option<String>,
    pub by: PersonId,
    pub at: Timestamp,
    /// Taken back before its end, by whom and when.
    pub ended: Option<(PersonId, Timestamp)>,
}

/// What somebody may decide for another at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mandate {
    pub role: Role,
    pub unit: UnitCode,
    pub behalf: Behalf,
}

/// 代: for whom somebody decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Behalf {
    pub delegation: String,
    /// `None`: for a vacant post.
    pub of: Option<PersonId>,
}

/// Days that one may last.
const LONGEST: SignedDuration = SignedDuration::from_hours(366 * 24);

impl Delegation {
    /// Whether it may be made by this person now.
    ///
    /// # Errors
    /// The rule that says no.
    pub fn check(&self, by: &Person, people: &People, now: Timestamp) -> Result<(), NotDelegable> {
        let rank = rank(self.role).ok_or(NotDelegable::Role(self.role))?;
        if self.begins >= self.ends || self.ends <= now || self.ends.duration_since(self.begins) > LONGEST {
            return Err(NotDelegable::Days);
        }
        match &self.from {
            Some(from) if *from == by.id => {
                if !holds(by, self.role, &self.unit) {
                    return Err(NotDelegable::NotTheirs { person: by.id.clone(), role: self.role });
                }
            }
            Some(from) => return Err(NotDelegable::OfAnother { from: from.clone() }),
            None => self.check_vacant(by, people)?,
        }
        let to = people.get(&self.to).filter(|to| to.active && to.unit == self.unit);
        let to = to.ok_or_else(|| NotDelegable::OtherUnit { to: self.to.clone() })?;
        // A vacant post goes to whom the director finds; a role only to somebody of its rank.
        let of_rank =
            self.from.is_none() || to.roles.iter().filter_map(|role| self::rank(*role)).any(|r| r >= rank);
        if !of_rank || Some(&to.id) == self.from.as_ref() {
            return Err(NotDelegable::LowerRank { to: self.to.clone(), role: self.role });
        }
        if to.roles.iter().any(|role| NEVER.contains(role)) {
            return Err(NotDelegable::NeverDecides { to: self.to.clone() });
        }
        Ok(())
    }

    fn check_vacant(&self, by: &Person, people: &People) -> Result<(), NotDelegable> {
        if !by.has(Role::OfficeDirector) || !OF_UNIT.contains(&self.role) {
            return Err(NotDelegable::NotTheDirector);
        }
        let holder = people.values().find(|person| holds(person, self.role, &self.unit));
        match holder {
            Some(holder) => Err(NotDelegable::NotVacant { holder: holder.id.clone() }),
            None if self.reason.as_deref().is_some_and(super::is_reason) => Ok(()),
            None => Err(NotDelegable::NoReason),
        }
    }

    /// Whether it holds now: in its days, not taken back, and as long as it was somebody's to give.
    pub fn holds(&self, people: &People, now: Timestamp) -> bool {
        let in_its_days = self.begins <= now && now < self.ends && self.ended.is_none();
        let has_it = |person: &Person| holds(person, self.role, &self.unit);
        let is_theirs = match &self.from {
            Some(from) => people.get(from).is_some_and(has_it),
            None => !people.values().any(has_it),
        };
        let to = people.get(&self.to);
        in_its_days && is_theirs && to.is_some_and(|to| to.active && to.unit == self.unit)
    }

    /// Who may take it back: who gave it, whose it is, and the director.
    pub fn may_be_ended_by(&self, person: &Person) -> bool {
        person.active
            && (person.id == self.by
                || self.from.as_ref() == Some(&person.id)
                || person.has(Role::OfficeDirector))
    }
}

/// What a person may decide for others now.
pub fn mandates(given: &[Delegation], person: &Person, people: &People, now: Timestamp) -> Vec<Mandate> {
    let theirs = given.iter().filter(|d| d.to == person.id && d.holds(people, now));
    let mandate = |d: &Delegation| Mandate {
        role: d.role,
        unit: d.unit.clone(),
        behalf: Behalf { delegation: d.id.clone(), of: d.from.clone() },
    };
    theirs.map(mandate).collect()
}

/// Posts of a unit that can be vacant.
const OF_UNIT: &[Role] = &[Role::SecrecyReviewer, Role::DeputyHead, Role::UnitHead];
/// Publish, or look after the system: they decide on no item, for nobody (R-10, C03).
const NEVER: &[Role] = &[Role::AccountAdmin, Role::Sysadmin, Role::SecurityAdmin, Role::Auditor];

fn holds(person: &Person, role: Role, unit: &UnitCode) -> bool {
    person.has(role) && person.unit == *unit
}

/// Of the roles that decide, from below. The others cannot be delegated.
fn rank(role: Role) -> Option<u8> {
    match role {
        Role::SecrecyReviewer => Some(1),
        Role::DeputyHead | Role::OfficeEditor => Some(2),
        Role::UnitHead | Role::OfficeDirector => Some(3),
        Role::SupervisingLeader => Some(4),
        Role::PrincipalLeader => Some(5),
        _ => None,
    }
}

/// Why it cannot be delegated so.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotDelegable {
    #[error("{0} decides on no item: it cannot be delegated")]
    Role(Role),
    #[error("it begins before it ends, ends in the future, and lasts 366 days at most")]
    Days,
    #[error("{person} is no {role}")]
    NotTheirs { person: PersonId, role: Role },
    #[error("only {from} delegates what {from} decides")]
    OfAnother { from: PersonId },
    #[error("only the director of the office names somebody for a vacant post of a unit")]
    NotTheDirector,
    #[error("the post is not vacant: it is {holder}'s")]
    NotVacant { holder: PersonId },
    #[error("say why the post is vacant")]
    NoReason,
    #[error("{to} is nobody of this unit who is at work")]
    OtherUnit { to: PersonId },
    #[error(
        "{to} has another or a lower rank than {role}: it is delegated to somebody of the same rank or a higher one"
    )]
    LowerRank { to: PersonId, role: Role },
    #[error("{to} publishes or looks after the system: who does that decides on no item")]
    NeverDecides { to: PersonId },
}

impl NotDelegable {
    /// The word of the API.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Days => "invalid_time",
            Self::NotTheirs { .. } | Self::OfAnother { .. } | Self::NotTheDirector => "forbidden",
            Self::OtherUnit { .. } => "forbidden_unit",
            Self::NoReason => "reason_required",
            Self::Role(_) | Self::NotVacant { .. } | Self::LowerRank { .. } | Self::NeverDecides { .. } => {
                "not_delegable"
            }
        }
    }

    /// For who wants to delegate.
    pub fn chinese(&self) -> String {
        match self {
            Self::Role(role) => format!("{}不办理审核，不能授权代行", role.chinese()),
            Self::Days => "起止日期无效：须先起后止，止于将来，最长 366 天".to_owned(),
            Self::NotTheirs { role, .. } => format!("只有{}本人可以授权", role.chinese()),
            Self::OfAnother { .. } => "只能由本人授权".to_owned(),
            Self::NotTheDirector => "岗位空缺时由办公室主任指定代行人".to_owned(),
            Self::NotVacant { .. } => "该岗位有人在岗，由其本人授权".to_owned(),
            Self::NoReason => "请说明岗位空缺的原因".to_owned(),
            Self::OtherUnit { .. } => "代行人须为本单位在岗人员".to_owned(),
            Self::LowerRank { .. } => "代行人须为同级或更高级别，且不能是本人".to_owned(),
            Self::NeverDecides { .. } => "账号管理员、系统管理员、安全管理员、审计员不能代行审核".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(day: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + day * 86_400).unwrap()
    }

    fn people() -> People {
        let of = |id: &str, unit: &str, role| {
            let (id, unit) = (PersonId::from(id), UnitCode::from(unit));
            (id.clone(), Person { id, name: "某".into(), unit, roles: vec![role], active: true })
        };
        People::from([
            of("d07.zy", "D07", Role::UnitHead),
            of("d07.fg", "D07", Role::DeputyHead),
            of("d07.fg2", "D07", Role::DeputyHead),
            of("d07.xx", "D07", Role::InfoOfficer),
            of("d08.zy", "D08", Role::UnitHead),
            of("d09.xx", "D09", Role::InfoOfficer),
            of("d09.gl", "D09", Role::AccountAdmin),
            of("off.zr", "OFFICE", Role::OfficeDirector),
            of("off.hg", "OFFICE", Role::OfficeEditor),
        ])
    }

    fn delegation(unit: &str, role: Role, from: Option<&str>, to: &str) -> Delegation {
        Delegation {
            id: "g1".into(),
            role,
            unit: unit.into(),
            from: from.map(PersonId::from),
            to: to.into(),
            begins: at(0),
            ends: at(7),
            reason: Some("出差".into()),
            by: from.unwrap_or("off.zr").into(),
            at: at(0),
            ended: None,
        }
    }

    fn refused(wanted: &Delegation, by: &str) -> Option<&'static str> {
        let people = people();
        wanted.check(&people[&PersonId::from(by)], &people, at(0)).err().map(|why| why.code())
    }

    #[test]
    fn c02_a_role_goes_to_the_same_or_a_higher_rank_of_the_same_unit() {
        let of = |role, from, to| refused(&delegation("D07", role, Some(from), to), from);
        assert_eq!(of(Role::DeputyHead, "d07.fg", "d07.fg2"), None);
        assert_eq!(of(Role::DeputyHead, "d07.fg", "d07.zy"), None);
        assert_eq!(of(Role::UnitHead, "d07.zy", "d07.fg"), Some("not_delegable"));
        assert_eq!(of(Role::DeputyHead, "d07.fg", "d07.xx"), Some("not_delegable"));
        assert_eq!(of(Role::DeputyHead, "d07.fg", "d07.fg"), Some("not_delegable"));
        assert_eq!(of(Role::UnitHead, "d07.zy", "d08.zy"), Some("forbidden_unit"));
        assert_eq!(of(Role::UnitHead, "d07.fg", "d07.zy"), Some("forbidden"));
        assert_eq!(of(Role::InfoOfficer, "d07.xx", "d07.zy"), Some("not_delegable"));
        // Nobody gives away what another has.
        let of_another = delegation("D07", Role::UnitHead, Some("d07.zy"), "d07.fg");
        assert_eq!(refused(&of_another, "off.zr"), Some("forbidden"));
    }

    #[test]
    fn c02_the_director_names_somebody_for_a_vacant_post_alone() {
        let vacant = delegation("D09", Role::UnitHead, None, "d09.xx");
        assert_eq!(refused(&vacant, "off.zr"), None);
        assert_eq!(refused(&vacant, "off.hg"), Some("forbidden"));
        let unsaid = Delegation { reason: None, ..vacant.clone() };
        assert_eq!(refused(&unsaid, "off.zr"), Some("reason_required"));
        let publisher = Delegation { to: "d09.gl".into(), ..vacant.clone() };
        assert_eq!(refused(&publisher, "off.zr"), Some("not_delegable"));
        let held = delegation("D07", Role::UnitHead, None, "d07.fg");
        assert_eq!(refused(&held, "off.zr"), Some("not_delegable"));
        let mut people = people();
        assert!(vacant.holds(&people, at(1)));
        // A new head has come.
        people.values_mut().filter(|p| p.id == "d08.zy".into()).for_each(|p| p.unit = "D09".into());
        assert!(!vacant.holds(&people, at(1)));
    }

    #[test]
    fn c02_it_holds_in_its_days_while_it_is_not_taken_back_and_both_are_at_work() {
        let mut people = people();
        let given = delegation("D07", Role::DeputyHead, Some("d07.fg"), "d07.fg2");
        let holds: Vec<_> = [-1, 0, 6, 7].map(|day| given.holds(&people, at(day))).into();
        assert_eq!(holds, [false, true, true, false]);
        let ended = Delegation { ended: Some(("d07.fg".into(), at(1))), ..given.clone() };
        assert!(!ended.holds(&people, at(2)));
        for gone in ["d07.fg", "d07.fg2"] {
            people.get_mut(&PersonId::from(gone)).unwrap().active = false;
            assert!(!given.holds(&people, at(1)), "{gone}");
            people.get_mut(&PersonId::from(gone)).unwrap().active = true;
        }
        let backwards = Delegation { begins: at(8), ..given.clone() };
        assert_eq!(refused(&backwards, "d07.fg"), Some("invalid_time"));
        let for_ever = Delegation { ends: at(400), ..given };
        assert_eq!(refused(&for_ever, "d07.fg"), Some("invalid_time"));
    }
}

//! Who may do what to what: the one table of the surface. What people may do to an item and its deliveries is decided
//! by `domain`, which knows the same roles; here is what only the surface offers, and who may see what.

use juzhen_domain::delivery::Delivery;
use juzhen_domain::id::UnitCode;
use juzhen_domain::item::Item;
use juzhen_domain::matrix::{Person, Procedure, Role};
use juzhen_domain::review::{self, Chain, NotTheirs};

use crate::app::App;
use crate::problem::{Code, Problem};

/// Something that is allowed by role alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Act {
    /// See every unit's items and deliveries.
    SeeEverything,
    Schedule,
    /// STOP ALL: anybody of the office and the system administrator, because stopping is the safe side.
    Stop,
    /// One of the two words that lift it.
    LiftStop,
    /// One account's STOP: as safe as that of all.
    PauseAccount,
    /// Look at the platform and answer for it: lift a pause, explain a strange post.
    ResumeAccount,
    /// Ask the platform about an account: what it answers may hold it.
    CheckAccount,
    /// Bring an account to be signed in on the platform.
    SignIn,
    SeeConfiguration,
    Reload,
    BackUp,
    ReadAudit,
    /// Who may come in, and how they stand.
    SeePeople,
    /// Invite, put out, let in again, unlock, take keys back: the security administrator's alone (C03).
    KeepPeople,
    /// Every delegation, not only one's own.
    SeeDelegations,
    /// Give and remove secrets of accounts, change the master key.
    KeepSecrets,
}

impl Act {
    fn roles(self) -> &'static [Role] {
        use Role as R;
        match self {
            Self::SeeEverything => &[
                R::OfficeContact,
                R::OfficeEditor,
                R::OfficeDirector,
                R::AccountAdmin,
                R::SupervisingLeader,
                R::PrincipalLeader,
                R::Auditor,
            ],
            Self::Schedule | Self::LiftStop => &[R::OfficeEditor, R::OfficeDirector],
            Self::ResumeAccount => &[R::OfficeEditor, R::OfficeDirector, R::AccountAdmin],
            Self::SignIn => &[R::OfficeDirector, R::AccountAdmin, R::Sysadmin],
            Self::Stop | Self::PauseAccount | Self::CheckAccount => {
                &[R::OfficeContact, R::OfficeEditor, R::OfficeDirector, R::AccountAdmin, R::Sysadmin]
            }
            Self::SeeConfiguration => &[
                R::OfficeContact,
                R::OfficeEditor,
                R::OfficeDirector,
                R::AccountAdmin,
                R::Sysadmin,
                R::Auditor,
            ],
            Self::Reload | Self::BackUp => &[R::OfficeDirector, R::Sysadmin],
            Self::SeePeople => &[R::SecurityAdmin, R::Sysadmin, R::Auditor],
            Self::KeepPeople => &[R::SecurityAdmin],
            Self::SeeDelegations => {
                &[R::OfficeContact, R::OfficeEditor, R::OfficeDirector, R::SecurityAdmin, R::Auditor]
            }
            Self::ReadAudit => &[R::OfficeDirector, R::Auditor],
            Self::KeepSecrets => &[R::Sysadmin],
        }
    }
}

pub(crate) fn may(person: &Person, act: Act) -> bool {
    act.roles().iter().any(|role| person.has(*role))
}

pub(crate) fn require(person: &Person, act: Act) -> Result<(), Problem> {
    if may(person, act) {
        return Ok(());
    }
    let roles = act.roles().iter().map(|role| role.as_str()).collect::<Vec<_>>().join(", ");
    Err(Problem::because(Code::Forbidden, format!("{} has none of the roles for this: {roles}", person.id)))
}

/// People of a unit see what their unit wrote. The system administrator looks after settings, not texts.
pub(crate) fn sees_item(person: &Person, item: &Item) -> bool {
    may(person, Act::SeeEverything) || item.author == person.id || sees_unit(person, &item.unit)
}

/// Whether the items of a whole unit may be listed.
pub(crate) fn sees_unit(person: &Person, unit: &UnitCode) -> bool {
    may(person, Act::SeeEverything) || (person.unit == *unit && !only_keeps_settings(person))
}

/// What goes out on a unit's own account is that unit's business too, whoever wrote it.
pub(crate) fn sees_delivery(app: &App, person: &Person, delivery: &Delivery, item: &Item) -> bool {
    let of_account = || app.engine.settings().accounts.get(&delivery.account).map(|a| a.unit.clone());
    sees_item(person, item) || of_account().is_some_and(|unit| sees_unit(person, &unit))
}

/// Who may hand in an item of this unit under this procedure, and what it then has to pass.
pub(crate) fn submit(
    app: &App,
    person: &Person,
    unit: &UnitCode,
    procedure: Procedure,
) -> Result<Chain, Problem> {
    let settings = app.engine.settings();
    if !settings.units.contains_key(unit) {
        return Err(
            Problem::because(Code::UnknownUnit, format!("the settings have no unit {unit}")).at("unit")
        );
    }
    let office = &settings.district.office_unit;
    let rules = settings.procedures.get(&procedure).ok_or_else(|| {
        let detail = format!("the settings have no procedure {procedure}");
        Problem::because(Code::UnknownProcedure, detail).at("procedure")
    })?;
    review::may_hand_in(person, unit, office, rules.origin).map_err(|why| {
        let code = Code::parse(why.code()).unwrap_or(Code::Forbidden);
        let problem = Problem::because(code, why.to_string());
        if why == NotTheirs::OfTheOffice { problem.at("procedure") } else { problem }
    })?;
    rules.chain(unit, office).map_err(|why| Problem::because(Code::UnknownProcedure, why.to_string()))
}

fn only_keeps_settings(person: &Person) -> bool {
    person.roles.iter().all(|role| [Role::Sysadmin, Role::SecurityAdmin].contains(role))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn person(role: Role) -> Person {
        Person { id: "p".into(), name: "p".into(), unit: "D07".into(), roles: vec![role], active: true }
    }

    /// Role by role, what the surface alone allows. A change here is a change of who may do what.
    #[test]
    fn c04_the_table_of_roles() {
        let acts = [
            (Act::SeeEverything, 'e'),
            (Act::Schedule, 's'),
            (Act::Stop, 'X'),
            (Act::LiftStop, 'l'),
            (Act::PauseAccount, 'p'),
            (Act::ResumeAccount, 'u'),
            (Act::CheckAccount, 'h'),
            (Act::SignIn, 'g'),
            (Act::SeeConfiguration, 'c'),
            (Act::Reload, 'r'),
            (Act::BackUp, 'b'),
            (Act::ReadAudit, 'a'),
            (Act::SeePeople, 'w'),
            (Act::KeepPeople, 'i'),
            (Act::SeeDelegations, 'd'),
            (Act::KeepSecrets, 'k'),
        ];
        let table: Vec<String> = Role::ALL
            .iter()
            .map(|role| {
                let allowed =
                    acts.iter().map(|(act, mark)| if may(&person(*role), *act) { *mark } else { '.' });
                format!("{} {}", allowed.collect::<String>(), role)
            })
            .collect();
        assert_eq!(
            table,
            [
                "................ info_officer",
                "................ secrecy_reviewer",
                "................ deputy_head",
                "................ unit_head",
                "e.X.p.h.c.....d. office_contact",
                "esXlpuh.c.....d. office_editor",
                "esXlpuhgcrba..d. office_director",
                "e.X.puhgc....... account_admin",
                "e............... supervising_leader",
                "e............... principal_leader",
                "................ petition_handler",
                "................ opinion_handler",
                "..X.p.hgcrb.w..k sysadmin",
                "............wid. security_admin",
                "e.......c..aw.d. auditor",
            ]
        );
    }

    #[test]
    fn a_person_who_left_may_do_nothing() {
        for role in Role::ALL {
            let mut left = person(*role);
            left.active = false;
            assert!(!may(&left, Act::SeeEverything) && !may(&left, Act::Stop), "{role}");
        }
    }

    #[test]
    fn a_unit_sees_itself_and_the_system_administrator_sees_no_texts() {
        assert!(sees_unit(&person(Role::InfoOfficer), &"D07".into()));
        assert!(!sees_unit(&person(Role::InfoOfficer), &"D08".into()));
        assert!(!sees_unit(&person(Role::Sysadmin), &"D07".into()));
        assert!(sees_unit(&person(Role::Auditor), &"D08".into()));
    }
}

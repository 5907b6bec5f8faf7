//! What an item states about itself, and what its procedure asks for before anybody reviews it.

use jiff::Timestamp;
use juzhen_domain::filing::{Filing, Required};
use juzhen_domain::id::UnitCode;
use juzhen_domain::matrix::Procedure;

use crate::app::App;
use crate::problem::{Code, Problem};

/// Refuses what cannot be reviewed as it is.
pub(super) fn check(
    app: &App,
    procedure: Procedure,
    unit: &UnitCode,
    filing: &Filing,
    declared: bool,
    at: Timestamp,
) -> Result<(), Problem> {
    let settings = app.engine.settings();
    let required =
        settings.procedures.get(&procedure).map(|rules| rules.required.as_slice()).unwrap_or_default();
    let faults = filing.faults(required, unit, at);
    if let Some(first) = faults.first() {
        let say = |each: fn(&juzhen_domain::filing::FilingFault) -> &str, between: &str| {
            faults
                .iter()
                .map(|fault| format!("{}: {}", fault.field, each(fault)))
                .collect::<Vec<_>>()
                .join(between)
        };
        let problem = Problem::because(Code::BlockedByCheck, say(|fault| &fault.english, "; "));
        let chinese = say(|fault| &fault.chinese, "；");
        return Err(problem.in_chinese(chinese).at(format!("filing.{}", first.field)));
    }
    if required.contains(&Required::Declaration) && !declared {
        let detail = "declare that none of the seven prohibited kinds of content is in it";
        let problem = Problem::because(Code::BlockedByCheck, detail).at("declaration");
        return Err(problem.in_chinese("报送前须勾选七类声明"));
    }
    Ok(())
}

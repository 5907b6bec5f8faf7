//! How a decision was given: by whom, at the screen, on paper or by telephone, and what was declared with it.

use juzhen_domain::filing;
use juzhen_domain::id::PersonId;
use juzhen_domain::matrix::{Person, Role};
use juzhen_domain::review::{self, Decision, Formalities, Mode, Next, Record, Verdict};
use juzhen_domain::state::ItemState;
use juzhen_store::{ItemRecord, Refused};

use super::decide::NewDecision;
use crate::app::App;
use crate::command::Command;
use crate::problem::{Code, Problem};

/// Scans of one decision.
const MOST_EVIDENCE: usize = 20;
/// Writes down what leaders signed or said.
const RECORDERS: &[Role] = &[Role::OfficeContact, Role::OfficeEditor, Role::OfficeDirector];

/// Who decides, and what is kept with it.
#[derive(Debug, Clone)]
pub(super) struct Given {
    pub(super) person: Person,
    pub(super) record: Record,
}

/// Reads it from the request. A decision on paper or by telephone is written down by the office for whoever gave it.
pub(super) async fn given(app: &App, command: &Command<NewDecision>) -> Result<Given, Problem> {
    let body = &command.body;
    for (number, sha256) in body.evidence.iter().enumerate() {
        if number >= MOST_EVIDENCE || app.store().blob(sha256).await?.is_none() {
            let detail = "nothing with this hash was uploaded, or there are more than 20; POST it to /api/v1/media first";
            return Err(Problem::because(Code::UnknownMedia, detail).at(format!("evidence[{number}]")));
        }
    }
    let mut record = Record {
        mode: body.mode,
        evidence: body.evidence.clone(),
        declaration: body.declaration,
        secrecy: body.secrecy.clone(),
        ..Record::default()
    };
    let Some(person) = &body.on_behalf_of else {
        if !body.mode.is_online() {
            let detail = "say in on_behalf_of whose decision it is";
            return Err(Problem::because(Code::InvalidValue, detail).at("on_behalf_of"));
        }
        return Ok(Given { person: command.by.clone(), record });
    };
    record.recorded_by = Some(command.by.id.clone());
    let person = behalf(app, command, person)?;
    Ok(Given { person, record })
}

fn behalf(app: &App, command: &Command<NewDecision>, person: &str) -> Result<Person, Problem> {
    let body = &command.body;
    if !RECORDERS.iter().any(|role| command.by.has(*role)) {
        let detail = format!("{} may not write down decisions of others: the office does", command.by.id);
        return Err(Problem::because(Code::Forbidden, detail).at("on_behalf_of"));
    }
    if body.mode.is_online() {
        let detail = "at the screen everybody decides for themselves; it is paper or phone";
        return Err(Problem::because(Code::InvalidValue, detail).at("mode"));
    }
    // What was said on the telephone leaves nothing else behind.
    if body.mode == Mode::Phone && body.reason.is_none() {
        let detail = "say who called when, and what was said";
        return Err(Problem::because(Code::ReasonRequired, detail).at("reason"));
    }
    let settings = app.engine.settings();
    let found = settings.people.get(&PersonId::new(person)).cloned();
    found.ok_or_else(|| {
        let detail = format!("the settings have no person {person:?}");
        Problem::because(Code::InvalidValue, detail).at("on_behalf_of")
    })
}

/// Whether the decision is complete. Asked inside the transaction, with the item as it is then.
pub(super) fn check(app: &App, record: &ItemRecord, given: &Given, verdict: Verdict) -> Result<(), Refused> {
    let Next::Waiting(step) = review::next(&record.item, &record.decisions) else { return Ok(()) };
    if given.record.recorded_by.as_ref() == Some(&record.item.author) {
        let message =
            "who wrote the item does not write down its approvals: another person of the office has to";
        return Err(Refused::new(Code::SelfApproval.as_str(), message));
    }
    let settings = app.engine.settings();
    let rules = settings.procedures.get(&record.item.procedure);
    let asked = if let Some(rules) = rules { rules.formalities() } else { Formalities::default() };
    given
        .record
        .check(step, verdict, asked)
        .map_err(|lacks| Refused::new(Code::BlockedByCheck.as_str(), lacks.to_string()))?;
    let decides_forward = step.state == ItemState::PendingDecision && verdict == Verdict::Approve;
    if decides_forward && !given.person.has(Role::OfficeDirector) && !is_known_source(app, record) {
        let message = "the source is not one of those that may be forwarded: the director of the office decides (稿源不在名单内，须由办公室主任审定)";
        return Err(Refused::new(Code::Forbidden.as_str(), message));
    }
    Ok(())
}

/// A site of the list, or an account of the matrix; an item that names no source forwards nothing.
fn is_known_source(app: &App, record: &ItemRecord) -> bool {
    let settings = app.engine.settings();
    let stated = &record.item.content.filing;
    let of_matrix =
        |name: &String| settings.accounts.values().any(|a| a.id.as_str() == name || a.name == *name);
    let listed = |url: &String| filing::is_listed_source(url, &settings.review.forward_sources);
    match (&stated.source_url, &stated.source_account) {
        (None, None) => true,
        (Some(url), _) if listed(url) => true,
        (None, Some(account)) => of_matrix(account),
        (Some(_), _) => false,
    }
}

/// With how it was given.
pub(super) fn recorded(decision: Decision, given: &Given) -> Decision {
    Decision { record: given.record.clone(), ..decision }
}

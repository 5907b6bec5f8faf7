//! 授权代行: a role in other hands for some days, by its holder or, for a vacant post, by the director of the office.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use jiff::civil::Date;
use jiff::tz::{TimeZone, offset};
use jiff::{Timestamp, ToSpan};
use juzhen_domain::id::{PersonId, UnitCode};
use juzhen_domain::matrix::{Person, Role};
use juzhen_domain::review::Delegation;
use juzhen_store::Refused;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::auth::Caller;
use crate::command::{Command, Nothing};
use crate::permit::{self, Act};
use crate::problem::{Code, Problem, ProblemView};
use crate::query::{Id, NoParameters};
use crate::text;

/// Most that one answer lists.
const MOST: u32 = 500;

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list, delegate)).routes(routes!(end))
}

/// Those that concern oneself; for the office and the auditor all, newest first.
#[utoipa::path(get, operation_id = "list_delegations", path = "/api/v1/delegations", tag = "access",
    responses((status = 200, body = DelegationList), (status = "4XX", body = ProblemView)))]
async fn list(
    State(app): State<App>,
    Caller(caller): Caller,
    _none: NoParameters,
) -> Result<Json<DelegationList>, Problem> {
    let all = app.store().people().delegations(MOST).await?;
    let seen = all.iter().filter(|one| concerns(one, &caller));
    Ok(Json(DelegationList { delegations: seen.map(|one| DelegationView::of(&app, one)).collect() }))
}

/// Delegates one's own role, or names somebody for a vacant post.
#[utoipa::path(post, operation_id = "delegate", path = "/api/v1/delegations", tag = "access",
    request_body = NewDelegation,
    responses((status = 201, body = DelegationView), (status = "4XX", body = ProblemView)))]
async fn delegate(
    State(app): State<App>,
    mut command: Command<NewDelegation>,
) -> Result<(StatusCode, Json<DelegationView>), Problem> {
    let reason = text::tidy(command.body.reason.take(), "reason")?;
    let body = &command.body;
    let (begins, ends) = days(&body.from_day, &body.until_day)?;
    let by = command.by.id.clone();
    let unit = match (body.vacant, &body.unit) {
        (true, Some(unit)) => UnitCode::from(unit.as_str()),
        (true, None) => return Err(Problem::because(Code::MissingField, "which unit's post").at("unit")),
        (false, _) => command.by.unit.clone(),
    };
    let wanted = Delegation {
        id: app.engine.new_id(),
        role: body.role,
        unit,
        from: (!body.vacant).then(|| by.clone()),
        to: PersonId::from(body.to.as_str()),
        begins,
        ends,
        reason,
        by,
        at: command.at,
        ended: None,
    };
    wanted
        .check(&command.by, &app.engine.settings().people, command.at)
        .map_err(|why| Problem::refused(why.code(), why.to_string()).in_chinese(why.chinese()))?;
    let audit = command.audit(
        "delegation.begun",
        subject(&wanted),
        json!({
            "role": wanted.role, "unit": wanted.unit, "from": wanted.from, "to": wanted.to, "begins": begins,
            "ends": ends, "reason": wanted.reason,
        }),
    );
    app.store().people().delegate(wanted.clone(), audit).await?;
    Ok((StatusCode::CREATED, Json(DelegationView::of(&app, &wanted))))
}

/// Takes it back before its end. What was decided under it stands.
#[utoipa::path(delete, operation_id = "end_delegation", path = "/api/v1/delegations/{id}", tag = "access",
    params(("id" = String, Path)),
    responses((status = 200, body = DelegationView), (status = "4XX", body = ProblemView)))]
async fn end(
    State(app): State<App>,
    id: Id,
    command: Command<Nothing>,
) -> Result<Json<DelegationView>, Problem> {
    let of_command = command.clone();
    let change = move |before: &Delegation| {
        let by = &of_command.by;
        if !concerns(before, by) {
            return Err(Refused::new(Code::NotFound.as_str(), "there is no such delegation"));
        }
        if !before.may_be_ended_by(by) {
            return Err(Refused::new(
                Code::Forbidden.as_str(),
                "who gave it, whose it is or the director ends it",
            ));
        }
        if before.ended.is_some() || before.ends <= of_command.at {
            return Err(Refused::new(Code::BadState.as_str(), "it is over already"));
        }
        let ended = Some((by.id.clone(), of_command.at));
        let audit = of_command.audit("delegation.ended", subject(before), json!({ "to": before.to }));
        Ok((Delegation { ended, ..before.clone() }, audit))
    };
    let ended = app.store().people().change_delegation(&id.0, Arc::new(change)).await?;
    Ok(Json(DelegationView::of(&app, &ended)))
}

fn concerns(one: &Delegation, person: &Person) -> bool {
    let theirs = [one.from.as_ref(), Some(&one.to), Some(&one.by)];
    theirs.contains(&Some(&person.id)) || permit::may(person, Act::SeeDelegations)
}

fn subject(one: &Delegation) -> String {
    format!("delegation:{}", one.id)
}

/// From the first moment of one day to the last of another, in China's time.
fn days(from: &str, until: &str) -> Result<(Timestamp, Timestamp), Problem> {
    let china = TimeZone::fixed(offset(8));
    let day = |text: &str, field: &str| {
        let refuse = || Problem::because(Code::InvalidTime, "a day, such as 2026-06-01").at(field);
        let is_day = text.len() == 10;
        text.parse::<Date>().ok().filter(|_| is_day).ok_or_else(refuse)
    };
    let (from, until) = (day(from, "from_day")?, day(until, "until_day")?);
    let start = |day: Date, field: &str| {
        let start = day.to_zoned(china.clone()).map(|zoned| zoned.timestamp());
        start.map_err(|_| Problem::because(Code::InvalidTime, "no such day").at(field))
    };
    let after = until.checked_add(1.day());
    let after = after.map_err(|_| Problem::because(Code::InvalidTime, "no such day").at("until_day"))?;
    Ok((start(from, "from_day")?, start(after, "until_day")?))
}

#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewDelegation {
    /// One of the roles that decide, such as `unit_head`.
    #[schema(value_type = String)]
    role: Role,
    /// Who stands in: somebody of the same unit, of the same rank or a higher one.
    to: String,
    /// The first day, such as `2026-06-01`.
    from_day: String,
    /// The last day.
    until_day: String,
    #[serde(default)]
    reason: Option<String>,
    /// The director of the office names somebody for a post that nobody has; it needs a reason.
    #[serde(default)]
    vacant: bool,
    /// Of the vacant post.
    #[serde(default)]
    unit: Option<String>,
}

#[derive(Serialize, ToSchema)]
struct DelegationList {
    delegations: Vec<DelegationView>,
}

#[derive(Serialize, ToSchema)]
struct DelegationView {
    id: String,
    role: &'static str,
    role_zh: &'static str,
    unit: String,
    /// Null: the post is vacant.
    from: Option<String>,
    to: String,
    begins: Timestamp,
    ends: Timestamp,
    reason: Option<String>,
    by: String,
    at: Timestamp,
    /// Whether it counts at this moment.
    holds: bool,
    ended_by: Option<String>,
    ended_at: Option<Timestamp>,
}

impl DelegationView {
    fn of(app: &App, one: &Delegation) -> Self {
        Self {
            id: one.id.clone(),
            role: one.role.as_str(),
            role_zh: one.role.chinese(),
            unit: one.unit.to_string(),
            from: one.from.as_ref().map(ToString::to_string),
            to: one.to.to_string(),
            begins: one.begins,
            ends: one.ends,
            reason: one.reason.clone(),
            by: one.by.to_string(),
            at: one.at,
            holds: one.holds(&app.engine.settings().people, app.now()),
            ended_by: one.ended.as_ref().map(|(by, _)| by.to_string()),
            ended_at: one.ended.as_ref().map(|(_, at)| *at),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_those_of_china_and_the_last_one_counts_whole() {
        let (begins, ends) = days("2026-06-01", "2026-06-02").unwrap();
        assert_eq!(begins.to_string(), "2026-05-31T16:00:00Z");
        assert_eq!(ends.to_string(), "2026-06-02T16:00:00Z");
        for bad in ["2026-02-30", "2026-6-1", "01.06.2026", "2026-06-01T00:00:00Z", ""] {
            assert!(days(bad, "2026-06-02").is_err(), "{bad}");
        }
    }
}

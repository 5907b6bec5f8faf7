//! Who may come in: what the security administrator sees of people's access, and does about it (C03, C16).

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use juzhen_domain::access::{Credentials, Disabled, throttle};
use juzhen_domain::id::PersonId;
use juzhen_domain::matrix::Person;
use juzhen_store::{Access, AccessChange, Asking, Audit, End, Put};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::subject;
use crate::app::App;
use crate::auth::Caller;
use crate::command::{Command, Nothing};
use crate::permit::{self, Act};
use crate::problem::{Code, Problem, ProblemView};
use crate::query::{Id, NoParameters};
use crate::text;

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(disable))
        .routes(routes!(enable))
        .routes(routes!(unlock))
}

/// Everybody of the settings, with how they stand.
#[utoipa::path(get, operation_id = "list_people", path = "/api/v1/people", tag = "access",
    responses((status = 200, body = PeopleList), (status = "4XX", body = ProblemView)))]
async fn list(
    State(app): State<App>,
    Caller(caller): Caller,
    _none: NoParameters,
) -> Result<Json<PeopleList>, Problem> {
    permit::require(&caller, Act::SeePeople)?;
    let known: BTreeMap<_, _> = app.store().people().everyone().await?.into_iter().collect();
    let settings = app.engine.settings();
    let view = |person: &Person| PersonView::of(&app, person, known.get(&person.id));
    Ok(Json(PeopleList { people: settings.people.values().map(view).collect() }))
}

/// Puts somebody out: every session and every key is over with it, on every daemon, from the next request on.
#[utoipa::path(post, operation_id = "disable_person", path = "/api/v1/people/{id}/disable", tag = "access",
    params(("id" = String, Path)), request_body = Disabling,
    responses((status = 200, body = PersonView), (status = "4XX", body = ProblemView)))]
async fn disable(
    State(app): State<App>,
    id: Id,
    mut command: Command<Disabling>,
) -> Result<Json<PersonView>, Problem> {
    let Some(reason) = text::tidy(command.body.reason.take(), "reason")? else {
        return Err(Problem::because(Code::ReasonRequired, "say why").at("reason"));
    };
    let (by, at) = (command.by.id.to_string(), command.at);
    let detail = json!({ "reason": reason, "sessions": "ended", "keys": "ended" });
    let out = Disabled { at, by, reason };
    let change = move |access: &Access, person: &PersonId, audit: Audit| AccessChange {
        credentials: Some(Credentials { disabled: Some(out.clone()), ..credentials(access, person, at) }),
        end: End::All,
        end_keys: End::All,
        audit: vec![audit],
        ..AccessChange::default()
    };
    let answer = set(&app, &id.0, &command, ("person.disabled", detail), change).await?;
    app.options.tokens.take_back(&PersonId::from(id.0.as_str()));
    Ok(answer)
}

/// Lets somebody in again, with the password and the second factor that they had.
#[utoipa::path(post, operation_id = "enable_person", path = "/api/v1/people/{id}/enable", tag = "access",
    params(("id" = String, Path)), request_body = Nothing,
    responses((status = 200, body = PersonView), (status = "4XX", body = ProblemView)))]
async fn enable(
    State(app): State<App>,
    id: Id,
    command: Command<Nothing>,
) -> Result<Json<PersonView>, Problem> {
    let at = command.at;
    let change = move |access: &Access, person: &PersonId, audit: Audit| AccessChange {
        credentials: Some(Credentials { disabled: None, used_at: at, ..credentials(access, person, at) }),
        audit: vec![audit],
        ..AccessChange::default()
    };
    set(&app, &id.0, &command, ("person.enabled", json!({})), change).await
}

/// Forgets somebody's wrong tries, so that they need not wait.
#[utoipa::path(post, operation_id = "unlock_person", path = "/api/v1/people/{id}/unlock", tag = "access",
    params(("id" = String, Path)), request_body = Nothing,
    responses((status = 200, body = PersonView), (status = "4XX", body = ProblemView)))]
async fn unlock(
    State(app): State<App>,
    id: Id,
    command: Command<Nothing>,
) -> Result<Json<PersonView>, Problem> {
    let change = |_: &Access, _: &PersonId, audit: Audit| AccessChange {
        of_person: Put::Remove,
        audit: vec![audit],
        ..AccessChange::default()
    };
    set(&app, &id.0, &command, ("person.unlocked", json!({})), change).await
}

async fn set<T>(
    app: &App,
    id: &str,
    command: &Command<T>,
    (action, detail): (&str, serde_json::Value),
    change: impl Fn(&Access, &PersonId, Audit) -> AccessChange + Send + Sync + 'static,
) -> Result<Json<PersonView>, Problem> {
    permit::require(&command.by, Act::KeepPeople)?;
    let settings = app.engine.settings();
    let id = PersonId::from(id);
    let person = settings.people.get(&id).ok_or_else(|| Problem::new(Code::NotFound))?;
    let audit = command.audit(action, subject(&id), detail);
    let asking = Asking { person: id.clone(), address: None };
    let of_id = id.clone();
    let change = move |access: &Access| Ok(change(access, &of_id, audit.clone()));
    app.store().people().change_access(asking.clone(), Arc::new(change)).await?;
    let access = app.store().people().access(&asking).await?;
    Ok(Json(PersonView::of(app, person, Some(&access))))
}

/// Somebody may be put out before they have ever come in.
fn credentials(access: &Access, person: &PersonId, at: Timestamp) -> Credentials {
    access.credentials.clone().unwrap_or_else(|| Credentials::none(person.clone(), at))
}

#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Disabling {
    #[serde(default)]
    #[schema(value_type = String)]
    reason: Option<String>,
}

#[derive(Serialize, ToSchema)]
struct PeopleList {
    people: Vec<PersonView>,
}

/// One person's access.
#[derive(Serialize, ToSchema)]
struct PersonView {
    person: String,
    name: String,
    unit: String,
    roles: Vec<&'static str>,
    /// `active`, `invited`, `none` (never invited), `locked`, `disabled`, or `left` (by the settings).
    state: &'static str,
    state_zh: &'static str,
    /// Why they are out, and who said so.
    reason: Option<String>,
    by: Option<String>,
    /// The last time they signed in.
    used_at: Option<Timestamp>,
    /// Until then no password of theirs is looked at.
    locked_until: Option<Timestamp>,
    invitation_expires_at: Option<Timestamp>,
}

impl PersonView {
    fn of(app: &App, person: &Person, access: Option<&Access>) -> Self {
        let (policy, now) = (app.policy(), app.now());
        let credentials = access.and_then(|access| access.credentials.as_ref());
        let out = credentials.and_then(|credentials| credentials.out(&policy, now));
        let of_person = access.and_then(|access| access.of_person);
        let locked = throttle::waits(of_person.as_ref(), now).and(of_person).map(|throttle| throttle.until);
        let invitation = access.and_then(|access| access.invitation.as_ref()).filter(|i| i.is_good(now));
        let has_password = credentials.is_some_and(|credentials| credentials.password.is_some());
        let (state, state_zh) = match (person.active, &out, locked, has_password, invitation) {
            (false, ..) => ("left", "离岗"),
            (_, Some(_), ..) => ("disabled", "已停用"),
            (_, _, Some(_), ..) => ("locked", "暂时锁定"),
            (.., true, _) => ("active", "正常"),
            (.., Some(_)) => ("invited", "已邀请"),
            _ => ("none", "未邀请"),
        };
        Self {
            person: person.id.to_string(),
            name: person.name.clone(),
            unit: person.unit.to_string(),
            roles: person.roles.iter().map(|role| role.as_str()).collect(),
            state,
            state_zh,
            reason: out.as_ref().map(|out| out.reason.clone()),
            by: out.map(|out| out.by),
            used_at: credentials.filter(|_| has_password).map(|credentials| credentials.used_at),
            locked_until: locked,
            invitation_expires_at: invitation.map(|invitation| invitation.expires_at),
        }
    }
}

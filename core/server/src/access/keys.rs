//! Keys of scripts: made by who will answer for them, shown once, taken back by them or the security administrator (C18).

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use jiff::{SignedDuration, Timestamp};
use juzhen_domain::access::key::{Key, Scope};
use juzhen_domain::id::PersonId;
use juzhen_store::{AccessChange, Asking, End};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::subject;
use crate::app::App;
use crate::auth::{Caller, token};
use crate::command::{Command, Nothing};
use crate::permit::{self, Act};
use crate::problem::{Code, Problem, ProblemView};
use crate::query::{Id, NoParameters};
use crate::text;

const MOST_DAYS: u32 = 366;
const MOST_PER_MINUTE: u32 = 6000;

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(revoke))
}

/// One's own keys; for the security administrator everybody's.
#[utoipa::path(get, operation_id = "list_keys", path = "/api/v1/keys", tag = "access",
    responses((status = 200, body = KeyList), (status = "4XX", body = ProblemView)))]
async fn list(
    State(app): State<App>,
    Caller(caller): Caller,
    _none: NoParameters,
) -> Result<Json<KeyList>, Problem> {
    let of = (!permit::may(&caller, Act::KeepPeople)).then_some(&caller.id);
    let keys = app.store().people().keys(of).await?;
    Ok(Json(KeyList { keys: keys.iter().map(KeyView::of).collect() }))
}

/// Makes a key for oneself. It sees and does what its scopes and its person's roles allow both, and decides nothing.
#[utoipa::path(post, operation_id = "create_key", path = "/api/v1/keys", tag = "access", request_body = NewKey,
    responses((status = 201, body = CreatedKey), (status = "4XX", body = ProblemView)))]
async fn create(
    State(app): State<App>,
    mut command: Command<NewKey>,
) -> Result<(axum::http::StatusCode, Json<CreatedKey>), Problem> {
    let name = text::tidy(command.body.name.take(), "name")?;
    let name = name.ok_or_else(|| Problem::because(Code::MissingField, "say what it is for").at("name"))?;
    let NewKey { scopes, days, per_minute, .. } = &command.body;
    within("days", *days, MOST_DAYS)?;
    within("per_minute", *per_minute, MOST_PER_MINUTE)?;
    let mut scopes = scopes.clone();
    scopes.sort_unstable();
    scopes.dedup();
    if scopes.is_empty() {
        return Err(Problem::because(Code::InvalidValue, "a key without a scope opens nothing").at("scopes"));
    }
    let new = token::new(token::KEY)?;
    let key = Key {
        id: app.engine.new_id(),
        person: command.by.id.clone(),
        name,
        token: token::hash(&new),
        scopes,
        per_minute: *per_minute,
        created_by: command.by.id.to_string(),
        created_at: command.at,
        expires_at: command.at + SignedDuration::from_hours(i64::from(*days) * 24),
        used_at: None,
    };
    let detail =
        json!({ "id": key.id, "name": key.name, "scopes": key.scopes, "expires_at": key.expires_at });
    let audit = command.audit("key.created", subject(&key.person), detail);
    let kept = key.clone();
    let change = move |_: &_| {
        let (new_key, audit) = (Some(kept.clone()), vec![audit.clone()]);
        Ok(AccessChange { new_key, audit, ..AccessChange::default() })
    };
    let asking = Asking { person: key.person.clone(), address: None };
    app.store().people().change_access(asking, Arc::new(change)).await?;
    let created = CreatedKey { token: new, key: KeyView::of(&key) };
    Ok((axum::http::StatusCode::CREATED, Json(created)))
}

/// Takes a key back.
#[utoipa::path(delete, operation_id = "revoke_key", path = "/api/v1/keys/{id}", tag = "access",
    params(("id" = String, Path)),
    responses((status = 200, body = KeyView), (status = "4XX", body = ProblemView)))]
async fn revoke(State(app): State<App>, id: Id, command: Command<Nothing>) -> Result<Json<KeyView>, Problem> {
    let of = (!permit::may(&command.by, Act::KeepPeople)).then_some(&command.by.id);
    let keys = app.store().people().keys(of).await?;
    let key = keys.into_iter().find(|key| key.id == id.0).ok_or_else(|| Problem::new(Code::NotFound))?;
    let person: PersonId = key.person.clone();
    let detail = json!({ "id": key.id, "name": key.name });
    let audit = command.audit("key.revoked", subject(&person), detail);
    let end = key.id.clone();
    let change = move |_: &_| {
        let (end_keys, audit) = (End::One(end.clone()), vec![audit.clone()]);
        Ok(AccessChange { end_keys, audit, ..AccessChange::default() })
    };
    let asking = Asking { person, address: None };
    app.store().people().change_access(asking, Arc::new(change)).await?;
    Ok(Json(KeyView::of(&key)))
}

fn within(field: &str, number: u32, most: u32) -> Result<(), Problem> {
    if (1..=most).contains(&number) {
        return Ok(());
    }
    Err(Problem::because(Code::InvalidValue, format!("1 to {most}")).at(field))
}

#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewKey {
    /// What it is for.
    #[serde(default)]
    #[schema(value_type = String)]
    name: Option<String>,
    /// `read`, `submit`, `audit`
    #[schema(value_type = Vec<String>)]
    scopes: Vec<Scope>,
    /// How long it is good: 1 to 366.
    #[serde(default = "ninety")]
    #[schema(default = 90)]
    days: u32,
    /// Requests in a minute: 1 to 6000.
    #[serde(default = "per_minute")]
    #[schema(default = 120)]
    per_minute: u32,
}

fn ninety() -> u32 {
    90
}

fn per_minute() -> u32 {
    120
}

#[derive(Serialize, ToSchema)]
struct KeyList {
    keys: Vec<KeyView>,
}

#[derive(Serialize, ToSchema)]
struct CreatedKey {
    /// Shown this once.
    token: String,
    key: KeyView,
}

/// One key, without its token.
#[derive(Serialize, ToSchema)]
struct KeyView {
    id: String,
    person: String,
    name: String,
    scopes: Vec<&'static str>,
    per_minute: u32,
    created_at: Timestamp,
    expires_at: Timestamp,
    /// But for a minute or so.
    used_at: Option<Timestamp>,
}

impl KeyView {
    fn of(key: &Key) -> Self {
        Self {
            id: key.id.clone(),
            person: key.person.to_string(),
            name: key.name.clone(),
            scopes: key.scopes.iter().map(|scope| scope.as_str()).collect(),
            per_minute: key.per_minute,
            created_at: key.created_at,
            expires_at: key.expires_at,
            used_at: key.used_at,
        }
    }
}

//! Secrets that people give: kept sealed, shown by name and never by value, bound to accounts; and the key that seals them
//! (P11, C19, C22).

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use juzhen_domain::id::AccountId;
use juzhen_engine::{RotateError, Rotated, SecretState, SecretUse, VaultError, named};
use serde::{Deserialize, Serialize};
use tracing::{error, warn};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::auth::Caller;
use crate::command::{Command, Nothing};
use crate::hidden::Hidden;
use crate::permit::{self, Act};
use crate::problem::{Code, Problem, ProblemView, chain};
use crate::query::{Id, NoParameters};

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(set))
        .routes(routes!(remove))
        .routes(routes!(rotate))
}

/// Every secret that is kept or that the settings name, by name; no value.
#[utoipa::path(get, operation_id = "list_secrets", path = "/api/v1/secrets", tag = "accounts",
    responses((status = 200, body = SecretList), (status = "4XX", body = ProblemView)))]
async fn list(
    State(app): State<App>,
    Caller(caller): Caller,
    _none: NoParameters,
) -> Result<Json<SecretList>, Problem> {
    permit::require(&caller, Act::SeeConfiguration)?;
    let uses = app.engine.secrets().await?;
    Ok(Json(SecretList::of(app.engine.vault().key(), &uses)))
}

/// Keeps a value under a name, in the place of the one before it. It is used from the next request to the platform on.
#[utoipa::path(put, operation_id = "set_secret", path = "/api/v1/secrets/{name}", tag = "accounts",
    params(("name" = String, Path)), request_body = NewSecret,
    responses((status = 200, body = SecretView), (status = "4XX", body = ProblemView)))]
async fn set(
    State(app): State<App>,
    name: Id,
    command: Command<NewSecret>,
) -> Result<Json<SecretView>, Problem> {
    permit::require(&command.by, Act::KeepSecrets)?;
    let Command { by, body, at, .. } = command;
    let name = name.0;
    let settings = app.engine.settings();
    for account in body.accounts.iter().flatten() {
        if !settings.accounts.contains_key(account) {
            let detail = format!("the settings have no account {account}");
            return Err(Problem::because(Code::UnknownAccount, detail).at("accounts"));
        }
    }
    if let Some(file) = app.engine.secret_file(&name) {
        return Err(in_a_file(&name, &file));
    }
    let kept = app.engine.vault().set(&name, &body.value.0, body.accounts, by.id.as_str(), at).await?;
    warn!(person = %by.id, secret = kept.name, version = kept.version, "A secret was given");
    app.engine.wake();
    read(&app, &name).await
}

/// Forgets a secret. Refused while an account names it, unless `force` says that it may be without.
#[utoipa::path(post, operation_id = "remove_secret", path = "/api/v1/secrets/{name}/remove", tag = "accounts",
    params(("name" = String, Path)), request_body = Removal,
    responses((status = 200, body = Removed), (status = "4XX", body = ProblemView)))]
async fn remove(
    State(app): State<App>,
    name: Id,
    command: Command<Removal>,
) -> Result<Json<Removed>, Problem> {
    permit::require(&command.by, Act::KeepSecrets)?;
    let name = name.0;
    let users = named(&app.engine.settings(), &name);
    if !command.body.force && !users.is_empty() {
        return Err(still_named(&name, &users));
    }
    app.engine.vault().remove(&name, command.by.id.as_str(), command.at).await?;
    warn!(person = %command.by.id, secret = name, "A secret was removed");
    Ok(Json(Removed { removed: name }))
}

/// Puts every secret under a new master key, in one transaction. Values stay as they are.
#[utoipa::path(post, operation_id = "rotate_master_key", path = "/api/v1/master-key/rotate", tag = "accounts",
    request_body = Nothing,
    responses((status = 200, body = RotatedView), (status = "4XX", body = ProblemView)))]
async fn rotate(State(app): State<App>, command: Command<Nothing>) -> Result<Json<RotatedView>, Problem> {
    permit::require(&command.by, Act::KeepSecrets)?;
    let rotated = app.engine.vault().rotate(command.by.id.as_str(), command.at).await?;
    warn!(person = %command.by.id, from = rotated.from, to = rotated.to, "The master key was changed");
    Ok(Json(RotatedView::of(&rotated)))
}

async fn read(app: &App, name: &str) -> Result<Json<SecretView>, Problem> {
    let uses = app.engine.secrets().await?;
    let found = uses.iter().find(|one| one.name == name);
    found.map(|one| Json(SecretView::of(one))).ok_or_else(|| Problem::new(Code::NotFound))
}

fn in_a_file(name: &str, file: &std::path::Path) -> Problem {
    let file = file.display();
    let detail = format!(
        "there is a file {file}, which stands before what is kept: give its value here once it is removed, and name it \
         vault:{name} in the settings; or write the new value into the file"
    );
    let chinese = format!(
        "密钥目录中已有文件 {file}，以它为准。请先删除该文件再存入，设置中写 vault:{name}；或者直接把新值写进该文件"
    );
    Problem::because(Code::BadState, detail).in_chinese(chinese)
}

fn still_named(name: &str, users: &[(Option<AccountId>, String)]) -> Problem {
    let users: Vec<&str> =
        users.iter().map(|(account, own)| account.as_ref().map_or(own.as_str(), AccountId::as_str)).collect();
    let users = users.join(", ");
    let detail =
        format!("{users} name {name}: change the settings first, or say force, and they cannot publish");
    let chinese = format!("{users} 还在使用 {name}：请先改设置；确要删除请加 force，之后这些账号不能发布");
    Problem::because(Code::BadState, detail).in_chinese(chinese)
}

impl From<VaultError> for Problem {
    fn from(failed: VaultError) -> Self {
        match failed {
            VaultError::BadName(_) | VaultError::NotKept(_) => {
                Self::because(Code::NotFound, failed.to_string())
            }
            VaultError::Empty(_) | VaultError::TooLong(_) => {
                Self::because(Code::InvalidValue, failed.to_string()).at("value")
            }
            VaultError::NoKey(why) => Self::because(Code::BadState, why),
            VaultError::Store(error) => error.into(),
        }
    }
}

impl From<RotateError> for Problem {
    fn from(failed: RotateError) -> Self {
        match failed {
            RotateError::Store(error) => error.into(),
            // What to do about a file of this machine is for whoever may change the key.
            other => {
                error!(error = chain(&other), "The master key was not changed");
                Self::because(Code::BadState, chain(&other))
            }
        }
    }
}

#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewSecret {
    #[schema(value_type = String)]
    value: Hidden,
    /// The accounts whose calls get it; an empty list: every account whose settings name it. Left out: as it is.
    #[serde(default)]
    #[schema(value_type = Option<Vec<String>>)]
    accounts: Option<Vec<AccountId>>,
}

#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Removal {
    #[serde(default)]
    force: bool,
}

/// Every secret, without its value.
#[derive(Debug, Serialize, ToSchema)]
pub struct SecretList {
    /// Public name of the master key; null when it is not here.
    key: Option<String>,
    /// What to do about the master key then.
    problem: Option<String>,
    secrets: Vec<SecretView>,
}

/// A secret, without its value.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({ "name": "W015.token", "state": "kept", "state_zh": "已保存",
    "used_by": [{ "account": "W015", "as": "access_token" }], "bound_to": ["W015"], "set_at": "2026-06-01T01:00:00Z",
    "set_by": "off.xt", "version": 2, "fingerprint": "91f0c2a7be04", "key": "4b1d0e5f6a7c8d90", "problem": null }))]
pub struct SecretView {
    name: String,
    /// `kept`, `file`, `missing`, `unused`, `unreadable` or `not_bound`.
    #[schema(value_type = String)]
    state: SecretState,
    state_zh: &'static str,
    used_by: Vec<UserView>,
    /// The accounts whose calls get it; empty: every account whose settings name it.
    bound_to: Vec<String>,
    /// Null, like what follows, where it is not kept in the database.
    set_at: Option<Timestamp>,
    set_by: Option<String>,
    /// How often somebody gave it, this time included.
    version: Option<i64>,
    /// Tells two values apart.
    fingerprint: Option<String>,
    /// Public name of the master key that it is sealed under.
    key: Option<String>,
    /// Why it cannot be read here.
    problem: Option<String>,
}

/// Who names a secret.
#[derive(Debug, Serialize, ToSchema)]
pub struct UserView {
    /// Null for the daemon itself.
    account: Option<String>,
    /// What its adapter, or the setting, calls it.
    #[serde(rename = "as")]
    own: String,
}

/// A new master key.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({ "from": "4b1d0e5f6a7c8d90", "to": "0a9c8e7d6f5b4a30", "given": 31, "captured": 12,
    "place": "/var/lib/juzhen/master.key" }))]
pub struct RotatedView {
    /// Public names of the keys.
    from: String,
    to: String,
    /// Secrets that people gave, and that platforms handed out.
    given: usize,
    captured: usize,
    /// Where the new key is: copy it to a safe place, apart from the backups.
    place: String,
}

#[derive(Debug, Serialize, ToSchema)]
struct Removed {
    removed: String,
}

impl SecretList {
    /// As the API shows it, also for whoever asks without a daemon.
    pub fn of(key: Result<String, String>, uses: &[SecretUse]) -> Self {
        let (key, problem) = match key {
            Ok(key) => (Some(key), None),
            Err(problem) => (None, Some(problem)),
        };
        Self { key, problem, secrets: uses.iter().map(SecretView::of).collect() }
    }
}

impl SecretView {
    /// As the API shows it, also for whoever asks without a daemon.
    pub fn of(one: &SecretUse) -> Self {
        let kept = one.kept.as_ref();
        let user = |(account, own): &(Option<AccountId>, String)| UserView {
            account: account.as_ref().map(ToString::to_string),
            own: own.clone(),
        };
        Self {
            name: one.name.clone(),
            state: one.state,
            state_zh: one.state.chinese(),
            used_by: one.used_by.iter().map(user).collect(),
            bound_to: kept.iter().flat_map(|kept| &kept.accounts).map(ToString::to_string).collect(),
            set_at: kept.map(|kept| kept.set_at),
            set_by: kept.map(|kept| kept.set_by.clone()),
            version: kept.map(|kept| kept.version),
            fingerprint: kept.and_then(|kept| kept.fingerprint.as_ref().ok().cloned()),
            key: kept.map(|kept| kept.key.clone()),
            problem: kept.and_then(|kept| kept.fingerprint.as_ref().err().cloned()),
        }
    }
}

impl RotatedView {
    /// As the API shows it, also for whoever asks without a daemon.
    pub fn of(rotated: &Rotated) -> Self {
        let Rotated { from, to, given, captured, place } = rotated.clone();
        Self { from, to, given, captured, place }
    }
}

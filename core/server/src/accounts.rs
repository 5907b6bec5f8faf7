//! 账号: the registry of the running settings, and whether each can publish now. No secret and no adapter setting is shown.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use juzhen_domain::id::AccountId;
use juzhen_domain::matrix::{Account, AccountLevel, AccountStatus};
use juzhen_domain::sign_in::SignIn;
use juzhen_engine::AdapterState;
use juzhen_store::{AccountLook, Captured, Pause};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::auth::Caller;
use crate::checks::CheckView;
use crate::paused::PauseView;
use crate::problem::{Code, Problem, ProblemView};
use crate::query::{Id, NoParameters};
use crate::sign_ins::{SignInView, TokenView};

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(read))
}

/// All accounts of the district, by id.
#[utoipa::path(get, operation_id = "list_accounts", path = "/api/v1/accounts", tag = "accounts",
    responses((status = 200, body = AccountList), (status = "4XX", body = ProblemView)))]
async fn list(
    State(app): State<App>,
    _caller: Caller,
    _none: NoParameters,
) -> Result<Json<AccountList>, Problem> {
    let known = Known::now(&app).await?;
    let settings = app.engine.settings();
    let accounts = settings.accounts.values().map(|account| AccountView::of(&app, account, &known));
    Ok(Json(AccountList { accounts: accounts.collect() }))
}

/// One account.
#[utoipa::path(get, operation_id = "read_account", path = "/api/v1/accounts/{id}", tag = "accounts", params(("id" = String, Path)),
    responses((status = 200, body = AccountView), (status = "4XX", body = ProblemView)))]
async fn read(State(app): State<App>, _caller: Caller, id: Id) -> Result<Json<AccountView>, Problem> {
    let settings = app.engine.settings();
    let account = settings.accounts.get(&AccountId::new(id.0));
    let account = account.ok_or_else(|| Problem::new(Code::NotFound))?;
    Ok(Json(AccountView::of(&app, account, &Known::now(&app).await?)))
}

#[derive(Debug, Serialize, ToSchema)]
struct AccountList {
    accounts: Vec<AccountView>,
}

#[derive(Debug, Serialize, ToSchema)]
struct AccountView {
    id: String,
    unit: String,
    unit_name: Option<String>,
    name: String,
    platform: String,
    adapter: String,
    /// Id on the platform.
    uid: String,
    /// `district` or `unit`.
    #[schema(value_type = String)]
    level: AccountLevel,
    /// Only `active` publishes.
    #[schema(value_type = String)]
    status: AccountStatus,
    /// Its adapter is loaded and takes calls.
    adapter_ready: bool,
    /// Nothing new leaves on it until a person lifts the pause; null: it is not paused.
    pause: Option<PauseView>,
    /// Null while nobody doubts that it is signed in.
    sign_in: Option<SignInView>,
    /// When somebody has to sign in again, as the platform said last; null: not known, or signed out.
    signed_in_until: Option<Timestamp>,
    /// What the last look at it found; null: nobody has looked yet.
    check: Option<CheckView>,
    /// What the platform has handed out for it; values are never shown.
    tokens: Vec<TokenView>,
    /// It can publish now, as far as the daemon knows.
    ready: bool,
}

impl AccountView {
    fn of(app: &App, account: &Account, known: &Known) -> Self {
        let adapter_ready = known.serving.contains(&account.adapter);
        let pause = known.paused.get(&account.id);
        let sign_in = known.sign_ins.get(&account.id).and_then(|one| SignInView::of(one, app.engine.now()));
        let look = known.looks.get(&account.id);
        let signed_out = sign_in.as_ref().is_some_and(SignInView::is_needed);
        let tokens = known.captured.iter().filter(|one| one.account == account.id);
        Self {
            id: account.id.to_string(),
            unit: account.unit.to_string(),
            unit_name: app.engine.settings().units.get(&account.unit).map(|unit| unit.name.clone()),
            name: account.name.clone(),
            platform: account.platform.to_string(),
            adapter: account.adapter.clone(),
            uid: account.uid.clone(),
            level: account.level,
            status: account.status,
            adapter_ready,
            pause: pause.map(PauseView::of),
            ready: adapter_ready
                && pause.is_none()
                && sign_in.is_none()
                && account.status == AccountStatus::Active,
            sign_in,
            signed_in_until: look.and_then(|look| look.signed_in_until).filter(|_| !signed_out),
            check: look.map(|look| CheckView::of(look.at, look.signed_in_until, &look.findings)),
            tokens: tokens.map(TokenView::of).collect(),
        }
    }
}

/// What the daemon knows of accounts beside their settings.
struct Known {
    /// Names of the adapters that take calls.
    serving: Vec<String>,
    paused: BTreeMap<AccountId, Pause>,
    sign_ins: BTreeMap<AccountId, SignIn>,
    captured: Vec<Captured>,
    looks: BTreeMap<AccountId, AccountLook>,
}

impl Known {
    async fn now(app: &App) -> Result<Self, Problem> {
        let adapters = app.engine.host().adapters().into_iter();
        let serving = adapters.filter(|a| matches!(a.state, AdapterState::Serving)).map(|a| a.name);
        let paused = app.store().troubled().await?.into_iter().filter_map(|t| Some((t.account, t.pause?)));
        let sign_ins = app.store().sign_ins().await?.into_iter().map(|row| (row.account, row.sign_in));
        let captured = app.store().captured(None).await?;
        let looks = app.store().looks().await?.into_iter().map(|look| (look.account.clone(), look)).collect();
        let (serving, paused, sign_ins) = (serving.collect(), paused.collect(), sign_ins.collect());
        Ok(Self { serving, paused, sign_ins, captured, looks })
    }
}

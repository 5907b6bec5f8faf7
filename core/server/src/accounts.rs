//! 账号: the registry of the running settings, and whether each can publish now. No secret and no adapter setting is shown.

use axum::Json;
use axum::extract::State;
use juzhen_domain::id::AccountId;
use juzhen_domain::matrix::{Account, AccountLevel, AccountStatus};
use juzhen_engine::AdapterState;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::auth::Caller;
use crate::problem::{Code, Problem, ProblemView};
use crate::query::{Id, NoParameters};

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(read))
}

/// All accounts of the district, by id.
#[utoipa::path(get, operation_id = "list_accounts", path = "/api/v1/accounts", tag = "accounts",
    responses((status = 200, body = AccountList), (status = "4XX", body = ProblemView)))]
async fn list(State(app): State<App>, _caller: Caller, _none: NoParameters) -> Json<AccountList> {
    let serving = serving(&app);
    let settings = app.engine.settings();
    let accounts = settings.accounts.values().map(|account| AccountView::of(&app, account, &serving));
    Json(AccountList { accounts: accounts.collect() })
}

/// One account.
#[utoipa::path(get, operation_id = "read_account", path = "/api/v1/accounts/{id}", tag = "accounts", params(("id" = String, Path)),
    responses((status = 200, body = AccountView), (status = "4XX", body = ProblemView)))]
async fn read(State(app): State<App>, _caller: Caller, id: Id) -> Result<Json<AccountView>, Problem> {
    let settings = app.engine.settings();
    let account = settings.accounts.get(&AccountId::new(id.0));
    let account = account.ok_or_else(|| Problem::new(Code::NotFound))?;
    Ok(Json(AccountView::of(&app, account, &serving(&app))))
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
    /// It can publish now, as far as the daemon knows.
    ready: bool,
}

impl AccountView {
    fn of(app: &App, account: &Account, serving: &[String]) -> Self {
        let adapter_ready = serving.contains(&account.adapter);
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
            ready: adapter_ready && account.status == AccountStatus::Active,
        }
    }
}

/// Names of the adapters that take calls.
fn serving(app: &App) -> Vec<String> {
    let adapters = app.engine.host().adapters().into_iter();
    adapters.filter(|a| matches!(a.state, AdapterState::Serving)).map(|a| a.name).collect()
}

//! Accounts that are paused, by themselves or by a person, and why (P20, F60): who lifts a pause has looked at the platform.

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use juzhen_domain::id::AccountId;
use juzhen_domain::pause::Ending;
use juzhen_domain::reason;
use juzhen_store::{AccountTrouble, Pause};
use serde::{Deserialize, Serialize};
use tracing::warn;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::auth::Caller;
use crate::command::Command;
use crate::permit::{self, Act};
use crate::problem::{Code, Problem, ProblemView};
use crate::query::{Id, NoParameters};
use crate::text;

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(pause)).routes(routes!(resume))
}

/// Accounts that are paused, and those whose deliveries have ended badly of late, each with the evidence.
#[utoipa::path(get, operation_id = "list_paused_accounts", path = "/api/v1/paused-accounts", tag = "accounts",
    responses((status = 200, body = TroubleList), (status = "4XX", body = ProblemView)))]
async fn list(
    State(app): State<App>,
    Caller(caller): Caller,
    _none: NoParameters,
) -> Result<Json<TroubleList>, Problem> {
    permit::require(&caller, Act::SeeConfiguration)?;
    let troubled = app.store().troubled().await?;
    Ok(Json(TroubleList { accounts: troubled.iter().map(TroubleView::of).collect() }))
}

/// Pauses an account: nothing new leaves on it, what is due waits. One that is paused stays so.
#[utoipa::path(post, operation_id = "pause_account", path = "/api/v1/accounts/{id}/pause", tag = "accounts",
    params(("id" = String, Path)), request_body = NewReason,
    responses((status = 200, body = PauseView), (status = "4XX", body = ProblemView)))]
async fn pause(
    State(app): State<App>,
    id: Id,
    command: Command<NewReason>,
) -> Result<Json<PauseView>, Problem> {
    permit::require(&command.by, Act::PauseAccount)?;
    let account = AccountId::new(id.0);
    if !app.engine.settings().accounts.contains_key(&account) {
        return Err(Problem::new(Code::NotFound));
    }
    let reason = required(command.body.reason)?;
    let pause = app.engine.pause_account(&account, &command.by.id, &reason).await?;
    warn!(person = %command.by.id, account.id = %account, reason, "Account paused");
    Ok(Json(PauseView::of(&pause)))
}

/// Lifts an account's pause: what waits for it goes on, unless its time has passed. Who does so says what they have seen or
/// mended.
#[utoipa::path(post, operation_id = "resume_account", path = "/api/v1/accounts/{id}/resume", tag = "accounts",
    params(("id" = String, Path)), request_body = NewReason,
    responses((status = 200, body = PauseView), (status = "4XX", body = ProblemView)))]
async fn resume(
    State(app): State<App>,
    id: Id,
    command: Command<NewReason>,
) -> Result<Json<PauseView>, Problem> {
    permit::require(&command.by, Act::ResumeAccount)?;
    let account = AccountId::new(id.0);
    let reason = required(command.body.reason)?;
    let Some(lifted) = app.engine.resume_account(&account, &command.by.id, &reason).await? else {
        return Err(Problem::because(Code::BadState, format!("account {account} is not paused")));
    };
    warn!(person = %command.by.id, account.id = %account, reason, "Account resumed");
    Ok(Json(PauseView { paused: false, ..PauseView::of(&lifted) }))
}

fn required(reason: Option<String>) -> Result<String, Problem> {
    text::tidy(reason, "reason")?
        .ok_or_else(|| Problem::because(Code::ReasonRequired, "say why").at("reason"))
}

#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewReason {
    #[serde(default)]
    #[schema(value_type = String)]
    reason: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
struct TroubleList {
    accounts: Vec<TroubleView>,
}

#[derive(Debug, Serialize, ToSchema)]
struct TroubleView {
    account: String,
    /// Null while it only had bad ends of late.
    pause: Option<PauseView>,
    /// The deliveries that ended badly since the last one that was published, oldest first.
    endings: Vec<EndingView>,
}

/// Why nothing leaves on an account.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({ "paused": true, "by": "daemon", "at": "2026-06-01T01:00:00Z",
    "reason": "barred: 20031: 请输入验证码", "reason_zh": "平台不允许该账号发布（验证码、风控、冻结等），请账号管理员到平台处理",
    "said": "20031: 请输入验证码" }))]
pub(crate) struct PauseView {
    paused: bool,
    /// A person's id, or `daemon` when the account paused itself.
    by: String,
    at: Timestamp,
    reason: String,
    reason_zh: String,
    /// What was said beside it, by the platform or a person.
    said: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
struct EndingView {
    delivery: String,
    state: &'static str,
    state_zh: &'static str,
    at: Timestamp,
    reason: String,
    reason_zh: String,
}

impl TroubleView {
    fn of(trouble: &AccountTrouble) -> Self {
        Self {
            account: trouble.account.to_string(),
            pause: trouble.pause.as_ref().map(PauseView::of),
            endings: trouble.endings.iter().map(EndingView::of).collect(),
        }
    }
}

impl PauseView {
    pub(crate) fn of(pause: &Pause) -> Self {
        let explained = reason::explain(&pause.reason);
        Self {
            paused: true,
            by: pause.by.clone(),
            at: pause.at,
            reason: pause.reason.clone(),
            reason_zh: explained.chinese,
            said: explained.said,
        }
    }
}

impl EndingView {
    fn of(ending: &Ending) -> Self {
        Self {
            delivery: ending.delivery.to_string(),
            state: ending.state.as_str(),
            state_zh: ending.state.chinese(),
            at: ending.at,
            reason: ending.reason.clone(),
            reason_zh: reason::explain(&ending.reason).chinese,
        }
    }
}

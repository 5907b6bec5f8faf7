//! 提醒: what people were told without asking, and what of it did not arrive (F08).

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use juzhen_store::{HookState, Notice};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::auth::Caller;
use crate::permit::{self, Act};
use crate::problem::{Code, Problem, ProblemView};
use crate::query::{Limit, Parameters};

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list))
}

/// What people were told, newest first; with `failing=true` what was tried and did not arrive, oldest first.
#[utoipa::path(get, operation_id = "list_notices", path = "/api/v1/notices", tag = "notices", params(ListNotices),
    responses((status = 200, body = NoticeList), (status = "4XX", body = ProblemView)))]
async fn list(
    State(app): State<App>,
    Caller(caller): Caller,
    Parameters(wanted): Parameters<ListNotices>,
) -> Result<Json<NoticeList>, Problem> {
    permit::require(&caller, Act::SeeEverything)?;
    let limit = wanted.limit.unwrap_or_default();
    let failing = flag(wanted.failing.as_deref(), "failing")?;
    let before = wanted.before.map(|text| number(&text)).transpose()?;
    let found = match failing {
        true => app.store().failing_notices(limit.0).await?,
        false => app.store().notices(before, limit.0).await?,
    };
    let next_before = limit.last_of_full(&found).filter(|_| !failing).map(|notice| notice.number);
    Ok(Json(NoticeList { notices: found.iter().map(NoticeView::of).collect(), next_before }))
}

fn flag(text: Option<&str>, name: &'static str) -> Result<bool, Problem> {
    match text {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(other) => {
            Err(Problem::because(Code::InvalidParameter, format!("{other:?} is not true or false")).at(name))
        }
    }
}

fn number(text: &str) -> Result<i64, Problem> {
    let wrong = || Problem::because(Code::InvalidParameter, "it is not the number of a notice").at("before");
    text.parse().ok().filter(|number| *number > 0).ok_or_else(wrong)
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ListNotices {
    /// `true`: only those that were tried and did not arrive.
    #[param(value_type = Option<bool>)]
    #[serde(default)]
    failing: Option<String>,
    /// Only those with a smaller number.
    #[param(value_type = Option<i64>)]
    #[serde(default)]
    before: Option<String>,
    #[serde(default)]
    limit: Option<Limit>,
}

#[derive(Debug, Serialize, ToSchema)]
struct NoticeList {
    notices: Vec<NoticeView>,
    /// For the next page; null at the end.
    next_before: Option<i64>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({ "number": 7, "id": "account:W015:paused:1780272000000", "kind": "account_paused",
    "subject": "account:W015", "text": "账号 W015 已自动暂停发布：平台不允许该账号发布（验证码、风控、冻结等），请账号管理员到平台处理。处理后用 juzhen account resume W015 解除",
    "at": "2026-06-01T00:00:00Z", "logged_at": "2026-06-01T00:00:01Z",
    "hook": { "sent_at": null, "next_at": "2026-06-01T00:01:00Z", "tries": 3, "problem": "answered 502" } }))]
struct NoticeView {
    number: i64,
    /// The same wherever it is handed out, however often.
    id: String,
    kind: String,
    subject: String,
    text: String,
    at: Timestamp,
    /// When it was written to the log; null: not yet.
    logged_at: Option<Timestamp>,
    /// Its way to the address outside; null where none was set.
    hook: Option<HookView>,
}

#[derive(Debug, Serialize, ToSchema)]
struct HookView {
    sent_at: Option<Timestamp>,
    /// When it is tried (again); null once it arrived.
    next_at: Option<Timestamp>,
    tries: u32,
    /// Why the last try came to nothing.
    problem: Option<String>,
}

impl NoticeView {
    fn of(notice: &Notice) -> Self {
        Self {
            number: notice.number,
            id: notice.id.clone(),
            kind: notice.kind.clone(),
            subject: notice.subject.clone(),
            text: notice.text.clone(),
            at: notice.at,
            logged_at: notice.emitted_at,
            hook: notice.hook.as_ref().map(HookView::of),
        }
    }
}

impl HookView {
    fn of(hook: &HookState) -> Self {
        let HookState { next_at, sent_at, tries, problem } = hook.clone();
        Self { sent_at, next_at, tries, problem }
    }
}

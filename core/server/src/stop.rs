//! STOP ALL: one word stops everything within a second, two people lift it (promise P26).

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use juzhen_domain::id::PersonId;
use juzhen_domain::reason;
use juzhen_store::Stop;
use serde::{Deserialize, Serialize};
use tracing::warn;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::auth::Caller;
use crate::command::{Command, Nothing};
use crate::permit::{self, Act};
use crate::problem::{Code, Problem, ProblemView};
use crate::query::NoParameters;
use crate::text;

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(read, stop)).routes(routes!(lift))
}

/// Whether everything is stopped.
#[utoipa::path(get, operation_id = "read_stop", path = "/api/v1/stop", tag = "stop",
    responses((status = 200, body = StopView), (status = "4XX", body = ProblemView)))]
async fn read(
    State(app): State<App>,
    _caller: Caller,
    _none: NoParameters,
) -> Result<Json<StopView>, Problem> {
    Ok(Json(StopView::now(&app).await?))
}

/// Stops everything: no new effect begins once this has answered.
#[utoipa::path(post, operation_id = "stop_all", path = "/api/v1/stop", tag = "stop", request_body = NewStop,
    responses((status = 200, body = StopView), (status = "4XX", body = ProblemView)))]
async fn stop(State(app): State<App>, command: Command<NewStop>) -> Result<Json<StopView>, Problem> {
    permit::require(&command.by, Act::Stop)?;
    let Some(reason) = text::tidy(command.body.reason, "reason")? else {
        return Err(Problem::because(Code::ReasonRequired, "say why").at("reason"));
    };
    let stop = app.engine.stop_all(&command.by.id, &reason).await?;
    warn!(person = %command.by.id, reason, "STOP ALL");
    Ok(Json(StopView::of(&app, Some(stop))))
}

/// One person's word to go on. It goes on when a second, different person says it too.
#[utoipa::path(post, operation_id = "lift_stop", path = "/api/v1/stop/lift", tag = "stop", request_body = Nothing,
    responses((status = 200, body = StopView), (status = "4XX", body = ProblemView)))]
async fn lift(State(app): State<App>, command: Command<Nothing>) -> Result<Json<StopView>, Problem> {
    permit::require(&command.by, Act::LiftStop)?;
    if app.store().stopped().await?.is_none() {
        return Err(Problem::because(Code::BadState, "nothing is stopped"));
    }
    let left = app.engine.lift_stop(&command.by.id).await?;
    warn!(person = %command.by.id, lifted = left.is_none(), "STOP ALL: a word to go on");
    Ok(Json(StopView::of(&app, left)))
}

#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewStop {
    #[serde(default)]
    #[schema(value_type = String)]
    reason: Option<String>,
}

/// People whose word lifts it.
const WORDS: usize = 2;

/// Whether everything is stopped, by whom and why, and what is still needed to go on.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({ "stopped": true, "by": "off.lx", "by_name": "丙", "reason": "账号疑似被盗",
    "reason_zh": "账号疑似被盗", "at": "2026-06-01T01:00:00Z", "lifting": ["off.hg"], "words_needed": 1,
    "means_zh": "已全部停发，什么都不会发出；恢复须两人分别确认，还差 1 人" }))]
pub(crate) struct StopView {
    stopped: bool,
    /// A person's id, or `daemon` when it stopped itself.
    by: Option<String>,
    by_name: Option<String>,
    reason: Option<String>,
    /// The same for the staff, when the daemon gave it.
    reason_zh: Option<String>,
    at: Option<Timestamp>,
    /// Who wants to go on; two different people are needed.
    lifting: Vec<String>,
    /// How many other people have still to say it.
    words_needed: usize,
    means_zh: String,
}

impl StopView {
    pub(crate) async fn now(app: &App) -> Result<Self, Problem> {
        Ok(Self::of(app, app.store().stopped().await?))
    }

    fn of(app: &App, stop: Option<Stop>) -> Self {
        let Some(stop) = stop else {
            return Self {
                stopped: false,
                by: None,
                by_name: None,
                reason: None,
                reason_zh: None,
                at: None,
                lifting: Vec::new(),
                words_needed: 0,
                means_zh: "没有停发".to_owned(),
            };
        };
        let missing = WORDS.saturating_sub(stop.lifting.len());
        Self {
            stopped: true,
            by: Some(stop.by.to_string()),
            by_name: name(app, &stop.by),
            reason_zh: Some(reason::explain(&stop.reason).chinese),
            reason: Some(stop.reason),
            at: Some(stop.at),
            lifting: stop.lifting.iter().map(ToString::to_string).collect(),
            words_needed: missing,
            means_zh: format!("已全部停发，什么都不会发出；恢复须两人分别确认，还差 {missing} 人"),
        }
    }
}

fn name(app: &App, person: &PersonId) -> Option<String> {
    app.engine.settings().people.get(person).map(|person| person.name.clone())
}

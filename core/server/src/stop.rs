//! STOP ALL: one word stops everything within a second, two people lift it (promise P26).

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
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
    Ok(Json(StopView::of(app.store().stopped().await?)))
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
    Ok(Json(StopView::of(Some(stop))))
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
    Ok(Json(StopView::of(left)))
}

#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewStop {
    #[serde(default)]
    #[schema(value_type = String)]
    reason: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
struct StopView {
    stopped: bool,
    by: Option<String>,
    reason: Option<String>,
    at: Option<Timestamp>,
    /// Who wants to go on; two different people are needed.
    lifting: Vec<String>,
}

impl StopView {
    fn of(stop: Option<Stop>) -> Self {
        match stop {
            None => Self { stopped: false, by: None, reason: None, at: None, lifting: Vec::new() },
            Some(stop) => Self {
                stopped: true,
                by: Some(stop.by.to_string()),
                reason: Some(stop.reason),
                at: Some(stop.at),
                lifting: stop.lifting.iter().map(ToString::to_string).collect(),
            },
        }
    }
}

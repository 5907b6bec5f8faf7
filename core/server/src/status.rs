//! One page: does it work, what is stopped, and what waits for somebody.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use juzhen_domain::state::DeliveryState;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::adapters::{self, AdapterLine};
use crate::app::App;
use crate::attention;
use crate::auth::Caller;
use crate::health::{self, Readiness};
use crate::permit::{self, Act};
use crate::problem::{Problem, ProblemView};
use crate::query::NoParameters;
use crate::stop::StopView;

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(read))
}

/// The state of the whole daemon on one page.
#[utoipa::path(get, operation_id = "read_status", path = "/api/v1/status", tag = "health",
    responses((status = 200, body = StatusView), (status = "4XX", body = ProblemView)))]
async fn read(
    State(app): State<App>,
    Caller(caller): Caller,
    _none: NoParameters,
) -> Result<Json<StatusView>, Problem> {
    permit::require(&caller, Act::SeeConfiguration)?;
    let now = app.now();
    let counts = app.store().counts(now).await?;
    let settings = app.engine.reload_status();
    Ok(Json(StatusView {
        at: now,
        version: env!("CARGO_PKG_VERSION"),
        readiness: health::readiness(&app).await,
        stop: StopView::now(&app).await?,
        attention: states(&counts.deliveries, attention::STATES),
        under_way: states(&counts.deliveries, UNDER_WAY),
        overdue_seconds: counts.overdue_seconds,
        in_doubt_seconds: counts.in_doubt_seconds,
        free_bytes: app.engine.room().await.ok().and_then(|room| room.free),
        revision: settings.revision.clone(),
        files_are_running: settings.successful,
        adapters: adapters::lines(&app),
    }))
}

const UNDER_WAY: &[DeliveryState] =
    &[DeliveryState::Due, DeliveryState::Claimed, DeliveryState::Sending, DeliveryState::Accepted];

#[derive(Debug, Serialize, ToSchema)]
struct StatusView {
    at: Timestamp,
    version: &'static str,
    readiness: Readiness,
    stop: StopView,
    /// Deliveries that somebody should look at, the most urgent state first; see `/api/v1/attention`.
    attention: Vec<StateCount>,
    /// Deliveries that go on by themselves.
    under_way: Vec<StateCount>,
    /// Of the delivery that is due for the longest time.
    overdue_seconds: i64,
    /// Of the delivery in doubt for the longest time.
    in_doubt_seconds: i64,
    /// Left on the disk of the database; null when nobody can tell.
    free_bytes: Option<u64>,
    /// Of the running settings.
    revision: String,
    /// The files are what runs.
    files_are_running: bool,
    adapters: Vec<AdapterLine>,
}

#[derive(Debug, Serialize, ToSchema)]
struct StateCount {
    state: &'static str,
    state_zh: &'static str,
    deliveries: u64,
}

fn states(counted: &BTreeMap<String, u64>, states: &[DeliveryState]) -> Vec<StateCount> {
    let count = |state: &DeliveryState| StateCount {
        state: state.as_str(),
        state_zh: state.chinese(),
        deliveries: counted.get(state.as_str()).copied().unwrap_or(0),
    };
    states.iter().map(count).collect()
}

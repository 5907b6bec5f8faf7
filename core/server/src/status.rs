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
        clock: ClockView::now(&app),
        problems: problems(&app),
        paused_accounts: paused(&app).await?,
        signed_out_accounts: signed_out(&app).await?,
        unknown_posts: waiting_posts(&app).await?,
        failing_notices: app.store().failing_notices(MOST).await?.len(),
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
    clock: ClockView,
    /// What services say that do not do their work.
    problems: Vec<ServiceProblem>,
    /// Accounts on which nothing leaves until a person lifts it; see `/api/v1/paused-accounts`.
    paused_accounts: Vec<String>,
    /// Accounts that somebody has to sign in on; see `sign_in` of `/api/v1/accounts/{id}`.
    signed_out_accounts: Vec<String>,
    /// Posts that this system did not make and nobody has explained; see `/api/v1/unknown-posts`. 200 means: or more.
    unknown_posts: usize,
    /// Notices that did not arrive yet; see `/api/v1/notices?failing=true`. 200 means: or more.
    failing_notices: usize,
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

/// Counted no further: it is the page of a person.
const MOST: u32 = 200;

/// Whether the wall clock is believed (P14); while it is not, nothing is claimed or begun.
#[derive(Debug, Serialize, ToSchema)]
struct ClockView {
    believed: bool,
    problem: Option<String>,
    /// Since the start, by more than 5 s.
    jumps: u32,
    means_zh: String,
}

impl ClockView {
    fn now(app: &App) -> Self {
        let health = app.engine.health();
        let means_zh = match &health.clock {
            None => "正常".to_owned(),
            Some(_) => "不可信，暂停一切发送；请核对服务器时间".to_owned(),
        };
        Self { believed: health.clock.is_none(), problem: health.clock, jumps: health.clock_jumps, means_zh }
    }
}

#[derive(Debug, Serialize, ToSchema)]
struct ServiceProblem {
    service: &'static str,
    problem: String,
    /// Since its last round.
    silent_seconds: u64,
}

fn problems(app: &App) -> Vec<ServiceProblem> {
    let failing = app.engine.health().services.into_iter().filter_map(|service| {
        let (service, silent_for, problem) = (service.name, service.silent_for, service.detail?);
        Some(ServiceProblem { service, problem, silent_seconds: silent_for.as_secs() })
    });
    failing.collect()
}

async fn paused(app: &App) -> Result<Vec<String>, Problem> {
    let troubled = app.store().troubled().await?.into_iter();
    Ok(troubled.filter(|t| t.pause.is_some()).map(|t| t.account.to_string()).collect())
}

async fn signed_out(app: &App) -> Result<Vec<String>, Problem> {
    let doubted = app.store().sign_ins().await?.into_iter();
    let needed = doubted.filter(|row| row.sign_in.needed_since.is_some());
    Ok(needed.map(|row| row.account.to_string()).collect())
}

async fn waiting_posts(app: &App) -> Result<usize, Problem> {
    let posts = app.store().unknown_posts(MOST).await?;
    Ok(posts.iter().filter(|post| post.closed.is_none()).count())
}

fn states(counted: &BTreeMap<String, u64>, states: &[DeliveryState]) -> Vec<StateCount> {
    let count = |state: &DeliveryState| StateCount {
        state: state.as_str(),
        state_zh: state.chinese(),
        deliveries: counted.get(state.as_str()).copied().unwrap_or(0),
    };
    states.iter().map(count).collect()
}

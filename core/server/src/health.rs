//! Whether the daemon is alive, and whether it really works (promise P16).

use std::time::{Duration, Instant};

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use juzhen_engine::ServiceHealth;
use serde::Serialize;
use tokio::sync::Mutex;
use tokio::time::timeout;
use tracing::warn;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::problem::chain;

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(alive)).routes(routes!(ready))
}

/// The process answers. Says nothing about whether it works.
#[utoipa::path(get, operation_id = "is_alive", path = "/healthz", tag = "health", security(), responses((status = 200, body = Alive)))]
async fn alive() -> Json<Alive> {
    Json(Alive { status: "alive" })
}

/// Every service did its work within the last seconds and the database takes writes.
#[utoipa::path(get, operation_id = "is_ready", path = "/readyz", tag = "health", security(),
    responses((status = 200, body = Readiness), (status = 503, body = Readiness)))]
async fn ready(State(app): State<App>) -> Response {
    let readiness = readiness(&app).await;
    let status = if readiness.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(readiness)).into_response()
}

#[derive(Debug, Serialize, ToSchema)]
struct Alive {
    /// Always `alive`.
    status: &'static str,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Readiness {
    pub(crate) ready: bool,
    /// What does not work; empty when ready.
    reasons: Vec<String>,
    /// What somebody should look at although the daemon works.
    warnings: Vec<String>,
    services: Vec<ServiceView>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ServiceView {
    name: &'static str,
    ok: bool,
    last_round_at: Option<Timestamp>,
    /// Since when it does not do its work; null when it does, or never did.
    failing_since: Option<Timestamp>,
}

pub(crate) async fn readiness(app: &App) -> Readiness {
    let health = app.engine.health();
    let failing = health.services.iter().filter(|service| !service.ok);
    let mut reasons: Vec<String> = failing
        // What went wrong is in the log; this page is open to everybody who can reach it.
        .map(|service| match service.failing_since {
            None => format!("service {} has not run yet", service.name),
            Some(since) => format!("service {} does not do its work since {since:.0}", service.name),
        })
        .collect();
    reasons.extend(health.clock.iter().map(|why| format!("{why}: nothing is sent")));
    // A disk that cannot be looked at shows as a service that does not do its work.
    if app.engine.room().await.is_ok_and(|room| !room.is_enough()) {
        reasons.push("too little room on the disk of the database: nothing is sent".to_owned());
    }
    if !app.pulse.database_writes(app).await {
        reasons.push("the database does not take writes".to_owned());
    }
    Readiness {
        ready: reasons.is_empty() && health.ready,
        reasons,
        warnings: warnings(app),
        services: health.services.iter().map(ServiceView::of).collect(),
    }
}

impl ServiceView {
    fn of(service: &ServiceHealth) -> Self {
        let ServiceHealth { name, ok, last_round_at, failing_since, .. } = *service;
        Self { name, ok, last_round_at, failing_since }
    }
}

fn warnings(app: &App) -> Vec<String> {
    let status = app.engine.reload_status();
    let mut warnings = Vec::new();
    let node = app.engine.standing_among_others();
    if node.is_skewed() {
        let seconds = node.skew.as_secs_f64();
        warnings.push(format!(
            "the clock of the database is {seconds:+.1} s off this machine's: set both by network time"
        ));
    }
    if !status.successful {
        warnings
            .push("the configuration files are not the running settings; see /api/v1/configuration".into());
    }
    if status.on_last_good {
        warnings.push("running on the last good settings".to_owned());
    }
    warnings
}

/// A database that does not answer within this time does not work.
const PATIENCE: Duration = Duration::from_secs(2);
/// Anybody may ask, and each look is a synced write: one a second is enough.
const FRESH: Duration = Duration::from_secs(1);

/// The last look at the database.
#[derive(Debug, Default)]
pub(crate) struct Pulse(Mutex<Option<(Instant, bool)>>);

impl Pulse {
    async fn database_writes(&self, app: &App) -> bool {
        let mut last = self.0.lock().await;
        if let Some((at, works)) = *last
            && at.elapsed() < FRESH
        {
            return works;
        }
        let works = match timeout(PATIENCE, app.store().ping()).await {
            Ok(Ok(())) => true,
            Ok(Err(failed)) => {
                warn!(error = chain(&failed), "The database does not take writes");
                false
            }
            Err(_) => {
                warn!(seconds = PATIENCE.as_secs(), "The database does not answer");
                false
            }
        };
        *last = Some((Instant::now(), works));
        works
    }
}

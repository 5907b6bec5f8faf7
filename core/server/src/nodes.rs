//! The daemons that work on this database, and those that did (P18).

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use juzhen_store::Worker;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::auth::Caller;
use crate::permit::{self, Act};
use crate::problem::{Problem, ProblemView};
use crate::query::NoParameters;

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list))
}

/// Each start of a daemon is a row; older ones are of no use.
const MOST: u32 = 50;

/// Daemons on this database: those at work first, then the newest of those that have ended.
#[utoipa::path(get, operation_id = "list_nodes", path = "/api/v1/nodes", tag = "health",
    responses((status = 200, body = NodeList), (status = "4XX", body = ProblemView)))]
async fn list(
    State(app): State<App>,
    Caller(caller): Caller,
    _none: NoParameters,
) -> Result<Json<NodeList>, Problem> {
    permit::require(&caller, Act::SeeConfiguration)?;
    let workers = app.store().workers(MOST).await?;
    Ok(Json(NodeList { nodes: workers.into_iter().map(NodeView::of).collect() }))
}

#[derive(Debug, Serialize, ToSchema)]
struct NodeList {
    nodes: Vec<NodeView>,
}

#[derive(Debug, Serialize, ToSchema)]
struct NodeView {
    /// New with each start.
    worker: String,
    /// As `juzhen run --node` says; null for a daemon that is alone on its database.
    node: Option<String>,
    at_work: bool,
    started_at: Timestamp,
    /// By the database's clock; null: for as long as it runs.
    lease_until: Option<Timestamp>,
    ended_at: Option<Timestamp>,
}

impl NodeView {
    fn of(worker: Worker) -> Self {
        let Worker { id, node, started_at, lease_until, ended_at } = worker;
        Self { worker: id, node, at_work: ended_at.is_none(), started_at, lease_until, ended_at }
    }
}

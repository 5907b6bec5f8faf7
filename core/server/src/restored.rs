//! After a restore: what may have been sent since the database's time, and what has become of it (P19).

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use juzhen_domain::delivery::ReceiptBy;
use juzhen_store::{Restoration, Suspect};
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

/// Of each, every suspect is told; nobody restores more often.
const MOST: u32 = 20;

/// The times when the database was found to be an earlier one, newest first, each with what may have been sent in between.
#[utoipa::path(get, operation_id = "list_restored", path = "/api/v1/restored", tag = "stop",
    responses((status = 200, body = RestoredList), (status = "4XX", body = ProblemView)))]
async fn list(
    State(app): State<App>,
    Caller(caller): Caller,
    _none: NoParameters,
) -> Result<Json<RestoredList>, Problem> {
    permit::require(&caller, Act::SeeEverything)?;
    let found = app.store().restorations(MOST).await?;
    Ok(Json(RestoredList { restored: found.iter().map(RestoredView::of).collect() }))
}

#[derive(Debug, Serialize, ToSchema)]
struct RestoredList {
    restored: Vec<RestoredView>,
}

#[derive(Debug, Serialize, ToSchema)]
struct RestoredView {
    number: i64,
    /// When it was found out; STOP ALL is on since.
    at: Timestamp,
    /// Where the history that is left ends.
    since: Timestamp,
    /// How it is known.
    reason: String,
    /// Were found on their accounts, or confirmed by a person.
    published: usize,
    /// Nobody knows yet.
    open: usize,
    deliveries: Vec<SuspectView>,
}

#[derive(Debug, Serialize, ToSchema)]
struct SuspectView {
    delivery: String,
    item: String,
    account: String,
    /// Its state in the restored database.
    was: &'static str,
    was_zh: &'static str,
    state: &'static str,
    state_zh: &'static str,
    /// How it is known to be out: `answer`, `evidence` or `person`.
    #[schema(value_type = Option<String>)]
    receipt_by: Option<ReceiptBy>,
}

impl RestoredView {
    fn of(found: &Restoration) -> Self {
        use juzhen_domain::state::DeliveryState as S;
        let in_state = |states: &[S]| found.deliveries.iter().filter(|d| states.contains(&d.state)).count();
        Self {
            number: found.number,
            at: found.at,
            since: found.since,
            reason: found.reason.clone(),
            published: in_state(&[S::Published]),
            open: in_state(&[S::InDoubt, S::NeedsPerson]),
            deliveries: found.deliveries.iter().map(SuspectView::of).collect(),
        }
    }
}

impl SuspectView {
    fn of(suspect: &Suspect) -> Self {
        Self {
            delivery: suspect.delivery.to_string(),
            item: suspect.item.to_string(),
            account: suspect.account.to_string(),
            was: suspect.was.as_str(),
            was_zh: suspect.was.chinese(),
            state: suspect.state.as_str(),
            state_zh: suspect.state.chinese(),
            receipt_by: suspect.receipt_by,
        }
    }
}

//! 发布任务: look at, and act on, one item on one account.

mod act;
mod actions;
mod place;
mod resolve;
mod view;

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use juzhen_domain::id::{AccountId, DeliveryId, ItemId};
use juzhen_domain::matrix::Person;
use juzhen_domain::state::DeliveryState;
use juzhen_store::{DeliveryFilter, DeliveryRecord};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::auth::Caller;
use crate::permit::{self, Act};
use crate::problem::{Code, Problem, ProblemView};
use crate::query::{Id, Limit, Parameters, plain};

pub(crate) use view::DeliveryLine;
use view::DeliveryView;

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(read))
        .routes(routes!(act::hold))
        .routes(routes!(act::release))
        .routes(routes!(act::cancel))
        .routes(routes!(act::reschedule))
        .routes(routes!(resolve::resolve))
        .routes(routes!(resolve::look))
}

/// Deliveries, newest first. People of a unit name an item or an account of theirs.
#[utoipa::path(get, operation_id = "list_deliveries", path = "/api/v1/deliveries", tag = "deliveries", params(ListDeliveries),
    responses((status = 200, body = DeliveryList), (status = "4XX", body = ProblemView)))]
async fn list(
    State(app): State<App>,
    Caller(caller): Caller,
    Parameters(wanted): Parameters<ListDeliveries>,
) -> Result<Json<DeliveryList>, Problem> {
    let ListDeliveries { state, account, item, before, limit } = wanted;
    check_visible(&app, &caller, account.as_ref(), item.as_ref()).await?;
    let limit = limit.unwrap_or_default();
    let filter = DeliveryFilter { state, account, item, before, most: limit.0 };
    let deliveries = app.store().deliveries(filter).await?;
    let next_before = limit.last_of_full(&deliveries).map(|delivery| delivery.id.to_string());
    Ok(Json(DeliveryList { deliveries: deliveries.iter().map(DeliveryLine::of).collect(), next_before }))
}

/// One delivery, its attempts and what they sent. Its ETag is what `If-Match` takes.
#[utoipa::path(get, operation_id = "read_delivery", path = "/api/v1/deliveries/{id}", tag = "deliveries", params(("id" = String, Path)),
    responses((status = 200, body = DeliveryView, headers(("ETag" = String))), (status = "4XX", body = ProblemView)))]
async fn read(State(app): State<App>, Caller(caller): Caller, id: Id) -> Result<Response, Problem> {
    let record = visible(&app, &caller, &DeliveryId::new(id.0)).await?;
    Ok(DeliveryView::answer(&record, &caller, app.now()))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ListDeliveries {
    /// Only deliveries in this state.
    #[param(value_type = Option<String>)]
    #[serde(default)]
    state: Option<DeliveryState>,
    #[param(value_type = Option<String>)]
    #[serde(default, deserialize_with = "plain")]
    account: Option<AccountId>,
    #[param(value_type = Option<String>)]
    #[serde(default, deserialize_with = "plain")]
    item: Option<ItemId>,
    /// Only deliveries older than this one: the `next_before` of the page before.
    #[param(value_type = Option<String>)]
    #[serde(default, deserialize_with = "plain")]
    before: Option<DeliveryId>,
    /// 1 to 200.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 200)]
    #[serde(default)]
    limit: Option<Limit>,
}

#[derive(Debug, Serialize, ToSchema)]
struct DeliveryList {
    deliveries: Vec<DeliveryLine>,
    /// Ask for older ones with this as `before`; null on the last page.
    next_before: Option<String>,
}

/// Whether everything that the filter lets through may be seen.
pub(crate) async fn check_visible(
    app: &App,
    caller: &Person,
    account: Option<&AccountId>,
    item: Option<&ItemId>,
) -> Result<(), Problem> {
    if permit::may(caller, Act::SeeEverything) {
        return Ok(());
    }
    let of_unit = |id: &AccountId| app.engine.settings().accounts.get(id).map(|a| a.unit.clone());
    if account.and_then(of_unit).is_some_and(|unit| permit::sees_unit(caller, &unit)) {
        return Ok(());
    }
    let Some(item) = item else {
        let detail = "name an item or an account of your unit";
        return Err(Problem::because(Code::ForbiddenUnit, detail));
    };
    let record = app.store().item(item).await?;
    let visible = record.is_some_and(|record| permit::sees_item(caller, &record.item));
    if visible { Ok(()) } else { Err(Problem::new(Code::NotFound)) }
}

/// A delivery that the caller may see; another one is answered like one that does not exist (A21).
async fn visible(app: &App, caller: &Person, id: &DeliveryId) -> Result<DeliveryRecord, Problem> {
    let hidden = || Problem::new(Code::NotFound);
    let record = app.store().delivery(id).await?.ok_or_else(hidden)?;
    let item = app.store().item(&record.delivery.item).await?.ok_or_else(hidden)?;
    if permit::sees_delivery(app, caller, &record.delivery, &item.item) { Ok(record) } else { Err(hidden()) }
}

//! 稿件: hand in, look at, decide, schedule, withdraw, and what the office does with it.

mod content;
mod decide;
mod desk;
mod formal;
mod history;
mod lengths;
mod office;
mod previews;
mod schedule;
mod sheet;
mod stated;
mod submit;
mod view;
mod withdraw;

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use juzhen_domain::id::{ItemId, UnitCode};
use juzhen_domain::matrix::Person;
use juzhen_domain::review::{self, Mandate};
use juzhen_domain::state::ItemState;
use juzhen_store::{ItemChange, ItemFilter, ItemRecord, Refused};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::auth::Caller;
use crate::command::{Asked, Command};
use crate::permit::{self, Act};
use crate::problem::{Code, Problem, ProblemView};
use crate::query::{Id, Limit, Parameters, plain};

use view::{ItemLine, ItemView};

pub(crate) use content::known_platform;
pub(crate) use schedule::Times;

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list, submit::submit))
        .routes(routes!(read))
        .routes(routes!(previews::previews))
        .routes(routes!(submit::resubmit))
        .routes(routes!(decide::decide))
        .routes(routes!(schedule::schedule))
        .routes(routes!(submit::hand_in))
        .routes(routes!(withdraw::withdraw))
        .routes(routes!(office::copy_edit))
        .routes(routes!(office::reclassify))
        .routes(routes!(office::merge))
        .routes(routes!(office::unschedule))
        .routes(routes!(office::hold))
        .routes(routes!(office::release))
        .routes(routes!(office::retract))
        .routes(routes!(office::refer_up))
        .routes(routes!(history::versions))
        .routes(routes!(sheet::sheet))
}

/// Items that the caller may see, newest first. People of a unit see their unit's.
#[utoipa::path(get, operation_id = "list_items", path = "/api/v1/items", tag = "items", params(ListItems),
    responses((status = 200, body = ItemList), (status = "4XX", body = ProblemView)))]
async fn list(
    State(app): State<App>,
    Caller(caller): Caller,
    Parameters(wanted): Parameters<ListItems>,
) -> Result<Json<ItemList>, Problem> {
    let limit = wanted.limit.unwrap_or_default();
    if let Some(Whom::Me) = wanted.waiting_for {
        let (items, before) = desk::waiting_for(&app, &caller, wanted.before, limit.0).await?;
        let next_before = before.map(|id| id.to_string());
        return Ok(Json(ItemList { items: items.iter().map(ItemLine::of).collect(), next_before }));
    }
    let unit = visible_unit(&caller, wanted.unit)?;
    let filter = ItemFilter { state: wanted.state, unit, before: wanted.before, most: limit.0 };
    let items = app.store().items(filter).await?;
    let next_before = limit.last_of_full(&items).map(|item| item.id.to_string());
    Ok(Json(ItemList { items: items.iter().map(ItemLine::of).collect(), next_before }))
}

/// One item, its decisions and deliveries. Its ETag is what `If-Match` takes.
#[utoipa::path(get, operation_id = "read_item", path = "/api/v1/items/{id}", tag = "items", params(("id" = String, Path)),
    responses((status = 200, body = ItemView, headers(("ETag" = String))), (status = "4XX", body = ProblemView)))]
async fn read(State(app): State<App>, Caller(caller): Caller, id: Id) -> Result<Response, Problem> {
    let record = visible(&app, &caller, &ItemId::new(id.0)).await?;
    Ok(ItemView::answer(&app, &record, &caller, app.now()))
}

/// What a person may decide on this item for others, by the delegations and the settings of this moment.
fn mandates(app: &App, record: &ItemRecord, person: &Person, now: Timestamp) -> Vec<Mandate> {
    review::mandates(&record.delegations, person, &app.engine.settings().people, now)
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ListItems {
    /// Only items in this state.
    #[param(value_type = Option<String>)]
    #[serde(default)]
    state: Option<ItemState>,
    /// Only items of this unit.
    #[param(value_type = Option<String>)]
    #[serde(default, deserialize_with = "plain")]
    unit: Option<UnitCode>,
    /// `me`: only items whose next step is the caller's to decide; `state` and `unit` do not matter then, and a page may be
    /// short.
    #[param(value_type = Option<String>)]
    #[serde(default)]
    waiting_for: Option<Whom>,
    /// Only items older than this one: the `next_before` of the page before.
    #[param(value_type = Option<String>)]
    #[serde(default, deserialize_with = "plain")]
    before: Option<ItemId>,
    /// 1 to 200.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 200)]
    #[serde(default)]
    limit: Option<Limit>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Whom {
    Me,
}

#[derive(Debug, Serialize, ToSchema)]
struct ItemList {
    items: Vec<ItemLine>,
    /// Ask for older ones with this as `before`; null on the last page.
    next_before: Option<String>,
}

/// An item that the caller may see; one of somebody else is answered like one that does not exist (A21).
async fn visible(app: &App, caller: &Person, id: &ItemId) -> Result<ItemRecord, Problem> {
    let record = app.store().item(id).await?;
    record.filter(|r| permit::sees_item(caller, &r.item)).ok_or_else(|| Problem::new(Code::NotFound))
}

/// The unit whose items are listed: everybody's, or the caller's own.
fn visible_unit(caller: &Person, wanted: Option<UnitCode>) -> Result<Option<UnitCode>, Problem> {
    if permit::may(caller, Act::SeeEverything) {
        return Ok(wanted);
    }
    let unit = wanted.unwrap_or_else(|| caller.unit.clone());
    if permit::sees_unit(caller, &unit) {
        return Ok(Some(unit));
    }
    Err(Problem::because(Code::ForbiddenUnit, format!("{} may not see the items of unit {unit}", caller.id)))
}

/// Changes an item in one transaction; `decide` gets it as it is at that moment. Answers with the item after it.
async fn change<T, D>(app: &App, id: Id, command: Command<T>, decide: D) -> Result<Response, Problem>
where
    T: Send + Sync + 'static,
    D: Fn(&App, &Command<T>, &ItemRecord) -> Result<ItemChange, Refused> + Send + Sync + 'static,
{
    let id = ItemId::new(id.0);
    visible(app, &command.by, &id).await?;
    let asked = Asked::default();
    let (caller, at, once) = (command.by.clone(), command.at, command.once.clone());
    let (here, seen) = (app.clone(), asked.clone());
    let changer = Arc::new(move |record: &ItemRecord| {
        seen.note();
        command.check_seen(record.row_version)?;
        decide(&here, &command, record)
    });
    let record = app.store().change_item(&id, changer, once).await?;
    // New deliveries may be due at once, and cancelled ones make room.
    app.engine.wake();
    Ok((asked.header(), ItemView::answer(app, &record, &caller, at)).into_response())
}

/// What a change is called in the audit.
fn subject(record: &ItemRecord) -> String {
    format!("item:{}", record.item.id)
}

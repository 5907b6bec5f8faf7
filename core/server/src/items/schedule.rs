//! 排期: the office says when an approved item goes out; its deliveries are made in the same transaction.

use axum::extract::State;
use axum::response::Response;
use jiff::{SignedDuration, Timestamp};
use juzhen_domain::caps::later;
use juzhen_domain::delivery::Delivery;
use juzhen_domain::id::DeliveryId;
use juzhen_domain::schedule::{self, Plan};
use juzhen_domain::stage;
use juzhen_domain::state::ItemState;
use juzhen_store::{ItemChange, ItemRecord, Refused};
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;

use super::view::ItemView;
use crate::app::App;
use crate::command::Command;
use crate::permit::{self, Act};
use crate::problem::{Code, Problem, ProblemView};
use crate::query::Id;

/// Makes one delivery per account. Without a time it goes out now.
#[utoipa::path(post, operation_id = "schedule_item", path = "/api/v1/items/{id}/schedule", tag = "items", request_body = NewSchedule,
    params(("id" = String, Path), ("If-Match" = Option<String>, Header), ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 200, body = ItemView, headers(("ETag" = String))), (status = "4XX", body = ProblemView)))]
pub(super) async fn schedule(
    State(app): State<App>,
    id: Id,
    command: Command<NewSchedule>,
) -> Result<Response, Problem> {
    permit::require(&command.by, Act::Schedule)?;
    let NewSchedule { publish_at, latest_at } = command.body;
    let times = Times::check(&app, command.at, ("publish_at", publish_at), latest_at)?;
    super::change(&app, id, command, move |app, command, record| change(app, command, record, times)).await
}

#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewSchedule {
    /// RFC 3339 with a zone; now when it is left out.
    #[serde(default, deserialize_with = "crate::instant::optional")]
    #[schema(value_type = Option<String>, format = DateTime)]
    publish_at: Option<Timestamp>,
    /// After this it is not sent any more by itself; as the settings say when it is left out.
    #[serde(default, deserialize_with = "crate::instant::optional")]
    #[schema(value_type = Option<String>, format = DateTime)]
    latest_at: Option<Timestamp>,
}

/// When something is to be out, checked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Times {
    pub(crate) due_at: Timestamp,
    pub(crate) latest_at: Timestamp,
}

/// The clocks of an office differ by less than this; what is that little in the past means now.
const CLOCKS_DIFFER: SignedDuration = SignedDuration::from_secs(60);
/// Farther away is a slip of the hand.
const FARTHEST: SignedDuration = SignedDuration::from_hours(366 * 24);

impl Times {
    /// Takes times that somebody can mean (A18), now when `field` has none. The domain decides whether they fit together.
    pub(crate) fn check(
        app: &App,
        now: Timestamp,
        (field, due_at): (&str, Option<Timestamp>),
        latest_at: Option<Timestamp>,
    ) -> Result<Self, Problem> {
        let refuse = |field: &str, detail: &str| Err(Problem::because(Code::InvalidTime, detail).at(field));
        let due_at = due_at.unwrap_or(now);
        if later(due_at, CLOCKS_DIFFER) < now {
            return refuse(field, "it lies in the past");
        }
        let farthest = later(now, FARTHEST);
        if due_at > farthest {
            return refuse(field, "it lies more than a year ahead");
        }
        let due_at = due_at.max(now);
        let latest_at = latest_at.unwrap_or_else(|| app.engine.latest(due_at));
        if latest_at > later(farthest, FARTHEST) {
            return refuse("latest_at", "it lies more than two years ahead");
        }
        Ok(Self { due_at, latest_at })
    }
}

/// The deliveries of an approved item under the settings that run at this moment.
pub(super) fn plan(
    app: &App,
    record: &ItemRecord,
    times: Times,
    now: Timestamp,
) -> Result<Vec<Delivery>, Refused> {
    let settings = app.engine.settings();
    let plan = Plan {
        routes: &settings.routes,
        accounts: &settings.accounts,
        due_at: times.due_at,
        latest_at: times.latest_at,
        revision: settings.revision.as_str(),
        now,
    };
    let made =
        schedule::deliveries(&record.item, &record.decisions, &plan, || DeliveryId::new(app.engine.new_id()))
            .map_err(|refusal| Refused::new(refusal.code(), refusal.to_string()))?;
    stage::may_follow(&record.earlier, times.due_at)
        .map_err(|soon| Refused::new(Code::TooSoon.as_str(), soon.to_string()))?;
    Ok(made)
}

fn change(
    app: &App,
    command: &Command<NewSchedule>,
    record: &ItemRecord,
    times: Times,
) -> Result<ItemChange, Refused> {
    let new_deliveries = plan(app, record, times, command.at)?;
    let detail = json!({
        "from": record.item.state, "to": ItemState::Scheduled, "hash": record.item.hash,
        "deliveries": new_deliveries.len(), "publish_at": times.due_at, "latest_at": times.latest_at,
    });
    let audit = command.audit("item.scheduled", super::subject(record), detail);
    Ok(ItemChange { new_deliveries, ..ItemChange::to(ItemState::Scheduled, audit) })
}

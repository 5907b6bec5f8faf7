//! 待处理: every delivery that waits for a person, or for a cause to go, the one that waits longest first.

use axum::Json;
use axum::extract::State;
use juzhen_domain::id::{AccountId, DeliveryId, ItemId};
use juzhen_domain::reason::{self, WaitsFor};
use juzhen_domain::state::DeliveryState;
use juzhen_store::{AttentionFilter, Waiting};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::auth::Caller;
use crate::deliveries::{self, DeliveryLine};
use crate::problem::{Code, Problem, ProblemView};
use crate::query::{Limit, Parameters, plain};

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list))
}

/// What somebody has to look at, the most urgent first.
pub(crate) const STATES: &[DeliveryState] = &[
    DeliveryState::NeedsPerson,
    DeliveryState::InDoubt,
    DeliveryState::Missed,
    DeliveryState::Refused,
    DeliveryState::Held,
    DeliveryState::Waiting,
];

/// What waits for somebody, by the time it was due, the oldest first; and how many there are for which reason. People of a
/// unit name an item or an account of theirs.
#[utoipa::path(get, operation_id = "list_attention", path = "/api/v1/attention", tag = "deliveries", params(ListAttention),
    responses((status = 200, body = AttentionList), (status = "4XX", body = ProblemView)))]
async fn list(
    State(app): State<App>,
    Caller(caller): Caller,
    Parameters(wanted): Parameters<ListAttention>,
) -> Result<Json<AttentionList>, Problem> {
    let ListAttention { state, account, item, after, limit } = wanted;
    deliveries::check_visible(&app, &caller, account.as_ref(), item.as_ref()).await?;
    let states = match state {
        None => STATES.to_vec(),
        Some(state) if STATES.contains(&state) => vec![state],
        Some(state) => {
            let detail = format!("a delivery that is {state} goes on by itself");
            return Err(Problem::because(Code::InvalidParameter, detail).at("state"));
        }
    };
    let limit = limit.unwrap_or_default();
    let filter = AttentionFilter { states, account, item, after, most: limit.0 };
    let found = app.store().attention(filter).await?;
    let next_after = limit.last_of_full(&found.deliveries).map(|delivery| delivery.id.to_string());
    let deliveries = found.deliveries.iter().map(|delivery| AttentionLine {
        waits: WaitsView::of(delivery.state, delivery.reason.as_deref()),
        line: DeliveryLine::of(delivery),
    });
    Ok(Json(AttentionList {
        deliveries: deliveries.collect(),
        counts: found.counts.iter().map(CountView::of).collect(),
        next_after,
    }))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ListAttention {
    /// `needs_person`, `in_doubt`, `missed`, `refused`, `held` or `waiting`; all of them when it is left out.
    #[param(value_type = Option<String>)]
    #[serde(default)]
    state: Option<DeliveryState>,
    #[param(value_type = Option<String>)]
    #[serde(default, deserialize_with = "plain")]
    account: Option<AccountId>,
    #[param(value_type = Option<String>)]
    #[serde(default, deserialize_with = "plain")]
    item: Option<ItemId>,
    /// Only deliveries that come after this one: the `next_after` of the page before.
    #[param(value_type = Option<String>)]
    #[serde(default, deserialize_with = "plain")]
    after: Option<DeliveryId>,
    /// 1 to 200.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 200)]
    #[serde(default)]
    limit: Option<Limit>,
}

#[derive(Debug, Serialize, ToSchema)]
struct AttentionList {
    /// One page of them.
    deliveries: Vec<AttentionLine>,
    /// Of everything that the filter lets through, on whatever page.
    counts: Vec<CountView>,
    /// Ask for the next ones with this as `after`; null on the last page.
    next_after: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
struct AttentionLine {
    #[serde(flatten)]
    line: DeliveryLine,
    #[serde(flatten)]
    waits: WaitsView,
}

#[derive(Debug, Serialize, ToSchema)]
struct CountView {
    state: &'static str,
    state_zh: &'static str,
    /// The first machine word of the reason.
    reason: Option<String>,
    reason_zh: Option<String>,
    #[serde(flatten)]
    waits: WaitsView,
    #[schema(example = 3)]
    deliveries: u64,
}

/// Whose move it is.
#[derive(Debug, Serialize, ToSchema)]
struct WaitsView {
    /// `person`, `daemon` (it still looks) or `cause` (it goes on by itself once the cause is gone).
    #[schema(example = "person")]
    waits_for: &'static str,
    #[schema(example = "等人处理")]
    waits_for_zh: &'static str,
}

impl WaitsView {
    fn of(state: DeliveryState, reason: Option<&str>) -> Self {
        let waits = WaitsFor::of(state, reason);
        Self { waits_for: waits.as_str(), waits_for_zh: waits.chinese() }
    }
}

impl CountView {
    fn of(waiting: &Waiting) -> Self {
        let reason = waiting.word.as_deref();
        Self {
            state: waiting.state.as_str(),
            state_zh: waiting.state.chinese(),
            reason: waiting.word.clone(),
            reason_zh: reason.map(|word| reason::explain(word).chinese),
            waits: WaitsView::of(waiting.state, reason),
            deliveries: waiting.deliveries,
        }
    }
}

//! 撤回: the author or the office takes an item back before it is out.

use axum::extract::State;
use axum::response::Response;
use juzhen_domain::act;
use juzhen_domain::state::ItemState;
use juzhen_store::{DeliveryChange, ItemChange, ItemRecord, Refused};
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;

use super::view::ItemView;
use crate::app::App;
use crate::command::Command;
use crate::problem::{Problem, ProblemView};
use crate::query::Id;
use crate::text;

/// Takes an item back; what is not out is cancelled with it. Refused once something may be out.
#[utoipa::path(post, operation_id = "withdraw_item", path = "/api/v1/items/{id}/withdraw", tag = "items", request_body = NewWithdrawal,
    params(("id" = String, Path), ("If-Match" = Option<String>, Header), ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 200, body = ItemView, headers(("ETag" = String))), (status = "4XX", body = ProblemView)))]
pub(super) async fn withdraw(
    State(app): State<App>,
    id: Id,
    mut command: Command<NewWithdrawal>,
) -> Result<Response, Problem> {
    command.body.reason = text::tidy(command.body.reason.take(), "reason")?;
    super::change(&app, id, command, |_, command, record| change(command, record)).await
}

#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewWithdrawal {
    /// Required once it was approved.
    #[serde(default)]
    reason: Option<String>,
}

fn change(command: &Command<NewWithdrawal>, record: &ItemRecord) -> Result<ItemChange, Refused> {
    let reason = command.body.reason.as_deref().unwrap_or_default();
    let withdrawal = act::withdraw(&record.item, &record.deliveries, &command.by, reason)
        .map_err(|refusal| Refused::new(refusal.code(), refusal.to_string()))?;
    let deliveries = withdrawal.cancel.into_iter().map(|(id, to)| {
        let subject = format!("delivery:{id}");
        let detail = json!({ "to": to.state, "reason": &to.reason, "item": &record.item.id });
        let audit = command.audit(to.action, subject, detail);
        (id, DeliveryChange::of(to, audit))
    });
    let detail = json!({ "from": record.item.state, "to": ItemState::Withdrawn, "reason": reason });
    let audit = command.audit("item.withdrawn", super::subject(record), detail);
    Ok(ItemChange { deliveries: deliveries.collect(), ..ItemChange::to(ItemState::Withdrawn, audit) })
}

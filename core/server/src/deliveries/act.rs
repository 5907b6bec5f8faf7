//! What people do to a delivery. `domain::act` decides inside the transaction; here is only how it is asked.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use juzhen_domain::act::{self, ActRefusal, Move};
use juzhen_domain::delivery::Delivery;
use juzhen_domain::id::DeliveryId;
use juzhen_store::{DeliveryChange, Refused};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::view::DeliveryView;
use crate::app::App;
use crate::command::{Asked, Command};
use crate::items::Times;
use crate::problem::{Code, Problem, ProblemView};
use crate::query::Id;
use crate::text;

/// 暂缓: puts aside what is not out yet.
#[utoipa::path(post, operation_id = "hold_delivery", path = "/api/v1/deliveries/{id}/hold", tag = "deliveries", request_body = WithReason,
    params(("id" = String, Path), ("If-Match" = Option<String>, Header)),
    responses((status = 200, body = DeliveryView, headers(("ETag" = String))), (status = "4XX", body = ProblemView)))]
pub(super) async fn hold(
    State(app): State<App>,
    id: Id,
    command: Command<WithReason>,
) -> Result<Response, Problem> {
    change(&app, id, command, Value::Null, |command, delivery| {
        act::hold(delivery, &command.by, command.body.reason.as_deref().unwrap_or_default())
    })
    .await
}

/// Lets a held delivery go on. One whose time has passed has to be rescheduled instead.
#[utoipa::path(post, operation_id = "release_delivery", path = "/api/v1/deliveries/{id}/release", tag = "deliveries", request_body = WithReason,
    params(("id" = String, Path), ("If-Match" = Option<String>, Header)),
    responses((status = 200, body = DeliveryView, headers(("ETag" = String))), (status = "4XX", body = ProblemView)))]
pub(super) async fn release(
    State(app): State<App>,
    id: Id,
    command: Command<WithReason>,
) -> Result<Response, Problem> {
    change(&app, id, command, Value::Null, |command, delivery| {
        act::release(delivery, &command.by, command.at)
    })
    .await
}

/// 撤销: it shall not go out at all.
#[utoipa::path(post, operation_id = "cancel_delivery", path = "/api/v1/deliveries/{id}/cancel", tag = "deliveries", request_body = WithReason,
    params(("id" = String, Path), ("If-Match" = Option<String>, Header)),
    responses((status = 200, body = DeliveryView, headers(("ETag" = String))), (status = "4XX", body = ProblemView)))]
pub(super) async fn cancel(
    State(app): State<App>,
    id: Id,
    command: Command<WithReason>,
) -> Result<Response, Problem> {
    change(&app, id, command, Value::Null, |command, delivery| {
        act::cancel(delivery, &command.by, command.body.reason.as_deref().unwrap_or_default())
    })
    .await
}

/// A new time for what is not out.
#[utoipa::path(post, operation_id = "reschedule_delivery", path = "/api/v1/deliveries/{id}/reschedule", tag = "deliveries", request_body = NewTimes,
    params(("id" = String, Path), ("If-Match" = Option<String>, Header)),
    responses((status = 200, body = DeliveryView, headers(("ETag" = String))), (status = "4XX", body = ProblemView)))]
pub(super) async fn reschedule(
    State(app): State<App>,
    id: Id,
    command: Command<NewTimes>,
) -> Result<Response, Problem> {
    let NewTimes { due_at, latest_at, .. } = command.body;
    let times = Times::check(&app, command.at, ("due_at", due_at), latest_at)?;
    change(&app, id, command, Value::Null, move |command, delivery| {
        act::reschedule(delivery, &command.by, times.due_at, times.latest_at, command.at)
    })
    .await
}

#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct WithReason {
    /// Required to hold and to cancel; kept in the audit.
    #[serde(default)]
    reason: Option<String>,
}

/// A body with a reason, which goes into the audit.
pub(super) trait Reasoned {
    fn reason(&mut self) -> &mut Option<String>;
}

impl Reasoned for WithReason {
    fn reason(&mut self) -> &mut Option<String> {
        &mut self.reason
    }
}

impl Reasoned for NewTimes {
    fn reason(&mut self) -> &mut Option<String> {
        &mut self.reason
    }
}

#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewTimes {
    /// RFC 3339 with a zone; now when it is left out.
    #[serde(default, deserialize_with = "crate::instant::optional")]
    #[schema(value_type = Option<String>, format = DateTime)]
    due_at: Option<Timestamp>,
    /// As the settings say when it is left out.
    #[serde(default, deserialize_with = "crate::instant::optional")]
    #[schema(value_type = Option<String>, format = DateTime)]
    latest_at: Option<Timestamp>,
    #[serde(default)]
    reason: Option<String>,
}

/// Changes a delivery in one transaction; `decide` gets it as it is at that moment. `noted` goes into the audit beside what
/// every change says. Answers with the delivery after it.
pub(super) async fn change<T, D>(
    app: &App,
    id: Id,
    mut command: Command<T>,
    noted: Value,
    decide: D,
) -> Result<Response, Problem>
where
    T: Reasoned + Send + Sync + 'static,
    D: Fn(&Command<T>, &Delivery) -> Result<Move, ActRefusal> + Send + Sync + 'static,
{
    let id = DeliveryId::new(id.0);
    let reason = text::tidy(command.body.reason().take(), "reason")?;
    command.body.reason().clone_from(&reason);
    let seen = super::visible(app, &command.by, &id).await?;
    let asked = Asked::default();
    let (caller, at, once, answers) = (command.by.clone(), command.at, command.once.clone(), asked.clone());
    let changer = Arc::new(move |delivery: &Delivery| {
        answers.note();
        command.check_seen(seen.row_version)?;
        if command.seen.is_some() && *delivery != seen.delivery {
            let message = "it has just been changed by somebody else: read it again";
            return Err(Refused::new(Code::PreconditionFailed.as_str(), message));
        }
        let to = decide(&command, delivery).map_err(|r| Refused::new(r.code(), r.to_string()))?;
        let mut detail = json!({
            "from": delivery.state, "to": to.state, "reason": &reason, "due_at": to.due_at,
            "latest_at": to.latest_at, "receipt": &to.receipt, "item": &delivery.item, "account": &delivery.account,
        });
        if let (Some(detail), Some(noted)) = (detail.as_object_mut(), noted.as_object()) {
            detail.extend(noted.clone());
        }
        let audit = command.audit(to.action, format!("delivery:{}", delivery.id), detail);
        Ok(DeliveryChange::of(to, audit))
    });
    app.store().change_delivery(&id, changer, app.engine.follow(), once).await?;
    app.engine.wake();
    let record = app.store().delivery(&id).await?.ok_or_else(|| Problem::new(Code::NotFound))?;
    Ok((asked.header(), DeliveryView::answer(&record, &caller, at)).into_response())
}

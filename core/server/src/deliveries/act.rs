//! What people do to a delivery. `domain::act` decides inside the transaction; here is only how it is asked.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use juzhen_domain::act::{self, ActRefusal, Move, Resolution};
use juzhen_domain::delivery::Delivery;
use juzhen_domain::id::DeliveryId;
use juzhen_store::{Audit, DeliveryChange, Refused};
use serde::Deserialize;
use serde_json::json;
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
    change(&app, id, command, |command, delivery| {
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
    change(&app, id, command, |command, delivery| act::release(delivery, &command.by, command.at)).await
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
    change(&app, id, command, |command, delivery| {
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
    change(&app, id, command, move |command, delivery| {
        act::reschedule(delivery, &command.by, times.due_at, times.latest_at, command.at)
    })
    .await
}

/// Closes a doubt: somebody has looked at the account.
#[utoipa::path(post, operation_id = "resolve_delivery", path = "/api/v1/deliveries/{id}/resolve", tag = "deliveries", request_body = NewResolution,
    params(("id" = String, Path), ("If-Match" = Option<String>, Header)),
    responses((status = 200, body = DeliveryView, headers(("ETag" = String))), (status = "4XX", body = ProblemView)))]
pub(super) async fn resolve(
    State(app): State<App>,
    id: Id,
    command: Command<NewResolution>,
) -> Result<Response, Problem> {
    let resolution = resolution(&app, &command)?;
    change(&app, id, command, move |command, delivery| {
        act::resolve(delivery, &command.by, &resolution, command.at)
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
trait Reasoned {
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

impl Reasoned for NewResolution {
    fn reason(&mut self) -> &mut Option<String> {
        &mut self.reason
    }
}

#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewTimes {
    /// RFC 3339 with a zone; now when it is left out.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    due_at: Option<Timestamp>,
    /// As the settings say when it is left out.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    latest_at: Option<Timestamp>,
    #[serde(default)]
    reason: Option<String>,
}

#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewResolution {
    /// `published` (it is there), `not_published` (it is not there and shall not go out) or `retry` (it is not there and
    /// is sent again now).
    #[schema(value_type = String)]
    found: Found,
    /// Of the post, with `published`.
    #[serde(default)]
    url: Option<String>,
    /// With `retry`; as the settings say when it is left out.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    latest_at: Option<Timestamp>,
    #[serde(default)]
    reason: Option<String>,
}

/// What a person saw on the account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Found {
    Published,
    NotPublished,
    Retry,
}

fn resolution(app: &App, command: &Command<NewResolution>) -> Result<Resolution, Problem> {
    let NewResolution { found, url, latest_at, .. } = &command.body;
    let only_with = |field: &str, word: &str| {
        Err(Problem::because(Code::InvalidValue, format!("it comes with found {word:?} only")).at(field))
    };
    match (found, url, latest_at) {
        (Found::Published, None, _) => Err(Problem::because(Code::MissingField, "where is it?").at("url")),
        (Found::Published, Some(_), Some(_)) => only_with("latest_at", "retry"),
        (Found::Published, Some(url), None) => {
            let url = url.trim();
            text::address(url, "url")?;
            Ok(Resolution::Published { url: url.to_owned() })
        }
        (_, Some(_), _) => only_with("url", "published"),
        (Found::NotPublished, None, Some(_)) => only_with("latest_at", "retry"),
        (Found::NotPublished, None, None) => Ok(Resolution::NotPublished),
        (Found::Retry, None, latest_at) => {
            let times = Times::check(app, command.at, ("due_at", None), *latest_at)?;
            Ok(Resolution::Retry { latest_at: times.latest_at })
        }
    }
}

/// Changes a delivery in one transaction; `decide` gets it as it is at that moment. Answers with the delivery after it.
async fn change<T, D>(app: &App, id: Id, mut command: Command<T>, decide: D) -> Result<Response, Problem>
where
    T: Reasoned + Send + Sync + 'static,
    D: Fn(&Command<T>, &Delivery) -> Result<Move, ActRefusal> + Send + Sync + 'static,
{
    let id = DeliveryId::new(id.0);
    let reason = text::tidy(command.body.reason().take(), "reason")?;
    command.body.reason().clone_from(&reason);
    let seen = super::visible(app, &command.by, &id).await?;
    let asked = Asked::default();
    let (caller, at, once, noted) = (command.by.clone(), command.at, command.once.clone(), asked.clone());
    let changer = Arc::new(move |delivery: &Delivery| {
        noted.note();
        command.check_seen(seen.row_version)?;
        if command.seen.is_some() && *delivery != seen.delivery {
            let message = "it has just been changed by somebody else: read it again";
            return Err(Refused::new(Code::PreconditionFailed.as_str(), message));
        }
        let to = decide(&command, delivery).map_err(|r| Refused::new(r.code(), r.to_string()))?;
        let detail = json!({
            "from": delivery.state, "to": to.state, "reason": &reason, "due_at": to.due_at,
            "latest_at": to.latest_at, "receipt": &to.receipt, "item": &delivery.item, "account": &delivery.account,
        });
        let audit = command.audit(to.action, format!("delivery:{}", delivery.id), detail);
        Ok(written(to, audit))
    });
    app.store().change_delivery(&id, changer, app.engine.follow(), once).await?;
    app.engine.wake();
    let record = app.store().delivery(&id).await?.ok_or_else(|| Problem::new(Code::NotFound))?;
    Ok((asked.header(), DeliveryView::answer(&record, &caller, at)).into_response())
}

/// What the store writes for a move that `domain` decided.
pub(crate) fn written(to: Move, audit: Audit) -> DeliveryChange {
    DeliveryChange {
        state: to.state,
        reason: to.reason,
        due_at: to.due_at,
        latest_at: to.latest_at,
        next_at: to.next_at,
        receipt: to.receipt,
        forget_tries: to.forget_tries,
        audit,
    }
}

//! 办公室: mended, moved to another procedure, merged, put aside, taken off the plan, taken down. `domain::act` decides inside
//! the transaction; here is only how it is asked, and what is told to whom.

use axum::extract::State;
use axum::response::Response;
use juzhen_domain::act::{self, ActRefusal, Move};
use juzhen_domain::id::{DeliveryId, ItemId};
use juzhen_domain::item::Content;
use juzhen_domain::matrix::Procedure;
use juzhen_domain::notice;
use juzhen_domain::state::ItemState;
use juzhen_store::{DeliveryChange, ItemChange, ItemRecord, Refused};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::content::{self, NewVariant};
use super::lengths;
use super::view::ItemView;
use crate::app::App;
use crate::command::{Command, Nothing};
use crate::problem::{Code, Problem, ProblemView};
use crate::query::Id;
use crate::text;

/// 核稿修改: with `minor` the approvals go along, if only punctuation, space and format are another; else everybody is asked
/// again.
#[utoipa::path(post, operation_id = "copy_edit_item", path = "/api/v1/items/{id}/copy-edit", tag = "items", request_body = NewCopyEdit,
    params(("id" = String, Path), ("If-Match" = String, Header), ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 200, body = ItemView, headers(("ETag" = String))), (status = "4XX", body = ProblemView)))]
pub(super) async fn copy_edit(
    State(app): State<App>,
    id: Id,
    command: Command<NewCopyEdit>,
) -> Result<Response, Problem> {
    let record = super::visible(&app, &command.by, &ItemId::new(id.0.clone())).await?;
    if command.seen.is_none() {
        let detail = "send the ETag of the item you have read as If-Match";
        return Err(Problem::because(Code::PreconditionRequired, detail));
    }
    let NewCopyEdit { variants, targets, minor } = command.body.clone();
    let targets =
        targets.unwrap_or_else(|| record.item.content.targets.iter().map(ToString::to_string).collect());
    let filing = record.item.content.filing.clone();
    let content = Content { filing, ..content::check(&app, variants, targets).await? };
    let (unit, column) = (&record.item.unit, record.item.column.as_ref());
    lengths::check(&app, juzhen_domain::route::Subject { unit, column }, &content)?;
    super::change(&app, id, command, move |_, command, record| {
        let edit = act::copy_edit(&record.item, &record.decisions, &command.by, content.clone(), minor)
            .map_err(refused)?;
        let detail = json!({
            "from": record.item.state, "to": edit.state, "hash": edit.hash, "before": record.item.hash,
            "minor": minor, "changes": edit.changes, "carried": edit.carried.len(),
        });
        let audit = command.audit("item.copy_edited", super::subject(record), detail);
        let content = Some((edit.content, edit.hash));
        Ok(ItemChange { content, carried: edit.carried, ..ItemChange::to(edit.state, audit) })
    })
    .await
}

/// 改划程序: under another procedure of the same origin; a higher approval that is missing is the next step.
#[utoipa::path(post, operation_id = "reclassify_item", path = "/api/v1/items/{id}/reclassify", tag = "items", request_body = NewProcedure,
    params(("id" = String, Path), ("If-Match" = Option<String>, Header), ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 200, body = ItemView, headers(("ETag" = String))), (status = "4XX", body = ProblemView)))]
pub(super) async fn reclassify(
    State(app): State<App>,
    id: Id,
    mut command: Command<NewProcedure>,
) -> Result<Response, Problem> {
    command.body.reason = text::tidy(command.body.reason.take(), "reason")?;
    super::change(&app, id, command, |app, command, record| {
        let settings = app.engine.settings();
        let to = command.body.to;
        let unknown = || Refused::new("unknown_procedure", format!("the settings have no procedure {to}"));
        let rules = settings.procedures.get(&to).ok_or_else(unknown)?;
        let was = settings.procedures.get(&record.item.procedure).map(|rules| rules.origin);
        let chain = rules
            .chain(&record.item.unit, &settings.district.office_unit)
            .map_err(|why| Refused::new("unknown_procedure", why.to_string()))?;
        let same = was == Some(rules.origin);
        let state = act::reclassify(&record.item, &record.decisions, &command.by, to, &chain, same)
            .map_err(refused)?;
        let detail = json!({
            "from": record.item.state, "to": state, "was": record.item.procedure, "procedure": to,
            "reason": command.body.reason,
        });
        let audit = command.audit("item.reclassified", super::subject(record), detail);
        Ok(ItemChange { procedure: Some((to, chain)), ..ItemChange::to(state, audit) })
    })
    .await
}

/// 并稿: another item says it already.
#[utoipa::path(post, operation_id = "merge_item", path = "/api/v1/items/{id}/merge", tag = "items", request_body = NewMerge,
    params(("id" = String, Path), ("If-Match" = Option<String>, Header), ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 200, body = ItemView, headers(("ETag" = String))), (status = "4XX", body = ProblemView)))]
pub(super) async fn merge(
    State(app): State<App>,
    id: Id,
    command: Command<NewMerge>,
) -> Result<Response, Problem> {
    let into = app.store().item(&ItemId::new(command.body.into.clone())).await?.map(|record| record.item);
    super::change(&app, id, command, move |_, command, record| {
        act::merge(&record.item, &command.by, into.as_ref()).map_err(refused)?;
        let merged_into = into.as_ref().map(|into| into.id.clone());
        let detail = json!({ "from": record.item.state, "to": ItemState::Merged, "into": merged_into });
        let audit = command.audit("item.merged", super::subject(record), detail);
        Ok(ItemChange { merged_into, ..ItemChange::to(ItemState::Merged, audit) })
    })
    .await
}

/// 取消排期: nothing of it goes out, and it may be scheduled anew.
#[utoipa::path(post, operation_id = "unschedule_item", path = "/api/v1/items/{id}/unschedule", tag = "items", request_body = Nothing,
    params(("id" = String, Path), ("If-Match" = Option<String>, Header), ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 200, body = ItemView, headers(("ETag" = String))), (status = "4XX", body = ProblemView)))]
pub(super) async fn unschedule(
    State(app): State<App>,
    id: Id,
    command: Command<Nothing>,
) -> Result<Response, Problem> {
    super::change(&app, id, command, |_, command, record| {
        let moves = act::unschedule(&record.item, &record.deliveries, &command.by).map_err(refused)?;
        Ok(moved(command, record, ("item.unscheduled", ItemState::Approved), moves, None))
    })
    .await
}

/// 暂缓: every delivery that is not out is put aside.
#[utoipa::path(post, operation_id = "hold_item", path = "/api/v1/items/{id}/hold", tag = "items", request_body = WithReason,
    params(("id" = String, Path), ("If-Match" = Option<String>, Header), ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 200, body = ItemView, headers(("ETag" = String))), (status = "4XX", body = ProblemView)))]
pub(super) async fn hold(
    State(app): State<App>,
    id: Id,
    mut command: Command<WithReason>,
) -> Result<Response, Problem> {
    command.body.reason = text::tidy(command.body.reason.take(), "reason")?;
    super::change(&app, id, command, |_, command, record| {
        let reason = command.body.said();
        let moves = act::hold_item(&record.item, &record.deliveries, &command.by, reason).map_err(refused)?;
        Ok(moved(command, record, ("item.put_aside", ItemState::Held), moves, Some(reason)))
    })
    .await
}

/// 恢复: what was put aside goes on. One whose time has passed is given another one first.
#[utoipa::path(post, operation_id = "release_item", path = "/api/v1/items/{id}/release", tag = "items", request_body = Nothing,
    params(("id" = String, Path), ("If-Match" = Option<String>, Header), ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 200, body = ItemView, headers(("ETag" = String))), (status = "4XX", body = ProblemView)))]
pub(super) async fn release(
    State(app): State<App>,
    id: Id,
    command: Command<Nothing>,
) -> Result<Response, Problem> {
    super::change(&app, id, command, |_, command, record| {
        let moves =
            act::release_item(&record.item, &record.deliveries, &command.by, command.at).map_err(refused)?;
        Ok(moved(command, record, ("item.released", ItemState::Scheduled), moves, None))
    })
    .await
}

/// 撤稿: it is out and should not be. The administrators of the accounts are told to delete it; nothing is deleted by this.
#[utoipa::path(post, operation_id = "retract_item", path = "/api/v1/items/{id}/retract", tag = "items", request_body = WithReason,
    params(("id" = String, Path), ("If-Match" = Option<String>, Header), ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 200, body = ItemView, headers(("ETag" = String))), (status = "4XX", body = ProblemView)))]
pub(super) async fn retract(
    State(app): State<App>,
    id: Id,
    mut command: Command<WithReason>,
) -> Result<Response, Problem> {
    command.body.reason = text::tidy(command.body.reason.take(), "reason")?;
    super::change(&app, id, command, |_, command, record| {
        let reason = command.body.said();
        act::retract(&record.item, &command.by, reason).map_err(refused)?;
        let mut change =
            moved(command, record, ("item.retracted", ItemState::Retracted), Vec::new(), Some(reason));
        change.notices.push(notice::of_retraction(&record.item, &record.deliveries, reason));
        Ok(change)
    })
    .await
}

/// 提请上级认定: the secrecy reviewer is not sure. The item stays where it is, and the office is told.
#[utoipa::path(post, operation_id = "refer_item_up", path = "/api/v1/items/{id}/refer-up", tag = "items", request_body = WithReason,
    params(("id" = String, Path), ("If-Match" = Option<String>, Header), ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 200, body = ItemView, headers(("ETag" = String))), (status = "4XX", body = ProblemView)))]
pub(super) async fn refer_up(
    State(app): State<App>,
    id: Id,
    mut command: Command<WithReason>,
) -> Result<Response, Problem> {
    command.body.reason = text::tidy(command.body.reason.take(), "reason")?;
    super::change(&app, id, command, |_, command, record| {
        let reason = command.body.said();
        act::refer_up(&record.item, &record.decisions, &command.by, reason).map_err(refused)?;
        let mut change =
            moved(command, record, ("item.referred_up", record.item.state), Vec::new(), Some(reason));
        change.notices.push(notice::of_referral(&record.item, &command.by, reason));
        Ok(change)
    })
    .await
}

#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewCopyEdit {
    /// Every text, also those that stay as they are.
    variants: std::collections::BTreeMap<String, NewVariant>,
    /// As before when it is left out.
    #[serde(default)]
    targets: Option<Vec<String>>,
    /// At most ten signs, and only punctuation, space and format.
    #[serde(default)]
    minor: bool,
}

#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewProcedure {
    /// `P1` to `P5`.
    #[schema(value_type = String)]
    to: Procedure,
    #[serde(default)]
    reason: Option<String>,
}

#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewMerge {
    /// Id of the item that says it already.
    into: String,
}

#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ItemReason)]
pub(super) struct WithReason {
    /// Two characters at least; kept with your name.
    #[serde(default)]
    reason: Option<String>,
}

impl WithReason {
    fn said(&self) -> &str {
        self.reason.as_deref().unwrap_or_default()
    }
}

/// An item that moves, with its deliveries, each with its own audit row.
fn moved<T>(
    command: &Command<T>,
    record: &ItemRecord,
    (action, state): (&str, ItemState),
    moves: Vec<(DeliveryId, Move)>,
    reason: Option<&str>,
) -> ItemChange {
    let deliveries = moves.into_iter().map(|(id, to)| {
        let detail = json!({ "to": to.state, "reason": &to.reason, "item": &record.item.id });
        let audit = command.audit(to.action, format!("delivery:{id}"), detail);
        (id, DeliveryChange::of(to, audit))
    });
    let deliveries = deliveries.collect();
    let mut detail = json!({ "from": record.item.state, "to": state });
    if let (Some(reason), Value::Object(fields)) = (reason, &mut detail) {
        fields.insert("reason".to_owned(), reason.into());
    }
    ItemChange { deliveries, ..ItemChange::to(state, command.audit(action, super::subject(record), detail)) }
}

#[allow(clippy::needless_pass_by_value, reason = "the form that map_err wants")]
fn refused(refusal: ActRefusal) -> Refused {
    Refused::new(refusal.code(), refusal.to_string())
}

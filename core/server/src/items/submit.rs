//! Handing in: a new item, or a returned one written anew. Either way it goes to whoever `domain::review` says is next.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{IntoResponse, Response};
use juzhen_domain::act::{self, Rewritten};
use juzhen_domain::id::{ItemId, UnitCode};
use juzhen_domain::item::{Content, Item};
use juzhen_domain::matrix::Procedure;
use juzhen_domain::review;
use juzhen_domain::route::Subject;
use juzhen_domain::state::ItemState;
use juzhen_store::{ItemChange, ItemRecord, Refused, Submitted};
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;

use super::content::{self, NewVariant};
use super::lengths;
use super::view::ItemView;
use crate::app::App;
use crate::command::{Command, replayed};
use crate::etag::Version;
use crate::permit;
use crate::problem::{Code, Problem, ProblemView};
use crate::query::Id;

/// Hands in a new item; its author is the caller. An `Idempotency-Key` makes it harmless to send it again.
#[utoipa::path(post, operation_id = "submit_item", path = "/api/v1/items", tag = "items", request_body = NewItem,
    params(("Idempotency-Key" = Option<String>, Header)),
    responses((status = 201, body = ItemView, headers(("ETag" = String), ("Location" = String))), (status = "4XX", body = ProblemView)))]
pub(super) async fn submit(
    State(app): State<App>,
    command: Command<NewItem>,
) -> Result<impl IntoResponse, Problem> {
    let NewItem { unit, column, procedure, variants, targets } = command.body.clone();
    let unit = unit.map_or_else(|| command.by.unit.clone(), UnitCode::new);
    let chain = permit::submit(&app, &command.by, &unit, procedure)?;
    let column = content::check_column(&app, column)?;
    let content = content::check(&app, variants, targets).await?;
    lengths::check(&app, Subject { unit: &unit, column: column.as_ref() }, &content)?;
    let mut item = Item {
        id: ItemId::new(app.engine.new_id()),
        unit,
        author: command.by.id.clone(),
        column,
        procedure,
        chain,
        hash: content.hash(),
        content,
        version: 1,
        state: ItemState::Draft,
        submitted_at: command.at,
    };
    item.state = review::state_after(&item, &[]);
    let detail = json!({ "hash": item.hash, "state": item.state, "unit": item.unit });
    let audit = command.audit("item.submitted", format!("item:{}", item.id), detail);
    let (record, again) = match app.store().submit_item(item, audit, command.once.clone()).await? {
        Submitted::New(record) => (record, None),
        Submitted::Again(record) => (record, Some(replayed())),
    };
    let location = [(LOCATION, format!("/api/v1/items/{}", record.item.id))];
    let view = ItemView::of(&app, &record, &command.by, command.at);
    Ok((StatusCode::CREATED, again, location, Version(record.row_version).header(), Json(view)))
}

/// Writes a returned item anew and hands it in again. Approvals of other texts do not count any more.
#[utoipa::path(put, operation_id = "rewrite_item", path = "/api/v1/items/{id}/content", tag = "items", request_body = NewContent,
    params(("id" = String, Path), ("If-Match" = String, Header), ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 200, body = ItemView, headers(("ETag" = String))), (status = "4XX", body = ProblemView)))]
pub(super) async fn resubmit(
    State(app): State<App>,
    id: Id,
    command: Command<NewContent>,
) -> Result<Response, Problem> {
    let record = super::visible(&app, &command.by, &ItemId::new(id.0.clone())).await?;
    if command.seen.is_none() {
        let detail = "send the ETag of the item you have read as If-Match";
        return Err(Problem::because(Code::PreconditionRequired, detail));
    }
    permit::submit(&app, &command.by, &record.item.unit, record.item.procedure)?;
    let NewContent { variants, targets } = command.body.clone();
    let content = content::check(&app, variants, targets).await?;
    lengths::check(&app, Subject { unit: &record.item.unit, column: record.item.column.as_ref() }, &content)?;
    super::change(&app, id, command, move |_, command, record| rewrite(command, record, &content)).await
}

#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewItem {
    /// The caller's own when it is left out.
    #[serde(default)]
    unit: Option<String>,
    #[serde(default)]
    column: Option<String>,
    /// `P1` to `P5`; `P4` when it is left out.
    #[serde(default = "ordinary")]
    #[schema(value_type = String, default = "P4")]
    procedure: Procedure,
    /// One text per platform.
    variants: BTreeMap<String, NewVariant>,
    /// Accounts beside those that routes add.
    #[serde(default)]
    targets: Vec<String>,
}

#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewContent {
    variants: BTreeMap<String, NewVariant>,
    #[serde(default)]
    targets: Vec<String>,
}

fn ordinary() -> Procedure {
    Procedure::P4
}

fn rewrite(
    command: &Command<NewContent>,
    record: &ItemRecord,
    content: &Content,
) -> Result<ItemChange, Refused> {
    let Rewritten { content, hash, state } =
        act::rewrite(&record.item, &record.decisions, &command.by, content.clone())
            .map_err(|refusal| Refused::new(refusal.code(), refusal.to_string()))?;
    let detail = json!({ "from": record.item.state, "to": state, "hash": hash, "before": record.item.hash });
    let audit = command.audit("item.resubmitted", super::subject(record), detail);
    Ok(ItemChange { content: Some((content, hash)), ..ItemChange::to(state, audit) })
}

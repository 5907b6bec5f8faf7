//! Handing in: a new item, a draft, or a returned one written anew. Either way it goes to whoever `domain::review` says is next.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{IntoResponse, Response};
use juzhen_domain::act::{self, ActRefusal, Rewritten};
use juzhen_domain::filing::Filing;
use juzhen_domain::id::{ItemId, UnitCode};
use juzhen_domain::item::{Content, Item};
use juzhen_domain::matrix::Procedure;
use juzhen_domain::review::{self, Chain};
use juzhen_domain::route::Subject;
use juzhen_domain::state::ItemState;
use juzhen_store::{ItemChange, ItemRecord, Refused, Submitted};
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;

use super::content::{self, NewVariant};
use super::lengths;
use super::stated;
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
    let NewItem { unit, column, procedure, variants, targets, filing, declaration, draft } =
        command.body.clone();
    let unit = unit.map_or_else(|| command.by.unit.clone(), UnitCode::new);
    let chain = permit::submit(&app, &command.by, &unit, procedure)?;
    let column = content::check_column(&app, column)?;
    let content = Content { filing, ..content::check(&app, variants, targets).await? };
    if !draft {
        stated::check(&app, procedure, &unit, &content.filing, declaration, command.at)?;
    }
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
    if !draft {
        item.state = review::state_after(&item, &[]);
    }
    let action = if draft { "item.drafted" } else { "item.submitted" };
    let detail =
        json!({ "hash": item.hash, "state": item.state, "unit": item.unit, "declared": declaration });
    let audit = command.audit(action, format!("item:{}", item.id), detail);
    let (record, again) = match app.store().submit_item(item, audit, command.once.clone()).await? {
        Submitted::New(record) => (record, None),
        Submitted::Again(record) => (record, Some(replayed())),
    };
    let location = [(LOCATION, format!("/api/v1/items/{}", record.item.id))];
    let view = ItemView::of(&app, &record, &command.by, command.at);
    Ok((StatusCode::CREATED, again, location, Version(record.row_version).header(), Json(view)))
}

/// Writes a draft or a returned item anew and hands it in, or with `draft` only keeps it. Approvals of other texts do not count
/// any more.
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
    let chain = permit::submit(&app, &command.by, &record.item.unit, record.item.procedure)?;
    let NewContent { variants, targets, filing, declaration, draft } = command.body.clone();
    let filing = filing.unwrap_or_else(|| record.item.content.filing.clone());
    let content = Content { filing, ..content::check(&app, variants, targets).await? };
    if !draft {
        let Item { procedure, unit, .. } = &record.item;
        stated::check(&app, *procedure, unit, &content.filing, declaration, command.at)?;
    }
    lengths::check(&app, Subject { unit: &record.item.unit, column: record.item.column.as_ref() }, &content)?;
    super::change(&app, id, command, move |_, command, record| rewrite(command, record, &content, &chain))
        .await
}

/// Hands in a draft or a returned item as it is.
#[utoipa::path(post, operation_id = "hand_in_item", path = "/api/v1/items/{id}/submit", tag = "items", request_body = NewHandIn,
    params(("id" = String, Path), ("If-Match" = Option<String>, Header), ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 200, body = ItemView, headers(("ETag" = String))), (status = "4XX", body = ProblemView)))]
pub(super) async fn hand_in(
    State(app): State<App>,
    id: Id,
    command: Command<NewHandIn>,
) -> Result<Response, Problem> {
    let record = super::visible(&app, &command.by, &ItemId::new(id.0.clone())).await?;
    let Item { procedure, unit, column, content, .. } = &record.item;
    let chain = permit::submit(&app, &command.by, unit, *procedure)?;
    stated::check(&app, *procedure, unit, &content.filing, command.body.declaration, command.at)?;
    lengths::check(&app, Subject { unit, column: column.as_ref() }, content)?;
    let seen = record.item.hash.clone();
    super::change(&app, id, command, move |_, command, record| {
        if record.item.hash != seen {
            return Err(Refused::new("stale_version", "the item has changed meanwhile: read it again"));
        }
        hand_in_as_it_is(command, record, &chain)
    })
    .await
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
    /// What it states beside its texts: `info_nature`, `valid_until`, `event_id` … as its procedure asks for it.
    #[serde(default)]
    #[schema(value_type = Object)]
    filing: Filing,
    /// 七类声明: the author has checked that none of the seven prohibited kinds of content is in it.
    #[serde(default)]
    declaration: bool,
    /// Only keep it; it is handed in later.
    #[serde(default)]
    draft: bool,
}

#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewContent {
    variants: BTreeMap<String, NewVariant>,
    #[serde(default)]
    targets: Vec<String>,
    /// What it states beside its texts; as before when it is left out.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    filing: Option<Filing>,
    /// 七类声明
    #[serde(default)]
    declaration: bool,
    /// Only keep it; it is handed in later.
    #[serde(default)]
    draft: bool,
}

#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewHandIn {
    /// 七类声明
    #[serde(default)]
    declaration: bool,
}

fn ordinary() -> Procedure {
    Procedure::P4
}

fn rewrite(
    command: &Command<NewContent>,
    record: &ItemRecord,
    content: &Content,
    chain: &Chain,
) -> Result<ItemChange, Refused> {
    let refuse = |refusal: ActRefusal| Refused::new(refusal.code(), refusal.to_string());
    let NewContent { draft, declaration, .. } = command.body;
    let item = with_steps(record, chain);
    let Rewritten { content, hash, state } = if draft {
        act::save(&item, &command.by, content.clone()).map_err(refuse)?
    } else {
        act::rewrite(&item, &record.decisions, &command.by, content.clone()).map_err(refuse)?
    };
    let action = match (draft, record.item.state) {
        (true, _) => "item.saved",
        (false, ItemState::Draft) => "item.submitted",
        (false, _) => "item.resubmitted",
    };
    let detail = json!({
        "from": record.item.state, "to": state, "hash": hash, "before": record.item.hash, "declared": declaration,
    });
    let audit = command.audit(action, super::subject(record), detail);
    let procedure = Some((item.procedure, item.chain));
    Ok(ItemChange {
        content: Some((content, hash)),
        procedure,
        handed_in: !draft,
        ..ItemChange::to(state, audit)
    })
}

fn hand_in_as_it_is(
    command: &Command<NewHandIn>,
    record: &ItemRecord,
    chain: &Chain,
) -> Result<ItemChange, Refused> {
    let item = with_steps(record, chain);
    let state = act::hand_in(&item, &record.decisions, &command.by)
        .map_err(|refusal| Refused::new(refusal.code(), refusal.to_string()))?;
    let was_draft = record.item.state == ItemState::Draft;
    let action = if was_draft { "item.submitted" } else { "item.resubmitted" };
    let declared = command.body.declaration;
    let detail =
        json!({ "from": record.item.state, "to": state, "hash": record.item.hash, "declared": declared });
    let audit = command.audit(action, super::subject(record), detail);
    let procedure = Some((item.procedure, item.chain));
    Ok(ItemChange { procedure, handed_in: true, ..ItemChange::to(state, audit) })
}

/// A draft takes the steps of the moment when it is handed in; what was handed in once keeps its own.
fn with_steps(record: &ItemRecord, chain: &Chain) -> Item {
    let mut item = record.item.clone();
    if item.state == ItemState::Draft {
        item.chain = chain.clone();
    }
    item
}

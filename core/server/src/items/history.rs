//! What an item was: every text that it had, and each time that it was handed in.

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use juzhen_domain::id::ItemId;
use juzhen_store::ItemVersion;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::view::VariantView;
use crate::app::App;
use crate::auth::Caller;
use crate::problem::{Problem, ProblemView};
use crate::query::Id;

/// The versions of one item, oldest first.
#[utoipa::path(get, operation_id = "read_item_versions", path = "/api/v1/items/{id}/versions", tag = "items", params(("id" = String, Path)),
    responses((status = 200, body = VersionList), (status = "4XX", body = ProblemView)))]
pub(super) async fn versions(
    State(app): State<App>,
    Caller(caller): Caller,
    id: Id,
) -> Result<Json<VersionList>, Problem> {
    let record = super::visible(&app, &caller, &ItemId::new(id.0)).await?;
    let found = app.store().item_versions(&record.item.id).await?;
    Ok(Json(VersionList { versions: found.iter().map(VersionView::of).collect() }))
}

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct VersionList {
    versions: Vec<VersionView>,
}

#[derive(Debug, Serialize, ToSchema)]
struct VersionView {
    version: u32,
    hash: String,
    /// `item.submitted`, `item.saved`, `item.resubmitted`, `item.copy_edited` …
    action: String,
    person: String,
    at: Timestamp,
    /// Of a minor edit: what was changed in which text.
    #[schema(value_type = Option<Object>)]
    changes: Option<Value>,
    variants: std::collections::BTreeMap<String, VariantView>,
}

impl VersionView {
    fn of(version: &ItemVersion) -> Self {
        let variants = version.content.variants.iter();
        Self {
            version: version.version,
            hash: version.hash.to_string(),
            action: version.action.clone(),
            person: version.person.to_string(),
            at: version.at,
            changes: version
                .detail
                .get("changes")
                .filter(|changes| changes.as_array().is_some_and(|c| !c.is_empty()))
                .cloned(),
            variants: variants.map(|(p, variant)| (p.to_string(), VariantView::of(variant))).collect(),
        }
    }
}

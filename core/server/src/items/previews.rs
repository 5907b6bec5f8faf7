//! What the public will read of an item, platform by platform, with its length.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use juzhen_domain::count::Counter;
use juzhen_domain::id::ItemId;
use juzhen_domain::item::Variant;
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::auth::Caller;
use crate::counts::{LengthView, text_of};
use crate::problem::{Problem, ProblemView};
use crate::query::Id;

/// An item as each platform will show it.
#[utoipa::path(get, operation_id = "preview_item", path = "/api/v1/items/{id}/previews", tag = "items",
    params(("id" = String, Path)), responses((status = 200, body = PreviewList), (status = "4XX", body = ProblemView)))]
pub(super) async fn previews(
    State(app): State<App>,
    Caller(caller): Caller,
    id: Id,
) -> Result<Json<PreviewList>, Problem> {
    let record = super::visible(&app, &caller, &ItemId::new(id.0)).await?;
    let variants = record.item.content.variants.iter();
    let previews =
        variants.map(|(platform, variant)| (platform.to_string(), Preview::of(platform.as_str(), variant)));
    Ok(Json(PreviewList { hash: record.item.hash.to_string(), previews: previews.collect() }))
}

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PreviewList {
    /// Of the texts that are shown.
    hash: String,
    /// By platform.
    previews: BTreeMap<String, Preview>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Preview {
    /// Where the platform shows one apart; on Weibo it is at the head of the text.
    title: Option<String>,
    /// All of what is read as the text.
    text: String,
    /// Where the platform shows one apart, as WeChat under 阅读原文.
    link: Option<String>,
    /// Pictures and videos.
    media: usize,
    #[serde(flatten)]
    length: LengthView,
}

impl Preview {
    fn of(platform: &str, variant: &Variant) -> Self {
        let text = text_of(variant);
        let counter = Counter::of(platform);
        // Weibo knows nothing but the text.
        let apart = |part: &Option<String>| part.clone().filter(|_| counter != Some(Counter::Weibo));
        Self {
            title: apart(&variant.title),
            text: counter.map_or_else(|| variant.text.clone(), |counter| counter.compose(&text)),
            link: apart(&variant.link),
            media: variant.media.len(),
            length: LengthView::of(platform, &text),
        }
    }
}

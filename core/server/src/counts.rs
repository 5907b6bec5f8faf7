//! How long texts are while they are written: the district's count for each platform, and what the platform itself limits.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use juzhen_domain::count::{self, Counter, FieldLength, Text};
use juzhen_domain::item::Variant;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::command::Command;
use crate::items::known_platform;
use crate::problem::{Problem, ProblemView};

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(count))
}

/// Counts texts that are still being written. Nothing is kept, and a text that is too long is an answer, no refusal.
#[utoipa::path(post, operation_id = "count_texts", path = "/api/v1/counts", tag = "items", request_body = NewCounts,
    responses((status = 200, body = CountList), (status = "4XX", body = ProblemView)))]
async fn count(State(app): State<App>, command: Command<NewCounts>) -> Result<Json<CountList>, Problem> {
    let mut counts = BTreeMap::new();
    for (platform, draft) in command.body.variants {
        let platform = known_platform(&app, platform)?;
        counts.insert(platform.to_string(), LengthView::of(platform.as_str(), &draft.text()));
    }
    Ok(Json(CountList { counts }))
}

#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewCounts {
    /// One text per platform, as an item has them.
    variants: BTreeMap<String, Draft>,
}

#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Draft {
    #[serde(default)]
    title: Option<String>,
    #[serde(default)]
    text: String,
    #[serde(default)]
    link: Option<String>,
    /// 作者 of an article.
    #[serde(default)]
    author: Option<String>,
    /// 摘要 of an article.
    #[serde(default)]
    digest: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
struct CountList {
    /// By platform.
    counts: BTreeMap<String, LengthView>,
}

/// The length of one platform's text.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LengthView {
    /// By the district's rule, with title and punctuation.
    count: usize,
    /// The most that the district allows; null where it has no rule for the platform.
    limit: Option<usize>,
    /// Whether the district's rule is kept.
    ok: bool,
    /// What the platform itself limits, by its own count.
    fields: Vec<FieldLengthView>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FieldLengthView {
    /// `title`, `text`, `author` or `digest`.
    field: &'static str,
    /// The word on the screen.
    field_zh: &'static str,
    /// `characters`, or `half_widths`, of which a Chinese character has two.
    unit: &'static str,
    count: usize,
    limit: usize,
    ok: bool,
}

impl Draft {
    fn text(&self) -> Text<'_> {
        let of = |part| Option::as_deref(part).unwrap_or_default();
        Text {
            title: of(&self.title),
            body: &self.text,
            link: of(&self.link),
            author: of(&self.author),
            digest: of(&self.digest),
        }
    }
}

impl LengthView {
    pub(crate) fn of(platform: &str, text: &Text<'_>) -> Self {
        let Some(counter) = Counter::of(platform) else {
            let count = count::characters(text.title) + count::characters(text.body);
            return Self { count, limit: None, ok: true, fields: Vec::new() };
        };
        let length = counter.district(text);
        let fields = counter.fields(text).into_iter().map(FieldLengthView::of).collect();
        Self { count: length.count, limit: Some(length.limit), ok: length.is_ok(), fields }
    }
}

impl FieldLengthView {
    fn of(FieldLength { field, unit, length }: FieldLength) -> Self {
        Self {
            field: field.as_str(),
            field_zh: field.chinese(),
            unit: unit.as_str(),
            count: length.count,
            limit: length.limit,
            ok: length.is_ok(),
        }
    }
}

/// A text of an item, to be counted.
pub(crate) fn text_of(variant: &Variant) -> Text<'_> {
    let title = variant.title.as_deref().unwrap_or_default();
    Text { title, body: &variant.text, link: variant.link.as_deref().unwrap_or_default(), ..Text::default() }
}

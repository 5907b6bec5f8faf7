//! Texts as they are handed in, and what has to be right before anybody reviews them.

use std::collections::BTreeMap;

use juzhen_domain::id::{AccountId, ColumnId, Platform};
use juzhen_domain::item::{Content, Media, Variant};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::problem::{Code, Problem};
use crate::text;
use crate::words::nearest;

/// Pictures and videos of one text.
const MOST_MEDIA: usize = 20;

#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewVariant {
    #[serde(default)]
    title: Option<String>,
    text: String,
    /// An http:// or https:// address.
    #[serde(default)]
    link: Option<String>,
    #[serde(default)]
    media: Vec<NewMedia>,
}

#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewMedia {
    /// Of an upload (`POST /api/v1/media`), lower-case hexadecimal.
    sha256: String,
    /// What it shows, for people who cannot see it.
    #[serde(default)]
    alt: Option<String>,
}

/// Checks texts and targets against the running settings and the uploads.
pub(super) async fn check(
    app: &App,
    variants: BTreeMap<String, NewVariant>,
    targets: Vec<String>,
) -> Result<Content, Problem> {
    let mut content = Content::default();
    for (platform, variant) in variants {
        let place = format!("variants.{platform}");
        let platform = known_platform(app, platform)?;
        content.variants.insert(platform, check_variant(app, variant, &place).await?);
    }
    content.targets = targets.into_iter().map(AccountId::new).collect();
    let problems = content.problems();
    if !problems.is_empty() {
        let detail = problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
        return Err(Problem::because(Code::InvalidContent, detail).at("variants"));
    }
    check_targets(app, &content)?;
    Ok(content)
}

/// A column that new items may have.
pub(super) fn check_column(app: &App, column: Option<String>) -> Result<Option<ColumnId>, Problem> {
    let Some(column) = column.map(ColumnId::new) else { return Ok(None) };
    let settings = app.engine.settings();
    if settings.columns.get(&column).is_some_and(|c| c.enabled) {
        return Ok(Some(column));
    }
    let open = settings.columns.values().filter(|c| c.enabled).map(|c| c.id.as_str());
    let near = nearest(column.as_str(), open);
    let detail = format!("the settings have no column {:?} that is in use", column.as_str());
    Err(Problem::because(Code::UnknownColumn, detail).at("column").suggest(near))
}

pub(crate) fn known_platform(app: &App, platform: String) -> Result<Platform, Problem> {
    let settings = app.engine.settings();
    let known = settings.accounts.values().map(|account| account.platform.as_str());
    if known.clone().any(|known| known == platform) {
        return Ok(Platform::new(platform));
    }
    let detail = format!("no account of the settings is on {platform:?}");
    let near = nearest(&platform, known);
    Err(Problem::because(Code::UnknownPlatform, detail).at(format!("variants.{platform}")).suggest(near))
}

fn check_targets(app: &App, content: &Content) -> Result<(), Problem> {
    let settings = app.engine.settings();
    for (number, target) in content.targets.iter().enumerate() {
        let place = format!("targets[{number}]");
        let Some(account) = settings.accounts.get(target) else {
            let near = nearest(target.as_str(), settings.accounts.keys().map(AccountId::as_str));
            let detail = format!("the settings have no account {:?}", target.as_str());
            return Err(Problem::because(Code::UnknownAccount, detail).at(place).suggest(near));
        };
        if !content.variants.contains_key(&account.platform) {
            let platform = &account.platform;
            let detail =
                format!("account {target} is on {platform}, and the item has no text for {platform}");
            return Err(Problem::because(Code::NoVariant, detail).at(place));
        }
    }
    Ok(())
}

async fn check_variant(app: &App, variant: NewVariant, place: &str) -> Result<Variant, Problem> {
    if let Some(link) = &variant.link {
        text::address(link, &format!("{place}.link"))?;
    }
    if variant.media.len() > MOST_MEDIA {
        let detail = format!("{MOST_MEDIA} pictures and videos are the most");
        return Err(Problem::because(Code::InvalidContent, detail).at(format!("{place}.media")));
    }
    let mut media = Vec::with_capacity(variant.media.len());
    for (number, new) in variant.media.into_iter().enumerate() {
        media.push(uploaded(app, new, &format!("{place}.media[{number}]")).await?);
    }
    let title = variant.title.filter(|title| !title.trim().is_empty());
    Ok(Variant { title, text: variant.text, link: variant.link, media })
}

/// Type and size are those of the upload: a client cannot say otherwise.
async fn uploaded(app: &App, new: NewMedia, place: &str) -> Result<Media, Problem> {
    let Some(blob) = app.store().blob(&new.sha256).await? else {
        let detail = "nothing with this hash was uploaded; POST it to /api/v1/media first";
        return Err(Problem::because(Code::UnknownMedia, detail).at(format!("{place}.sha256")));
    };
    let alt = text::tidy(new.alt, &format!("{place}.alt"))?;
    Ok(Media { sha256: blob.sha256, mime: blob.mime, bytes: blob.bytes.len() as u64, alt })
}

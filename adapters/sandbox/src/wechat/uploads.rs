//! Uploads: pictures for the text of an article, permanent and temporary media.

use serde_json::{Value, json};

use super::body::{Ask, text};
use super::dialect::error;
use super::media::{Kind, Stored, TEMPORARY_MS, check_article_image, format_of};
use super::{PLATFORM, account_of};
use crate::answer::Reply;
use crate::effect::{EffectKind, NewEffect, bytes_hash};
use crate::exchange::{Call, Intent, Refusal};
use crate::fields::{Fields, Upload};
use crate::world::{World, now_unix_ms};

/// Part `media`; JPEG or PNG below 1 MB. It takes no place in the library.
pub(crate) fn article_image(ask: Ask) -> Result<Intent, Refusal> {
    let Ask { fields, .. } = ask;
    let media = part(&fields)?;
    check_article_image(&media.bytes)?;
    Ok(Intent::plain(move |world: &mut World, call| {
        record(world, call, &media)?;
        Ok(Reply::json(200, &json!({ "url": picture_url(world, &media) })))
    }))
}

/// `?type=`, part `media`, of a film also `description` with `title` and `introduction`.
pub(crate) fn permanent(ask: Ask) -> Result<Intent, Refusal> {
    let (kind, media) = typed(&ask)?;
    let description = description(&ask, kind)?;
    Ok(Intent::plain(move |world: &mut World, call| {
        let mut stored = stored(world, kind, &media, None);
        if let Some(description) = &description {
            stored.name = text(description, "title").unwrap_or_default().to_owned();
            stored.introduction = text(description, "introduction").unwrap_or_default().to_owned();
        }
        if matches!(kind, Kind::Image | Kind::Thumb) {
            stored.url = Some(picture_url(world, &media));
        }
        let mut answer = json!({ "media_id": stored.media_id });
        if let (Some(url), Some(fields)) = (&stored.url, answer.as_object_mut()) {
            fields.insert("url".into(), json!(url));
            fields.insert("item".into(), json!([]));
        }
        account_of(world, &ask.appid)?.library.add(stored)?;
        record(world, call, &media)?;
        Ok(Reply::json(200, &answer))
    }))
}

/// `?type=`, part `media`.
pub(crate) fn temporary(ask: Ask) -> Result<Intent, Refusal> {
    let (kind, media) = typed(&ask)?;
    Ok(Intent::plain(move |world: &mut World, call| {
        let until = world.wechat.now().saturating_add(TEMPORARY_MS);
        let stored = stored(world, kind, &media, Some(until));
        let id_field = if kind == Kind::Thumb { "thumb_media_id" } else { "media_id" };
        let answer = json!({ "type": kind.name(), id_field: stored.media_id, "created_at": stored.at });
        account_of(world, &ask.appid)?.library.add(stored)?;
        record(world, call, &media)?;
        Ok(Reply::json(200, &answer))
    }))
}

/// The part that carries the file: it is named `media` and has a file name.
fn part(fields: &Fields) -> Result<Upload, Refusal> {
    let file = fields.file("media").filter(|file| !file.file_name.is_empty());
    file.cloned().ok_or_else(|| error(44001))
}

fn typed(ask: &Ask) -> Result<(Kind, Upload), Refusal> {
    let kind = ask.fields.get("type").and_then(Kind::read).ok_or_else(|| error(40004))?;
    let media = part(&ask.fields)?;
    kind.check(&media.bytes)?;
    Ok((kind, media))
}

fn description(ask: &Ask, kind: Kind) -> Result<Option<Value>, Refusal> {
    if kind != Kind::Video {
        return Ok(None);
    }
    let description = ask.fields.get("description").ok_or_else(|| error(47001))?;
    let description: Value = serde_json::from_str(description).map_err(|_| error(47001))?;
    text(&description, "title").ok_or_else(|| error(45003))?;
    Ok(Some(description))
}

fn stored(world: &World, kind: Kind, media: &Upload, until: Option<i64>) -> Stored {
    Stored {
        media_id: world.wechat.ids.text(64),
        kind,
        name: media.file_name.clone(),
        bytes: media.bytes.clone(),
        url: None,
        introduction: String::new(),
        at: world.wechat.now() / 1_000,
        until,
    }
}

fn picture_url(world: &World, media: &Upload) -> String {
    let format = if format_of(&media.bytes) == Some("jpg") { "jpeg" } else { "png" };
    let name = world.wechat.ids.text(88);
    format!("http://mmbiz.qpic.cn/sz_mmbiz_{format}/{name}/0?wx_fmt={format}")
}

fn record(world: &mut World, call: &Call, media: &Upload) -> Result<(), Refusal> {
    let mut effect = NewEffect::of(PLATFORM, EffectKind::Media, call.request.clone());
    effect.account = call.account;
    effect.hash = bytes_hash(&media.bytes);
    effect.bytes = Some(media.bytes.len());
    world.ledger.record(effect, now_unix_ms())?;
    Ok(())
}

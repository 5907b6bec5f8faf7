//! Media that were uploaded: looking at them, counting and deleting them, downloads.

use serde_json::{Value, json};

use super::account_of;
use super::body::{Ask, Window};
use super::dialect::error;
use super::media::{Kind, Stored, content_type_of, format_of};
use crate::answer::Reply;
use crate::exchange::{Intent, Refusal};
use crate::world::World;

/// `{"media_id"}`: the bytes, of a film `{"title","description","down_url"}`.
pub(crate) fn get(ask: Ask) -> Result<Intent, Refusal> {
    let media_id = ask.media_id()?;
    Ok(Intent::plain(move |world: &mut World, call| {
        let base = call.shared.links.base.clone();
        let stored = account_of(world, &ask.appid)?.library.kept(&media_id).ok_or_else(|| error(40007))?;
        Ok(shown(stored, &base))
    }))
}

/// `?media_id=`: temporary media.
pub(crate) fn download(ask: Ask) -> Result<Intent, Refusal> {
    let media_id = ask.fields.get("media_id").map(str::to_owned).ok_or_else(|| error(40007))?;
    Ok(Intent::plain(move |world: &mut World, call| {
        let (now, base) = (world.wechat.now(), call.shared.links.base.clone());
        let stored =
            account_of(world, &ask.appid)?.library.any(&media_id, now).ok_or_else(|| error(40007))?;
        if stored.kind == Kind::Video {
            return Ok(Reply::json(200, &json!({ "video_url": film_url(stored, &base) })));
        }
        Ok(shown(stored, &base))
    }))
}

/// `{"type","offset","count":1..20}`: `{"total_count","item_count","item"}`, newest first.
pub(crate) fn list(ask: Ask) -> Result<Intent, Refusal> {
    let window = Window::read(&ask)?;
    let kind = match ask.text("type") {
        // Drafts and publications have taken the place of articles among the materials.
        Some("news") => None,
        Some(name) => Some(Kind::read(name).ok_or_else(|| error(40004))?),
        None => return Err(error(40004)),
    };
    Ok(Intent::plain(move |world: &mut World, _call| {
        let library = &account_of(world, &ask.appid)?.library;
        let all: Vec<&Stored> = kind.map_or_else(Vec::new, |kind| library.permanent(kind).rev().collect());
        let items: Vec<Value> = window.of(&all).map(|stored| item(stored)).collect();
        let answer = json!({ "total_count": all.len(), "item_count": items.len(), "item": items });
        Ok(Reply::json(200, &answer))
    }))
}

pub(crate) fn count(ask: Ask) -> Result<Intent, Refusal> {
    Ok(Intent::plain(move |world: &mut World, _call| {
        let library = &account_of(world, &ask.appid)?.library;
        let count = |kind| library.permanent(kind).count();
        Ok(Reply::json(
            200,
            &json!({
                "voice_count": count(Kind::Voice),
                "video_count": count(Kind::Video),
                "image_count": count(Kind::Image),
                "news_count": 0,
            }),
        ))
    }))
}

/// `{"media_id"}`
pub(crate) fn delete(ask: Ask) -> Result<Intent, Refusal> {
    let media_id = ask.media_id()?;
    Ok(Intent::plain(move |world: &mut World, _call| {
        if account_of(world, &ask.appid)?.library.forget(&media_id) {
            Ok(super::ok())
        } else {
            Err(error(40007))
        }
    }))
}

fn shown(stored: &Stored, base: &str) -> Reply {
    if stored.kind == Kind::Video {
        let down_url = film_url(stored, base);
        let (title, description) = (&stored.name, &stored.introduction);
        return Reply::json(
            200,
            &json!({ "title": title, "description": description, "down_url": down_url }),
        );
    }
    let extension = format_of(&stored.bytes).unwrap_or("bin");
    Reply::bytes(content_type_of(&stored.bytes), stored.bytes.clone())
        .named(format!("{}.{extension}", stored.media_id))
}

fn film_url(stored: &Stored, base: &str) -> String {
    format!("{base}/wechat/films/{}", stored.media_id)
}

fn item(stored: &Stored) -> Value {
    let mut item = json!({ "media_id": stored.media_id, "name": stored.name, "update_time": stored.at });
    if let (Some(url), Some(fields)) = (&stored.url, item.as_object_mut()) {
        fields.insert("url".into(), json!(url));
    }
    item
}

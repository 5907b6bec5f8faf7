//! What mass sends took before there was a draft box, and still take: articles and films that are made for one send.

use serde_json::{Value, json};

use super::account_of;
use super::article::Article;
use super::body::Ask;
use super::dialect::error;
use super::media::{Kind, TEMPORARY_MS};
use super::state::Draft;
use crate::answer::Reply;
use crate::exchange::{Intent, Refusal};
use crate::world::World;

/// `media/uploadnews` `{"articles":[…]}`: `{"type":"news","media_id","created_at"}`. Pictures may be temporary ones.
pub(crate) fn upload(ask: Ask) -> Result<Intent, Refusal> {
    Ok(Intent::plain(move |world: &mut World, _call| {
        let (media_id, now) = (world.wechat.ids.text(64), world.wechat.now());
        let account = account_of(world, &ask.appid)?;
        let articles = super::article::read_all(&ask.json, &account.settings)?;
        let is_missing = |id: &&str| account.library.any(id, now).is_none();
        if articles.iter().flat_map(Article::media).any(|id| is_missing(&id)) {
            return Err(error(40007));
        }
        let at = now / 1_000;
        account.news.push(Draft { media_id: media_id.clone(), articles, created: at, updated: at });
        Ok(told("news", &media_id, at))
    }))
}

/// `media/uploadvideo` `{"media_id","title","description"}` of a film: `{"type":"video","media_id","created_at"}`.
pub(crate) fn film(ask: Ask) -> Result<Intent, Refusal> {
    let media_id = ask.media_id()?;
    Ok(Intent::plain(move |world: &mut World, _call| {
        let (fresh, now) = (world.wechat.ids.text(64), world.wechat.now());
        let library = &mut account_of(world, &ask.appid)?.library;
        let known = library.any(&media_id, now).filter(|one| one.kind == Kind::Video);
        let mut film = known.cloned().ok_or_else(|| error(40007))?;
        film.media_id.clone_from(&fresh);
        film.name = ask.text("title").unwrap_or_default().to_owned();
        film.introduction = ask.text("description").unwrap_or_default().to_owned();
        (film.at, film.until) = (now / 1_000, Some(now.saturating_add(TEMPORARY_MS)));
        library.add(film)?;
        Ok(told("video", &fresh, now / 1_000))
    }))
}

fn told(kind: &str, media_id: &str, at: i64) -> Reply {
    let answer: Value = json!({ "type": kind, "media_id": media_id, "created_at": at });
    Reply::json(200, &answer)
}

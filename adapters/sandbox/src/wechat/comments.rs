//! Comments under articles: opening and closing, the list, electing, answering. No event tells of a new one.

use serde_json::{Value, json};

use super::body::Ask;
use super::dialect::error;
use super::state::{Comment, PublishedArticle};
use super::{PLATFORM, account_of, ok};
use crate::answer::Reply;
use crate::effect::{EffectKind, NewEffect, said_hash};
use crate::exchange::{Call, Intent, Refusal};
use crate::world::{World, now_unix_ms};

/// Comments of one page at most: 50 is refused.
const MOST_LISTED: i64 = 49;
const MOST_ELECTED: usize = 100;
/// Characters; the platform does not say, so long as no owner has met it.
const LONGEST_REPLY: usize = 600;

/// `{"msg_data_id","index"}`, the index from 0.
pub(crate) fn open(ask: Ask) -> Result<Intent, Refusal> {
    switched(ask, true)
}

pub(crate) fn close(ask: Ask) -> Result<Intent, Refusal> {
    switched(ask, false)
}

fn switched(ask: Ask, takes_comments: bool) -> Result<Intent, Refusal> {
    Ok(Intent::plain(move |world: &mut World, _call| {
        article(world, &ask)?.takes_comments = takes_comments;
        Ok(ok())
    }))
}

/// `{"msg_data_id","index","begin","count":1..49,"type"}`, type 0: all, 1: ordinary ones, 2: elected ones.
pub(crate) fn list(ask: Ask) -> Result<Intent, Refusal> {
    let count = ask.number("count").unwrap_or(0);
    let begin = usize::try_from(ask.number("begin").unwrap_or(0)).map_err(|_| error(88010))?;
    if !(1..=MOST_LISTED).contains(&count) {
        return Err(error(88010));
    }
    let count = usize::try_from(count).unwrap_or_default();
    let kind = ask.number("type").unwrap_or(0);
    Ok(Intent::plain(move |world: &mut World, _call| {
        let is_odd = account_of(world, &ask.appid)?.settings.odd_shapes;
        let comments = &article(world, &ask)?.comments;
        let is_wanted = |one: &&Comment| kind == 0 || (kind == 2) == one.is_elected;
        let wanted: Vec<&Comment> = comments.iter().filter(is_wanted).collect();
        let page: Vec<Value> = wanted.iter().skip(begin).take(count).map(|one| one.shown(is_odd)).collect();
        let answer = json!({ "errcode": 0, "errmsg": "ok", "total": wanted.len(), "comment": page });
        Ok(Reply::json(200, &answer))
    }))
}

/// `{"msg_data_id","index","user_comment_id"}`, as the next four.
pub(crate) fn elect(ask: Ask) -> Result<Intent, Refusal> {
    Ok(Intent::plain(move |world: &mut World, _call| {
        let article = article(world, &ask)?;
        if article.comments.iter().filter(|one| one.is_elected).count() >= MOST_ELECTED {
            return Err(error(88003));
        }
        comment(article, &ask)?.is_elected = true;
        Ok(ok())
    }))
}

pub(crate) fn unelect(ask: Ask) -> Result<Intent, Refusal> {
    Ok(Intent::plain(move |world: &mut World, _call| {
        comment(article(world, &ask)?, &ask)?.is_elected = false;
        Ok(ok())
    }))
}

pub(crate) fn delete(ask: Ask) -> Result<Intent, Refusal> {
    Ok(Intent::plain(move |world: &mut World, _call| {
        let article = article(world, &ask)?;
        let id = comment(article, &ask)?.id;
        article.comments.retain(|one| one.id != id);
        Ok(ok())
    }))
}

/// With `content` besides: one answer to a comment, not more.
pub(crate) fn reply(ask: Ask) -> Result<Intent, Refusal> {
    let content = ask.text("content").unwrap_or_default().to_owned();
    if content.trim().is_empty() || content.chars().count() > LONGEST_REPLY {
        return Err(error(88007));
    }
    let words = vec![content.as_str().into()];
    let intent = Intent::plain(move |world: &mut World, call| {
        let now = world.wechat.now() / 1_000;
        let article = article(world, &ask)?;
        let origin = article.effect;
        let comment = comment(article, &ask)?;
        if comment.reply.is_some() {
            return Err(error(88005));
        }
        comment.reply = Some((content.clone(), now));
        let id = comment.id;
        record(world, call, origin, id, &content)?;
        Ok(ok())
    });
    Ok(Intent { words, ..intent })
}

pub(crate) fn unreply(ask: Ask) -> Result<Intent, Refusal> {
    Ok(Intent::plain(move |world: &mut World, _call| {
        let comment = comment(article(world, &ask)?, &ask)?;
        comment.reply.take().map(|_| ok()).ok_or_else(|| error(88009))
    }))
}

/// 88000 without the comment function, 88001 unless there is such an article.
fn article<'a>(world: &'a mut World, ask: &Ask) -> Result<&'a mut PublishedArticle, Refusal> {
    let account = account_of(world, &ask.appid)?;
    if !account.settings.comments {
        return Err(error(88000));
    }
    let data_id = ask.number("msg_data_id").and_then(|id| u64::try_from(id).ok());
    let index = usize::try_from(ask.number("index").unwrap_or(0)).ok();
    let publication = data_id.and_then(|id| account.publication_mut(id));
    let article = publication.and_then(|one| one.articles.get_mut(index?));
    article.filter(|one| !one.is_deleted).ok_or_else(|| error(88001))
}

fn comment<'a>(article: &'a mut PublishedArticle, ask: &Ask) -> Result<&'a mut Comment, Refusal> {
    let id = ask.number("user_comment_id").and_then(|id| u64::try_from(id).ok());
    article.comments.iter_mut().find(|one| Some(one.id) == id).ok_or_else(|| error(88008))
}

/// An answer is a comment of the account, to the one it answers.
fn record(world: &mut World, call: &Call, origin: u64, to: u64, text: &str) -> Result<(), Refusal> {
    let mut effect = NewEffect::of(PLATFORM, EffectKind::Comment, call.request.clone());
    effect.account = call.account;
    effect.hash = said_hash("", text);
    effect.text = text.into();
    effect.origin = Some(origin);
    effect.to = Some(to.to_string());
    world.ledger.record(effect, now_unix_ms())?;
    Ok(())
}

impl Comment {
    fn shown(&self, is_odd: bool) -> Value {
        let mut shown = json!({
            "user_comment_id": self.id,
            "create_time": self.at,
            "content": self.content,
            "comment_type": i32::from(self.is_elected),
        });
        if let Some(fields) = shown.as_object_mut() {
            if let Some(openid) = &self.openid {
                fields.insert("openid".into(), json!(openid));
            }
            if let Some((content, at)) = &self.reply {
                let reply = json!({ "content": content, "create_time": at });
                fields.insert("reply".into(), if is_odd { json!([reply]) } else { reply });
            }
        }
        shown
    }
}

//! The draft box.

use serde_json::{Value, json};

use super::article::{self, Article};
use super::body::{Ask, Window, text};
use super::dialect::error;
use super::state::{Account, Draft};
use super::{account_of, lists, ok};
use crate::answer::Reply;
use crate::exchange::{Intent, Refusal};
use crate::world::World;

/// `{"articles":[…]}`: `{"media_id"}`.
pub(crate) fn add(ask: Ask) -> Result<Intent, Refusal> {
    let articles = ask.json.get("articles").and_then(Value::as_array).into_iter().flatten();
    let said = articles.flat_map(|one| [text(one, "title"), text(one, "content")]);
    let words = said.flatten().map(Into::into).collect();
    let intent = Intent::plain(move |world: &mut World, _call| {
        let (media_id, now) = (world.wechat.ids.text(64), world.wechat.now() / 1_000);
        let account = account_of(world, &ask.appid)?;
        let articles = article::read_all(&ask.json, &account.settings)?;
        articles.iter().try_for_each(|one| check_media(account, one))?;
        account.drafts.push(Draft { media_id: media_id.clone(), articles, created: now, updated: now });
        Ok(Reply::json(200, &json!({ "media_id": media_id })))
    });
    Ok(Intent { words, ..intent })
}

/// `{"media_id"}`: `{"news_item":[…],"create_time","update_time"}`.
pub(crate) fn get(ask: Ask) -> Result<Intent, Refusal> {
    let media_id = ask.media_id()?;
    Ok(Intent::plain(move |world: &mut World, _call| {
        let draft = account_of(world, &ask.appid)?.draft(&media_id).ok_or_else(|| error(40007))?;
        let mut shown = draft.shown(true);
        if let Some(fields) = shown.as_object_mut() {
            fields.insert("create_time".into(), json!(draft.created));
            fields.insert("update_time".into(), json!(draft.updated));
        }
        Ok(Reply::json(200, &shown))
    }))
}

/// `{"media_id","index","articles":{…}}`: one article takes the place of another.
pub(crate) fn update(ask: Ask) -> Result<Intent, Refusal> {
    let media_id = ask.media_id()?;
    Ok(Intent::plain(move |world: &mut World, _call| {
        let now = world.wechat.now() / 1_000;
        let account = account_of(world, &ask.appid)?;
        let length = account.draft(&media_id).ok_or_else(|| error(40007))?.articles.len();
        let index = article::index_within(&ask.json, length)?;
        let json = ask.json.get("articles").ok_or_else(|| error(44003))?;
        let article = Article::read(json, &account.settings, length == 1)?;
        check_media(account, &article)?;
        let draft = account.drafts.iter_mut().find(|draft| draft.media_id == media_id);
        if let Some(draft) = draft
            && let Some(place) = draft.articles.get_mut(index)
        {
            *place = article;
            draft.updated = now;
        }
        Ok(ok())
    }))
}

/// `{"media_id"}`
pub(crate) fn delete(ask: Ask) -> Result<Intent, Refusal> {
    let media_id = ask.media_id()?;
    Ok(Intent::plain(move |world: &mut World, _call| {
        let account = account_of(world, &ask.appid)?;
        account.draft(&media_id).ok_or_else(|| error(40007))?;
        account.drafts.retain(|draft| draft.media_id != media_id);
        Ok(ok())
    }))
}

pub(crate) fn count(ask: Ask) -> Result<Intent, Refusal> {
    Ok(Intent::plain(move |world: &mut World, _call| {
        let total = account_of(world, &ask.appid)?.drafts.len();
        Ok(Reply::json(200, &json!({ "total_count": total })))
    }))
}

/// `{"offset","count":1..20,"no_content"}`: those that changed last first.
pub(crate) fn list(ask: Ask) -> Result<Intent, Refusal> {
    let window = Window::read(&ask)?;
    Ok(Intent::plain(move |world: &mut World, _call| {
        let mut drafts: Vec<&Draft> = account_of(world, &ask.appid)?.drafts.iter().rev().collect();
        drafts.sort_by_key(|draft| std::cmp::Reverse(draft.updated));
        let item = |draft: &&Draft| {
            let content = draft.shown(window.with_content);
            json!({ "media_id": draft.media_id, "content": content, "update_time": draft.updated })
        };
        Ok(lists::page(&window, &drafts, item))
    }))
}

/// `?checkonly=1`: the box has been open for everybody since it replaced the older one.
pub(crate) fn switch(_ask: Ask) -> Result<Intent, Refusal> {
    Ok(Intent::plain(|_world: &mut World, _call| {
        Ok(Reply::json(200, &json!({ "errcode": 0, "errmsg": "ok", "is_open": 1 })))
    }))
}

impl Draft {
    fn shown(&self, with_content: bool) -> Value {
        let url = format!("http://mp.weixin.qq.com/s?tempkey={}", self.media_id);
        let items: Vec<Value> = self.articles.iter().map(|one| one.shown(&url, with_content)).collect();
        json!({ "news_item": items })
    }
}

/// 40007 unless all that an article needs is among the permanent media.
fn check_media(account: &Account, article: &Article) -> Result<(), Refusal> {
    let kept = |id: &&str| account.library.kept(id).is_none();
    if article.media().iter().any(kept) { Err(error(40007)) } else { Ok(()) }
}

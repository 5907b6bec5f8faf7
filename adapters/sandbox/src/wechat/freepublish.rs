//! Publishing (发布): a draft becomes permanent public articles, without being pushed to anybody.

use serde_json::{Value, json};

use super::body::{Ask, Window};
use super::dialect::error;
use super::state::{Account, Publication, Stage, Verb};
use super::{account_of, job, lists, ok};
use crate::answer::Reply;
use crate::effect::{EffectKind, EffectState, NewEffect};
use crate::exchange::{Call, Intent, IntentKind, Refusal};
use crate::faults::AsyncOutcome;
use crate::ledger::Ledger;
use crate::world::{World, now_unix_ms};

/// `publish_status`.
const DONE: u8 = 0;
const AT_WORK: u8 = 1;
const REVIEW_REJECTED: u8 = 4;
const DELETED_BY_USER: u8 = 5;
const BANNED: u8 = 6;

/// `{"media_id"}` of a draft: `{"errcode":0,"errmsg":"ok","publish_id","msg_data_id"}`. The draft stays until it is public.
pub(crate) fn submit(ask: Ask) -> Result<Intent, Refusal> {
    let media_id = ask.media_id()?;
    let act = move |world: &mut World, call: &Call| {
        let account = account_of(world, &ask.appid)?;
        account.draft(&media_id).ok_or_else(|| error(40007))?;
        let (mut after_ms, mut status) = (account.settings.publish_after_ms, account.settings.publish_status);
        let is_odd = account.settings.odd_shapes;
        refuse_too_frequent(world, call)?;
        let data_id = job::open(world, call, &ask.appid, &media_id, Verb::Freepublish, None)?;
        let mut polls = None;
        if let Some(later) = &call.twist.then {
            if later.outcome == AsyncOutcome::Refused {
                let scripted = later.refusal.code.as_deref().and_then(|code| code.parse().ok());
                status = scripted.filter(|status| matches!(status, 2..=4)).unwrap_or(REVIEW_REJECTED);
            }
            polls = (later.after_ms == 0).then_some(later.polls);
            after_ms = later.after_ms;
        }
        if let Some(publication) = account_of(world, &ask.appid)?.publication_mut(data_id) {
            publication.ends_with = status;
            publication.polls = polls;
        }
        if polls.is_none() {
            let appid = ask.appid.clone();
            job::later(&call.shared, world, after_ms, move |world, shared| {
                job::finish(world, shared, &appid, data_id);
            });
        }
        let publish_id = id_as(data_id, is_odd);
        Ok(Reply::json(
            200,
            &json!({ "errcode": 0, "errmsg": "ok", "publish_id": publish_id, "msg_data_id": data_id }),
        ))
    };
    Ok(Intent { words: Vec::new(), kind: IntentKind::Publication, act: Box::new(act) })
}

/// `{"publish_id"}`: 53502 if there is none.
pub(crate) fn get(ask: Ask) -> Result<Intent, Refusal> {
    let publish_id = ask.number("publish_id").and_then(|id| u64::try_from(id).ok());
    let publish_id = publish_id.ok_or_else(|| error(53502))?;
    Ok(Intent::plain(move |world: &mut World, call| {
        poll(world, call, &ask.appid, publish_id)?;
        let account = world.wechat.account(&ask.appid).ok_or_else(|| error(40013))?;
        let publication = account.publication(publish_id).filter(|one| one.by == Verb::Freepublish);
        let publication = publication.ok_or_else(|| error(53502))?;
        Ok(Reply::json(200, &told(publication, &world.ledger, account.settings.odd_shapes)))
    }))
}

/// `{"offset","count":1..20,"no_content"}`: what was published and is to be seen, newest first.
pub(crate) fn list(ask: Ask) -> Result<Intent, Refusal> {
    let window = Window::read(&ask)?;
    Ok(Intent::list(move |world: &mut World, call| {
        let account = world.wechat.account(&ask.appid).ok_or_else(|| error(40013))?;
        let is_listed = |one: &&Publication| one.by == Verb::Freepublish && one.is_seen(&world.ledger);
        let listed: Vec<&Publication> = account.publications.iter().rev().filter(is_listed).collect();
        let listed = lists::bent(listed, &call.twist);
        let item = |one: &&Publication| {
            let content = news(one, account, &world.ledger, window.with_content);
            let at = one.updated.saturating_add(call.twist.skew_ms / 1_000);
            json!({ "article_id": one.article_id, "content": content, "update_time": at })
        };
        Ok(lists::page(&window, &listed, item))
    }))
}

/// `{"article_id"}`: 53600 if there is none.
pub(crate) fn article(ask: Ask) -> Result<Intent, Refusal> {
    let article_id = ask.text("article_id").map(str::to_owned).ok_or_else(|| error(53600))?;
    Ok(Intent::plain(move |world: &mut World, _call| {
        let account = world.wechat.account(&ask.appid).ok_or_else(|| error(40013))?;
        let found = account.publications.iter().find(|one| one.article_id == article_id);
        let found = found.filter(|one| one.stage == Stage::Public).ok_or_else(|| error(53600))?;
        Ok(Reply::json(200, &news(found, account, &world.ledger, true)))
    }))
}

/// `{"article_id","index"?}`: the article of this number from 1, or all.
pub(crate) fn delete(ask: Ask) -> Result<Intent, Refusal> {
    let article_id = ask.text("article_id").map(str::to_owned).ok_or_else(|| error(53600))?;
    let index = ask.number("index").unwrap_or(0);
    Ok(Intent::plain(move |world: &mut World, call| {
        let account = account_of(world, &ask.appid)?;
        let found = account.publications.iter_mut().find(|one| one.article_id == article_id);
        let found = found.filter(|one| one.stage == Stage::Public).ok_or_else(|| error(53600))?;
        let effects = found.delete(index).ok_or_else(|| error(53600))?;
        retract(world, call, &effects)?;
        Ok(ok())
    }))
}

/// Takes articles back, for both verbs.
pub(crate) fn retract(world: &mut World, call: &Call, effects: &[u64]) -> Result<(), Refusal> {
    for number in effects {
        let Some(hash) = world.ledger.get(*number).map(|entry| entry.said.hash) else { continue };
        let mut effect = NewEffect::of(super::PLATFORM, EffectKind::Retract, call.request.clone());
        effect.hash = hash;
        effect.account = call.account;
        effect.origin = Some(*number);
        world.ledger.record(effect, now_unix_ms())?;
        if let Some(entry) = world.ledger.get_mut(*number) {
            entry.state = EffectState::Retracted;
        }
    }
    Ok(())
}

impl Publication {
    /// Deletes one article (from 1) or all (0); the answer is their numbers in the ledger, `None` if there is nothing to delete.
    pub(crate) fn delete(&mut self, index: i64) -> Option<Vec<u64>> {
        let wanted = usize::try_from(index).ok()?;
        let mut deleted = Vec::new();
        for (place, article) in self.articles.iter_mut().enumerate() {
            if !article.is_deleted && (wanted == 0 || wanted == place + 1) {
                article.is_deleted = true;
                deleted.push(article.effect);
            }
        }
        (!deleted.is_empty()).then_some(deleted)
    }

    fn is_seen(&self, ledger: &Ledger) -> bool {
        let now = now_unix_ms();
        self.stage == Stage::Public
            && self.articles.iter().any(|one| {
                !one.is_deleted && ledger.get(one.effect).is_some_and(|entry| entry.is_visible(now))
            })
    }

    fn is_banned(&self, ledger: &Ledger) -> bool {
        let now = now_unix_ms();
        let is_gone =
            |number| ledger.get(number).is_some_and(|one| one.state_at(now) == EffectState::Removed);
        self.articles.iter().all(|one| is_gone(one.effect))
    }

    fn status(&self, ledger: &Ledger) -> u8 {
        match self.stage {
            Stage::AtWork => AT_WORK,
            Stage::Failed(status) => status,
            Stage::Public if self.articles.iter().all(|one| one.is_deleted) => DELETED_BY_USER,
            Stage::Public if self.is_banned(ledger) => BANNED,
            Stage::Public => DONE,
        }
    }
}

/// Where the script counts polls, the last of them ends the job.
fn poll(world: &mut World, call: &Call, appid: &str, publish_id: u64) -> Result<(), Refusal> {
    let Some(publication) = account_of(world, appid)?.publication_mut(publish_id) else { return Ok(()) };
    match publication.polls.filter(|_| publication.stage == Stage::AtWork) {
        None => {}
        Some(0) => job::finish(world, &call.shared, appid, publish_id),
        Some(left) => publication.polls = Some(left - 1),
    }
    Ok(())
}

fn refuse_too_frequent(world: &mut World, call: &Call) -> Result<(), Refusal> {
    let Some((rule, most, window_ms)) = call.twist.quota else { return Ok(()) };
    if super::posts_within(world, call, window_ms) < most {
        return Ok(());
    }
    world.script.fired(rule);
    Err(error(53501))
}

fn told(publication: &Publication, ledger: &Ledger, is_odd: bool) -> Value {
    let status = publication.status(ledger);
    let numbers = 1..=publication.articles.len();
    let mut told = json!({
        "publish_id": id_as(publication.data_id, is_odd),
        "publish_status": status,
        "fail_idx": if matches!(status, 2..=4) { numbers.clone().collect::<Vec<_>>() } else { Vec::new() },
    });
    if status == DONE
        && let Some(fields) = told.as_object_mut()
    {
        let items = numbers.zip(&publication.articles);
        let items: Vec<Value> =
            items.map(|(idx, one)| json!({ "idx": idx, "article_url": one.url })).collect();
        fields.insert("article_id".into(), json!(publication.article_id));
        fields.insert("article_detail".into(), json!({ "count": items.len(), "item": items }));
    }
    told
}

/// `publish_id` is a string by the manual and has been seen as a number.
fn id_as(data_id: u64, is_odd: bool) -> Value {
    if is_odd { json!(data_id) } else { json!(data_id.to_string()) }
}

fn news(publication: &Publication, account: &Account, ledger: &Ledger, with_content: bool) -> Value {
    let now = now_unix_ms();
    let items = publication.articles.iter().map(|one| {
        let is_gone = ledger.get(one.effect).is_some_and(|entry| entry.state_at(now) == EffectState::Removed);
        let mut item = one.article.shown(&one.url, with_content);
        if let Some(fields) = item.as_object_mut() {
            let cover = one.article.media().first().and_then(|id| account.library.kept(id));
            let cover = cover.and_then(|stored| stored.url.as_deref()).unwrap_or_default();
            fields.insert("thumb_url".into(), json!(cover));
            fields.insert("is_deleted".into(), json!(one.is_deleted || is_gone));
        }
        item
    });
    json!({ "news_item": items.collect::<Vec<_>>() })
}

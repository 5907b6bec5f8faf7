//! Articles on their way to the public: both verbs accept at once, and end later, with an event.
//!
//! In the ledger each article is one post of the account (its appid): the title as the platform keeps it, as text the words
//! that a reader sees (`markup::words`), as link the `content_source_url`. It is pending from the acceptance on, because the
//! platform goes on unasked.

use std::sync::Arc;
use std::time::Duration;

use super::article::Article;
use super::dialect::error;
use super::push;
use super::push::xml;
use super::state::{Publication, PublishedArticle, SendStage, Stage, Verb};
use super::{PLATFORM, account_of};
use crate::effect::{EffectKind, EffectState, NewEffect, said_hash};
use crate::exchange::{Call, Refusal};
use crate::world::{Shared, World, now_unix_ms};

/// The `Status` of a mass send that went well.
pub(crate) const SEND_SUCCESS: &str = "send success";

/// Writes the articles of a draft into the ledger and opens their publication.
pub(crate) fn open(
    world: &mut World,
    call: &Call,
    appid: &str,
    media_id: &str,
    by: Verb,
    key: Option<&str>,
) -> Result<u64, Refusal> {
    let data_id = world.wechat.ids.data_id();
    let draft = account_of(world, appid)?.sendable(media_id).ok_or_else(|| error(40007))?;
    let drafted = draft.articles.clone();
    let mut articles = Vec::with_capacity(drafted.len());
    for (index, article) in drafted.into_iter().enumerate() {
        let effect = record(world, call, Words::of(&article), key)?;
        let url = address(world, call, appid, data_id, index + 1);
        articles.push(PublishedArticle {
            effect,
            url,
            is_deleted: false,
            takes_comments: article.takes_comments,
            comments: Vec::new(),
            article,
        });
    }
    let (article_id, updated) = (world.wechat.ids.text(43), world.wechat.now() / 1_000);
    account_of(world, appid)?.publications.push(Publication {
        data_id,
        article_id,
        media_id: media_id.to_owned(),
        by,
        articles,
        stage: Stage::AtWork,
        polls: None,
        ends_with: 0,
        updated,
    });
    Ok(data_id)
}

/// What one effect says.
#[derive(Clone, Copy)]
pub(crate) struct Words<'a> {
    pub(crate) title: &'a str,
    pub(crate) text: &'a str,
    pub(crate) link: &'a str,
}

impl<'a> Words<'a> {
    fn of(article: &'a Article) -> Self {
        Self { title: &article.title, text: &article.words, link: &article.source_url }
    }
}

/// Writes a pending post down.
pub(crate) fn record(
    world: &mut World,
    call: &Call,
    words: Words<'_>,
    key: Option<&str>,
) -> Result<u64, Refusal> {
    let Words { title, text, link } = words;
    let mut request = call.request.clone();
    request.idempotency_key = key.map(str::to_owned);
    let mut effect = NewEffect::of(PLATFORM, EffectKind::Post, request);
    effect.account = call.account;
    effect.state = EffectState::Pending;
    effect.hash = said_hash(title, text);
    effect.title = Some(title).filter(|title| !title.is_empty()).map(Into::into);
    effect.text = text.into();
    effect.link = Some(link).filter(|link| !link.is_empty()).map(str::to_owned);
    effect.visible_late_ms = i64::try_from(call.twist.visible_late_ms).unwrap_or(i64::MAX);
    let recorded = world.ledger.record(effect, now_unix_ms())?;
    if let (Some(ms), Some(entry)) = (call.twist.remove_after_ms, world.ledger.get_mut(recorded.number)) {
        entry.removed_from = recorded.at.saturating_add(i64::try_from(ms).unwrap_or(i64::MAX));
    }
    Ok(recorded.number)
}

/// Does something later, unless the sandbox stops or is reset before.
pub(crate) fn later(
    shared: &Arc<Shared>,
    world: &World,
    ms: u64,
    work: impl FnOnce(&mut World, &Arc<Shared>) + Send + 'static,
) {
    let (shared, generation) = (shared.clone(), world.generation);
    tokio::spawn(async move {
        tokio::select! {
            () = tokio::time::sleep(Duration::from_millis(ms)) => {}
            () = shared.stop.cancelled() => return,
        }
        shared.with(|world| {
            if world.generation == generation {
                work(world, &shared);
            }
        });
    });
}

/// Ends a publication that is at work: public or not, and the account is told.
pub(crate) fn finish(world: &mut World, shared: &Arc<Shared>, appid: &str, data_id: u64) {
    let now = world.wechat.now();
    let Some(account) = world.wechat.account_mut(appid) else { return };
    let Some(publication) = account.publication_mut(data_id) else { return };
    if publication.stage != Stage::AtWork {
        return;
    }
    publication.updated = now / 1_000;
    publication.stage = match publication.ends_with {
        0 => Stage::Public,
        status => Stage::Failed(status),
    };
    let is_public = publication.stage == Stage::Public;
    let effects: Vec<u64> = publication.articles.iter().map(|one| one.effect).collect();
    let (media_id, by) = (publication.media_id.clone(), publication.by);
    let event = xml::publish_event(publication);
    if is_public {
        account.drafts.retain(|draft| draft.media_id != media_id);
        account.news.retain(|news| news.media_id != media_id);
    }
    settle(world, &effects, is_public);
    if by == Verb::Freepublish {
        push::event(world, shared, appid, "PUBLISHJOBFINISH", &event);
    }
}

/// Ends a mass send that is under way, with its articles, and the account is told.
pub(crate) fn finish_send(world: &mut World, shared: &Arc<Shared>, appid: &str, msg_id: u64) {
    let Some(send) = world.wechat.account_mut(appid).and_then(|account| account.send_mut(msg_id)) else {
        return;
    };
    if !matches!(send.stage, SendStage::Sending | SendStage::AwaitsAdmin) {
        return;
    }
    let went_well = send.ends_with == SEND_SUCCESS;
    send.stage = if went_well { SendStage::Sent } else { SendStage::Failed };
    let (data_id, effects) = (send.data_id, send.effects.clone());
    if let Some(data_id) = data_id {
        finish(world, shared, appid, data_id);
    } else {
        settle(world, &effects, went_well);
    }
    let event = world.wechat.account(appid).and_then(|account| {
        let send = account.sends.iter().find(|send| send.msg_id == msg_id)?;
        Some(xml::mass_event(send, data_id.and_then(|data_id| account.publication(data_id))))
    });
    if let Some(event) = event {
        push::event(world, shared, appid, "MASSSENDJOBFINISH", &event);
    }
}

fn settle(world: &mut World, effects: &[u64], is_public: bool) {
    for number in effects {
        let Some(entry) = world.ledger.get_mut(*number) else { continue };
        if is_public {
            entry.state = EffectState::Standing;
            entry.visible_from = now_unix_ms().saturating_add(entry.said.visible_late_ms);
        } else {
            entry.state = EffectState::Refused;
        }
    }
}

/// Where the public reads an article: an address of the sandbox in the form of the platform's own.
fn address(world: &World, call: &Call, appid: &str, data_id: u64, index: usize) -> String {
    let base = &call.shared.links.base;
    let sign: String = world.wechat.ids.text(32).to_lowercase();
    format!("{base}/wechat/s?__biz={appid}&mid={data_id}&idx={index}&sn={sign}")
}

//! What the mock platform does with a request that it understood. Each act runs under the lock, and does not wait.

use std::sync::Arc;

use axum::body::Bytes;
use serde_json::{Value, json};

use super::normalise::normalised;
use super::wire::{NewPost, NewRepost, Window, bad_request};
use super::{PLATFORM, tickets};
use crate::answer::Reply;
use crate::effect::{EffectKind, EffectState, Entry, NewEffect, bytes_hash, id_of, said_hash};
use crate::exchange::{Call, Intent, Refusal};
use crate::world::{Links, World, now_unix_ms};

pub(crate) fn read_account(world: &mut World, call: &Call) -> Result<Reply, Refusal> {
    let account = world.ledger.account_at(account_of(call)?).ok_or_else(lost_account)?;
    Ok(Reply::json(200, &json!({ "uid": &*account.uid, "name": &*account.name })))
}

pub(crate) fn publish(post: NewPost) -> Intent {
    let words = post.title.iter().chain([&post.text]).cloned().collect();
    let act = move |world: &mut World, call: &Call| {
        if let Some(unknown) = post.media.iter().find(|id| !is_media(world, id)) {
            return Err(bad_request(format!("there are no media {unknown:?}; upload them first")));
        }
        let hash = said_hash(post.title.as_deref().unwrap_or_default(), &post.text);
        if let Some(reply) = remembered(world, call)? {
            return Ok(reply);
        }
        refuse_repeated(world, call, hash)?;
        let mut effect = NewEffect::of(PLATFORM, EffectKind::Post, call.request.clone());
        effect.hash = hash;
        effect.shown_text = shown(call, &post.text);
        effect.text = post.text;
        effect.title = post.title;
        effect.link = post.link;
        effect.media = post.media;
        effect.source = post.source;
        create(world, call, effect)
    };
    Intent { words, publishes: true, act: Box::new(act) }
}

pub(crate) fn repost(repost: NewRepost) -> Intent {
    let words = vec![repost.comment.clone()];
    let act = move |world: &mut World, call: &Call| {
        let origin = origin(world, &repost)?;
        if let Some(reply) = remembered(world, call)? {
            return Ok(reply);
        }
        let mut effect = NewEffect::of(PLATFORM, EffectKind::Repost, call.request.clone());
        effect.hash = said_hash("", &repost.comment);
        effect.shown_text = shown(call, &repost.comment);
        effect.text = repost.comment;
        effect.origin = Some(origin);
        create(world, call, effect)
    };
    Intent { words, publishes: true, act: Box::new(act) }
}

pub(crate) fn list(world: &mut World, call: &Call, window: Window) -> Result<Reply, Refusal> {
    let now = now_unix_ms();
    let within = world.ledger.of_account(account_of(call)?, window.since_unix_ms, window.until_unix_ms);
    let posts: Vec<Value> =
        within.filter(|entry| entry.is_visible(now)).map(|entry| listed(&call.shared.links, entry)).collect();
    Ok(Reply::json(200, &json!({ "posts": posts })))
}

pub(crate) fn retract(world: &mut World, call: &Call, id: &str) -> Result<Reply, Refusal> {
    let account = account_of(call)?;
    let standing = world.ledger.named(id).filter(|entry| {
        entry.is_post() && entry.said.account == Some(account) && entry.state == EffectState::Standing
    });
    let Some(entry) = standing else {
        return Err(Refusal::new(404, "not_found", format!("this account has no post {id:?} that stands")));
    };
    let number = entry.number;
    let mut effect = NewEffect::of(PLATFORM, EffectKind::Retract, call.request.clone());
    effect.hash = entry.said.hash;
    effect.account = Some(account);
    effect.origin = Some(number);
    world.ledger.record(effect, now_unix_ms())?;
    if let Some(entry) = world.ledger.get_mut(number) {
        entry.state = EffectState::Retracted;
    }
    Ok(Reply::empty(204))
}

pub(crate) fn upload(world: &mut World, call: &Call, media: &Bytes) -> Result<Reply, Refusal> {
    let mut effect = NewEffect::of(PLATFORM, EffectKind::Media, call.request.clone());
    effect.account = call.account;
    effect.hash = bytes_hash(media);
    // The bytes themselves are nobody's evidence, and would fill the memory.
    effect.bytes = Some(media.len());
    let recorded = world.ledger.record(effect, now_unix_ms())?;
    Ok(Reply::json(201, &json!({ "media_id": id_of(EffectKind::Media, recorded.number) })))
}

/// `{"id","url","created_at_unix_ms"}`
pub(crate) fn receipt(links: &Links, number: u64, at: i64) -> Value {
    let id = id_of(EffectKind::Post, number);
    json!({ "url": links.post(&id), "id": id, "created_at_unix_ms": at })
}

/// Writes the publication down, at once or behind a ticket.
fn create(world: &mut World, call: &Call, mut effect: NewEffect) -> Result<Reply, Refusal> {
    effect.account = Some(account_of(call)?);
    effect.visible_late_ms = i64::try_from(call.twist.visible_late_ms).unwrap_or(i64::MAX);
    if call.twist.then.is_some() {
        effect.state = EffectState::Pending;
    }
    let recorded = world.ledger.record(effect, now_unix_ms())?;
    match &call.twist.then {
        Some((polls, outcome, refusal)) => {
            let ticket = tickets::open(world, recorded.number, *polls, *outcome, refusal.clone());
            Ok(Reply::json(202, &json!({ "ticket": ticket })))
        }
        None => Ok(Reply::json(201, &receipt(&call.shared.links, recorded.number, recorded.at))),
    }
}

/// The answer to an earlier request with the same key, while the script has a window open.
fn remembered(world: &mut World, call: &Call) -> Result<Option<Reply>, Refusal> {
    let (Some((rule, window_ms)), Some(key)) = (call.twist.idempotency, &call.request.idempotency_key) else {
        return Ok(None);
    };
    let earlier = world.ledger.with_key(account_of(call)?, key);
    let Some(earlier) = earlier.filter(|entry| now_unix_ms().abs_diff(entry.at) <= window_ms) else {
        return Ok(None);
    };
    let reply = match earlier.state {
        EffectState::Pending | EffectState::Refused => {
            Reply::json(202, &json!({ "ticket": tickets::ticket_of(earlier.number) }))
        }
        _ => Reply::json(201, &receipt(&call.shared.links, earlier.number, earlier.at)),
    };
    world.script.fired(rule);
    Ok(Some(reply))
}

fn refuse_repeated(world: &mut World, call: &Call, hash: [u8; 32]) -> Result<(), Refusal> {
    let Some(rule) = call.twist.repeat_content else { return Ok(()) };
    let Some(first) = world.ledger.first_with(account_of(call)?, hash).map(Entry::id) else { return Ok(()) };
    world.script.fired(rule);
    let message = "this account has published the same content before";
    Err(Refusal { id: Some(first), ..Refusal::new(409, "repeat_content", message) })
}

fn origin(world: &World, repost: &NewRepost) -> Result<u64, Refusal> {
    let NewRepost { origin_id, origin_uid, .. } = repost;
    let entry =
        world.ledger.named(origin_id).filter(|entry| entry.is_post() && entry.said.platform == PLATFORM);
    match entry {
        None => Err(bad_request(format!("there is no post {origin_id:?} to forward"))),
        Some(entry) if entry.state != EffectState::Standing => {
            Err(bad_request(format!("post {origin_id} is not public, so it cannot be forwarded")))
        }
        Some(entry) if *entry.account_uid != **origin_uid => {
            Err(bad_request(format!("post {origin_id} is not of account {origin_uid:?}")))
        }
        Some(entry) => Ok(entry.number),
    }
}

fn listed(links: &Links, entry: &Entry) -> Value {
    let id = entry.id();
    json!({
        "url": links.post(&id),
        "id": id,
        "text": entry.shown_text(),
        "title": entry.said.title.as_deref(),
        "origin_id": entry.said.origin.map(|number| id_of(EffectKind::Post, number)),
        "created_at_unix_ms": entry.at,
    })
}

fn is_media(world: &World, id: &str) -> bool {
    world.ledger.named(id).is_some_and(|entry| entry.kind() == EffectKind::Media)
}

fn shown(call: &Call, text: &str) -> Option<Arc<str>> {
    call.twist.normalise.then(|| normalised(text).into())
}

fn account_of(call: &Call) -> Result<usize, Refusal> {
    call.account.ok_or_else(lost_account)
}

fn lost_account() -> Refusal {
    Refusal::new(500, "internal_error", "the sandbox lost track of the account; this is its fault")
}

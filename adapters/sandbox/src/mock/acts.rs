//! What the mock platform does with a request that it understood. Each act runs under the lock, and does not wait.

use std::sync::Arc;

use axum::body::Bytes;
use serde_json::{Value, json};

use super::normalise::normalised;
use super::wire::{NewPost, NewRepost, bad_request};
use super::{PLATFORM, tickets};
use crate::answer::Reply;
use crate::effect::{EffectKind, EffectState, Entry, NewEffect, RequestMark, bytes_hash, id_of, said_hash};
use crate::exchange::{Call, Intent, IntentKind, Refusal};
use crate::faults::KeyAnswer;
use crate::ledger::Full;
use crate::world::{World, now_unix_ms};

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
    Intent { words, kind: IntentKind::Publication, act: Box::new(act) }
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
    Intent { words, kind: IntentKind::Publication, act: Box::new(act) }
}

/// A new token for the secret that came as bearer; the one before ends after its grace.
pub(crate) fn issue_token(world: &mut World, call: &Call, uid: &str) -> Result<Reply, Refusal> {
    let issued = world.tokens.issue(uid, &call.bearer, now_unix_ms())?;
    let mut answer =
        json!({ "access_token": issued.token, "expires_in": (issued.lifetime_ms / 1_000).max(1) });
    if let (Some(secret), Some(fields)) = (issued.buys_next, answer.as_object_mut()) {
        fields.insert("refresh_token".into(), secret.into());
    }
    Ok(Reply::json(200, &answer))
}

pub(crate) fn retract(world: &mut World, call: &Call, id: &str) -> Result<Reply, Refusal> {
    let account = account_of(call)?;
    let now = now_unix_ms();
    let standing = world.ledger.named(id).filter(|entry| {
        entry.is_post() && entry.said.account == Some(account) && entry.state_at(now) == EffectState::Standing
    });
    let Some(entry) = standing else {
        return Err(Refusal::new(404, "not_found", format!("this account has no post {id:?} that stands")));
    };
    let number = entry.number;
    let mut effect = NewEffect::of(PLATFORM, EffectKind::Retract, call.request.clone());
    effect.hash = entry.said.hash;
    effect.account = Some(account);
    effect.origin = Some(number);
    world.ledger.record(effect, now)?;
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
    Ok(Reply::json(201, &json!({ "media_id": id_of(PLATFORM, EffectKind::Media, recorded.number) })))
}

/// `{"id","url","created_at_unix_ms"}`, the time by the platform's clock.
pub(crate) fn receipt(call: &Call, number: u64, at: i64) -> Value {
    let id = id_of(PLATFORM, EffectKind::Post, number);
    let at = at.saturating_add(call.twist.skew_ms);
    json!({ "url": call.shared.links.post(&id), "id": id, "created_at_unix_ms": at })
}

/// Writes the publication down, at once or behind a ticket.
fn create(world: &mut World, call: &Call, mut effect: NewEffect) -> Result<Reply, Refusal> {
    effect.account = Some(account_of(call)?);
    effect.visible_late_ms = i64::try_from(call.twist.visible_late_ms).unwrap_or(i64::MAX);
    if call.twist.then.is_some() {
        effect.state = EffectState::Pending;
    }
    refuse_over_quota(world, call)?;
    let recorded = world.ledger.record(effect, now_unix_ms())?;
    if let (Some(ms), Some(entry)) = (call.twist.remove_after_ms, world.ledger.get_mut(recorded.number)) {
        entry.removed_from = recorded.at.saturating_add(i64::try_from(ms).unwrap_or(i64::MAX));
    }
    match &call.twist.then {
        Some(later) => {
            let ticket = tickets::open(world, recorded.number, recorded.at, later.clone());
            Ok(Reply::json(202, &json!({ "ticket": ticket })))
        }
        None => Ok(Reply::json(201, &receipt(call, recorded.number, recorded.at))),
    }
}

/// The answer to an earlier request with the same key, while the script has a window open.
fn remembered(world: &mut World, call: &Call) -> Result<Option<Reply>, Refusal> {
    let (Some((rule, window_ms, answer)), Some(key)) =
        (call.twist.idempotency, &call.request.idempotency_key)
    else {
        return Ok(None);
    };
    let earlier = world.ledger.with_key(account_of(call)?, key);
    let Some(earlier) = earlier.filter(|entry| now_unix_ms().abs_diff(entry.at) <= window_ms) else {
        return Ok(None);
    };
    if answer == KeyAnswer::Known {
        let known = Refusal::new(409, "key_known", "this key has published something before");
        let refusal = Refusal { id: Some(earlier.id()), ..known };
        world.script.fired(rule);
        return Err(refusal);
    }
    let reply = match earlier.state {
        EffectState::Pending | EffectState::Refused => {
            Reply::json(202, &json!({ "ticket": tickets::ticket_of(earlier.number) }))
        }
        _ => Reply::json(201, &receipt(call, earlier.number, earlier.at)),
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

/// The platform counts what it published for the account within the window.
fn refuse_over_quota(world: &mut World, call: &Call) -> Result<(), Refusal> {
    let Some((rule, most, window_ms)) = call.twist.quota else { return Ok(()) };
    let (now, window) = (now_unix_ms(), i64::try_from(window_ms).unwrap_or(i64::MAX));
    let since = now.saturating_sub(window);
    let within = world.ledger.of_account(account_of(call)?, since, i64::MAX).filter(|entry| entry.is_post());
    let times: Vec<i64> = within.map(|entry| entry.at).collect();
    if (times.len() as u64) < most {
        return Ok(());
    }
    world.script.fired(rule);
    let free_at = times.first().map_or(now, |first| first.saturating_add(window));
    let wait = u64::try_from(free_at.saturating_sub(now).max(0)).unwrap_or(0).div_ceil(1_000);
    let refusal = Refusal::new(429, "quota_used_up", "the account has used up its posts for now");
    Err(Refusal { retry_after_s: Some(wait.max(1)), ..refusal })
}

fn origin(world: &World, repost: &NewRepost) -> Result<u64, Refusal> {
    let NewRepost { origin_id, origin_uid, .. } = repost;
    let entry =
        world.ledger.named(origin_id).filter(|entry| entry.is_post() && entry.said.platform == PLATFORM);
    match entry {
        None => Err(bad_request(format!("there is no post {origin_id:?} to forward"))),
        Some(entry) if entry.state_at(now_unix_ms()) != EffectState::Standing => {
            Err(bad_request(format!("post {origin_id} is not public, so it cannot be forwarded")))
        }
        Some(entry) if *entry.account_uid != **origin_uid => {
            Err(bad_request(format!("post {origin_id} is not of account {origin_uid:?}")))
        }
        Some(entry) => Ok(entry.number),
    }
}

fn is_media(world: &World, id: &str) -> bool {
    world.ledger.named(id).is_some_and(|entry| entry.kind() == EffectKind::Media)
}

fn shown(call: &Call, text: &str) -> Option<Arc<str>> {
    call.twist.normalise.map(|how| normalised(text, how).into())
}

pub(super) fn account_of(call: &Call) -> Result<usize, Refusal> {
    call.account.ok_or_else(lost_account)
}

fn lost_account() -> Refusal {
    Refusal::new(500, "internal_error", "the sandbox lost track of the account; this is its fault")
}

/// What a person publishes without any client.
pub(crate) fn post_by_hand(
    world: &mut World,
    uid: &str,
    title: Option<&str>,
    text: &str,
) -> Result<String, Full> {
    let request = RequestMark { idempotency_key: None, sequence: 0 };
    let mut effect = NewEffect::of(PLATFORM, EffectKind::Post, request);
    effect.account = Some(world.ledger.account(PLATFORM, uid)?);
    effect.hash = said_hash(title.unwrap_or_default(), text);
    effect.title = title.map(Into::into);
    effect.text = text.into();
    effect.by_hand = true;
    let recorded = world.ledger.record(effect, now_unix_ms())?;
    Ok(id_of(PLATFORM, EffectKind::Post, recorded.number))
}

//! Forwarding a post, and taking one's own back.

use super::PLATFORM;
use super::comments;
use super::dialect::JSON;
use super::errors::error;
use super::number_of;
use super::publish::{create, new_status, refuse_content, refuse_repeated};
use super::session::Asked;
use super::shapes::{self, View};
use crate::answer::Reply;
use crate::effect::{EffectKind, EffectState, Entry, NewEffect, said_hash};
use crate::exchange::{Call, Intent, IntentKind, Refusal};
use crate::world::{World, now_unix_ms};

/// Said when nothing else is.
const USUAL_TEXT: &str = "转发微博";

/// `statuses/repost`, `statuses/repost/biz`. A repost of a repost forwards the root.
pub(crate) fn repost(asked: &Asked) -> Result<Intent, Refusal> {
    let id = asked.id("id")?;
    let comment_on = asked.number("is_comment", 0, 0, 3)?;
    asked.check_rip()?;
    let text = asked.fields.get("status").unwrap_or(USUAL_TEXT);
    let mut new = new_status(text, text, false)?;
    // Unlike other posts, a repost is shown without anything behind its text.
    new.shown = new.shown.trim_end_matches(['\u{200b}', ' ']).to_owned();
    let words = vec![new.text.clone()];
    let (session, endpoint) = (asked.session.clone(), asked.endpoint);
    let act = move |world: &mut World, call: &Call| {
        let (source, root) = roots(world, id)?;
        if is_of(world, source, &session.uid) {
            return Err(error(20103));
        }
        let hash = said_hash("", &new.text);
        let is_same = |said: &NewEffect| said.origin == Some(root) && said.hash == hash;
        refuse_repeated(world, call, &session.uid, is_same, 20111)?;
        refuse_content(world, &new.text)?;
        let mut effect = NewEffect::of(PLATFORM, EffectKind::Repost, call.request.clone());
        effect.hash = hash;
        effect.origin = Some(root);
        let text = new.text.clone();
        let reply = create(world, call, &session, endpoint.path, effect, new)?;
        let under = match comment_on {
            1 => vec![source],
            2 => vec![root],
            3 if source != root => vec![source, root],
            3 => vec![source],
            _ => Vec::new(),
        };
        for status in under {
            comments::write(world, call, &session, status, &text, None)?;
        }
        Ok(reply)
    };
    Ok(Intent { words, kind: IntentKind::Publication, act: Box::new(act) })
}

/// The post that these digits name and the one at its root, both of which have to be there for everybody.
fn roots(world: &World, id: u64) -> Result<(u64, u64), Refusal> {
    let source = readable(world, id, None)?;
    let Some(root) = source.said.origin else { return Ok((source.number, source.number)) };
    match world.ledger.get(root) {
        Some(entry) if shapes::is_there(entry) => Ok((source.number, root)),
        _ => Err(error(20135)),
    }
}

/// The post that these digits name, if it stands and `viewer` may read it.
pub(crate) fn readable<'a>(world: &'a World, id: u64, viewer: Option<&str>) -> Result<&'a Entry, Refusal> {
    let entry = number_of(id).and_then(|number| world.ledger.get(number));
    let is_post = |entry: &&Entry| entry.said.platform == PLATFORM && entry.is_post();
    let entry = entry.filter(is_post).filter(|entry| shapes::is_there(entry)).ok_or_else(|| error(20101))?;
    let is_private = world.weibo.details.get(&entry.number).is_some_and(|details| details.visible != 0);
    if viewer == Some(&*entry.account_uid) || entry.visible_from <= now_unix_ms() {
        Ok(entry)
    } else {
        Err(error(if is_private { 20112 } else { 20101 }))
    }
}

pub(crate) fn is_of(world: &World, number: u64, uid: &str) -> bool {
    world.ledger.get(number).is_some_and(|entry| *entry.account_uid == *uid)
}

/// `statuses/destroy`, `statuses/destroy/biz`; answers with the post as it was.
pub(crate) fn destroy(asked: &Asked) -> Result<Intent, Refusal> {
    let id = asked.id("id")?;
    let uid = asked.session.uid.clone();
    Ok(Intent::plain(move |world, call| {
        let entry = readable(world, id, Some(&uid))?;
        if *entry.account_uid != *uid {
            return Err(error(20102));
        }
        let answer = shapes::status(world, entry, View { skew_ms: call.twist.skew_ms, ..View::default() });
        let (number, said) = (entry.number, entry.said.clone());
        let mut effect = NewEffect::of(PLATFORM, EffectKind::Retract, call.request.clone());
        effect.account = call.account;
        effect.hash = said.hash;
        effect.origin = Some(number);
        world.ledger.record(effect, now_unix_ms())?;
        if let Some(entry) = world.ledger.get_mut(number) {
            entry.state = EffectState::Retracted;
        }
        let state = &mut world.weibo;
        let person = state.person_mut(&uid);
        person.statuses = person.statuses.saturating_sub(1);
        if let Some(details) = said.origin.and_then(|origin| state.details.get_mut(&origin)) {
            details.reposts.retain(|repost| *repost != number);
        }
        Ok(Reply::json(200, &answer).typed(JSON))
    }))
}

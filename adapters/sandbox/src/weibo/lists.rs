//! Reading single posts, what forwards them, and who names the account.

use serde_json::{Value, json};

use super::dialect::JSON;
use super::errors::{error, invalid};
use super::repost::readable;
use super::session::Asked;
use super::shapes::{self, View};
use super::timeline::Part;
use super::{PLATFORM, mid_of, number_of};
use crate::answer::Reply;
use crate::effect::{EffectKind, Entry};
use crate::exchange::{Call, Intent, Refusal};
use crate::world::{World, now_unix_ms};

const MOST_SHOWN: usize = 50;
const MOST_COUNTED: usize = 100;
const MOST_LISTED: u64 = 200;

/// `statuses/show`
pub(crate) fn show(asked: &Asked) -> Result<Intent, Refusal> {
    let id = asked.id("id")?;
    let uid = asked.session.uid.clone();
    Ok(Intent::plain(move |world, call| {
        let entry = readable(world, id, Some(&uid))?;
        Ok(answered(&shapes::status(world, entry, View { skew_ms: call.twist.skew_ms, ..View::default() })))
    }))
}

/// `statuses/show_batch`, `statuses/show_batch/biz`: also what is gone, as a stub.
pub(crate) fn show_batch(asked: &Asked) -> Result<Intent, Refusal> {
    let ids = ids(asked, "ids", MOST_SHOWN)?;
    let (trim_user, long) =
        (asked.flag("trim_user")?, asked.endpoint.is_biz() && asked.flag("isGetLongText")?);
    Ok(Intent::plain(move |world, call| {
        let view = View { trim_user, long, skew_ms: call.twist.skew_ms };
        let entries: Vec<&Entry> = ids.iter().filter_map(|id| post(world, *id)).collect();
        let statuses: Vec<Value> = entries.iter().map(|entry| shapes::status(world, entry, view)).collect();
        let state = |entry: &&Entry| json!({ "id": mid_of(entry.number), "state": u8::from(!shapes::is_there(entry)) });
        let states: Vec<Value> = entries.iter().map(state).collect();
        Ok(answered(&json!({ "statuses": statuses, "states": states, "total_number": entries.len() })))
    }))
}

/// `statuses/count`, `statuses/count/biz`
pub(crate) fn count(asked: &Asked) -> Result<Intent, Refusal> {
    let ids = ids(asked, "ids", MOST_COUNTED)?;
    Ok(Intent::plain(move |world, _| {
        let state = &world.weibo;
        let counted = |entry: &Entry| {
            let reposts = state.details.get(&entry.number).map_or(0, |details| details.reposts.len());
            let comments = state.comments.iter().filter(|one| one.status == entry.number && !one.deleted);
            json!({ "id": mid_of(entry.number), "comments": comments.count(), "reposts": reposts, "attitudes": 0 })
        };
        let counts: Vec<Value> = ids.iter().filter_map(|id| post(world, *id)).map(counted).collect();
        Ok(answered(&json!(counts)))
    }))
}

/// `statuses/repost_timeline`, and its ids: the open tier shows reposts only of accounts that authorised the app.
pub(crate) fn repost_timeline(asked: &Asked) -> Result<Intent, Refusal> {
    let (id, part) = (asked.id("id")?, Part::of(asked, 20, MOST_LISTED)?);
    let (biz, only_ids) = (asked.endpoint.is_biz(), asked.endpoint.path.contains("/ids"));
    let session = asked.session.clone();
    Ok(Intent::plain(move |world, call| {
        let number = readable(world, id, Some(&session.uid))?.number;
        let reposts =
            world.weibo.details.get(&number).map(|details| details.reposts.clone()).unwrap_or_default();
        let (entries, total) =
            newest_first(world, &reposts, |uid| biz || world.weibo.has_authorised(uid, &session.app));
        let entries = part.of_list(entries, |entry| mid_of(entry.number));
        let reposts = listed(world, call, &entries, only_ids);
        Ok(answered(&json!({
            "reposts": reposts, "hasvisible": false, "previous_cursor": 0, "next_cursor": 0, "total_number": total,
        })))
    }))
}

/// `statuses/mentions`, and its ids: the open tier drops the posts of people who never authorised the app.
pub(crate) fn mentions(asked: &Asked) -> Result<Intent, Refusal> {
    let part = Part::of(asked, 20, MOST_LISTED)?;
    let original = asked.flag("filter_by_type")?;
    asked.number("filter_by_author", 0, 0, 2)?;
    asked.number("filter_by_source", 0, 0, 2)?;
    let (biz, only_ids) = (asked.endpoint.is_biz(), asked.endpoint.path.contains("/ids"));
    let session = asked.session.clone();
    Ok(Intent::plain(move |world, call| {
        let name = world.weibo.person(&session.uid).name;
        let numbers = world.weibo.mentions.get(&name).cloned().unwrap_or_default();
        let (mut entries, total) = newest_first(world, &numbers, |uid| {
            uid != session.uid && (biz || world.weibo.has_authorised(uid, &session.app))
        });
        entries.retain(|entry| !original || entry.kind() == EffectKind::Post);
        // Of ids Weibo gives the number alone, since 2021 at the latest.
        let entries = match only_ids {
            true => Vec::new(),
            false => part.of_list(entries, |entry| mid_of(entry.number)),
        };
        let shown: Vec<u64> = entries.iter().map(|entry| entry.number).collect();
        let statuses = listed(world, call, &entries, false);
        for number in shown {
            if let Some(details) = world.weibo.details.get_mut(&number) {
                details.seen = true;
            }
        }
        Ok(answered(&json!({
            "statuses": statuses, "hasvisible": false, "previous_cursor": 0, "next_cursor": 0,
            "total_number": total, "interval": 0,
        })))
    }))
}

/// The visible ones of these posts whose author may be shown, and how many they are.
pub(crate) fn newest_first<'a>(
    world: &'a World,
    numbers: &[u64],
    may_show: impl Fn(&str) -> bool,
) -> (Vec<&'a Entry>, usize) {
    let now = now_unix_ms();
    let entries = numbers.iter().rev().filter_map(|number| world.ledger.get(*number));
    let entries: Vec<&Entry> =
        entries.filter(|entry| entry.is_visible(now) && may_show(&entry.account_uid)).collect();
    let total = entries.len();
    (entries, total)
}

fn listed(world: &World, call: &Call, entries: &[&Entry], only_ids: bool) -> Vec<Value> {
    let view = View { skew_ms: call.twist.skew_ms, ..View::default() };
    let one = |entry: &&Entry| match only_ids {
        true => mid_of(entry.number).to_string().into(),
        false => shapes::status(world, entry, view),
    };
    entries.iter().map(one).collect()
}

/// A post, whatever became of it.
fn post(world: &World, id: u64) -> Option<&Entry> {
    let entry = world.ledger.get(number_of(id)?)?;
    (entry.said.platform == PLATFORM && entry.is_post()).then_some(entry)
}

/// Digits between commas.
pub(crate) fn ids(asked: &Asked, name: &str, most: usize) -> Result<Vec<u64>, Refusal> {
    let found = asked.required(name)?;
    let ids: Option<Vec<u64>> = found.split(',').map(|id| id.trim().parse().ok()).collect();
    let ids = ids.ok_or_else(|| invalid(name, "long values between commas", found))?;
    if ids.len() > most { Err(error(20009)) } else { Ok(ids) }
}

pub(crate) fn answered(value: &Value) -> Reply {
    Reply::json(200, value).typed(JSON)
}

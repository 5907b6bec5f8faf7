//! An account's own posts, newest first: five of them on the open tiers, all on the biz one.

use serde_json::{Value, json};

use super::PLATFORM;
use super::dialect::JSON;
use super::errors::{error, invalid};
use super::mid_of;
use super::session::{Asked, Session};
use super::shapes::{self, View};
use crate::answer::Reply;
use crate::effect::{EffectKind, EffectState, Entry};
use crate::exchange::{Call, Intent, Refusal};
use crate::faults::{AsyncOutcome, ListEnd};
use crate::world::{World, now_unix_ms};

/// Posts of an account that the open tiers show, whatever is asked for.
const NEWEST: usize = 5;
const MOST: u64 = 100;
const USUAL: u64 = 20;

/// Which part of a list is wanted; `since` is excluded, `max` included.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Part {
    since: u64,
    max: u64,
    count: usize,
    page: usize,
}

/// Which posts of it are wanted.
#[derive(Clone, Debug)]
pub(crate) struct Sieve {
    /// Posts of this app only.
    app: Option<String>,
    /// 0 all, 1 original, 2 picture, 7 text, 8 repost.
    feature: u64,
}

impl Part {
    pub(crate) fn of(asked: &Asked, usual: u64, most: u64) -> Result<Self, Refusal> {
        Ok(Self {
            since: asked.number("since_id", 0, 0, u64::MAX)?,
            max: asked.number("max_id", 0, 0, u64::MAX)?,
            count: asked.count(usual, most)?,
            page: usize::try_from(asked.number("page", 1, 0, u64::MAX)?.max(1)).unwrap_or(usize::MAX),
        })
    }

    /// The part of a list that stands newest first.
    pub(crate) fn of_list<T>(self, list: Vec<T>, id: impl Fn(&T) -> u64) -> Vec<T> {
        let within = |one: &T| id(one) > self.since && (self.max == 0 || id(one) <= self.max);
        let before = (self.page - 1).saturating_mul(self.count);
        list.into_iter().filter(within).skip(before).take(self.count).collect()
    }
}

impl Sieve {
    pub(crate) fn of(asked: &Asked) -> Result<Self, Refusal> {
        let app = asked.flag("base_app")?.then(|| asked.session.app.key.clone());
        Ok(Self { app, feature: asked.number("feature", 0, 0, 8)? })
    }

    pub(crate) fn keeps(&self, world: &World, entry: &Entry) -> bool {
        let details = world.weibo.details.get(&entry.number);
        let of_app =
            |key: &String| details.and_then(|one| one.app.as_ref()).is_some_and(|app| app.key == *key);
        let pictures = details.is_some_and(|one| !one.pictures.is_empty());
        let repost = entry.kind() == EffectKind::Repost;
        self.app.as_ref().is_none_or(of_app)
            && match self.feature {
                1 => !repost,
                2 => pictures,
                // There are no videos and no music here.
                3 | 4 => false,
                7 => !repost && !pictures,
                8 => repost,
                _ => true,
            }
    }
}

/// `statuses/user_timeline`, `statuses/user_timeline/biz`
pub(crate) fn user_timeline(asked: &Asked) -> Result<Intent, Refusal> {
    list(asked, |world, entries, total, view| {
        let statuses: Vec<Value> = entries.iter().map(|entry| shapes::status(world, entry, view)).collect();
        json!({
            "statuses": statuses, "advertises": [], "ad": [], "hasvisible": false, "previous_cursor": 0,
            "next_cursor": 0, "total_number": total, "since_id": 0, "max_id": 0, "has_unread": 0,
        })
    })
}

/// `statuses/user_timeline/ids`
pub(crate) fn user_timeline_ids(asked: &Asked) -> Result<Intent, Refusal> {
    list(asked, |_, entries, total, _| {
        let ids: Vec<String> = entries.iter().map(|entry| mid_of(entry.number).to_string()).collect();
        json!({
            "statuses": ids, "hasvisible": false, "previous_cursor": 0, "next_cursor": 0,
            "total_number": total,
        })
    })
}

fn list(asked: &Asked, answer: fn(&World, &[&Entry], usize, View) -> Value) -> Result<Intent, Refusal> {
    let (part, sieve) = (Part::of(asked, USUAL, MOST)?, Sieve::of(asked)?);
    let trim_user = asked.flag("trim_user")?;
    let (uid, name) =
        (asked.fields.get("uid").map(str::to_owned), asked.fields.get("screen_name").map(str::to_owned));
    if let Some(uid) = uid.as_deref().filter(|uid| uid.parse::<u64>().is_err()) {
        return Err(invalid("uid", "long", uid));
    }
    let biz = asked.endpoint.is_biz();
    let session = asked.session.clone();
    Ok(Intent::list(move |world, call| {
        check_own(world, &session, uid.as_deref(), name.as_deref())?;
        settle_reviews(world, &session.uid);
        let newest = if biz { usize::MAX } else { NEWEST };
        let (entries, total) = own(world, call, &session, &sieve, newest);
        let mut entries = part.of_list(entries, |entry| mid_of(entry.number));
        if call.twist.disorder {
            let middle = entries.len() / 2;
            entries.rotate_left(middle);
        }
        let view = View { trim_user, skew_ms: call.twist.skew_ms, ..View::default() };
        Ok(Reply::json(200, &answer(world, &entries, total, view)).typed(JSON))
    }))
}

/// Only the authorised account's own posts are shown, whoever is asked for.
pub(crate) fn check_own(
    world: &World,
    session: &Session,
    uid: Option<&str>,
    name: Option<&str>,
) -> Result<(), Refusal> {
    let of_another = uid.is_some_and(|uid| uid != session.uid)
        || (uid.is_none() && name.is_some_and(|name| name != world.weibo.person(&session.uid).name));
    if of_another { Err(error(21335)) } else { Ok(()) }
}

/// The posts that stand and are visible, newest first, and how many there truly are.
fn own<'a>(
    world: &'a World,
    call: &Call,
    session: &Session,
    sieve: &Sieve,
    newest: usize,
) -> (Vec<&'a Entry>, usize) {
    let now = now_unix_ms();
    let Some(account) = world.ledger.find_account(PLATFORM, &session.uid) else { return (Vec::new(), 0) };
    let is_private =
        |entry: &Entry| world.weibo.details.get(&entry.number).is_some_and(|one| one.visible != 0);
    let is_shown = |entry: &&Entry| {
        entry.is_post() && shapes::is_there(entry) && (entry.visible_from <= now || is_private(entry))
    };
    let mut entries: Vec<&Entry> =
        world.ledger.of_account(account, i64::MIN, i64::MAX).rev().filter(is_shown).collect();
    let total = entries.len();
    if let Some((most, which, _)) = call.twist.part {
        match which {
            ListEnd::Newest => entries.truncate(most),
            ListEnd::Oldest => entries = entries.split_off(entries.len().saturating_sub(most)),
        }
    }
    entries.truncate(newest);
    entries.retain(|entry| sieve.keeps(world, entry));
    (entries, total)
}

/// Posts that people looked at in the meantime stand, or never will.
pub(crate) fn settle_reviews(world: &mut World, uid: &str) {
    let (now, ledger) = (now_unix_ms(), &mut world.ledger);
    world.weibo.reviews.retain_mut(|review| {
        let Some(entry) = ledger.get_mut(review.number) else { return false };
        if *entry.account_uid != *uid {
            return true;
        }
        if review.polls > 0 || now < review.not_before {
            review.polls = review.polls.saturating_sub(1);
            return true;
        }
        match review.outcome {
            AsyncOutcome::Published => {
                entry.state = EffectState::Standing;
                entry.visible_from = now.saturating_add(entry.said.visible_late_ms);
            }
            AsyncOutcome::Refused => entry.state = EffectState::Refused,
        }
        false
    });
}

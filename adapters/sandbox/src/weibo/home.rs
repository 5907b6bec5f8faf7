//! What an account reads when it opens Weibo: its own posts and those of whom it follows, newest first.

use serde_json::{Value, json};

use super::lists::answered;
use super::session::Asked;
use super::shapes::{self, View};
use super::timeline::{Part, Sieve};
use super::{PLATFORM, mid_of};
use crate::effect::Entry;
use crate::exchange::{Intent, Refusal};
use crate::world::{World, now_unix_ms};

const USUAL: u64 = 20;
const MOST: u64 = 100;

/// `statuses/home_timeline`, `friends_timeline` and their `/ids`.
pub(crate) fn home_timeline(asked: &Asked) -> Result<Intent, Refusal> {
    list(asked, |_, _| true)
}

/// `statuses/bilateral_timeline` and its `/ids`: of those only who follow back.
pub(crate) fn bilateral_timeline(asked: &Asked) -> Result<Intent, Refusal> {
    list(asked, |mine, theirs| theirs.iter().any(|uid| uid == mine))
}

/// `may_show`: whether posts of somebody who follows these people are shown to this uid.
fn list(asked: &Asked, may_show: fn(&str, &[String]) -> bool) -> Result<Intent, Refusal> {
    let (part, sieve) = (Part::of(asked, USUAL, MOST)?, Sieve::of(asked)?);
    let (trim_user, only_ids) = (asked.flag("trim_user")?, asked.endpoint.path.contains("/ids"));
    let uid = asked.session.uid.clone();
    Ok(Intent::list(move |world, call| {
        let followed = world.weibo.person(&uid).follows;
        let shown = followed.into_iter().filter(|one| may_show(&uid, &world.weibo.person(one).follows));
        let entries = posts(world, &shown.chain([uid.clone()]).collect::<Vec<_>>(), &sieve);
        let total = entries.len();
        let view = View { trim_user, skew_ms: call.twist.skew_ms, ..View::default() };
        let one = |entry: &&Entry| match only_ids {
            true => mid_of(entry.number).to_string().into(),
            false => shapes::status(world, entry, view),
        };
        let entries = part.of_list(entries, |entry| mid_of(entry.number));
        let statuses: Vec<Value> = entries.iter().map(one).collect();
        Ok(answered(&json!({
            "statuses": statuses, "advertises": [], "ad": [], "hasvisible": false, "previous_cursor": 0,
            "next_cursor": 0, "total_number": total, "interval": 0, "since_id": 0, "max_id": 0, "has_unread": 0,
        })))
    }))
}

/// What the public can read of these people.
fn posts<'a>(world: &'a World, uids: &[String], sieve: &Sieve) -> Vec<&'a Entry> {
    let now = now_unix_ms();
    let accounts = uids.iter().filter_map(|uid| world.ledger.find_account(PLATFORM, uid));
    let entries = accounts.flat_map(|account| world.ledger.of_account(account, i64::MIN, i64::MAX));
    let mut entries: Vec<&Entry> =
        entries.filter(|one| one.is_post() && one.is_visible(now) && sieve.keeps(world, one)).collect();
    entries.sort_by_key(|entry| std::cmp::Reverse(entry.number));
    entries
}

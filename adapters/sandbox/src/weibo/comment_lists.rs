//! Lists of comments: under a post, to the account, by it, and those that name it.

use serde_json::{Value, json};

use super::comments::{Comment, find, shape};
use super::lists::{answered, ids};
use super::repost::{is_of, readable};
use super::session::Asked;
use super::shapes::{self, View};
use super::text::mentioned;
use super::timeline::Part;
use crate::exchange::{Intent, Refusal};
use crate::world::World;

const USUAL: u64 = 50;
const MOST: u64 = 200;
const MOST_SHOWN: usize = 50;

/// Which comments a list has.
#[derive(Clone, Copy)]
enum Which {
    ToMe,
    ByMe,
    Both,
    NamingMe,
}

/// `comments/show`, `comments/show/biz`: under one post, newest first.
pub(crate) fn show(asked: &Asked) -> Result<Intent, Refusal> {
    let (id, part) = (asked.id("id")?, Part::of(asked, USUAL, MOST)?);
    asked.number("filter_by_author", 0, 0, 2)?;
    let uid = asked.session.uid.clone();
    Ok(Intent::plain(move |world, call| {
        let number = readable(world, id, Some(&uid))?.number;
        let (page, total) = page(world, part, |_, one| one.status == number);
        see(world, &uid, &page);
        let comments: Vec<Value> =
            page.iter().map(|one| shape(world, one, call.twist.skew_ms, true)).collect();
        let view = View { skew_ms: call.twist.skew_ms, ..View::default() };
        let status = world.ledger.get(number).map(|entry| shapes::status(world, entry, view));
        Ok(answered(&json!({
            "comments": comments, "marks": [], "hasvisible": false, "previous_cursor": 0, "next_cursor": 0,
            "total_number": total, "since_id": 0, "max_id": 0, "status": status,
        })))
    }))
}

/// `comments/to_me` and its biz form: under the account's posts, and answers to its comments.
pub(crate) fn to_me(asked: &Asked) -> Result<Intent, Refusal> {
    list(asked, Which::ToMe)
}

/// `comments/by_me` and its biz form.
pub(crate) fn by_me(asked: &Asked) -> Result<Intent, Refusal> {
    list(asked, Which::ByMe)
}

/// `comments/timeline` and its biz form: both.
pub(crate) fn timeline(asked: &Asked) -> Result<Intent, Refusal> {
    list(asked, Which::Both)
}

/// `comments/mentions` and its biz form.
pub(crate) fn mentions(asked: &Asked) -> Result<Intent, Refusal> {
    list(asked, Which::NamingMe)
}

/// `comments/show_batch`, `comments/show_batch/biz/new`
pub(crate) fn show_batch(asked: &Asked) -> Result<Intent, Refusal> {
    let cids = ids(asked, "cids", MOST_SHOWN)?;
    Ok(Intent::plain(move |world, call| {
        let found = cids.iter().filter_map(|cid| find(world, *cid));
        let comments: Vec<Value> = found.map(|one| shape(world, one, call.twist.skew_ms, true)).collect();
        Ok(answered(&json!(comments)))
    }))
}

fn list(asked: &Asked, which: Which) -> Result<Intent, Refusal> {
    let part = Part::of(asked, USUAL, MOST)?;
    asked.number("filter_by_author", 0, 0, 2)?;
    asked.number("filter_by_source", 0, 0, 2)?;
    let uid = asked.session.uid.clone();
    Ok(Intent::plain(move |world, call| {
        let name = world.weibo.person(&uid).name;
        let (page, total) = page(world, part, |world, one| match which {
            Which::ToMe => is_to(world, &uid, one),
            Which::ByMe => one.uid == uid,
            Which::Both => one.uid == uid || is_to(world, &uid, one),
            Which::NamingMe => one.uid != uid && mentioned(&one.shown).contains(&name.as_str()),
        });
        see(world, &uid, &page);
        let comments: Vec<Value> =
            page.iter().map(|one| shape(world, one, call.twist.skew_ms, true)).collect();
        Ok(answered(&json!({
            "comments": comments, "hasvisible": false, "previous_cursor": 0, "next_cursor": 0,
            "total_number": total,
        })))
    }))
}

/// Somebody else wrote it under the account's post, or in answer to its comment.
pub(crate) fn is_to(world: &World, uid: &str, comment: &Comment) -> bool {
    let answers_mine = || comment.answers.and_then(|cid| find(world, cid)).is_some_and(|one| one.uid == uid);
    comment.uid != uid && (is_of(world, comment.status, uid) || answers_mine())
}

/// The wanted part of the comments that stand, newest first, and how many there are.
fn page(world: &World, part: Part, is_in: impl Fn(&World, &Comment) -> bool) -> (Vec<Comment>, usize) {
    let comments = world.weibo.comments.iter().rev();
    let list: Vec<Comment> = comments.filter(|one| !one.deleted && is_in(world, one)).cloned().collect();
    let total = list.len();
    (part.of_list(list, |one| one.id), total)
}

/// What a list has shown to whom it is for is unread no longer.
fn see(world: &mut World, uid: &str, shown: &[Comment]) {
    let seen: Vec<u64> = shown.iter().filter(|one| one.uid != uid).map(|one| one.id).collect();
    for comment in world.weibo.comments.iter_mut().filter(|one| seen.contains(&one.id)) {
        comment.seen = true;
    }
}

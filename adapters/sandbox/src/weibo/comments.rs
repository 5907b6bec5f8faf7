//! Comments: what citizens write under posts, and what offices answer.

use std::sync::Arc;

use serde_json::{Value, json};

use super::errors::error;
use super::lists::{answered, ids};
use super::publish::{REPEAT_MS, refuse_content};
use super::repost::readable;
use super::seed::App;
use super::session::{Asked, Session};
use super::shapes::{self, View};
use super::text::{MOST_UNITS, shortened, trimmed, units};
use super::{PLATFORM, mid_of};
use crate::answer::Reply;
use crate::effect::{EffectKind, EffectState, NewEffect, said_hash};
use crate::exchange::{Call, Intent, IntentKind, Refusal};
use crate::ledger::Full;
use crate::world::{World, now_unix_ms};

const MOST_COMMENTS: usize = 100_000;
const MOST_DESTROYED: usize = 20;

/// A comment under a post.
#[derive(Clone, Debug)]
pub(crate) struct Comment {
    pub(crate) id: u64,
    /// Number of the post.
    pub(crate) status: u64,
    pub(crate) uid: String,
    /// As sent, and as shown.
    pub(crate) text: String,
    pub(crate) shown: String,
    /// The comment that it answers.
    pub(crate) answers: Option<u64>,
    pub(crate) floor: usize,
    pub(crate) at: i64,
    pub(crate) app: Option<Arc<App>>,
    /// What a client wrote is an effect, with this number.
    pub(crate) effect: Option<u64>,
    pub(crate) deleted: bool,
    /// A list has shown it to whom it is for.
    pub(crate) seen: bool,
}

/// `comments/create`, `comments/create/biz`
pub(crate) fn create(asked: &Asked) -> Result<Intent, Refusal> {
    let text = checked_text(asked)?;
    let id = asked.id("id")?;
    let also_root = asked.flag("comment_ori")?;
    asked.check_rip()?;
    let session = asked.session.clone();
    Ok(said(text.clone(), move |world, call| {
        let entry = readable(world, id, Some(&session.uid))?;
        let (status, root) = (entry.number, entry.said.origin);
        refuse_comment(world, &session.uid, status, None, &text)?;
        let comment = write(world, call, &session, status, &text, None)?;
        if let Some(root) = root.filter(|_| also_root) {
            write(world, call, &session, root, &text, None)?;
        }
        Ok(answered(&shape(world, &comment, call.twist.skew_ms, true)))
    }))
}

/// `comments/reply`, `comments/reply/biz`
pub(crate) fn reply(asked: &Asked) -> Result<Intent, Refusal> {
    let cid = asked.id("cid")?;
    let id = asked.id("id")?;
    let text = checked_text(asked)?;
    let plain = asked.flag("without_mention")?;
    asked.flag("comment_ori")?;
    asked.check_rip()?;
    if text.split('#').count() > 2 {
        return Err(error(20202));
    }
    let session = asked.session.clone();
    Ok(said(text.clone(), move |world, call| {
        let status = readable(world, id, Some(&session.uid))?.number;
        let answered_one = find(world, cid).filter(|one| one.status == status).ok_or_else(|| error(20201))?;
        let (name, cid) = (world.weibo.person(&answered_one.uid).name, answered_one.id);
        refuse_comment(world, &session.uid, status, Some(cid), &text)?;
        let mut comment = write(world, call, &session, status, &text, Some(cid))?;
        if !plain {
            comment.shown = format!("回复@{name}:{}", comment.shown);
            if let Some(last) = world.weibo.comments.last_mut() {
                last.shown.clone_from(&comment.shown);
            }
        }
        Ok(answered(&shape(world, &comment, call.twist.skew_ms, true)))
    }))
}

/// `comments/destroy`, `comments/destroy_batch` and their biz forms: one's own, and those under one's own posts.
pub(crate) fn destroy(asked: &Asked) -> Result<Intent, Refusal> {
    let batch = asked.endpoint.path.contains("destroy_batch");
    let cids = if batch { ids(asked, "cids", MOST_DESTROYED)? } else { vec![asked.id("cid")?] };
    let uid = asked.session.uid.clone();
    Ok(Intent::plain(move |world, call| {
        let mut gone = Vec::new();
        for cid in cids {
            gone.push(take_back(world, call, &uid, cid)?);
        }
        let objects: Vec<Value> =
            gone.iter().map(|one| shape(world, one, call.twist.skew_ms, true)).collect();
        Ok(match (batch, objects.into_iter().next()) {
            (false, Some(one)) => answered(&one),
            (_, first) => answered(&first.map_or_else(
                || json!([]),
                |_| gone.iter().map(|one| shape(world, one, call.twist.skew_ms, true)).collect(),
            )),
        })
    }))
}

fn take_back(world: &mut World, call: &Call, uid: &str, cid: u64) -> Result<Comment, Refusal> {
    let comment = find(world, cid).cloned().ok_or_else(|| error(20201))?;
    if comment.uid != uid && !super::repost::is_of(world, comment.status, uid) {
        return Err(error(20203));
    }
    let mut effect = NewEffect::of(PLATFORM, EffectKind::Retract, call.request.clone());
    effect.account = call.account;
    effect.hash = said_hash("", &comment.text);
    effect.to = Some(comment.id.to_string());
    world.ledger.record(effect, now_unix_ms())?;
    if let Some(entry) = comment.effect.and_then(|number| world.ledger.get_mut(number)) {
        entry.state = EffectState::Retracted;
    }
    if let Some(known) = world.weibo.comments.iter_mut().find(|known| known.id == comment.id) {
        known.deleted = true;
    }
    Ok(comment)
}

/// Writes down what a client says under a post.
pub(crate) fn write(
    world: &mut World,
    call: &Call,
    session: &Session,
    status: u64,
    text: &str,
    answers: Option<u64>,
) -> Result<Comment, Refusal> {
    let mut effect = NewEffect::of(PLATFORM, EffectKind::Comment, call.request.clone());
    effect.account = call.account;
    effect.hash = said_hash("", text);
    effect.text = text.into();
    effect.origin = Some(status);
    effect.to = answers.map(|cid| cid.to_string());
    let recorded = world.ledger.record(effect, now_unix_ms())?;
    let (app, effect) = (Some(session.app.clone()), Some(recorded.number));
    Ok(add(world, Comment { app, effect, ..comment_of(&session.uid, status, text, answers) })?)
}

/// A comment that a person writes on Weibo's own page.
pub(crate) fn by_hand(
    world: &mut World,
    uid: &str,
    status: u64,
    text: &str,
    answers: Option<u64>,
) -> Result<u64, Full> {
    Ok(add(world, comment_of(uid, status, text, answers))?.id)
}

fn comment_of(uid: &str, status: u64, text: &str, answers: Option<u64>) -> Comment {
    Comment {
        id: 0,
        status,
        uid: uid.to_owned(),
        text: text.to_owned(),
        shown: shortened(trimmed(text)).0,
        answers,
        floor: 0,
        at: now_unix_ms(),
        app: None,
        effect: None,
        deleted: false,
        seen: false,
    }
}

fn add(world: &mut World, mut comment: Comment) -> Result<Comment, Full> {
    let comments = &mut world.weibo.comments;
    if comments.len() >= MOST_COMMENTS {
        return Err(Full { most: MOST_COMMENTS, what: "comments" });
    }
    // Sixteen digits that grow with time, also over a reset.
    let by_time = u64::try_from(comment.at).unwrap_or_default().saturating_mul(2_500);
    comment.id = comments.last().map_or(0, |last| last.id + 1).max(by_time);
    comment.floor = comments.iter().filter(|one| one.status == comment.status).count() + 1;
    comments.push(comment.clone());
    Ok(comment)
}

/// A comment that stands.
pub(crate) fn find(world: &World, cid: u64) -> Option<&Comment> {
    world.weibo.comments.iter().find(|one| one.id == cid && !one.deleted)
}

fn checked_text(asked: &Asked) -> Result<Arc<str>, Refusal> {
    let text = asked.required("comment")?;
    if trimmed(text).is_empty() {
        return Err(error(20008));
    }
    if units(&shortened(trimmed(text)).0) > MOST_UNITS {
        return Err(error(20013));
    }
    Ok(text.into())
}

fn refuse_comment(
    world: &World,
    uid: &str,
    status: u64,
    answers: Option<u64>,
    text: &str,
) -> Result<(), Refusal> {
    let since = now_unix_ms().saturating_sub(REPEAT_MS);
    let is_same = |one: &Comment| {
        one.at >= since
            && one.uid == uid
            && one.status == status
            && one.answers == answers
            && one.text == text
    };
    if world.weibo.comments.iter().rev().any(is_same) {
        return Err(error(20019));
    }
    refuse_content(world, text)
}

/// The script may look at the words of a comment, too.
fn said(
    text: Arc<str>,
    act: impl FnOnce(&mut World, &Call) -> Result<Reply, Refusal> + Send + 'static,
) -> Intent {
    Intent { words: vec![text], kind: IntentKind::Other, act: Box::new(act) }
}

/// A comment as answers show it, with its post and what it answers.
pub(crate) fn shape(world: &World, comment: &Comment, skew_ms: i64, with_status: bool) -> Value {
    let (id, root) = (comment.id, comment.answers.unwrap_or(comment.id));
    let mut object = json!({
        "created_at": shapes::time(comment.at.saturating_add(skew_ms)), "id": id, "idstr": id.to_string(),
        "mid": id.to_string(), "rootid": root, "rootidstr": root.to_string(), "floor_number": comment.floor,
        "text": comment.shown, "disable_reply": 0, "source": shapes::source(comment.app.as_deref()),
        "user": shapes::user(world, &comment.uid),
    });
    let Some(fields) = object.as_object_mut() else { return object };
    if let Some(entry) = world.ledger.get(comment.status).filter(|_| with_status) {
        fields.insert("status".into(), shapes::status(world, entry, View { skew_ms, ..View::default() }));
    } else {
        fields.insert("status".into(), json!({ "id": mid_of(comment.status) }));
    }
    if let Some(known) = comment.answers.and_then(|cid| find(world, cid)) {
        let mut answered_one = shape(world, &Comment { answers: None, ..known.clone() }, skew_ms, false);
        if let Some(fields) = answered_one.as_object_mut() {
            fields.remove("status");
        }
        fields.insert("reply_comment".into(), answered_one);
    }
    object
}

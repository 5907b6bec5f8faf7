//! The account's own list: page by page, as the public sees it, and as platforms get it wrong.

use serde_json::{Value, json};

use super::PLATFORM;
use super::acts::account_of;
use super::wire::Window;
use crate::answer::Reply;
use crate::effect::{EffectKind, Entry, id_of};
use crate::exchange::{Call, Refusal};
use crate::faults::ListEnd;
use crate::world::{World, now_unix_ms};

/// Posts on one page.
const PAGE: usize = 100;

/// Oldest first; `next` names the last post of a page when there are more.
pub(crate) fn list(world: &mut World, call: &Call, window: &Window) -> Result<Reply, Refusal> {
    let now = now_unix_ms();
    let skew = call.twist.skew_ms;
    let (since, until) =
        (window.since_unix_ms.saturating_sub(skew), window.until_unix_ms.saturating_sub(skew));
    let within = world.ledger.of_account(account_of(call)?, since, until);
    let mut visible: Vec<&Entry> = within.filter(|entry| entry.is_visible(now)).collect();
    let mut complete = true;
    if let Some((most, which, says_so)) = call.twist.part {
        complete = visible.len() <= most || !says_so;
        match which {
            ListEnd::Oldest => visible.truncate(most),
            ListEnd::Newest => visible = visible.split_off(visible.len().saturating_sub(most)),
        }
    }
    let after = window.after.as_deref().and_then(|id| world.ledger.named(id)).map(|entry| entry.number);
    let from = visible.partition_point(|entry| after.is_some_and(|after| entry.number <= after));
    let page = visible.get(from..).unwrap_or_default();
    let more = page.len() > PAGE;
    let mut page: Vec<&Entry> = page.iter().copied().take(PAGE).collect();
    let next = page.last().filter(|_| more).map(|entry| entry.id());
    if call.twist.disorder {
        page.splice(0..0, visible.get(from.saturating_sub(1)..from).unwrap_or_default().iter().copied());
        let middle = page.len() / 2;
        page.reverse();
        page.rotate_left(middle);
    }
    let posts: Vec<Value> = page.into_iter().map(|entry| listed(call, entry)).collect();
    let mut answer = json!({ "posts": posts });
    if let (Some(next), Some(fields)) = (next, answer.as_object_mut()) {
        fields.insert("next".to_owned(), json!(next));
    }
    if let (false, Some(fields)) = (complete, answer.as_object_mut()) {
        fields.insert("complete".to_owned(), json!(false));
    }
    Ok(Reply::json(200, &answer))
}

fn listed(call: &Call, entry: &Entry) -> Value {
    let id = entry.id();
    json!({
        "url": call.shared.links.post(&id),
        "id": id,
        "text": entry.shown_text(),
        "title": entry.said.title.as_deref(),
        "origin_id": entry.said.origin.map(|number| id_of(PLATFORM, EffectKind::Post, number)),
        "created_at_unix_ms": entry.at.saturating_add(call.twist.skew_ms),
    })
}

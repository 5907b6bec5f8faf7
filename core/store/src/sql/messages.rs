//! What readers write, each message once: the place that says that a second one is the same is the table itself, so it holds
//! for every way, order and number of times in which a message can come, and for every daemon (P22, F99).

use jiff::Timestamp;
use juzhen_domain::id::{AccountId, DeliveryId, MessageId};
use juzhen_domain::message::{Kind, Said, Via};
use serde_json::json;

use super::rows::{Fields, millis};
use super::{Transaction, audit, deliveries, params};
use crate::error::StoreError;
use crate::values::{Message, MessageFilter, NewMessage};

/// Keeps those that are not there yet; how many those were.
pub(super) fn keep(
    c: &Transaction<'_>,
    account: &AccountId,
    messages: &[NewMessage],
    via: Via,
    at: Timestamp,
) -> Result<u32, StoreError> {
    let mut new = 0;
    for NewMessage { id, said } in messages {
        if insert(c, account, id, said, via, at)? {
            new += 1;
        } else if via == Via::Poll {
            change(c, account, said, at)?;
        }
    }
    Ok(new)
}

fn insert(
    c: &Transaction<'_>,
    account: &AccountId,
    id: &MessageId,
    said: &Said,
    via: Via,
    at: Timestamp,
) -> Result<bool, StoreError> {
    const SQL: &str =
        "INSERT INTO messages (id, account, kind, platform_id, post, delivery, parent, author_id,
            author_name, text, media, url, shown, reply_until, replies_left, written_at, received_at, via)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)
         ON CONFLICT (account, kind, platform_id) DO NOTHING";
    let delivery = delivery_of(c, account, said)?;
    let delivery = delivery.as_ref().map(DeliveryId::as_str);
    let values = params![
        id.as_str(),
        account.as_str(),
        said.kind.as_str(),
        said.platform_id,
        said.post,
        delivery,
        said.parent,
        said.author_id,
        said.author_name,
        said.text,
        json!(said.media).to_string(),
        said.url,
        said.shown,
        said.reply_until.map(millis),
        said.replies_left,
        said.written_at.map(millis),
        millis(at),
        via.as_str(),
    ];
    if c.execute(SQL, values)? == 0 {
        return Ok(false);
    }
    // Who wrote what stays out of the audit, which is never shortened (C50).
    let detail = json!({ "account": account.as_str(), "kind": said.kind.as_str(), "via": via.as_str(),
        "platform_id": said.platform_id, "delivery": delivery });
    c.will_audit(audit::daemon("message.received".into(), format!("message:{id}"), detail, at));
    Ok(true)
}

/// The delivery that made the post.
fn delivery_of(
    c: &Transaction<'_>,
    account: &AccountId,
    said: &Said,
) -> Result<Option<DeliveryId>, StoreError> {
    const SQL: &str = "SELECT id FROM deliveries WHERE account = ?1 AND receipt_id = ?2 ORDER BY id LIMIT 1";
    let Some(post) = &said.post else { return Ok(None) };
    c.first(SQL, params![account.as_str(), post], |f: &mut Fields<'_>| f.id())
}

/// What a later look sees otherwise: the public sees it now or no longer, an answer was given elsewhere, the post turned out to
/// be ours. A push that comes again says nothing newer than it did.
fn change(c: &Transaction<'_>, account: &AccountId, said: &Said, at: Timestamp) -> Result<(), StoreError> {
    const READ: &str = "SELECT id, shown, replies_left, delivery FROM messages
         WHERE account = ?1 AND kind = ?2 AND platform_id = ?3";
    const CHANGE: &str = "UPDATE messages SET shown = ?2, replies_left = ?3, delivery = ?4 WHERE id = ?1";
    type Before = (MessageId, Option<bool>, Option<u32>, Option<DeliveryId>);
    let place = params![account.as_str(), said.kind.as_str(), said.platform_id];
    let read = |f: &mut Fields<'_>| Ok((f.id()?, f.get()?, f.get()?, f.optional_id()?));
    let Some((id, shown, left, delivery)): Option<Before> = c.first(READ, place, read)? else {
        return Ok(());
    };
    let now_shown = said.shown.or(shown);
    let now_left = said.replies_left.or(left);
    let now_of = match &delivery {
        Some(_) => delivery.clone(),
        None => delivery_of(c, account, said)?,
    };
    if (now_shown, now_left, &now_of) == (shown, left, &delivery) {
        return Ok(());
    }
    let of = now_of.as_ref().map(DeliveryId::as_str);
    c.execute(CHANGE, params![id.as_str(), now_shown, now_left, of])?;
    let detail = json!({ "shown": now_shown, "replies_left": now_left, "delivery": of });
    c.will_audit(audit::daemon("message.changed".into(), format!("message:{id}"), detail, at));
    Ok(())
}

/// Newest first.
pub(crate) fn list(c: &Transaction<'_>, filter: &MessageFilter) -> Result<Vec<Message>, StoreError> {
    let wanted = [
        ("account =", filter.account.as_ref().map(AccountId::as_str)),
        ("kind =", filter.kind.map(Kind::as_str)),
        ("id <", filter.before.as_ref().map(MessageId::as_str)),
    ];
    let (mut clause, mut values) = deliveries::conditions(&wanted, &filter.most);
    let since = filter.since.map(millis);
    if since.is_some() {
        values.push(&since);
        let word = if clause.is_empty() { "WHERE" } else { " AND" };
        clause.push_str(&format!("{word} received_at >= ?{}", values.len()));
    }
    let sql = format!("SELECT {MESSAGE} FROM messages {clause} ORDER BY id DESC LIMIT ?1");
    c.collect(&sql, &values, message)
}

const MESSAGE: &str =
    "id, account, kind, platform_id, post, delivery, parent, author_id, author_name, text, media,
    url, shown, reply_until, replies_left, written_at, received_at, via";

fn message(f: &mut Fields<'_>) -> Result<Message, StoreError> {
    let (id, account, kind, platform_id, post) = (f.id()?, f.id()?, f.word()?, f.get()?, f.get()?);
    let delivery = f.optional_id()?;
    let said = Said {
        kind,
        platform_id,
        post,
        parent: f.get()?,
        author_id: f.get()?,
        author_name: f.get()?,
        text: f.get()?,
        media: f.json()?,
        url: f.get()?,
        shown: f.get()?,
        reply_until: f.optional_time()?,
        replies_left: f.get()?,
        written_at: f.optional_time()?,
    };
    Ok(Message { id, account, said, delivery, received_at: f.time()?, via: f.word()? })
}

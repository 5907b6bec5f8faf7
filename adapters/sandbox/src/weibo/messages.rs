//! Private messages of the fan-service platform: what an office may answer, and how long.

use serde_json::{Value, json};

use super::PLATFORM;
use super::errors::{error, invalid};
use super::lists::answered;
use super::publish::refuse_content;
use super::session::Asked;
use super::text::trimmed;
use crate::effect::{EffectKind, NewEffect, said_hash};
use crate::exchange::{Intent, IntentKind, Refusal};
use crate::world::{World, now_unix_ms};

/// So long after the person did something.
const WINDOW_MS: i64 = 48 * 3_600_000;
const MOST_CHARACTERS: usize = 300;

/// `messages/reply`, `messages/reply/biz`
pub(crate) fn reply(asked: &Asked) -> Result<Intent, Refusal> {
    let receiver = asked.id("receiver_id")?.to_string();
    let kind = asked.required("type")?;
    if !matches!(kind, "text" | "articles" | "position") {
        return Err(invalid("type", "text, articles or position", kind));
    }
    let text = said_in(kind, asked.required("data")?)?;
    asked.flag("save_sender_box")?;
    let uid = asked.session.uid.clone();
    let act = move |world: &mut World, call: &crate::exchange::Call| {
        let now = now_unix_ms();
        let contact = world.weibo.contacts.get(&(uid.clone(), receiver.clone())).copied();
        let is_open =
            contact.is_some_and(|one| now.saturating_sub(one.at) <= WINDOW_MS && one.left != Some(0));
        if !is_open {
            return Err(error(20301));
        }
        refuse_content(world, &text).map_err(|_| error(21602))?;
        let mut effect = NewEffect::of(PLATFORM, EffectKind::Message, call.request.clone());
        effect.account = call.account;
        effect.hash = said_hash("", &text);
        effect.text = text.as_str().into();
        effect.to = Some(receiver.clone());
        world.ledger.record(effect, now)?;
        if let Some(left) = world.weibo.contacts.get_mut(&(uid, receiver)).and_then(|one| one.left.as_mut()) {
            *left = left.saturating_sub(1);
        }
        Ok(answered(&json!({ "result": true })))
    };
    let words = Vec::new();
    Ok(Intent { words, kind: IntentKind::Other, act: Box::new(act) })
}

/// `data` is JSON. Clients encode it once more than the form does, or not; both are understood.
fn said_in(kind: &str, data: &str) -> Result<String, Refusal> {
    let again = form_urlencoded::parse(format!("data={}", data.replace('+', "%2B")).as_bytes())
        .next()
        .map(|(_, value)| value.into_owned())
        .unwrap_or_default();
    let object: Value = serde_json::from_str(data)
        .or_else(|_| serde_json::from_str(&again))
        .map_err(|_| invalid("data", "json", data))?;
    if kind != "text" {
        return Ok(object.to_string());
    }
    let text =
        object.get("text").and_then(Value::as_str).ok_or_else(|| invalid("data", "json with text", data))?;
    if trimmed(text).is_empty() {
        return Err(error(20008));
    }
    if text.chars().count() >= MOST_CHARACTERS {
        return Err(error(20013));
    }
    Ok(text.to_owned())
}

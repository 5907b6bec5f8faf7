//! Answers to private messages: five within 48 hours of what the reader wrote last.

use juzhen_sdk::prelude::*;
use serde::{Deserialize, Serialize};

use crate::wire::{Leaves, Platform};

pub(crate) const WINDOW_MS: i64 = 48 * 3600 * 1000;
pub(crate) const ANSWERS: u32 = 5;
/// Measured; the page says nothing. The district's own rule is 680 characters.
const LONGEST_BYTES: usize = 2048;
const LONGEST_CHARS: usize = 680;

/// Answers that left since the reader wrote last.
#[derive(Default, Serialize, Deserialize)]
struct Answered {
    since_unix_ms: i64,
    count: u32,
}

impl Platform<'_> {
    /// The platform gives no id and no list, so that nobody can look whether an answer arrived.
    pub(crate) async fn reply_privately(&self, reply: &Reply) -> Result<Replied> {
        if reply.look_only {
            return Ok(Replied::NotSeen { complete: false });
        }
        let (cx, reader) = (self.cx, &reply.to.author.uid);
        let key = format!("answered:{reader}");
        let kept = cx.kv().get(&key).await?.and_then(|bytes| serde_json::from_slice::<Answered>(&bytes).ok());
        // What was counted for an older message is over.
        let answered = kept.filter(|kept| kept.since_unix_ms >= reply.to.at_unix_ms).unwrap_or_default();
        fits(&reply.text)?;
        allowed(reply, answered.count, cx.now_unix_ms())?;
        let body = json!({ "touser": reader, "msgtype": "text", "text": { "content": reply.text } });
        self.tell("/cgi-bin/message/custom/send", &body, Leaves::Effect).await?;
        let since_unix_ms = answered.since_unix_ms.max(reply.to.at_unix_ms);
        let counted = Answered { since_unix_ms, count: answered.count.saturating_add(1) };
        cx.kv().set(&key, &serde_json::to_vec(&counted).unwrap_or_default()).await?;
        Ok(Replied::Sent { id: None, at_unix_ms: None })
    }
}

fn allowed(reply: &Reply, answered: u32, now_unix_ms: i64) -> Result<()> {
    let no = |code: &str, why: &str| Err(Error::rejected(why, RejectedBy::Policy, code));
    let until = reply.to.reply_until_unix_ms.unwrap_or(reply.to.at_unix_ms.saturating_add(WINDOW_MS));
    if now_unix_ms > until {
        return no("45015", "来信已超过 48 小时，平台不允许再回复，须等对方再次来信");
    }
    if answered >= ANSWERS || reply.to.replies_left == Some(0) {
        return no("45047", "对方来信后已回复 5 条，平台不允许再回复，须等对方再次来信");
    }
    Ok(())
}

fn fits(text: &str) -> Result<()> {
    let (chars, bytes) = (text.chars().count(), text.len());
    if text.trim().is_empty() {
        return Err(Error::rejected("回复不能为空", RejectedBy::Content, "reply_length"));
    }
    if chars > LONGEST_CHARS || bytes > LONGEST_BYTES {
        let why = format!("回复有 {chars} 字、{bytes} 字节，最多 {LONGEST_CHARS} 字、{LONGEST_BYTES} 字节");
        return Err(Error::rejected(why, RejectedBy::Content, "reply_length"));
    }
    Ok(())
}

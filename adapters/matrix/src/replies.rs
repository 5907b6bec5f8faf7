//! Answers to what others wrote, and taking that away.

use juzhen_sdk::prelude::*;

use crate::event::{self, Event};
use crate::wire::Platform;

/// Clocks of servers differ, and an answer may be told as older than what it answers.
const SKEW_MS: i64 = 60_000;

impl Platform<'_> {
    pub(crate) async fn reply(&self, reply: &Reply) -> Result<Replied> {
        if reply.look_only { self.look(reply).await } else { self.answer(reply).await }
    }

    async fn answer(&self, reply: &Reply) -> Result<Replied> {
        let key = self.cx.meta.idempotency_key.as_str();
        // Read once more: the message may be gone by now, and it says in which thread it stands.
        let to: Event = self.get(&self.room(&format!("event/{}", segment(&reply.to.id))), &[]).await?;
        if to.body().is_none() {
            return Err(Error::rejected("这条留言已被删除，没有回复", RejectedBy::Content, "redacted"));
        }
        let content = event::of_answer(&reply.text, &to, key)?;
        let url = self.room(&format!("send/m.room.message/{}", segment(key)));
        Ok(Replied::Sent { id: Some(self.put(&url, &content, key).await?), at_unix_ms: None })
    }

    /// Is the answer there already?
    async fn look(&self, reply: &Reply) -> Result<Replied> {
        let (events, complete) = self.own(reply.to.at_unix_ms.saturating_sub(SKEW_MS)).await?;
        let key = self.cx.meta.idempotency_key.as_str();
        Ok(match events.iter().find(|event| event.answer() == Some(key)) {
            Some(event) => {
                Replied::Sent { id: Some(event.id().to_owned()), at_unix_ms: Some(event.at_unix_ms()) }
            }
            None => Replied::NotSeen { complete },
        })
    }

    /// A room can take messages away and nothing else: nobody hides one, and who may write is the room's own setting.
    pub(crate) async fn moderate(&self, moderate: &Moderate) -> Result<()> {
        match (moderate.action, &moderate.comment) {
            (Moderation::Delete, Some(comment)) => {
                self.redact(comment, &format!("{}-delete", self.cx.meta.idempotency_key)).await
            }
            (Moderation::Delete, None) => Err(Error::bug("moderate: no comment is named")),
            _ => Err(Error::unsupported("anything but deleting a message")),
        }
    }
}

//! Answers to comments, mentions and private messages, and taking comments away.

use juzhen_sdk::prelude::*;
use serde::Deserialize;

use crate::account::{Part as Where, Tier};
use crate::publish::is_code;
use crate::text::{MOST_UNITS, normal, units};
use crate::wire::{Comment, Platform, time};

/// Weibo wants fewer characters than this in a private message (20013).
const MOST_PRIVATE: usize = 300;

impl Platform<'_> {
    pub(crate) async fn reply(&self, reply: &Reply) -> Result<Replied> {
        let private = reply.to.kind == MessageKind::Private;
        if reply.look_only {
            return if private {
                Err(Error::unsupported("a list of sent private messages"))
            } else {
                self.look(reply).await
            };
        }
        if private { self.answer_privately(reply).await } else { self.answer(reply).await }
    }

    async fn answer(&self, reply: &Reply) -> Result<Replied> {
        if units(&reply.text) > MOST_UNITS {
            let said = "回复超过微博 140 字的限制，没有发送；请删减";
            return Err(Error::rejected(said, RejectedBy::Content, "20012"));
        }
        let post = post_of(&reply.to)?;
        let rip: Option<String> = self.cx.setting_as("rip")?;
        let mut fields = vec![("id", post), ("comment", reply.text.as_str())];
        fields.extend(rip.as_deref().map(|rip| ("rip", rip)));
        let path = match reply.to.kind {
            MessageKind::Comment | MessageKind::MentionInComment => {
                fields.push(("cid", &reply.to.id));
                "comments/reply"
            }
            MessageKind::Mention => "comments/create",
            MessageKind::Private | MessageKind::Other => return Err(Error::unsupported("answering this")),
        };
        let comment: Comment = self.post(Where::Tiered, path, &fields).await?.json()?;
        Ok(sent(&comment))
    }

    async fn answer_privately(&self, reply: &Reply) -> Result<Replied> {
        if reply.text.chars().count() >= MOST_PRIVATE {
            let said = "私信超过微博 300 字的限制，没有发送；请删减";
            return Err(Error::rejected(said, RejectedBy::Content, "20013"));
        }
        let data = json!({ "text": reply.text }).to_string();
        let fields = [("type", "text"), ("data", data.as_str()), ("receiver_id", &reply.to.author.uid)];
        self.post(Where::Private, "messages/reply", &fields).await?;
        Ok(Replied::Sent { id: None, at_unix_ms: None })
    }

    /// Is the answer among the comments already? One page: it was written a moment ago.
    async fn look(&self, reply: &Reply) -> Result<Replied> {
        let listed: Listed = match self.tier {
            Tier::Open => {
                let query = [("id", post_of(&reply.to)?), ("count", "200")];
                self.get(Where::Tiered, "comments/show", &query).await?
            }
            Tier::Granted | Tier::Biz => {
                self.get(Where::Tiered, "comments/by_me", &[("count", "200")]).await?
            }
        };
        let ours = |comment: &&Comment| self.is_answer(comment, reply);
        // The newest come first, and an answer is younger than what it answers.
        let older = |comment: &Comment| time(&comment.created_at).is_some_and(|at| at < reply.to.at_unix_ms);
        let complete = listed.comments.last().is_none_or(older);
        Ok(listed.comments.iter().find(ours).map_or(Replied::NotSeen { complete }, sent))
    }

    fn is_answer(&self, comment: &Comment, reply: &Reply) -> bool {
        let by_us = comment.user.as_ref().is_some_and(|user| user.idstr == self.cx.meta.uid);
        let parent = comment.reply_comment.as_ref().map(|parent| parent.idstr.as_str());
        let to_it = match reply.to.kind {
            MessageKind::Mention => {
                parent.is_none() && comment.status.as_ref().map(|s| &s.idstr) == reply.to.post.as_ref()
            }
            _ => parent == Some(reply.to.id.as_str()),
        };
        // Weibo writes to whom it is before the text.
        let prefix = format!("回复@{}:", reply.to.author.name);
        let text = comment.text.strip_prefix(&prefix).unwrap_or(&comment.text);
        by_us && to_it && normal(text) == normal(&reply.text)
    }

    pub(crate) async fn moderate(&self, moderate: &Moderate) -> Result<()> {
        if moderate.action != Moderation::Delete || self.tier == Tier::Open {
            return Err(Error::unsupported("this moderation by Weibo's interface of this tier"));
        }
        let comment =
            moderate.comment.as_deref().ok_or_else(|| Error::bug("moderate: no comment is named"))?;
        match self.post(Where::Tiered, "comments/destroy", &[("cid", comment)]).await {
            Ok(_) => Ok(()),
            Err(no) if is_code(&no, "20201") => Ok(()),
            Err(other) => Err(other),
        }
    }
}

fn post_of(message: &Message) -> Result<&str> {
    message.post.as_deref().ok_or_else(|| Error::bug("reply: the message has no post"))
}

fn sent(comment: &Comment) -> Replied {
    let id = Some(comment.idstr.clone()).filter(|id| !id.is_empty());
    Replied::Sent { id, at_unix_ms: time(&comment.created_at) }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Listed {
    comments: Vec<Comment>,
}

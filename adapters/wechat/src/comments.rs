//! Comments: nobody is told of a new one, so they are listed, article by article.

use juzhen_sdk::message::{Author, Message, MessageKind, Moderation};
use juzhen_sdk::prelude::*;
use serde::Deserialize;

use crate::errcode::{self, Class};
use crate::track::comments_key;
use crate::wire::{Leaves, Number, Platform, Refused};

/// The platform refuses 50 and more.
const PAGE: u32 = 49;
/// Each page is a request; how many an account has a day is not published.
const MOST_PAGES: u32 = 4;
/// Asking more often is of little use.
const AGAIN_MS: u64 = 600_000;
/// No limit is published; an answer is a sentence or two.
const LONGEST_REPLY: usize = 140;

impl Platform<'_> {
    pub(crate) async fn poll(&self, poll: &Poll) -> Result<Messages> {
        let mut answer = Messages { after_ms: Some(AGAIN_MS), ..Messages::default() };
        for post in &poll.posts {
            let Some(article) = self.commented(post).await? else {
                answer.gaps.push(format!("文章 {post} 的留言编号不明，无法读取留言"));
                continue;
            };
            let (comments, all) = self.comments(article).await?;
            if !all {
                answer.gaps.push(format!("文章 {post} 的留言太多，只读取了一部分"));
            }
            let wanted = comments.into_iter().filter(|comment| comment.at_unix_ms() >= poll.since_unix_ms);
            answer.messages.extend(wanted.map(|comment| comment.message(post, article)));
        }
        answer.messages.sort_by(|a, b| (a.at_unix_ms, &a.id).cmp(&(b.at_unix_ms, &b.id)));
        if poll.most > 0 && answer.messages.len() > usize::try_from(poll.most).unwrap_or(usize::MAX) {
            answer.messages.truncate(usize::try_from(poll.most).unwrap_or(usize::MAX));
            answer.more = true;
        }
        Ok(answer)
    }

    /// Answers a comment. The platform takes one answer for each, so what it says of a second one is looked into.
    pub(crate) async fn reply_to_comment(&self, reply: &Reply) -> Result<Replied> {
        let place = Place::read(&reply.to.id)?;
        if reply.look_only {
            return self.looked(&place, &reply.text).await;
        }
        let length = reply.text.chars().count();
        if reply.text.trim().is_empty() || length > LONGEST_REPLY {
            let why = format!("留言回复须在 1 至 {LONGEST_REPLY} 字之间，现在是 {length} 字");
            return Err(Error::rejected(why, RejectedBy::Content, "reply_length"));
        }
        let mut body = place.body();
        if let Some(fields) = body.as_object_mut() {
            fields.insert("content".to_owned(), json!(reply.text));
        }
        let answer = self.post("/cgi-bin/comment/reply/add", &body, Leaves::Effect).await?;
        match Refused::of(&answer) {
            // A page of whatever stands in between is no answer of the platform.
            None => answer.json::<Value>().map(|_| Replied::Sent { id: None, at_unix_ms: None }),
            Some(no) if errcode::class(no.errcode) == Some(Class::Taken) => {
                self.whose_reply(&place, reply, &no).await
            }
            Some(no) => Err(self.refused(&no, Leaves::Effect)),
        }
    }

    async fn whose_reply(&self, place: &Place, reply: &Reply, no: &Refused) -> Result<Replied> {
        match self.looked(place, &reply.text).await? {
            sent @ Replied::Sent { .. } => Ok(sent),
            Replied::NotSeen { .. } => Err(self.refused(no, Leaves::Effect)),
        }
    }

    async fn looked(&self, place: &Place, text: &str) -> Result<Replied> {
        let (comments, complete) = self.comments(place.article).await?;
        let ours = comments.iter().find(|comment| comment.user_comment_id.0 == place.comment);
        let same = ours.and_then(Comment::answer).filter(|answer| answer.content.trim() == text.trim());
        Ok(match same {
            Some(answer) => {
                Replied::Sent { id: None, at_unix_ms: answer.create_time.map(|s| s.saturating_mul(1000)) }
            }
            None => Replied::NotSeen { complete },
        })
    }

    pub(crate) async fn moderate(&self, moderate: &Moderate) -> Result<()> {
        let path = match moderate.action {
            Moderation::Delete => "delete",
            Moderation::Elect => "markelect",
            Moderation::Unelect => "unmarkelect",
            Moderation::DeleteReply => "reply/delete",
            Moderation::OpenComments => "open",
            Moderation::CloseComments => "close",
            Moderation::Hide | Moderation::Show => return Err(Error::unsupported("hiding a single comment")),
        };
        let body = match (&moderate.comment, moderate.action) {
            (_, Moderation::OpenComments | Moderation::CloseComments) => {
                let post = moderate.post.as_deref().unwrap_or_default();
                let Some(article) = self.commented(post).await? else {
                    let why = format!("文章 {post} 的留言编号不明，请在公众平台操作");
                    return Err(Error::rejected(why, RejectedBy::Policy, "no_msg_data_id"));
                };
                json!({ "msg_data_id": article, "index": 0 })
            }
            (Some(comment), _) => Place::read(comment)?.body(),
            (None, _) => return Err(Error::bug("no comment is named")),
        };
        let answer = self.post(&format!("/cgi-bin/comment/{path}"), &body, Leaves::Effect).await?;
        match Refused::of(&answer) {
            None => answer.json::<Value>().map(drop),
            // Gone is what was asked for, but there is nothing left to choose.
            Some(no)
                if errcode::class(no.errcode) == Some(Class::Gone)
                    && matches!(moderate.action, Moderation::Delete | Moderation::DeleteReply) =>
            {
                Ok(())
            }
            Some(no) => Err(self.refused(&no, Leaves::Effect)),
        }
    }

    /// The number that comments of a post are listed by, where it is known.
    async fn commented(&self, post: &str) -> Result<Option<u64>> {
        let kept = self.cx.kv().get(&comments_key(post)).await?;
        Ok(kept.and_then(|bytes| String::from_utf8(bytes).ok()?.parse().ok()))
    }

    /// The comments of an article, and whether those are all.
    async fn comments(&self, article: u64) -> Result<(Vec<Comment>, bool)> {
        let mut all = Vec::new();
        for page in 0..MOST_PAGES {
            let (begin, count) = (page * PAGE, PAGE);
            let body =
                json!({ "msg_data_id": article, "index": 0, "begin": begin, "count": count, "type": 0 });
            let got: Listed = self.ask("/cgi-bin/comment/list", &body, Leaves::Nothing).await?;
            let empty = got.comment.is_empty();
            all.extend(got.comment);
            if empty || u32::try_from(all.len()).unwrap_or(u32::MAX) >= got.total {
                return Ok((all, true));
            }
        }
        Ok((all, false))
    }
}

/// A comment of an article; its id is unique within it only.
#[derive(Debug, PartialEq, Eq)]
struct Place {
    article: u64,
    comment: u64,
}

impl Place {
    fn read(id: &str) -> Result<Self> {
        let numbers = id.split_once('-').and_then(|(a, c)| Some((a.parse().ok()?, c.parse().ok()?)));
        let (article, comment) =
            numbers.ok_or_else(|| Error::bug(format!("`{id}` is no comment of this adapter")))?;
        Ok(Self { article, comment })
    }

    fn body(&self) -> Value {
        json!({ "msg_data_id": self.article, "index": 0, "user_comment_id": self.comment })
    }
}

#[derive(Deserialize)]
struct Listed {
    #[serde(default)]
    total: u32,
    #[serde(default)]
    comment: Vec<Comment>,
}

#[derive(Deserialize)]
struct Comment {
    user_comment_id: Number,
    /// Missing when the reader commented under another identity.
    #[serde(default)]
    openid: String,
    #[serde(default)]
    create_time: i64,
    #[serde(default)]
    content: String,
    /// 1: chosen, so that everybody sees it.
    #[serde(default)]
    comment_type: i64,
    /// An object, a list of them, or nothing.
    #[serde(default)]
    reply: Value,
}

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    content: String,
    create_time: Option<i64>,
}

impl Comment {
    fn at_unix_ms(&self) -> i64 {
        self.create_time.saturating_mul(1000)
    }

    fn answer(&self) -> Option<Answer> {
        let one = self.reply.as_array().map_or(Some(&self.reply), |list| list.first())?;
        Answer::deserialize(one).ok().filter(|answer| !answer.content.is_empty())
    }

    fn message(self, post: &str, article: u64) -> Message {
        Message {
            kind: MessageKind::Comment,
            id: format!("{article}-{}", self.user_comment_id),
            post: Some(post.to_owned()),
            at_unix_ms: self.at_unix_ms(),
            shown: Some(self.comment_type == 1),
            replies_left: Some(u32::from(self.answer().is_none())),
            author: Author { uid: self.openid, name: String::new() },
            text: self.content,
            ..Message::default()
        }
    }
}

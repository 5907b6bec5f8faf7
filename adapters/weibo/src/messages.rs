//! New comments and mentions, within the few reads that Weibo allows: one cheap call says whether there are any.

use juzhen_sdk::prelude::*;
use serde::{Deserialize, Serialize};

use crate::account::{Part as Where, Tier};
use crate::wire::{Comment, Platform, Status, time};

/// The open interfaces give an account 100 calls a day, of which half are for this.
const OPEN_PAUSE_MS: u64 = 30 * 60_000;
const BIZ_PAUSE_MS: u64 = 5 * 60_000;
/// The unread counts go back to nothing when a person reads the account on the web, so they are not believed for ever.
const FULL_EVERY_MS: i64 = 6 * 3_600_000;
/// Ids rise with time, but not to the second, and lists lag: what is younger than this is asked for again.
const OVERLAP_MS: i64 = 120_000;
/// On the open tier each post is a call.
const OPEN_POSTS: usize = 5;
const PAGE: usize = 50;

impl Platform<'_> {
    pub(crate) async fn poll(&self, poll: &Poll) -> Result<Messages> {
        let now = self.cx.now_unix_ms();
        let mut cursor = Cursor::read(poll.cursor.as_deref());
        let pause = if self.tier == Tier::Biz { BIZ_PAUSE_MS } else { OPEN_PAUSE_MS };
        let unread: Unread =
            self.get(Where::Remind, "remind/unread_count", &[("uid", &self.cx.meta.uid)]).await?;
        let full = cursor.full_at.saturating_add(FULL_EVERY_MS) <= now;
        let mut answer = Messages { after_ms: Some(pause), ..Messages::default() };
        if full || unread.cmt > 0 {
            let comments = self.comments(poll, cursor.comments, &mut answer.gaps).await?;
            take(&mut answer.messages, comments, &mut cursor.comments, now);
        }
        if full || unread.mention_status > 0 {
            let listed: Mentions = self.since("statuses/mentions", cursor.mentions, &[]).await?;
            note_cut(listed.statuses.len(), "@ 本账号的微博", &mut answer.gaps);
            take(
                &mut answer.messages,
                listed.statuses.iter().map(mention).collect(),
                &mut cursor.mentions,
                now,
            );
        }
        if full || unread.mention_cmt > 0 {
            let listed: Comments = self.since("comments/mentions", cursor.in_comments, &[]).await?;
            note_cut(listed.comments.len(), "@ 本账号的评论", &mut answer.gaps);
            let named = listed.comments.iter().map(|one| message(MessageKind::MentionInComment, one, None));
            take(&mut answer.messages, named.collect(), &mut cursor.in_comments, now);
        }
        if full {
            cursor.full_at = now;
        }
        answer.messages.retain(|m| m.author.uid != self.cx.meta.uid && m.at_unix_ms >= poll.since_unix_ms);
        answer.messages.sort_by(|a, b| (a.at_unix_ms, &a.id).cmp(&(b.at_unix_ms, &b.id)));
        answer.cursor = Some(cursor.written());
        Ok(answer)
    }

    /// Those under our posts: one list where Weibo gives it, else post by post.
    async fn comments(&self, poll: &Poll, since: u64, gaps: &mut Vec<String>) -> Result<Vec<Message>> {
        if self.tier != Tier::Open {
            let listed: Comments = self.since("comments/to_me", since, &[]).await?;
            note_cut(listed.comments.len(), "评论", gaps);
            return Ok(listed.comments.iter().map(|one| message(MessageKind::Comment, one, None)).collect());
        }
        let mut found = Vec::new();
        for post in poll.posts.iter().take(OPEN_POSTS) {
            let listed: Comments = self.since("comments/show", since, &[("id", post)]).await?;
            note_cut(listed.comments.len(), "评论", gaps);
            found.extend(listed.comments.iter().map(|one| message(MessageKind::Comment, one, Some(post))));
        }
        if poll.posts.len() > OPEN_POSTS {
            gaps.push(format!("开放接口的读取次数有限，只读了最近 {OPEN_POSTS} 条微博的评论"));
        }
        Ok(found)
    }

    async fn since<T: serde::de::DeserializeOwned>(
        &self,
        path: &str,
        id: u64,
        more: &[(&str, &str)],
    ) -> Result<T> {
        let (id, count) = (id.to_string(), PAGE.to_string());
        let mut query = vec![("since_id", id.as_str()), ("count", &count)];
        query.extend_from_slice(more);
        self.get(Where::Tiered, path, &query).await
    }
}

/// A full page: what was before it since the last look is not listed.
fn note_cut(listed: usize, what: &str, gaps: &mut Vec<String>) {
    if listed >= PAGE {
        gaps.push(format!("{what}一次只能读最近 {PAGE} 条，较早的请到微博网页上查看"));
    }
}

/// Adds what was found; the cursor follows what is old enough to be sure that nothing came before it any more.
fn take(messages: &mut Vec<Message>, found: Vec<Message>, cursor: &mut u64, now: i64) {
    let settled = found.iter().filter(|one| one.at_unix_ms.saturating_add(OVERLAP_MS) <= now);
    let newest = settled.filter_map(|one| one.id.parse().ok()).max();
    *cursor = newest.unwrap_or(0).max(*cursor);
    messages.extend(found);
}

fn message(kind: MessageKind, comment: &Comment, post: Option<&str>) -> Message {
    let listed = comment.status.as_ref().map(|status| status.idstr.clone());
    Message {
        kind,
        id: comment.idstr.clone(),
        post: post.map(str::to_owned).or(listed),
        parent: comment.reply_comment.as_ref().map(|parent| parent.idstr.clone()),
        author: author(comment.user.as_ref()),
        text: comment.text.clone(),
        at_unix_ms: time(&comment.created_at).unwrap_or_default(),
        ..Message::default()
    }
}

fn mention(status: &Status) -> Message {
    let author = author(status.user.as_ref());
    Message {
        kind: MessageKind::Mention,
        id: status.idstr.clone(),
        post: Some(status.idstr.clone()),
        url: status.url(&author.uid),
        author,
        text: status.text.clone(),
        at_unix_ms: status.at_unix_ms().unwrap_or_default(),
        ..Message::default()
    }
}

fn author(user: Option<&crate::wire::User>) -> Author {
    user.map(|user| Author { uid: user.idstr.clone(), name: user.screen_name.clone() }).unwrap_or_default()
}

/// How far each list was read, by Weibo's ids, which rise.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct Cursor {
    comments: u64,
    mentions: u64,
    in_comments: u64,
    /// When all lists were last read, whatever the counts said.
    full_at: i64,
}

impl Cursor {
    /// One that cannot be read is none: everything comes again, and the same message twice does no harm.
    fn read(text: Option<&str>) -> Self {
        text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
    }

    fn written(&self) -> String {
        json!(self).to_string()
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Unread {
    cmt: u64,
    mention_status: u64,
    mention_cmt: u64,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Comments {
    comments: Vec<Comment>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Mentions {
    statuses: Vec<Status>,
}

//! What others write in the room: comments under posts, in threads and as answers, and everything else.

use std::collections::HashMap;

use juzhen_sdk::prelude::*;

use crate::event::Event;
use crate::timeline::{PAGE, Page};
use crate::wire::Platform;

/// At the first look, when there is no place yet from which to read on.
const MOST_PAGES: usize = 10;

impl Platform<'_> {
    /// Reads on from where the last poll ended, whatever time the events claim. The cursor is the server's own token for a place in
    /// the room.
    pub(crate) async fn poll(&self, poll: &Poll) -> Result<Messages> {
        let filter = json!({
            "types": ["m.room.message"],
            "not_senders": [self.cx.meta.uid],
            "lazy_load_members": true, // The names come with the page.
        });
        let filter = filter.to_string();
        let mut answer = Messages::default();
        let (events, names) = match poll.cursor.as_deref() {
            Some(cursor) => {
                let most = usize::try_from(poll.most).unwrap_or(PAGE);
                let most = if most == 0 { PAGE } else { most.min(PAGE) };
                let mut page = self.page("f", Some(cursor), most, &filter).await?;
                answer.more = page.chunk.len() >= most && page.end.is_some();
                answer.cursor = page.end.take();
                let names = names(&page);
                (page.chunk, names)
            }
            None => self.first(poll.since_unix_ms, &filter, &mut answer).await?,
        };
        let mut messages: Vec<Message> =
            events.iter().filter_map(|event| self.message(event, &names)).collect();
        place_answers(&mut messages, &poll.posts);
        answer.messages = messages;
        Ok(answer)
    }

    /// Back from the newest message to `since_unix_ms`; from then on the newest place is where to read on.
    async fn first(
        &self,
        since_unix_ms: i64,
        filter: &str,
        answer: &mut Messages,
    ) -> Result<(Vec<Event>, HashMap<String, String>)> {
        let (mut events, mut known, mut from) = (Vec::new(), HashMap::new(), None::<String>);
        for page in 0..MOST_PAGES {
            let read = self.page("b", from.as_deref(), PAGE, filter).await?;
            known.extend(names(&read));
            if page == 0 {
                answer.cursor = read.start;
            }
            let is_recent = |event: &Event| event.at_unix_ms() >= since_unix_ms;
            // The time is what the sender's server says, so a single old one ends nothing.
            let reached = !read.chunk.is_empty() && !read.chunk.iter().any(is_recent);
            events.extend(read.chunk.into_iter().filter(is_recent));
            from = read.end;
            if reached || from.is_none() {
                events.reverse();
                return Ok((events, known));
            }
        }
        answer.gaps.push(format!("房间里的留言太多，只读了最近 {} 条", MOST_PAGES * PAGE));
        events.reverse();
        Ok((events, known))
    }

    /// `None` of one that was redacted.
    fn message(&self, event: &Event, names: &HashMap<String, String>) -> Option<Message> {
        let body = event.body()?;
        let uid = event.sender().to_owned();
        let name = names.get(&uid).cloned().unwrap_or_default();
        let answered = event.replaces().or_else(|| event.answers());
        let parent = answered.filter(|answered| event.thread() != Some(answered)).map(str::to_owned);
        let kind = if event.thread().is_some() || answered.is_some() {
            MessageKind::Comment
        } else if event.mentions(&self.cx.meta.uid) {
            MessageKind::Mention
        } else {
            MessageKind::Other
        };
        Some(Message {
            kind,
            id: event.id().to_owned(),
            post: event.thread().map(str::to_owned),
            parent,
            author: Author { uid, name },
            text: without_quote(body, answered.is_some()).to_owned(),
            at_unix_ms: event.at_unix_ms(),
            url: Some(self.permalink(event.id())),
            shown: Some(true),
            ..Message::default()
        })
    }
}

fn names(page: &Page) -> HashMap<String, String> {
    let members = page.state.iter().filter_map(Event::member);
    members.map(|(user, name)| (user.to_owned(), name.to_owned())).collect()
}

/// An answer outside of a thread names only what it answers: that is the post, or a comment whose post is known from this page.
fn place_answers(messages: &mut [Message], posts: &[String]) {
    let mut posts_of: HashMap<String, String> = HashMap::new();
    for message in messages.iter_mut().filter(|message| message.kind == MessageKind::Comment) {
        if message.post.is_none()
            && let Some(parent) = message.parent.take()
        {
            if posts.contains(&parent) {
                message.post = Some(parent);
            } else {
                message.post = posts_of.get(&parent).cloned();
                message.parent = Some(parent);
            }
        }
        if let Some(post) = &message.post {
            posts_of.insert(message.id.clone(), post.clone());
        }
    }
}

/// What the person wrote: before v1.13 programs put the answered text in front of it, each line behind `> `.
fn without_quote(body: &str, answers: bool) -> &str {
    if !answers || !body.starts_with("> ") {
        return body;
    }
    let mut rest = body;
    while rest.starts_with("> ") {
        rest = rest.split_once('\n').map_or("", |(_, behind)| behind);
    }
    rest.strip_prefix('\n').unwrap_or(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_quoted_text_is_not_the_readers() {
        let body = "> <@a:x> 今日停水\n> 请储水\n\n几点来水？";
        assert_eq!(without_quote(body, true), "几点来水？");
        assert_eq!(without_quote(body, false), body, "who answers nothing quotes on purpose");
        assert_eq!(without_quote("> 只有引文", true), "");
    }

    #[test]
    fn an_answer_to_an_answer_stands_under_the_same_post() {
        let comment = |id: &str, parent: &str| Message {
            kind: MessageKind::Comment,
            id: id.into(),
            parent: Some(parent.into()),
            ..Message::default()
        };
        let mut messages = [comment("$1", "$post"), comment("$2", "$1"), comment("$3", "$unknown")];
        place_answers(&mut messages, &["$post".into()]);
        let placed: Vec<_> =
            messages.iter().map(|one| (one.post.as_deref(), one.parent.as_deref())).collect();
        assert_eq!(placed, [(Some("$post"), None), (Some("$post"), Some("$1")), (None, Some("$unknown"))]);
    }
}

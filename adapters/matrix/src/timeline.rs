//! The room's messages, page by page, and which of them are posts of the account.

use juzhen_sdk::prelude::*;
use serde::Deserialize;

use crate::event::Event;
use crate::wire::Platform;

/// Servers give no more than this at once.
pub(crate) const PAGE: usize = 100;
/// A window has a few posts of the account; one that is longer than this many pages is left a part.
const MOST_PAGES: usize = 20;

#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Page {
    pub(crate) chunk: Vec<Event>,
    /// Who wrote them, where that was asked for.
    pub(crate) state: Vec<Event>,
    /// The place from which this page was read.
    pub(crate) start: Option<String>,
    /// Where the next one begins; `None`: there is none.
    pub(crate) end: Option<String>,
}

impl Platform<'_> {
    /// By the key that every post of ours carries. A room may have been given another's post of the same text; that is no proof.
    pub(crate) async fn find(&self, find: &Find) -> Result<Found> {
        let (events, complete) = self.own(find.since_unix_ms).await?;
        let key = self.cx.meta.idempotency_key.as_str();
        let ours = |event: &Event| event.delivery() == Some(key) && event.replaces().is_none();
        let wanted = |event: &Event| if find.asks_for_all() { is_post(event) } else { ours(event) };
        let within = |event: &Event| event.at_unix_ms() <= find.until_unix_ms;
        let mut matches: Vec<FoundPost> = events
            .iter()
            .filter(|event| within(event) && wanted(event))
            .map(|event| self.found(event))
            .collect();
        matches.sort_by(|a, b| (a.at_unix_ms, &a.id).cmp(&(b.at_unix_ms, &b.id)));
        matches.dedup_by(|a, b| a.id == b.id);
        Ok(Found { matches, complete })
    }

    /// What the account itself has sent since then, newest first, and whether that is all.
    pub(crate) async fn own(&self, since_unix_ms: i64) -> Result<(Vec<Event>, bool)> {
        let filter = json!({ "types": ["m.room.message"], "senders": [self.cx.meta.uid] }).to_string();
        let (mut events, mut from) = (Vec::new(), None::<String>);
        for _page in 0..MOST_PAGES {
            let page = self.page("b", from.as_deref(), PAGE, &filter).await?;
            let reached = page.chunk.iter().any(|event| event.at_unix_ms() < since_unix_ms);
            let recent = page.chunk.into_iter().filter(|event| event.at_unix_ms() >= since_unix_ms);
            // A redacted one has nothing left that anybody could read.
            events.extend(recent.filter(|event| event.body().is_some()));
            from = page.end;
            if reached || from.is_none() {
                return Ok((events, true));
            }
        }
        Ok((events, false))
    }

    /// A page of the room's messages: `direction` is `b` for older ones and `f` for newer ones.
    pub(crate) async fn page(
        &self,
        direction: &str,
        from: Option<&str>,
        most: usize,
        filter: &str,
    ) -> Result<Page> {
        let most = most.to_string();
        let mut query = vec![("dir", direction), ("limit", &most), ("filter", filter)];
        query.extend(from.map(|from| ("from", from)));
        self.get(&self.room("messages"), &query).await
    }

    fn found(&self, event: &Event) -> FoundPost {
        FoundPost {
            id: event.id().to_owned(),
            url: Some(self.permalink(event.id())),
            at_unix_ms: Some(event.at_unix_ms()),
            text: event.body().map(str::to_owned),
        }
    }
}

/// What the public takes for a word of the account. Another version of a post is one, too, as it changes what was approved.
/// Answers are not: those of ours, and whatever stands in a thread.
fn is_post(event: &Event) -> bool {
    event.answer().is_none() && event.thread().is_none()
}

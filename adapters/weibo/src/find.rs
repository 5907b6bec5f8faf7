//! Is a post on the account? By our annotation where it comes back, else by the text as Weibo shows it.

use juzhen_sdk::prelude::*;
use serde::Deserialize;

use crate::account::{Part as Where, Tier};
use crate::repost::{SILENT, told};
use crate::text::{compose, normal};
use crate::wire::{Platform, Status};

/// A window has a few posts; a list that is longer than this is left a part.
const MOST_PAGES: usize = 10;

impl Platform<'_> {
    pub(crate) async fn find(&self, find: &Find) -> Result<Found> {
        let wanted = self.wanted(find)?;
        let (listed, complete) = self.listed(find).await?;
        let ours = |status: &&Status| find.asks_for_all() || wanted.iter().any(|one| one.is(status));
        let mut matches: Vec<_> = listed.iter().filter(ours).map(|status| self.found(status)).collect();
        matches.sort_by(|a, b| (a.at_unix_ms, &a.id).cmp(&(b.at_unix_ms, &b.id)));
        matches.dedup_by(|a, b| a.id == b.id);
        Ok(Found { matches, complete })
    }

    /// The forms under which it may be there. A forward was perhaps a share, where the app may not repost.
    fn wanted(&self, find: &Find) -> Result<Vec<Wanted>> {
        let key = &self.cx.meta.idempotency_key;
        let post = |text: &str| Wanted { key: key.clone(), text: normal(text), origin: None, link: None };
        let link = self.marking_link()?;
        let marked = |text: &str| {
            let link = link.clone().filter(|link| text.ends_with(link.own.as_str()));
            Wanted { link, ..post(text) }
        };
        let shared = |text: &str| Platform { cx: self.cx, tier: Tier::Open }.rendered(text);
        if let Some(repost) = &find.repost {
            let comment = Some(repost.comment.trim()).filter(|said| !said.is_empty()).unwrap_or(SILENT);
            let mut wanted = vec![Wanted { origin: Some(repost.origin.id.clone()), ..post(comment) }];
            wanted.extend(shared(&told(repost)).ok().map(|text| marked(&text)));
            return Ok(wanted);
        }
        let Some(text) = find.post.as_ref().map(compose) else { return Ok(Vec::new()) };
        Ok(vec![marked(&self.rendered(&text)?)])
    }

    /// The address by which a post without an annotation is known: one that is this delivery's alone.
    fn marking_link(&self) -> Result<Option<Link>> {
        let form: Option<String> = self.cx.setting_as("share_link")?;
        let Some((before, _)) = form.as_deref().and_then(|form| form.split_once("{key}")) else {
            return Ok(None);
        };
        // An account of another interface may have the one setting without the other.
        if self.cx.setting("safe_domain").is_err() {
            return Ok(None);
        }
        let before = before.to_owned();
        Ok(self.share_link()?.map(|own| Link { own, before }))
    }

    /// The account's posts of the window, and whether those are all. Of the open interfaces Weibo lists the newest five only.
    async fn listed(&self, find: &Find) -> Result<(Vec<Status>, bool)> {
        let uid = self.cx.meta.uid.as_str();
        let pages = if self.tier == Tier::Biz { MOST_PAGES } else { 1 };
        let (mut listed, mut read) = (Vec::new(), 0);
        for page in 1..=pages {
            let page = page.to_string();
            let query = [("uid", uid), ("count", "100"), ("page", &page)];
            let got: Timeline = self.get(Where::Tiered, "statuses/user_timeline", &query).await?;
            read += got.statuses.len();
            // The last one says how far back the list goes; one that was pinned to the top is not the last.
            let oldest = got.statuses.last().and_then(Status::at_unix_ms);
            let all = oldest.is_some_and(|at| at < find.since_unix_ms) || got.total_number == Some(read);
            let empty = got.statuses.is_empty();
            listed.extend(got.statuses.into_iter().filter(|status| within(find, status)));
            if all || empty {
                return Ok((listed, all));
            }
        }
        Ok((listed, false))
    }

    fn found(&self, status: &Status) -> FoundPost {
        FoundPost {
            id: status.idstr.clone(),
            url: status.url(&self.cx.meta.uid),
            at_unix_ms: status.at_unix_ms(),
            text: Some(status.text.trim_matches(|c: char| c.is_whitespace() || c == '\u{200b}').to_owned()),
        }
    }
}

/// Weibo's times are whole seconds, so one of the first second counts. What was deleted is not there.
fn within(find: &Find, status: &Status) -> bool {
    let there = status.deleted.is_none() && !status.idstr.is_empty();
    let since = find.since_unix_ms.saturating_sub(999);
    there && status.at_unix_ms().is_some_and(|at| since <= at && at <= find.until_unix_ms)
}

struct Wanted {
    key: String,
    text: String,
    /// Of a repost: the id of what was forwarded.
    origin: Option<String>,
    /// Of an open post that ends with one.
    link: Option<Link>,
}

/// An address with the delivery's key in it, and how those of all deliveries begin.
#[derive(Clone)]
struct Link {
    own: String,
    before: String,
}

impl Wanted {
    /// Whether it carries the link of this delivery; `None`: it carries none of any delivery, or Weibo does not say.
    fn linked(&self, status: &Status) -> Option<bool> {
        let Link { own, before } = self.link.as_ref()?;
        let ours = long_addresses(status).find(|address| address.starts_with(before.as_str()))?;
        Some(ours == own)
    }

    fn is(&self, status: &Status) -> bool {
        if let Some(origin) = &self.origin {
            let root = status.retweeted_status.as_ref().map(|root| &root.idstr);
            return root == Some(origin) && normal(&status.text) == self.text;
        }
        if status.retweeted_status.is_some() {
            return false;
        }
        // An annotation of ours is proof either way; the text is only asked where none came back.
        match (annotated(status), self.linked(status)) {
            (Some(key), _) => key == self.key,
            (None, Some(is_ours)) => is_ours,
            (None, None) => normal(&status.text) == self.text,
        }
    }
}

/// What a short address in a post stands for, where Weibo says it.
fn long_addresses(status: &Status) -> impl Iterator<Item = &str> {
    let places = ["/info/url_long", "/url_ori"];
    status
        .url_objects
        .iter()
        .filter_map(move |one| places.iter().find_map(|place| one.pointer(place)?.as_str()))
}

/// The key of the delivery that made it.
fn annotated(status: &Status) -> Option<&str> {
    let notes = status.annotations.as_ref()?.as_array()?;
    notes.iter().find_map(|note| note.get("juzhen")?.as_str())
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Timeline {
    statuses: Vec<Status>,
    /// Of the account, not of the page.
    total_number: Option<usize>,
}

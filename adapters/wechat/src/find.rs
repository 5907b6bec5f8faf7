//! Is a post on the account? From the platform's list of published articles, which does not have mass sends.

use juzhen_sdk::prelude::*;
use serde::Deserialize;

use crate::account::{self, Mode};
use crate::article::{self, Article};
use crate::publish::style;
use crate::wire::{Leaves, Platform};

const PAGE: u32 = 20;
/// Each page is one of the hundred requests that an account has a day.
const MOST_PAGES: u32 = 5;

impl Platform<'_> {
    /// Title, link and the whole text have to be the same: what is found is proof.
    pub(crate) async fn find(&self, find: &Find) -> Result<Found> {
        if account::mode(self.cx)? == Mode::Mass {
            return Err(Error::unsupported("a list of mass sends"));
        }
        let Some(post) = &find.post else { return self.everything(find).await };
        let article = article::render(post, &style(self.cx)?)?;
        let (listed, complete) = self.listed(find).await?;
        let mut matches = Vec::new();
        for one in listed.iter().filter(|one| article.is(&one.title, &one.link)) {
            if self.reads(&one.id, &article).await? {
                matches.push(one.found());
            }
        }
        Ok(Found { matches, complete })
    }

    /// For the watch over what nobody made through here. The list costs requests that publishing needs, so an account is
    /// watched only when its settings say so.
    async fn everything(&self, find: &Find) -> Result<Found> {
        let watched: Option<bool> = self.cx.setting_as("watch")?;
        if watched != Some(true) {
            return Err(Error::unsupported(
                "a list of posts, unless the account's setting `watch` asks for it",
            ));
        }
        let (listed, complete) = self.listed(find).await?;
        Ok(Found { matches: listed.iter().map(Listed::found).collect(), complete })
    }

    /// The articles of the window, oldest first, and whether those are all.
    async fn listed(&self, find: &Find) -> Result<(Vec<Listed>, bool)> {
        let mut listed = Vec::new();
        let mut complete = false;
        for page in 0..MOST_PAGES {
            let body = json!({ "offset": page * PAGE, "count": PAGE, "no_content": 1 });
            let got: Page = self.ask("/cgi-bin/freepublish/batchget", &body, Leaves::Nothing).await?;
            let read = page * PAGE + u32::try_from(got.item.len()).unwrap_or(PAGE);
            // The newest come first.
            let older = |item: &Item| item.update_time.saturating_mul(1000) < find.since_unix_ms;
            complete = got.item.is_empty() || read >= got.total_count || got.item.last().is_some_and(older);
            listed.extend(got.item.into_iter().filter_map(Listed::of));
            if complete {
                break;
            }
        }
        listed.retain(|one| (find.since_unix_ms..=find.until_unix_ms).contains(&one.at_unix_ms));
        listed.sort_by(|a, b| (a.at_unix_ms, &a.id).cmp(&(b.at_unix_ms, &b.id)));
        listed.dedup_by(|a, b| a.id == b.id);
        Ok((listed, complete))
    }

    async fn reads(&self, id: &str, article: &Article) -> Result<bool> {
        let body = json!({ "article_id": id });
        let got: Content = self.ask("/cgi-bin/freepublish/getarticle", &body, Leaves::Nothing).await?;
        let first = got.news_item.first();
        Ok(first.is_some_and(|first| !first.is_deleted && article.reads(&first.content)))
    }
}

struct Listed {
    id: String,
    title: String,
    link: String,
    url: Option<String>,
    at_unix_ms: i64,
}

impl Listed {
    /// One that was taken down is not there any more.
    fn of(item: Item) -> Option<Self> {
        let Item { article_id: id, content, update_time } = item;
        let News { title, content_source_url: link, url, is_deleted, .. } =
            content.news_item.into_iter().next()?;
        let url = (!url.is_empty()).then_some(url);
        (!is_deleted).then_some(Self { id, title, link, url, at_unix_ms: update_time.saturating_mul(1000) })
    }

    fn found(&self) -> FoundPost {
        let Self { id, title, url, at_unix_ms, .. } = self;
        let (id, url, text) = (id.clone(), url.clone(), Some(title.clone()));
        FoundPost { id, url, at_unix_ms: Some(*at_unix_ms), text }
    }
}

#[derive(Deserialize)]
struct Page {
    #[serde(default)]
    total_count: u32,
    #[serde(default)]
    item: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    article_id: String,
    content: Content,
    update_time: i64,
}

#[derive(Deserialize)]
struct Content {
    #[serde(default)]
    news_item: Vec<News>,
}

#[derive(Deserialize)]
#[serde(default)]
#[derive(Default)]
struct News {
    title: String,
    content: String,
    content_source_url: String,
    url: String,
    is_deleted: bool,
}

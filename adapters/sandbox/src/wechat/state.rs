//! What the platform remembers: accounts with their tokens, media, drafts, publications, sends, comments and users.

use std::collections::BTreeMap;

use axum::body::Bytes;
use serde::Serialize;

use super::article::Article;
use super::ids::Ids;
use super::media::Library;
use super::rid::Requests;
use super::settings::{AccountSeed, Seed};
use super::tokens::{Standing, TokenBook};
use super::usage::Usage;
use super::users::User;
use crate::world::now_unix_ms;

pub(crate) struct Wechat {
    accounts: BTreeMap<String, Account>,
    pub(crate) ids: Ids,
    /// Those that were refused lately.
    pub(crate) requests: Requests,
    /// The platform's clock is so much ahead of the sandbox's.
    ahead_ms: i64,
}

pub(crate) struct Account {
    pub(crate) settings: AccountSeed,
    pub(crate) tokens: TokenBook,
    pub(crate) usage: Usage,
    pub(crate) library: Library,
    /// Oldest first, as all lists here.
    pub(crate) drafts: Vec<Draft>,
    /// Articles for one mass send, which never were in the draft box.
    pub(crate) news: Vec<Draft>,
    pub(crate) publications: Vec<Publication>,
    pub(crate) sends: Vec<MassSend>,
    pub(crate) users: BTreeMap<String, User>,
    pub(crate) pushes: Vec<Push>,
    /// Of mass sends, 0 to 4.
    pub(crate) speed: usize,
}

pub(crate) struct Draft {
    pub(crate) media_id: String,
    pub(crate) articles: Vec<Article>,
    /// Unix seconds.
    pub(crate) created: i64,
    pub(crate) updated: i64,
}

/// Articles that became public, or are about to.
pub(crate) struct Publication {
    /// `publish_id` of a publication, and `msg_data_id` of both.
    pub(crate) data_id: u64,
    pub(crate) article_id: String,
    /// The draft that it was.
    pub(crate) media_id: String,
    pub(crate) by: Verb,
    pub(crate) articles: Vec<PublishedArticle>,
    pub(crate) stage: Stage,
    /// So many polls still find it at work; `None`: time alone ends it.
    pub(crate) polls: Option<u32>,
    /// The `publish_status` that it ends with.
    pub(crate) ends_with: u8,
    /// Unix seconds.
    pub(crate) updated: i64,
}

pub(crate) struct PublishedArticle {
    pub(crate) article: Article,
    /// Its number in the ledger.
    pub(crate) effect: u64,
    pub(crate) url: String,
    /// Deleted by the account itself.
    pub(crate) is_deleted: bool,
    pub(crate) takes_comments: bool,
    pub(crate) comments: Vec<Comment>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    Freepublish,
    MassSend,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    AtWork,
    Public,
    /// With the `publish_status` that says why.
    Failed(u8),
}

pub(crate) struct MassSend {
    pub(crate) msg_id: u64,
    /// What tells it from another one for 24 hours: the `clientmsgid`, or the digest of scope and content.
    pub(crate) key: String,
    /// By the platform's clock, in Unix milliseconds.
    pub(crate) at: i64,
    pub(crate) stage: SendStage,
    /// The `Status` that it ends with.
    pub(crate) ends_with: String,
    pub(crate) reached: usize,
    /// Articles have one; a text has none.
    pub(crate) data_id: Option<u64>,
    pub(crate) effects: Vec<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SendStage {
    /// 群发保护: an administrator has to confirm it first.
    AwaitsAdmin,
    Sending,
    Sent,
    Failed,
    Deleted,
}

pub(crate) struct Comment {
    pub(crate) id: u64,
    /// Of somebody who comments without a WeChat identity there is none.
    pub(crate) openid: Option<String>,
    /// Unix seconds.
    pub(crate) at: i64,
    pub(crate) content: String,
    pub(crate) is_elected: bool,
    pub(crate) reply: Option<(String, i64)>,
}

/// What became of a message or event that the platform pushed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Push {
    /// `text`, or the name of an event.
    pub what: String,
    /// So many deliveries.
    pub tries: u32,
    pub outcome: PushOutcome,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PushOutcome {
    UnderWay,
    /// `success` or nothing.
    Accepted,
    /// With a passive reply, which stands in the ledger as a message.
    Replied,
    /// The answer could not be used: the user saw 该公众号提供的服务出现故障.
    Banner,
    /// No answer to any delivery.
    Unanswered,
}

impl Wechat {
    pub(crate) fn new(seed: &Seed) -> Self {
        let mut wechat =
            Self { accounts: BTreeMap::new(), ids: Ids::new(), requests: Requests::default(), ahead_ms: 0 };
        if seed.accounts.is_empty() {
            wechat.set(AccountSeed::default());
        }
        for settings in &seed.accounts {
            wechat.set(settings.clone());
        }
        wechat
    }

    /// Makes the account, or changes what it is like and keeps what it did.
    pub(crate) fn set(&mut self, settings: AccountSeed) {
        let followers = settings.followers.clone();
        let token = settings.access_token.clone().map(|token| (token, settings.access_token_expires_in_s));
        let now = self.now();
        let account = match self.accounts.get_mut(&settings.appid) {
            Some(account) => {
                account.settings = settings;
                account
            }
            None => self.accounts.entry(settings.appid.clone()).or_insert_with(|| Account::new(settings)),
        };
        if let Some((token, life_s)) = token {
            account.tokens.give(token, now, life_s);
        }
        for openid in followers {
            account.users.entry(openid).or_default().follows = true;
        }
    }

    /// Unix milliseconds by the platform's clock.
    pub(crate) fn now(&self) -> i64 {
        now_unix_ms().saturating_add(self.ahead_ms)
    }

    pub(crate) fn advance(&mut self, ms: i64) {
        self.ahead_ms = self.ahead_ms.saturating_add(ms);
    }

    pub(crate) fn accounts(&self) -> impl Iterator<Item = &Account> {
        self.accounts.values()
    }

    pub(crate) fn account(&self, appid: &str) -> Option<&Account> {
        self.accounts.get(appid)
    }

    pub(crate) fn account_mut(&mut self, appid: &str) -> Option<&mut Account> {
        self.accounts.get_mut(appid)
    }

    /// Whose token it is or was, and what it is worth now.
    pub(crate) fn standing(&self, token: &str) -> Option<(&Account, Standing)> {
        let now = self.now();
        self.accounts.values().find_map(|one| Some((one, one.tokens.standing(token, now)?)))
    }

    /// The bytes of a film, for the address that tells of it.
    pub(crate) fn film(&self, media_id: &str) -> Option<Bytes> {
        let now = self.now();
        self.accounts.values().find_map(|one| Some(one.library.any(media_id, now)?.bytes.clone()))
    }

    pub(crate) fn publications(&self) -> impl Iterator<Item = &Publication> {
        self.accounts.values().flat_map(|account| &account.publications)
    }
}

impl Account {
    fn new(settings: AccountSeed) -> Self {
        Self {
            settings,
            tokens: TokenBook::default(),
            usage: Usage::default(),
            library: Library::default(),
            drafts: Vec::new(),
            news: Vec::new(),
            publications: Vec::new(),
            sends: Vec::new(),
            users: BTreeMap::new(),
            pushes: Vec::new(),
            speed: 0,
        }
    }

    pub(crate) fn draft(&self, media_id: &str) -> Option<&Draft> {
        self.drafts.iter().find(|draft| draft.media_id == media_id)
    }

    /// What a mass send may carry.
    pub(crate) fn sendable(&self, media_id: &str) -> Option<&Draft> {
        self.draft(media_id).or_else(|| self.news.iter().find(|one| one.media_id == media_id))
    }

    pub(crate) fn publication(&self, data_id: u64) -> Option<&Publication> {
        self.publications.iter().find(|one| one.data_id == data_id)
    }

    pub(crate) fn publication_mut(&mut self, data_id: u64) -> Option<&mut Publication> {
        self.publications.iter_mut().find(|one| one.data_id == data_id)
    }

    pub(crate) fn send_mut(&mut self, msg_id: u64) -> Option<&mut MassSend> {
        self.sends.iter_mut().find(|one| one.msg_id == msg_id)
    }
}

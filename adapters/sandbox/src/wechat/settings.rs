//! What an official account is like: the `wechat` part of the seed file, and of `POST /control/wechat/accounts`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::allow_list::Block;
use super::push::crypto::SafeKey;

/// The official accounts that the platform knows. Absent: one with the values of [`AccountSeed::default`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Seed {
    pub accounts: Vec<AccountSeed>,
}

impl Seed {
    /// What no type can say: the place within the section, and what to do about it.
    pub(crate) fn check(&self) -> Result<(), (String, String)> {
        for (index, account) in self.accounts.iter().enumerate() {
            let place = format!("accounts[{index}]");
            account.check().map_err(|reason| (place.clone(), reason))?;
            if self.accounts.iter().take(index).any(|other| other.appid == account.appid) {
                return Err((
                    format!("{place}.appid"),
                    format!("{} is there twice; take one out", account.appid),
                ));
            }
        }
        Ok(())
    }
}

/// One official account. Everything but `appid` may be left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AccountSeed {
    pub appid: String,
    pub secret: String,
    /// The token of `stable_token` that the account has already, and for how long.
    pub access_token: Option<String>,
    pub access_token_expires_in_s: i64,
    /// The account as messages name it, `gh_` and 12 hexadecimal digits.
    pub original_id: String,
    /// As the public's page shows it.
    pub name: String,
    pub kind: Kind,
    /// 认证. Without it publishing, mass sends, comments and customer messages answer 48001.
    pub verified: bool,
    /// The comment function. Without it 88000.
    pub comments: bool,
    /// Addresses and blocks (`192.0.2.0/24`) that may call; empty: any.
    pub ip_allow_list: Vec<String>,
    /// Characters of a title: 32 by the manual of 2025-12, 64 as the web console still has it.
    pub title_limit: usize,
    /// A publication (`freepublish`) is at work for so long.
    pub publish_after_ms: u64,
    /// The `publish_status` that a publication ends with: 0, 2, 3 or 4.
    pub publish_status: u8,
    /// A mass send is under way for so long.
    pub mass_after_ms: u64,
    /// The `Status` that a mass send ends with: `send success`, `send fail`, `err(20001)` …
    pub mass_status: String,
    /// Mass sends of a day and of a month; absent: 1 a day, of a service account 4 a month besides.
    pub mass_per_day: Option<u64>,
    pub mass_per_month: Option<u64>,
    /// The first answer to a mass send that is carried out is this error, 45065 or 45066, as happens when the platform
    /// repeats a request inside.
    pub first_send_says: Option<i64>,
    /// Calls of a day by path (`/cgi-bin/draft/add`); absent paths have the figures of a new account.
    pub quotas: BTreeMap<String, u64>,
    /// Numbers where the manual has strings and the other way round, the answer to a comment as a list.
    pub odd_shapes: bool,
    /// The openids of those who follow the account.
    pub followers: Vec<String>,
    /// The tags that a mass send may name.
    pub tags: Vec<i64>,
    pub callback: Option<CallbackSeed>,
}

/// A subscription account (公众号) or a service account (服务号).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    #[default]
    Subscription,
    Service,
}

/// Where the platform pushes messages and events.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CallbackSeed {
    pub url: String,
    /// 3 to 32 characters.
    pub token: String,
    /// 43 characters; for `compatible` and `safe`.
    #[serde(default)]
    pub encoding_aes_key: String,
    #[serde(default)]
    pub mode: CallbackMode,
    /// The platform waits so long for an answer, then tries again, three times in all.
    #[serde(default = "five_seconds")]
    pub patience_ms: u64,
    /// So often each event is pushed: 0 loses all, 2 doubles all.
    #[serde(default = "once")]
    pub copies: u8,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallbackMode {
    Plain,
    /// Both in clear and encrypted.
    Compatible,
    #[default]
    Safe,
}

impl Default for AccountSeed {
    fn default() -> Self {
        Self {
            appid: "wx0000000000000000".into(),
            secret: "s".repeat(32),
            access_token: None,
            access_token_expires_in_s: super::tokens::LIFETIME_S,
            original_id: "gh_000000000000".into(),
            name: "公众号".into(),
            kind: Kind::Subscription,
            verified: true,
            comments: true,
            ip_allow_list: Vec::new(),
            title_limit: 32,
            publish_after_ms: 300,
            publish_status: 0,
            mass_after_ms: 300,
            mass_status: super::job::SEND_SUCCESS.into(),
            mass_per_day: None,
            mass_per_month: None,
            first_send_says: None,
            quotas: BTreeMap::new(),
            odd_shapes: false,
            followers: Vec::new(),
            tags: vec![2],
            callback: None,
        }
    }
}

impl AccountSeed {
    /// Says what of it cannot be followed.
    ///
    /// # Errors
    /// A field is out of its range; the words name it.
    pub fn check(&self) -> Result<(), String> {
        let Self { appid, secret, .. } = self;
        let is_plain = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if !is_plain(appid) || appid.len() > 64 {
            return Err(format!("`appid` is 1 to 64 letters and digits, found {appid:?}"));
        }
        if secret.is_empty() {
            return Err(format!("account {appid} needs a `secret`"));
        }
        if self.access_token.as_ref().is_some_and(|token| !super::admit::is_token(token)) {
            return Err("`access_token` is 1 to 512 of A-Z a-z 0-9 - _".into());
        }
        if !matches!(self.publish_status, 0 | 2 | 3 | 4) {
            return Err(format!("`publish_status` is 0, 2, 3 or 4, found {}", self.publish_status));
        }
        if !matches!(self.first_send_says, None | Some(45065 | 45066)) {
            return Err(format!("`first_send_says` is 45065 or 45066, found {:?}", self.first_send_says));
        }
        if let Some(bad) = self.ip_allow_list.iter().find(|entry| Block::read(entry).is_none()) {
            return Err(format!("`ip_allow_list` has addresses and blocks like 192.0.2.0/24, found {bad:?}"));
        }
        if let Some(bad) = self.quotas.keys().find(|path| super::endpoints::find(path).is_none()) {
            return Err(format!("`quotas` names a path that does not exist here: {bad:?}"));
        }
        self.callback.as_ref().map_or(Ok(()), CallbackSeed::check)
    }
}

impl CallbackSeed {
    fn check(&self) -> Result<(), String> {
        if !(self.url.starts_with("http://") || self.url.starts_with("https://")) {
            return Err(format!("`callback.url` must be an http or https address, found {:?}", self.url));
        }
        if !(3..=32).contains(&self.token.len()) {
            return Err("`callback.token` has 3 to 32 characters".into());
        }
        if self.mode != CallbackMode::Plain && SafeKey::read(&self.encoding_aes_key).is_none() {
            return Err("`callback.encoding_aes_key` has 43 characters of A-Z a-z 0-9 + /".into());
        }
        Ok(())
    }
}

fn five_seconds() -> u64 {
    5_000
}

fn once() -> u8 {
    1
}

//! The `weibo` section of the seed: apps, the accounts that authorised them, and limits.

use std::collections::HashSet;

use serde::Deserialize;

/// Life of a token of a reviewed app, in seconds (30 days).
const MONTH: i64 = 30 * 86_400;
/// Of the account that owns the app: five years less a second, as Weibo says it.
const OWNER: i64 = 157_679_999;

/// What Weibo knows. What is left out is as in [`Seed::default`]: one app with everything, two offices and a citizen.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Seed {
    pub apps: Vec<App>,
    pub accounts: Vec<Account>,
    /// A text with one of them is refused (20021).
    pub illegal_words: Vec<String>,
}

/// A registered app.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct App {
    /// `client_id`, `source`
    pub key: String,
    pub secret: String,
    /// Stands in each post as its source.
    #[serde(default = "app_name")]
    pub name: String,
    /// The uid whose tokens last five years.
    #[serde(default)]
    pub owner: Option<String>,
    /// Exact, or everything that begins so when it ends in `*`.
    pub redirect_uris: Vec<String>,
    /// Hosts; `statuses/share` wants an address of one of them in the text.
    #[serde(default)]
    pub safe_domains: Vec<String>,
    #[serde(default = "all_tiers")]
    pub tiers: Vec<Tier>,
    #[serde(default)]
    pub level: Level,
    /// Of a `test` app: the only accounts that may use it, 15 at most.
    #[serde(default)]
    pub test_uids: Vec<String>,
    /// Codes that Weibo never gave out are good, too, each once: for clients that have no browser.
    #[serde(default)]
    pub any_code: bool,
    /// `rip` is demanded where the documentation says so. In practice calls without it are answered.
    #[serde(default)]
    pub demand_rip: bool,
    #[serde(default)]
    pub limits: Limits,
    /// Where what citizens write in private is pushed to.
    #[serde(default)]
    pub push_url: Option<String>,
    /// So long the receiver of a push may think; then it is tried again, three times in all.
    #[serde(default = "five_seconds")]
    pub push_patience_ms: u64,
    /// Called when an account takes its authorisation back (取消授权回调页).
    #[serde(default)]
    pub revoke_url: Option<String>,
}

/// Which interfaces an app may call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tier {
    /// `2/`: what every reviewed app has; publishes by `statuses/share` only.
    Open,
    /// `2/`: update, upload, repost, destroy and what else is granted by hand.
    Granted,
    /// `c/2/…/biz.json`: by contract.
    Biz,
}

/// How far the platform trusts the app; says how long tokens live.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Not reviewed yet: tokens of a day, test accounts only.
    Test,
    #[default]
    Reviewed,
}

/// How often one may ask. The defaults are those of the documentation.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Calls of one account in the app, a day of Beijing; biz calls do not count.
    pub user_day: u64,
    /// Calls of one address, an hour.
    pub ip_hour: u64,
    /// Biz calls of one address, an hour.
    pub biz_ip_hour: u64,
    /// Calls of one publishing interface by one account, an hour.
    pub publish_hour: u64,
    pub comment_hour: u64,
}

/// A person or an office.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Account {
    pub uid: String,
    /// Shown, and what an `@` names.
    pub name: String,
    /// A government account; absent: nobody is verified.
    #[serde(default)]
    pub verified_reason: Option<String>,
    /// The uids whose posts stand in its home timeline beside its own.
    #[serde(default)]
    pub follows: Vec<String>,
    #[serde(default)]
    pub tokens: Vec<Token>,
}

/// A token that was given out before the sandbox started.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Token {
    /// The key of its app.
    pub app: String,
    pub token: String,
    /// From the start on; absent: as the app's level says; 0 or less: expired already.
    #[serde(default)]
    pub expires_in_s: Option<i64>,
}

impl Default for Seed {
    fn default() -> Self {
        let office = |uid: &str, name: &str| Account {
            uid: uid.into(),
            name: name.into(),
            verified_reason: Some(format!("{name}官方微博")),
            follows: Vec::new(),
            tokens: Vec::new(),
        };
        let citizen = Account { verified_reason: None, ..office("5000000777", "示例市民") };
        Self {
            apps: vec![App::default()],
            accounts: vec![office("5000000001", "示例区发布"), office("5000000002", "示例街道"), citizen],
            illegal_words: Vec::new(),
        }
    }
}

impl Default for App {
    fn default() -> Self {
        Self {
            key: "1352222456".into(),
            secret: "secret".into(),
            name: app_name(),
            owner: None,
            redirect_uris: vec!["https://gov.example.cn*".into(), "http://gov.example.cn*".into()],
            safe_domains: vec!["gov.example.cn".into()],
            tiers: all_tiers(),
            level: Level::default(),
            test_uids: Vec::new(),
            any_code: true,
            demand_rip: false,
            limits: Limits::default(),
            push_url: None,
            push_patience_ms: five_seconds(),
            revoke_url: None,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self { user_day: 100, ip_hour: 15_000, biz_ip_hour: 50_000, publish_hour: 30, comment_hour: 60 }
    }
}

impl App {
    /// Seconds that a token of this account is good.
    pub(crate) fn token_life(&self, uid: &str) -> i64 {
        match self.level {
            _ if self.owner.as_deref() == Some(uid) => OWNER,
            Level::Test => 86_400,
            Level::Reviewed => MONTH,
        }
    }

    pub(crate) fn redirects_to(&self, uri: &str) -> bool {
        self.redirect_uris.iter().any(|known| match known.strip_suffix('*') {
            // `https://gov.example.cn*` must not let `https://gov.example.cn.evil.test` in.
            Some(start) => uri.strip_prefix(start).is_some_and(|rest| {
                start.ends_with('/') || rest.is_empty() || rest.starts_with(['/', '?', ':'])
            }),
            None => known == uri,
        })
    }
}

impl Seed {
    /// The place in the section, and what to do about it.
    pub(crate) fn check(&self) -> Result<(), (String, String)> {
        let mut keys = HashSet::new();
        for (index, app) in self.apps.iter().enumerate() {
            app.check().map_err(|(field, reason)| (format!("apps[{index}].{field}"), reason))?;
            if !keys.insert(app.key.as_str()) {
                return Err((
                    format!("apps[{index}].key"),
                    format!("{:?} is there twice; take one out", app.key),
                ));
            }
        }
        let (mut uids, mut tokens) = (HashSet::new(), HashSet::new());
        for (index, account) in self.accounts.iter().enumerate() {
            let at = |field: &str| format!("accounts[{index}].{field}");
            check_uid(&account.uid).map_err(|reason| (at("uid"), reason))?;
            if !uids.insert(account.uid.as_str()) {
                return Err((at("uid"), format!("{:?} is there twice; take one out", account.uid)));
            }
            if let Some(reason) = account.follows.iter().find_map(|uid| check_uid(uid).err()) {
                return Err((at("follows"), reason));
            }
            for token in &account.tokens {
                if !keys.contains(token.app.as_str()) {
                    return Err((
                        at("tokens"),
                        format!("no app has the key {:?}; add it to `apps`", token.app),
                    ));
                }
                if token.token.is_empty() || !tokens.insert(token.token.as_str()) {
                    return Err((at("tokens"), "a token is not empty, and only one account has it".into()));
                }
            }
        }
        Ok(())
    }
}

impl App {
    fn check(&self) -> Result<(), (&'static str, String)> {
        if self.key.is_empty() || !self.key.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(("key", format!("an app key is digits, in quotation marks, found {:?}", self.key)));
        }
        let fields = [("push_url", &self.push_url), ("revoke_url", &self.revoke_url)];
        let called = fields.into_iter().filter_map(|(field, address)| Some((field, address.as_ref()?)));
        let back = self.redirect_uris.iter().map(|address| ("redirect_uris", address));
        if let Some((field, address)) = back.chain(called).find(|(_, address)| !is_web(address)) {
            return Err((field, format!("must begin with http:// or https://, found {address:?}")));
        }
        if let Some(host) = self.safe_domains.iter().find(|host| host.contains(['/', ':'])) {
            return Err(("safe_domains", format!("a host alone, without scheme and path, found {host:?}")));
        }
        if self.test_uids.len() > 15 {
            return Err(("test_uids", format!("at most 15, found {}", self.test_uids.len())));
        }
        Ok(())
    }
}

pub(crate) fn check_uid(uid: &str) -> Result<(), String> {
    if !(1..=16).contains(&uid.len())
        || !uid.bytes().all(|byte| byte.is_ascii_digit())
        || uid.starts_with('0')
    {
        return Err(format!("a uid is 1 to 16 digits, in quotation marks, found {uid:?}"));
    }
    Ok(())
}

fn is_web(address: &str) -> bool {
    address.starts_with("https://") || address.starts_with("http://")
}

fn five_seconds() -> u64 {
    5_000
}

fn app_name() -> String {
    "示例区政务发布".into()
}

fn all_tiers() -> Vec<Tier> {
    vec![Tier::Open, Tier::Granted, Tier::Biz]
}

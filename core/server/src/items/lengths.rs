//! A text that is too long is not taken: by the district's rule, or by what the platform of an account that it goes
//! to would refuse anyway.

use std::collections::BTreeMap;

use juzhen_domain::count::{Allowance, Counter, Excess, Text, Unit, names_host};
use juzhen_domain::id::{AccountId, Platform};
use juzhen_domain::item::{Content, Variant};
use juzhen_domain::matrix::Account;
use juzhen_domain::route::{self, Subject};
use serde::Serialize;
use serde_json::json;

use crate::app::App;
use crate::counts::text_of;
use crate::problem::{Code, Problem};

/// `share_link` behind a blank: an address counts twenty.
const SHARE_LINK: usize = 21;
/// Half-width units of a long post: 2,000 Chinese characters, as Weibo's page has it.
const LONG_POST: usize = 4_000;

/// Refuses texts that are too long for the district, or for an account that the author or a route names.
pub(super) fn check(app: &App, subject: Subject<'_>, content: &Content) -> Result<(), Problem> {
    let settings = app.engine.settings();
    let platform_of = |id: &AccountId| settings.accounts.get(id).map(|account| &account.platform);
    let routed = route::targets(&settings.routes, subject, platform_of);
    let targets = content.targets.iter().chain(routed.iter().map(|(_, account)| account));
    let targets: Vec<&Account> = targets.filter_map(|id| settings.accounts.get(id)).collect();
    let too_long: Vec<TooLong> = content
        .variants
        .iter()
        .flat_map(|(platform, variant)| {
            let accounts = targets.iter().copied().filter(|account| account.platform == *platform);
            of_variant(platform, variant, &accounts.collect::<Vec<_>>())
        })
        .collect();
    let Some(first) = too_long.first() else { return Ok(()) };
    let said = |words: fn(&TooLong) -> String| too_long.iter().map(words).collect::<Vec<_>>();
    let problem = Problem::because(Code::TooLong, said(TooLong::english).join("; "))
        .in_chinese(said(TooLong::chinese).join("；"))
        .at(first.field.clone());
    Err(problem.with_faults(json!(too_long)))
}

/// One length of one platform's text that is over its limit.
#[derive(Debug, Serialize)]
struct TooLong {
    /// `weibo_over_limit` is the district's rule, `weibo_text_limit` and the like the platform's own.
    rule: String,
    /// Place in the body.
    field: String,
    count: usize,
    limit: usize,
    over: usize,
    /// `characters` or `half_widths`.
    unit: &'static str,
    /// Whose limit it is; empty: everybody's.
    accounts: Vec<AccountId>,
    #[serde(skip)]
    platform: Platform,
    #[serde(skip)]
    excess: Excess,
}

fn of_variant(platform: &Platform, variant: &Variant, accounts: &[&Account]) -> Vec<TooLong> {
    let Some(counter) = Counter::of(platform.as_str()) else { return Vec::new() };
    let text = text_of(variant);
    let mut found: Vec<TooLong> = counter
        .over_district(&text)
        .map(|excess| TooLong::of(platform, excess, Vec::new()))
        .into_iter()
        .collect();
    // Where it goes may not be known yet; then the platform's usual limits are asked.
    if accounts.is_empty() {
        let usual = counter.over_platform(&text, &Allowance::default());
        found.extend(usual.into_iter().map(|excess| TooLong::of(platform, excess, Vec::new())));
        return found;
    }
    // Accounts of one platform mostly have the same limits: one entry for all that have.
    let mut by_limit: BTreeMap<_, (Excess, Vec<AccountId>)> = BTreeMap::new();
    for account in accounts {
        for excess in on_account(counter, &text, account) {
            let key =
                (excess.field.map(|(field, _)| field.as_str()), excess.length.limit, excess.length.count);
            let (_, concerned) = by_limit.entry(key).or_insert_with(|| (excess, Vec::new()));
            if !concerned.contains(&account.id) {
                concerned.push(account.id.clone());
            }
        }
    }
    found.extend(by_limit.into_values().map(|(excess, accounts)| TooLong::of(platform, excess, accounts)));
    found
}

/// What the platform would refuse of this text on this account, by the account's own settings.
fn on_account(counter: Counter, text: &Text<'_>, account: &Account) -> Vec<Excess> {
    let word = |name: &str| account.settings.get(name).and_then(serde_json::Value::as_str);
    let number = |name: &str| account.settings.get(name).and_then(serde_json::Value::as_u64);
    let mut allowance = Allowance::default();
    let mut text = *text;
    match counter {
        Counter::Weibo => {
            let open = matches!(word("tier"), None | Some("open"));
            let has_own = word("safe_domain").is_some_and(|host| names_host(&counter.compose(&text), host));
            if open && word("share_link").is_some() && !has_own {
                allowance.added = SHARE_LINK;
            }
            let long = account.settings.get("long_posts").and_then(serde_json::Value::as_bool);
            allowance.text = Some(LONG_POST).filter(|_| !open && long == Some(true));
        }
        Counter::Wechat => {
            allowance.title = number("title_limit").and_then(|limit| usize::try_from(limit).ok());
            text.author = word("author").unwrap_or(text.author);
        }
    }
    counter.over_platform(&text, &allowance)
}

impl TooLong {
    fn of(platform: &Platform, excess: Excess, accounts: Vec<AccountId>) -> Self {
        let (rule, field, unit) = match excess.field {
            None => (format!("{platform}_over_limit"), "text", Unit::Characters),
            Some((field, unit)) => (format!("{platform}_{}_limit", field.as_str()), field.as_str(), unit),
        };
        Self {
            rule,
            field: format!("variants.{platform}.{field}"),
            count: excess.length.count,
            limit: excess.length.limit,
            over: excess.over(),
            unit: unit.as_str(),
            accounts,
            platform: platform.clone(),
            excess,
        }
    }

    fn english(&self) -> String {
        let Self { count, limit, over, platform, .. } = self;
        let (what, by, unit) = match self.excess.field {
            None => ("title and text", "the district's rule".to_owned(), "characters"),
            Some((field, Unit::Characters)) => {
                (field.as_str(), self.whose("the platform", " for "), "characters")
            }
            Some((field, Unit::HalfWidths)) => {
                (field.as_str(), self.whose("the platform", " for "), "half-width units")
            }
        };
        format!("{platform}: {what}: {count} {unit}, {over} over the {limit} of {by}")
    }

    fn chinese(&self) -> String {
        let Self { count, limit, over, platform, .. } = self;
        match self.excess.field {
            None => {
                format!("{platform}：标题和正文共 {count} 字，规定最多 {limit} 字，超出 {over} 字，请删减")
            }
            Some((field, unit)) => {
                let (field, by) = (field.chinese(), self.whose("平台", "对账号 "));
                let unit = if unit == Unit::Characters { "字" } else { "个半角字符" };
                format!("{platform}：{field} {count} {unit}，最多 {limit}（{by}的限制），超出 {over}，请删减")
            }
        }
    }

    fn whose(&self, platform: &str, of: &str) -> String {
        let accounts: Vec<&str> = self.accounts.iter().map(AccountId::as_str).collect();
        if accounts.is_empty() {
            platform.to_owned()
        } else {
            format!("{platform}{of}{}", accounts.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use juzhen_domain::matrix::{AccountLevel, AccountStatus};

    use super::*;

    fn account(id: &str, platform: &str, settings: serde_json::Value) -> Account {
        Account {
            id: id.into(),
            unit: "D07".into(),
            name: "应急局".into(),
            platform: platform.into(),
            adapter: platform.into(),
            uid: "1".into(),
            level: AccountLevel::Unit,
            status: AccountStatus::Active,
            settings: serde_json::from_value(settings).unwrap(),
            secrets: BTreeMap::new(),
        }
    }

    fn found(variant: &Variant, platform: &str, accounts: &[Account]) -> Vec<String> {
        let accounts: Vec<&Account> = accounts.iter().collect();
        let found = of_variant(&platform.into(), variant, &accounts);
        found
            .iter()
            .map(|one| {
                let accounts: Vec<&str> = one.accounts.iter().map(AccountId::as_str).collect();
                format!("{} {}/{} {accounts:?}", one.rule, one.count, one.limit)
            })
            .collect()
    }

    #[test]
    fn an_account_has_the_limits_of_its_own_settings() {
        let titled = Variant { title: Some("题".repeat(40)), text: "文".into(), ..Variant::default() };
        let usual = account("X1", "wechat", json!({}));
        let older = account("X2", "wechat", json!({ "title_limit": 64 }));
        let signed = account("X3", "wechat", json!({ "title_limit": 64, "author": "区管委会办公室信息科" }));
        let both = [usual, older.clone(), account("X4", "wechat", json!({}))];
        assert_eq!(found(&titled, "wechat", &both), ["wechat_title_limit 40/32 [\"X1\", \"X4\"]"]);
        assert_eq!(found(&titled, "wechat", &[older, signed]), ["wechat_author_limit 20/16 [\"X3\"]"]);
        assert_eq!(found(&titled, "wechat", &[]), ["wechat_title_limit 40/32 []"]);
    }

    #[test]
    fn the_address_that_the_open_interface_needs_has_its_room() {
        let open = json!({ "safe_domain": "gov.cn", "share_link": "https://gov.cn/w/{key}" });
        let accounts = [
            account("W1", "weibo", open.clone()),
            account("W2", "weibo", json!({ "tier": "biz", "share_link": "https://gov.cn/w" })),
        ];
        let bare = |characters: usize| Variant { text: "汉".repeat(characters), ..Variant::default() };
        assert_eq!(found(&bare(129), "weibo", &accounts), Vec::<String>::new());
        assert_eq!(found(&bare(130), "weibo", &accounts), ["weibo_text_limit 281/280 [\"W1\"]"]);
        let linked = Variant { link: Some("https://GOV.cn/a".into()), ..bare(129) };
        assert_eq!(found(&linked, "weibo", &accounts), Vec::<String>::new(), "it brings its own");
    }

    #[test]
    fn a_long_post_is_still_too_long_for_the_district() {
        let long = account("W1", "weibo", json!({ "tier": "granted", "long_posts": true }));
        let text = Variant { text: "汉".repeat(160), ..Variant::default() };
        assert_eq!(found(&text, "weibo", &[long]), ["weibo_over_limit 160/140 []"]);
        let usual = account("W2", "weibo", json!({ "tier": "granted" }));
        let both = ["weibo_over_limit 160/140 []", "weibo_text_limit 320/280 [\"W2\"]"];
        assert_eq!(found(&text, "weibo", &[usual]), both);
    }

    #[test]
    fn a_platform_without_rules_has_no_limit() {
        let text = Variant { text: "长".repeat(10_000), ..Variant::default() };
        assert_eq!(found(&text, "mastodon", &[]), Vec::<String>::new());
    }
}

//! What an account's settings say: which interfaces its app may call, and where they are.

use juzhen_sdk::prelude::*;

/// The interfaces that Weibo gave the app.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tier {
    /// Every reviewed app: `statuses/share` only, the newest five posts, no repost, no deletion.
    Open,
    /// `update`, `upload`, `repost`, `destroy`, granted by hand; still the newest five posts.
    Granted,
    /// The same and more by contract (商业接口).
    Biz,
}

/// Host by host as Weibo has them; a stand-in has one address for all.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Part {
    /// What the tier decides: `statuses/…`, `comments/…`.
    Tiered,
    /// Signing in and limits: the same for all tiers.
    Plain,
    /// How many unread messages there are.
    Remind,
    /// Private messages.
    Private,
}

pub(crate) fn tier(cx: &Cx) -> Result<Tier> {
    let word: Option<String> = cx.setting_as("tier")?;
    match word.as_deref() {
        None | Some("open") => Ok(Tier::Open),
        Some("granted") => Ok(Tier::Granted),
        Some("biz") => Ok(Tier::Biz),
        Some(other) => {
            Err(Error::misconfigured(format!("设置 tier 应为 open、granted 或 biz，现为 {other}"), "tier"))
        }
    }
}

/// The address of `path`, such as `statuses/update`.
pub(crate) fn address(cx: &Cx, tier: Tier, part: Part, path: &str) -> Result<String> {
    let base: Option<String> = cx.setting_as("base_url")?;
    let base = base.as_deref().map(|base| base.trim_end_matches('/'));
    let by_contract = tier == Tier::Biz && matches!(part, Part::Tiered | Part::Private);
    let root = match (base, part) {
        (Some(base), _) if by_contract => format!("{base}/c"),
        (Some(base), _) => base.to_owned(),
        (None, _) if by_contract => "https://c.api.weibo.com".to_owned(),
        (None, Part::Remind) => "https://rm.api.weibo.com".to_owned(),
        (None, Part::Private) => "https://m.api.weibo.com".to_owned(),
        (None, _) => "https://api.weibo.com".to_owned(),
    };
    let biz = if by_contract { "/biz" } else { "" };
    Ok(if path.starts_with("oauth2/") {
        format!("{root}/{path}")
    } else {
        format!("{root}/2/{path}{biz}.json")
    })
}

//! Whether an address can be a post of an account at all: what a person types as proof is kept for years, so a slip of the
//! hand, or an address that leads elsewhere, is refused at the door.

use axum::http::Uri;
use juzhen_domain::id::AccountId;

use crate::app::App;
use crate::problem::{Code, Problem};
use crate::text;

/// Hosts under which a platform serves pages and its API, as the adapter declares them: `weibo.com`, `127.0.0.1:8461`.
struct Platform {
    /// As URLs where an account setting names them, else bare patterns.
    hosts: Vec<String>,
}

/// Takes the address of a post on this account: https, on the platform's own site. Where the adapter itself reaches the
/// platform over http (a stand-in for tests), so may people.
pub(super) fn check(app: &App, account: &AccountId, url: &str) -> Result<(), Problem> {
    text::address(url, "url")?;
    let Some(platform) = platform(app, account) else { return Ok(()) };
    if platform.serves(url) {
        return Ok(());
    }
    let hosts = platform.hosts.join(", ");
    let detail = format!("a post of account {account} has an https:// address of its platform ({hosts})");
    let chinese = format!("账号 {account} 的内容链接应是其平台（{hosts}）上的 https:// 地址");
    Err(Problem::because(Code::NotOnPlatform, detail).in_chinese(chinese).at("url"))
}

/// None when the settings or the adapters no longer know the account: then nobody can tell.
fn platform(app: &App, account: &AccountId) -> Option<Platform> {
    let settings = app.engine.settings();
    let account = settings.accounts.get(account)?;
    let manifest = app.engine.host().manifest(&account.adapter)?;
    let named = manifest.egress.iter().filter_map(|host| match host.strip_prefix("setting:") {
        None => Some(host.clone()),
        Some(setting) => account.settings.get(setting)?.as_str().map(str::to_owned),
    });
    Some(Platform { hosts: named.collect() })
}

impl Platform {
    fn serves(&self, url: &str) -> bool {
        let Ok(url) = url.parse::<Uri>() else { return false };
        let (Some(host), secure) = (url.host(), url.scheme_str() == Some("https")) else { return false };
        self.hosts.iter().any(|known| match known.parse::<Uri>() {
            Ok(own) if own.scheme_str() == Some("http") => own.host() == Some(host),
            Ok(own) if own.scheme_str() == Some("https") => {
                secure && own.host().is_some_and(|own| is_same_site(own, host))
            }
            _ => secure && is_same_site(known.trim_start_matches("*."), host),
        })
    }
}

/// `api.weibo.com` and `m.weibo.com` belong together: the last two labels decide, or the last three where the country's
/// registry has groups of its own (`x.gov.cn`).
fn is_same_site(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other) || site(one).is_some_and(|site| Some(site) == self::site(other))
}

fn site(host: &str) -> Option<String> {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    if host.parse::<std::net::IpAddr>().is_ok() {
        return None;
    }
    let labels: Vec<&str> = host.split('.').collect();
    let grouped = matches!(labels.as_slice(), [.., "com" | "gov" | "net" | "org" | "edu" | "ac", country] if country.len() == 2);
    let least = if grouped { 3 } else { 2 };
    let from = labels.len().checked_sub(least)?;
    labels.get(from..).map(|site| site.join("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn serves(hosts: &[&str], url: &str) -> bool {
        Platform { hosts: hosts.iter().map(|host| (*host).to_owned()).collect() }.serves(url)
    }

    #[test]
    fn a_post_is_on_the_platforms_own_site() {
        let weibo = ["api.weibo.com", "upload.api.weibo.com"];
        for good in ["https://weibo.com/15/N1", "https://m.weibo.com/detail/1", "https://WEIBO.COM/1"] {
            assert!(serves(&weibo, good), "{good}");
        }
        for bad in [
            "http://weibo.com/15/N1",
            "https://weibo.com.example.cn/1",
            "https://notweibo.com/1",
            "https://com/1",
            "https://127.0.0.1/1",
        ] {
            assert!(!serves(&weibo, bad), "{bad}");
        }
        assert!(serves(&["*.x.gov.cn"], "https://www.x.gov.cn/1"));
        assert!(!serves(&["*.x.gov.cn"], "https://www.y.gov.cn/1"));
    }

    #[test]
    fn a_stand_in_is_reached_as_the_adapter_reaches_it() {
        let mock = ["http://127.0.0.1:9/mock"];
        assert!(serves(&mock, "http://127.0.0.1:9/posts/1"));
        assert!(!serves(&mock, "http://127.0.0.2:9/posts/1"));
        assert!(!serves(&["https://weibo.example/api"], "http://weibo.example/1"));
        assert!(serves(&["https://api.weibo.example/api"], "https://weibo.example/1"));
    }
}

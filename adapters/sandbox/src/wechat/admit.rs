//! Who may call what, in the platform's order: address, token, permission, how often.

use std::net::IpAddr;

use super::allow_list;
use super::dialect::{error, error_about};
use super::endpoints::{Endpoint, Needs};
use super::settings::Kind;
use super::state::{Account, Wechat};
use super::tokens::Standing;
use super::usage::Over;
use crate::exchange::Refusal;

/// Characters in a token at most; longer ones are malformed.
const LONGEST_TOKEN: usize = 512;

/// Admits a request that carries a token; the answer is the appid.
pub(crate) fn by_token(
    wechat: &mut Wechat,
    endpoint: &Endpoint,
    token: Option<&str>,
    peer: IpAddr,
) -> Result<String, Refusal> {
    // The address is judged first, as far as it is known whose list counts.
    if let Some(closed) = wechat.accounts().map(|account| check_address(account, peer)).reduce(Result::or) {
        closed?;
    }
    let token = token.ok_or_else(|| error(41001))?;
    if !is_token(token) {
        return Err(error(40014));
    }
    let (account, standing) = wechat.standing(token).ok_or_else(|| error(40001))?;
    check_address(account, peer)?;
    match standing {
        Standing::Good => {}
        Standing::Expired => return Err(error(42001)),
        Standing::NotLatest => return Err(error(40001)),
    }
    check_permission(account, endpoint.needs)?;
    let appid = account.settings.appid.clone();
    take(wechat, endpoint, &appid)?;
    Ok(appid)
}

/// Admits a request that carries appid and secret.
pub(crate) fn by_secret(
    wechat: &mut Wechat,
    endpoint: &Endpoint,
    appid: Option<&str>,
    secret: Option<&str>,
    peer: IpAddr,
) -> Result<String, Refusal> {
    let appid = appid.ok_or_else(|| error(41002))?;
    let secret = secret.ok_or_else(|| error(41004))?;
    let account = wechat.account(appid).ok_or_else(|| error(40013))?;
    check_address(account, peer)?;
    if account.settings.secret != secret {
        return Err(error(40125));
    }
    take(wechat, endpoint, appid)?;
    Ok(appid.to_owned())
}

/// Whether this may be a token at all.
pub(crate) fn is_token(token: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    (1..=LONGEST_TOKEN).contains(&token.len()) && token.bytes().all(is_plain)
}

fn check_address(account: &Account, peer: IpAddr) -> Result<(), Refusal> {
    if allow_list::allows(&account.settings.ip_allow_list, peer) {
        return Ok(());
    }
    let peer = peer.to_canonical();
    Err(error_about(40164, &format!("{peer} ipv6 ::ffff:{peer}, not in whitelist")))
}

pub(super) fn check_permission(account: &Account, needs: Needs) -> Result<(), Refusal> {
    let settings = &account.settings;
    let allowed = match needs {
        Needs::Secret | Needs::Token => true,
        Needs::Verified => settings.verified,
        Needs::Service => settings.verified && settings.kind == Kind::Service,
    };
    if allowed { Ok(()) } else { Err(error(48001)) }
}

fn take(wechat: &mut Wechat, endpoint: &Endpoint, appid: &str) -> Result<(), Refusal> {
    let now = wechat.now();
    let account = wechat.account_mut(appid).ok_or_else(|| error(40013))?;
    let per_day = per_day(account, endpoint);
    match account.usage.take(endpoint.path, per_day, endpoint.per_minute, now) {
        Ok(()) => Ok(()),
        Err(Over::Minute) => Err(error(45011)),
        Err(Over::Day) => Err(error(45009)),
    }
}

/// Calls of a day that this account has for the path.
pub(crate) fn per_day(account: &Account, endpoint: &Endpoint) -> u64 {
    account.settings.quotas.get(endpoint.path).copied().unwrap_or(endpoint.per_day)
}

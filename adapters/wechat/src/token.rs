//! The account's token, which only the daemon sees, and requests that need it.
//!
//! `stable_token` hands everybody the same token until shortly before its end, so fetching it ends nobody else's.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use juzhen_sdk::RequestBuilder;
use juzhen_sdk::prelude::*;

use crate::account::{appid, url};
use crate::errcode::{self, Class};
use crate::wire::Refused;

/// What requests are signed with.
pub(crate) const TOKEN: &str = "access_token";
/// What buys it.
pub(crate) const APP_SECRET: &str = "app_secret";
/// The platform replaces a token by force 20 times a day at most; we do when one is useless although it is the newest.
const FORCE_AGAIN_MS: i64 = 600_000;

/// When each account last replaced its token by force.
#[derive(Default)]
pub(crate) struct Forced(Mutex<HashMap<String, i64>>);

impl Forced {
    fn may(&self, account: &str, now_unix_ms: i64) -> bool {
        let mut forced = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let last = forced.get(account).copied();
        let may = last.is_none_or(|last| now_unix_ms.saturating_sub(last) >= FORCE_AGAIN_MS);
        if may {
            forced.insert(account.to_owned(), now_unix_ms);
        }
        may
    }
}

/// Sends a request with the token. What is refused for its token has done nothing: it goes out once more with a new one, and
/// once again when even the newest is refused and was replaced by force.
///
/// # Errors
/// When no answer came. Any answer is fine, also a refusal.
pub(crate) async fn signed(
    cx: &Cx,
    forced: &Forced,
    request: impl Fn() -> Result<RequestBuilder>,
) -> Result<Response> {
    let send = || async { request()?.query_secret("access_token", TOKEN).send_any().await };
    let first = send().await;
    if !is_without_token(&first) {
        return first;
    }
    if let Err(no) = fetch(cx, false).await {
        return if is_denied(&no) && first.is_ok() { first } else { Err(no) };
    }
    let second = send().await;
    if !is_without_token(&second) || second.is_err() || !forced.may(&cx.meta.account, cx.now_unix_ms()) {
        return second;
    }
    fetch(cx, true).await?;
    send().await
}

/// The account has no token yet, or the platform does not take it any more.
fn is_without_token(answer: &Result<Response>) -> bool {
    match answer {
        Ok(answer) => Refused::of(answer).is_some_and(|no| errcode::class(no.errcode) == Some(Class::Token)),
        Err(error) => is_denied(error),
    }
}

/// The daemon let nothing leave.
fn is_denied(error: &Error) -> bool {
    matches!(&error.kind, ErrorKind::Misconfigured { key } if key == "egress")
}

/// Fetches the token. The daemon keeps it and lets one call fetch at a time.
async fn fetch(cx: &Cx, force: bool) -> Result<()> {
    let body = json!({
        "grant_type": "client_credential",
        "appid": appid(cx)?,
        "secret": secret(APP_SECRET),
        "force_refresh": force,
    });
    let request = cx.http().post(&url(cx, "/cgi-bin/stable_token")?).json(&body).effect(Effect::Safe);
    let answer = request.capture("/access_token", TOKEN, Some("/expires_in")).send_any().await?;
    match Refused::of(&answer) {
        None if (200..300).contains(&answer.status()) => Ok(()),
        None => Err(answer.default_error()),
        // Here it is the secret that is wrong: another one has to be given, and then all goes on by itself.
        Some(no) if matches!(no.errcode, 40001 | 40125) => Err(Error::auth_expired(
            format!("公众号的 AppSecret 无效（{}：{}）", no.errcode, no.errmsg),
            APP_SECRET,
        )),
        Some(no) => Err(errcode::error(no.errcode, &no.errmsg, false, cx.now_unix_ms())),
    }
}

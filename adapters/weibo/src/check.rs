//! Does the account work, for how long, and what is missing?

use juzhen_sdk::prelude::*;
use serde::Deserialize;

use crate::account::{Part as Where, Tier};
use crate::wire::{Leaves, Platform};

const DAY_S: i64 = 86_400;
/// People need some days for a sign-in: an office's accounts are held by several of them.
const WARN_DAYS: i64 = 14;

impl Platform<'_> {
    /// Neither of the two counts to the calls of the day.
    pub(crate) async fn check(&self) -> Result<AccountInfo> {
        let token = self.form(Where::Plain, "oauth2/get_token_info", &[])?.effect(Effect::Safe);
        let TokenInfo { uid, expire_in } = self.ask(token, Leaves::Nothing).await?.json()?;
        let uid = uid.to_string().trim_matches('"').to_owned();
        if uid != self.cx.meta.uid {
            let said = format!("令牌属于账号 {uid}，不是 {}：请用本账号重新授权", self.cx.meta.uid);
            return Err(Error::rejected(said, RejectedBy::Permission, "21335"));
        }
        let mut notes = expiry_note(expire_in).into_iter().collect::<Vec<_>>();
        if self.tier == Tier::Open {
            notes.push("开放接口：每条须带安全域名的网址，转发改为带链接的新微博，不能删除".to_owned());
        }
        notes.extend(self.quota_note().await?);
        let until = self.cx.now_unix_ms().saturating_add(expire_in.saturating_mul(1000));
        Ok(AccountInfo { uid, notes, signed_in_until_unix_ms: Some(until), ..AccountInfo::default() })
    }

    async fn quota_note(&self) -> Result<Option<String>> {
        let left: Left = self.get(Where::Plain, "account/rate_limit_status", &[]).await?;
        let used_up = left.remaining_user_hits == Some(0) || left.remaining_ip_hits == Some(0);
        Ok(used_up.then(|| "微博接口的调用次数已用完，须等到下一个周期".to_owned()))
    }
}

fn expiry_note(seconds: i64) -> Option<String> {
    let days = seconds.div_euclid(DAY_S);
    match days {
        ..0 => Some("授权已过期，须重新授权".to_owned()),
        0..=WARN_DAYS => Some(format!("授权还有 {days} 天到期，须在此之前重新授权")),
        _ => None,
    }
}

#[derive(Deserialize)]
struct TokenInfo {
    /// A number here, text elsewhere.
    uid: Value,
    /// Seconds that are left.
    expire_in: i64,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Left {
    remaining_user_hits: Option<i64>,
    remaining_ip_hits: Option<i64>,
}

//! Does the account work, for how long, and what is missing?

use juzhen_sdk::prelude::*;
use serde::Deserialize;

use crate::account::{Part as Where, Tier};
use crate::wire::{Leaves, Platform};

/// What the tiers above `open` are for, each an interface that is granted by itself.
const GRANTED: [(&str, &str); 3] =
    [("statuses/update", "发布"), ("statuses/repost", "转发"), ("statuses/destroy", "删除")];

impl Platform<'_> {
    /// Asks what costs little: the token's own interface and the count of calls that are left are free, one call each for what the
    /// tier promises.
    pub(crate) async fn check(&self) -> Result<AccountInfo> {
        let token = self.form(Where::Plain, "oauth2/get_token_info", &[])?.effect(Effect::Safe);
        let TokenInfo { uid, expire_in } = self.ask(token, Leaves::Nothing).await?.json()?;
        let uid = uid.to_string().trim_matches('"').to_owned();
        if uid != self.cx.meta.uid {
            let said = format!("令牌属于账号 {uid}，不是 {}：请用本账号重新授权", self.cx.meta.uid);
            return Err(Error::rejected(said, RejectedBy::Permission, "21335"));
        }
        let (mut notes, mut lacks) = (Vec::new(), Vec::new());
        if self.tier == Tier::Open {
            notes.push("开放接口：每条须带安全域名的网址，转发改为带链接的新微博，不能删除".to_owned());
        }
        lacks.extend(self.used_up().await?);
        if lacks.is_empty() && self.tier != Tier::Open {
            for (path, what) in GRANTED {
                lacks.extend(self.ungranted(path, what).await?);
            }
        }
        let until = self.cx.now_unix_ms().saturating_add(expire_in.saturating_mul(1000));
        Ok(AccountInfo { uid, notes, lacks, signed_in_until_unix_ms: Some(until), ..AccountInfo::default() })
    }

    async fn used_up(&self) -> Result<Option<Lack>> {
        let left: Left = self.get(Where::Plain, "account/rate_limit_status", &[]).await?;
        let used_up = left.remaining_user_hits == Some(0) || left.remaining_ip_hits == Some(0);
        let text = "微博接口的调用次数已用完，须等到下一个周期".to_owned();
        Ok(used_up.then_some(Lack { what: LackKind::Quota, text, code: None }))
    }

    /// Asks the interface for nothing at all: Weibo looks at what an app may do before it looks at what is asked, and without a
    /// text, or an id, nothing can come of it.
    async fn ungranted(&self, path: &str, what: &str) -> Result<Option<Lack>> {
        let empty = self.form(Where::Tiered, path, &[])?.effect(Effect::Safe);
        match self.ask(empty, Leaves::Nothing).await {
            Err(Error { kind: ErrorKind::Rejected { code, by: RejectedBy::Permission }, message }) => {
                Ok(Some(Lack { what: LackKind::Permission, text: format!("{what}：{message}"), code }))
            }
            Err(Error { kind: ErrorKind::Quota { .. }, message }) => {
                Ok(Some(Lack { what: LackKind::Quota, text: format!("{what}：{message}"), code: None }))
            }
            Err(no) if matches!(no.kind, ErrorKind::AuthExpired { .. }) => Err(no),
            _ => Ok(None),
        }
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

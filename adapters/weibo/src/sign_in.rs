//! Signing in: the address for the browser, the code it comes back with, and giving a token back.

use juzhen_sdk::prelude::*;
use serde::Deserialize;

use crate::account::Part as Where;
use crate::wire::{Leaves, Platform, TOKEN};

/// The secret that buys a token for a code, and signs what Weibo pushes.
pub(crate) const APP_SECRET: &str = "app_secret";

impl Platform<'_> {
    pub(crate) async fn authorize(&self, step: &Authorize) -> Result<Authorized> {
        match step {
            Authorize::Begin { redirect_uri, state } => self.begin(redirect_uri, state),
            Authorize::Code { code, redirect_uri } => self.redeem(code, redirect_uri).await,
            Authorize::Revoke => self.revoke().await.map(|()| Authorized::Revoked),
        }
    }

    /// With `forcelogin`: an office authorises many accounts from one browser, and Weibo would take the last one again.
    fn begin(&self, redirect_uri: &str, state: &str) -> Result<Authorized> {
        let fields = [
            ("client_id", self.cx.setting("app_key")?),
            ("redirect_uri", &self.registered(redirect_uri)?),
            ("response_type", "code"),
            ("scope", "all"),
            ("state", state),
            ("forcelogin", "true"),
        ];
        let query: Vec<_> = fields.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
        let page = self.address(Where::Plain, "oauth2/authorize")?;
        Ok(Authorized::Browser { url: format!("{page}?{}", query.join("&")) })
    }

    /// Where Weibo sends the browser: the one address that the app has registered, which may be another one than the daemon's.
    fn registered(&self, daemons: &str) -> Result<String> {
        match self.cx.setting_as::<String>("redirect_uri")? {
            Some(own) => Ok(own),
            None if !daemons.is_empty() => Ok(daemons.to_owned()),
            None => Err(Error::misconfigured(
                "须写明微博应用登记的授权回调页；或在 district.yaml 中写 server.public_url，并把它下面的 /authorized 登记为回调页",
                "redirect_uri",
            )),
        }
    }

    /// What the code buys is the daemon's to keep or to forget. The token of another account is left to end by itself: giving
    /// it back would end that account's other tokens for this app, and it may be one of ours.
    async fn redeem(&self, code: &str, redirect_uri: &str) -> Result<Authorized> {
        let app_secret = secret(APP_SECRET);
        let fields = [
            ("client_id", self.cx.setting("app_key")?),
            ("client_secret", &app_secret),
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", &self.registered(redirect_uri)?),
        ];
        let request = self.cx.http().post(&self.address(Where::Plain, "oauth2/access_token")?).form(&fields);
        let request = request.effect(Effect::Safe).capture("/access_token", TOKEN, Some("/expires_in"));
        let Bought { uid, expires_in } = self.ask(request, Leaves::Nothing).await?.json()?;
        if uid != self.cx.meta.uid {
            let said = format!("授权的是账号 {uid}，不是 {}：请退出微博后用本账号重新授权", self.cx.meta.uid);
            return Err(Error::rejected(said, RejectedBy::Permission, "21335"));
        }
        let until = expires_in.map(|s| self.cx.now_unix_ms().saturating_add(s.saturating_mul(1000)));
        Ok(Authorized::Granted { uid, until_unix_ms: until })
    }

    async fn revoke(&self) -> Result<()> {
        let request = self.form(Where::Plain, "oauth2/revokeoauth2", &[])?.effect(Effect::Safe);
        match self.ask(request, Leaves::Nothing).await {
            // It is no token any more: what was asked for.
            Err(no) if matches!(no.kind, ErrorKind::AuthExpired { .. }) => Ok(()),
            other => other.map(|_| ()),
        }
    }
}

fn encoded(text: &str) -> String {
    let one = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(one).collect()
}

#[derive(Deserialize)]
struct Bought {
    /// Text here, a number elsewhere.
    uid: String,
    expires_in: Option<i64>,
}

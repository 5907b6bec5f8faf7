//! A new token for one that is no longer good: by password as the same device, or by a refresh token.

use juzhen_sdk::prelude::*;

use crate::account::SignIn;
use crate::wire::{Leaves, Platform, TOKEN};

const PASSWORD: &str = "password";
const REFRESH_TOKEN: &str = "refresh_token";

impl Platform<'_> {
    /// The daemon keeps what comes back, and lets one call fetch at a time; this code never sees it. How long it lasts is not
    /// taken down: the server tells milliseconds, and says itself when it is over.
    pub(crate) async fn sign_in(&self) -> Result<()> {
        let (request, buys) = match self.account.sign_in {
            SignIn::ByHand => return Err(Error::auth_expired("没有设置自动登录", TOKEN)),
            SignIn::Password => {
                (self.cx.http().post(&self.client("v3/login")).json(&self.by_password()), PASSWORD)
            }
            SignIn::Refresh => {
                let request = self.cx.http().post(&self.client("v3/refresh"));
                let request = request.json(&json!({ "refresh_token": secret(REFRESH_TOKEN) }));
                // A server that keeps the old one hands no other out.
                (request.capture("/refresh_token", REFRESH_TOKEN, None), REFRESH_TOKEN)
            }
        };
        let request = request.effect(Effect::Safe).capture("/access_token", TOKEN, None);
        match self.answered(request, Leaves::Nothing).await {
            Ok(_) => Ok(()),
            // A wrong password is "forbidden" here, a refresh token that was used is "unknown".
            Err(no) if is_no(&no) => Err(Error::auth_expired(format!("登录被拒绝：{}", no.message), buys)),
            Err(other) => Err(other),
        }
    }

    /// The same device each time: the server then ends its last token, and knows its transaction ids again.
    fn by_password(&self) -> Value {
        json!({
            "type": "m.login.password",
            "identifier": { "type": "m.id.user", "user": self.cx.meta.uid },
            "password": secret(PASSWORD),
            "device_id": self.account.device,
            "initial_device_display_name": "Juzhen",
        })
    }
}

fn is_no(error: &Error) -> bool {
    matches!(error.kind, ErrorKind::Rejected { .. } | ErrorKind::AuthExpired { .. })
}

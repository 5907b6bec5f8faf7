//! Whether an account is signed in: what the platform has handed out for it and until when, never its value, and what a
//! person has to do when it has to sign in (F10, F61).

use jiff::Timestamp;
use juzhen_domain::reason;
use juzhen_domain::sign_in::SignIn;
use juzhen_store::Captured;
use serde::Serialize;
use utoipa::ToSchema;

/// What to do about an account that has to sign in.
const TO_DO: &str = "请账号管理员用 juzhen account authorize 重新授权；不用网页授权的平台，由系统管理员用 juzhen secret set 写入新的凭据。系统会自动核对并继续，无需重启";
/// It is tried again by itself.
const TRYING: &str = "系统会自动重试，暂时不需要处理";

/// A sign-in that is in doubt.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({ "auth_needed": true, "since": "2026-06-01T01:00:00Z", "retry_at": "2026-06-01T01:02:40Z", "failures": 5,
    "reason": "auth_expired: 21327: expired_token", "reason_zh": "账号授权已失效，请账号管理员重新授权，之后自动继续",
    "said": "21327: expired_token",
    "to_do_zh": "请账号管理员用 juzhen account authorize 重新授权；不用网页授权的平台，由系统管理员用 juzhen secret set 写入新的凭据。系统会自动核对并继续，无需重启" }))]
pub(crate) struct SignInView {
    /// A person has to sign in; what is due on the account is held until then.
    auth_needed: bool,
    /// Null while it is only tried again.
    since: Option<Timestamp>,
    /// Nothing leaves on the account before.
    retry_at: Timestamp,
    /// In a row.
    failures: u32,
    reason: String,
    reason_zh: String,
    /// What was said beside it: the platform's own text, or a technical one.
    said: Option<String>,
    to_do_zh: String,
}

impl SignInView {
    /// A person has to sign in.
    pub(crate) fn is_needed(&self) -> bool {
        self.auth_needed
    }

    /// One that was let in again is no news, although its failures stay counted for a while.
    pub(crate) fn of(sign_in: &SignIn, now: Timestamp) -> Option<Self> {
        let auth_needed = sign_in.needed_since.is_some();
        if !auth_needed && sign_in.retry_at <= now {
            return None;
        }
        let explained = reason::explain(&sign_in.reason);
        Some(Self {
            auth_needed,
            since: sign_in.needed_since,
            retry_at: sign_in.retry_at,
            failures: sign_in.failures,
            reason: sign_in.reason.clone(),
            reason_zh: explained.chinese,
            said: explained.said,
            to_do_zh: if auth_needed { TO_DO } else { TRYING }.to_owned(),
        })
    }
}

/// A secret that the platform has handed out, without its value.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({ "name": "access_token", "obtained_at": "2026-06-01T01:00:00Z", "expires_at": "2026-06-01T03:00:00Z",
    "renewals": 12 }))]
pub(crate) struct TokenView {
    /// As the adapter calls it.
    name: String,
    obtained_at: Timestamp,
    /// As the platform said; null when it did not.
    expires_at: Option<Timestamp>,
    /// How often it was handed out, this time included.
    renewals: i64,
}

impl TokenView {
    pub(crate) fn of(captured: &Captured) -> Self {
        Self {
            name: captured.name.clone(),
            obtained_at: captured.obtained_at,
            expires_at: captured.expires_at,
            renewals: captured.generation,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f10_who_has_to_sign_in_is_told_why_and_what_to_do() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let reason = "auth_expired: 21327: expired_token".to_owned();
        let sign_in = SignIn { failures: 1, retry_at: at(5), needed_since: Some(at(0)), reason };
        let view = SignInView::of(&sign_in, at(60)).unwrap();
        assert!(
            view.auth_needed && view.reason_zh.contains("重新授权") && view.to_do_zh.contains("secret set")
        );
        assert_eq!(view.said.as_deref(), Some("21327: expired_token"));
        let tried = SignIn { needed_since: None, ..sign_in };
        assert!(SignInView::of(&tried, at(4)).is_some_and(|view| view.to_do_zh.contains("自动重试")));
        assert!(SignInView::of(&tried, at(5)).is_none());
    }
}

//! Signing an account in through a person's browser (F10, F61, C19): where the person goes, and what the browser brings back.
//!
//! What comes back is believed for its `state` alone: drawn for one account and one person, good for ten minutes and once,
//! kept only as a hash, in the database, so that any daemon may get it. What the code buys goes from the platform to the
//! seal without passing the adapter; a sign-in as somebody else, or one that breaks off, leaves the account what it had
//! (`plugins/host/src/capabilities/signing_in.rs`). Signing in ends every doubt in the account, so what was held for it goes
//! on by itself.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use juzhen_domain::caps::later;
use juzhen_domain::hash::hex;
use juzhen_domain::id::{AccountId, PersonId};
use juzhen_domain::matrix::Account;
use juzhen_host::message::{self, Authorized, operation};
use juzhen_host::{Call, EffectPolicy, Reply, pack};
use juzhen_store::{Audit, BeginAuthorization, StoreError, TakeAuthorization, Taken};
use serde_json::json;
use sha2::{Digest, Sha256};
use tracing::{info, warn};

use crate::running::account_context;
use crate::{Engine, examine, look_after, send};

/// How long a person may take on the platform's page.
const LASTING: SignedDuration = SignedDuration::from_mins(10);
/// Bytes of a state: nobody guesses it.
const DRAWN: usize = 24;
/// A person waits for it, and a code that was used cannot be used again: longer than a look takes.
const PATIENCE: Duration = Duration::from_secs(30);
/// Below the daemon's address outside: where platforms send the browser.
pub const RETURN_PATH: &str = "/authorized";

/// Where the person goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthorizationBegun {
    pub url: String,
    /// Comes back with the browser.
    pub state: String,
    pub expires_at: Timestamp,
}

/// What a browser brought back.
#[derive(Debug, Clone)]
pub struct AuthorizationReturned {
    pub state: String,
    /// `None`: the person, or the platform, said no.
    pub code: Option<String>,
    /// Who hands it in; `None`: the browser itself.
    pub by: Option<PersonId>,
    pub request: Option<String>,
}

/// The account is signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedIn {
    pub account: AccountId,
    pub uid: String,
    pub until: Option<Timestamp>,
}

/// Why it is not.
#[derive(Debug, thiserror::Error)]
pub enum NotSignedIn {
    #[error("there is no account {0} in the settings")]
    NoAccount(AccountId),
    #[error(
        "the adapter of account {0} does not sign in by a browser; give its secrets with `juzhen secret set`"
    )]
    NotOffered(AccountId),
    #[error("this sign-in is not known: it was begun elsewhere, used before, or a later one took its place")]
    Unknown,
    #[error("this sign-in took longer than ten minutes: begin anew")]
    Expired,
    #[error("somebody else has begun this sign-in: begin one yourself")]
    OfAnother,
    #[error("the sign-in was declined on the platform's page")]
    Declined,
    #[error("the platform signed in {found}, not {expected}: sign out there, and in again as the account")]
    OtherAccount { expected: String, found: String },
    /// In words for people.
    #[error("account {account} could not be signed in: {said}")]
    Refused { account: AccountId, said: String },
    #[error("no randomness for a state")]
    NoRandomness(#[source] getrandom::Error),
    #[error("the database could not be read or written")]
    Store(#[from] StoreError),
}

impl NotSignedIn {
    /// For the person who tried.
    pub fn chinese(&self) -> String {
        match self {
            Self::NoAccount(account) => format!("设置中没有账号 {account}"),
            Self::NotOffered(account) => {
                format!("账号 {account} 所在平台不用网页授权，请由系统管理员用 juzhen secret set 写入凭据")
            }
            Self::Unknown => {
                "这次授权无效：可能已经用过、已被后一次授权取代，或不是由本系统发起。请重新发起授权".into()
            }
            Self::Expired => "这次授权超过十分钟，已经作废。请重新发起授权".into(),
            Self::OfAnother => "这次授权由他人发起，只能由其本人完成。请自己重新发起授权".into(),
            Self::Declined => "已在平台页面上拒绝授权，账号没有变化。需要时请重新发起授权".into(),
            Self::OtherAccount { expected, found } => format!(
                "授权的是平台账号 {found}，不是本账号（{expected}），没有采用。请在平台上退出登录，再用本账号重新授权"
            ),
            Self::Refused { said, .. } => format!("授权没有成功：{said}"),
            Self::NoRandomness(_) | Self::Store(_) => "服务器内部错误，授权没有成功，请稍后重新发起".into(),
        }
    }
}

impl Engine {
    /// Begins to sign an account in. Whoever began before on the same account has to begin anew.
    ///
    /// # Errors
    /// See [`NotSignedIn`].
    pub async fn begin_authorization(
        &self,
        account: &AccountId,
        by: &PersonId,
        request: Option<String>,
    ) -> Result<AuthorizationBegun, NotSignedIn> {
        let settings = self.settings();
        let known = settings.accounts.get(account).ok_or_else(|| NotSignedIn::NoAccount(account.clone()))?;
        let state = drawn(account)?;
        let step = message::Authorize::Begin { redirect_uri: redirect_uri(self), state: state.clone() };
        let Authorized::Browser { url } = self.authorize(known, &step).await? else {
            return Err(refused(account, "适配器没有给出授权网址"));
        };
        let (at, by) = (self.now(), by.clone());
        let expires_at = later(at, LASTING);
        let (account, hash) = (account.clone(), hash(&state));
        let begin = BeginAuthorization { account, state: hash, by, expires_at, at, request };
        self.store().begin_authorization(begin).await?;
        Ok(AuthorizationBegun { url, state, expires_at })
    }

    /// Ends it with what the browser brought back. From then on the account is signed in, and what was held for that goes on.
    ///
    /// # Errors
    /// See [`NotSignedIn`]; the account keeps what it had.
    pub async fn end_authorization(&self, returned: AuthorizationReturned) -> Result<SignedIn, NotSignedIn> {
        let AuthorizationReturned { state, code, by, request } = returned;
        // An account's id may have points, what was drawn has none.
        let account = state.rsplit_once('.').map(|(account, _)| AccountId::new(account));
        let account = account.ok_or(NotSignedIn::Unknown)?;
        let settings = self.settings();
        let known = settings.accounts.get(&account).ok_or(NotSignedIn::Unknown)?;
        let (hash, at) = (hash(&state), self.now());
        let take =
            TakeAuthorization { account: account.clone(), state: hash, by, at, request: request.clone() };
        let by = match self.store().take_authorization(take).await? {
            Taken::Begun { by } => by,
            Taken::Unknown => return Err(NotSignedIn::Unknown),
            Taken::Expired => return Err(NotSignedIn::Expired),
            Taken::OfAnother => return Err(NotSignedIn::OfAnother),
        };
        let redeemed = match code {
            Some(code) => redeem(self, known, code).await,
            None => Err(NotSignedIn::Declined),
        };
        let detail = match &redeemed {
            Ok(SignedIn { uid, until, .. }) => json!({ "ok": true, "uid": uid, "until": until }),
            Err(error) => json!({ "ok": false, "reason": crate::with_causes(error) }),
        };
        let (action, subject) = ("account.authorization_ended".to_owned(), format!("account:{account}"));
        self.store()
            .note(Audit { actor: by.to_string(), action, subject, detail, at: self.now(), request })
            .await?;
        match &redeemed {
            Ok(SignedIn { uid, .. }) => {
                info!(account.id = %account, person = %by, uid, "Account {account} is signed in");
            }
            Err(error) => {
                warn!(account.id = %account, person = %by, error = crate::with_causes(error), "Account {account} was not signed in");
            }
        }
        redeemed
    }

    async fn authorize(
        &self,
        account: &Account,
        step: &message::Authorize,
    ) -> Result<Authorized, NotSignedIn> {
        let manifest = self.host().manifest(&account.adapter);
        if !manifest.is_some_and(|manifest| manifest.offers(operation::AUTHORIZE)) {
            return Err(NotSignedIn::NotOffered(account.id.clone()));
        }
        let call = Call {
            adapter: account.adapter.clone(),
            id: self.new_id(),
            operation: operation::AUTHORIZE.to_owned(),
            account: account_context(account),
            idempotency_key: format!("authorize-{}", account.id),
            attempt: 1,
            deadline: PATIENCE,
            body: send::as_json(step),
            effects: EffectPolicy::Forbid,
        };
        let reply = self.host().call(call).await;
        match answered(&reply) {
            Some(answer) => Ok(answer),
            None => Err(refused(&account.id, &examine::why_not(self, account, &reply).await)),
        }
    }
}

/// Buys the token for the code, and says who is signed in.
async fn redeem(engine: &Engine, account: &Account, code: String) -> Result<SignedIn, NotSignedIn> {
    let step = message::Authorize::Code { code, redirect_uri: redirect_uri(engine) };
    let Authorized::Granted { uid, until_unix_ms } = engine.authorize(account, &step).await? else {
        return Err(refused(&account.id, "适配器没有说明授权给了哪个账号"));
    };
    if uid != account.uid {
        return Err(NotSignedIn::OtherAccount { expected: account.uid.clone(), found: uid });
    }
    let until = until_unix_ms.and_then(|ms| Timestamp::from_millisecond(ms).ok());
    look_after::signed_in(engine, account, until).await?;
    // What is held for it goes on.
    engine.wake();
    Ok(SignedIn { account: account.id.clone(), uid, until })
}

fn answered(reply: &Reply) -> Option<Authorized> {
    pack::unpack(reply.result.as_ref().ok()?).ok().map(|(answer, _)| answer)
}

fn refused(account: &AccountId, said: &str) -> NotSignedIn {
    NotSignedIn::Refused { account: account.clone(), said: said.to_owned() }
}

/// The same for every account, because platforms compare it with the one address that an app has registered.
fn redirect_uri(engine: &Engine) -> String {
    let settings = engine.settings();
    let outside = settings.server.public_url.as_deref();
    outside.map(|url| format!("{}{RETURN_PATH}", url.trim_end_matches('/'))).unwrap_or_default()
}

/// Says whose it is, so that it is found again by itself.
fn drawn(account: &AccountId) -> Result<String, NotSignedIn> {
    let mut bytes = [0; DRAWN];
    getrandom::fill(&mut bytes).map_err(NotSignedIn::NoRandomness)?;
    Ok(format!("{account}.{}", hex(&bytes)))
}

fn hash(state: &str) -> String {
    hex(&Sha256::digest(state))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c19_a_state_is_long_new_each_time_and_fit_for_an_address() {
        let account = AccountId::new("W-015.a");
        let (one, other) = (drawn(&account).unwrap(), drawn(&account).unwrap());
        assert_ne!(one, other);
        assert_eq!(one.rsplit_once('.').unwrap().0, "W-015.a");
        assert_eq!(one.len(), "W-015.a.".len() + 2 * DRAWN);
        assert!(one.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_')));
        assert!(!hash(&one).contains(one.rsplit_once('.').unwrap().1));
    }

    #[test]
    fn every_refusal_says_in_chinese_what_to_do() {
        let account = || AccountId::new("W015");
        for (error, words) in [
            (NotSignedIn::NotOffered(account()), "secret set"),
            (NotSignedIn::Unknown, "重新发起"),
            (NotSignedIn::Expired, "十分钟"),
            (NotSignedIn::OfAnother, "本人"),
            (NotSignedIn::Declined, "拒绝"),
            (NotSignedIn::OtherAccount { expected: "1".into(), found: "2".into() }, "退出登录"),
            (refused(&account(), "授权码无效"), "授权码无效"),
        ] {
            assert!(error.chinese().contains(words), "{}", error.chinese());
        }
    }
}

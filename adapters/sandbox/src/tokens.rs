//! Who may speak for an account: anybody with a token, one pinned token, or tokens that the platform issues and lets expire.

use std::collections::HashMap;

use serde::Deserialize;

use crate::exchange::Refusal;

/// Tokens that expire, as most platforms have them. A new one ends the one before after a grace, so two clients that
/// fetch their own end each other's.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenFlow {
    /// What buys a token: `POST /mock/v1/accounts/{uid}/token` with it as bearer.
    pub app_secret: String,
    pub lifetime_ms: i64,
    /// So long the token before stays good when a new one is issued; 0: not at all.
    #[serde(default)]
    pub grace_ms: i64,
    /// What buys a token does so once: with the token comes what buys the next one, as `refresh_token`.
    #[serde(default)]
    pub once: bool,
    /// The token that is good at first, for a lifetime; absent: none.
    #[serde(default)]
    pub first: Option<String>,
}

/// What an account gets for its secret.
pub(crate) struct Issued {
    pub(crate) token: String,
    pub(crate) lifetime_ms: i64,
    pub(crate) buys_next: Option<String>,
}

/// An account that is not in it accepts any token.
#[derive(Default)]
pub(crate) struct Tokens {
    by_account: HashMap<String, Rule>,
    /// Every token that was ever good for one account.
    by_token: HashMap<String, String>,
}

enum Rule {
    Pinned(String),
    Issued(Issuer),
}

struct Issuer {
    flow: TokenFlow,
    /// The newest first, and how long each is good, in Unix milliseconds.
    tokens: [Option<(String, i64)>; 2],
    issued: u64,
}

impl Tokens {
    /// From now on only this token is good for the account; `None`: any again.
    pub(crate) fn pin(&mut self, account: &str, token: Option<String>) {
        self.by_token.retain(|_, owner| owner != account);
        self.by_account.remove(account);
        if let Some(token) = token {
            self.by_token.insert(token.clone(), account.to_owned());
            self.by_account.insert(account.to_owned(), Rule::Pinned(token));
        }
    }

    /// From now on the platform issues the tokens of this account.
    pub(crate) fn issue_for(&mut self, account: &str, flow: TokenFlow, now: i64) {
        self.pin(account, None);
        let first = flow.first.clone().map(|token| (token, now.saturating_add(flow.lifetime_ms)));
        if let Some((token, _)) = &first {
            self.by_token.insert(token.clone(), account.to_owned());
        }
        let issuer = Issuer { flow, tokens: [first, None], issued: 0 };
        self.by_account.insert(account.to_owned(), Rule::Issued(issuer));
    }

    pub(crate) fn issue(&mut self, account: &str, app_secret: &str, now: i64) -> Result<Issued, Refusal> {
        let Some(Rule::Issued(issuer)) = self.by_account.get_mut(account) else {
            return Err(Refusal::new(404, "not_found", "this account's tokens do not expire"));
        };
        if issuer.flow.app_secret != app_secret {
            return Err(Refusal::new(401, "app_secret_wrong", "this does not buy a token for the account"));
        }
        issuer.issued += 1;
        let token = format!("issued-{account}-{}-{now}", issuer.issued);
        let lifetime = issuer.flow.lifetime_ms;
        let before = issuer.tokens[0].take();
        let grace_ends = now.saturating_add(issuer.flow.grace_ms);
        issuer.tokens = [
            Some((token.clone(), now.saturating_add(lifetime))),
            before.map(|(token, until)| (token, until.min(grace_ends))),
        ];
        self.by_token.insert(token.clone(), account.to_owned());
        let buys_next = issuer.flow.once.then(|| format!("buys-{account}-{}-{now}", issuer.issued));
        if let Some(secret) = &buys_next {
            issuer.flow.app_secret.clone_from(secret);
        }
        Ok(Issued { token, lifetime_ms: lifetime, buys_next })
    }

    pub(crate) fn permits(&self, account: Option<&str>, token: &str, now: i64) -> Result<(), Refusal> {
        match account.and_then(|account| self.by_account.get(account)) {
            None => Ok(()),
            Some(Rule::Pinned(pinned)) if pinned == token => Ok(()),
            Some(Rule::Pinned(_)) => Err(expired("this token is not, or no longer, good for the account")),
            Some(Rule::Issued(issuer)) => issuer.permits(token, now),
        }
    }

    /// Whose token it is, if that is known.
    pub(crate) fn owner(&self, token: &str) -> Option<&str> {
        self.by_token.get(token).map(String::as_str)
    }
}

impl Issuer {
    fn permits(&self, token: &str, now: i64) -> Result<(), Refusal> {
        let good = |held: &Option<(String, i64)>| {
            held.as_ref().filter(|(known, _)| known == token).map(|(_, until)| now < *until)
        };
        let [newest, before] = &self.tokens;
        match (good(newest), good(before)) {
            (Some(true), _) | (_, Some(true)) => Ok(()),
            (Some(false), _) => Err(expired("the token has expired")),
            _ => Err(Refusal::new(401, "token_invalid", "a newer token has ended this one")),
        }
    }
}

fn expired(message: &str) -> Refusal {
    Refusal::new(401, "token_expired", message)
}

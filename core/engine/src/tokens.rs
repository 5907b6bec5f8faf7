//! Secrets of the accounts: those that people give, and in front of them those that platforms hand out.
//!
//! # One refresher (F39)
//!
//! What a platform hands out lies sealed in the database, so that every daemon on it and every later start has it. A call
//! whose token was refused asks here before it asks the platform. First the database is read again: if the value there is
//! another than the one that was refused, somebody was faster, and the call goes on with that. Else one call takes the
//! account's turn: a lock in this daemon, and a row of the database among daemons, which is free again at once when the
//! daemon that had it is gone. The others wait, and find the new value.
//!
//! What was fetched is written only while the turn is still held. If the daemon ends between the platform's answer and the
//! commit (F10), the token is lost: where it can be bought again the next call does so; where what bought it was good once,
//! the platform says no, the account is signed out, and what is due there is held until a person has signed in.
//!
//! A refusal puts the next request off (`domain::sign_in`): a platform that says no is not asked by every call in turn.
//!
//! # What a person gives wins
//!
//! Beside each captured value lie fingerprints of the given values that it has replaced. A given value with another
//! fingerprint is newer: a person has signed in again since, and their value is used from the next request on.

mod renewal;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use juzhen_domain::caps::later;
use juzhen_domain::id::AccountId;
use juzhen_domain::sign_in::Failure;
use juzhen_host::{PortError, Renewal, Secret, Secrets, Wanted};
use juzhen_store::{Captured, HeldTurn, SignInFailed, SignInRow, Store, StoreError};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::clock::World;
use crate::failpoint::Failpoints;
use crate::given::Given;
use crate::node::Node;
use crate::seal::Seal;
use crate::vault::Vault;

/// A value that expires within this is as good as expired to a call that has used none.
const SOON: SignedDuration = SignedDuration::from_secs(60);

/// See above.
#[derive(Clone)]
pub(crate) struct Tokens(Arc<Inner>);

struct Inner {
    given: Given,
    store: Arc<dyn Store>,
    world: Arc<dyn World>,
    node: Arc<Node>,
    failpoints: Arc<Failpoints>,
    /// As the database had it when it was read last.
    opened: Mutex<BTreeMap<AccountId, Arc<Opened>>>,
    turns: Mutex<BTreeMap<AccountId, Arc<tokio::sync::Mutex<()>>>>,
}

/// Secret name → value.
type Opened = BTreeMap<String, One>;

struct One {
    /// Why it cannot be read here, otherwise.
    value: Result<Secret, String>,
    replaced: Vec<String>,
    expires_at: Option<Timestamp>,
}

/// What is sealed.
#[derive(Serialize, Deserialize)]
struct Contents {
    value: String,
    /// Fingerprints of given values that this one is newer than, oldest first.
    replaced: Vec<String>,
}

impl Tokens {
    pub(crate) fn new(
        given: Given,
        store: Arc<dyn Store>,
        world: Arc<dyn World>,
        node: Arc<Node>,
        failpoints: Arc<Failpoints>,
    ) -> Self {
        let (opened, turns) = (Mutex::default(), Mutex::default());
        Self(Arc::new(Inner { given, store, world, node, failpoints, opened, turns }))
    }

    /// Whether this daemon has to leave the account to others, because it cannot read what they have sealed.
    pub(crate) fn is_unreadable(&self, account: &AccountId) -> bool {
        self.seal().problem().is_some()
            && lock(&self.0.opened).get(account).is_some_and(|one| !one.is_empty())
    }

    /// Says of every account whose secrets cannot be read here that it has to sign in; a daemon that can read them finds out
    /// that it has not.
    pub(crate) async fn tell_unreadable(&self) -> Result<(), StoreError> {
        let Some(problem) = self.seal().problem() else { return Ok(()) };
        let mut accounts: Vec<AccountId> =
            self.0.store.captured(None).await?.into_iter().map(|one| one.account).collect();
        accounts.dedup();
        for account in accounts {
            self.load(&account).await?;
            self.failed(&account, Failure::SignedOut, &problem, None).await?;
        }
        Ok(())
    }

    /// A secret of the daemon's own, by its name.
    pub(crate) async fn own_secret(&self, name: &str) -> Result<Option<Secret>, PortError> {
        self.0.given.own(name).await
    }

    /// What people give.
    pub(crate) fn given_secrets(&self) -> &Given {
        &self.0.given
    }

    pub(crate) fn vault(&self) -> &Vault {
        self.0.given.vault()
    }

    fn seal(&self) -> &Seal {
        self.vault().seal()
    }

    /// A fingerprint of everything that people gave for the account: another one is worth another try.
    pub(crate) async fn given(&self, account: &AccountId) -> String {
        let mut all = Zeroizing::new(String::new());
        for name in self.0.given.names(account) {
            // What cannot be read now is different once it can be.
            if let Ok(Some(secret)) = self.0.given.get(account, &name).await {
                all.push_str(&name);
                all.push('\0');
                all.push_str(secret.expose());
                all.push('\0');
            }
        }
        self.seal().fingerprint(&all)
    }

    /// Counts a failure of the account to sign in.
    pub(crate) async fn failed(
        &self,
        account: &AccountId,
        failure: Failure,
        said: &str,
        turn: Option<HeldTurn>,
    ) -> Result<juzhen_domain::sign_in::SignIn, StoreError> {
        let given = self.given(account).await;
        let (account, said, at) = (account.clone(), said.to_owned(), self.0.world.now());
        self.0.store.sign_in_failed(SignInFailed { account, failure, said, given, turn, at }).await
    }

    /// What the database has, as far as this daemon has read it.
    async fn opened(&self, account: &AccountId) -> Result<Arc<Opened>, StoreError> {
        let known = lock(&self.0.opened).get(account).cloned();
        match known {
            Some(known) => Ok(known),
            None => self.load(account).await,
        }
    }

    /// What the database has now.
    async fn load(&self, account: &AccountId) -> Result<Arc<Opened>, StoreError> {
        let rows = self.0.store.captured(Some(account)).await?;
        let open = || -> Opened { rows.iter().map(|row| (row.name.clone(), self.open(row))).collect() };
        let mut opened = open();
        // Perhaps they are under another key by now.
        if opened.values().any(|one| one.value.is_err()) && self.vault().refresh().await? {
            opened = open();
        }
        let opened = Arc::new(opened);
        lock(&self.0.opened).insert(account.clone(), Arc::clone(&opened));
        Ok(opened)
    }

    fn open(&self, row: &Captured) -> One {
        let broken = |why: String| One { value: Err(why), replaced: Vec::new(), expires_at: row.expires_at };
        let clear = match self.seal().open_sealed(row.account.as_str(), &row.name, &row.sealed) {
            Ok(clear) => clear,
            Err(error) => return broken(error.to_string()),
        };
        match serde_json::from_slice::<Contents>(&clear) {
            Ok(Contents { value, replaced }) => {
                One { value: Ok(Secret::new(value)), replaced, expires_at: row.expires_at }
            }
            Err(error) => broken(format!("what was sealed cannot be read: {error}")),
        }
    }

    /// The value to use: the captured one, unless a person has given another since.
    async fn value(
        &self,
        account: &AccountId,
        name: &str,
        opened: &Opened,
    ) -> Result<Option<Secret>, PortError> {
        let given = self.0.given.get(account, name).await?;
        let Some(captured) = opened.get(name) else { return Ok(given) };
        match (&captured.value, given) {
            (Ok(value), None) => Ok(Some(value.clone())),
            (Ok(value), Some(given)) => {
                let is_old = captured.replaced.contains(&self.seal().fingerprint(given.expose()));
                Ok(Some(if is_old { value.clone() } else { given }))
            }
            // Perhaps an old one; the platform says so then, and the account is held.
            (Err(_), Some(given)) => Ok(Some(given)),
            (Err(why), None) => Err(failed(format!("open secret {name} of account {account}: {why}"))),
        }
    }

    /// How long the values that are there are good, if they are others than those that were used.
    async fn known(
        &self,
        account: &AccountId,
        wanted: &[Wanted],
        opened: &Opened,
    ) -> Result<Option<Option<Duration>>, PortError> {
        let now = self.0.world.now();
        let used: Vec<&Wanted> = wanted.iter().filter(|one| one.used.is_some()).collect();
        if used.is_empty() {
            let is_good =
                |one: &One| one.value.is_ok() && one.expires_at.is_none_or(|end| later(now, SOON) < end);
            let all_good = wanted.iter().all(|wanted| opened.get(&wanted.name).is_none_or(is_good));
            if !all_good || !wanted.iter().any(|wanted| opened.contains_key(&wanted.name)) {
                return Ok(None);
            }
        }
        for one in used {
            let value = self.value(account, &one.name, opened).await?;
            if value.as_ref().map(Secret::expose) == one.used.as_ref().map(Secret::expose) {
                return Ok(None);
            }
        }
        let ends = wanted.iter().filter_map(|wanted| opened.get(&wanted.name)?.expires_at).min();
        Ok(Some(ends.map(|end| Duration::try_from(end.duration_since(now)).unwrap_or_default())))
    }

    /// Why the platform is not to be asked now; with `anew`, whatever it said before.
    async fn put_off(&self, account: &AccountId, anew: bool) -> Result<Option<String>, StoreError> {
        if let Some(problem) = self.seal().problem() {
            return Ok(Some(problem));
        }
        if anew {
            return Ok(None);
        }
        let rows = self.0.store.sign_ins().await?;
        let Some(SignInRow { sign_in, given, .. }) = rows.into_iter().find(|row| row.account == *account)
        else {
            return Ok(None);
        };
        let waits = self.0.world.now() < sign_in.retry_at && given == self.given(account).await;
        Ok(waits.then(|| crate::sign_in::without_word(&sign_in.reason).to_owned()))
    }

    fn lane(&self, account: &AccountId) -> Arc<tokio::sync::Mutex<()>> {
        Arc::clone(lock(&self.0.turns).entry(account.clone()).or_default())
    }
}

#[async_trait]
impl Secrets for Tokens {
    async fn get(&self, account: &str, name: &str) -> Result<Option<Secret>, PortError> {
        let account = AccountId::new(account);
        let opened = self.opened(&account).await.map_err(|error| unread(&account, error))?;
        self.value(&account, name, &opened).await
    }

    async fn renew(
        &self,
        account: &str,
        wanted: &[Wanted],
        patience: Duration,
    ) -> Result<Renewal, PortError> {
        renewal::renew(self, AccountId::new(account), wanted, patience).await
    }
}

fn unread(account: &AccountId, source: StoreError) -> PortError {
    caused(format!("look after the secrets of account {account}"), source)
}

fn caused(action: String, source: impl std::error::Error + Send + Sync + 'static) -> PortError {
    PortError { action, source: Some(Box::new(source)) }
}

fn failed(action: String) -> PortError {
    PortError { action, source: None }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

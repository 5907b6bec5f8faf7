//! Secrets that people give, kept sealed in the database, so that every daemon on it has them (P11, C19).
//!
//! What the database has is read once and kept in memory; this daemon's own changes are read at once, those of others with
//! the next sign of life (`node`), and before a platform is asked for anything new. A secret that is bound to accounts is
//! given to no other account's call, whatever the settings name.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use juzhen_domain::access::Sealed;
use juzhen_domain::id::{AccountId, PersonId, is_plain};
use juzhen_host::{PortError, Secret};
use juzhen_store::{GiveSecret, GivenSecret, Store, StoreError};
use zeroize::Zeroizing;

use crate::failpoint::Failpoints;
use crate::seal::{Envelope, MasterKey, RotateError, Rotated, Seal, SealError};

/// Longer than any platform's secret.
pub const LONGEST_SECRET: usize = 64 << 10;

/// The secrets of one database. Cheap to clone.
#[derive(Clone)]
pub struct Vault(Arc<Inner>);

struct Inner {
    seal: Seal,
    store: Arc<dyn Store>,
    failpoints: Arc<Failpoints>,
    opened: Mutex<Option<Arc<Opened>>>,
}

/// As the database had it when it was read last.
struct Opened {
    /// What it counted then.
    changes: i64,
    by_name: BTreeMap<String, One>,
}

struct One {
    row: GivenSecret,
    /// Why it cannot be read here, otherwise.
    value: Result<Secret, String>,
}

/// What may be seen of a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptSecret {
    pub name: String,
    /// The accounts whose calls get it; none: every account whose settings name it.
    pub accounts: Vec<AccountId>,
    /// Rises each time that somebody gives another value.
    pub version: i64,
    pub set_at: Timestamp,
    pub set_by: String,
    /// Public name of the master key that it is sealed under.
    pub key: String,
    /// Tells two values apart; `Err`: why it cannot be read here.
    pub fingerprint: Result<String, String>,
}

/// A secret was not kept, or not forgotten.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    #[error("{0:?} is no name of a secret: letters, digits, `.`, `-` and `_` only")]
    BadName(String),
    #[error("the value of {0} is empty")]
    Empty(String),
    #[error("the value of {0} is longer than {LONGEST_SECRET} bytes")]
    TooLong(String),
    #[error("no secret {0} is kept")]
    NotKept(String),
    /// What to do about the key.
    #[error("{0}")]
    NoKey(String),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Vault {
    /// With the master key; what is wrong with that is said when a secret is needed.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn open(
        key: &MasterKey,
        store: Arc<dyn Store>,
        failpoints: Arc<Failpoints>,
    ) -> Result<Self, StoreError> {
        let seal = Seal::open(key, store.as_ref()).await?;
        Ok(Self(Arc::new(Inner { seal, store, failpoints, opened: Mutex::default() })))
    }

    /// What is kept, by name, as the database has it now.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn list(&self) -> Result<Vec<KeptSecret>, StoreError> {
        let opened = self.load().await?;
        Ok(opened.by_name.values().map(|one| self.seen(one)).collect())
    }

    /// Public name of the master key; `Err`: what to do about it.
    ///
    /// # Errors
    /// See above.
    pub fn key(&self) -> Result<String, String> {
        self.0.seal.key().map(|key| key.name.clone()).map_err(|error| error.to_string())
    }

    /// Keeps a value; it holds from the next request on. Without `accounts` it stays bound as it is.
    ///
    /// # Errors
    /// A name or value that cannot be one, no key, a database that fails: nothing is kept.
    pub async fn set(
        &self,
        name: &str,
        value: &Secret,
        accounts: Option<Vec<AccountId>>,
        by: &str,
        at: Timestamp,
    ) -> Result<KeptSecret, VaultError> {
        fits(name, value)?;
        let accounts = match accounts {
            Some(mut accounts) => {
                accounts.sort_unstable();
                accounts.dedup();
                accounts
            }
            None => {
                self.load().await?.by_name.get(name).map(|one| one.row.accounts.clone()).unwrap_or_default()
            }
        };
        if let Err(first) = self.give(name, value, &accounts, by, at).await {
            // Somebody has changed the key; with the new one it goes.
            if !self.refresh().await? {
                return Err(first);
            }
            self.give(name, value, &accounts, by, at).await?;
        }
        let opened = self.load().await?;
        opened.by_name.get(name).map(|one| self.seen(one)).ok_or_else(|| VaultError::NotKept(name.to_owned()))
    }

    /// Forgets a secret.
    ///
    /// # Errors
    /// There is none of this name, or the database fails.
    pub async fn remove(&self, name: &str, by: &str, at: Timestamp) -> Result<(), VaultError> {
        let was_kept = self.0.store.forget_secret(name, by, at).await?;
        self.load().await?;
        if was_kept { Ok(()) } else { Err(VaultError::NotKept(name.to_owned())) }
    }

    /// Seals the second factor of a person.
    ///
    /// # Errors
    /// What to do about the key.
    pub fn seal_factor(&self, person: &PersonId, seed: &[u8]) -> Result<Sealed, VaultError> {
        self.0.seal.seal_factor(person, seed).map_err(|error| VaultError::NoKey(error.to_string()))
    }

    /// Opens what [`Vault::seal_factor`] sealed for the same person.
    ///
    /// # Errors
    /// It was sealed under another key, for another person, or changed.
    pub fn open_factor(&self, person: &PersonId, sealed: &Sealed) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        self.0.seal.open_factor(person, sealed).map_err(|error| VaultError::NoKey(error.to_string()))
    }

    /// Takes the key that the database is under by now, before something is sealed or opened outside of the vault.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn follow_key(&self) -> Result<(), StoreError> {
        self.refresh().await.map(drop)
    }

    /// Puts everything that is sealed under a new master key.
    ///
    /// # Errors
    /// Everything opens under the old one then.
    pub async fn rotate(&self, by: &str, at: Timestamp) -> Result<Rotated, RotateError> {
        let Inner { seal, store, failpoints, .. } = self.0.as_ref();
        let rotated = seal.rotate(store.as_ref(), failpoints, by, at).await;
        self.load().await?;
        rotated
    }

    /// The value for a call of this account; `None` when no secret of this name is kept.
    pub(crate) async fn get(&self, account: &AccountId, name: &str) -> Result<Option<Secret>, PortError> {
        let failed = |why: String| PortError {
            action: format!("give secret {name} to account {account}: {why}"),
            source: None,
        };
        let opened = self.opened().await.map_err(|error| PortError {
            action: format!("read secret {name} of account {account}"),
            source: Some(Box::new(error)),
        })?;
        let Some(One { row, value }) = opened.by_name.get(name) else { return Ok(None) };
        if !row.accounts.is_empty() && !row.accounts.contains(account) {
            return Err(failed("it is bound to other accounts".to_owned()));
        }
        value.clone().map(Some).map_err(failed)
    }

    /// What only the daemon itself uses, such as the key that signs notices: it is bound to no account.
    pub(crate) async fn own(&self, name: &str) -> Result<Option<Secret>, PortError> {
        let failed = |source| PortError { action: format!("read secret {name}"), source: Some(source) };
        let opened = self.opened().await.map_err(|error| failed(error.into()))?;
        let Some(One { row, value }) = opened.by_name.get(name) else { return Ok(None) };
        if !row.accounts.is_empty() {
            return Err(failed("it is bound to accounts".into()));
        }
        value.clone().map(Some).map_err(|why| failed(why.into()))
    }

    /// Reads again what others may have changed.
    pub(crate) async fn look(&self) -> Result<(), StoreError> {
        let known = self.known().map(|opened| opened.changes);
        let Some(known) = known else { return self.refresh().await.map(drop) };
        if self.0.store.sealing().await?.changes == known && self.0.seal.problem().is_none() {
            return Ok(());
        }
        self.load().await.map(drop)
    }

    pub(crate) fn seal(&self) -> &Seal {
        &self.0.seal
    }

    /// Whether the master key is another one by now, and here.
    pub(crate) async fn refresh(&self) -> Result<bool, StoreError> {
        self.0.seal.refresh(self.0.store.as_ref()).await
    }

    async fn give(
        &self,
        name: &str,
        value: &Secret,
        accounts: &[AccountId],
        by: &str,
        at: Timestamp,
    ) -> Result<(), VaultError> {
        let wrapped = self.0.seal.wrap(name, accounts, value.expose());
        let Envelope { sealed, data_key, key } =
            wrapped.map_err(|error| VaultError::NoKey(error.to_string()))?;
        let (name, accounts, by) = (name.to_owned(), accounts.to_vec(), by.to_owned());
        self.0.store.give_secret(GiveSecret { name, accounts, sealed, data_key, key, by, at }).await?;
        Ok(())
    }

    async fn opened(&self) -> Result<Arc<Opened>, StoreError> {
        match self.known() {
            Some(opened) => Ok(opened),
            None => self.load().await,
        }
    }

    /// What the database has now, under the key that it is under now.
    async fn load(&self) -> Result<Arc<Opened>, StoreError> {
        let Inner { seal, store, .. } = self.0.as_ref();
        seal.refresh(store.as_ref()).await?;
        // Counted before it is read: what changes in between is read again with the next look.
        let changes = store.sealing().await?.changes;
        let rows = store.given_secrets().await?;
        let open = |row: GivenSecret| {
            let value = seal.unwrap(&row).map_err(|error: SealError| error.to_string());
            (row.name.clone(), One { row, value })
        };
        let opened = Arc::new(Opened { changes, by_name: rows.into_iter().map(open).collect() });
        *self.slot() = Some(Arc::clone(&opened));
        Ok(opened)
    }

    fn seen(&self, one: &One) -> KeptSecret {
        let GivenSecret { name, accounts, version, set_at, set_by, key, .. } = one.row.clone();
        let shown =
            |value: &Secret| self.0.seal.fingerprint(value.expose()).get(..12).unwrap_or_default().to_owned();
        let fingerprint = one.value.as_ref().map(shown).map_err(Clone::clone);
        KeptSecret { name, accounts, version, set_at, set_by, key, fingerprint }
    }

    fn known(&self) -> Option<Arc<Opened>> {
        self.slot().clone()
    }

    fn slot(&self) -> MutexGuard<'_, Option<Arc<Opened>>> {
        self.0.opened.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn fits(name: &str, value: &Secret) -> Result<(), VaultError> {
    if !is_plain(name) {
        return Err(VaultError::BadName(name.to_owned()));
    }
    match value.expose().len() {
        0 => Err(VaultError::Empty(name.to_owned())),
        length if length > LONGEST_SECRET => Err(VaultError::TooLong(name.to_owned())),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;

//! The key under which secrets lie in the database: a backup, a copied disk or a look into the tables shows nothing (P11, C19).
//!
//! The key is a file beside the database and never in it (`key.rs`). Every value has a nonce of its own, and is bound to the
//! database, the account and the name it was sealed for, so that none can be put in another's place. The database knows the
//! key's name, a hash of it: one that is missing or another one is noticed and nothing is sealed under it, because two daemons
//! with two keys would take every token from each other.
//!
//! A new key takes everything along in one transaction (`Seal::rotate`). Daemons that run notice: what they seal under the old
//! one is refused by the database, and what they read under the new one sends them to their key files again.

mod envelope;
mod factor;
mod key;

use std::sync::Arc;

use arc_swap::ArcSwap;
use jiff::Timestamp;
use juzhen_store::{Captured, Refused, Reseal, Sealed, Sealing, Store, StoreError};
use sha2::{Digest, Sha256};
use tracing::{error, info};
use zeroize::Zeroizing;

use crate::failpoint::Failpoints;

pub(crate) use envelope::Envelope;
pub(crate) use key::Key;
pub use key::{KeyFileError, MasterKey};

/// What the salt of the fingerprints is bound to, beside the database.
const SALT: &str = "fingerprint salt";

/// Seals and opens, or says why it cannot.
pub(crate) struct Seal {
    /// Never gives up what another key sealed: that was done at the start.
    from: MasterKey,
    environment: String,
    key: ArcSwap<Held>,
}

/// The key, or what to do about it.
type Held = Result<Arc<Key>, String>;

/// A value could not be sealed or opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SealError {
    #[error("{0}")]
    NoKey(String),
    #[error("what is sealed as {what} was changed or is of another place")]
    Forged { what: String },
    #[error(
        "secret {name} is sealed under key {key}, which is not here: put that key there, or give the secret again"
    )]
    OtherKey { name: String, key: String },
    #[error("the operating system gave no randomness")]
    NoRandomness,
}

/// The key could not be changed; everything opens under the one that was there.
#[derive(Debug, thiserror::Error)]
pub enum RotateError {
    /// What to do about the key that should be there.
    #[error("{0}")]
    NoKey(String),
    /// The key that should take its place cannot.
    #[error(transparent)]
    File(#[from] KeyFileError),
    #[error("the new key is the old one: replace {0}")]
    SameKey(String),
    #[error("could not put everything under the new key")]
    Store(#[from] StoreError),
}

/// What a change of the key came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rotated {
    /// Public names of the keys.
    pub from: String,
    pub to: String,
    /// Secrets that people gave, and that platforms handed out.
    pub given: usize,
    pub captured: usize,
    /// Where the new key is.
    pub place: String,
}

impl Seal {
    /// Reads the key, or makes one for a database that never had any. Whatever is wrong with it, the daemon goes on for the
    /// accounts that do not need it.
    pub(crate) async fn open(from: &MasterKey, store: &dyn Store) -> Result<Self, StoreError> {
        let environment = store.mark(None).await?.environment;
        let key = find(from, &environment, store).await?;
        if let Err(why) = &key {
            error!(
                why,
                "Secrets in the database can be neither read nor kept; the accounts that need them are held"
            );
        }
        Ok(Self { from: from.to_keep(), environment, key: ArcSwap::from_pointee(key) })
    }

    /// Takes the key that the database is under by now, if it is here. Whether it is another one than before.
    pub(crate) async fn refresh(&self, store: &dyn Store) -> Result<bool, StoreError> {
        let before = self.key.load_full();
        let known = store.sealing().await?.key;
        if before.as_ref().as_ref().is_ok_and(|key| Some(&key.name) == known.as_ref()) {
            return Ok(false);
        }
        let now = find(&self.from, &self.environment, store).await?;
        match (before.as_ref(), &now) {
            (Err(before), Err(why)) if before == why => return Ok(false),
            (_, Err(why)) => error!(why, "The master key has changed; the accounts that need it are held"),
            (_, Ok(key)) => info!(key = key.name, "Secrets are opened and sealed under another master key"),
        }
        self.key.store(Arc::new(now));
        Ok(true)
    }

    /// Puts everything under a new key: that is on disk first, then one transaction, then it takes the old one's place.
    pub(crate) async fn rotate(
        &self,
        store: &dyn Store,
        failpoints: &Failpoints,
        by: &str,
        at: Timestamp,
    ) -> Result<Rotated, RotateError> {
        self.refresh(store).await?;
        let old = self.key().map_err(|error| RotateError::NoKey(error.to_string()))?;
        let new = self.from.next()?;
        if new.name == old.name {
            return Err(RotateError::SameKey(self.from.place()));
        }
        let new = Arc::new(new.with_salt(old.salt.clone()));
        failpoints.reach("key.rotate.after_file_before_commit");
        let reseal =
            self.resealing(&old, &new, by, at).map_err(|error| RotateError::NoKey(error.to_string()))?;
        let done = store.reseal(reseal).await?;
        failpoints.reach("key.rotate.after_commit_before_file");
        let (from, to, place) = (old.name.clone(), new.name.clone(), self.from.place());
        self.key.store(Arc::new(Ok(new)));
        if let Err(error) = self.from.take_next() {
            // The next start, or the next daemon that looks, does it.
            error!(
                error = crate::with_causes(&error),
                "The new master key could not be put in its place yet"
            );
        }
        info!(from, to, given = done.given, captured = done.captured, "The master key was changed");
        Ok(Rotated { from, to, given: done.given, captured: done.captured, place })
    }

    fn resealing(
        &self,
        old: &Arc<Key>,
        new: &Arc<Key>,
        by: &str,
        at: Timestamp,
    ) -> Result<Reseal, SealError> {
        let place = place(&self.environment, SALT, "");
        let salt = new.seal(&place, old.salt.as_slice()).ok_or(SealError::NoRandomness)?;
        let (from, to) = (old.name.clone(), new.name.clone());
        let (old, new, environment) = (Arc::clone(old), Arc::clone(new), self.environment.clone());
        let rewrap = move |row: Sealed<'_>| {
            let rewrapped = match row {
                Sealed::Given(row) => envelope::rewrap(&environment, row, &old, &new),
                Sealed::Captured(row) => resealed(&environment, row, &old, &new),
                Sealed::Factor(person, bytes) => factor::rewrap(&environment, person, bytes, &old, &new),
            };
            rewrapped.map_err(|error| Refused::new("bad_state", error.to_string()))
        };
        let salt = juzhen_domain::hash::hex(&salt);
        Ok(Reseal { from, to, salt, rewrap: Arc::new(rewrap), by: by.to_owned(), at })
    }

    /// What to do, when nothing can be opened or sealed.
    pub(crate) fn problem(&self) -> Option<String> {
        self.key.load().as_ref().as_ref().err().cloned()
    }

    /// The key that what is written together is sealed under.
    pub(crate) fn key(&self) -> Result<Arc<Key>, SealError> {
        self.key.load().as_ref().clone().map_err(SealError::NoKey)
    }

    pub(crate) fn seal(
        &self,
        key: &Key,
        account: &str,
        name: &str,
        clear: &[u8],
    ) -> Result<Vec<u8>, SealError> {
        key.seal(&place(&self.environment, account, name), clear).ok_or(SealError::NoRandomness)
    }

    pub(crate) fn open_sealed(
        &self,
        account: &str,
        name: &str,
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, SealError> {
        let clear = self.key()?.open(&place(&self.environment, account, name), sealed);
        clear.ok_or_else(|| forged(account, name))
    }

    /// Tells two secrets apart without showing them; the same for every daemon on the database, and under a new key. Empty
    /// without one.
    pub(crate) fn fingerprint(&self, secret: &str) -> String {
        let Ok(key) = self.key() else { return String::new() };
        let hash = Sha256::new().chain_update(*key.salt).chain_update(secret).finalize();
        juzhen_domain::hash::hex(&hash)
    }
}

/// The key that the database knows, or the first one; `Err` in it says what to do.
async fn find(from: &MasterKey, environment: &str, store: &dyn Store) -> Result<Held, StoreError> {
    let sealing = store.sealing().await?;
    let key = match from.load(sealing.key.as_deref()) {
        Ok(key) => key,
        Err(why) => return Ok(Err(why)),
    };
    let known = store.seal_under(&key.name, from.is_anew()).await?;
    if known != key.name {
        return Ok(Err(mismatch(from, &key.name, &known)));
    }
    // What another key has sealed is given up with it.
    let Sealing { salt, .. } = store.sealing().await?;
    let Some(salt) = salt else { return Ok(Ok(Arc::new(key))) };
    Ok(salted(key, environment, &salt).map(Arc::new))
}

fn salted(key: Key, environment: &str, sealed: &str) -> Result<Key, String> {
    let clear = unhex(sealed).and_then(|sealed| key.open(&place(environment, SALT, ""), &sealed));
    match clear.and_then(|clear| <[u8; 32]>::try_from(clear.as_slice()).ok()) {
        Some(salt) => Ok(key.with_salt(Zeroizing::new(salt))),
        None => {
            Err("what fingerprints of secrets begin with was changed in the database: bring back a backup"
                .to_owned())
        }
    }
}

fn mismatch(from: &MasterKey, ours: &str, known: &str) -> String {
    format!(
        "{} holds key {ours}, and the database is sealed under key {known}: put that one there (every daemon on one database \
         needs the same) and restart, or, if it is lost, start once with --new-master-key, after which those accounts sign \
         in again",
        from.place()
    )
}

/// What a captured value is bound to.
fn place(environment: &str, account: &str, name: &str) -> Vec<u8> {
    [environment, account, name].join("\0").into_bytes()
}

fn resealed(environment: &str, row: &Captured, old: &Key, new: &Key) -> Result<Vec<u8>, SealError> {
    let place = place(environment, row.account.as_str(), &row.name);
    let clear = old.open(&place, &row.sealed).ok_or_else(|| forged(row.account.as_str(), &row.name))?;
    new.seal(&place, &clear).ok_or(SealError::NoRandomness)
}

fn forged(account: &str, name: &str) -> SealError {
    SealError::Forged { what: format!("{name} of account {account}") }
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let pairs = (0..text.len()).step_by(2).map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok());
    pairs.collect()
}

#[cfg(test)]
mod tests {
    use std::fs::{self, OpenOptions};
    use std::io::Write;
    use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
    use std::path::Path;

    use juzhen_store::Sqlite;

    use super::*;

    fn file(folder: &Path) -> MasterKey {
        MasterKey::File { path: folder.join("master.key"), anew: false }
    }

    #[tokio::test]
    async fn p11_what_is_sealed_opens_in_its_own_place_only() {
        let store = Sqlite::temporary().unwrap();
        let seal = Seal::open(&MasterKey::Fixed([7; 32]), &store).await.unwrap();
        let sealing = |seal: &Seal| {
            let key = seal.key().unwrap();
            seal.seal(&key, "W000", "token", b"canary").unwrap()
        };
        let sealed = sealing(&seal);
        assert!(!sealed.windows(6).any(|bytes| bytes == b"canary"));
        assert_ne!(sealed, sealing(&seal), "a nonce of its own");
        assert_eq!(seal.open_sealed("W000", "token", &sealed).unwrap().as_slice(), b"canary");
        for (account, name) in [("W001", "token"), ("W000", "secret"), ("W000\0token", "")] {
            assert!(seal.open_sealed(account, name, &sealed).is_err(), "{account} {name}");
        }
        let elsewhere = Seal { environment: "another".into(), ..seal };
        assert!(elsewhere.open_sealed("W000", "token", &sealed).is_err());
        let mut cut = sealed.clone();
        cut.pop();
        assert!(elsewhere.open_sealed("W000", "token", &cut[..9]).is_err());
    }

    #[tokio::test]
    async fn p11_the_first_start_makes_a_key_for_its_owner_alone_and_the_next_one_reads_it() {
        let (folder, store) = (tempfile::tempdir().unwrap(), Sqlite::temporary().unwrap());
        let from = file(folder.path());
        let first = Seal::open(&from, &store).await.unwrap();
        let sealed = first.seal(&first.key().unwrap(), "W000", "token", b"x").unwrap();
        assert_eq!(fs::metadata(folder.path().join("master.key")).unwrap().mode() & 0o777, 0o600);
        let second = Seal::open(&from, &store).await.unwrap();
        assert_eq!(second.open_sealed("W000", "token", &sealed).unwrap().as_slice(), b"x");
        assert_eq!(first.fingerprint("a"), second.fingerprint("a"));
        assert_ne!(first.fingerprint("a"), first.fingerprint("b"));
    }

    #[tokio::test]
    async fn p11_a_missing_another_and_a_readable_key_say_what_to_do_and_no_new_one_is_made() {
        let (folder, store) = (tempfile::tempdir().unwrap(), Sqlite::temporary().unwrap());
        let (from, path) = (file(folder.path()), folder.path().join("master.key"));
        drop(Seal::open(&from, &store).await.unwrap());
        let key = fs::read_to_string(&path).unwrap();
        fs::remove_file(&path).unwrap();
        let problem = async || Seal::open(&from, &store).await.unwrap().problem();
        let missing = problem().await.unwrap();
        assert!(missing.contains("is missing") && missing.contains("put it back"), "{missing}");
        assert!(!path.exists());
        let write = |text: &str, mode: u32| {
            drop(fs::remove_file(&path));
            OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(mode)
                .open(&path)
                .unwrap()
                .write_all(text.as_bytes())
        };
        write(&"0".repeat(64), 0o600).unwrap();
        let other = problem().await.unwrap();
        assert!(other.contains("sealed under key") && other.contains("--new-master-key"), "{other}");
        for (text, mode, why) in [
            (key.as_str(), 0o644, "chmod 600"),
            ("abc", 0o600, "64 hexadecimal"),
            (&"+1".repeat(32), 0o600, "64 hex"),
        ] {
            write(text, mode).unwrap();
            let said = problem().await.unwrap();
            assert!(said.contains(why), "{said}");
        }
        write(&key, 0o600).unwrap();
        assert_eq!(problem().await, None);
        // It is lost for good: what it sealed is given up.
        write(&"0".repeat(64), 0o600).unwrap();
        let anew = MasterKey::File { path: path.clone(), anew: true };
        assert_eq!(Seal::open(&anew, &store).await.unwrap().problem(), None);
        assert_eq!(problem().await, None);
    }
}

//! Secrets that people give: each under a data key of its own, and that under the master key, so that a new master key
//! touches no value (C19, C22).
//!
//! Both are bound to the database, the name and the accounts: a row that is copied to another name, given to another account
//! or put into another database opens nowhere.

use juzhen_domain::hash::FieldHasher;
use juzhen_domain::id::AccountId;
use juzhen_host::Secret;
use juzhen_store::GivenSecret;
use zeroize::Zeroizing;

use super::key::Key;
use super::{Seal, SealError};

/// A sealed value, and the key to it.
pub(crate) struct Envelope {
    pub(crate) sealed: Vec<u8>,
    pub(crate) data_key: Vec<u8>,
    /// Public name of the master key.
    pub(crate) key: String,
}

impl Seal {
    pub(crate) fn wrap(
        &self,
        name: &str,
        accounts: &[AccountId],
        value: &str,
    ) -> Result<Envelope, SealError> {
        let master = self.key()?;
        let place = Place { environment: &self.environment, name, accounts };
        let mut bytes = Zeroizing::new([0; 32]);
        getrandom::fill(bytes.as_mut_slice()).map_err(|_| SealError::NoRandomness)?;
        let sealed = Key::of(&bytes).seal(&place.of_value(), value.as_bytes());
        let data_key = master.seal(&place.of_key(), bytes.as_slice());
        let (Some(sealed), Some(data_key)) = (sealed, data_key) else { return Err(SealError::NoRandomness) };
        Ok(Envelope { sealed, data_key, key: master.name.clone() })
    }

    pub(crate) fn unwrap(&self, row: &GivenSecret) -> Result<Secret, SealError> {
        let forged = || SealError::Forged { what: format!("secret {}", row.name) };
        let master = self.key()?;
        if row.key != master.name {
            return Err(SealError::OtherKey { name: row.name.clone(), key: row.key.clone() });
        }
        let place = Place { environment: &self.environment, name: &row.name, accounts: &row.accounts };
        let bytes = master.open(&place.of_key(), &row.data_key).ok_or_else(forged)?;
        let data_key = bytes.as_slice().try_into().map(Key::of).map_err(|_| forged())?;
        let clear = data_key.open(&place.of_value(), &row.sealed).ok_or_else(forged)?;
        std::str::from_utf8(&clear).map(Secret::new).map_err(|_| forged())
    }
}

/// The data key of a row, under another master key; the value stays as it is.
pub(super) fn rewrap(
    environment: &str,
    row: &GivenSecret,
    old: &Key,
    new: &Key,
) -> Result<Vec<u8>, SealError> {
    let place = Place { environment, name: &row.name, accounts: &row.accounts }.of_key();
    let forged = || SealError::Forged { what: format!("secret {}", row.name) };
    let bytes = old.open(&place, &row.data_key).ok_or_else(forged)?;
    new.seal(&place, &bytes).ok_or(SealError::NoRandomness)
}

/// Where a given secret belongs.
struct Place<'p> {
    environment: &'p str,
    name: &'p str,
    accounts: &'p [AccountId],
}

impl Place<'_> {
    fn of_value(&self) -> Vec<u8> {
        self.bytes("juzhen given secret 1")
    }

    fn of_key(&self) -> Vec<u8> {
        self.bytes("juzhen data key 1")
    }

    fn bytes(&self, purpose: &str) -> Vec<u8> {
        let mut hasher = FieldHasher::new(purpose);
        hasher.field(self.environment.as_bytes());
        hasher.field(self.name.as_bytes());
        for account in self.accounts {
            hasher.field(account.as_str().as_bytes());
        }
        hasher.finish().as_str().as_bytes().to_vec()
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use juzhen_store::Sqlite;

    use super::super::MasterKey;
    use super::*;

    fn row(envelope: Envelope, name: &str, accounts: &[&str]) -> GivenSecret {
        let Envelope { sealed, data_key, key } = envelope;
        let accounts = accounts.iter().map(|id| AccountId::from(*id)).collect();
        let (set_at, set_by) = (Timestamp::UNIX_EPOCH, "off.xt".into());
        GivenSecret { name: name.into(), accounts, sealed, data_key, key, version: 1, set_at, set_by }
    }

    #[tokio::test]
    async fn p11_c19_no_row_opens_in_another_place_and_each_has_a_key_of_its_own() {
        let store = Sqlite::temporary().unwrap();
        let seal = Seal::open(&MasterKey::Fixed([7; 32]), &store).await.unwrap();
        let bound = ["W000".into(), "W015".into()];
        let wrap =
            |name: &str, value: &str| row(seal.wrap(name, &bound, value).unwrap(), name, &["W000", "W015"]);
        let (one, other) = (wrap("app", "canary-1"), wrap("token", "canary-2"));
        assert_eq!(seal.unwrap(&one).unwrap().expose(), "canary-1");
        let all = [&one.sealed[..], &one.data_key, &other.sealed].concat();
        assert!(!all.windows(6).any(|bytes| bytes == b"canary"));
        assert_ne!(wrap("app", "canary-1").sealed, one.sealed, "drawn anew each time");
        let is_forged = |row: GivenSecret| matches!(seal.unwrap(&row), Err(SealError::Forged { .. }));
        assert!(is_forged(GivenSecret { name: "token".into(), ..one.clone() }), "another name");
        assert!(is_forged(GivenSecret { accounts: vec!["W000".into()], ..one.clone() }), "bound to others");
        assert!(is_forged(GivenSecret { accounts: vec![], ..one.clone() }), "bound to nobody");
        assert!(is_forged(GivenSecret { accounts: vec!["W000W015".into()], ..one.clone() }));
        assert!(is_forged(GivenSecret { sealed: other.sealed.clone(), ..one.clone() }), "another value");
        assert!(is_forged(GivenSecret { data_key: other.data_key.clone(), ..one.clone() }), "another key");
        assert!(is_forged(GivenSecret {
            sealed: one.data_key.clone(),
            data_key: one.sealed.clone(),
            ..one.clone()
        }));
        let mut changed = one.clone();
        *changed.sealed.last_mut().unwrap() ^= 1;
        assert!(is_forged(changed));
        // In another database under the very same master key.
        let elsewhere = Seal::open(&MasterKey::Fixed([7; 32]), &Sqlite::temporary().unwrap()).await.unwrap();
        assert!(matches!(elsewhere.unwrap(&one), Err(SealError::Forged { .. })));
        let lost = GivenSecret { key: "0011223344556677".into(), ..one };
        assert!(matches!(seal.unwrap(&lost), Err(SealError::OtherKey { .. })));
    }
}

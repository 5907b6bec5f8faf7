//! Second factors of people, sealed: bound to the database and the person, so that nobody's row opens as another's (C07).

use juzhen_domain::access::Sealed;
use juzhen_domain::hash::FieldHasher;
use juzhen_domain::id::PersonId;
use zeroize::Zeroizing;

use super::{Key, Seal, SealError};

impl Seal {
    /// Under the key of this moment; the database refuses what another one sealed.
    pub(crate) fn seal_factor(&self, person: &PersonId, seed: &[u8]) -> Result<Sealed, SealError> {
        let key = self.key()?;
        let bytes = key.seal(&place(&self.environment, person), seed).ok_or(SealError::NoRandomness)?;
        Ok(Sealed { bytes, key: key.name.clone() })
    }

    pub(crate) fn open_factor(
        &self,
        person: &PersonId,
        sealed: &Sealed,
    ) -> Result<Zeroizing<Vec<u8>>, SealError> {
        let key = self.key()?;
        if key.name != sealed.key {
            return Err(SealError::OtherKey { name: what(person), key: sealed.key.clone() });
        }
        key.open(&place(&self.environment, person), &sealed.bytes).ok_or_else(|| forged(person))
    }
}

/// The same seed under another master key.
pub(super) fn rewrap(
    environment: &str,
    person: &PersonId,
    sealed: &[u8],
    old: &Key,
    new: &Key,
) -> Result<Vec<u8>, SealError> {
    let place = place(environment, person);
    let seed = old.open(&place, sealed).ok_or_else(|| forged(person))?;
    new.seal(&place, &seed).ok_or(SealError::NoRandomness)
}

fn place(environment: &str, person: &PersonId) -> Vec<u8> {
    let mut hasher = FieldHasher::new("juzhen second factor 1");
    hasher.field(environment.as_bytes());
    hasher.field(person.as_str().as_bytes());
    hasher.finish().as_str().as_bytes().to_vec()
}

fn what(person: &PersonId) -> String {
    format!("second factor of {person}")
}

fn forged(person: &PersonId) -> SealError {
    SealError::Forged { what: what(person) }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use jiff::Timestamp;
    use juzhen_domain::access::Credentials;
    use juzhen_store::{AccessChange, Asking, People, Sqlite};

    use super::super::MasterKey;
    use super::*;
    use crate::failpoint::Failpoints;

    #[tokio::test]
    async fn c07_c19_a_factor_opens_for_its_person_alone_and_goes_along_to_a_new_key() {
        let (folder, store) = (tempfile::tempdir().unwrap(), Sqlite::temporary().unwrap());
        let from = MasterKey::File { path: folder.path().join("master.key"), anew: false };
        let seal = Seal::open(&from, &store).await.unwrap();
        let (editor, other) = (PersonId::from("off.hg"), PersonId::from("off.zr"));
        let sealed = seal.seal_factor(&editor, b"the canary of a seed").unwrap();
        assert!(!sealed.bytes.windows(6).any(|bytes| bytes == b"canary"));
        assert!(matches!(seal.open_factor(&other, &sealed), Err(SealError::Forged { .. })));
        let at = Timestamp::UNIX_EPOCH;
        let kept = Credentials {
            password: Some("hash".into()),
            seed: Some(sealed.clone()),
            ..Credentials::none(editor.clone(), at)
        };
        let asking = Asking { person: editor.clone(), address: None };
        let keep =
            move |_: &_| Ok(AccessChange { credentials: Some(kept.clone()), ..AccessChange::default() });
        store.change_access(asking.clone(), Arc::new(keep)).await.unwrap();
        seal.rotate(&store, &Failpoints::default(), "uid:0", at).await.unwrap();
        assert!(matches!(seal.open_factor(&editor, &sealed), Err(SealError::OtherKey { .. })));
        let now = store.access(&asking).await.unwrap().credentials.unwrap().seed.unwrap();
        assert_eq!(seal.open_factor(&editor, &now).unwrap().as_slice(), b"the canary of a seed");
    }
}

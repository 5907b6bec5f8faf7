//! What adapters keep, and media by the hash of their bytes.

use juzhen_domain::hash::hex;
use sha2::{Digest, Sha256};

use super::rows::{Fields, millis};
use super::{Transaction, params};
use crate::error::{Refused, StoreError};
use crate::values::{Blob, ValueKey};

pub(crate) fn get(c: &Transaction<'_>, key: &ValueKey) -> Result<Option<Vec<u8>>, StoreError> {
    const SQL: &str = "SELECT value FROM adapter_values WHERE adapter = ?1 AND account = ?2 AND key = ?3";
    let place = params![key.adapter, key.account.as_str(), key.key];
    c.first(SQL, place, |f: &mut Fields<'_>| f.get())
}

pub(crate) fn set(c: &Transaction<'_>, key: &ValueKey, value: Option<&[u8]>) -> Result<(), StoreError> {
    const REMOVE: &str = "DELETE FROM adapter_values WHERE adapter = ?1 AND account = ?2 AND key = ?3";
    const PUT: &str = "INSERT INTO adapter_values (adapter, account, key, value) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (adapter, account, key) DO UPDATE SET value = excluded.value";
    let account = key.account.as_str();
    match value {
        None => c.execute(REMOVE, params![key.adapter, account, key.key])?,
        Some(value) => c.execute(PUT, params![key.adapter, account, key.key, value])?,
    };
    Ok(())
}

/// Putting the same bytes twice keeps one.
pub(crate) fn put_blob(c: &Transaction<'_>, blob: &Blob) -> Result<(), StoreError> {
    const SQL: &str =
        "INSERT INTO blobs (sha256, mime, bytes, at) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING";
    let found = hex(&Sha256::digest(&blob.bytes));
    if found != blob.sha256 {
        let message = format!("the bytes have SHA-256 {found}, not {}: send them again", blob.sha256);
        return Err(StoreError::Refused(Refused::new("wrong_hash", message)));
    }
    c.execute(SQL, params![blob.sha256, blob.mime, blob.bytes, millis(blob.at)])?;
    Ok(())
}

pub(crate) fn blob(c: &Transaction<'_>, sha256: &str) -> Result<Option<Blob>, StoreError> {
    const SQL: &str = "SELECT sha256, mime, bytes, at FROM blobs WHERE sha256 = ?1";
    let read =
        |f: &mut Fields<'_>| Ok(Blob { sha256: f.get()?, mime: f.get()?, bytes: f.get()?, at: f.time()? });
    c.first(SQL, params![sha256], read)
}

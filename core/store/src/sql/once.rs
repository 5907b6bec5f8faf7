//! Requests that have their effect once, however often they are sent (P21). Written in the transaction of their effect.

use super::rows::{Fields, millis};
use super::{Transaction, params};
use crate::error::StoreError;
use crate::values::Once;

/// What the same request changed when it came before: the id of the item or delivery. Another request under the same key
/// is refused.
pub(super) fn answered_before(
    c: &Transaction<'_>,
    once: Option<&Once>,
) -> Result<Option<String>, StoreError> {
    const SQL: &str = "SELECT request_sha256, subject FROM once WHERE person = ?1 AND key = ?2";
    let Some(once) = once else { return Ok(None) };
    let read = |f: &mut Fields<'_>| Ok((f.get::<String>()?, f.get()?));
    match c.first(SQL, params![once.person.as_str(), &once.key], read)? {
        Some((request, _)) if request != once.request_sha256 => {
            Err(StoreError::KeyReused { key: once.key.clone() })
        }
        found => Ok(found.map(|(_, subject)| subject)),
    }
}

pub(super) fn remember(c: &Transaction<'_>, subject: &str, once: Option<&Once>) -> Result<(), StoreError> {
    const SQL: &str =
        "INSERT INTO once (person, key, request_sha256, subject, at) VALUES (?1, ?2, ?3, ?4, ?5)";
    if let Some(once) = once {
        let values = params![once.person.as_str(), once.key, once.request_sha256, subject, millis(once.at)];
        c.execute(SQL, values)?;
    }
    Ok(())
}

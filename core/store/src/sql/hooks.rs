//! Notices on their way to an address outside: each is tried until it arrives, whatever becomes of the others (F08).

use jiff::Timestamp;

use super::notices::{NOTICE, WITH_HOOK, read};
use super::rows::millis;
use super::{Transaction, params};
use crate::error::StoreError;
use crate::values::Notice;

/// Sets a notice on its way, once.
pub(crate) fn add(c: &Transaction<'_>, number: i64, at: Timestamp) -> Result<(), StoreError> {
    const SQL: &str = "INSERT INTO notice_hooks (number, next_at) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
    c.execute(SQL, params![number, millis(at)]).map(drop)
}

/// Those that are to be tried now, the oldest first; whoever takes them has until `until`.
pub(crate) fn take(
    c: &Transaction<'_>,
    now: Timestamp,
    until: Timestamp,
    most: u32,
) -> Result<Vec<Notice>, StoreError> {
    let sql = format!(
        "SELECT {NOTICE} FROM notices n {WITH_HOOK} WHERE h.next_at <= ?1 ORDER BY n.number LIMIT ?2"
    );
    const TAKE: &str = "UPDATE notice_hooks SET next_at = ?2 WHERE number = ?1 AND next_at <= ?3";
    let mut taken = Vec::new();
    for notice in c.collect(&sql, params![millis(now), most], read)? {
        if c.execute(TAKE, params![notice.number, millis(until), millis(now)])? > 0 {
            taken.push(notice);
        }
    }
    Ok(taken)
}

pub(crate) fn sent(c: &Transaction<'_>, number: i64, at: Timestamp) -> Result<(), StoreError> {
    const SQL: &str =
        "UPDATE notice_hooks SET sent_at = ?2, next_at = NULL, problem = NULL, tries = tries + 1
         WHERE number = ?1 AND sent_at IS NULL";
    c.execute(SQL, params![number, millis(at)]).map(drop)
}

pub(crate) fn failed(
    c: &Transaction<'_>,
    number: i64,
    next_at: Timestamp,
    problem: &str,
) -> Result<(), StoreError> {
    const SQL: &str = "UPDATE notice_hooks SET next_at = ?2, problem = ?3, tries = tries + 1
         WHERE number = ?1 AND sent_at IS NULL";
    c.execute(SQL, params![number, millis(next_at), problem]).map(drop)
}

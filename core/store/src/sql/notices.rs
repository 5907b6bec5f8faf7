//! The outbox: what people are told is written by the transaction that makes it true, and handed out afterwards, at least
//! once and always under the same id (F08).

use jiff::Timestamp;
use juzhen_domain::notice::Draft;
use serde_json::Value;

use super::rows::{Fields, millis};
use super::{Transaction, params};
use crate::error::StoreError;
use crate::values::{HookState, Notice};

pub(super) const NOTICE: &str =
    "n.number, n.id, n.kind, n.subject, n.text, n.detail, n.at, n.emitted_at, n.tries,
    h.number, h.next_at, h.sent_at, h.tries, h.problem";
/// Each with its way outside, if it has one.
pub(super) const WITH_HOOK: &str = "LEFT JOIN notice_hooks h ON h.number = n.number";

/// Keeps a notice; one of the same id is kept already. Says whether it is new.
pub(crate) fn add(
    c: &Transaction<'_>,
    draft: &Draft,
    detail: &Value,
    at: Timestamp,
) -> Result<bool, StoreError> {
    const SQL: &str = "INSERT INTO notices (number, id, kind, subject, text, detail, at, next_at)
         SELECT coalesce(max(number), 0) + 1, ?1, ?2, ?3, ?4, ?5, CAST(?6 AS BIGINT),
            CAST(?6 AS BIGINT) FROM notices
         WHERE true ON CONFLICT (id) DO NOTHING";
    let Draft { id, kind, subject, text } = draft;
    Ok(c.execute(SQL, params![id, *kind, subject, text, detail.to_string(), millis(at)])? > 0)
}

/// The oldest that nobody has handed out; whoever takes them has until `until` to do so.
pub(crate) fn take(
    c: &Transaction<'_>,
    now: Timestamp,
    until: Timestamp,
    most: u32,
) -> Result<Vec<Notice>, StoreError> {
    let sql = format!(
        "SELECT {NOTICE} FROM notices n INDEXED BY notices_to_emit {WITH_HOOK}
         WHERE n.emitted_at IS NULL ORDER BY n.number LIMIT ?1"
    );
    const TAKE: &str = "UPDATE notices SET next_at = ?2 WHERE number = ?1 AND next_at <= ?3";
    let mut taken = Vec::new();
    for notice in c.collect(&sql, params![most], read)? {
        // In their order: behind one that is not ready, all wait.
        if c.execute(TAKE, params![notice.number, millis(until), millis(now)])? == 0 {
            break;
        }
        taken.push(notice);
    }
    Ok(taken)
}

pub(crate) fn emitted(c: &Transaction<'_>, number: i64, at: Timestamp) -> Result<(), StoreError> {
    const SQL: &str = "UPDATE notices SET emitted_at = ?2, next_at = NULL, tries = tries + 1
         WHERE number = ?1 AND emitted_at IS NULL";
    c.execute(SQL, params![number, millis(at)]).map(|_| ())
}

/// It could not be handed out: not again before `next_at`.
pub(crate) fn failed(c: &Transaction<'_>, number: i64, next_at: Timestamp) -> Result<(), StoreError> {
    const SQL: &str = "UPDATE notices SET next_at = ?2, tries = tries + 1
         WHERE number = ?1 AND emitted_at IS NULL";
    c.execute(SQL, params![number, millis(next_at)]).map(|_| ())
}

/// Newest first.
pub(crate) fn list(c: &Transaction<'_>, before: Option<i64>, most: u32) -> Result<Vec<Notice>, StoreError> {
    let sql = format!(
        "SELECT {NOTICE} FROM notices n {WITH_HOOK} WHERE n.number < ?1 ORDER BY n.number DESC LIMIT ?2"
    );
    c.collect(&sql, params![before.unwrap_or(i64::MAX), most], read)
}

/// Those that were tried and did not arrive, the oldest first.
pub(crate) fn failing(c: &Transaction<'_>, most: u32) -> Result<Vec<Notice>, StoreError> {
    let sql = format!(
        "SELECT {NOTICE} FROM notices n {WITH_HOOK}
         WHERE (n.emitted_at IS NULL AND n.tries > 0) OR (h.next_at IS NOT NULL AND h.problem IS NOT NULL)
         ORDER BY n.number LIMIT ?1"
    );
    c.collect(&sql, params![most], read)
}

pub(super) fn read(f: &mut Fields<'_>) -> Result<Notice, StoreError> {
    Ok(Notice {
        number: f.get()?,
        id: f.get()?,
        kind: f.get()?,
        subject: f.get()?,
        text: f.get()?,
        detail: f.json()?,
        at: f.time()?,
        emitted_at: f.optional_time()?,
        tries: f.get()?,
        hook: hook(f)?,
    })
}

fn hook(f: &mut Fields<'_>) -> Result<Option<HookState>, StoreError> {
    let number: Option<i64> = f.get()?;
    let (next_at, sent_at) = (f.optional_time()?, f.optional_time()?);
    let (tries, problem): (Option<u32>, _) = (f.get()?, f.get()?);
    Ok(number.map(|_| HookState { next_at, sent_at, tries: tries.unwrap_or(0), problem }))
}

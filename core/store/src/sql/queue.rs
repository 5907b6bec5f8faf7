//! The head of every account's queue. Kept with each change of a delivery, so that a claim costs the same with ten
//! waiting deliveries and with a million.

use juzhen_domain::id::AccountId;

use super::rows::Fields;
use super::{Hold, Transaction, params};
use crate::error::StoreError;

/// Sets when the account's first due delivery may be claimed. Called after every change of one of its deliveries.
pub(super) fn refresh(c: &Transaction<'_>, account: &AccountId) -> Result<(), StoreError> {
    const SQL: &str = "
        INSERT INTO queue (account, wake_at) VALUES (?1, CASE
            WHEN EXISTS (SELECT 1 FROM deliveries INDEXED BY deliveries_one_under_way
                WHERE account = ?1 AND state IN ('claimed', 'sending')) THEN NULL
            ELSE (SELECT min(next_at) FROM deliveries INDEXED BY deliveries_due
                WHERE account = ?1 AND state = 'due') END)
        ON CONFLICT (account) DO UPDATE SET
            wake_at = CASE WHEN excluded.wake_at IS NULL THEN NULL ELSE max(excluded.wake_at, queue.not_before) END";
    c.hold(Hold::Account(account.as_str()))?;
    c.execute(SQL, params![account.as_str()])?;
    Ok(())
}

/// One of the account's deliveries is under way now: until it is done nothing of the account is claimed.
pub(super) fn takes_place(c: &Transaction<'_>, account: &AccountId) -> Result<(), StoreError> {
    const SQL: &str = "UPDATE queue SET wake_at = NULL WHERE account = ?1";
    c.hold(Hold::Account(account.as_str()))?;
    c.execute(SQL, params![account.as_str()])?;
    Ok(())
}

/// Nothing of this account before `time`. The deliveries keep their own times, and so their order.
pub(super) fn not_before(c: &Transaction<'_>, account: &AccountId, time: i64) -> Result<(), StoreError> {
    const SQL: &str = "UPDATE queue SET not_before = ?2, wake_at = max(wake_at, ?2) WHERE account = ?1";
    c.execute(SQL, params![account.as_str(), time])?;
    Ok(())
}

/// Asks the caps anew: they may have been raised, and a clock that was ahead may be right again.
pub(super) fn ask_again(c: &Transaction<'_>, now: i64) -> Result<(), StoreError> {
    const CAPPED: &str = "SELECT account FROM queue WHERE not_before > ?1";
    const FREE: &str = "UPDATE queue SET not_before = 0 WHERE account = ?1";
    let soon = now.saturating_add(1000);
    let capped: Vec<AccountId> = c.collect(CAPPED, params![soon], |f: &mut Fields<'_>| f.id())?;
    for account in capped {
        c.execute(FREE, params![account.as_str()])?;
        refresh(c, &account)?;
    }
    Ok(())
}

/// Accounts whose time has come until `until`, the one that waits longest first, after `after` in that order.
pub(super) fn awake(
    c: &Transaction<'_>,
    until: i64,
    after: &(i64, AccountId),
    most: u32,
) -> Result<Vec<(i64, AccountId)>, StoreError> {
    const SQL: &str = "SELECT wake_at, account FROM queue
         WHERE wake_at <= ?1 AND (wake_at, account) > (?2, ?3) ORDER BY wake_at, account LIMIT ?4
         /*+ FOR UPDATE SKIP LOCKED */";
    let read = |f: &mut Fields<'_>| Ok((f.get()?, f.id()?));
    c.collect(SQL, params![until, after.0, after.1.as_str(), most], read)
}

/// When this account's time came, if it did until `until`.
pub(super) fn wakes(c: &Transaction<'_>, account: &AccountId, until: i64) -> Result<Option<i64>, StoreError> {
    const SQL: &str = "SELECT wake_at FROM queue WHERE account = ?1 AND wake_at <= ?2";
    c.first(SQL, params![account.as_str(), until], |f: &mut Fields<'_>| f.get())
}

/// When the next account wakes.
pub(super) fn next(c: &Transaction<'_>) -> Result<Option<i64>, StoreError> {
    const SQL: &str = "SELECT min(wake_at) FROM queue WHERE wake_at IS NOT NULL";
    Ok(c.first(SQL, params![], |f: &mut Fields<'_>| f.get())?.flatten())
}

/// Accounts that have something due, in whatever future.
pub(super) fn waiting(c: &Transaction<'_>) -> Result<Vec<AccountId>, StoreError> {
    c.collect("SELECT account FROM queue WHERE wake_at IS NOT NULL", params![], |f: &mut Fields<'_>| f.id())
}

//! Attempts: one row a try, ended once.

use jiff::{SignedDuration, Timestamp};
use juzhen_domain::caps::{Used, later};
use juzhen_domain::crash;
use juzhen_domain::delivery::Attempt;
use juzhen_domain::id::{AccountId, DeliveryId};
use juzhen_domain::reason::{self, Why};

use super::rows::{self, ATTEMPT, Fields, millis};
use super::{Transaction, params};
use crate::error::{StoreError, failed};

/// How an attempt ended.
pub(super) struct Ending<'a> {
    pub(super) outcome: &'a str,
    pub(super) detail: Option<&'a str>,
    pub(super) adapter: Option<&'a str>,
    pub(super) at: Timestamp,
}

pub(super) fn insert(
    c: &Transaction<'_>,
    attempt: &Attempt,
    account: &AccountId,
    worker: &str,
) -> Result<(), StoreError> {
    const SQL: &str = "INSERT INTO attempts (id, delivery, account, number, fence, call, worker, started_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    c.execute(
        SQL,
        params![
            attempt.id.as_str(),
            attempt.delivery.as_str(),
            account.as_str(),
            attempt.number,
            attempt.fence,
            attempt.call,
            worker,
            millis(attempt.started_at)
        ],
    )?;
    Ok(())
}

/// Ends the delivery's open attempt, if it has one.
pub(super) fn end_open(
    c: &Transaction<'_>,
    delivery: &DeliveryId,
    end: &Ending<'_>,
) -> Result<(), StoreError> {
    const SQL: &str = "UPDATE attempts SET ended_at = ?2, outcome = ?3, detail = ?4, adapter = ?5
         WHERE delivery = ?1 AND ended_at IS NULL";
    let values = params![delivery.as_str(), millis(end.at), end.outcome, end.detail, end.adapter];
    c.execute(SQL, values)?;
    Ok(())
}

/// Oldest first.
pub(super) fn of(c: &Transaction<'_>, delivery: &DeliveryId) -> Result<Vec<Attempt>, StoreError> {
    let sql = format!("SELECT {ATTEMPT} FROM attempts WHERE delivery = ?1 ORDER BY number");
    c.collect(&sql, params![delivery.as_str()], rows::attempt)
}

pub(super) fn newest(c: &Transaction<'_>, delivery: &DeliveryId) -> Result<Option<Attempt>, StoreError> {
    let sql = format!("SELECT {ATTEMPT} FROM attempts WHERE delivery = ?1 ORDER BY number DESC LIMIT 1");
    c.first(&sql, params![delivery.as_str()], rows::attempt)
}

/// Ends of the daemon at which a delivery was in hand: in a row, among its last `tries` attempts (F12).
pub(super) fn ends_over(c: &Transaction<'_>, delivery: &DeliveryId, tries: u32) -> Result<u32, StoreError> {
    const SQL: &str = "SELECT coalesce(detail, '') FROM attempts
         WHERE delivery = ?1 AND ended_at IS NOT NULL ORDER BY number DESC LIMIT ?2";
    if tries == 0 {
        return Ok(0);
    }
    let last: Vec<String> =
        c.collect(SQL, params![delivery.as_str(), tries], |f: &mut Fields<'_>| f.get())?;
    let by_an_end = |said: &&String| {
        let first = reason::explain(said).words.first().copied();
        matches!(first, Some(Why::EndedBefore | Why::EndedBetween))
    };
    Ok(u32::try_from(last.iter().take_while(by_an_end).count()).unwrap_or(u32::MAX))
}

/// Whether something that may only go out alone is under way.
pub(super) fn suspect_is_out(c: &Transaction<'_>) -> Result<bool, StoreError> {
    const SQL: &str = "SELECT id, tries FROM deliveries INDEXED BY deliveries_one_under_way
         WHERE state IN ('claimed', 'sending') AND tries > 1";
    let read = |f: &mut Fields<'_>| Ok((f.id()?, f.get::<u32>()?));
    let out: Vec<(DeliveryId, u32)> = c.collect(SQL, params![], read)?;
    for (id, tries) in out {
        // The last of them is the present one.
        if crash::is_suspect(ends_over(c, &id, tries - 1)?) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Claims are made for a time that is about to come, and clocks of daemons differ a little.
const AHEAD: SignedDuration = SignedDuration::from_mins(1);

/// What the account has used up to `now`, for the caps (P20). What began later than a moment from now began under a clock
/// that ran ahead, and would keep the account back for as long as that was (P14).
pub(super) fn used(c: &Transaction<'_>, account: &AccountId, now: Timestamp) -> Result<Used, StoreError> {
    const SQL: &str = "SELECT count(*), min(started_at),
            (SELECT max(started_at) FROM attempts WHERE account = ?1 AND started_at <= ?3),
            EXISTS (SELECT 1 FROM deliveries INDEXED BY deliveries_one_under_way
                WHERE account = ?1 AND state IN ('claimed', 'sending'))
         FROM attempts WHERE account = ?1 AND started_at > ?2 AND started_at <= ?3";
    let hour_ago = millis(now) - SignedDuration::from_hours(1).as_secs() * 1000;
    let read = |f: &mut Fields<'_>| {
        Ok(Used {
            in_last_hour: f.get()?,
            oldest_in_hour: f.optional_time()?,
            last_at: f.optional_time()?,
            busy: f.get()?,
        })
    };
    let values = params![account.as_str(), hour_ago, millis(later(now, AHEAD))];
    let used = c.first(SQL, values, read)?;
    used.ok_or_else(|| failed("count attempts", "the database counted nothing".into()))
}

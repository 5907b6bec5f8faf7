//! Accounts in trouble, and those that are paused (P20): `domain::pause` says what an ending means, this keeps it, in the
//! transaction that ends the delivery. A pause outlives the daemon, holds what is due, and is lifted by a person.

use std::collections::BTreeMap;

use jiff::Timestamp;
use juzhen_domain::id::{AccountId, PersonId};
use juzhen_domain::notice;
use juzhen_domain::pause::{self, Ending, Sign};
use juzhen_domain::reason::Why;
use serde_json::{Value, json};

use super::rows::{DeliveryRow, Fields, millis};
use super::{Hold, Transaction, audit, notices, params};
use crate::error::{StoreError, failed};
use crate::values::{AccountTrouble, Audit, Pause};

/// Notes what the daemon's latest move of a delivery says about its account; the account may pause because of it.
pub(super) fn note(
    c: &Transaction<'_>,
    before: &DeliveryRow,
    after: &DeliveryRow,
    most: u32,
    at: Timestamp,
) -> Result<(), StoreError> {
    const FORGET: &str = "DELETE FROM account_trouble WHERE account = ?1 AND paused_at IS NULL";
    let (account, delivery) = (&after.delivery.account, &after.delivery);
    let sign = pause::sign(before.delivery.state, delivery);
    if sign == Sign::Nothing {
        return Ok(());
    }
    let known = get(c, account)?;
    let is_paused = known.as_ref().is_some_and(|known| known.pause.is_some());
    let endings = known.map(|known| known.endings).unwrap_or_default();
    if sign == Sign::Good && endings.is_empty() {
        return Ok(());
    }
    let trouble = pause::after(&endings, sign, delivery, most, at);
    if trouble.endings.is_empty() && !is_paused {
        return c.execute(FORGET, params![account.as_str()]).map(drop);
    }
    keep(c, account, &trouble.endings)?;
    match trouble.pause {
        Some(reason) if !is_paused => pause_by_itself(c, account, &reason, &trouble.endings, at),
        _ => Ok(()),
    }
}

/// A person's pause; one that is on stays as it is.
pub(crate) fn pause(
    c: &Transaction<'_>,
    account: &AccountId,
    by: &PersonId,
    reason: &str,
    at: Timestamp,
) -> Result<Pause, StoreError> {
    c.hold(Hold::Account(account.as_str()))?;
    let known = get(c, account)?;
    if let Some(pause) = known.as_ref().and_then(|known| known.pause.clone()) {
        return Ok(pause);
    }
    keep(c, account, &known.map(|known| known.endings).unwrap_or_default())?;
    let reason = Why::Operator.because(reason);
    set(c, account, by.as_str(), &reason, at)?;
    c.will_audit(entry(by.as_str(), "account.paused", account, json!({ "reason": reason }), at));
    Ok(Pause { at, by: by.to_string(), reason })
}

/// Lifts the pause and forgets what led to it; the pause that was on.
pub(crate) fn resume(
    c: &Transaction<'_>,
    account: &AccountId,
    by: &PersonId,
    reason: &str,
    at: Timestamp,
) -> Result<Option<Pause>, StoreError> {
    c.hold(Hold::Account(account.as_str()))?;
    let Some(AccountTrouble { pause: Some(lifted), endings, .. }) = get(c, account)? else { return Ok(None) };
    c.execute("DELETE FROM account_trouble WHERE account = ?1", params![account.as_str()])?;
    let detail = json!({ "reason": reason, "pause": lifted, "endings": endings });
    c.will_audit(entry(by.as_str(), "account.resumed", account, detail, at));
    Ok(Some(lifted))
}

/// Every account that is paused or has bad ends in a row.
pub(crate) fn list(c: &Transaction<'_>) -> Result<Vec<AccountTrouble>, StoreError> {
    c.collect(&format!("SELECT {TROUBLE} FROM account_trouble ORDER BY account"), params![], read)
}

/// Paused accounts, each with its reason. Nearly always there are none.
pub(super) fn paused(c: &Transaction<'_>) -> Result<BTreeMap<AccountId, String>, StoreError> {
    const SQL: &str =
        "SELECT account, reason FROM account_trouble INDEXED BY accounts_paused WHERE paused_at IS NOT NULL";
    let read = |f: &mut Fields<'_>| Ok((f.id()?, f.get()?));
    Ok(c.collect(SQL, params![], read)?.into_iter().collect())
}

/// Whether STOP ALL is on, and why an account is paused, if it is. One look, asked before every effect.
pub(super) fn why_not(
    c: &Transaction<'_>,
    account: &AccountId,
) -> Result<(bool, Option<String>), StoreError> {
    const SQL: &str = "SELECT EXISTS (SELECT 1 FROM stop),
            (SELECT reason FROM account_trouble WHERE account = ?1 AND paused_at IS NOT NULL)";
    let found = c.first(SQL, params![account.as_str()], |f: &mut Fields<'_>| Ok((f.get()?, f.get()?)))?;
    found.ok_or_else(|| failed("look for a stop", "the database gave no row".into()))
}

const TROUBLE: &str = "account, endings, paused_at, paused_by, reason";

fn get(c: &Transaction<'_>, account: &AccountId) -> Result<Option<AccountTrouble>, StoreError> {
    let sql = format!("SELECT {TROUBLE} FROM account_trouble WHERE account = ?1");
    c.first(&sql, params![account.as_str()], read)
}

fn read(f: &mut Fields<'_>) -> Result<AccountTrouble, StoreError> {
    let (account, endings) = (f.id()?, f.json()?);
    let (at, by, reason): (_, Option<String>, Option<String>) = (f.optional_time()?, f.get()?, f.get()?);
    let pause = at.zip(by).zip(reason).map(|((at, by), reason)| Pause { at, by, reason });
    Ok(AccountTrouble { account, endings, pause })
}

fn keep(c: &Transaction<'_>, account: &AccountId, endings: &[Ending]) -> Result<(), StoreError> {
    const SQL: &str = "INSERT INTO account_trouble (account, endings) VALUES (?1, ?2)
         ON CONFLICT (account) DO UPDATE SET endings = excluded.endings";
    let endings =
        serde_json::to_string(endings).map_err(|e| failed("write how deliveries ended", e.to_string()))?;
    c.execute(SQL, params![account.as_str(), endings]).map(drop)
}

fn set(
    c: &Transaction<'_>,
    account: &AccountId,
    by: &str,
    reason: &str,
    at: Timestamp,
) -> Result<(), StoreError> {
    const SQL: &str =
        "UPDATE account_trouble SET paused_at = ?2, paused_by = ?3, reason = ?4 WHERE account = ?1";
    c.execute(SQL, params![account.as_str(), millis(at), by, reason]).map(drop)
}

fn pause_by_itself(
    c: &Transaction<'_>,
    account: &AccountId,
    reason: &str,
    endings: &[Ending],
    at: Timestamp,
) -> Result<(), StoreError> {
    set(c, account, audit::DAEMON, reason, at)?;
    let detail = json!({ "reason": reason, "endings": endings });
    c.will_audit(entry(audit::DAEMON, "account.paused", account, detail.clone(), at));
    notices::add(c, &notice::of_pause(account.as_str(), reason, at), &detail, at).map(drop)
}

fn entry(by: &str, action: &str, account: &AccountId, detail: Value, at: Timestamp) -> Audit {
    let (actor, action) = (by.to_owned(), action.to_owned());
    Audit { actor, action, subject: format!("account:{account}"), detail, at, request: None }
}

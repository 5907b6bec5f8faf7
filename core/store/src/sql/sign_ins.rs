//! What platforms handed out, sealed, and the accounts that have to sign in: one refresher at a time, and what it got is
//! written only while it still has the turn (F39).

use std::collections::BTreeMap;

use jiff::Timestamp;
use juzhen_domain::id::AccountId;
use juzhen_domain::sign_in::{self, SignIn};
use serde_json::{Value, json};

use super::rows::{Fields, millis};
use super::{Transaction, audit, notices, params, secrets as given, workers};
use crate::error::StoreError;
use crate::values::{Captured, KeepCaptured, SignInFailed, SignInRow};

/// By account and name; of one account, or of all.
pub(crate) fn captured(
    c: &Transaction<'_>,
    account: Option<&AccountId>,
) -> Result<Vec<Captured>, StoreError> {
    const SQL: &str =
        "SELECT account, name, sealed, generation, obtained_at, expires_at FROM captured_secrets
         WHERE CAST(?1 AS TEXT) IS NULL OR account = ?1 ORDER BY account, name";
    c.collect(SQL, params![account.map(AccountId::as_str)], |f: &mut Fields<'_>| {
        Ok(Captured {
            account: f.id()?,
            name: f.get()?,
            sealed: f.get()?,
            generation: f.get()?,
            obtained_at: f.time()?,
            expires_at: f.optional_time()?,
        })
    })
}

/// Keeps all of it or nothing, and ends the turn; `false` when the turn has passed to somebody else. Refused when the key is
/// not the database's any more: the turn goes on, and the same comes again under the new one.
pub(crate) fn keep(c: &Transaction<'_>, keep: &KeepCaptured) -> Result<bool, StoreError> {
    const SQL: &str =
        "INSERT INTO captured_secrets (account, name, sealed, generation, obtained_at, expires_at)
         VALUES (?1, ?2, ?3, 1, ?4, ?5)
         ON CONFLICT (account, name) DO UPDATE SET sealed = excluded.sealed,
            generation = captured_secrets.generation + 1, obtained_at = excluded.obtained_at,
            expires_at = excluded.expires_at";
    let KeepCaptured { account, turn, secrets, key, at } = keep;
    if !workers::has_turn(c, &turn.name, &turn.holder)? {
        return Ok(false);
    }
    given::under(c, key)?;
    for secret in secrets {
        let expires = secret.expires_at.map(millis);
        let values = params![account.as_str(), secret.name, secret.sealed, millis(*at), expires];
        c.execute(SQL, values)?;
    }
    // That a new one was handed out proves that the account is signed in.
    c.execute("DELETE FROM sign_ins WHERE account = ?1", params![account.as_str()])?;
    workers::give_up_turn(c, &turn.name, &turn.holder)?;
    let names: Vec<&str> = secrets.iter().map(|secret| secret.name.as_str()).collect();
    let expires_at = secrets.iter().filter_map(|secret| secret.expires_at).min();
    note(c, "account.token_renewed", account, json!({ "secrets": names, "expires_at": expires_at }), *at);
    Ok(true)
}

/// Counts a failure, ends the turn, and tells people when it is their turn.
pub(crate) fn failed(c: &Transaction<'_>, failed: &SignInFailed) -> Result<SignIn, StoreError> {
    let SignInFailed { account, failure, said, given, turn, at } = failed;
    if let Some(turn) = turn {
        workers::give_up_turn(c, &turn.name, &turn.holder)?;
    }
    let before = of(c, account)?;
    let after = sign_in::after(before.as_ref(), *failure, said, *at);
    save(c, account, &after, Some(given))?;
    let was_needed = before.is_some_and(|before| before.needed_since.is_some());
    if after.needed_since.is_some() && !was_needed {
        let detail = json!({ "reason": after.reason, "failures": after.failures });
        note(c, "account.auth_needed", account, detail.clone(), *at);
        if let Some(draft) = sign_in::notice(account.as_str(), &after) {
            notices::add(c, &draft, &detail, *at)?;
        }
    }
    Ok(after)
}

/// The platform lets the account in: what was held for it goes on with the next sweep.
pub(crate) fn works(c: &Transaction<'_>, account: &AccountId, at: Timestamp) -> Result<(), StoreError> {
    let Some(before) = of(c, account)? else { return Ok(()) };
    let after = before.works(at);
    if after.is_forgotten(at) || before.is_forgotten(at) {
        return c.execute("DELETE FROM sign_ins WHERE account = ?1", params![account.as_str()]).map(drop);
    }
    if before.needed_since.is_some() {
        note(c, "account.signed_in", account, json!({ "failures": before.failures }), at);
    }
    save(c, account, &after, None)
}

/// Every account whose sign-in is in doubt, by account.
pub(crate) fn list(c: &Transaction<'_>) -> Result<Vec<SignInRow>, StoreError> {
    const SQL: &str =
        "SELECT failures, retry_at, needed_since, reason, account, given FROM sign_ins ORDER BY account";
    c.collect(SQL, params![], |f: &mut Fields<'_>| {
        Ok(SignInRow { sign_in: read(f)?, account: f.id()?, given: f.get()? })
    })
}

pub(super) fn all(c: &Transaction<'_>) -> Result<BTreeMap<AccountId, SignIn>, StoreError> {
    Ok(list(c)?.into_iter().map(|row| (row.account, row.sign_in)).collect())
}

/// Accounts that somebody has to sign in on, and why.
pub(super) fn needed(c: &Transaction<'_>) -> Result<BTreeMap<AccountId, String>, StoreError> {
    let needed = all(c)?.into_iter().filter(|(_, sign_in)| sign_in.needed_since.is_some());
    Ok(needed.map(|(account, sign_in)| (account, sign_in.reason)).collect())
}

fn of(c: &Transaction<'_>, account: &AccountId) -> Result<Option<SignIn>, StoreError> {
    const SQL: &str = "SELECT failures, retry_at, needed_since, reason FROM sign_ins WHERE account = ?1";
    c.first(SQL, params![account.as_str()], read)
}

fn read(f: &mut Fields<'_>) -> Result<SignIn, StoreError> {
    Ok(SignIn { failures: f.get()?, retry_at: f.time()?, needed_since: f.optional_time()?, reason: f.get()? })
}

fn save(
    c: &Transaction<'_>,
    account: &AccountId,
    sign_in: &SignIn,
    given: Option<&String>,
) -> Result<(), StoreError> {
    const SQL: &str = "INSERT INTO sign_ins (account, failures, retry_at, needed_since, reason, given)
         VALUES (?1, ?2, ?3, ?4, ?5, coalesce(?6, ''))
         ON CONFLICT (account) DO UPDATE SET failures = excluded.failures, retry_at = excluded.retry_at,
            needed_since = excluded.needed_since, reason = excluded.reason,
            given = coalesce(?6, sign_ins.given)";
    let SignIn { failures, retry_at, needed_since, reason } = sign_in;
    let since = needed_since.map(millis);
    c.execute(SQL, params![account.as_str(), failures, millis(*retry_at), since, reason, given]).map(drop)
}

fn note(c: &Transaction<'_>, action: &str, account: &AccountId, detail: Value, at: Timestamp) {
    c.will_audit(audit::daemon(action.into(), format!("account:{account}"), detail, at));
}

//! Sign-ins that people have begun in a browser. What the browser brings back is good once: whoever deletes the row has it,
//! on whichever daemon (C-controls on OAuth's `state`).

use juzhen_domain::id::PersonId;
use serde_json::json;

use super::rows::{Fields, millis};
use super::{Transaction, params};
use crate::error::StoreError;
use crate::values::{Audit, BeginAuthorization, TakeAuthorization, Taken};

/// The one before it on the account is over.
pub(crate) fn begin(c: &Transaction<'_>, begin: &BeginAuthorization) -> Result<(), StoreError> {
    const SQL: &str =
        "INSERT INTO authorizations (account, state, person, expires_at) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (account) DO UPDATE SET state = excluded.state, person = excluded.person,
            expires_at = excluded.expires_at";
    let BeginAuthorization { account, state, by, expires_at, at, request } = begin;
    c.execute(SQL, params![account.as_str(), state, by.as_str(), millis(*expires_at)])?;
    c.will_audit(Audit {
        actor: by.to_string(),
        action: "account.authorization_begun".into(),
        subject: format!("account:{account}"),
        detail: json!({ "expires_at": expires_at }),
        at: *at,
        request: request.clone(),
    });
    Ok(())
}

/// Whether there is anything to take.
pub(crate) fn is_begun(c: &Transaction<'_>, take: &TakeAuthorization) -> Result<bool, StoreError> {
    const SQL: &str = "SELECT 1 FROM authorizations WHERE account = ?1 AND state = ?2";
    Ok(c.first(SQL, params![take.account.as_str(), take.state], |_| Ok(()))?.is_some())
}

pub(crate) fn take(c: &Transaction<'_>, take: &TakeAuthorization) -> Result<Taken, StoreError> {
    const READ: &str = "SELECT person, expires_at FROM authorizations WHERE account = ?1 AND state = ?2";
    const END: &str = "DELETE FROM authorizations WHERE account = ?1 AND state = ?2";
    let TakeAuthorization { account, state, by, at, request } = take;
    let place = params![account.as_str(), state];
    let read = |f: &mut Fields<'_>| Ok((f.id::<PersonId>()?, f.time()?));
    let Some((person, expires_at)) = c.first(READ, place, read)? else { return Ok(Taken::Unknown) };
    if by.as_ref().is_some_and(|by| *by != person) {
        return Ok(Taken::OfAnother);
    }
    if c.execute(END, params![account.as_str(), state])? == 0 {
        return Ok(Taken::Unknown);
    }
    let in_time = *at < expires_at;
    c.will_audit(Audit {
        actor: person.to_string(),
        action: "account.authorization_returned".into(),
        subject: format!("account:{account}"),
        detail: json!({ "in_time": in_time, "by_browser": by.is_none() }),
        at: *at,
        request: request.clone(),
    });
    Ok(if in_time { Taken::Begun { by: person } } else { Taken::Expired })
}

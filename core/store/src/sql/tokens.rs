//! Sessions and keys, found by the hash of their token. They are looked for with every request, so what was ended on one
//! daemon counts on none from the next request on (F105).

use jiff::Timestamp;
use juzhen_domain::access::key::Key;
use juzhen_domain::access::session::Session;
use juzhen_domain::id::PersonId;

use super::rows::{Fields, millis, word};
use super::{Transaction, access, params};
use crate::error::{StoreError, failed};
use crate::values::{End, Shown};

const SESSION: &str = "id, person, token, stage, form, began_at, used_at, expires_at, address";

pub(crate) fn session(c: &Transaction<'_>, token: &str) -> Result<Option<Shown<Session>>, StoreError> {
    let sql = format!("SELECT {SESSION} FROM sessions WHERE token = ?1");
    let Some(it) = c.first(&sql, params![token], read_session)? else { return Ok(None) };
    let credentials = access::credentials(c, &it.person)?;
    Ok(Some(Shown { it, credentials }))
}

/// Newest first.
pub(crate) fn sessions(c: &Transaction<'_>, person: &PersonId) -> Result<Vec<Session>, StoreError> {
    let sql = format!("SELECT {SESSION} FROM sessions WHERE person = ?1 ORDER BY began_at DESC, id DESC");
    c.collect(&sql, params![person.as_str()], read_session)
}

fn read_session(f: &mut Fields<'_>) -> Result<Session, StoreError> {
    Ok(Session {
        id: f.get()?,
        person: f.id()?,
        token: f.get()?,
        stage: f.word()?,
        form: f.word()?,
        began_at: f.time()?,
        used_at: f.time()?,
        expires_at: f.time()?,
        address: f.get()?,
    })
}

/// Those that ended long ago go with it.
pub(super) fn begin(c: &Transaction<'_>, session: &Session) -> Result<(), StoreError> {
    const OLD: &str = "DELETE FROM sessions WHERE expires_at < ?1";
    const SQL: &str =
        "INSERT INTO sessions (id, person, token, stage, form, began_at, used_at, expires_at, address)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
    c.execute(OLD, params![access::long_before(session.began_at)])?;
    let values = params![
        session.id,
        session.person.as_str(),
        session.token,
        word(&session.stage)?,
        word(&session.form)?,
        millis(session.began_at),
        millis(session.used_at),
        millis(session.expires_at),
        session.address
    ];
    c.execute(SQL, values).map(drop)
}

pub(crate) fn session_used(c: &Transaction<'_>, token: &str, at: Timestamp) -> Result<(), StoreError> {
    const SQL: &str = "UPDATE sessions SET used_at = ?2 WHERE token = ?1 AND used_at < ?2";
    c.execute(SQL, params![token, millis(at)]).map(drop)
}

pub(super) fn end_sessions(c: &Transaction<'_>, person: &PersonId, end: &End) -> Result<(), StoreError> {
    const ONE: &str = "DELETE FROM sessions WHERE person = ?1 AND id = ?2";
    const OF_TOKEN: &str = "DELETE FROM sessions WHERE person = ?1 AND token = ?2";
    const ALL: &str = "DELETE FROM sessions WHERE person = ?1";
    let person = person.as_str();
    match end {
        End::None => Ok(()),
        End::All => c.execute(ALL, params![person]).map(drop),
        End::OfToken(token) => c.execute(OF_TOKEN, params![person, token]).map(drop),
        End::One(id) => found(c.execute(ONE, params![person, id])?, "session", id),
    }
}

const KEY: &str = "id, person, name, token, scopes, per_minute, created_by, created_at, expires_at, used_at";

pub(crate) fn key(c: &Transaction<'_>, token: &str) -> Result<Option<Shown<Key>>, StoreError> {
    let sql = format!("SELECT {KEY} FROM api_keys WHERE token = ?1");
    let Some(it) = c.first(&sql, params![token], read_key)? else { return Ok(None) };
    let credentials = access::credentials(c, &it.person)?;
    Ok(Some(Shown { it, credentials }))
}

/// Newest first.
pub(crate) fn keys(c: &Transaction<'_>, person: Option<&PersonId>) -> Result<Vec<Key>, StoreError> {
    let of = if person.is_some() { "WHERE person = ?1" } else { "" };
    let sql = format!("SELECT {KEY} FROM api_keys {of} ORDER BY created_at DESC, id DESC");
    match person {
        Some(person) => c.collect(&sql, params![person.as_str()], read_key),
        None => c.collect(&sql, params![], read_key),
    }
}

fn read_key(f: &mut Fields<'_>) -> Result<Key, StoreError> {
    Ok(Key {
        id: f.get()?,
        person: f.id()?,
        name: f.get()?,
        token: f.get()?,
        scopes: f.json()?,
        per_minute: f.get()?,
        created_by: f.get()?,
        created_at: f.time()?,
        expires_at: f.time()?,
        used_at: f.optional_time()?,
    })
}

pub(super) fn keep_key(c: &Transaction<'_>, key: &Key) -> Result<(), StoreError> {
    const SQL: &str =
        "INSERT INTO api_keys (id, person, name, token, scopes, per_minute, created_by, created_at,
            expires_at, used_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
    let scopes = serde_json::to_string(&key.scopes).map_err(|e| failed("write a key", e.to_string()))?;
    let values = params![
        key.id,
        key.person.as_str(),
        key.name,
        key.token,
        scopes,
        key.per_minute,
        key.created_by,
        millis(key.created_at),
        millis(key.expires_at),
        key.used_at.map(millis)
    ];
    c.execute(SQL, values).map(drop)
}

pub(crate) fn key_used(c: &Transaction<'_>, token: &str, at: Timestamp) -> Result<(), StoreError> {
    const SQL: &str = "UPDATE api_keys SET used_at = ?2 WHERE token = ?1 AND coalesce(used_at, 0) < ?2";
    c.execute(SQL, params![token, millis(at)]).map(drop)
}

pub(super) fn end_keys(c: &Transaction<'_>, person: &PersonId, end: &End) -> Result<(), StoreError> {
    const ONE: &str = "DELETE FROM api_keys WHERE person = ?1 AND id = ?2";
    const ALL: &str = "DELETE FROM api_keys WHERE person = ?1";
    let person = person.as_str();
    match end {
        End::None | End::OfToken(_) => Ok(()),
        End::All => c.execute(ALL, params![person]).map(drop),
        End::One(id) => found(c.execute(ONE, params![person, id])?, "key", id),
    }
}

/// Whoever has a session or a key, by id.
pub(crate) fn holders(c: &Transaction<'_>) -> Result<Vec<PersonId>, StoreError> {
    const SQL: &str = "SELECT person FROM sessions UNION SELECT person FROM api_keys ORDER BY 1";
    c.collect(SQL, params![], |f: &mut Fields<'_>| f.id())
}

fn found(changed: u64, what: &'static str, id: &str) -> Result<(), StoreError> {
    if changed > 0 { Ok(()) } else { Err(StoreError::NotFound { what, id: id.to_owned() }) }
}

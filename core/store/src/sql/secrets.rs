//! Secrets that people give, and the key that they and what platforms hand out are sealed under. What comes in under another
//! key than the database's is refused: a daemon that has not heard of the new one would write what nobody can open.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::rows::{Fields, millis};
use super::{Transaction, access, params, sign_ins};
use crate::error::{Refused, StoreError};
use crate::values::{Audit, Captured, GiveSecret, GivenSecret, Reseal, Resealed, Sealed, Sealing};

/// The code of a refusal for another key.
pub(crate) const OTHER_KEY: &str = "other_key";

/// Every one, by name.
pub(crate) fn list(c: &Transaction<'_>) -> Result<Vec<GivenSecret>, StoreError> {
    const SQL: &str = "SELECT name, accounts, sealed, data_key, key, version, set_at, set_by
         FROM given_secrets ORDER BY name";
    c.collect(SQL, params![], |f: &mut Fields<'_>| {
        Ok(GivenSecret {
            name: f.get()?,
            accounts: f.json()?,
            sealed: f.get()?,
            data_key: f.get()?,
            key: f.get()?,
            version: f.get()?,
            set_at: f.time()?,
            set_by: f.get()?,
        })
    })
}

/// Keeps a value in the place of the one before it; its number.
pub(crate) fn give(c: &Transaction<'_>, give: &GiveSecret) -> Result<i64, StoreError> {
    const SQL: &str =
        "INSERT INTO given_secrets (name, accounts, sealed, data_key, key, version, set_at, set_by)
         VALUES (?1, ?2, ?3, ?4, ?5, 1, ?6, ?7)
         ON CONFLICT (name) DO UPDATE SET accounts = excluded.accounts, sealed = excluded.sealed,
            data_key = excluded.data_key, key = excluded.key, version = given_secrets.version + 1,
            set_at = excluded.set_at, set_by = excluded.set_by
         RETURNING version";
    let GiveSecret { name, accounts, sealed, data_key, key, by, at } = give;
    under(c, key)?;
    let bound = json!(accounts).to_string();
    let values = params![name, bound, sealed, data_key, key, millis(*at), by];
    let version: i64 = c.first(SQL, values, |f: &mut Fields<'_>| f.get())?.unwrap_or(1);
    count(c)?;
    note(c, by, "secret.set", name, json!({ "accounts": accounts, "version": version }), *at);
    Ok(version)
}

/// Forgets one; `false` when there was none.
pub(crate) fn forget(c: &Transaction<'_>, name: &str, by: &str, at: Timestamp) -> Result<bool, StoreError> {
    if c.execute("DELETE FROM given_secrets WHERE name = ?1", params![name])? == 0 {
        return Ok(false);
    }
    count(c)?;
    note(c, by, "secret.removed", name, json!({}), at);
    Ok(true)
}

/// What is known of the key.
pub(crate) fn sealing(c: &Transaction<'_>) -> Result<Sealing, StoreError> {
    const SQL: &str = "SELECT
            (SELECT value FROM meta WHERE name = 'sealing_key'),
            (SELECT value FROM meta WHERE name = 'fingerprint_salt'),
            coalesce((SELECT CAST(value AS BIGINT) FROM meta WHERE name = 'secrets_changes'), 0)";
    let read = |f: &mut Fields<'_>| Ok(Sealing { key: f.get()?, salt: f.get()?, changes: f.get()? });
    Ok(c.first(SQL, params![], read)?.unwrap_or_default())
}

/// The key under which everything is sealed, by its public name: that of the database, which is `ours` when it has none yet.
/// With `anew`, ours takes the old one's place, and what platforms handed out under that is forgotten. What people gave
/// stays to be seen, as what has to be given again.
pub(crate) fn seal_under(c: &Transaction<'_>, ours: &str, anew: bool) -> Result<String, StoreError> {
    const NAME: &str = "INSERT INTO meta (name, value) VALUES ('sealing_key', ?1) ON CONFLICT DO NOTHING";
    const RENAME: &str = "UPDATE meta SET value = ?1 WHERE name = 'sealing_key' AND value <> ?1";
    c.execute(NAME, params![ours])?;
    if anew && c.execute(RENAME, params![ours])? > 0 {
        c.execute("DELETE FROM captured_secrets", params![])?;
        c.execute("DELETE FROM meta WHERE name = 'fingerprint_salt'", params![])?;
        count(c)?;
    }
    Ok(sealing(c)?.key.unwrap_or_else(|| ours.to_owned()))
}

/// Puts everything that is sealed under the new key, or nothing.
pub(crate) fn reseal(c: &Transaction<'_>, reseal: &Reseal) -> Result<Resealed, StoreError> {
    const GIVEN: &str = "UPDATE given_secrets SET data_key = ?2, key = ?3 WHERE name = ?1";
    const CAPTURED: &str = "UPDATE captured_secrets SET sealed = ?3 WHERE account = ?1 AND name = ?2";
    const FACTOR: &str = "UPDATE credentials SET seed = ?2, seed_key = ?3 WHERE person = ?1";
    const KEY: &str = "UPDATE meta SET value = ?1 WHERE name = 'sealing_key'";
    const SALT: &str = "INSERT INTO meta (name, value) VALUES ('fingerprint_salt', ?1)
         ON CONFLICT (name) DO UPDATE SET value = excluded.value";
    let Reseal { from, to, salt, rewrap, by, at } = reseal;
    under(c, from)?;
    let given: Vec<GivenSecret> = list(c)?;
    for row in &given {
        let data_key = rewrap(Sealed::Given(row)).map_err(StoreError::Refused)?;
        c.execute(GIVEN, params![row.name, data_key, to])?;
    }
    let captured: Vec<Captured> = sign_ins::captured(c, None)?;
    for row in &captured {
        let sealed = rewrap(Sealed::Captured(row)).map_err(StoreError::Refused)?;
        c.execute(CAPTURED, params![row.account.as_str(), row.name, sealed])?;
    }
    let mut factors = 0;
    for mut row in access::all_credentials(c)? {
        // One under a key that is lost stays as it is: its person is invited anew.
        let Some(seed) = row.seed.take().filter(|seed| seed.key == *from) else { continue };
        let bytes = rewrap(Sealed::Factor(&row.person, &seed.bytes)).map_err(StoreError::Refused)?;
        c.execute(FACTOR, params![row.person.as_str(), bytes, to])?;
        factors += 1;
    }
    access::forget_accepted(c)?;
    c.execute(KEY, params![to])?;
    c.execute(SALT, params![salt])?;
    count(c)?;
    let resealed = Resealed { given: given.len(), captured: captured.len() };
    let detail =
        json!({ "from": from, "given": resealed.given, "captured": resealed.captured, "factors": factors });
    let subject = format!("master_key:{to}");
    c.will_audit(entry(by, "master_key.rotated", subject, detail, *at));
    Ok(resealed)
}

/// Refuses what was sealed under another key than the database's. One that has none yet takes any.
pub(super) fn under(c: &Transaction<'_>, key: &str) -> Result<(), StoreError> {
    match sealing(c)?.key {
        Some(known) if known != key => {
            let message = format!("sealed under key {key}, and the database is under key {known} now");
            Err(StoreError::Refused(Refused::new(OTHER_KEY, message)))
        }
        _ => Ok(()),
    }
}

/// Other daemons compare this number with the one they have read.
fn count(c: &Transaction<'_>) -> Result<(), StoreError> {
    const SQL: &str = "INSERT INTO meta (name, value) VALUES ('secrets_changes', '1')
         ON CONFLICT (name) DO UPDATE SET value = CAST(CAST(meta.value AS BIGINT) + 1 AS TEXT)";
    c.execute(SQL, params![]).map(drop)
}

fn note(c: &Transaction<'_>, by: &str, action: &str, name: &str, detail: Value, at: Timestamp) {
    c.will_audit(entry(by, action, format!("secret:{name}"), detail, at));
}

fn entry(by: &str, action: &str, subject: String, detail: Value, at: Timestamp) -> Audit {
    Audit { actor: by.to_owned(), action: action.to_owned(), subject, detail, at, request: None }
}

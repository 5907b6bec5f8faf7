//! People's access: credentials, invitations, and wrong tries. One function decides on all of it with plain values, so a
//! code that is used, the session that it begins and the audit row are one change (C07, C23).

use jiff::{SignedDuration, Timestamp};
use juzhen_domain::access::throttle::Throttle;
use juzhen_domain::access::{Accepted, Credentials, Disabled, Invitation, Sealed};
use juzhen_domain::id::PersonId;

use super::rows::{Fields, millis};
use super::{Transaction, params, secrets, tokens};
use crate::error::{Refused, StoreError, failed};
use crate::values::{Access, AccessChange, AccessChanger, Asking, Put};

/// Wrong tries are forgotten by `domain` long before.
const KEPT: SignedDuration = SignedDuration::from_hours(24);

pub(crate) fn read(c: &Transaction<'_>, asking: &Asking) -> Result<Access, StoreError> {
    let address = asking.address.as_deref();
    Ok(Access {
        credentials: credentials(c, &asking.person)?,
        invitation: invitation(c, "person", asking.person.as_str())?,
        of_person: throttle(c, &of_person(&asking.person))?,
        of_address: address.map(|address| throttle(c, &of_address(address))).transpose()?.flatten(),
    })
}

/// Lets a pure function decide and writes all that follows. A refusal that is kept is the answer.
pub(crate) fn change(
    c: &Transaction<'_>,
    asking: &Asking,
    change: &AccessChanger,
) -> Result<Option<Refused>, StoreError> {
    let before = read(c, asking)?;
    let wanted: AccessChange = change(&before).map_err(StoreError::Refused)?;
    if let Some(credentials) = &wanted.credentials {
        write(c, credentials)?;
    }
    match &wanted.invitation {
        Put::Keep => {}
        Put::Set(invitation) => invite(c, invitation)?,
        Put::Remove => {
            c.execute("DELETE FROM invitations WHERE person = ?1", params![asking.person.as_str()])?;
        }
    }
    put_throttle(c, &of_person(&asking.person), &wanted.of_person)?;
    if let Some(address) = &asking.address {
        put_throttle(c, &of_address(address), &wanted.of_address)?;
    }
    tokens::end_sessions(c, &asking.person, &wanted.end)?;
    tokens::end_keys(c, &asking.person, &wanted.end_keys)?;
    if let Some(session) = &wanted.begin {
        tokens::begin(c, session)?;
    }
    if let Some(key) = &wanted.new_key {
        tokens::keep_key(c, key)?;
    }
    wanted.audit.into_iter().for_each(|row| c.will_audit(row));
    Ok(wanted.refused)
}

const CREDENTIALS: &str = "person, password, password_set_at, earlier, seed, seed_key, last_step, used_at,
    disabled_at, disabled_by, disabled_reason";

pub(super) fn credentials(c: &Transaction<'_>, person: &PersonId) -> Result<Option<Credentials>, StoreError> {
    let sql = format!("SELECT {CREDENTIALS} FROM credentials WHERE person = ?1");
    c.first(&sql, params![person.as_str()], read_credentials)
}

/// Every one, for a change of the master key.
pub(super) fn all_credentials(c: &Transaction<'_>) -> Result<Vec<Credentials>, StoreError> {
    let sql = format!("SELECT {CREDENTIALS} FROM credentials ORDER BY person");
    c.collect(&sql, params![], read_credentials)
}

fn read_credentials(f: &mut Fields<'_>) -> Result<Credentials, StoreError> {
    Ok(Credentials {
        person: f.id()?,
        password: f.get()?,
        password_set_at: f.time()?,
        earlier: f.json()?,
        seed: sealed(f)?,
        last_step: f.get()?,
        used_at: f.time()?,
        disabled: disabled(f)?,
    })
}

fn sealed(f: &mut Fields<'_>) -> Result<Option<Sealed>, StoreError> {
    let (bytes, key): (Option<Vec<u8>>, Option<String>) = (f.get()?, f.get()?);
    Ok(bytes.zip(key).map(|(bytes, key)| Sealed { bytes, key }))
}

fn disabled(f: &mut Fields<'_>) -> Result<Option<Disabled>, StoreError> {
    let (at, by, reason) = (f.optional_time()?, f.get::<Option<String>>()?, f.get::<Option<String>>()?);
    Ok(at.zip(by).zip(reason).map(|((at, by), reason)| Disabled { at, by, reason }))
}

/// What is sealed under another key than the database's is refused.
pub(super) fn write(c: &Transaction<'_>, row: &Credentials) -> Result<(), StoreError> {
    const SQL: &str = "INSERT INTO credentials (person, password, password_set_at, earlier, seed, seed_key,
            last_step, used_at, disabled_at, disabled_by, disabled_reason)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
         ON CONFLICT (person) DO UPDATE SET password = excluded.password,
            password_set_at = excluded.password_set_at, earlier = excluded.earlier, seed = excluded.seed,
            seed_key = excluded.seed_key, last_step = excluded.last_step, used_at = excluded.used_at,
            disabled_at = excluded.disabled_at, disabled_by = excluded.disabled_by,
            disabled_reason = excluded.disabled_reason";
    if let Some(seed) = &row.seed {
        secrets::under(c, &seed.key)?;
    }
    let earlier =
        serde_json::to_string(&row.earlier).map_err(|e| failed("write credentials", e.to_string()))?;
    let disabled = row.disabled.as_ref();
    let values = params![
        row.person.as_str(),
        row.password,
        millis(row.password_set_at),
        earlier,
        row.seed.as_ref().map(|seed| &seed.bytes),
        row.seed.as_ref().map(|seed| &seed.key),
        row.last_step,
        millis(row.used_at),
        disabled.map(|out| millis(out.at)),
        disabled.map(|out| out.by.as_str()),
        disabled.map(|out| out.reason.as_str())
    ];
    c.execute(SQL, values).map(drop)
}

pub(crate) fn invitation_of(c: &Transaction<'_>, token: &str) -> Result<Option<Invitation>, StoreError> {
    invitation(c, "token", token)
}

fn invitation(c: &Transaction<'_>, column: &str, value: &str) -> Result<Option<Invitation>, StoreError> {
    let sql = format!(
        "SELECT person, token, invited_by, at, expires_at, password, seed, seed_key FROM invitations
         WHERE {column} = ?1"
    );
    c.first(&sql, params![value], |f: &mut Fields<'_>| {
        let (person, token, by, at, expires_at) = (f.id()?, f.get()?, f.get()?, f.time()?, f.time()?);
        let (password, seed) = (f.get::<Option<String>>()?, sealed(f)?);
        let accepted = password.zip(seed).map(|(password, seed)| Accepted { password, seed });
        Ok(Invitation { person, token, by, at, expires_at, accepted })
    })
}

/// In the place of the one before it, which is good no more.
fn invite(c: &Transaction<'_>, row: &Invitation) -> Result<(), StoreError> {
    const SQL: &str =
        "INSERT INTO invitations (person, token, invited_by, at, expires_at, password, seed, seed_key)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
         ON CONFLICT (person) DO UPDATE SET token = excluded.token, invited_by = excluded.invited_by,
            at = excluded.at, expires_at = excluded.expires_at, password = excluded.password,
            seed = excluded.seed, seed_key = excluded.seed_key";
    let accepted = row.accepted.as_ref();
    if let Some(accepted) = accepted {
        secrets::under(c, &accepted.seed.key)?;
    }
    let values = params![
        row.person.as_str(),
        row.token,
        row.by,
        millis(row.at),
        millis(row.expires_at),
        accepted.map(|accepted| &accepted.password),
        accepted.map(|accepted| &accepted.seed.bytes),
        accepted.map(|accepted| &accepted.seed.key)
    ];
    c.execute(SQL, values).map(drop)
}

fn of_person(person: &PersonId) -> String {
    format!("person:{person}")
}

fn of_address(address: &str) -> String {
    format!("address:{address}")
}

fn throttle(c: &Transaction<'_>, subject: &str) -> Result<Option<Throttle>, StoreError> {
    const SQL: &str = "SELECT failures, last_at, until FROM throttles WHERE subject = ?1";
    let read = |f: &mut Fields<'_>| Ok(Throttle { failures: f.get()?, last_at: f.time()?, until: f.time()? });
    c.first(SQL, params![subject], read)
}

fn put_throttle(c: &Transaction<'_>, subject: &str, put: &Put<Throttle>) -> Result<(), StoreError> {
    const SET: &str = "INSERT INTO throttles (subject, failures, last_at, until) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (subject) DO UPDATE SET failures = excluded.failures, last_at = excluded.last_at,
            until = excluded.until";
    match put {
        Put::Keep => Ok(()),
        Put::Remove => c.execute("DELETE FROM throttles WHERE subject = ?1", params![subject]).map(drop),
        Put::Set(Throttle { failures, last_at, until }) => {
            c.execute("DELETE FROM throttles WHERE last_at < ?1", params![millis(*last_at - KEPT)])?;
            c.execute(SET, params![subject, failures, millis(*last_at), millis(*until)]).map(drop)
        }
    }
}

/// By id.
pub(crate) fn everyone(c: &Transaction<'_>) -> Result<Vec<(PersonId, Access)>, StoreError> {
    const SQL: &str = "SELECT person FROM credentials UNION SELECT person FROM invitations ORDER BY 1";
    let people: Vec<PersonId> = c.collect(SQL, params![], |f: &mut Fields<'_>| f.id())?;
    let each = people.into_iter().map(|person| {
        let asking = Asking { person, address: None };
        read(c, &asking).map(|access| (asking.person, access))
    });
    each.collect()
}

/// Seeds that wait for their first code are given up with a master key: who was about to accept does it again.
pub(super) fn forget_accepted(c: &Transaction<'_>) -> Result<(), StoreError> {
    const SQL: &str =
        "UPDATE invitations SET password = NULL, seed = NULL, seed_key = NULL WHERE seed IS NOT NULL";
    c.execute(SQL, params![]).map(drop)
}

/// The end of a period, for what is no longer kept.
pub(super) fn long_before(now: Timestamp) -> i64 {
    millis(now - KEPT)
}

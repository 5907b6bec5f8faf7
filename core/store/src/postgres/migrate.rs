//! The schema's history on PostgreSQL: the same numbers as SQLite's, forward only, each step in one transaction with its
//! number, under a lock, so that daemons that start together take each step once (P25).

use postgres::{Client, Transaction};

use super::connect::SCHEMA;
use super::lineage;
use crate::error::{StoreError, failed, renamed};

/// Steps, oldest first; the place in the list (from 1) is the schema's number. Never change one that was released.
const STEPS: &[&str] = &[
    include_str!("../migrations/postgres/0001_first.sql"),
    include_str!("../migrations/postgres/0002_second.sql"),
    include_str!("../migrations/postgres/0003_third.sql"),
    include_str!("../migrations/postgres/0004_fourth.sql"),
    include_str!("../migrations/postgres/0005_fifth.sql"),
    include_str!("../migrations/postgres/0006_sixth.sql"),
    include_str!("../migrations/postgres/0007_seventh.sql"),
    include_str!("../migrations/postgres/0008_eighth.sql"),
];

/// The newest schema that this program knows.
pub(super) const KNOWN: u32 = 8;

/// "JZHN" and the lock's own number.
const LOCK: &str = "SELECT pg_advisory_xact_lock(1249202766, 3)";

/// Takes the steps that are missing; answers the schema's number.
pub(super) fn run(client: &mut Client, name: &str) -> Result<u32, StoreError> {
    loop {
        let mut transaction = client.transaction()?;
        transaction.batch_execute(LOCK)?;
        let found = look(&mut transaction, name)?;
        let Some((number, step)) = (1u32..).zip(STEPS).find(|(number, _)| *number > found) else {
            return Ok(found);
        };
        let attempted = "bring the database to the newest schema";
        apply(&mut transaction, number, step).map_err(|error| renamed(error, attempted))?;
        transaction.commit()?;
        tracing::info!(schema = number, "Brought the database to schema {number}");
    }
}

/// Reads the schema's number; refuses what is newer or not ours.
fn look(transaction: &mut Transaction<'_>, name: &str) -> Result<u32, StoreError> {
    const OURS: &str = "SELECT to_regnamespace($1) IS NOT NULL, to_regclass($1 || '.meta') IS NOT NULL";
    let row = transaction.query_one(OURS, &[&SCHEMA])?;
    let (is_there, has_meta): (bool, bool) = (row.try_get(0)?, row.try_get(1)?);
    if !is_there {
        return Ok(0);
    }
    let not_ours = |why: String| StoreError::NotOurs { path: name.to_owned(), why };
    if !has_meta {
        // Somebody made the schema for us; tables of others in it are another matter.
        const TABLES: &str = "SELECT count(*) FROM pg_tables WHERE schemaname = $1";
        let tables: i64 = transaction.query_one(TABLES, &[&SCHEMA])?.try_get(0)?;
        let why = || not_ours(format!("its schema {SCHEMA} has {tables} tables of another program"));
        return if tables == 0 { Ok(0) } else { Err(why()) };
    }
    let row = transaction.query_opt("SELECT value FROM meta WHERE name = 'schema'", &[])?;
    let text: String = row.map_or(Ok(String::new()), |row| row.try_get(0))?;
    let found = text.parse().map_err(|_| not_ours(format!("its schema number is {text:?}")))?;
    if found > KNOWN { Err(StoreError::TooNew { found, known: KNOWN }) } else { Ok(found) }
}

fn apply(transaction: &mut Transaction<'_>, number: u32, step: &str) -> Result<(), StoreError> {
    if number == 1 {
        transaction.batch_execute(&format!("CREATE SCHEMA IF NOT EXISTS {SCHEMA}"))?;
    }
    transaction.batch_execute(step)?;
    const NUMBER: &str = "INSERT INTO meta (name, value) VALUES ('schema', $1)
         ON CONFLICT (name) DO UPDATE SET value = excluded.value";
    transaction.execute(NUMBER, &[&number.to_string()])?;
    Ok(())
}

/// Names a new database, refuses one of another environment, looks whether its server is still the same, and counts the
/// opening.
pub(super) fn enter(
    client: &mut Client,
    name: &str,
    wanted: Option<&str>,
) -> Result<(String, u64), StoreError> {
    const NAME: &str = "INSERT INTO meta (name, value)
         VALUES ('environment_id', coalesce($1, replace(gen_random_uuid()::text, '-', ''))) ON CONFLICT DO NOTHING";
    const ENVIRONMENT: &str = "SELECT value FROM meta WHERE name = 'environment_id'";
    const COUNT: &str = "INSERT INTO meta (name, value) VALUES ('generation', '1')
         ON CONFLICT (name) DO UPDATE SET value = (meta.value::bigint + 1)::text RETURNING value";
    let mut transaction = client.transaction()?;
    transaction.execute(NAME, &[&wanted])?;
    let environment: String = transaction.query_one(ENVIRONMENT, &[])?.try_get(0)?;
    if let Some(wanted) = wanted.filter(|wanted| *wanted != environment) {
        return Err(StoreError::NotOurs {
            path: name.to_owned(),
            why: format!("it belongs to environment {environment}, not {wanted}"),
        });
    }
    lineage::enter(&mut transaction)?;
    let text: String = transaction.query_one(COUNT, &[])?.try_get(0)?;
    let generation =
        text.parse().map_err(|_| failed("count the openings", format!("{text:?} is no number")))?;
    transaction.commit()?;
    Ok((environment, generation))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_schema_is_the_last_step() {
        assert_eq!(KNOWN as usize, STEPS.len());
    }
}

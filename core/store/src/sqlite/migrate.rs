//! The schema's history: forward only, each step in one transaction together with its number, so that a crash leaves
//! either the old schema or the new one (P25).

use std::path::Path;

use rusqlite::fallible_iterator::FallibleIterator;
use rusqlite::{Batch, Connection};

use super::Hook;
use crate::error::StoreError;

/// Steps, oldest first; the place in the list (from 1) is the schema's number. Never change one that was released.
const STEPS: &[&str] = &[
    include_str!("../migrations/0001_first.sql"),
    include_str!("../migrations/0002_second.sql"),
    include_str!("../migrations/0003_third.sql"),
    include_str!("../migrations/0004_fourth.sql"),
    include_str!("../migrations/0005_fifth.sql"),
    include_str!("../migrations/0006_sixth.sql"),
    include_str!("../migrations/0007_seventh.sql"),
    include_str!("../migrations/0008_eighth.sql"),
];

/// The newest schema that this program knows.
pub(super) const KNOWN: u32 = 8;

/// "JZHN", in the file's header: `file` and other tools see whose it is.
const APPLICATION: i64 = 0x4a5a_484e;

/// Reads the file's schema number without changing anything; refuses what is newer or not ours.
pub(super) fn look(connection: &Connection, path: &Path) -> Result<u32, StoreError> {
    let number = |pragma| {
        connection.pragma_query_value(None, pragma, |r| r.get::<_, i64>(0)).map_err(StoreError::from)
    };
    let (application, schema) = (number("application_id")?, number("user_version")?);
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |r| r.get(0))?;
    let new = application == 0 && schema == 0 && tables == 0;
    if !new && application != APPLICATION {
        return Err(StoreError::NotOurs {
            path: path.display().to_string(),
            why: "another program made it (application_id)".into(),
        });
    }
    let found = u32::try_from(schema).unwrap_or(u32::MAX);
    if found > KNOWN {
        return Err(StoreError::TooNew { found, known: KNOWN });
    }
    Ok(found)
}

/// Takes the steps that are missing. `at_each` is called before every statement and before the commit of each.
pub(super) fn run(connection: &Connection, from: u32, at_each: &Hook) -> Result<(), StoreError> {
    for (number, step) in (1u32..).zip(STEPS).filter(|(number, _)| *number > from) {
        apply(connection, number, step, at_each)?;
        tracing::info!(schema = number, "Brought the database to schema {number}");
    }
    Ok(())
}

fn apply(connection: &Connection, number: u32, step: &str, at_each: &Hook) -> Result<(), StoreError> {
    let script = format!(
        "BEGIN IMMEDIATE;\n{step}\nPRAGMA application_id = {APPLICATION};\nPRAGMA user_version = {number};\nCOMMIT;"
    );
    statements(connection, &script, at_each).map_err(|error| {
        if !connection.is_autocommit()
            && let Err(error) = connection.execute_batch("ROLLBACK")
        {
            tracing::error!(%error, "Could not roll a migration back");
        }
        super::error::renamed(error.into(), "bring the database to the newest schema")
    })
}

fn statements(connection: &Connection, script: &str, at_each: &Hook) -> rusqlite::Result<()> {
    let mut statements = Batch::new(connection, script);
    while let Some(mut statement) = statements.next()? {
        (at_each.0)();
        statement.raw_execute()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use juzhen_domain::message::Kind;
    use juzhen_domain::state::{DeliveryState, ItemState};

    fn schema_of(connection: &Connection) -> (i64, i64) {
        let number = |p| connection.pragma_query_value(None, p, |r| r.get(0)).unwrap();
        let tables = "SELECT count(*) FROM sqlite_schema";
        (number("user_version"), connection.query_row(tables, [], |r| r.get(0)).unwrap())
    }

    /// The words in `CONSTRAINT name CHECK (state = … OR state = …)`.
    fn words_of(constraint: &str) -> Vec<String> {
        let connection = Connection::open_in_memory().unwrap();
        run(&connection, 0, &Hook::default()).unwrap();
        let sql = "SELECT sql FROM sqlite_schema WHERE sql LIKE '%CONSTRAINT ' || ?1 || '%'";
        let table: String = connection.query_row(sql, [constraint], |r| r.get(0)).unwrap();
        let list = table.split(constraint).nth(1).unwrap().split("CHECK (").nth(1).unwrap();
        list.split(')').next().unwrap().split('\'').skip(1).step_by(2).map(str::to_owned).collect()
    }

    /// The states that have a count.
    fn counted(what: &str) -> Vec<String> {
        let connection = Connection::open_in_memory().unwrap();
        run(&connection, 0, &Hook::default()).unwrap();
        let mut found = connection.prepare("SELECT state FROM tallies WHERE what = ?1").unwrap();
        let mut states: Vec<String> =
            found.query_map([what], |r| r.get(0)).unwrap().map(Result::unwrap).collect();
        states.sort_unstable();
        states
    }

    #[test]
    fn the_tables_allow_exactly_the_words_of_the_domain() {
        let items: Vec<_> = ItemState::ALL.iter().map(|s| s.as_str().to_owned()).collect();
        let deliveries: Vec<_> = DeliveryState::ALL.iter().map(|s| s.as_str().to_owned()).collect();
        assert_eq!(words_of("item_state"), items);
        assert_eq!(words_of("delivery_state"), deliveries);
        let kinds: Vec<_> = Kind::ALL.iter().map(|kind| kind.as_str().to_owned()).collect();
        assert_eq!(words_of("message_kind"), kinds);
        let sorted = |mut words: Vec<String>| {
            words.sort_unstable();
            words
        };
        assert_eq!((counted("item"), counted("delivery")), (sorted(items), sorted(deliveries)));
    }

    #[test]
    fn the_newest_schema_is_the_last_step() {
        assert_eq!(KNOWN as usize, STEPS.len());
    }

    #[test]
    fn p25_a_crash_at_any_statement_leaves_the_old_schema_and_the_next_start_completes() {
        let step = STEPS[0];
        let counting = Connection::open_in_memory().unwrap();
        let mut statements = Batch::new(&counting, step);
        let mut number = 0;
        while let Some(mut statement) = statements.next().unwrap() {
            statement.execute([]).unwrap();
            number += 1;
        }
        assert!(number > 30, "{number}");
        let folder = tempfile::tempdir().unwrap();
        for crash_after in 0..number {
            let path = folder.path().join(format!("{crash_after}.db"));
            {
                let connection = Connection::open(&path).unwrap();
                connection.execute_batch("PRAGMA journal_mode = WAL; BEGIN IMMEDIATE").unwrap();
                let mut statements = Batch::new(&connection, step);
                for _ in 0..crash_after {
                    statements.next().unwrap().unwrap().execute([]).unwrap();
                }
                // The connection goes without COMMIT, as with a killed process.
            }
            let connection = Connection::open(&path).unwrap();
            assert_eq!(schema_of(&connection), (0, 0), "after {crash_after}");
            run(&connection, look(&connection, &path).unwrap(), &Hook::default()).unwrap();
            assert_eq!(look(&connection, &path).unwrap(), KNOWN);
        }
    }

    #[test]
    fn a_step_that_fails_leaves_nothing() {
        let connection = Connection::open_in_memory().unwrap();
        apply(&connection, 1, "CREATE TABLE a (b); CREATE TABLE a (b);", &Hook::default()).unwrap_err();
        assert_eq!(schema_of(&connection), (0, 0));
    }

    #[test]
    fn p25_a_newer_schema_and_a_foreign_file_are_refused() {
        let path = Path::new("x.db");
        let newer = Connection::open_in_memory().unwrap();
        run(&newer, 0, &Hook::default()).unwrap();
        newer.pragma_update(None, "user_version", KNOWN + 1).unwrap();
        let error = look(&newer, path).unwrap_err();
        assert!(matches!(error, StoreError::TooNew { found, known } if (found, known) == (KNOWN + 1, KNOWN)));
        let foreign = Connection::open_in_memory().unwrap();
        foreign.execute_batch("CREATE TABLE orders (n)").unwrap();
        assert!(matches!(look(&foreign, path), Err(StoreError::NotOurs { .. })));
    }
}

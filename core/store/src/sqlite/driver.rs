//! The seam of the logic, answered by rusqlite.

use std::borrow::Cow;

use jiff::Timestamp;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, ToSql, params_from_iter};

use super::error::failed;
use crate::error::StoreError;
use crate::sql::{Cell, EachRow, Row, Sql, ToValue, Transaction, Value};

/// Runs `work` to its end: everything that belongs to one transaction.
pub(super) fn change<T>(
    connection: &dyn Sql,
    work: impl Fn(&Transaction<'_>) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let transaction = Transaction::new(connection);
    let done = work(&transaction)?;
    transaction.finish()?;
    Ok(done)
}

impl Sql for Connection {
    fn execute(&self, sql: &str, values: &[&dyn ToValue]) -> Result<u64, StoreError> {
        let changed = self
            .prepare_cached(&without_a_copy(sql))?
            .execute(params_from_iter(values.iter().map(|v| v.value())))?;
        Ok(u64::try_from(changed).unwrap_or(u64::MAX))
    }

    /// The machine's: nobody works on the file from elsewhere.
    fn now(&self) -> Result<Timestamp, StoreError> {
        Ok(Timestamp::now())
    }

    fn query(&self, sql: &str, values: &[&dyn ToValue], each: &mut EachRow<'_>) -> Result<(), StoreError> {
        let mut statement = self.prepare_cached(sql)?;
        let mut rows = statement.query(params_from_iter(values.iter().map(|v| v.value())))?;
        while let Some(row) = rows.next()? {
            if each(row)?.is_break() {
                break;
            }
        }
        Ok(())
    }
}

/// A statement that fails half-way is not taken back by itself: whoever runs it takes the whole job back. SQLite would keep a
/// copy of every page that an UPDATE of a counted table changes.
fn without_a_copy(sql: &str) -> Cow<'_, str> {
    match sql.strip_prefix("UPDATE ") {
        Some(rest) => Cow::Owned(format!("UPDATE OR FAIL {rest}")),
        None => Cow::Borrowed(sql),
    }
}

/// A connection on somebody else's clock.
pub(super) struct OnClock<'c> {
    pub(super) connection: &'c Connection,
    pub(super) now: Timestamp,
}

impl Sql for OnClock<'_> {
    fn execute(&self, sql: &str, values: &[&dyn ToValue]) -> Result<u64, StoreError> {
        Sql::execute(self.connection, sql, values)
    }

    fn now(&self) -> Result<Timestamp, StoreError> {
        Ok(self.now)
    }

    fn query(&self, sql: &str, values: &[&dyn ToValue], each: &mut EachRow<'_>) -> Result<(), StoreError> {
        Sql::query(self.connection, sql, values, each)
    }
}

impl Row for rusqlite::Row<'_> {
    fn cell(&self, column: usize) -> Result<Cell<'_>, StoreError> {
        Ok(match self.get_ref(column)? {
            ValueRef::Null => Cell::Null,
            ValueRef::Integer(number) => Cell::Integer(number),
            ValueRef::Text(text) => {
                Cell::Text(std::str::from_utf8(text).map_err(|e| failed("read a text", e.to_string()))?)
            }
            ValueRef::Blob(bytes) => Cell::Bytes(bytes),
            ValueRef::Real(number) => return Err(failed("read a column", format!("{number} is not whole"))),
        })
    }

    fn name(&self, column: usize) -> String {
        self.as_ref().column_name(column).unwrap_or("?").to_owned()
    }
}

impl ToSql for Value<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Integer(number) => ValueRef::Integer(*number),
            Self::Bool(word) => ValueRef::Integer(i64::from(*word)),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Bytes(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

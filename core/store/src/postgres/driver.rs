//! The seam of the logic, answered by PostgreSQL: statements in its own words, each prepared once a connection.

use std::cell::{Cell as Slot, RefCell};
use std::collections::HashMap;
use std::sync::Arc;

use bytes::BytesMut;
use jiff::Timestamp;
use postgres::types::{IsNull, ToSql, Type, to_sql_checked};
use postgres::{Client, Statement};

use super::connect::Server;
use super::error::Trouble;
use super::name;
use crate::error::{StoreError, failed};
use crate::sql::{Cell, EachRow, Hold, Row, Sql, ToValue, Value};

/// A connection with what it has prepared.
pub(super) struct Connection {
    server: Arc<Server>,
    client: RefCell<Client>,
    prepared: RefCell<HashMap<String, Statement>>,
    /// The first thing that went wrong since [`Connection::fresh`].
    trouble: RefCell<Option<Trouble>>,
    changes: Slot<u64>,
}

impl Connection {
    pub(super) fn new(server: &Arc<Server>, client: Client) -> Self {
        Self {
            server: Arc::clone(server),
            client: RefCell::new(client),
            prepared: RefCell::default(),
            trouble: RefCell::default(),
            changes: Slot::default(),
        }
    }

    /// Forgets what went wrong in an earlier transaction.
    pub(super) fn fresh(&self) {
        self.trouble.take();
    }

    pub(super) fn trouble(&self) -> Option<Trouble> {
        self.trouble.borrow().clone()
    }

    /// How much was changed, ever: whether it grows is what counts.
    pub(super) fn changes(&self) -> u64 {
        self.changes.get()
    }

    /// Runs words without values, such as BEGIN; answers the first column of the last row.
    pub(super) fn say(&self, words: &str) -> Result<Option<String>, postgres::Error> {
        let said = self.client.borrow_mut().simple_query(words).inspect_err(|error| self.met(error))?;
        Ok(said.iter().rev().find_map(|message| match message {
            postgres::SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
            _ => None,
        }))
    }

    fn met(&self, error: &postgres::Error) {
        let mut trouble = self.trouble.borrow_mut();
        if trouble.is_none() {
            *trouble = Some(Trouble::of(error));
        }
    }

    fn prepare(&self, sql: &str) -> Result<Statement, StoreError> {
        if let Some(statement) = self.prepared.borrow().get(sql) {
            return Ok(statement.clone());
        }
        let statement =
            self.client.borrow_mut().prepare(&in_its_words(sql)).inspect_err(|error| self.met(error))?;
        self.prepared.borrow_mut().insert(sql.to_owned(), statement.clone());
        Ok(statement)
    }

    fn run(&self, sql: &str, values: &[&dyn ToValue]) -> Result<Vec<postgres::Row>, StoreError> {
        let statement = self.prepare(sql)?;
        let values: Vec<Value<'_>> = values.iter().map(|value| value.value()).collect();
        let values: Vec<&(dyn ToSql + Sync)> = values.iter().map(|value| value as _).collect();
        let found = self.client.borrow_mut().query(&statement, &values);
        Ok(found.inspect_err(|error| self.met(error))?)
    }
}

impl Sql for Connection {
    fn execute(&self, sql: &str, values: &[&dyn ToValue]) -> Result<u64, StoreError> {
        let statement = self.prepare(sql)?;
        let values: Vec<Value<'_>> = values.iter().map(|value| value.value()).collect();
        let values: Vec<&(dyn ToSql + Sync)> = values.iter().map(|value| value as _).collect();
        let changed = self.client.borrow_mut().execute(&statement, &values);
        let changed = changed.inspect_err(|error| self.met(error))?;
        self.changes.set(self.changes.get() + changed);
        Ok(changed)
    }

    fn now(&self) -> Result<Timestamp, StoreError> {
        const CLOCK: &str = "SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::BIGINT";
        let found = self.run(CLOCK, &[])?;
        let millis: i64 = match found.first() {
            Some(row) => row.try_get(0)?,
            None => return Err(failed("read the server's clock", "it gave no row".into())),
        };
        Timestamp::from_millisecond(millis).map_err(|e| failed("read the server's clock", e.to_string()))
    }

    fn query(&self, sql: &str, values: &[&dyn ToValue], each: &mut EachRow<'_>) -> Result<(), StoreError> {
        let rows = self.run(sql, values)?;
        if !rows.is_empty() && (sql.starts_with("INSERT") || sql.starts_with("UPDATE")) {
            self.changes.set(self.changes.get() + 1);
        }
        for row in &rows {
            if each(row)?.is_break() {
                break;
            }
        }
        Ok(())
    }

    fn is_far(&self) -> bool {
        true
    }

    fn vouch(&self, node: &str) -> Result<(), StoreError> {
        let is_ours = match self.server.session() {
            Some(session) => name::is_held_by(self, node, &session)?,
            None => false,
        };
        let why = || format!("this daemon does not hold the node name {node} now");
        if is_ours { Ok(()) } else { Err(failed("join as a worker", why())) }
    }

    fn hold(&self, what: Hold<'_>) -> Result<(), StoreError> {
        const ACCOUNT: &str = "SELECT 1 FROM queue WHERE account = ?1 FOR UPDATE";
        const FIRST: &str = "INSERT INTO queue (account) VALUES (?1) ON CONFLICT DO NOTHING";
        const OF_DELIVERY: &str =
            "SELECT 1 FROM queue WHERE account = (SELECT account FROM deliveries WHERE id = ?1)
             FOR UPDATE";
        const OF_CALL: &str = "SELECT 1 FROM queue WHERE account =
             (SELECT account FROM attempts WHERE call = ?1 AND ended_at IS NULL) FOR UPDATE";
        match what {
            Hold::Account(account) => {
                if self.run(ACCOUNT, &[&account])?.is_empty() {
                    self.execute(FIRST, &[&account])?;
                    self.run(ACCOUNT, &[&account])?;
                }
            }
            Hold::AccountOfDelivery(delivery) => drop(self.run(OF_DELIVERY, &[&delivery])?),
            Hold::AccountOfCall(call) => drop(self.run(OF_CALL, &[&call])?),
            Hold::EndOfAudit => drop(self.run(END_OF_AUDIT, &[])?),
        }
        Ok(())
    }
}

/// The advisory locks of a transaction: numbers that nothing else in this database may use.
const END_OF_AUDIT: &str = "SELECT pg_advisory_xact_lock(1249202766, 2)";
/// Begins a change that nothing else goes beside; answers the transaction's number.
pub(super) const BEGIN_ALONE: &str =
    "BEGIN; SELECT pg_advisory_xact_lock(1249202766, 1); SELECT pg_current_xact_id()";
/// Begins a change of single deliveries, beside others like it.
pub(super) const BEGIN_SHARED: &str =
    "BEGIN; SELECT pg_advisory_xact_lock_shared(1249202766, 1); SELECT pg_current_xact_id()";
/// Several statements see one state.
pub(super) const BEGIN_READING: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// Says a statement as PostgreSQL understands it: `?1` is `$1`, SQLite's hints go, words between `/*+` and `*/` come out.
fn in_its_words(sql: &str) -> String {
    let mut said = String::with_capacity(sql.len());
    let mut words = sql.split(' ').peekable();
    while let Some(word) = words.next() {
        if word.trim_start() == "INDEXED" && words.peek() == Some(&"BY") {
            // The name may be the last word of its line.
            let name = words.nth(1).unwrap_or_default();
            said.push_str(name.find('\n').and_then(|end| name.get(end..)).unwrap_or_default());
            said.push(' ');
            continue;
        }
        said.push_str(word);
        said.push(' ');
    }
    said.replace("/*+", "").replace("*/", "").replace('?', "$")
}

impl Row for postgres::Row {
    fn cell(&self, column: usize) -> Result<Cell<'_>, StoreError> {
        let Some(of) = self.columns().get(column) else {
            return Err(failed("read a column", format!("there is no column {column}")));
        };
        let cell = match *of.type_() {
            Type::INT8 => self.try_get::<_, Option<i64>>(column)?.map(Cell::Integer),
            Type::INT4 => self.try_get::<_, Option<i32>>(column)?.map(|n| Cell::Integer(n.into())),
            Type::BOOL => self.try_get::<_, Option<bool>>(column)?.map(Cell::Bool),
            Type::BYTEA => self.try_get::<_, Option<&[u8]>>(column)?.map(Cell::Bytes),
            _ => self.try_get::<_, Option<&str>>(column)?.map(Cell::Text),
        };
        Ok(cell.unwrap_or(Cell::Null))
    }

    fn name(&self, column: usize) -> String {
        self.columns().get(column).map_or("?", |c| c.name()).to_owned()
    }
}

impl ToSql for Value<'_> {
    fn to_sql(
        &self,
        ty: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match self {
            Self::Null => Ok(IsNull::Yes),
            Self::Integer(number) if *ty == Type::INT4 => i32::try_from(*number)?.to_sql(ty, out),
            Self::Integer(number) => number.to_sql(ty, out),
            Self::Bool(word) => word.to_sql(ty, out),
            // PostgreSQL's text has no NUL; in words that a platform said it means nothing.
            Self::Text(text) if text.contains('\0') => text.replace('\0', "\u{fffd}").to_sql(ty, out),
            Self::Text(text) => text.to_sql(ty, out),
            Self::Bytes(bytes) => bytes.to_sql(ty, out),
        }
    }

    fn accepts(ty: &Type) -> bool {
        [Type::INT8, Type::INT4, Type::BOOL, Type::BYTEA, Type::TEXT].contains(ty)
    }

    to_sql_checked!();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_are_said_in_the_words_of_postgresql() {
        let said = in_its_words(
            "SELECT a FROM d INDEXED BY d_due\n             WHERE a = ?1 AND b <= ?12 LIMIT 1 /*+ FOR UPDATE SKIP LOCKED */",
        );
        let said: Vec<&str> = said.split_whitespace().collect();
        assert_eq!(
            said.join(" "),
            "SELECT a FROM d WHERE a = $1 AND b <= $12 LIMIT 1 FOR UPDATE SKIP LOCKED"
        );
        assert!(
            in_its_words("FROM d INDEXED BY x WHERE y").split_whitespace().eq(["FROM", "d", "WHERE", "y"])
        );
    }
}

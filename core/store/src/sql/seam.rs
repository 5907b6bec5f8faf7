//! The seam between the store's logic and a database: statements in one dialect, values in, rows out.
//!
//! Statements are written as SQLite reads them, with `?1`, `?2` … for values. A driver for another database turns them
//! into its own words when it prepares one, and keeps what it prepared. Two notes for that: `INDEXED BY name` is a hint
//! that only SQLite needs, and `/*+ … */` holds words, such as a lock, that only the other one gets to see.

use std::ops::ControlFlow;

use jiff::Timestamp;

use crate::error::StoreError;

/// A connection inside a transaction.
pub(crate) trait Sql {
    /// How many rows the statement changed.
    fn execute(&self, sql: &str, values: &[&dyn ToValue]) -> Result<u64, StoreError>;

    /// The database's own time, of leases and turns: with several daemons that is the server's clock, at this moment and
    /// not at the transaction's begin.
    fn now(&self) -> Result<Timestamp, StoreError>;

    /// Hands over every row until `each` breaks off.
    fn query(&self, sql: &str, values: &[&dyn ToValue], each: &mut EachRow<'_>) -> Result<(), StoreError>;

    /// Whether each statement is a round trip.
    fn is_far(&self) -> bool {
        false
    }

    /// Fails unless this process has the node's name now: it is about to declare earlier holders of it gone.
    fn vouch(&self, node: &str) -> Result<(), StoreError> {
        let _ = node;
        Ok(())
    }

    /// Keeps other transactions away from it. One writer has nobody to keep away.
    fn hold(&self, what: Hold<'_>) -> Result<(), StoreError> {
        let _ = what;
        Ok(())
    }
}

/// What a transaction keeps to itself until its end. Taken in this order, so that two transactions do not wait for each
/// other: accounts, items (as they are written), the end of the audit.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Hold<'h> {
    /// The queue of an account, and what belongs to its deliveries.
    Account(&'h str),
    AccountOfDelivery(&'h str),
    /// Of the delivery that an open attempt with this call is on.
    AccountOfCall(&'h str),
    EndOfAudit,
}

/// What is done with a row; says whether to go on.
pub(crate) type EachRow<'e> = dyn FnMut(&dyn Row) -> Result<ControlFlow<()>, StoreError> + 'e;

/// A row, readable while the statement stands on it.
pub(crate) trait Row {
    fn cell(&self, column: usize) -> Result<Cell<'_>, StoreError>;
    /// The column's name, for what a person reads of a row that cannot be used.
    fn name(&self, column: usize) -> String;
}

/// What a column holds.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Cell<'r> {
    Null,
    Integer(i64),
    Bool(bool),
    Text(&'r str),
    Bytes(&'r [u8]),
}

/// A value of a statement.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Value<'v> {
    Null,
    Integer(i64),
    Bool(bool),
    Text(&'v str),
    Bytes(&'v [u8]),
}

/// The values of a statement.
macro_rules! params {
    ($($value:expr),* $(,)?) => { &[$(&$value as &dyn $crate::sql::ToValue),*] };
}
pub(crate) use params;

/// What a statement can be given.
pub(crate) trait ToValue {
    fn value(&self) -> Value<'_>;
}

impl ToValue for i64 {
    fn value(&self) -> Value<'static> {
        Value::Integer(*self)
    }
}

impl ToValue for u32 {
    fn value(&self) -> Value<'static> {
        Value::Integer(i64::from(*self))
    }
}

impl ToValue for u16 {
    fn value(&self) -> Value<'static> {
        Value::Integer(i64::from(*self))
    }
}

impl ToValue for bool {
    fn value(&self) -> Value<'static> {
        Value::Bool(*self)
    }
}

impl ToValue for str {
    fn value(&self) -> Value<'_> {
        Value::Text(self)
    }
}

impl ToValue for String {
    fn value(&self) -> Value<'_> {
        Value::Text(self)
    }
}

impl ToValue for [u8] {
    fn value(&self) -> Value<'_> {
        Value::Bytes(self)
    }
}

impl ToValue for Vec<u8> {
    fn value(&self) -> Value<'_> {
        Value::Bytes(self)
    }
}

impl<T: ToValue + ?Sized> ToValue for &T {
    fn value(&self) -> Value<'_> {
        (**self).value()
    }
}

impl<T: ToValue> ToValue for Option<T> {
    fn value(&self) -> Value<'_> {
        self.as_ref().map_or(Value::Null, ToValue::value)
    }
}

/// What a cell can be read as; `None` when it holds something else.
pub(crate) trait FromCell: Sized {
    fn from_cell(cell: Cell<'_>) -> Option<Self>;
}

impl FromCell for i64 {
    fn from_cell(cell: Cell<'_>) -> Option<Self> {
        match cell {
            Cell::Integer(number) => Some(number),
            _ => None,
        }
    }
}

impl FromCell for u32 {
    fn from_cell(cell: Cell<'_>) -> Option<Self> {
        i64::from_cell(cell)?.try_into().ok()
    }
}

impl FromCell for u16 {
    fn from_cell(cell: Cell<'_>) -> Option<Self> {
        i64::from_cell(cell)?.try_into().ok()
    }
}

impl FromCell for bool {
    /// SQLite has no truth values of its own.
    fn from_cell(cell: Cell<'_>) -> Option<Self> {
        match cell {
            Cell::Bool(word) => Some(word),
            Cell::Integer(number) => Some(number != 0),
            _ => None,
        }
    }
}

impl FromCell for String {
    fn from_cell(cell: Cell<'_>) -> Option<Self> {
        match cell {
            Cell::Text(text) => Some(text.to_owned()),
            _ => None,
        }
    }
}

impl FromCell for Vec<u8> {
    fn from_cell(cell: Cell<'_>) -> Option<Self> {
        match cell {
            Cell::Bytes(bytes) => Some(bytes.to_owned()),
            _ => None,
        }
    }
}

impl<T: FromCell> FromCell for Option<T> {
    fn from_cell(cell: Cell<'_>) -> Option<Self> {
        match cell {
            Cell::Null => Some(None),
            other => T::from_cell(other).map(Some),
        }
    }
}

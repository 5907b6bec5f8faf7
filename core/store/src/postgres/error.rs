//! What PostgreSQL's errors mean for the transaction that met them.

use postgres::error::SqlState;

use crate::error::StoreError;

impl From<postgres::Error> for StoreError {
    fn from(source: postgres::Error) -> Self {
        Self::Database { attempted: "use the database", source: Box::new(Told(source)) }
    }
}

/// PostgreSQL's error with its own words: the client says "db error" and keeps them behind it.
#[derive(Debug, thiserror::Error)]
#[error("{}", told(.0))]
struct Told(postgres::Error);

/// What went wrong in words for a log.
pub(super) fn told(error: &postgres::Error) -> String {
    match error.as_db_error() {
        Some(db) => {
            let detail = db.detail().map(|detail| format!(" ({detail})")).unwrap_or_default();
            format!("{}{detail} [{}]", db.message(), db.code().code())
        }
        None => crate::error::chain(error),
    }
}

/// What to do after an error of a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Trouble {
    /// Another transaction was in the way: the same work may go through now (F32).
    Conflict(String),
    /// The connection is gone, and its transaction with it.
    Away(String),
    /// It took longer than anything should: whoever else waits here would wait as long (F33).
    Slow(String),
    /// The work itself is refused, and would be again.
    Failed(String),
}

impl Trouble {
    pub(super) fn of(error: &postgres::Error) -> Self {
        let why = told(error);
        match error.code() {
            _ if error.is_closed() => Self::Away(why),
            None => Self::Away(why),
            Some(code) if is_conflict(code) => Self::Conflict(why),
            Some(code) if is_away(code) => Self::Away(why),
            Some(&SqlState::LOCK_NOT_AVAILABLE | &SqlState::QUERY_CANCELED) => Self::Slow(why),
            Some(_) => Self::Failed(why),
        }
    }
}

fn is_conflict(code: &SqlState) -> bool {
    [SqlState::T_R_SERIALIZATION_FAILURE, SqlState::T_R_DEADLOCK_DETECTED].contains(code)
}

/// Classes 08 and 57P, 25P03 (left idle in a transaction), and a server that is too full to answer.
fn is_away(code: &SqlState) -> bool {
    let code = code.code();
    code.starts_with("08") || code.starts_with("57P") || code.starts_with("53") || code == "25P03"
}

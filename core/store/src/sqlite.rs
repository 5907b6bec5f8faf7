//! The embedded store.
/// SQLite.
pub struct Sqlite;

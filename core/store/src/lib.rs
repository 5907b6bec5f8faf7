//! What is kept: the [`Store`] trait, its values, and the embedded SQLite store. Every change of state is one
//! transaction with its audit row; what must be decided inside a transaction is decided by a pure function of `domain`
//! that the transaction calls with plain values.

#![forbid(unsafe_code)]

mod api;
mod database;
mod error;
mod front;
mod people;
mod postgres;
mod slow;
mod sql;
mod sqlite;
mod values;

pub use api::{DeliveryChanger, Follow, ItemChanger, StandingOf, Store};
pub use error::{Refused, StoreError};
pub use people::People;
pub use postgres::{Entered, Postgres, PostgresOptions};
pub use sqlite::{
    Backup, ClockOf, Fate, FateOf, Hook, InMemory, Inline, Opened, Restored, Sqlite, SqliteOptions, Times,
    back_up, restore,
};
pub use values::*;

//! What the store does, written once for every database: each file is one part of it, against the seam in [`seam`]. A
//! query that has to differ between databases says why beside it.

pub(crate) mod access;
pub(crate) mod attempts;
pub(crate) mod attention;
pub(crate) mod audit;
pub(crate) mod authorizations;
pub(crate) mod claim;
pub(crate) mod delegations;
pub(crate) mod deliveries;
pub(crate) mod effects;
pub(crate) mod hooks;
pub(crate) mod intake;
pub(crate) mod items;
pub(crate) mod looks;
pub(crate) mod messages;
pub(crate) mod notices;
mod once;
pub(crate) mod pauses;
pub(crate) mod ping;
mod queue;
pub(crate) mod rechecks;
pub(crate) mod recover;
mod register;
pub(crate) mod restored;
mod rows;
mod seam;
pub(crate) mod secrets;
pub(crate) mod settings;
pub(crate) mod settle;
pub(crate) mod sign_ins;
mod stages;
pub(crate) mod stop;
pub(crate) mod sweep;
pub(crate) mod tokens;
mod transaction;
pub(crate) mod values;
pub(crate) mod versions;
pub(crate) mod watch;
pub(crate) mod workers;

pub(crate) use seam::{Cell, EachRow, Hold, Row, Sql, ToValue, Value, params};
pub(crate) use transaction::Transaction;

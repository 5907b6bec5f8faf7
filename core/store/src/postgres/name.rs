//! The node's name: a lock that one session holds as long as it lives, so that no two living daemons share it (P18).
//!
//! Who comes under a name declares its earlier holders gone (`sql/workers.rs`). That is true only while the lock is held,
//! so a join asks for it in its own transaction ([`is_held_by`]). A daemon that finds its name with another one was taken
//! for gone, and what it held was taken up (F35, F37): it ends.

use postgres::{Client, Error};

use super::driver::Connection;
use crate::error::StoreError;
use crate::sql::Sql;

/// Names are locked under this number and their hash.
const NAMES: i32 = 1_249_202_767;

/// A session of the server: its number there, and when it began, as numbers come again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Session {
    pid: i32,
    /// Not shown of sessions of other roles.
    began: Option<String>,
}

/// Who has the name.
pub(super) enum Holder {
    Us(Session),
    Another(Session),
    /// It was let go between two questions.
    Nobody,
}

/// Takes the name, or says who has it.
pub(super) fn take(client: &mut Client, node: &str) -> Result<Holder, Error> {
    const TAKE: &str = "SELECT pg_try_advisory_lock($1, hashtext($2))";
    let taken: bool = client.query_one(TAKE, &[&NAMES, &node])?.try_get(0)?;
    let sql = format!("SELECT a.pid, a.backend_start::text FROM {HOLDERS}").replace('?', "$");
    let Some(row) = client.query_opt(&sql, &[&node])? else { return Ok(Holder::Nobody) };
    let session = Session { pid: row.try_get(0)?, began: row.try_get(1)? };
    Ok(if taken { Holder::Us(session) } else { Holder::Another(session) })
}

/// Ends a session of ours whose connection is gone, which the server has not seen yet.
pub(super) fn end(client: &mut Client, session: &Session) -> Result<(), Error> {
    const END: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
         WHERE pid = $1 AND backend_start::text = $2";
    client.query(END, &[&session.pid, &session.began]).map(drop)
}

/// Whether the session holds the name, as this transaction sees it.
pub(super) fn is_held_by(connection: &Connection, node: &str, session: &Session) -> Result<bool, StoreError> {
    let sql = format!("SELECT 1::BIGINT FROM {HOLDERS} AND a.pid = ?2 AND a.backend_start::text = ?3");
    let mut held = false;
    let began = session.began.as_deref();
    connection.query(&sql, &[&node, &i64::from(session.pid), &began], &mut |_| {
        held = true;
        Ok(std::ops::ControlFlow::Break(()))
    })?;
    Ok(held)
}

/// The sessions that hold the name `?1`: one, or none.
const HOLDERS: &str = "pg_locks l JOIN pg_stat_activity a USING (pid)
     WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 2 AND l.classid = 1249202767
     AND l.objid = (hashtext(?1)::bigint & 4294967295)::oid
     AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())";

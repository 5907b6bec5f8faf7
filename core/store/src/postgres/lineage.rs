//! Whether the server is the one that confirmed what this daemon knows, or another that was put in its place and may have
//! forgotten some of it (F31).
//!
//! A promoted standby begins a new *timeline*. Unless the old server confirmed nothing before a synchronous standby had
//! it, its last commits may be missing, and no daemon knows all of them. So the database itself notes its timeline and
//! whether it had such a standby; on another timeline without one its history counts as cut. An older copy of the data
//! that is started at the same address keeps the timeline, but it has not got as far as *the newest change* that this
//! daemon knows as confirmed. What both miss (the daemon was not running) the mark tells, which is kept outside of the
//! database (`engine/high_water.rs`).
//!
//! A cut history is written down in the database, so that whoever starts next holds everything and looks for what may have
//! been sent; until then the daemons that were there are broken.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use postgres::{Client, Error, GenericClient};

use crate::error::StoreError;

/// What one daemon knows of the server since it started.
#[derive(Default)]
pub(super) struct Lineage {
    /// Of the first connection.
    timeline: Mutex<Option<String>>,
    /// The number of the newest transaction that changed something and was confirmed to us.
    newest: AtomicU64,
}

impl Lineage {
    pub(super) fn confirmed(&self, transaction: &str) {
        if let Ok(number) = transaction.parse() {
            self.newest.fetch_max(number, Ordering::Relaxed);
        }
    }

    /// Looks at a new connection; answers why nothing may be done with it any more.
    pub(super) fn look(&self, client: &mut Client) -> Result<Option<String>, StoreError> {
        let Seen { timeline, next, .. } = see(client)?;
        let mut known = self.timeline.lock().unwrap_or_else(PoisonError::into_inner);
        let known = known.get_or_insert_with(|| timeline.clone());
        if *known != timeline {
            return Ok(Some(format!(
                "another server answers than before (timeline {known}, now {timeline}): what it may have forgotten is \
                 looked for after the next start"
            )));
        }
        let newest = self.newest.load(Ordering::Relaxed);
        if newest < next {
            return Ok(None);
        }
        let why =
            format!("it is an older copy: transaction {newest} was confirmed, and its next one is {next}");
        if let Err(error) = cut(client, &why) {
            let error = super::error::told(&error);
            tracing::warn!(
                error,
                "The older database cannot be told that it is one; the next start compares marks"
            );
        }
        Ok(Some(why))
    }
}

/// Compares the server with the one that this database was on, and writes down where it is now. Before anything is claimed.
pub(super) fn enter(client: &mut impl GenericClient) -> Result<(), StoreError> {
    const KNOWN: &str = "SELECT value FROM meta WHERE name = 'server'";
    let now = see(client)?;
    let known: Option<String> = client.query_opt(KNOWN, &[])?.map(|row| row.try_get(0)).transpose()?;
    if let Some(why) = known.as_deref().and_then(|known| forgotten(known, &now.timeline)) {
        cut(client, &why)?;
    }
    Ok(remember(client)?)
}

/// Notes the timeline and how far the word of this server goes, if it is another one than before.
pub(super) fn remember(client: &mut impl GenericClient) -> Result<(), Error> {
    let Seen { timeline, is_safe, .. } = see(client)?;
    let now = format!("{timeline} {}", if is_safe { SAFE } else { ALONE });
    const SET: &str = "INSERT INTO meta (name, value) VALUES ('server', $1)
         ON CONFLICT (name) DO UPDATE SET value = excluded.value WHERE meta.value <> excluded.value";
    client.execute(SET, &[&now]).map(drop)
}

/// Words behind the timeline: a synchronous standby had everything that was confirmed, or nobody else did for sure.
const SAFE: &str = "safe";
const ALONE: &str = "alone";

/// Why a database may have forgotten confirmed changes, by what it says of its last server.
fn forgotten(known: &str, timeline: &str) -> Option<String> {
    let (was, word) = known.split_once(' ').unwrap_or((known, ALONE));
    if was == timeline || word == SAFE {
        return None;
    }
    Some(format!(
        "another server took over (timeline {was}, now {timeline}), and no synchronous standby had all that the old one \
         confirmed"
    ))
}

/// What is there already is the first reason, and the one to keep.
fn cut(client: &mut impl GenericClient, why: &str) -> Result<(), Error> {
    const CUT: &str = "INSERT INTO meta (name, value) VALUES ('cut', $1) ON CONFLICT DO NOTHING";
    client.execute(CUT, &[&why]).map(drop)
}

/// What a server says of itself.
struct Seen {
    timeline: String,
    is_safe: bool,
    /// No transaction with this number or a later one has begun.
    next: u64,
}

fn see(client: &mut impl GenericClient) -> Result<Seen, Error> {
    const NOW: &str = "SELECT substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8),
             current_setting('synchronous_standby_names') <> ''
                 AND current_setting('synchronous_commit') IN ('on', 'remote_apply'),
             pg_snapshot_xmax(pg_current_snapshot())::text";
    let row = client.query_one(NOW, &[])?;
    let next: String = row.try_get(2)?;
    // A number that cannot be read is no proof of anything.
    Ok(Seen { timeline: row.try_get(0)?, is_safe: row.try_get(1)?, next: next.parse().unwrap_or(u64::MAX) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f31_a_new_timeline_is_believed_only_after_a_synchronous_standby() {
        assert_eq!(forgotten("00000001 alone", "00000001"), None);
        assert_eq!(forgotten("00000001 safe", "00000002"), None);
        let why = forgotten("00000001 alone", "00000002").unwrap();
        assert!(why.contains("timeline 00000001, now 00000002"), "{why}");
        assert!(forgotten("00000001", "00000002").is_some(), "nothing is known of it");
    }
}

//! The audit: a row for every change, in the change's own transaction, each hash over the one before.

use std::sync::LazyLock;

use jiff::Timestamp;
use juzhen_domain::hash::FieldHasher;
use serde_json::Value;

use super::rows::{self, Fields, millis};
use super::{Hold, ToValue, Transaction, params};
use crate::error::StoreError;
use crate::values::{Audit, AuditChain, AuditFilter, AuditRow};

/// Hash before the first row.
const START: &str = "0000000000000000000000000000000000000000000000000000000000000000";
/// Rows read at a time when everything is verified.
const PAGE: i64 = 1000;

/// Adds rows to the end of the chain.
pub(super) fn append_all(c: &Transaction<'_>, rows: &[Audit]) -> Result<(), StoreError> {
    const LAST: &str = "SELECT number, hash FROM audit ORDER BY number DESC LIMIT 1";
    if rows.is_empty() {
        return Ok(());
    }
    c.hold(Hold::EndOfAudit)?;
    let read = |f: &mut Fields<'_>| Ok((f.get()?, f.get()?));
    let (mut number, mut hash) = c.first(LAST, params![], read)?.unwrap_or((0, START.to_owned()));
    let mut chained = Vec::with_capacity(rows.len());
    for row in rows {
        number += 1;
        let stored = Stored::of(row, number);
        hash = stored.hash(&hash);
        chained.push((stored, hash.clone()));
    }
    let mut left = chained.as_slice();
    for (size, sql) in INSERTS.iter().filter(|(size, _)| *size == 1 || c.is_far()) {
        while let Some((now, later)) = left.split_at_checked(*size) {
            insert(c, sql, now)?;
            left = later;
        }
    }
    Ok(())
}

const COLUMNS: usize = 8;

/// Statements for so many rows at a time. Where each is a round trip, others wait for the end of the chain meanwhile; where
/// none is, one row at a time costs less.
static INSERTS: LazyLock<[(usize, String); 3]> =
    LazyLock::new(|| [16, 4, 1].map(|size| (size, insert_of(size))));

fn insert_of(rows: usize) -> String {
    let of_row = |row: usize| {
        let places: Vec<String> = (1..=COLUMNS).map(|place| format!("?{}", row * COLUMNS + place)).collect();
        format!("({})", places.join(", "))
    };
    let rows: Vec<String> = (0..rows).map(of_row).collect();
    let columns = "number, at, actor, action, subject, detail, request, hash";
    format!("INSERT INTO audit ({columns}) VALUES {}", rows.join(", "))
}

/// Adds a row for something that changes no other row.
pub(crate) fn note(c: &Transaction<'_>, row: &Audit) -> Result<(), StoreError> {
    c.will_audit(row.clone());
    Ok(())
}

/// Adds rows that are chained already.
fn insert(c: &Transaction<'_>, sql: &str, rows: &[(Stored, String)]) -> Result<(), StoreError> {
    let values = rows.iter().flat_map(|(row, hash)| -> [&dyn ToValue; COLUMNS] {
        [&row.number, &row.at, &row.actor, &row.action, &row.subject, &row.detail, &row.request, hash]
    });
    c.execute(sql, &values.collect::<Vec<_>>()).map(drop)
}

/// Who acts when nobody told it to.
pub(super) const DAEMON: &str = "daemon";

/// A row for something that the daemon does by itself.
pub(super) fn daemon(action: String, subject: String, detail: Value, at: Timestamp) -> Audit {
    Audit { actor: DAEMON.into(), action, subject, detail, at, request: None }
}

/// Newest first.
pub(crate) fn list(c: &Transaction<'_>, filter: &AuditFilter) -> Result<Vec<AuditRow>, StoreError> {
    const ALL: &str = "SELECT number, at, actor, action, subject, detail, request, hash FROM audit
         WHERE number < ?1 ORDER BY number DESC LIMIT ?2";
    const OF: &str = "SELECT number, at, actor, action, subject, detail, request, hash FROM audit
         WHERE number < ?1 AND subject = ?3 ORDER BY number DESC LIMIT ?2";
    let before = filter.before.unwrap_or(i64::MAX);
    let found = match &filter.subject {
        None => c.collect(ALL, params![before, filter.most], read)?,
        Some(subject) => c.collect(OF, params![before, filter.most, subject], read)?,
    };
    found.into_iter().map(|(row, hash)| row.shown(hash)).collect()
}

/// Walks the whole chain.
pub(crate) fn verify(c: &Transaction<'_>) -> Result<AuditChain, StoreError> {
    const SQL: &str = "SELECT number, at, actor, action, subject, detail, request, hash FROM audit
         WHERE number > ?1 ORDER BY number LIMIT ?2";
    let mut chain = AuditChain { rows: 0, broken_at: None, last_hash: None };
    let mut number = 0;
    loop {
        let page = c.collect(SQL, params![number, PAGE], read)?;
        if page.is_empty() {
            return Ok(chain);
        }
        for (row, hash) in page {
            let expected = row.hash(chain.last_hash.as_deref().unwrap_or(START));
            // A missing number is a missing row, whatever the hashes say.
            if chain.broken_at.is_none() && (hash != expected || row.number != number + 1) {
                chain.broken_at = Some(row.number);
            }
            number = row.number;
            chain.rows += 1;
            chain.last_hash = Some(hash);
        }
    }
}

/// A row as it lies in the table: the detail as the very text that was hashed.
struct Stored {
    number: i64,
    at: i64,
    actor: String,
    action: String,
    subject: String,
    detail: String,
    request: Option<String>,
}

impl Stored {
    fn of(audit: &Audit, number: i64) -> Self {
        Self {
            number,
            at: millis(audit.at),
            actor: audit.actor.clone(),
            action: audit.action.clone(),
            subject: audit.subject.clone(),
            detail: audit.detail.to_string(),
            request: audit.request.clone(),
        }
    }

    fn hash(&self, before: &str) -> String {
        let mut hasher = FieldHasher::new("juzhen audit 1");
        hasher.field(before.as_bytes());
        hasher.field(&self.number.to_be_bytes());
        hasher.field(&self.at.to_be_bytes());
        for text in [&self.actor, &self.action, &self.subject, &self.detail] {
            hasher.field(text.as_bytes());
        }
        hasher.optional(self.request.as_deref());
        hasher.finish().as_str().to_owned()
    }

    fn shown(self, hash: String) -> Result<AuditRow, StoreError> {
        let corrupt = |why: String| StoreError::Corrupt { table: "audit", id: self.number.to_string(), why };
        let detail: Value = serde_json::from_str(&self.detail).map_err(|e| corrupt(e.to_string()))?;
        let at = rows::time(self.at).ok_or_else(|| corrupt("no such time".into()))?;
        let Self { number, actor, action, subject, request, .. } = self;
        Ok(AuditRow { number, audit: Audit { actor, action, subject, detail, at, request }, hash })
    }
}

fn read(f: &mut Fields<'_>) -> Result<(Stored, String), StoreError> {
    let row = Stored {
        number: f.get()?,
        at: f.get()?,
        actor: f.get()?,
        action: f.get()?,
        subject: f.get()?,
        detail: f.get()?,
        request: f.get()?,
    };
    Ok((row, f.get()?))
}

//! Rows and values: the only place that knows the order of columns and how times, words and hashes are written.

use jiff::Timestamp;
use juzhen_domain::delivery::{Attempt, Delivery, DeliveryKind, Receipt};
use juzhen_domain::hash::ContentHash;
use juzhen_domain::item::Item;
use juzhen_domain::review::Decision;
use juzhen_domain::state::{DeliveryState, ItemState};
use rusqlite::types::{FromSql, Type};
use rusqlite::{Connection, Params, Row};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::error::Unreadable;
use crate::error::StoreError;
use crate::values::{Doubt, EffectRow, LateNews};

/// Runs a cached statement and reads every row.
pub(super) fn collect<T>(
    c: &Connection,
    sql: &str,
    values: impl Params,
    read: impl Fn(&mut Fields<'_>) -> rusqlite::Result<T>,
) -> Result<Vec<T>, StoreError> {
    let mut statement = c.prepare_cached(sql)?;
    let rows = statement.query_map(values, |row| read(&mut Fields::new(row)))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Runs a cached statement and reads its first row, if there is one.
pub(super) fn first<T>(
    c: &Connection,
    sql: &str,
    values: impl Params,
    read: impl Fn(&mut Fields<'_>) -> rusqlite::Result<T>,
) -> Result<Option<T>, StoreError> {
    let mut statement = c.prepare_cached(sql)?;
    let mut rows = statement.query(values)?;
    Ok(rows.next()?.map(|row| read(&mut Fields::new(row))).transpose()?)
}

/// Milliseconds since 1970, rounded down.
pub(super) fn millis(time: Timestamp) -> i64 {
    let whole = time.as_millisecond();
    if time.subsec_nanosecond() % 1_000_000 < 0 { whole - 1 } else { whole }
}

/// Milliseconds since 1970, rounded up: for "not before", so that rounding never makes it early.
pub(super) fn millis_not_before(time: Timestamp) -> i64 {
    let down = millis(time);
    if time.subsec_nanosecond() % 1_000_000 == 0 { down } else { down + 1 }
}

pub(super) fn time(millis: i64) -> Option<Timestamp> {
    Timestamp::from_millisecond(millis).ok()
}

/// The word that serde has for a plain enum.
pub(super) fn word(value: &impl Serialize) -> Result<String, StoreError> {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => Ok(word),
        _ => Err(super::error::failed("write a word", "a value has no plain word".into())),
    }
}

/// Reads columns in the order in which the statement names them.
pub(super) struct Fields<'r> {
    row: &'r Row<'r>,
    at: usize,
}

impl<'r> Fields<'r> {
    fn new(row: &'r Row<'r>) -> Self {
        Self { row, at: 0 }
    }

    pub(super) fn get<T: FromSql>(&mut self) -> rusqlite::Result<T> {
        let place = self.at;
        self.at += 1;
        self.row.get(place)
    }

    /// An id type.
    pub(super) fn id<T: for<'a> From<&'a str>>(&mut self) -> rusqlite::Result<T> {
        Ok(T::from(self.get::<String>()?.as_str()))
    }

    pub(super) fn optional_id<T: for<'a> From<&'a str>>(&mut self) -> rusqlite::Result<Option<T>> {
        Ok(self.get::<Option<String>>()?.map(|text| T::from(text.as_str())))
    }

    pub(super) fn time(&mut self) -> rusqlite::Result<Timestamp> {
        let number = self.get()?;
        time(number).ok_or_else(|| self.unreadable(format!("{number} is no time")))
    }

    pub(super) fn optional_time(&mut self) -> rusqlite::Result<Option<Timestamp>> {
        match self.get::<Option<i64>>()? {
            None => Ok(None),
            Some(number) => match time(number) {
                None => Err(self.unreadable(format!("{number} is no time"))),
                some => Ok(some),
            },
        }
    }

    fn hash(&mut self) -> rusqlite::Result<ContentHash> {
        let text: String = self.get()?;
        ContentHash::parse(&text).ok_or_else(|| self.unreadable(format!("{text} is no hash")))
    }

    pub(super) fn state(&mut self) -> rusqlite::Result<DeliveryState> {
        let text: String = self.get()?;
        DeliveryState::parse(&text).ok_or_else(|| self.unreadable(format!("no state {text}")))
    }

    pub(super) fn item_state(&mut self) -> rusqlite::Result<ItemState> {
        let text: String = self.get()?;
        ItemState::parse(&text).ok_or_else(|| self.unreadable(format!("no state {text}")))
    }

    fn word<T: DeserializeOwned>(&mut self) -> rusqlite::Result<T> {
        let text: String = self.get()?;
        serde_json::from_value(text.into()).map_err(|e| self.unreadable(e.to_string()))
    }

    pub(super) fn json<T: DeserializeOwned>(&mut self) -> rusqlite::Result<T> {
        let text: String = self.get()?;
        serde_json::from_str(&text).map_err(|e| self.unreadable(e.to_string()))
    }

    /// The first column of a row is its id.
    fn unreadable(&self, why: String) -> rusqlite::Error {
        let id = self.row.get_ref(0).map(|value| match value {
            rusqlite::types::ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned(),
            other => format!("{other:?}"),
        });
        let place = self.at.saturating_sub(1);
        let table = "the table with this id";
        let why = match self.row.as_ref().column_name(place) {
            Ok(column) => format!("column {column}: {why}"),
            Err(_) => why,
        };
        let unreadable = Unreadable { table, id: id.unwrap_or_default(), why };
        rusqlite::Error::FromSqlConversionFailure(place, Type::Text, Box::new(unreadable))
    }
}

pub(super) const ITEM: &str =
    "id, unit, author, column_id, procedure, content, hash, version, state, submitted_at, row_version";

/// An item and its row version.
pub(super) fn item(f: &mut Fields<'_>) -> rusqlite::Result<(Item, i64)> {
    let item = Item {
        id: f.id()?,
        unit: f.id()?,
        author: f.id()?,
        column: f.optional_id()?,
        procedure: f.word()?,
        content: f.json()?,
        hash: f.hash()?,
        version: f.get()?,
        state: f.item_state()?,
        submitted_at: f.time()?,
    };
    Ok((item, f.get()?))
}

pub(super) const DECISION: &str = "person, step, verdict, hash, reason, at";

pub(super) fn decision(f: &mut Fields<'_>) -> rusqlite::Result<Decision> {
    Ok(Decision {
        person: f.id()?,
        step: f.word()?,
        verdict: f.word()?,
        hash: f.hash()?,
        reason: f.get()?,
        at: f.time()?,
    })
}

/// A delivery with what only the store needs.
#[derive(Debug, Clone)]
pub(super) struct DeliveryRow {
    pub(super) delivery: Delivery,
    pub(super) hold: Option<String>,
    pub(super) resume_call: Option<String>,
    pub(super) doubt: Option<Doubt>,
    pub(super) worker: Option<String>,
    pub(super) lease_until: Option<Timestamp>,
    pub(super) row_version: i64,
}

pub(super) const DELIVERY: &str =
    "id, item, account, platform, kind, origin, hops, route, item_hash, payload_hash,
    revision, due_at, latest_at, next_at, state, reason, tries, fence, ticket,
    receipt_at, receipt_id, receipt_url, receipt_by, created_at, changed_at,
    hold, resume_call, doubt_since, looks, worker, lease_until, row_version";

pub(super) fn delivery(f: &mut Fields<'_>) -> rusqlite::Result<DeliveryRow> {
    let delivery = Delivery {
        id: f.id()?,
        item: f.id()?,
        account: f.id()?,
        platform: f.id()?,
        kind: kind(f)?,
        route: f.optional_id()?,
        item_hash: f.hash()?,
        payload_hash: f.hash()?,
        revision: f.get()?,
        due_at: f.time()?,
        latest_at: f.time()?,
        next_at: f.time()?,
        state: f.state()?,
        reason: f.get()?,
        tries: f.get()?,
        fence: f.get()?,
        resumes: false,
        ticket: f.get()?,
        receipt: receipt(f)?,
        created_at: f.time()?,
        changed_at: f.time()?,
    };
    let (hold, resume_call): (_, Option<String>) = (f.get()?, f.get()?);
    Ok(DeliveryRow {
        delivery: Delivery { resumes: resume_call.is_some(), ..delivery },
        hold,
        resume_call,
        doubt: doubt(f)?,
        worker: f.get()?,
        lease_until: f.optional_time()?,
        row_version: f.get()?,
    })
}

fn kind(f: &mut Fields<'_>) -> rusqlite::Result<DeliveryKind> {
    let (word, origin, hops): (String, _, _) = (f.get()?, f.optional_id()?, f.get()?);
    match (word.as_str(), origin) {
        ("publish", None) => Ok(DeliveryKind::Publish),
        ("forward", Some(origin)) => Ok(DeliveryKind::Forward { origin, hops }),
        _ => Err(f.unreadable(format!("no kind {word}"))),
    }
}

fn receipt(f: &mut Fields<'_>) -> rusqlite::Result<Option<Receipt>> {
    let (at, platform_id, url) = (f.optional_time()?, f.get()?, f.get()?);
    let by: Option<String> = f.get()?;
    let Some(published_at) = at else { return Ok(None) };
    let by = serde_json::from_value(by.into()).map_err(|e| f.unreadable(e.to_string()))?;
    Ok(Some(Receipt { platform_id, url, published_at, by }))
}

fn doubt(f: &mut Fields<'_>) -> rusqlite::Result<Option<Doubt>> {
    let (since, looks) = (f.optional_time()?, f.get()?);
    Ok(since.map(|since| Doubt { since, looks }))
}

pub(super) const ATTEMPT: &str =
    "id, delivery, number, fence, call, started_at, ended_at, outcome, detail, adapter";

pub(super) fn attempt(f: &mut Fields<'_>) -> rusqlite::Result<Attempt> {
    Ok(Attempt {
        id: f.id()?,
        delivery: f.id()?,
        number: f.get()?,
        fence: f.get()?,
        call: f.get()?,
        started_at: f.time()?,
        ended_at: f.optional_time()?,
        outcome: f.get()?,
        detail: f.get()?,
        adapter: f.get()?,
    })
}

pub(super) const EFFECT: &str =
    "id, call, method, url, body_sha256, idempotency_key, began_at, answered_at, status, complete";

pub(super) fn effect(f: &mut Fields<'_>) -> rusqlite::Result<EffectRow> {
    Ok(EffectRow {
        id: f.get()?,
        call: f.get()?,
        method: f.get()?,
        url: f.get()?,
        body_sha256: f.get()?,
        idempotency_key: f.get()?,
        began_at: f.time()?,
        answered_at: f.optional_time()?,
        status: f.get()?,
        complete: f.get()?,
    })
}

pub(super) const LATE_NEWS: &str = "attempt, fence, says, outcome, detail, platform_id, url, at";

pub(super) fn late_news(f: &mut Fields<'_>) -> rusqlite::Result<LateNews> {
    Ok(LateNews {
        attempt: f.optional_id()?,
        fence: f.get()?,
        says: f.state()?,
        outcome: f.get()?,
        detail: f.get()?,
        platform_id: f.get()?,
        url: f.get()?,
        at: f.time()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p06_rounding_to_milliseconds_never_makes_anything_early_or_late() {
        let time = Timestamp::from_nanosecond(1_500_000).unwrap();
        assert_eq!((millis(time), millis_not_before(time)), (1, 2));
        let before_1970 = Timestamp::from_nanosecond(-1_500_000).unwrap();
        assert_eq!((millis(before_1970), millis_not_before(before_1970)), (-2, -1));
        let whole = Timestamp::from_millisecond(7).unwrap();
        assert_eq!((millis(whole), millis_not_before(whole)), (7, 7));
    }
}

//! Rows and values: the only place that knows the order of columns and how times, words and hashes are written.

use std::fmt::Display;

use jiff::Timestamp;
use juzhen_domain::delivery::{Attempt, Delivery, DeliveryKind, Receipt};
use juzhen_domain::hash::ContentHash;
use juzhen_domain::item::Item;
use juzhen_domain::review::{Behalf, Decision};
use juzhen_domain::state::{DeliveryState, ItemState};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::seam::{Cell, FromCell, Row};
use crate::error::{StoreError, failed};
use crate::values::{Doubt, EffectRow, LateNews};

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
        _ => Err(failed("write a word", "a value has no plain word".into())),
    }
}

/// Reads columns in the order in which the statement names them.
pub(crate) struct Fields<'r> {
    row: &'r dyn Row,
    at: usize,
}

impl<'r> Fields<'r> {
    pub(super) fn new(row: &'r dyn Row) -> Self {
        Self { row, at: 0 }
    }

    pub(super) fn get<T: FromCell>(&mut self) -> Result<T, StoreError> {
        let place = self.at;
        self.at += 1;
        let cell = self.row.cell(place)?;
        T::from_cell(cell).ok_or_else(|| self.unreadable(format!("{cell:?} is not what belongs there")))
    }

    /// An id type.
    pub(super) fn id<T: for<'a> From<&'a str>>(&mut self) -> Result<T, StoreError> {
        Ok(T::from(self.get::<String>()?.as_str()))
    }

    pub(super) fn optional_id<T: for<'a> From<&'a str>>(&mut self) -> Result<Option<T>, StoreError> {
        Ok(self.get::<Option<String>>()?.map(|text| T::from(text.as_str())))
    }

    pub(super) fn time(&mut self) -> Result<Timestamp, StoreError> {
        let number = self.get()?;
        time(number).ok_or_else(|| self.unreadable(format!("{number} is no time")))
    }

    pub(super) fn optional_time(&mut self) -> Result<Option<Timestamp>, StoreError> {
        match self.get::<Option<i64>>()? {
            None => Ok(None),
            Some(number) => match time(number) {
                None => Err(self.unreadable(format!("{number} is no time"))),
                some => Ok(some),
            },
        }
    }

    pub(super) fn hash(&mut self) -> Result<ContentHash, StoreError> {
        let text: String = self.get()?;
        ContentHash::parse(&text).ok_or_else(|| self.unreadable(format!("{text} is no hash")))
    }

    pub(super) fn state(&mut self) -> Result<DeliveryState, StoreError> {
        let text: String = self.get()?;
        DeliveryState::parse(&text).ok_or_else(|| self.unreadable(format!("no state {text}")))
    }

    pub(super) fn item_state(&mut self) -> Result<ItemState, StoreError> {
        let text: String = self.get()?;
        ItemState::parse(&text).ok_or_else(|| self.unreadable(format!("no state {text}")))
    }

    pub(super) fn word<T: DeserializeOwned>(&mut self) -> Result<T, StoreError> {
        let text: String = self.get()?;
        serde_json::from_value(text.into()).map_err(|e| self.unreadable(e.to_string()))
    }

    fn optional_word<T: DeserializeOwned>(&mut self) -> Result<Option<T>, StoreError> {
        let Some(text) = self.get::<Option<String>>()? else { return Ok(None) };
        serde_json::from_value(text.into()).map(Some).map_err(|e| self.unreadable(e.to_string()))
    }

    pub(super) fn json<T: DeserializeOwned>(&mut self) -> Result<T, StoreError> {
        let text: String = self.get()?;
        serde_json::from_str(&text).map_err(|e| self.unreadable(e.to_string()))
    }

    /// The first column of a row is its id.
    fn unreadable(&self, why: impl Display) -> StoreError {
        let id = match self.row.cell(0) {
            Ok(Cell::Text(text)) => text.to_owned(),
            Ok(other) => format!("{other:?}"),
            Err(_) => String::new(),
        };
        let why = format!("column {}: {why}", self.row.name(self.at.saturating_sub(1)));
        StoreError::Corrupt { table: "the table with this id", id, why }
    }
}

pub(super) const ITEM: &str =
    "id, unit, author, column_id, procedure, chain, content, hash, version, state, submitted_at, row_version";

/// An item and its row version.
pub(super) fn item(f: &mut Fields<'_>) -> Result<(Item, i64), StoreError> {
    let item = Item {
        id: f.id()?,
        unit: f.id()?,
        author: f.id()?,
        column: f.optional_id()?,
        procedure: f.word()?,
        chain: f.json()?,
        content: f.json()?,
        hash: f.hash()?,
        version: f.get()?,
        state: f.item_state()?,
        submitted_at: f.time()?,
    };
    Ok((item, f.get()?))
}

pub(super) const DECISION: &str =
    "person, step, role, delegation, on_behalf_of, verdict, hash, reason, record, at";

pub(super) fn decision(f: &mut Fields<'_>) -> Result<Decision, StoreError> {
    Ok(Decision {
        person: f.id()?,
        step: f.id()?,
        role: f.optional_word()?,
        behalf: behalf(f)?,
        verdict: f.word()?,
        hash: f.hash()?,
        reason: f.get()?,
        record: f.json()?,
        at: f.time()?,
    })
}

fn behalf(f: &mut Fields<'_>) -> Result<Option<Behalf>, StoreError> {
    let (delegation, of): (Option<String>, _) = (f.get()?, f.optional_id()?);
    Ok(delegation.map(|delegation| Behalf { delegation, of }))
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

pub(super) fn delivery(f: &mut Fields<'_>) -> Result<DeliveryRow, StoreError> {
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

/// The delivery of a row that was just written as reading it would give it: the times as coarse as they are kept.
pub(super) fn as_read(row: DeliveryRow) -> Delivery {
    let down = |at: Timestamp| time(millis(at)).unwrap_or(at);
    let up = |at: Timestamp| time(millis_not_before(at)).unwrap_or(at);
    let d = row.delivery;
    Delivery {
        due_at: up(d.due_at),
        latest_at: down(d.latest_at),
        next_at: up(d.next_at),
        changed_at: down(d.changed_at),
        receipt: d.receipt.map(|r| Receipt { published_at: down(r.published_at), ..r }),
        resumes: row.resume_call.is_some(),
        ..d
    }
}

fn kind(f: &mut Fields<'_>) -> Result<DeliveryKind, StoreError> {
    let (word, origin, hops): (String, _, _) = (f.get()?, f.optional_id()?, f.get()?);
    match (word.as_str(), origin) {
        ("publish", None) => Ok(DeliveryKind::Publish),
        ("forward", Some(origin)) => Ok(DeliveryKind::Forward { origin, hops }),
        _ => Err(f.unreadable(format!("no kind {word}"))),
    }
}

fn receipt(f: &mut Fields<'_>) -> Result<Option<Receipt>, StoreError> {
    let (at, platform_id, url) = (f.optional_time()?, f.get()?, f.get()?);
    let by: Option<String> = f.get()?;
    let Some(published_at) = at else { return Ok(None) };
    let by = serde_json::from_value(by.into()).map_err(|e| f.unreadable(e.to_string()))?;
    Ok(Some(Receipt { platform_id, url, published_at, by }))
}

fn doubt(f: &mut Fields<'_>) -> Result<Option<Doubt>, StoreError> {
    let (since, looks) = (f.optional_time()?, f.get()?);
    Ok(since.map(|since| Doubt { since, looks }))
}

pub(super) const ATTEMPT: &str =
    "id, delivery, number, fence, call, started_at, ended_at, outcome, detail, adapter";

pub(super) fn attempt(f: &mut Fields<'_>) -> Result<Attempt, StoreError> {
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

pub(super) fn effect(f: &mut Fields<'_>) -> Result<EffectRow, StoreError> {
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

pub(super) fn late_news(f: &mut Fields<'_>) -> Result<LateNews, StoreError> {
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

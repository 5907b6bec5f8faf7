//! Deliveries: reading them, and [`save`], the one function through which every change of one goes.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use juzhen_domain::delivery::{Delivery, DeliveryKind};
use juzhen_domain::id::{AccountId, DeliveryId, ItemId};
use juzhen_domain::state::DeliveryState;
use rusqlite::{Connection, ToSql, params};
use serde_json::json;

use super::attempts::{self, Ending};
use super::rows::{self, DELIVERY, DeliveryRow, EFFECT, Fields, LATE_NEWS, millis, millis_not_before, word};
use super::{audit, effects, items, once, queue, restored, settle};
use crate::api::{DeliveryChanger, Follow};
use crate::error::{Refused, StoreError};
use crate::values::{
    Audit, Counts, DeliveryChange, DeliveryFilter, DeliveryRecord, Doubt, Look, Looked, Once,
};

/// Lets a pure function decide on one delivery.
pub(super) fn change(
    c: &Connection,
    id: &DeliveryId,
    change: &DeliveryChanger,
    follow: &Follow,
    asked: Option<&Once>,
) -> Result<Delivery, StoreError> {
    let before = require(c, id)?;
    if once::answered_before(c, asked)?.is_some() {
        return Ok(before.delivery);
    }
    let wanted = change(&before.delivery).map_err(StoreError::Refused)?;
    apply(c, &before, &wanted)?;
    if before.delivery.state != wanted.state && wanted.state == DeliveryState::Published {
        settle::forward(c, id, follow, &wanted.audit)?;
    }
    items::follow(c, &before.delivery.item, wanted.audit.at)?;
    once::remember(c, id.as_str(), asked)?;
    Ok(require(c, id)?.delivery)
}

/// Writes what a person wants of a delivery.
pub(super) fn apply(c: &Connection, before: &DeliveryRow, change: &DeliveryChange) -> Result<(), StoreError> {
    let mut after = before.clone();
    let delivery = &mut after.delivery;
    let moved = change.state != delivery.state;
    delivery.state = change.state;
    delivery.due_at = change.due_at.unwrap_or(delivery.due_at);
    delivery.latest_at = change.latest_at.unwrap_or(delivery.latest_at);
    delivery.next_at = change.next_at.or(change.due_at).unwrap_or(delivery.next_at);
    if moved || change.reason.is_some() {
        delivery.reason.clone_from(&change.reason);
    }
    if change.receipt.is_some() {
        delivery.receipt.clone_from(&change.receipt);
    }
    if change.forget_tries {
        delivery.tries = 0;
    }
    if moved {
        let detail = change.reason.as_deref();
        let end = Ending { outcome: change.state.as_str(), detail, adapter: None, at: change.audit.at };
        attempts::end_open(c, &before.delivery.id, &end)?;
    }
    save(c, before, after, Some(&change.audit), change.audit.at)
}

/// Writes a delivery: only a move that the domain allows, with its audit row, and the queue kept right.
pub(super) fn save(
    c: &Connection,
    before: &DeliveryRow,
    mut after: DeliveryRow,
    audit: Option<&Audit>,
    at: Timestamp,
) -> Result<(), StoreError> {
    let (from, to) = (before.delivery.state, after.delivery.state);
    if from != to && !from.may_become(to) {
        return Err(impossible(&before.delivery.id, from.as_str(), to.as_str()));
    }
    let is_under_way = matches!(to, DeliveryState::Claimed | DeliveryState::Sending);
    if !is_under_way {
        (after.worker, after.lease_until) = (None, None);
    }
    after.doubt = match to {
        DeliveryState::InDoubt => after.doubt.or(Some(Doubt { since: at, looks: 0 })),
        DeliveryState::NeedsPerson => after.doubt,
        _ => None,
    };
    after.hold = match (to, &after.delivery.reason) {
        (DeliveryState::Held, Some(reason)) => reason.split(':').next().map(str::to_owned),
        _ => None,
    };
    after.delivery.changed_at = at;
    update(c, &after)?;
    queue::refresh(c, &after.delivery.account)?;
    match audit {
        Some(audit) => audit::append(c, audit),
        None if from == to => Ok(()),
        None => Err(impossible(&after.delivery.id, from.as_str(), "another state without an audit row")),
    }
}

fn update(c: &Connection, row: &DeliveryRow) -> Result<(), StoreError> {
    const SQL: &str = "UPDATE deliveries SET due_at = ?2, latest_at = ?3, next_at = ?4, state = ?5, reason = ?6,
            hold = ?7, tries = ?8, fence = ?9, ticket = ?10, receipt_id = ?11, receipt_url = ?12, receipt_at = ?13,
            receipt_by = ?14, resume_call = ?15, doubt_since = ?16, looks = ?17, worker = ?18, lease_until = ?19,
            changed_at = ?20, row_version = row_version + 1
         WHERE id = ?1 AND row_version = ?21";
    let d = &row.delivery;
    let receipt = d.receipt.as_ref();
    let changed = c.prepare_cached(SQL)?.execute(params![
        d.id.as_str(),
        millis_not_before(d.due_at),
        millis(d.latest_at),
        millis_not_before(d.next_at),
        d.state.as_str(),
        d.reason,
        row.hold,
        d.tries,
        d.fence,
        d.ticket,
        receipt.and_then(|r| r.platform_id.as_deref()),
        receipt.and_then(|r| r.url.as_deref()),
        receipt.map(|r| millis(r.published_at)),
        receipt.map(|r| word(&r.by)).transpose()?,
        row.resume_call,
        row.doubt.map(|d| millis(d.since)),
        row.doubt.map_or(0, |d| d.looks),
        row.worker,
        row.lease_until.map(millis),
        millis(d.changed_at),
        row.row_version,
    ])?;
    if changed == 1 { Ok(()) } else { Err(impossible(&d.id, "the row that was read", "a newer one")) }
}

/// Adds a delivery that nobody has touched yet.
pub(super) fn insert(c: &Connection, d: &Delivery, made: &Audit) -> Result<(), StoreError> {
    const SQL: &str = "INSERT INTO deliveries (id, item, account, platform, kind, origin, hops, route, item_hash,
            payload_hash, revision, created_at, due_at, latest_at, next_at, state, reason, tries, fence, changed_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, 'due', ?16, 0, 0, ?12)";
    if d.state != DeliveryState::Due {
        return Err(impossible(&d.id, "nothing", d.state.as_str()));
    }
    let origin = match &d.kind {
        DeliveryKind::Publish => None,
        DeliveryKind::Forward { origin, .. } => Some(origin.as_str()),
    };
    c.prepare_cached(SQL)?.execute(params![
        d.id.as_str(),
        d.item.as_str(),
        d.account.as_str(),
        d.platform.as_str(),
        d.kind.as_str(),
        origin,
        d.kind.hops(),
        d.route.as_ref().map(AsRef::<str>::as_ref),
        d.item_hash.as_str(),
        d.payload_hash.as_str(),
        d.revision,
        millis(d.created_at),
        millis_not_before(d.due_at),
        millis(d.latest_at),
        millis_not_before(d.next_at),
        d.reason,
    ])?;
    queue::refresh(c, &d.account)?;
    let detail = json!({ "item": d.item.as_str(), "account": d.account.as_str(), "origin": origin });
    let subject = format!("delivery:{}", d.id);
    audit::append(c, &Audit { action: "delivery.made".into(), subject, detail, ..made.clone() })
}

/// Refuses a second delivery of an item on an account before the index would (P23).
pub(super) fn insert_new(c: &Connection, d: &Delivery, made: &Audit) -> Result<(), StoreError> {
    const SQL: &str = "SELECT 1 FROM deliveries WHERE item = ?1 AND account = ?2 AND state <> 'cancelled'";
    let there = rows::first(c, SQL, [d.item.as_str(), d.account.as_str()], |_| Ok(()))?.is_some();
    if there {
        let message = format!("item {} already has a delivery on account {}", d.item, d.account);
        return Err(StoreError::Refused(Refused::new("already_on_account", message)));
    }
    insert(c, d, made)
}

pub(super) fn get(c: &Connection, id: &DeliveryId) -> Result<Option<DeliveryRow>, StoreError> {
    let sql = format!("SELECT {DELIVERY} FROM deliveries WHERE id = ?1");
    rows::first(c, &sql, [id.as_str()], rows::delivery)
}

pub(super) fn require(c: &Connection, id: &DeliveryId) -> Result<DeliveryRow, StoreError> {
    get(c, id)?.ok_or_else(|| StoreError::NotFound { what: "delivery", id: id.to_string() })
}

/// The delivery that this one forwards.
pub(super) fn origin_of(c: &Connection, delivery: &Delivery) -> Result<Option<Delivery>, StoreError> {
    match &delivery.kind {
        DeliveryKind::Publish => Ok(None),
        DeliveryKind::Forward { origin, .. } => Ok(Some(require(c, origin)?.delivery)),
    }
}

/// In the order they were made.
pub(super) fn of_item(c: &Connection, item: &ItemId) -> Result<Vec<DeliveryRow>, StoreError> {
    let sql = format!("SELECT {DELIVERY} FROM deliveries WHERE item = ?1 ORDER BY rowid");
    rows::collect(c, &sql, [item.as_str()], rows::delivery)
}

/// Accounts that have, or had, the item.
pub(super) fn accounts_of(c: &Connection, item: &ItemId) -> Result<BTreeSet<AccountId>, StoreError> {
    let sql = "SELECT account FROM deliveries WHERE item = ?1";
    Ok(rows::collect(c, sql, [item.as_str()], |f: &mut Fields<'_>| f.id())?.into_iter().collect())
}

pub(super) fn record(c: &Connection, id: &DeliveryId) -> Result<Option<DeliveryRecord>, StoreError> {
    let Some(row) = get(c, id)? else { return Ok(None) };
    let effects = format!("SELECT {EFFECT} FROM effects WHERE delivery = ?1 ORDER BY id");
    let late = format!("SELECT {LATE_NEWS} FROM late_news WHERE delivery = ?1 ORDER BY id");
    Ok(Some(DeliveryRecord {
        attempts: attempts::of(c, id)?,
        effects: rows::collect(c, &effects, [id.as_str()], rows::effect)?,
        late: rows::collect(c, &late, [id.as_str()], rows::late_news)?,
        doubt: row.doubt,
        forgotten_since: restored::since(c, id)?,
        row_version: row.row_version,
        delivery: row.delivery,
    }))
}

pub(super) fn list(c: &Connection, filter: &DeliveryFilter) -> Result<Vec<Delivery>, StoreError> {
    let wanted = [
        ("state = ?", filter.state.map(DeliveryState::as_str)),
        ("account = ?", filter.account.as_ref().map(AccountId::as_str)),
        ("item = ?", filter.item.as_ref().map(ItemId::as_str)),
        ("id < ?", filter.before.as_ref().map(DeliveryId::as_str)),
    ];
    let (clause, mut values) = conditions(&wanted);
    values.push(&filter.most);
    let sql = format!("SELECT {DELIVERY} FROM deliveries {clause} ORDER BY id DESC LIMIT ?");
    let found = rows::collect(c, &sql, values.as_slice(), rows::delivery)?;
    Ok(found.into_iter().map(|row| row.delivery).collect())
}

/// A WHERE clause of the conditions that have a value, and the values.
pub(super) fn conditions<'a>(wanted: &'a [(&str, Option<&'a str>)]) -> (String, Vec<&'a dyn ToSql>) {
    let set = || wanted.iter().filter_map(|(sql, value)| value.as_ref().map(|value| (*sql, value)));
    let clause = set().map(|(sql, _)| sql).collect::<Vec<_>>().join(" AND ");
    let values = set().map(|(_, value)| value as &dyn ToSql).collect();
    (if clause.is_empty() { clause } else { format!("WHERE {clause}") }, values)
}

pub(super) fn to_look_at(c: &Connection, look: &Look) -> Result<Vec<Looked>, StoreError> {
    let sql = format!(
        "SELECT {DELIVERY} FROM deliveries WHERE state = ?1 AND next_at <= ?2 ORDER BY next_at, id LIMIT ?3"
    );
    let mut found = Vec::new();
    for state in &look.states {
        let values = params![state.as_str(), millis(look.now), look.most];
        found.extend(rows::collect(c, &sql, values, rows::delivery)?);
    }
    found.sort_by(|a, b| (a.delivery.next_at, &a.delivery.id).cmp(&(b.delivery.next_at, &b.delivery.id)));
    found.truncate(usize::try_from(look.most).unwrap_or(usize::MAX));
    let whole = |row: DeliveryRow| {
        let attempt = attempts::newest(c, &row.delivery.id)?;
        let began = attempt.as_ref().map_or(Ok(None), |attempt| effects::began_at(c, &attempt.call))?;
        let forgotten = restored::since(c, &row.delivery.id)?;
        Ok(Looked {
            began_at: began.into_iter().chain(forgotten).min(),
            attempt,
            item: items::require(c, &row.delivery.item)?.0,
            origin: origin_of(c, &row.delivery)?,
            doubt: row.doubt,
            delivery: row.delivery,
        })
    };
    found.into_iter().map(whole).collect()
}

pub(super) fn counts(c: &Connection, now: Timestamp) -> Result<Counts, StoreError> {
    const OVERDUE: &str = "SELECT min(next_at) FROM deliveries WHERE state = 'due'";
    const IN_DOUBT: &str = "SELECT min(doubt_since) FROM deliveries INDEXED BY deliveries_in_doubt
         WHERE state = 'in_doubt'";
    let seconds = |sql| -> Result<i64, StoreError> {
        let since: Option<i64> = rows::first(c, sql, [], |f: &mut Fields<'_>| f.get())?.flatten();
        Ok(since.map_or(0, |since| (millis(now).saturating_sub(since)).max(0) / 1000))
    };
    Ok(Counts {
        items: tally(c, "item")?,
        deliveries: tally(c, "delivery")?,
        overdue_seconds: seconds(OVERDUE)?,
        in_doubt_seconds: seconds(IN_DOUBT)?,
    })
}

fn tally(c: &Connection, what: &str) -> Result<BTreeMap<String, u64>, StoreError> {
    let sql = "SELECT state, n FROM tallies WHERE what = ?1 AND n > 0";
    let read = |f: &mut Fields<'_>| Ok((f.get()?, f.get::<i64>()?.unsigned_abs()));
    Ok(rows::collect(c, sql, [what], read)?.into_iter().collect())
}

pub(super) fn impossible(id: &DeliveryId, from: &str, to: &str) -> StoreError {
    StoreError::Impossible { what: "delivery", id: id.to_string(), from: from.into(), to: to.into() }
}

//! Deliveries: reading them, and [`save`], the one function through which every change of one goes.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use juzhen_domain::caps::later;
use juzhen_domain::delivery::{Delivery, DeliveryKind};
use juzhen_domain::id::{AccountId, DeliveryId, ItemId};
use juzhen_domain::notice;
use juzhen_domain::state::DeliveryState;
use serde_json::json;

use super::attempts::{self, Ending};
use super::rows::{self, DELIVERY, DeliveryRow, EFFECT, Fields, LATE_NEWS, millis, millis_not_before, word};
use super::{ToValue, Transaction, audit, effects, items, notices, once, params, queue, restored, settle};
use crate::api::{DeliveryChanger, Follow};
use crate::error::{Refused, StoreError};
use crate::values::{
    Audit, Counts, DeliveryChange, DeliveryFilter, DeliveryRecord, Doubt, Look, Looked, Once,
};

/// Lets a pure function decide on one delivery.
pub(crate) fn change(
    c: &Transaction<'_>,
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
    let delivery = apply(c, &before, &wanted)?;
    if before.delivery.state != wanted.state && wanted.state == DeliveryState::Published {
        settle::forward(c, &delivery, follow, &wanted.audit)?;
    }
    c.will_follow(&before.delivery.item, wanted.audit.at);
    once::remember(c, id.as_str(), asked)?;
    Ok(delivery)
}

/// Writes what a person wants of a delivery.
pub(super) fn apply(
    c: &Transaction<'_>,
    before: &DeliveryRow,
    change: &DeliveryChange,
) -> Result<Delivery, StoreError> {
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

/// Writes a delivery: only a move that the domain allows, with its audit row, and the queue kept right. The delivery as it
/// would be read now.
pub(super) fn save(
    c: &Transaction<'_>,
    before: &DeliveryRow,
    mut after: DeliveryRow,
    audit: Option<&Audit>,
    at: Timestamp,
) -> Result<Delivery, StoreError> {
    let (from, to) = (before.delivery.state, after.delivery.state);
    if from != to && !from.may_become(to) {
        return Err(impossible(&before.delivery.id, from.as_str(), to.as_str()));
    }
    let is_under_way = to.is_under_way();
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
    match (from.is_under_way(), is_under_way) {
        // The account waited for this one, and still does.
        (true, true) => {}
        (false, true) => queue::takes_place(c, &after.delivery.account)?,
        _ => queue::refresh(c, &after.delivery.account)?,
    }
    match audit {
        Some(audit) => {
            c.will_audit(audit.clone());
            tell(c, from, &after.delivery, audit)?;
        }
        None if from == to => {}
        None => {
            return Err(impossible(&after.delivery.id, from.as_str(), "another state without an audit row"));
        }
    }
    Ok(rows::as_read(after))
}

/// What waits for people is told by the very transaction that makes it wait; what they did themselves they know.
fn tell(
    c: &Transaction<'_>,
    from: DeliveryState,
    delivery: &Delivery,
    audit: &Audit,
) -> Result<(), StoreError> {
    if audit.actor != audit::DAEMON || from == delivery.state {
        return Ok(());
    }
    let Some(draft) = notice::of_delivery(delivery) else { return Ok(()) };
    let detail = json!({
        "delivery": delivery.id.as_str(),
        "item": delivery.item.as_str(),
        "account": delivery.account.as_str(),
        "due_at": delivery.due_at,
        "reason": delivery.reason,
    });
    notices::add(c, &draft, &detail, audit.at).map(|_| ())
}

fn update(c: &Transaction<'_>, row: &DeliveryRow) -> Result<(), StoreError> {
    const SQL: &str = "UPDATE deliveries SET due_at = ?2, latest_at = ?3, next_at = ?4, state = ?5, reason = ?6,
            hold = ?7, tries = ?8, fence = ?9, ticket = ?10, receipt_id = ?11, receipt_url = ?12, receipt_at = ?13,
            receipt_by = ?14, resume_call = ?15, doubt_since = ?16, looks = ?17, worker = ?18, lease_until = ?19,
            changed_at = ?20, row_version = row_version + 1
         WHERE id = ?1 AND row_version = ?21";
    let d = &row.delivery;
    let receipt = d.receipt.as_ref();
    let changed = c.execute(
        SQL,
        params![
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
        ],
    )?;
    if changed == 1 { Ok(()) } else { Err(impossible(&d.id, "the row that was read", "a newer one")) }
}

/// Adds a delivery that nobody has touched yet.
pub(super) fn insert(c: &Transaction<'_>, d: &Delivery, made: &Audit) -> Result<(), StoreError> {
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
    c.execute(
        SQL,
        params![
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
        ],
    )?;
    queue::refresh(c, &d.account)?;
    let detail = json!({ "item": d.item.as_str(), "account": d.account.as_str(), "origin": origin });
    let subject = format!("delivery:{}", d.id);
    c.will_audit(Audit { action: "delivery.made".into(), subject, detail, ..made.clone() });
    Ok(())
}

/// Refuses a second delivery of an item on an account before the index would (P23).
pub(super) fn insert_new(c: &Transaction<'_>, d: &Delivery, made: &Audit) -> Result<(), StoreError> {
    const SQL: &str = "SELECT 1 FROM deliveries WHERE item = ?1 AND account = ?2 AND state <> 'cancelled'";
    let there = c.first(SQL, params![d.item.as_str(), d.account.as_str()], |_| Ok(()))?.is_some();
    if there {
        let message = format!("item {} already has a delivery on account {}", d.item, d.account);
        return Err(StoreError::Refused(Refused::new("already_on_account", message)));
    }
    insert(c, d, made)
}

pub(super) fn get(c: &Transaction<'_>, id: &DeliveryId) -> Result<Option<DeliveryRow>, StoreError> {
    let sql = format!("SELECT {DELIVERY} FROM deliveries WHERE id = ?1");
    c.first(&sql, params![id.as_str()], rows::delivery)
}

pub(super) fn require(c: &Transaction<'_>, id: &DeliveryId) -> Result<DeliveryRow, StoreError> {
    get(c, id)?.ok_or_else(|| StoreError::NotFound { what: "delivery", id: id.to_string() })
}

/// The delivery that this one forwards.
pub(super) fn origin_of(c: &Transaction<'_>, delivery: &Delivery) -> Result<Option<Delivery>, StoreError> {
    match &delivery.kind {
        DeliveryKind::Publish => Ok(None),
        DeliveryKind::Forward { origin, .. } => Ok(Some(require(c, origin)?.delivery)),
    }
}

/// In the order they were made.
pub(super) fn of_item(c: &Transaction<'_>, item: &ItemId) -> Result<Vec<DeliveryRow>, StoreError> {
    let sql = format!("SELECT {DELIVERY} FROM deliveries WHERE item = ?1 ORDER BY rowid");
    c.collect(&sql, params![item.as_str()], rows::delivery)
}

/// Accounts that have, or had, the item.
pub(super) fn accounts_of(c: &Transaction<'_>, item: &ItemId) -> Result<BTreeSet<AccountId>, StoreError> {
    let sql = "SELECT account FROM deliveries WHERE item = ?1";
    Ok(c.collect(sql, params![item.as_str()], |f: &mut Fields<'_>| f.id())?.into_iter().collect())
}

pub(crate) fn record(c: &Transaction<'_>, id: &DeliveryId) -> Result<Option<DeliveryRecord>, StoreError> {
    let Some(row) = get(c, id)? else { return Ok(None) };
    let effects = format!("SELECT {EFFECT} FROM effects WHERE delivery = ?1 ORDER BY id");
    let late = format!("SELECT {LATE_NEWS} FROM late_news WHERE delivery = ?1 ORDER BY id");
    Ok(Some(DeliveryRecord {
        attempts: attempts::of(c, id)?,
        effects: c.collect(&effects, params![id.as_str()], rows::effect)?,
        late: c.collect(&late, params![id.as_str()], rows::late_news)?,
        doubt: row.doubt,
        forgotten_since: restored::since(c, id)?,
        row_version: row.row_version,
        delivery: row.delivery,
    }))
}

pub(crate) fn list(c: &Transaction<'_>, filter: &DeliveryFilter) -> Result<Vec<Delivery>, StoreError> {
    let wanted = [
        ("state =", filter.state.map(DeliveryState::as_str)),
        ("account =", filter.account.as_ref().map(AccountId::as_str)),
        ("item =", filter.item.as_ref().map(ItemId::as_str)),
        ("id <", filter.before.as_ref().map(DeliveryId::as_str)),
    ];
    let (mut clause, values) = conditions(&wanted, &filter.most);
    if filter.state.is_some_and(|state| !state.is_under_way()) {
        clause.push_str(NOT_UNDER_WAY);
    }
    let sql = format!("SELECT {DELIVERY} FROM deliveries {clause} ORDER BY id DESC LIMIT ?1");
    let found = c.collect(&sql, &values, rows::delivery)?;
    Ok(found.into_iter().map(|row| row.delivery).collect())
}

/// Those of these posts that are the receipt of a delivery on the account.
pub(crate) fn receipts_among(
    c: &Transaction<'_>,
    account: &AccountId,
    posts: Vec<String>,
) -> Result<BTreeSet<String>, StoreError> {
    let mut taken = BTreeSet::new();
    for post in posts {
        if is_receipt(c, account, &post)? {
            taken.insert(post);
        }
    }
    Ok(taken)
}

pub(super) fn is_receipt(c: &Transaction<'_>, account: &AccountId, post: &str) -> Result<bool, StoreError> {
    const SQL: &str = "SELECT 1 FROM deliveries WHERE account = ?1 AND receipt_id = ?2";
    Ok(c.first(SQL, params![account.as_str(), post], |_| Ok(()))?.is_some())
}

/// After a condition on other states: by these very words SQLite sees that `deliveries_listed` has all of them.
pub(super) const NOT_UNDER_WAY: &str = " AND state <> 'claimed' AND state <> 'sending'";

/// A WHERE clause of the conditions that have a value, and the values, of which the first is the limit.
pub(super) fn conditions<'a>(
    wanted: &'a [(&str, Option<&'a str>)],
    most: &'a u32,
) -> (String, Vec<&'a dyn ToValue>) {
    let mut values: Vec<&dyn ToValue> = vec![most];
    let mut clause = String::new();
    for (condition, value) in wanted {
        let Some(value) = value else { continue };
        values.push(value);
        let word = if clause.is_empty() { "WHERE" } else { " AND" };
        clause.push_str(&format!("{word} {condition} ?{}", values.len()));
    }
    (clause, values)
}

/// No look is put off for longer: whatever is, was put off by a clock that ran ahead (P14).
const LONGEST_PAUSE: SignedDuration = SignedDuration::from_hours(6);

pub(crate) fn to_look_at(c: &Transaction<'_>, look: &Look) -> Result<Vec<Looked>, StoreError> {
    let sql = format!(
        "SELECT {DELIVERY} FROM deliveries INDEXED BY deliveries_by_state
         WHERE state = ?1 AND {WAITS} AND (next_at <= ?2 OR next_at > ?4)
         ORDER BY next_at, id LIMIT ?3"
    );
    let too_far = later(look.now, LONGEST_PAUSE);
    let mut found = Vec::new();
    for state in &look.states {
        let values = params![state.as_str(), millis(look.now), look.most, millis(too_far)];
        found.extend(c.collect(&sql, values, rows::delivery)?);
    }
    found.sort_by(|a, b| (a.delivery.next_at, &a.delivery.id).cmp(&(b.delivery.next_at, &b.delivery.id)));
    found.truncate(usize::try_from(look.most).unwrap_or(usize::MAX));
    found.into_iter().map(|row| looked(c, row)).collect()
}

/// With what a look at the account needs.
pub(super) fn looked(c: &Transaction<'_>, row: DeliveryRow) -> Result<Looked, StoreError> {
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
}

/// By these very words SQLite sees that `deliveries_by_state` has all of a state.
pub(super) const WAITS: &str = "state <> 'claimed' AND state <> 'sending' AND state <> 'published'";

pub(crate) fn counts(c: &Transaction<'_>, now: Timestamp) -> Result<Counts, StoreError> {
    const OVERDUE: &str = "SELECT min(next_at) FROM deliveries INDEXED BY deliveries_by_state
         WHERE state = 'due' AND state <> 'claimed' AND state <> 'sending' AND state <> 'published'";
    const IN_DOUBT: &str = "SELECT min(doubt_since) FROM deliveries INDEXED BY deliveries_in_doubt
         WHERE state = 'in_doubt'";
    let seconds = |sql| -> Result<i64, StoreError> {
        let since: Option<i64> = c.first(sql, params![], |f: &mut Fields<'_>| f.get())?.flatten();
        Ok(since.map_or(0, |since| (millis(now).saturating_sub(since)).max(0) / 1000))
    };
    Ok(Counts {
        items: tally(c, "item")?,
        deliveries: tally(c, "delivery")?,
        overdue_seconds: seconds(OVERDUE)?,
        in_doubt_seconds: seconds(IN_DOUBT)?,
    })
}

fn tally(c: &Transaction<'_>, what: &str) -> Result<BTreeMap<String, u64>, StoreError> {
    let sql = "SELECT state, n FROM tallies WHERE what = ?1 AND n > 0";
    let read = |f: &mut Fields<'_>| Ok((f.get()?, f.get::<i64>()?.unsigned_abs()));
    Ok(c.collect(sql, params![what], read)?.into_iter().collect())
}

pub(super) fn impossible(id: &DeliveryId, from: &str, to: &str) -> StoreError {
    StoreError::Impossible { what: "delivery", id: id.to_string(), from: from.into(), to: to.into() }
}

//! Items: keeping, changing, and following what their deliveries make of them.

use jiff::Timestamp;
use juzhen_domain::hash::ContentHash;
use juzhen_domain::id::{ItemId, UnitCode};
use juzhen_domain::item::{Content, Item};
use juzhen_domain::matrix::Role;
use juzhen_domain::review::Decision;
use juzhen_domain::state::{DeliveryState, ItemState};
use serde::Serialize;
use serde_json::json;

use super::rows::{self, DECISION, Fields, ITEM, millis, word};
use super::{Transaction, audit, delegations, deliveries, notices, once, params, register, stages, versions};
use crate::api::ItemChanger;
use crate::error::{Refused, StoreError, failed};
use crate::values::{Audit, ItemChange, ItemFilter, ItemRecord, Once, Submitted};

pub(crate) fn submit(
    c: &Transaction<'_>,
    item: &Item,
    audit: &Audit,
    asked: Option<&Once>,
) -> Result<Submitted, StoreError> {
    const SQL: &str =
        "INSERT INTO items (id, unit, author, column_id, procedure, chain, content, hash, version,
            state, submitted_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";
    if let Some(first) = once::answered_before(c, asked)? {
        return Ok(Submitted::Again(require_record(c, &ItemId::new(first))?));
    }
    check_hash(&item.content, &item.hash)?;
    c.execute(
        SQL,
        params![
            item.id.as_str(),
            item.unit.as_str(),
            item.author.as_str(),
            item.column.as_ref().map(AsRef::<str>::as_ref),
            word(&item.procedure)?,
            json_text(&item.chain)?,
            json_text(&item.content)?,
            item.hash.as_str(),
            item.version,
            item.state.as_str(),
            millis(item.submitted_at)
        ],
    )?;
    stages::note(c, &item.id, &item.content)?;
    versions::keep(c, &item.id, audit)?;
    once::remember(c, item.id.as_str(), asked)?;
    c.will_audit(audit.clone());
    Ok(Submitted::New(require_record(c, &item.id)?))
}

/// Lets a pure function decide on an item and writes all that follows.
pub(crate) fn change(
    c: &Transaction<'_>,
    id: &ItemId,
    change: &ItemChanger,
    asked: Option<&Once>,
) -> Result<ItemRecord, StoreError> {
    if once::answered_before(c, asked)?.is_some() {
        return require_record(c, id);
    }
    let before = require_record(c, id)?;
    let wanted = change(&before).map_err(StoreError::Refused)?;
    write(c, &before, &wanted)?;
    once::remember(c, id.as_str(), asked)?;
    require_record(c, id)
}

fn write(c: &Transaction<'_>, before: &ItemRecord, wanted: &ItemChange) -> Result<(), StoreError> {
    let id = &before.item.id;
    let (from, to) = (before.item.state, wanted.state);
    if from != to && !from.may_become(to) {
        return Err(impossible(id, from.as_str(), to.as_str()));
    }
    match &wanted.content {
        None => set_state(c, id, to)?,
        Some((content, hash)) => {
            set_content(c, id, to, content, hash)?;
            stages::note(c, id, content)?;
        }
    }
    write_filing(c, before, wanted)?;
    for (number, decision) in (before.decisions.len()..).zip(wanted.decision.iter().chain(&wanted.carried)) {
        decide(c, id, number, decision)?;
    }
    if let Some(series) = &wanted.register {
        register::enter(c, id, series, wanted.audit.at)?;
    }
    for notice in &wanted.notices {
        notices::add(c, notice, &json!({}), wanted.audit.at)?;
    }
    c.will_audit(wanted.audit.clone());
    for (delivery, change) in &wanted.deliveries {
        let row = deliveries::require(c, delivery)?;
        if row.delivery.item != *id {
            return Err(StoreError::NotFound { what: "delivery of this item", id: delivery.to_string() });
        }
        deliveries::apply(c, &row, change)?;
    }
    for delivery in &wanted.new_deliveries {
        if delivery.item != *id {
            return Err(StoreError::NotFound { what: "delivery of this item", id: delivery.id.to_string() });
        }
        deliveries::insert_new(c, delivery, &wanted.audit)?;
    }
    follow(c, id, wanted.audit.at)
}

/// Where the item belongs, and what it was.
fn write_filing(c: &Transaction<'_>, before: &ItemRecord, wanted: &ItemChange) -> Result<(), StoreError> {
    const PROCEDURE: &str = "UPDATE items SET procedure = ?2, chain = ?3 WHERE id = ?1";
    const HANDED_IN: &str = "UPDATE items SET submitted_at = ?2 WHERE id = ?1";
    const MERGED: &str = "UPDATE items SET merged_into = ?2 WHERE id = ?1";
    let id = &before.item.id;
    if let Some((procedure, chain)) = &wanted.procedure {
        c.execute(PROCEDURE, params![id.as_str(), word(procedure)?, json_text(chain)?])?;
    }
    // A draft is as old as its first handing in; what was returned stays as old as it is.
    if wanted.handed_in && before.item.state == ItemState::Draft {
        c.execute(HANDED_IN, params![id.as_str(), millis(wanted.audit.at)])?;
    }
    if let Some(into) = &wanted.merged_into {
        require_open(c, into)?;
        c.execute(MERGED, params![id.as_str(), into.as_str()])?;
    }
    if wanted.handed_in || wanted.content.is_some() {
        versions::keep(c, id, &wanted.audit)?;
    }
    Ok(())
}

/// Two items that are merged into each other would both be gone.
fn require_open(c: &Transaction<'_>, id: &ItemId) -> Result<(), StoreError> {
    const SQL: &str = "SELECT state FROM items WHERE id = ?1 /*+ FOR UPDATE */";
    let state = c.first(SQL, params![id.as_str()], |f: &mut Fields<'_>| f.item_state())?;
    match state {
        None => Err(StoreError::NotFound { what: "item", id: id.to_string() }),
        Some(state) if state.next().is_empty() => {
            let message = format!("item {id} is {state}: nothing can be merged into it");
            Err(StoreError::Refused(Refused::new("no_target", message)))
        }
        Some(_) => Ok(()),
    }
}

/// From the moment it is scheduled an item is what its deliveries make of it. A state that its own machine does not
/// allow (refused ones cancelled beside missed ones) leaves it where it is, which is as true.
pub(super) fn follow(c: &Transaction<'_>, id: &ItemId, at: Timestamp) -> Result<(), StoreError> {
    const STATE: &str = "SELECT state FROM items WHERE id = ?1 /*+ FOR UPDATE */";
    const DELIVERIES: &str = "SELECT state FROM deliveries WHERE item = ?1";
    let now = c
        .first(STATE, params![id.as_str()], |f: &mut Fields<'_>| f.item_state())?
        .ok_or_else(|| StoreError::NotFound { what: "item", id: id.to_string() })?;
    if !is_released(now) {
        return Ok(());
    }
    let states: Vec<DeliveryState> =
        c.collect(DELIVERIES, params![id.as_str()], |f: &mut Fields<'_>| f.state())?;
    if states.is_empty() {
        return Ok(());
    }
    // All cancelled: the office has taken it off the plan, and may plan it anew.
    let wanted = ItemState::of_deliveries(&states).unwrap_or(ItemState::Approved);
    if wanted == now || !now.may_become(wanted) {
        return Ok(());
    }
    set_state(c, id, wanted)?;
    let detail = json!({ "from": now.as_str() });
    c.will_audit(audit::daemon(format!("item.{wanted}"), format!("item:{id}"), detail, at));
    Ok(())
}

/// Scheduled or later, and not taken back: only such an item's deliveries may send.
pub(super) fn is_released(state: ItemState) -> bool {
    use ItemState as S;
    matches!(state, S::Scheduled | S::Publishing | S::Published | S::PublishFailed | S::Expired | S::Held)
}

pub(crate) fn record(c: &Transaction<'_>, id: &ItemId) -> Result<Option<ItemRecord>, StoreError> {
    let Some((item, row_version)) = get(c, id)? else { return Ok(None) };
    let decisions = decisions(c, id)?;
    let deliveries = deliveries::of_item(c, id)?.into_iter().map(|row| row.delivery).collect();
    let delegations = delegations::open_after(c, item.submitted_at)?;
    let (register_no, merged_into) = beside(c, id)?;
    let earlier = stages::earlier(c, id, &item.content)?;
    Ok(Some(ItemRecord {
        item,
        decisions,
        deliveries,
        delegations,
        row_version,
        register_no,
        merged_into,
        earlier,
    }))
}

fn beside(c: &Transaction<'_>, id: &ItemId) -> Result<(Option<String>, Option<ItemId>), StoreError> {
    const SQL: &str = "SELECT register_no, merged_into FROM items WHERE id = ?1";
    let found = c.first(SQL, params![id.as_str()], |f: &mut Fields<'_>| Ok((f.get()?, f.optional_id()?)))?;
    Ok(found.unwrap_or_default())
}

/// Oldest first.
pub(super) fn decisions(c: &Transaction<'_>, id: &ItemId) -> Result<Vec<Decision>, StoreError> {
    let sql = format!("SELECT {DECISION} FROM decisions WHERE item = ?1 ORDER BY number");
    c.collect(&sql, params![id.as_str()], rows::decision)
}

pub(super) fn require(c: &Transaction<'_>, id: &ItemId) -> Result<(Item, i64), StoreError> {
    get(c, id)?.ok_or_else(|| StoreError::NotFound { what: "item", id: id.to_string() })
}

/// What a claim rests on; without the content, which may be long.
pub(super) fn state_and_hash(
    c: &Transaction<'_>,
    id: &ItemId,
) -> Result<(ItemState, ContentHash), StoreError> {
    const SQL: &str = "SELECT state, hash FROM items WHERE id = ?1";
    let read = |f: &mut Fields<'_>| Ok((f.item_state()?, f.hash()?));
    let found = c.first(SQL, params![id.as_str()], read)?;
    found.ok_or_else(|| StoreError::NotFound { what: "item", id: id.to_string() })
}

fn require_record(c: &Transaction<'_>, id: &ItemId) -> Result<ItemRecord, StoreError> {
    record(c, id)?.ok_or_else(|| StoreError::NotFound { what: "item", id: id.to_string() })
}

fn get(c: &Transaction<'_>, id: &ItemId) -> Result<Option<(Item, i64)>, StoreError> {
    let sql = format!("SELECT {ITEM} FROM items WHERE id = ?1");
    c.first(&sql, params![id.as_str()], rows::item)
}

pub(crate) fn list(c: &Transaction<'_>, filter: &ItemFilter) -> Result<Vec<Item>, StoreError> {
    let wanted = [
        ("state =", filter.state.map(ItemState::as_str)),
        ("unit =", filter.unit.as_ref().map(UnitCode::as_str)),
        ("id <", filter.before.as_ref().map(ItemId::as_str)),
    ];
    let (clause, values) = deliveries::conditions(&wanted, &filter.most);
    let sql = format!("SELECT {ITEM} FROM items {clause} ORDER BY id DESC LIMIT ?1");
    let found = c.collect(&sql, &values, rows::item)?;
    Ok(found.into_iter().map(|(item, _)| item).collect())
}

fn set_state(c: &Transaction<'_>, id: &ItemId, state: ItemState) -> Result<(), StoreError> {
    const SQL: &str = "UPDATE items SET state = ?2, row_version = row_version + 1 WHERE id = ?1";
    c.execute(SQL, params![id.as_str(), state.as_str()])?;
    Ok(())
}

fn set_content(
    c: &Transaction<'_>,
    id: &ItemId,
    state: ItemState,
    content: &Content,
    hash: &ContentHash,
) -> Result<(), StoreError> {
    const SQL: &str = "UPDATE items SET state = ?2, content = ?3, hash = ?4, version = version + 1,
            row_version = row_version + 1 WHERE id = ?1";
    check_hash(content, hash)?;
    let text = json_text(content)?;
    c.execute(SQL, params![id.as_str(), state.as_str(), &text, hash.as_str()])?;
    Ok(())
}

fn decide(c: &Transaction<'_>, id: &ItemId, before: usize, decision: &Decision) -> Result<(), StoreError> {
    const SQL: &str =
        "INSERT INTO decisions (item, number, person, step, role, delegation, on_behalf_of, verdict,
            hash, reason, record, at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)";
    let behalf = decision.behalf.as_ref();
    c.execute(
        SQL,
        params![
            id.as_str(),
            i64::try_from(before).unwrap_or(i64::MAX).saturating_add(1),
            decision.person.as_str(),
            decision.step.as_str(),
            decision.role.map(Role::as_str),
            behalf.map(|behalf| behalf.delegation.as_str()),
            behalf.and_then(|behalf| behalf.of.as_ref()).map(AsRef::<str>::as_ref),
            word(&decision.verdict)?,
            decision.hash.as_str(),
            decision.reason,
            json_text(&decision.record)?,
            millis(decision.at)
        ],
    )?;
    Ok(())
}

/// An approval is bound to this hash, so it has to be that of these bytes (P2).
fn check_hash(content: &Content, hash: &ContentHash) -> Result<(), StoreError> {
    if content.hash() == *hash {
        return Ok(());
    }
    Err(StoreError::Refused(Refused::new("wrong_hash", "the hash is not that of the content")))
}

fn json_text(value: &impl Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|e| failed("write a part of the item", e.to_string()))
}

fn impossible(id: &ItemId, from: &str, to: &str) -> StoreError {
    StoreError::Impossible { what: "item", id: id.to_string(), from: from.into(), to: to.into() }
}

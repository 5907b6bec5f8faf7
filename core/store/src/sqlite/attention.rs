//! What waits for a person, or for a cause to go: one page of it, and how much there is for which reason.

use std::collections::BTreeMap;

use juzhen_domain::id::{AccountId, DeliveryId, ItemId};
use juzhen_domain::reason::Why;
use juzhen_domain::state::DeliveryState;
use rusqlite::{Connection, ToSql};

use super::deliveries::conditions;
use super::rows::{self, DELIVERY, Fields};
use crate::error::StoreError;
use crate::values::{Attention, AttentionFilter, Waiting};

/// Only so many are counted, the rest is more of the same: the page has to come at once, also after a bad night.
const MOST_COUNTED: u32 = 20_000;

pub(super) fn list(c: &Connection, filter: &AttentionFilter) -> Result<Attention, StoreError> {
    let wanted = [
        ("account = ?", filter.account.as_ref().map(AccountId::as_str)),
        ("item = ?", filter.item.as_ref().map(ItemId::as_str)),
    ];
    let (clause, mut values) = conditions(&wanted);
    let states: Vec<String> = filter.states.iter().map(|state| format!("'{state}'")).collect();
    let word = if clause.is_empty() { "WHERE" } else { "AND" };
    let clause = format!("{clause} {word} state IN ({})", states.join(", "));
    let counts = counts(c, &clause, &values)?;
    let after = filter.after.as_ref().map(DeliveryId::as_str);
    let later = match &after {
        None => "",
        Some(after) => {
            values.push(after);
            "AND (due_at, id) > (SELECT due_at, id FROM deliveries WHERE id = ?)"
        }
    };
    values.push(&filter.most);
    let sql = format!("SELECT {DELIVERY} FROM deliveries {clause} {later} ORDER BY due_at, id LIMIT ?");
    let found = rows::collect(c, &sql, values.as_slice(), rows::delivery)?;
    Ok(Attention { deliveries: found.into_iter().map(|row| row.delivery).collect(), counts })
}

fn counts(c: &Connection, clause: &str, values: &[&dyn ToSql]) -> Result<Vec<Waiting>, StoreError> {
    let sql = format!("SELECT state, reason FROM deliveries {clause} LIMIT ?");
    let values: Vec<&dyn ToSql> = values.iter().copied().chain([&MOST_COUNTED as &dyn ToSql]).collect();
    let read = |f: &mut Fields<'_>| {
        let (state, reason): (_, Option<String>) = (f.state()?, f.get()?);
        Ok((state, reason.and_then(|reason| Why::parse(reason.split(':').next()?))))
    };
    let mut counted: BTreeMap<(DeliveryState, Option<Why>), u64> = BTreeMap::new();
    for kind in rows::collect(c, &sql, values.as_slice(), read)? {
        *counted.entry(kind).or_default() += 1;
    }
    let of = |((state, why), deliveries): ((_, Option<Why>), u64)| Waiting {
        state,
        word: why.map(|why| why.as_str().to_owned()),
        deliveries,
    };
    Ok(counted.into_iter().map(of).collect())
}

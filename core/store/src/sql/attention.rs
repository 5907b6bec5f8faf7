//! What waits for a person, or for a cause to go: one page of it, and how much there is for which reason.

use std::collections::BTreeMap;

use juzhen_domain::id::{AccountId, DeliveryId, ItemId};
use juzhen_domain::reason::Why;
use juzhen_domain::state::DeliveryState;

use super::deliveries::{NOT_UNDER_WAY, conditions};
use super::rows::{self, DELIVERY, Fields};
use super::{ToValue, Transaction};
use crate::error::StoreError;
use crate::values::{Attention, AttentionFilter, Waiting};

/// Only so many are counted, the rest is more of the same: the page has to come at once, also after a bad night.
const MOST_COUNTED: u32 = 20_000;

pub(crate) fn list(c: &Transaction<'_>, filter: &AttentionFilter) -> Result<Attention, StoreError> {
    let wanted = [
        ("account =", filter.account.as_ref().map(AccountId::as_str)),
        ("item =", filter.item.as_ref().map(ItemId::as_str)),
    ];
    let (clause, mut values) = conditions(&wanted, &filter.most);
    let states: Vec<String> = filter.states.iter().map(|state| format!("'{state}'")).collect();
    let word = if clause.is_empty() { "WHERE" } else { " AND" };
    let mut clause = format!("{clause}{word} state IN ({})", states.join(", "));
    if !filter.states.iter().any(|state| state.is_under_way()) {
        clause.push_str(NOT_UNDER_WAY);
    }
    let counts = counts(c, &clause, &values)?;
    let after = filter.after.as_ref().map(DeliveryId::as_str);
    let mut later = String::new();
    if let Some(after) = &after {
        values.push(after);
        later =
            format!("AND (due_at, id) > (SELECT due_at, id FROM deliveries WHERE id = ?{})", values.len());
    }
    let sql = format!("SELECT {DELIVERY} FROM deliveries {clause} {later} ORDER BY due_at, id LIMIT ?1");
    let found = c.collect(&sql, &values, rows::delivery)?;
    Ok(Attention { deliveries: found.into_iter().map(|row| row.delivery).collect(), counts })
}

/// `values`: those of the clause, after a first one that is another limit.
fn counts(c: &Transaction<'_>, clause: &str, values: &[&dyn ToValue]) -> Result<Vec<Waiting>, StoreError> {
    let sql = format!("SELECT state, reason FROM deliveries {clause} LIMIT ?1");
    let values: Vec<&dyn ToValue> =
        std::iter::once(&MOST_COUNTED as &dyn ToValue).chain(values.iter().skip(1).copied()).collect();
    let read = |f: &mut Fields<'_>| {
        let (state, reason): (_, Option<String>) = (f.state()?, f.get()?);
        Ok((state, reason.and_then(|reason| Why::parse(reason.split(':').next()?))))
    };
    let mut counted: BTreeMap<(DeliveryState, Option<Why>), u64> = BTreeMap::new();
    for kind in c.collect(&sql, &values, read)? {
        *counted.entry(kind).or_default() += 1;
    }
    let of = |((state, why), deliveries): ((_, Option<Why>), u64)| Waiting {
        state,
        word: why.map(|why| why.as_str().to_owned()),
        deliveries,
    };
    Ok(counted.into_iter().map(of).collect())
}

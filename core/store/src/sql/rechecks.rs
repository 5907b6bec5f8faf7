//! What a platform has published and is asked about again: it can take it down after its own success (F63).

use jiff::Timestamp;
use juzhen_domain::delivery::Delivery;
use juzhen_domain::id::DeliveryId;
use juzhen_domain::outcome::recheck_after;
use juzhen_domain::state::DeliveryState;

use super::rows::{self, DELIVERY, millis};
use super::{Transaction, params};
use crate::error::StoreError;

/// Begins with what has a ticket, since only that can be asked about, and ends with what is no longer out.
pub(super) fn follow(c: &Transaction<'_>, after: &Delivery, now: Timestamp) -> Result<(), StoreError> {
    if after.ticket.is_none() {
        return Ok(());
    }
    match after.state {
        DeliveryState::Published => put_off(c, &after.id, recheck_after(now, now)),
        DeliveryState::RemovedByPlatform => put_off(c, &after.id, None),
        _ => Ok(()),
    }
}

pub(crate) fn due(c: &Transaction<'_>, now: Timestamp, most: u32) -> Result<Vec<Delivery>, StoreError> {
    let sql = format!(
        "SELECT {DELIVERY} FROM deliveries WHERE id IN
            (SELECT delivery FROM rechecks WHERE next_at <= ?1 ORDER BY next_at, delivery LIMIT ?2)
         ORDER BY id"
    );
    Ok(c.collect(&sql, params![millis(now), most], rows::delivery)?
        .into_iter()
        .map(|row| row.delivery)
        .collect())
}

pub(crate) fn put_off(
    c: &Transaction<'_>,
    delivery: &DeliveryId,
    next_at: Option<Timestamp>,
) -> Result<(), StoreError> {
    const AT: &str = "INSERT INTO rechecks (delivery, next_at) VALUES (?1, ?2)
         ON CONFLICT (delivery) DO UPDATE SET next_at = excluded.next_at";
    const NO_MORE: &str = "DELETE FROM rechecks WHERE delivery = ?1";
    match next_at {
        Some(next_at) => c.execute(AT, params![delivery.as_str(), millis(next_at)]).map(drop),
        None => c.execute(NO_MORE, params![delivery.as_str()]).map(drop),
    }
}

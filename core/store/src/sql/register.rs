//! The register: numbers without gaps, each given in the transaction that approves. A rolled back approval gives its number
//! back by never having taken it; two at a time wait for each other at the row of their year.

use jiff::Timestamp;
use juzhen_domain::id::ItemId;
use juzhen_domain::register::Series;

use super::rows::{Fields, millis};
use super::{Transaction, params};
use crate::error::{StoreError, failed};

/// Gives the item the next number of the series, unless it has one: a number is kept, whatever becomes of the item.
pub(super) fn enter(
    c: &Transaction<'_>,
    item: &ItemId,
    series: &Series,
    at: Timestamp,
) -> Result<(), StoreError> {
    const HAS: &str = "SELECT text FROM register WHERE item = ?1";
    const OPEN: &str = "INSERT INTO register_years (year, last) VALUES (?1, 0) ON CONFLICT (year) DO NOTHING";
    // Whoever comes second waits here until the first has committed, and then counts on from there.
    const TAKE: &str = "UPDATE register_years SET last = last + 1 WHERE year = ?1";
    const TAKEN: &str = "SELECT last FROM register_years WHERE year = ?1";
    const ENTER: &str = "INSERT INTO register (year, number, text, item, at) VALUES (?1, ?2, ?3, ?4, ?5)";
    const SHOW: &str = "UPDATE items SET register_no = ?2 WHERE id = ?1";
    let text = |f: &mut Fields<'_>| f.get::<String>();
    if c.first(HAS, params![item.as_str()], text)?.is_some() {
        return Ok(());
    }
    let year = i64::from(series.year);
    c.execute(OPEN, params![year])?;
    c.execute(TAKE, params![year])?;
    let taken = c.first(TAKEN, params![year], |f: &mut Fields<'_>| f.get::<i64>())?;
    let number = taken.ok_or_else(|| failed("take a number of the register", "its year is gone".into()))?;
    let text = series.number(number);
    c.execute(ENTER, params![year, number, &text, item.as_str(), millis(at)])?;
    c.execute(SHOW, params![item.as_str(), &text])?;
    Ok(())
}

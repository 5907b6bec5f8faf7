//! A transaction as the logic sees it: statements now, and at its end what belongs to all of it, in one fixed order.
//!
//! An item's state follows from its deliveries, and every change has its audit row. Both meet other transactions: the
//! deliveries of one item are on many accounts, and the audit is one chain. So they are only noted while the work runs,
//! and done in [`Transaction::finish`]: with several writers, the chain is then held as short as can be, and always taken
//! after everything else, which keeps two transactions from waiting for each other.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::ControlFlow;

use jiff::Timestamp;
use juzhen_domain::id::ItemId;

use super::rows::Fields;
use super::seam::{Hold, Sql, ToValue};
use super::{audit, items};
use crate::error::StoreError;
use crate::values::Audit;

pub struct Transaction<'c> {
    sql: &'c dyn Sql,
    /// Items whose deliveries have changed, and when.
    changed: RefCell<BTreeMap<ItemId, Timestamp>>,
    audit: RefCell<Vec<Audit>>,
}

impl<'c> Transaction<'c> {
    pub(crate) fn new(sql: &'c dyn Sql) -> Self {
        Self { sql, changed: RefCell::default(), audit: RefCell::default() }
    }

    /// The last statements of it: items follow their deliveries, then the audit rows are chained to those before. A change
    /// whose audit row cannot be written does not happen (F19).
    pub(crate) fn finish(&self) -> Result<(), StoreError> {
        for (item, at) in self.changed.take() {
            items::follow(self, &item, at)?;
        }
        audit::append_all(self, &self.audit.take())
    }

    /// At the end, the item becomes what its deliveries make of it.
    pub(super) fn will_follow(&self, item: &ItemId, at: Timestamp) {
        let mut changed = self.changed.borrow_mut();
        let latest = changed.entry(item.clone()).or_insert(at);
        *latest = at.max(*latest);
    }

    /// At the end, this row is added to the audit.
    pub(super) fn will_audit(&self, row: Audit) {
        self.audit.borrow_mut().push(row);
    }

    /// The database's time.
    pub(super) fn now(&self) -> Result<Timestamp, StoreError> {
        self.sql.now()
    }

    /// Whether each statement is a round trip.
    pub(super) fn is_far(&self) -> bool {
        self.sql.is_far()
    }

    /// Fails unless this process has the node's name now.
    pub(super) fn vouch(&self, node: &str) -> Result<(), StoreError> {
        self.sql.vouch(node)
    }

    /// Keeps other transactions away from it until the end.
    pub(super) fn hold(&self, what: Hold<'_>) -> Result<(), StoreError> {
        self.sql.hold(what)
    }

    /// How many rows the statement changed.
    pub(super) fn execute(&self, sql: &str, values: &[&dyn ToValue]) -> Result<u64, StoreError> {
        self.sql.execute(sql, values)
    }

    /// Reads every row.
    pub(super) fn collect<T>(
        &self,
        sql: &str,
        values: &[&dyn ToValue],
        read: impl Fn(&mut Fields<'_>) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, StoreError> {
        let mut found = Vec::new();
        self.sql.query(sql, values, &mut |row| {
            found.push(read(&mut Fields::new(row))?);
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(found)
    }

    /// Reads the first row, if there is one.
    pub(super) fn first<T>(
        &self,
        sql: &str,
        values: &[&dyn ToValue],
        read: impl Fn(&mut Fields<'_>) -> Result<T, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        let mut found = None;
        self.sql.query(sql, values, &mut |row| {
            found = Some(read(&mut Fields::new(row))?);
            Ok(ControlFlow::Break(()))
        })?;
        Ok(found)
    }
}

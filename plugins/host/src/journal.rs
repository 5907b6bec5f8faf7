//! What the host knows of one call, over all its runs: which effects left, which times were read, and what ended it.
//!
//! A run is one try inside an adapter's process; a crash is followed by a second one. The first [`Row`] of a request
//! serves all its repetitions, because the ledger answers those from its record.

use std::collections::HashMap;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use juzhen_abi::message::{HostError, HostErrorKind};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::call::{Effects, Noticed};
use crate::capabilities::renewal::Unrenewed;
use crate::outcome::Failure;
use crate::ports::EffectKind;

/// One per [`crate::Call`].
#[derive(Default)]
pub(crate) struct Journal {
    book: Mutex<Book>,
    changed: Notify,
    clock: Mutex<Vec<i64>>,
    unrenewed: Mutex<Option<Unrenewed>>,
    noticed: Mutex<Noticed>,
    halt: OnceLock<Failure>,
    halted: CancellationToken,
}

#[derive(Default)]
struct Book {
    run: u32,
    open: bool,
    /// How often each fingerprint was asked for in this run.
    asked: HashMap<String, u32>,
    rows: Vec<Row>,
}

struct Row {
    /// In which it was first asked for.
    run: u32,
    fingerprint: String,
    occurrence: u32,
    kind: EffectKind,
    stage: Stage,
    /// The adapter no longer waits for the answer.
    abandoned: bool,
    /// Another try of the same row may have left before this one.
    left_before: bool,
}

/// How far a request is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// The ledger has not answered yet; if the run ends now it will not leave.
    Waiting,
    /// The ledger wrote no row.
    Refused,
    /// It may be on its way, and nothing is known of it.
    Leaving,
    /// There is a row, and no byte has left.
    NothingLeft,
    /// The platform did it: a complete 2xx.
    Accepted,
    /// The platform did not do it: a complete 4xx, or a 2xx with a code that the request named as a no.
    Declined,
    /// It may have happened.
    Unclear,
}

/// Permission to ask the ledger for one request of one run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ticket {
    row: usize,
    run: u32,
    pub(crate) occurrence: u32,
}

impl Journal {
    /// A secret was to be renewed and was not.
    pub(crate) fn unrenewed(&self, why: Unrenewed) {
        *lock(&self.unrenewed) = Some(why);
    }

    pub(crate) fn renewed(&self) {
        *lock(&self.unrenewed) = None;
    }

    /// What became of the last renewal, if it came to nothing.
    pub(crate) fn renewal(&self) -> Option<Unrenewed> {
        lock(&self.unrenewed).clone()
    }

    /// What the latest request showed of the way to the platform.
    pub(crate) fn notice(&self, noticed: Noticed) {
        *lock(&self.noticed) = noticed;
    }

    pub(crate) fn noticed(&self) -> Noticed {
        lock(&self.noticed).clone()
    }

    /// Opens the next run. Requests still waiting in an earlier one can no longer leave.
    pub(crate) fn start_run(&self) {
        let mut book = lock(&self.book);
        book.run += 1;
        book.open = true;
        book.asked.clear();
    }

    /// Ends the run: what has not left by now never will.
    pub(crate) fn end_run(&self) {
        lock(&self.book).open = false;
    }

    /// Counts a request in. Must happen in the order in which the adapter asked, so that the occurrence is the same in
    /// a repeated run. One that is new in a repeated run ends the call while there is one of an earlier run that may have
    /// been the same: what it was made of, such as an upload that is not recorded, may have got another id.
    pub(crate) fn register(&self, fingerprint: &str, kind: &EffectKind) -> Result<Ticket, HostError> {
        let mut book = lock(&self.book);
        if !book.open {
            return Err(error(HostErrorKind::Cancelled, "the operation has ended"));
        }
        if *kind == EffectKind::Mutating && book.rows.iter().any(|row| row.forbids(fingerprint)) {
            let why = "an earlier request of this operation may have taken effect and has no clear answer; \
                       nothing more is sent that could repeat it";
            return Err(error(HostErrorKind::Denied, why));
        }
        let asked = book.asked.entry(fingerprint.to_owned()).or_default();
        let occurrence = *asked;
        *asked += 1;
        let known =
            book.rows.iter().position(|row| row.occurrence == occurrence && row.fingerprint == fingerprint);
        let row = known.unwrap_or(book.rows.len());
        if known.is_none()
            && let Some(passed_over) = book.passed_over(kind)
        {
            let why = format!(
                "an earlier run of this operation sent another request ({passed_over}), which this one has not asked for"
            );
            drop(book);
            self.halt(Failure::ReplayMismatch);
            return Err(error(HostErrorKind::ReplayMismatch, why));
        }
        if known.is_none() {
            let (run, fingerprint) = (book.run, fingerprint.to_owned());
            book.rows.push(Row {
                run,
                fingerprint,
                occurrence,
                kind: kind.clone(),
                stage: Stage::Waiting,
                abandoned: false,
                left_before: false,
            });
        }
        Ok(Ticket { row, run: book.run, occurrence })
    }

    /// Asked right before the first byte: is the run that wanted it still going on?
    pub(crate) fn may_leave(&self, ticket: Ticket) -> bool {
        let mut book = lock(&self.book);
        let current = book.open && book.run == ticket.run;
        if let Some(row) = book.rows.get_mut(ticket.row) {
            if current {
                row.left_before = row.stage.may_have_left();
                row.stage = Stage::Leaving;
            } else if row.stage == Stage::Waiting {
                row.stage = Stage::NothingLeft;
            }
        }
        drop(book);
        self.changed.notify_waiters();
        current
    }

    pub(crate) fn settle(&self, ticket: Ticket, stage: Stage) {
        if let Some(row) = lock(&self.book).rows.get_mut(ticket.row) {
            row.settle(stage);
        }
        self.changed.notify_waiters();
    }

    /// The adapter dropped the request; it goes on in the background.
    pub(crate) fn abandon(&self, ticket: Ticket) {
        if let Some(row) = lock(&self.book).rows.get_mut(ticket.row) {
            row.abandoned = true;
        }
    }

    /// Waits until every request has an answer or a reason, at most this long.
    pub(crate) async fn quiet(&self, at_most: Duration) {
        let all_settled = async {
            loop {
                let changed = self.changed.notified();
                tokio::pin!(changed);
                changed.as_mut().enable();
                let pending = |row: &Row| matches!(row.stage, Stage::Waiting | Stage::Leaving);
                if !lock(&self.book).rows.iter().any(pending) {
                    return;
                }
                changed.await;
            }
        };
        // Whatever is still on its way afterwards counts as unclear.
        let _elapsed = tokio::time::timeout(at_most, all_settled).await;
    }

    pub(crate) fn effects(&self) -> Effects {
        let book = lock(&self.book);
        // While the ledger is silent it may still say that the request has left in an earlier life of the daemon.
        let waiting = book.rows.iter().filter(|row| row.stage == Stage::Waiting).count();
        let began = waiting + book.rows.iter().filter(|row| row.stage.may_have_left()).count();
        let is_open = |(place, row): &(usize, &Row)| row.is_unclear() && !book.answered_later(*place, row);
        let unclear = book.rows.iter().enumerate().filter(is_open).count();
        let done = book.rows.iter().filter(|row| row.stage == Stage::Accepted).count();
        let left = |row: &&Row| row.stage.may_have_left();
        let declined_last = book.rows.iter().rev().find(left).is_some_and(|row| row.stage == Stage::Declined);
        Effects {
            began: count(began),
            waiting: count(waiting),
            unclear: count(unclear),
            done: count(done),
            declined_last,
        }
    }

    /// Whether another run could repeat something: a mutating request without a clear answer.
    pub(crate) fn must_not_repeat(&self) -> bool {
        lock(&self.book).rows.iter().any(Row::unclear_mutating)
    }

    /// The first reason counts; the call ends with it.
    pub(crate) fn halt(&self, why: Failure) {
        let _first_wins = self.halt.set(why);
        self.halted.cancel();
    }

    pub(crate) fn halt_reason(&self) -> Option<Failure> {
        self.halt.get().cloned()
    }

    pub(crate) async fn halted(&self) {
        self.halted.cancelled().await;
    }

    pub(crate) fn clock_read(&self, unix_ms: i64) {
        lock(&self.clock).push(unix_ms);
    }

    pub(crate) fn clock_readings(&self) -> Vec<i64> {
        lock(&self.clock).clone()
    }
}

impl Book {
    /// The fingerprint of a request that may have done something in an earlier run, and that this one has not asked for. Under
    /// the same key the platform does it once, whatever else is in it.
    fn passed_over(&self, kind: &EffectKind) -> Option<&str> {
        let may_have_done = |row: &&Row| row.stage == Stage::Accepted || row.is_unclear();
        let asked_again =
            |row: &Row| self.asked.get(&row.fingerprint).is_some_and(|asked| *asked > row.occurrence);
        let same_key = |row: &Row| matches!(kind, EffectKind::Idempotent { .. }) && row.kind == *kind;
        let earlier = self.rows.iter().filter(may_have_done);
        earlier.filter(|row| row.run < self.run && !asked_again(row) && !same_key(row)).map(Row::name).next()
    }

    /// An idempotent request without an answer is settled by a repetition with the same key that has one.
    /// What was answered before it, such as that its token had expired, says nothing of it.
    fn answered_later(&self, place: usize, row: &Row) -> bool {
        matches!(row.kind, EffectKind::Idempotent { .. })
            && self.rows.iter().skip(place + 1).any(|other| other.kind == row.kind && other.stage.is_clear())
    }
}

impl Stage {
    fn is_clear(self) -> bool {
        matches!(self, Self::Accepted | Self::Declined)
    }

    fn may_have_left(self) -> bool {
        self.is_clear() || matches!(self, Self::Leaving | Self::Unclear)
    }
}

impl Row {
    /// Enough of the fingerprint to find it in the ledger.
    fn name(&self) -> &str {
        self.fingerprint.get(..12).unwrap_or(&self.fingerprint)
    }

    /// A try that did nothing takes nothing back of what an earlier try of the same row did.
    fn settle(&mut self, stage: Stage) {
        self.stage = match (self.stage, stage) {
            (Stage::Leaving, Stage::NothingLeft) if self.left_before => Stage::Unclear,
            (Stage::Leaving, Stage::NothingLeft) => stage,
            (before, Stage::NothingLeft | Stage::Refused) if before.may_have_left() => before,
            _ => stage,
        };
    }

    fn is_unclear(&self) -> bool {
        matches!(self.stage, Stage::Leaving | Stage::Unclear)
    }

    /// Whether a further mutating request could repeat this one. Others may run beside it while it is waited for.
    fn forbids(&self, fingerprint: &str) -> bool {
        let on_its_way = self.stage == Stage::Leaving && (self.abandoned || self.fingerprint == fingerprint);
        self.kind == EffectKind::Mutating && (on_its_way || self.stage == Stage::Unclear)
    }

    fn unclear_mutating(&self) -> bool {
        self.kind == EffectKind::Mutating && self.is_unclear()
    }
}

pub(crate) fn error(kind: HostErrorKind, message: impl Into<String>) -> HostError {
    HostError { kind, message: message.into() }
}

/// A panic while it was held cannot leave these plain values half changed.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

#[cfg(test)]
#[path = "journal_tests.rs"]
mod tests;

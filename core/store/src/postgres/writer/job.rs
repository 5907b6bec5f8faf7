//! A job whose result type the writing thread does not need to know, and that can be run again.

use std::panic::{AssertUnwindSafe, catch_unwind};

use tokio::sync::oneshot;

use crate::error::{StoreError, failed, renamed, said};
use crate::sql::Transaction;

pub(super) trait Work: Send {
    /// Whether its changes may be kept. Nothing of an earlier run is left.
    fn run(&mut self, transaction: &Transaction<'_>) -> bool;
    /// `lost` says why nothing of the transaction was kept.
    fn answer(self: Box<Self>, lost: Option<&str>);
}

pub(super) struct TypedJob<T, F> {
    pub(super) attempted: &'static str,
    pub(super) work: F,
    pub(super) result: Option<Result<T, StoreError>>,
    pub(super) answer: oneshot::Sender<Result<T, StoreError>>,
}

impl<T, F> Work for TypedJob<T, F>
where
    T: Send,
    F: Fn(&Transaction<'_>) -> Result<T, StoreError> + Send,
{
    fn run(&mut self, transaction: &Transaction<'_>) -> bool {
        // A panic in one job (a bug, ours or in a closure we were given) must not take the store from everybody.
        let result = catch_unwind(AssertUnwindSafe(|| (self.work)(transaction))).unwrap_or_else(|panic| {
            Err(failed(self.attempted, format!("a rule panicked: {}", said(panic.as_ref()))))
        });
        let kept = result.is_ok();
        self.result = Some(result.map_err(|error| renamed(error, self.attempted)));
        kept
    }

    fn answer(self: Box<Self>, lost: Option<&str>) {
        let result = match (self.result, lost) {
            (_, Some(why)) => Err(failed(self.attempted, why.to_owned())),
            (Some(result), None) => result,
            (None, None) => Err(failed(self.attempted, "it was not run".into())),
        };
        // Whoever asked may have gone; the change stands all the same.
        let _ = self.answer.send(result);
    }
}

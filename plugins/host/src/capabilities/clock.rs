//! `clock.sleep`: waiting without a thread and without a runtime of the adapter's own.

use std::time::Duration;

use juzhen_abi::message::{HostErrorKind, Sleep};

use super::{Answer, done, parse};
use crate::journal::error;
use crate::scope::Scope;

pub(crate) async fn sleep(scope: &Scope, request: &[u8]) -> Answer {
    let (sleep, _): (Sleep, _) = parse(scope, request)?;
    tokio::select! {
        biased;
        () = scope.closed.cancelled() => Err(error(HostErrorKind::Cancelled, "the operation has ended")),
        () = tokio::time::sleep(Duration::from_millis(sleep.ms)) => done(),
    }
}

//! Each request of each call meets each fault once; what became of it is judged by several checks.

use juzhen_abi::message::operation;

use super::bench::Bench;
use super::ended::{Ended, Run};
use super::faults::{FAULTS, Fault, Proves};
use super::talk::{Asked, Leaves};

/// One call of which one request met a fault.
pub(crate) struct Struck {
    pub(crate) operation: String,
    /// Number of the request, from 0.
    pub(crate) at: usize,
    pub(crate) fault: &'static Fault,
    pub(crate) run: Run,
}

pub(crate) async fn sweep(bench: &Bench) -> Vec<Struck> {
    let mut struck = Vec::new();
    for good in bench.good().await {
        for at in 0..good.run.seen.asked.len() {
            for fault in FAULTS {
                let mut call = bench.call(&good.sample);
                call.faults = vec![(at, fault.answer())];
                let run = bench.run(call).await;
                struck.push(Struck { operation: good.sample.operation.clone(), at, fault, run });
            }
        }
    }
    struck
}

impl Struck {
    /// The request that met it.
    fn request(&self) -> Option<&Asked> {
        self.run.seen.asked.get(self.at)
    }

    fn later(&self) -> &[Asked] {
        self.run.seen.asked.get(self.at.saturating_add(1)..).unwrap_or_default()
    }

    /// What is wrong with how the operation ended.
    pub(crate) fn complaint(&self) -> Option<String> {
        let request = self.request()?;
        let leaves = request.leaves();
        match &self.run.ended {
            Ended::Answer(_) if self.may_be_well(&leaves) => None,
            Ended::Error(error) if self.fault.allows(error.kind.name(), &leaves) => None,
            Ended::Answer(_) => Some(self.told("it says that all went well")),
            Ended::Error(error) => {
                let wanted = self.fault.wanted(&leaves);
                Some(self.told(&format!("it says {} instead of one of: {wanted}", error.kind.name())))
            }
            other => Some(self.told(&other.shown())),
        }
    }

    /// All is well after a fault when nothing depended on the request, or a later one has done it.
    fn may_be_well(&self, leaves: &Leaves) -> bool {
        let repeated =
            self.later().iter().any(|later| later.leaves() != Leaves::Nothing && later.was_accepted());
        // Who takes something away needs no more than the status.
        let takes_away = [operation::RETRACT, operation::MODERATE].contains(&self.operation.as_str());
        let status_is_enough = takes_away && self.fault.proves == Proves::Happened;
        // What is to be gone is gone, what was said before is said.
        let already_so = takes_away && self.fault.proves == Proves::Refused;
        *leaves == Leaves::Nothing || repeated || status_is_enough || already_so
    }

    /// A request that may leave something behind, after one that may have done so already.
    pub(crate) fn went_on(&self) -> Option<String> {
        if !matches!(self.fault.proves, Proves::Nothing | Proves::Happened) {
            return None;
        }
        let first = self.request()?.leaves();
        if first == Leaves::Nothing {
            return None;
        }
        let next = self.later().iter().find(|later| match later.leaves() {
            Leaves::Nothing => false,
            Leaves::Effect => true,
            // The same request once more under the same key is what keys are for.
            Leaves::Keyed(_) => later.leaves() != first,
        })?;
        Some(self.told(&format!("then {} leaves all the same", next.shown())))
    }

    fn told(&self, what: &str) -> String {
        let request = self.request().map(Asked::shown).unwrap_or_default();
        format!("{}: {request} got {}, and {what}", self.operation, self.fault.name)
    }
}

//! The boundary itself: scopes, two adapters at once, hosts of other versions, settings that are none.

use super::{NOTHING, Spare, told};
use crate::boundary::Tables;
use crate::conformance::report::Finding;
use crate::{Error, Outcome, Script};

impl Spare {
    pub(super) fn scopes(&self) -> Result<Finding, Error> {
        let script = Script::default();
        let adapter = self.start(&script)?;
        for sample in &self.plan.calls {
            self.call(&adapter, &script, sample, None);
        }
        Ok(match adapter.foreign_scopes() {
            0 => Finding::passed("every call of the host was made in the name of its own operation"),
            count => Finding::failed(format!("{count} calls of the host in the name of another operation")),
        })
    }

    /// Two of one library: the end of one is nothing to the other.
    pub(super) fn instances(&self) -> Result<Finding, Error> {
        let (one_script, other_script) = (Script::default(), Script::default());
        let (one, other) = (self.start(&one_script)?, self.start(&other_script)?);
        let Some(sample) = self.good(&one, &one_script) else {
            return Ok(Finding::not_applicable("no operation has ended well; see semantics.answers"));
        };
        let alone = self.call(&one, &one_script, sample, None);
        let left = one.stop();
        let beside = self.call(&other, &other_script, sample, None);
        let same = alone.outcome == beside.outcome && alone.seen.asked.len() == beside.seen.asked.len();
        let mut wrong = Vec::new();
        if left != NOTHING {
            wrong.push(format!("the first one, destroyed, still holds {left:?}"));
        }
        if !same {
            wrong.push(format!("after the first one's end the second one {}", told(&beside.outcome)));
        }
        Ok(Finding::of(
            &wrong,
            format!("two at once, one destroyed, {} of the other as before", sample.operation),
        ))
    }

    /// A host of a later minor version, and one that has less than it ought to.
    pub(super) fn tables(&self) -> Result<Finding, Error> {
        let script = Script::default();
        let larger = self.library.start_beside(&script, Tables::Larger, &self.config())?;
        let own = self.start(&script)?;
        let good = self.good(&own, &script);
        let mut wrong = Vec::new();
        if let Some(sample) = good {
            let later = self.call(&larger, &script, sample, None).outcome;
            if !matches!(later, Outcome::Answer(_)) {
                wrong.push(format!("on a host of a later version {} {}", sample.operation, told(&later)));
            }
        }
        let smaller = match self.library.start_beside(&script, Tables::Smaller, &self.config()) {
            Ok(_) => "starts on",
            Err(Error::Start(outcome)) if matches!(*outcome, Outcome::Error(_)) => "refuses",
            Err(other) => {
                wrong.push(format!("on a host with less than version 1.0: {other}"));
                "breaks on"
            }
        };
        Ok(Finding::of(
            &wrong,
            format!("works on a later host, and {smaller} one with less than version 1.0"),
        ))
    }

    /// Settings that are none are an error.
    pub(super) fn create(&self) -> Finding {
        let mut wrong = Vec::new();
        for config in [&b""[..], b"\xff\xff\xff\xff", b"\x02\0\0\0[]", b"\x03\0\0\0{\"a"] {
            match self.library.start_beside(&Script::default(), Tables::Own, config) {
                Err(Error::Start(outcome)) if matches!(*outcome, Outcome::Error(_)) => {}
                Err(other) => wrong.push(format!("{config:?}: {other}")),
                Ok(adapter) => {
                    let left = adapter.stop();
                    if left != NOTHING {
                        wrong.push(format!("{config:?}: started, and destroyed it still holds {left:?}"));
                    }
                }
            }
        }
        Finding::of(&wrong, "bytes that are no settings are refused or passed over")
    }
}

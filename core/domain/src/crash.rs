//! A delivery over which the daemon ends (F12). A claim that nobody ended is the mark that it was in hand, but so were others at
//! that moment, and which of them it was is not known. So what was in hand at two ends in a row goes on alone, one at a time;
//! then the third end tells which it is, and that one is left to a person while the others go on.

use jiff::{SignedDuration, Timestamp};

use crate::caps::later;
use crate::claim::{HoldReason, Ruling};

/// In hand at so many ends, it may only go out alone.
const SUSPECT: u32 = 2;
/// In hand at so many ends, the last of them alone, it is not tried again.
const MOST: u32 = 3;
const LOOK_AGAIN: SignedDuration = SignedDuration::from_millis(250);

/// What is known of ends of the daemon, when a delivery is to be claimed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ends {
    /// At which it was in hand, in a row, since a person looked at it last.
    pub over_it: u32,
    /// Another suspect is under way.
    pub other_is_out: bool,
}

/// Whether a delivery is one of those that may only go out alone.
pub fn is_suspect(over_it: u32) -> bool {
    over_it >= SUSPECT
}

/// What speaks against sending now, if so.
pub fn rule(ends: Ends, now: Timestamp) -> Option<Ruling> {
    if ends.over_it >= MOST {
        return Some(Ruling::Hold(HoldReason::EndsTheDaemon { ends: ends.over_it }));
    }
    let waits = is_suspect(ends.over_it) && ends.other_is_out;
    waits.then(|| Ruling::Later(later(now, LOOK_AGAIN)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f12_after_two_ends_alone_and_after_the_third_not_again() {
        let now = Timestamp::UNIX_EPOCH;
        let rule = |over_it, other_is_out| rule(Ends { over_it, other_is_out }, now);
        assert_eq!([rule(0, true), rule(1, true), rule(2, false)], [None, None, None]);
        assert_eq!(rule(2, true), Some(Ruling::Later(later(now, LOOK_AGAIN))));
        assert_eq!(rule(3, false), Some(Ruling::Hold(HoldReason::EndsTheDaemon { ends: 3 })));
    }
}

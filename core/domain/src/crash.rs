//! A delivery over which the daemon ends (F12). A claim that nobody ended is the mark that it was in hand, but so were others at
//! that moment, and which of them it was is not known. So what was in hand at two ends in a row goes on alone, one at a time;
//! then the third end tells which it is, and that one is left to a person while the others go on: held, which says that nothing of
//! it is out, or in doubt where an earlier request was answered.

use jiff::{SignedDuration, Timestamp};

use crate::caps::later;
use crate::claim::{HoldReason, Ruling};
use crate::reason::Why;

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

/// What speaks against sending now, if so. One that `resumes` has requests behind it that were answered.
pub fn rule(ends: Ends, resumes: bool, now: Timestamp) -> Option<Ruling> {
    if ends.over_it >= MOST {
        let ends = ends.over_it;
        return Some(if resumes { doubt(ends) } else { Ruling::Hold(HoldReason::EndsTheDaemon { ends }) });
    }
    let waits = is_suspect(ends.over_it) && ends.other_is_out;
    waits.then(|| Ruling::Later(later(now, LOOK_AGAIN)))
}

/// Why it goes no further, and that something may be out.
fn doubt(ends: u32) -> Ruling {
    let said = format!("the daemon ended {ends} times with it in hand");
    Ruling::Doubt { reason: Why::EndsTheDaemon.because(Why::EarlierBegan.because(said)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reason::explain;

    #[test]
    fn f12_after_two_ends_alone_and_after_the_third_not_again() {
        let now = Timestamp::UNIX_EPOCH;
        let rule = |over_it, other_is_out| rule(Ends { over_it, other_is_out }, false, now);
        assert_eq!([rule(0, true), rule(1, true), rule(2, false)], [None, None, None]);
        assert_eq!(rule(2, true), Some(Ruling::Later(later(now, LOOK_AGAIN))));
        assert_eq!(rule(3, false), Some(Ruling::Hold(HoldReason::EndsTheDaemon { ends: 3 })));
    }

    #[test]
    fn f12_one_that_may_be_out_is_in_doubt_and_not_held() {
        let rule = |over_it| rule(Ends { over_it, other_is_out: false }, true, Timestamp::UNIX_EPOCH);
        assert_eq!(rule(2), None);
        let Some(Ruling::Doubt { reason }) = rule(3) else { panic!("{:?}", rule(3)) };
        assert_eq!(explain(&reason).words, [Why::EndsTheDaemon, Why::EarlierBegan]);
        assert!(reason.contains("3 times"), "{reason}");
    }
}

//! Lets go of accounts while this daemon has more than its share of what is under way, so that one that comes to help with a
//! backlog finds something to do (P18).
//!
//! The commit that settles a delivery claims what its account has next, and so a daemon that is behind would keep each of its
//! accounts until nothing of it is left. With every renewal of the lease the database says how many workers share how many
//! deliveries. Who has more than its share settles without claiming for a moment, down to the share, and takes up nothing
//! beyond it: the commit tells the others of what is due (`queue` and its triggers), and whoever has room claims it like
//! anything else. What nobody took by the end of that moment this daemon takes up again.
//!
//! By the share and not after so many deliveries in a row: once the shares are even, and for whoever is alone, each account
//! goes on without a pause and without the extra commit. By a moment of each renewal and not at once for good: another worker
//! may be there and still unable to take anything (its adapter does not serve, its clock is not believed). That costs an
//! account that was let go at most [`PART`] of the time, never its turn. The order of an account holds as ever: it has one
//! delivery under way, whoever claims the next one.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use juzhen_store::Load;

/// A thirtieth of the lease is a tenth of the time between two renewals: 333 ms of 3.3 s, and a claim by another daemon takes
/// a few milliseconds from the commit that lets go.
const PART: u32 = 30;

/// What the last renewal said of this daemon's share.
#[derive(Default)]
pub(crate) struct Share(Mutex<Option<(usize, Duration)>>);

/// While it lasts, no more than the share is under way here, as far as that can be had without breaking anything off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct GivesWay {
    pub(crate) share: usize,
    pub(crate) lasts: Duration,
}

impl Share {
    /// `now`: by the monotonic clock.
    pub(crate) fn heard(&self, load: Load, now: Duration, lease: Duration) {
        let known = exceeded(load).map(|share| (share, now + lease / PART));
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = known;
    }

    pub(crate) fn gives_way(&self, now: Duration) -> Option<GivesWay> {
        let known = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (share, until) = known?;
        let lasts = until.saturating_sub(now);
        (!lasts.is_zero()).then_some(GivesWay { share, lasts })
    }
}

/// The even share, rounded up so that shares add up to all there is; `None` for who has no more than that.
fn exceeded(load: Load) -> Option<usize> {
    let share = load.under_way.div_ceil(load.workers.max(1));
    (load.ours > share).then(|| usize::try_from(share).unwrap_or(usize::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p18_who_has_more_than_its_share_gives_way_down_to_it_and_who_is_alone_never_does() {
        let share = |workers, under_way, ours| exceeded(Load { workers, under_way, ours });
        assert_eq!(share(2, 12, 12), Some(6), "one that has come has nothing yet");
        assert_eq!(share(3, 12, 8), Some(4));
        assert_eq!(share(2, 12, 6), None);
        assert_eq!(share(2, 13, 7), None, "an odd one is nobody's too much");
        assert_eq!(share(2, 1, 1), None, "one account does not go to and fro");
        assert_eq!(share(3, 0, 0), None);
        for ours in 0..=256 {
            assert_eq!(share(1, ours, ours), None, "alone");
            assert_eq!(share(0, ours, ours), None, "a lease that ended while it was asked");
        }
    }

    #[test]
    fn p18_shares_leave_nothing_over_and_nobody_gives_way_once_they_are_even() {
        for workers in 1..=5_u32 {
            for under_way in 0..=40_u32 {
                let even = under_way.div_ceil(workers);
                assert!(even * workers >= under_way);
                assert_eq!(
                    exceeded(Load { workers, under_way, ours: even }),
                    None,
                    "{under_way} of {workers}"
                );
            }
        }
    }

    #[test]
    fn p18_it_gives_way_for_a_tenth_of_the_time_between_two_renewals() {
        let (share, lease) = (Share::default(), Duration::from_secs(30));
        assert_eq!(share.gives_way(Duration::ZERO), None, "nothing is known yet");
        let uneven = Load { workers: 2, under_way: 4, ours: 4 };
        share.heard(uneven, Duration::from_secs(100), lease);
        let at = |millis| share.gives_way(Duration::from_millis(millis));
        assert_eq!(at(100_000), Some(GivesWay { share: 2, lasts: Duration::from_secs(1) }));
        assert_eq!(at(100_900), Some(GivesWay { share: 2, lasts: Duration::from_millis(100) }));
        assert_eq!(at(101_000), None);
        share.heard(uneven, Duration::from_secs(110), lease);
        share.heard(Load { ours: 2, ..uneven }, Duration::from_millis(110_100), lease);
        assert_eq!(at(110_200), None, "the shares are even by then");
    }
}

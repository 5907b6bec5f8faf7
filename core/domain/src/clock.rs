//! Whether the wall clock can be believed (P14, F17, F41 to F43).
//!
//! Times of deliveries are wall times, so the wall clock decides what is due, late or seen long enough. It is also the one
//! clock that people, network time and dead batteries set. The monotonic clock is set by nobody, but means nothing
//! outside this process. So the two are compared: over some minutes they run alike, and where they went apart by more
//! than [`JUMP`] the wall clock was set, or the machine slept.
//!
//! After a jump nothing is decided by the time for [`HOLD`]: nothing is claimed, begun, missed, or given up on. That is
//! time for the alarm to be heard, for network time to take a mistaken step back, and for two people to be reached. Then
//! the new time counts, whichever way it went, because there is no better one:
//!
//! - *Forward.* What became due in the gap is due. What is past its `latest_at` is missed and not sent: a machine that
//!   slept for three hours is an outage like any other (P7). Nothing is early by the clock that the office reads.
//! - *Back.* Nothing fires twice, because being due is a state and not a comparison: what was sent has left it for good.
//!   What is due waits for its time once more. As soon as the clock is past the highest time seen, it is believed
//!   again, since the gap has been lived through.
//!
//! A time that cannot be is believed never, however long it stays: one before this program was written, one after 2099,
//! and at a start one before the newest thing that the database remembers, or years after it (a dead battery, F43). A
//! person who knows better can say so to the start.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::caps::later;

/// Wall clock and monotonic clock may go apart by this much within `ANCHORED`.
pub const JUMP: SignedDuration = SignedDuration::from_secs(5);
/// So long nothing is decided by the time after a jump.
pub const HOLD: Duration = Duration::from_secs(60);
/// 2026-01-01T00:00:00Z, before the first version: an earlier time is a clock that was never set.
pub const EARLIEST: Timestamp = Timestamp::constant(1_767_225_600, 0);
/// 2100-01-01T00:00:00Z.
pub const LATEST: Timestamp = Timestamp::constant(4_102_444_800, 0);

/// Network time slews by at most 0.05 %, which is 0.3 s in this time.
const ANCHORED: Duration = Duration::from_secs(600);
/// At a start the clock may be behind the database's newest time by this much: another machine may have written it.
const BEHIND: SignedDuration = SignedDuration::from_secs(60);
/// And ahead of it by this much: nobody leaves a daemon off for longer.
const AHEAD: SignedDuration = SignedDuration::from_hours(500 * 24);

/// Another machine's clock, such as the database's, may be off ours by this much before people are told (F34).
pub const MOST_SKEW: SignedDuration = SignedDuration::from_secs(2);

/// How far another machine's clock is ahead of ours, which we read before and after it was asked. What the way to it and
/// back may explain is no skew.
pub fn skew(before: Timestamp, theirs: Timestamp, after: Timestamp) -> SignedDuration {
    if theirs < before {
        theirs.duration_since(before)
    } else if theirs > after {
        theirs.duration_since(after)
    } else {
        SignedDuration::ZERO
    }
}

/// Both clocks at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    pub wall: Timestamp,
    /// Since any fixed moment; stands still while the machine sleeps.
    pub monotonic: Duration,
}

/// Why the wall clock is not believed. [`std::fmt::Display`] is what people read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doubt {
    Jumped { by: SignedDuration },
    Implausible { wall: Timestamp, not_before: Timestamp, before: Timestamp },
}

/// Compares the clocks, reading by reading.
#[derive(Debug, Clone)]
pub struct ClockGuard {
    /// The clocks ran alike since this reading.
    anchor: Reading,
    highest: Timestamp,
    not_before: Timestamp,
    before: Timestamp,
    jump: Option<Jump>,
    jumps: u32,
}

#[derive(Debug, Clone, Copy)]
struct Jump {
    by: SignedDuration,
    at: Duration,
}

impl ClockGuard {
    /// `newest` is the newest time that the database remembers, unless a person said that the clock is right.
    pub fn start(first: Reading, newest: Option<Timestamp>) -> Self {
        let behind = newest.map_or(EARLIEST, |newest| later(newest, -BEHIND));
        let not_before = behind.max(EARLIEST);
        let before = newest.map_or(LATEST, |newest| later(newest, AHEAD).min(LATEST));
        Self { anchor: first, highest: first.wall, not_before, before, jump: None, jumps: 0 }
    }

    /// Takes a reading; says why nothing may be decided by the time now, if so.
    pub fn look(&mut self, now: Reading) -> Option<Doubt> {
        let ran = now.monotonic.saturating_sub(self.anchor.monotonic);
        let expected = later(self.anchor.wall, SignedDuration::try_from(ran).unwrap_or(SignedDuration::MAX));
        let by = now.wall.duration_since(expected);
        if by.abs() > JUMP {
            self.jump = Some(Jump { by, at: now.monotonic });
            self.jumps += 1;
        }
        if by.abs() > JUMP || ran > ANCHORED {
            self.anchor = now;
        }
        if self.jump.is_some_and(|jump| self.is_over(jump, now)) {
            self.jump = None;
            self.highest = now.wall;
        }
        self.highest = self.highest.max(now.wall);
        self.doubt(now)
    }

    /// Jumps seen so far.
    pub fn jumps(&self) -> u32 {
        self.jumps
    }

    fn is_over(&self, jump: Jump, now: Reading) -> bool {
        let lived_through = jump.by.is_negative() && now.wall > self.highest;
        lived_through || now.monotonic.saturating_sub(jump.at) >= HOLD
    }

    fn doubt(&mut self, now: Reading) -> Option<Doubt> {
        if now.wall < self.not_before || now.wall >= self.before {
            let (not_before, before) = (self.not_before, self.before);
            return Some(Doubt::Implausible { wall: now.wall, not_before, before });
        }
        // It was plausible once. From then on a step is a jump and no dead battery.
        (self.not_before, self.before) = (EARLIEST, LATEST);
        self.jump.map(|jump| Doubt::Jumped { by: jump.by })
    }
}

/// The newest of times in the order in which they were written down, the oldest first. What a clock wrote that would not have
/// been believed is left out, or the right time would be taken for the past ever after.
pub fn newest(times: impl IntoIterator<Item = Timestamp>) -> Option<Timestamp> {
    let possible = times.into_iter().filter(|time| (EARLIEST..LATEST).contains(time));
    possible.fold(None, |newest, time| match newest {
        Some(newest) if time >= later(newest, AHEAD) => Some(newest),
        _ => newest.max(Some(time)),
    })
}

impl std::fmt::Display for Doubt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Jumped { by } => {
                let way = if by.is_negative() { "back" } else { "forward" };
                write!(f, "the clock jumped {way} by {} s", by.abs().as_secs())
            }
            Self::Implausible { wall, not_before, before } => write!(
                f,
                "the clock says {wall}, which cannot be: expected a time from {not_before} to {before}; set the clock"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Seconds after 2026-06-01 on the wall, and of running.
    fn at(wall: i64, monotonic: u64) -> Reading {
        let wall = Timestamp::from_second(1_780_272_000 + wall).unwrap();
        Reading { wall, monotonic: Duration::from_secs(monotonic) }
    }

    fn jumped(by: i64) -> Option<Doubt> {
        Some(Doubt::Jumped { by: SignedDuration::from_secs(by) })
    }

    #[test]
    fn p14_clocks_that_run_alike_are_believed_for_years() {
        let mut guard = ClockGuard::start(at(0, 0), Some(at(0, 0).wall));
        for second in 0..100_000 {
            // One part in ten thousand fast: ten times what network time may slew.
            assert_eq!(guard.look(at(second + second / 10_000, second.unsigned_abs())), None, "{second}");
        }
        assert_eq!(guard.jumps(), 0);
    }

    #[test]
    fn f41_f17_a_step_forward_or_a_sleep_is_held_for_a_minute() {
        let mut guard = ClockGuard::start(at(0, 0), None);
        assert_eq!(guard.look(at(15, 10)), None, "5 s are no jump");
        assert_eq!(guard.look(at(3620, 15)), jumped(3605));
        assert_eq!(guard.look(at(3679, 74)), jumped(3605));
        assert_eq!(guard.look(at(3680, 75)), None);
    }

    #[test]
    fn f42_a_step_back_is_held_until_it_is_lived_through_or_a_minute_has_passed() {
        let mut short = ClockGuard::start(at(0, 0), None);
        assert_eq!(short.look(at(-8, 2)), jumped(-10));
        assert_eq!(short.look(at(0, 10)), jumped(-10));
        assert_eq!(short.look(at(1, 11)), None, "past the highest time seen");
        let mut long = ClockGuard::start(at(0, 0), None);
        assert_eq!(long.look(at(-3599, 1)), jumped(-3600));
        assert_eq!(long.look(at(-3540, 60)), jumped(-3600));
        assert_eq!(long.look(at(-3539, 61)), None);
        assert_eq!(long.look(at(-3400, 200)), None);
    }

    #[test]
    fn f41_many_small_steps_are_a_jump_too_and_each_further_one_holds_anew() {
        let mut guard = ClockGuard::start(at(0, 0), None);
        assert_eq!(guard.look(at(13, 10)), None);
        assert_eq!(guard.look(at(26, 20)), jumped(6));
        assert_eq!(guard.look(at(100, 70)), jumped(24));
        assert_eq!(guard.look(at(155, 125)), jumped(24), "held since the last of them");
        assert_eq!(guard.look(at(160, 130)), None);
        assert_eq!(guard.jumps(), 2);
    }

    #[test]
    fn f43_a_time_that_cannot_be_is_never_believed() {
        let newest = at(0, 0).wall;
        let start = |wall| ClockGuard::start(at(wall, 0), Some(newest)).look(at(wall, 0));
        assert_eq!(start(-60), None);
        assert!(matches!(start(-61), Some(Doubt::Implausible { .. })), "before the newest record");
        let years = 500 * 24 * 3600;
        assert_eq!(start(years - 1), None);
        assert!(matches!(start(years), Some(Doubt::Implausible { .. })), "years after it");
        let dead = Reading { wall: Timestamp::UNIX_EPOCH, monotonic: Duration::ZERO };
        let mut guard = ClockGuard::start(dead, None);
        let later = |s| Reading {
            wall: Timestamp::from_second(s as i64).unwrap(),
            monotonic: Duration::from_secs(s),
        };
        assert!(guard.look(later(1_000_000)).is_some(), "1970, and it stays");
        let mut far = ClockGuard::start(at(0, 0), None);
        let y2100 = Reading { wall: LATEST, monotonic: Duration::from_secs(1) };
        assert!(matches!(far.look(y2100), Some(Doubt::Implausible { .. })));
        assert_eq!(far.look(at(200, 200)).unwrap(), jumped(far_back(y2100)).unwrap(), "set right again");
    }

    /// From 2100 to 200 s, with 199 s of running in between.
    fn far_back(from: Reading) -> i64 {
        at(200, 0).wall.duration_since(from.wall).as_secs() - 199
    }

    #[test]
    fn f43_what_was_written_by_a_dead_clock_does_not_make_the_right_one_wrong() {
        let seconds = |all: &[i64]| newest(all.iter().map(|second| at(*second, 0).wall));
        assert_eq!(seconds(&[]), None);
        assert_eq!(seconds(&[1, 3, 2]), Some(at(3, 0).wall));
        let (in_1970, in_2050, in_2101) = (-1_780_000_000, 750_000_000, 2_400_000_000);
        assert_eq!(seconds(&[1, in_1970, 5, in_2050, in_2101, 4]), Some(at(5, 0).wall));
        assert_eq!(seconds(&[in_2101]), None);
    }

    #[test]
    fn f43_once_plausible_a_step_back_is_a_jump() {
        let mut guard = ClockGuard::start(at(0, 0), Some(at(0, 0).wall));
        assert_eq!(guard.look(at(1, 1)), None);
        assert_eq!(guard.look(at(-3598, 2)), jumped(-3600));
        assert_eq!(guard.look(at(-3538, 62)), None);
    }

    #[test]
    fn f34_a_slow_answer_is_no_skew() {
        let at = |second: i64| Timestamp::from_second(1_800_000_000 + second).unwrap();
        let seconds = |theirs| skew(at(10), at(theirs), at(16)).as_secs();
        assert_eq!([seconds(10), seconds(13), seconds(16)], [0, 0, 0]);
        assert_eq!([seconds(7), seconds(19)], [-3, 3]);
    }
}

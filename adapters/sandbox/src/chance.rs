//! Chance that repeats itself: a seed and a count decide, never the clock.

use serde::{Deserialize, Serialize};

/// `{"percent":30,"seed":7,"spread":true}`: of the requests that match a rule, some meet it, always the same ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Chance {
    /// 1–100; absent: 100.
    #[serde(default = "always")]
    pub percent: u8,
    pub seed: u64,
    /// Draw the milliseconds of the fault between 0 and what the rule says.
    #[serde(default)]
    pub spread: bool,
}

impl Chance {
    /// Whether the `met`-th matching request (from 0) meets the rule.
    pub(crate) fn hits(self, met: u64) -> bool {
        mixed(self.seed, met) % 100 < u64::from(self.percent)
    }

    /// The milliseconds of the `met`-th request.
    pub(crate) fn drawn(self, met: u64, most: u64) -> u64 {
        if !self.spread {
            return most;
        }
        mixed(!self.seed, met) % most.saturating_add(1)
    }
}

/// The same bytes for the same pair, as if drawn (splitmix64).
fn mixed(seed: u64, count: u64) -> u64 {
    let state = seed.wrapping_add(count.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    state ^ (state >> 31)
}

fn always() -> u8 {
    100
}

#[cfg(test)]
mod tests {
    use super::Chance;

    #[test]
    fn a_seed_chooses_the_same_requests_again_and_about_the_share_it_is_told() {
        let chosen =
            |seed| (0..1000).filter(|met| Chance { percent: 30, seed, spread: false }.hits(*met)).collect();
        let (first, again, other): (Vec<u64>, Vec<u64>, Vec<u64>) = (chosen(7), chosen(7), chosen(8));
        assert_eq!(first, again);
        assert_ne!(first, other);
        assert!((250..350).contains(&first.len()), "{}", first.len());
    }

    #[test]
    fn times_are_drawn_up_to_what_the_rule_says() {
        let chance = Chance { percent: 100, seed: 1, spread: true };
        let drawn: Vec<u64> = (0..200).map(|met| chance.drawn(met, 900)).collect();
        assert!(drawn.iter().all(|ms| *ms <= 900));
        assert!(drawn.iter().any(|ms| *ms < 90) && drawn.iter().any(|ms| *ms > 810));
        assert_eq!(Chance { spread: false, ..chance }.drawn(5, 900), 900);
    }
}
